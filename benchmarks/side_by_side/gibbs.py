"""Gibbs steps of 60,000 chains of layers of the trained ten-layer network."""

from __future__ import annotations

from side_by_side.dbn import LAYERS
from side_by_side.harness import Context, Missing, Part, alternate, compare, peer, resrel

CHAINS = 60_000
# Layer, our steps, their steps, the ratio that is wanted.
CASES = [(1, 40, 2, 7), (2, 150, 6, 10), (3, 300, 15, 10), (6, 1500, 80, 10), (10, 2500, 150, 10)]


def measure(context: Context) -> Part:
    part = Part()
    model = context.scratch / "gibbs.safetensors"
    resrel(
        "train",
        *("--preset", "paper-critical", "--updates", 4000, "--data", context.images),
        *("--layers", "-".join(map(str, LAYERS)), "--out", model),
        threads=max(context.threads),
    )
    for threads in context.threads:
        for layer, steps, their_steps, wanted in CASES:
            options = {"model": model, "layer": layer, "chains": CHAINS, "steps": their_steps, "trial": 1}
            try:
                process = peer("torch_gibbs", threads, **options)
            except Missing as error:
                part.remarks.append(f"gibbs: PyTorch skipped: {error}")
                return part
            with process:
                seconds = alternate(
                    min(context.rounds, 3),
                    {
                        "ours": lambda: ours(model, layer, steps, threads),
                        "theirs": lambda: process()["seconds"],
                    },
                )
            name = f"{LAYERS[layer - 1]}-{LAYERS[layer]}"
            part.rows.append(
                compare(
                    f"gibbs: a step of {CHAINS:,} chains, {name}, against {process.about['version']} "
                    f"({process.about['way']})",
                    threads,
                    seconds["ours"],
                    seconds["theirs"],
                    f"≥ {wanted}",
                )
            )
    return part


def ours(model: object, layer: int, steps: int, threads: int) -> float:
    result, _ = resrel(
        "generate", model, "--layer", layer, "--samples", CHAINS, "--steps", steps, "--no-judge", threads=threads
    )
    return result["seconds_per_step"]
