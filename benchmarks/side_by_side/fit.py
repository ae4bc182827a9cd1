"""Power laws: the search for k_min, and refits of synthetic samples."""

from __future__ import annotations

import os
import pathlib
import statistics

import numpy

from side_by_side.harness import (
    Context,
    Missing,
    Part,
    Row,
    alternate,
    compare,
    markdown,
    peer,
    resrel,
    show,
)

GAMMA = 2.2
REFITS = 2_500
# Seconds that the refits may take on two cores.
ALLOWED = 10.0


def measure(context: Context) -> Part:
    part = Part()
    search(context, part)
    refits(context, part)
    return part


def search(context: Context, part: Part) -> None:
    """The reading of the file is left out of the peer's time, and not out of ours."""
    size = 100_000 if context.quick else 1_000_000
    counts = save(context, f"zipf-{size}", numpy.random.default_rng(1).zipf(GAMMA, size))
    try:
        process = peer("powerlaw_fit", 1, counts=counts)
    except Missing as error:
        part.remarks.append(f"fit: powerlaw skipped: {error}")
        return
    found = {}
    with process:
        name = process.about["version"]
        seconds = alternate(
            min(context.rounds, 3),
            {
                "ours": lambda: note(found, "ours", ours(counts, 1)),
                "theirs": lambda: note(found, name, process()),
            },
        )
    part.rows.append(
        compare(
            f"fit: search for k_min on {size:,} counts, {name}'s reading of the file left out",
            1,
            seconds["ours"],
            seconds["theirs"],
            "≥ 50",
        )
    )
    rows = [
        [side, f"{fit['gamma']:.9f}", str(fit["k_min"]), f"{fit['ks']:.9f}"]
        for side, fit in found.items()
    ]
    part.tables.append(markdown([f"{size:,} counts", "γ", "k_min", "KS distance"], rows))


def refits(context: Context, part: Part) -> None:
    """Words of Moby Dick, with the search for k_min in each refit."""
    folder = os.environ.get("RESREL_DATA")
    words = pathlib.Path(folder or "") / "power_law" / "words.txt"
    if not folder or not words.is_file():
        part.remarks.append("fit: refits skipped: RESREL_DATA names no folder with power_law/words.txt")
        return
    threads = max(context.threads)
    seconds = [
        ours(words, threads, "--bootstrap", REFITS)["seconds"] for _ in range(min(context.rounds, 3))
    ]
    shares = [value / ALLOWED for value in seconds]
    part.rows.append(
        Row(
            f"fit: {REFITS:,} refits of the words of Moby Dick, of {ALLOWED:.0f} s",
            threads,
            show(statistics.median(seconds)),
            show(ALLOWED),
            statistics.median(shares),
            (min(shares), max(shares)),
            "≤ 1.0",
        )
    )


def ours(counts: pathlib.Path, threads: int, *options: object) -> dict:
    result, finished = resrel("fit", counts, *options, threads=threads)
    return result | {"seconds": finished.seconds}


def note(found: dict, side: str, fit: dict) -> float:
    found[side] = fit
    return fit["seconds"]


def save(context: Context, name: str, counts: numpy.ndarray) -> pathlib.Path:
    path = context.scratch / f"{name}.txt"
    # A few draws of Zipf's law lie beyond what both sides read exactly.
    numpy.savetxt(path, numpy.minimum(counts, 10**15), fmt="%d")
    return path
