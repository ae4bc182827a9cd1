"""Counting of 64-bit keys: few distinct ones (Zipf's law), and mostly distinct ones."""

from __future__ import annotations

import multiprocessing
import pathlib

import numpy

from side_by_side.count import executable, note
from side_by_side.harness import (
    Context,
    Missing,
    Part,
    Process,
    Row,
    alternate,
    compare,
    peer,
    resrel,
)

PEERS = ["numpy_keys", "duckdb_keys", "polars_keys"]
ODD = numpy.uint64(0x9E37_79B9_7F4A_7C15)
"""Multiplied by this, numbers that follow each other have nothing in common."""
LIMIT = 2 << 30
PIECE = 10**7


def measure(context: Context) -> Part:
    part = Part()
    program = executable("count_keys")
    count = 10**7 if context.quick else 10**8
    for kind, draw in KINDS.items():
        keys = save(context.scratch / "keys.npy", count, draw)
        for threads in context.threads:
            for module in PEERS:
                try:
                    process = peer(module, threads, keys=keys)
                except Missing as error:
                    part.remarks.append(f"keys: {module} skipped: {error}")
                    continue
                with process, Process([program, "--bench", keys, threads]) as ours:
                    name = process.about["version"]
                    found = []
                    seconds = alternate(
                        min(3, context.rounds),
                        {
                            "ours": lambda: note(found, ours()),
                            "theirs": lambda: note(found, process()),
                        },
                    )
                states = {round_["states"] for round_ in found}
                if len(states) != 1:
                    raise SystemExit(f"{keys}: the two sides count {states} states")
                what = f"keys: {count:,} {kind} ({states.pop():,}), against {name}"
                needed = "≥ 1.5"
                part.rows.append(
                    compare(what, threads, seconds["ours"], seconds["theirs"], needed)
                )
    part.rows.append(bounded(context))
    part.remarks.append(
        "keys: all sides have the keys in memory and count each of them; NumPy uses one thread "
        "whatever it is allowed. The last row is the whole command, the file read in pieces."
    )
    return part


def bounded(context: Context) -> Row:
    """Ten times as many keys, which do not fit into the limit."""
    count = 10**8 if context.quick else 10**9
    limit = LIMIT // 10 if context.quick else LIMIT
    keys = save(context.scratch / "keys.npy", count, KINDS["mostly distinct keys"])
    threads = max(context.threads)
    folder = context.scratch
    measured, finished = resrel(
        "measure", keys, "--memory", limit, "--spill-folder", folder, threads=threads
    )
    keys.unlink()
    if measured["m"] != count:
        raise SystemExit(f"{measured['m']} of {count} keys were counted")
    return Row(
        f"keys: {count:,} mostly distinct keys ({measured['states']:,}) with `--memory` "
        f"{limit >> 20} MiB, in {finished.seconds:.0f} s: peak memory",
        threads,
        f"{finished.peak_bytes >> 20} MiB",
        f"{limit >> 20} MiB",
        finished.peak_bytes / limit,
        needed="≤ 1",
    )


def zipf(random: numpy.random.Generator, count: int) -> numpy.ndarray:
    """Key r of 100,000 with a probability ∝ ln(1 + 1/r), which is nearly 1/r."""
    return numpy.power(1e5, random.random(count)).astype(numpy.uint64) * ODD


def distinct(random: numpy.random.Generator, count: int) -> numpy.ndarray:
    """Keys out of 10¹² equally likely ones."""
    return random.integers(0, 10**12, count, dtype=numpy.uint64) * ODD


KINDS = {"keys that follow Zipf's law": zipf, "mostly distinct keys": distinct}


def save(path: pathlib.Path, count: int, draw) -> pathlib.Path:
    """Keys in a file, written by a process of its own.

    On Linux the peak memory of a command begins with that of the process that starts it.
    """
    writer = multiprocessing.get_context("spawn").Process(target=write, args=(path, count, draw))
    writer.start()
    writer.join()
    if writer.exitcode != 0:
        raise SystemExit(f"{path} could not be written: exit code {writer.exitcode}")
    return path


def write(path: pathlib.Path, count: int, draw) -> None:
    """Draws piece by piece, so that memory does not limit the number."""
    random = numpy.random.default_rng(1)
    keys = numpy.lib.format.open_memmap(path, "w+", dtype=numpy.uint64, shape=(count,))
    for start in range(0, count, PIECE):
        piece = keys[start : start + PIECE]
        piece[:] = draw(random, len(piece))
    keys.flush()
