"""Counting of keys by Polars' group_by."""

import os
import time

from side_by_side.peers.answering import answer, missing, options

# Polars reads this when it is imported.
os.environ["POLARS_MAX_THREADS"] = str(options()["threads"])
try:
    import numpy
    import polars
except ImportError as error:
    missing(error)

observed = polars.DataFrame({"key": numpy.load(options()["keys"])})


def count() -> dict:
    started = time.perf_counter()
    counted = observed.group_by("key").len()
    return {"seconds": time.perf_counter() - started, "states": counted.height}


answer({"version": f"Polars {polars.__version__}"}, count)
