"""The standard ten-layer network at 4,000 updates a layer, each layer binarised for the next."""

from __future__ import annotations

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


def measure(context: Context) -> Part:
    part = Part()
    updates = 500 if context.quick else 4000
    rounds = 3
    for threads in context.threads:
        options = {"images": context.images, "layers": LAYERS, "updates": updates, "kind": "fast"}
        try:
            process = peer("torch_dbn", threads, **options)
        except Missing as error:
            part.remarks.append(f"dbn: PyTorch skipped: {error}")
            return part
        with process:
            name = process.about["version"]
            found = {"ours": [], "theirs": []}
            alternate(
                rounds,
                {
                    "ours": lambda: note(found["ours"], ours(context, threads, updates)),
                    "theirs": lambda: note(found["theirs"], process()),
                },
            )
        mine, theirs = found["ours"], found["theirs"]
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
                "dbn: our whole command, reading and measuring included, against their training "
                "and propagation",
                threads,
                [r["whole"] for r in mine],
                [r["whole"] for r in theirs],
            )
        )
        lines = []
        for layer, (visible, hidden) in enumerate(zip(LAYERS, LAYERS[1:])):
            a, b = (
                statistics.median(r["layers"][layer] for r in side) / updates
                for side in (mine, theirs)
            )
            lines.append([f"{visible}-{hidden}", show(a), show(b), f"{b / a:.2f}"])
        part.tables.append(
            f"One update, by layer, {threads} thread(s):\n\n"
            + markdown(["layer", "ours", name, "ratio"], lines)
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
