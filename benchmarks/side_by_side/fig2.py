"""The whole of `resrel reproduce fig2`: wall time and peak memory with two threads."""

from __future__ import annotations

from side_by_side.harness import RESREL, Context, Part, Row, run, show

THREADS = 2
LIMITS = {"smoke": 20.0, "quick": 300.0}
MEMORY = 2**30


def measure(context: Context) -> Part:
    part = Part()
    for size in ["smoke"] if context.quick else ["smoke", "quick"]:
        out = context.scratch / f"fig2-{size}"
        finished = run(
            [
                RESREL,
                "reproduce",
                "fig2",
                f"--{size}",
                "--data",
                context.data,
                "--out",
                out,
                "--threads",
                THREADS,
            ]
        )
        limit = LIMITS[size]
        part.rows.append(
            Row(
                f"fig2 --{size}: wall time, of {limit:.0f} s allowed",
                THREADS,
                show(finished.seconds),
                "",
                finished.seconds / limit,
                None,
                "≤ 1.0",
            )
        )
        part.rows.append(
            Row(
                f"fig2 --{size}: peak memory, of 1 GiB allowed",
                THREADS,
                f"{finished.peak_bytes / 2**20:.0f} MiB",
                "",
                finished.peak_bytes / MEMORY,
                None,
                "≤ 1.0",
            )
        )
    return part
