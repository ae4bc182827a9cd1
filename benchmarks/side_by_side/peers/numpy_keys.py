"""Counting of keys by `numpy.unique`."""

import time

from side_by_side.peers.answering import answer, missing, options

try:
    import numpy
except ImportError as error:
    missing(error)

keys = numpy.load(options()["keys"])


def count() -> dict:
    started = time.perf_counter()
    states, _ = numpy.unique(keys, return_counts=True)
    return {"seconds": time.perf_counter() - started, "states": len(states)}


answer({"version": f"NumPy {numpy.__version__}"}, count)
