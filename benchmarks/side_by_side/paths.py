"""Whether the fast paths of training give the networks that the plain one gives: measures of ten layers."""

from __future__ import annotations

import math
import statistics

from side_by_side.dbn import LAYERS
from side_by_side.harness import Context, Part, Row, markdown, resrel

SEEDS = 5
PATHS = {"fast": {}, "plain": {"RESREL_PLAIN": "1"}}
MEASURES = ["resolution", "relevance"]
LIMIT = 5.0
"""Of the largest of twenty t statistics with eight degrees of freedom: one in fifty is beyond it by chance."""


def measure(context: Context) -> Part:
    updates = 500 if context.quick else 4000
    found = {path: [] for path in PATHS}
    for seed in range(1, SEEDS + 1):
        for path, variables in PATHS.items():
            result, _ = resrel(
                "train",
                "--data",
                context.images,
                "--layers",
                "-".join(map(str, LAYERS)),
                "--updates",
                updates,
                "--next-input",
                "binarised",
                "--seed",
                seed,
                "--out",
                context.scratch / f"{path}-{seed}.safetensors",
                threads=max(context.threads),
                variables=variables,
            )
            found[path].append(result["layers"])
    lines, largest = [], 0.0
    for layer in range(len(LAYERS) - 1):
        cells = [f"H{layer + 1}"]
        for name in MEASURES:
            sides = [[layers[layer][name] for layers in found[path]] for path in PATHS]
            cells += [f"{statistics.mean(side):.4f} ± {statistics.stdev(side):.4f}" for side in sides]
            t = difference(*sides)
            largest = max(largest, abs(t))
            cells.append(f"{t:+.1f}")
        lines.append(cells)
    head = ["layer", "H[s], fast", "plain", "t", "H[k], fast", "plain", "t"]
    title = f"{SEEDS} seeds, {updates:,} updates a layer; mean ± standard deviation between seeds:"
    what = f"paths: largest t between fast and plain, {2 * len(lines)} measures"
    row = Row(what, max(context.threads), "", "", largest, needed=f"≤ {LIMIT:g}")
    return Part([row], [f"{title}\n\n{markdown(head, lines)}"])


def difference(a: list[float], b: list[float]) -> float:
    """Student's t of two means, from the spread between the seeds of both."""
    spread = math.sqrt((statistics.variance(a) + statistics.variance(b)) / len(a))
    apart = statistics.mean(a) - statistics.mean(b)
    if spread > 0.0:
        return apart / spread
    return math.copysign(math.inf, apart) if apart else 0.0
