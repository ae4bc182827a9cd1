"""What training, counting, clustering and fitting cost as their sizes grow, beside peers."""

from __future__ import annotations

import contextlib
import statistics
from collections.abc import Callable

import numpy

from side_by_side.count import executable
from side_by_side.harness import (
    Context,
    Curve,
    Missing,
    Part,
    Process,
    alternate,
    peer,
    resrel,
)
from side_by_side.keys import KINDS, save

HIDDEN = [60, 125, 250, 500, 1000, 2000]
BATCHES = [10, 30, 100, 300, 1000]
KEYS = [10**4, 10**5, 10**6, 10**7]
CLUSTERS = [16, 64, 256, 1024]
COUNTS = [1_000, 10_000, 100_000]
# Beyond so many hidden units a pass of scikit-learn takes minutes.
SLOW = 250
# Multiplications of the updates of one round, about: a tenth of a second or two.
WORK = 4e10
ROUNDS = 3


def measure(context: Context) -> Part:
    part = Part()
    hidden = HIDDEN[1:5] if context.quick else HIDDEN
    for threads in context.threads:
        training(context, part, threads, "hidden units", [(size, 100) for size in hidden], 0)
    threads = max(context.threads)
    training(context, part, threads, "observations a batch", [(500, size) for size in BATCHES], 1)
    counting(context, part, threads)
    clustering(context, part, threads)
    fitting(context, part)
    return part


def training(
    context: Context, part: Part, threads: int, size: str, machines: list[tuple[int, int]], which: int
) -> None:
    """One update of machines with so many hidden units and observations a batch."""
    columns = []
    observations = context.observations()
    pixels = numpy.load(context.images, mmap_mode="r").shape[1]
    for hidden, batch in machines:
        updates = max(20, int(WORK / (5 * pixels * hidden * batch)))
        sides = {
            "resrel, means": lambda: ours(context, hidden, batch, updates, threads, ""),
            "resrel, sampled": lambda: ours(
                context, hidden, batch, updates, threads, 'negative_visible = "sampled"\n'
            ),
        }
        options = {"images": context.images, "hidden": hidden, "batch": batch, "updates": updates}
        peers = {
            "PyTorch": ("torch_rbm", options | {"kind": "fast"}),
            "dense products alone": ("torch_rbm", options | {"kind": "products"}),
        }
        if which == 0 and hidden <= SLOW and not context.quick:
            # Always one pass, whatever the size.
            peers["scikit-learn"] = ("sklearn_rbm", {"images": context.images, "hidden": hidden})
        seconds = sides_of(part, threads, sides, peers)
        whole = {"scikit-learn": observations / batch}
        columns.append({name: value / whole.get(name, updates) for name, value in seconds.items()})
    title = f"An update of a restricted Boltzmann machine with {pixels} visible units, " + (
        "100 observations a batch" if which == 0 else "500 hidden units"
    )
    sizes = [machine[which] for machine in machines]
    part.curves.append(curve(f"{title}, {named(threads)}", size, sizes, columns))


def ours(
    context: Context, hidden: int, batch: int, updates: int, threads: int, training: str
) -> float:
    config = context.scratch / "sizes.toml"
    config.write_text(f"[training]\nbatch = {batch}\n{training}")
    result, _ = resrel(
        "train",
        config,
        "--data",
        context.images,
        "--layers",
        f"{numpy.load(context.images, mmap_mode='r').shape[1]}-{hidden}",
        "--updates",
        updates,
        "--out",
        context.scratch / "sizes.safetensors",
        threads=threads,
    )
    passes = updates / -(-result["layers"][0]["m"] // batch)
    return result["seconds_per_pass"][0] * passes


def counting(context: Context, part: Part, threads: int) -> None:
    program = executable("count_keys")
    columns = []
    sizes = KEYS[:-1] if context.quick else KEYS
    for count in sizes:
        keys = save(context.scratch / "keys.npy", count, KINDS["keys that follow Zipf's law"])
        with Process([program, "--bench", keys, threads]) as process:
            sides = {"resrel": lambda: process()["seconds"]}
            peers = {
                name: (module, {"keys": keys})
                for name, module in [
                    ("NumPy", "numpy_keys"),
                    ("DuckDB", "duckdb_keys"),
                    ("Polars", "polars_keys"),
                ]
            }
            columns.append(sides_of(part, threads, sides, peers))
    title = f"Counting keys of 64 bits that follow Zipf's law, {named(threads)}"
    part.curves.append(curve(title, "observations", sizes, columns))


def clustering(context: Context, part: Part, threads: int) -> None:
    columns = []
    sizes = CLUSTERS[:-1] if context.quick else CLUSTERS
    for k in sizes:

        def seconds() -> float:
            result, _ = resrel(
                "cluster", context.images, "--k", k, "--iterations", 10, threads=threads
            )
            return result["layers"][0]["seconds"]

        options = {"images": context.images, "k": k, "iterations": 10}
        peers = {"faiss": ("faiss_kmeans", options)}
        columns.append(sides_of(part, threads, {"resrel": seconds}, peers))
    title = f"Ten iterations of k-means on {context.observations():,} images, {named(threads)}"
    part.curves.append(curve(title, "clusters", sizes, columns))


def fitting(context: Context, part: Part) -> None:
    columns = []
    sizes = COUNTS[:-1] if context.quick else COUNTS
    for size in sizes:
        counts = context.scratch / f"counts-{size}.txt"
        drawn = numpy.random.default_rng(1).zipf(2.2, size)
        numpy.savetxt(counts, numpy.minimum(drawn, 10**15), fmt="%d")

        def seconds() -> float:
            return resrel("fit", counts, threads=1)[1].seconds

        peers = {"powerlaw": ("powerlaw_fit", {"counts": counts})}
        columns.append(sides_of(part, 1, {"resrel, whole command": seconds}, peers))
    title = f"A power law's fit with the search for k_min, {named(1)}"
    part.curves.append(curve(title, "counts", sizes, columns))


def sides_of(
    part: Part,
    threads: int,
    ours: dict[str, Callable[[], float]],
    peers: dict[str, tuple[str, dict]],
) -> dict[str, float]:
    """The median seconds of our sides and of the peers that are there."""
    with contextlib.ExitStack() as stack:
        sides = dict(ours)
        for name, (module, options) in peers.items():
            try:
                process = stack.enter_context(peer(module, threads, **options))
            except Missing as error:
                remark = f"sizes: {name} skipped: {error}"
                if remark not in part.remarks:
                    part.remarks.append(remark)
                continue
            sides[name] = lambda process=process: process()["seconds"]
        found = alternate(ROUNDS, sides)
    return {name: statistics.median(values) for name, values in found.items()}


def curve(title: str, size: str, sizes: list[int], columns: list[dict[str, float]]) -> Curve:
    names = dict.fromkeys(name for column in columns for name in column)
    return Curve(
        title, size, sizes, {name: [column.get(name) for column in columns] for name in names}
    )


def named(threads: int) -> str:
    return "one thread" if threads == 1 else f"{threads} threads"
