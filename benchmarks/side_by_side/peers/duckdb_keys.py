"""Counting of keys by DuckDB's GROUP BY, over a table in memory."""

import time

from side_by_side.peers.answering import answer, missing, options

try:
    import duckdb
    import numpy
except ImportError as error:
    missing(error)

keys = numpy.load(options()["keys"])
database = duckdb.connect()
database.execute(f"SET threads = {options()['threads']}")
database.execute("SET preserve_insertion_order = false")
database.execute("CREATE TABLE observed AS SELECT column0 AS key FROM keys")
del keys


def count() -> dict:
    started = time.perf_counter()
    # Summing the counts up keeps the counting from being optimised away.
    states, _ = database.execute(
        "SELECT count(*), sum(k) FROM (SELECT count(*) AS k FROM observed GROUP BY key)"
    ).fetchone()
    return {"seconds": time.perf_counter() - started, "states": states}


answer({"version": f"DuckDB {duckdb.__version__}"}, count)
