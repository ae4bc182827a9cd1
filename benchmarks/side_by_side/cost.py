"""What training costs as the data, the layer and the number of updates grow."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Sequence

import numpy

from side_by_side.harness import Context, Part, Row, alternate, markdown, resrel, show

OBSERVATIONS = [15_000, 30_000, 60_000]
HIDDEN = [125, 250, 500, 1000, 2000]
UPDATES = [500, 2000, 8000]


def measure(context: Context) -> Part:
    part = Part()
    threads = max(context.threads)
    images = numpy.load(context.images, mmap_mode="r")
    shares = {}
    for count in OBSERVATIONS:
        shares[count] = context.scratch / f"images-{count}.npy"
        numpy.save(shares[count], images[:count])

    def pass_of(data, hidden) -> Callable[[], float]:
        # Half a pass over all images is enough for a look; whole passes are measured otherwise.
        length = ("--updates", 300) if context.quick else ("--epochs", 1)

        def seconds() -> float:
            return train(context, data, hidden, length, threads)[0]["seconds_per_pass"][0]

        return seconds

    rounds = 3 if context.quick else 5
    by_data = alternate(rounds, {count: pass_of(shares[count], 500) for count in OBSERVATIONS})
    by_size = alternate(rounds, {hidden: pass_of(context.images, hidden) for hidden in HIDDEN})
    part.tables.append(table("a pass of 784-500 against observations M", by_data))
    part.tables.append(table("a pass over all images against hidden units", by_size))
    # Fixed costs are worth more to small layers: growth is judged where the products rule.
    large = {hidden: seconds for hidden, seconds in by_size.items() if hidden >= 500}
    for what, seconds in [
        ("time of a pass against M", by_data),
        ("time of a pass against hidden units, from 500 on", large),
    ]:
        part.rows.append(
            Row(f"cost: exponent of the {what}", threads, "", "", exponent(seconds), None, "≤ 1.1")
        )

    updates = [count // 10 for count in UPDATES] if context.quick else UPDATES
    peaks = {
        count: [train(context, context.images, 500, ("--updates", count), threads)[1].peak_bytes]
        for count in updates
    }
    lines = [[f"{count:,}", f"{peak[0] / 2**20:.0f} MiB"] for count, peak in peaks.items()]
    part.tables.append(
        "Peak memory of training 784-500 (the images included):\n\n"
        + markdown(["updates", "peak"], lines)
    )
    part.rows.append(
        Row(
            "cost: exponent of the peak memory against updates",
            threads,
            "",
            "",
            exponent(peaks),
            None,
            "≤ 0.02",
        )
    )
    return part


def train(context: Context, data, hidden: int, length: tuple[str, int], threads: int):
    return resrel(
        "train",
        "--data",
        data,
        "--layers",
        f"784-{hidden}",
        *length,
        "--out",
        context.scratch / "cost.safetensors",
        threads=threads,
    )


def table(title: str, by_size: dict[int, list[float]]) -> str:
    medians = {size: statistics.median(seconds) for size, seconds in by_size.items()}
    lines = [
        [f"{size:,}", show(seconds), show(seconds / size)] for size, seconds in medians.items()
    ]
    fitted = f"fitted exponent {exponent(by_size):.2f}"
    return f"Seconds of {title}; {fitted}:\n\n" + markdown(["size", "time", "time / size"], lines)


def exponent(by_size: dict[int, Sequence[float]]) -> float:
    """Slope of ln(median) against ln(size)."""
    sizes = [math.log(size) for size in by_size]
    values = [math.log(statistics.median(values)) for values in by_size.values()]
    return statistics.linear_regression(sizes, values).slope
