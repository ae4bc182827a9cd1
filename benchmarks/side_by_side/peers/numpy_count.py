"""Counting of distinct rows by `numpy.unique(axis=0)`."""

import time

from side_by_side.peers.answering import answer, missing, options

try:
    import numpy
except ImportError as error:
    missing(error)

rows = numpy.load(options()["states"])


def count() -> dict:
    started = time.perf_counter()
    states, _ = numpy.unique(rows, axis=0, return_counts=True)
    return {"seconds": time.perf_counter() - started, "states": len(states)}


count()
answer({"version": f"NumPy {numpy.__version__}"}, count)
