"""The standard ten-layer network at 4,000 updates a layer, each layer binarised for the next."""

from __future__ import annotations

import contextlib
import statistics

from side_by_side.harness import (
    Context,
    Missing,
    Part,
    alternate,
    compare,
    markdown,
    peer,
    resrel,
    show,
)

LAYERS = [784, 500, 250, 120, 60, 30, 25, 20, 15, 10, 5]
BATCH = 100


PEERS = {"PyTorch": "fast", "PyTorch, private oneDNN operator": "onednn"}
"""Which of the two is faster depends on whose processor it is."""


def measure(context: Context) -> Part:
    part = Part()
    updates = 500 if context.quick else 4000
    rounds = 3
    for threads in context.threads:
        with contextlib.ExitStack() as stack:
            found: dict[str, list[dict]] = {"ours": []}
            sides = {
                "ours": lambda: note(found["ours"], ours(context, threads, updates)),
            }
            for name, kind in PEERS.items():
                options = {"images": context.images, "layers": LAYERS, "updates": updates}
                try:
                    process = stack.enter_context(
                        peer("torch_dbn", threads, kind=kind, **options)
                    )
                except Missing as error:
                    part.remarks.append(f"dbn: {name} skipped: {error}")
                    continue
                rounds_of = found.setdefault(f"{name} ({process.about['version']})", [])
                sides[name] = lambda process=process, found=rounds_of: note(found, process())
            if len(sides) == 1:
                return part
            alternate(rounds, sides)
        mine = found.pop("ours")
        for name, theirs in found.items():
            part.rows.append(
                compare(
                    f"dbn: ten layers, {updates:,} updates each, training alone, against {name}",
                    threads,
                    [r["seconds"] for r in mine],
                    [r["seconds"] for r in theirs],
                    "≥ 1.5",
                )
            )
            part.rows.append(
                compare(
                    "dbn: our whole command, reading and measuring included, against the training "
                    f"and propagation of {name}",
                    threads,
                    [r["whole"] for r in mine],
                    [r["whole"] for r in theirs],
                )
            )
        lines = []
        for layer, (visible, hidden) in enumerate(zip(LAYERS, LAYERS[1:])):
            own, *others = (
                statistics.median(r["layers"][layer] for r in side) / updates
                for side in (mine, *found.values())
            )
            cells = (cell for other in others for cell in (show(other), f"{other / own:.2f}"))
            lines.append([f"{visible}-{hidden}", show(own), *cells])
        head = ["layer", "ours", *(cell for name in found for cell in (name, "ratio"))]
        part.tables.append(
            f"One update, by layer, {threads} thread(s):\n\n" + markdown(head, lines)
        )
    return part


def note(found: list[dict], round_: dict) -> float:
    found.append(round_)
    return round_["seconds"]


def ours(context: Context, threads: int, updates: int) -> dict:
    result, finished = resrel(
        "train",
        "--preset",
        "paper-critical",
        "--updates",
        updates,
        "--data",
        context.images,
        "--layers",
        "-".join(map(str, LAYERS)),
        "--out",
        context.scratch / "dbn.safetensors",
        threads=threads,
    )
    passes = updates / (result["layers"][0]["m"] / BATCH)
    layers = [seconds * passes for seconds in result["seconds_per_pass"]]
    return {"seconds": sum(layers), "layers": layers, "whole": finished.seconds}
