"""Measures resrel and its peers side by side and prints a Markdown table; started by `run`."""

from __future__ import annotations

import argparse
import datetime
import os
import pathlib
import subprocess
import sys
import tempfile
import time

NAMES = ["rbm", "paths", "dbn", "sizes", "gibbs", "cost", "count", "keys", "kmeans", "fit", "fig2"]
HEAD = ["what", "threads", "ours", "peer or bound", "ratio (spread)", "needed", "holds"]


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="benchmarks/run",
        description="Measures resrel and its peers side by side, in turns, and prints ratios.",
    )
    parser.add_argument(
        "names",
        nargs="*",
        metavar="NAME",
        help=f"which of {', '.join(NAMES)} [default: all]",
    )
    parser.add_argument("--quick", action="store_true", help="fewer rounds and smaller sizes")
    parser.add_argument("--rounds", type=int, help="turns of each side [default: 7, quick: 3]")
    parser.add_argument(
        "--threads",
        type=lambda text: [int(number) for number in text.split(",")],
        default=[1, 2],
        metavar="N,…",
        help="numbers of threads [default: 1,2]",
    )
    parser.add_argument(
        "--picture",
        type=pathlib.Path,
        metavar="FILE",
        help="where the curves of `sizes` go, svg or png [default: beside the table]",
    )
    chosen = parser.parse_args()
    if unknown := set(chosen.names) - set(NAMES):
        parser.error(f"no benchmark called {', '.join(sorted(unknown))}: {', '.join(NAMES)}")
    return chosen


def main() -> None:
    chosen = arguments()
    # Only now, so that --help works without NumPy.
    import importlib

    from side_by_side import harness

    name = data_set()
    with tempfile.TemporaryDirectory(prefix="resrel-benchmarks-") as scratch:
        scratch = pathlib.Path(scratch)
        harness.run([harness.RESREL, "data", "export", name, "--out", scratch])
        context = harness.Context(
            quick=chosen.quick,
            rounds=chosen.rounds or (3 if chosen.quick else 7),
            threads=chosen.threads,
            images=scratch / f"{name}-train-values.npy",
            data=name,
            scratch=scratch,
        )
        report = [
            f"# Side by side, {datetime.date.today()}",
            f"{harness.machine()}. Data: {name}. Revision {revision()}. A ratio is the median of "
            f"{context.rounds} rounds (rbm products: 60 blocks, with quartiles), in brackets the "
            "smallest and the largest; against a peer it says how many times faster we are.",
        ]
        rows, rest, curves = [], [], []
        for benchmark in chosen.names or NAMES:
            started = time.perf_counter()
            print(f"measuring {benchmark} …", file=sys.stderr, flush=True)
            try:
                part = importlib.import_module(f"side_by_side.{benchmark}").measure(context)
            except ImportError as error:
                part = harness.Part(remarks=[f"{benchmark}: skipped: {error}"])
            rows += [row.cells() for row in part.rows]
            tables = [*part.tables, *(curve.table() for curve in part.curves)]
            rest += [f"## {benchmark}", *tables] if tables else []
            curves += part.curves
            rest += ["\n".join(f"- {remark}" for remark in part.remarks)] if part.remarks else []
            seconds = time.perf_counter() - started
            print(f"… {benchmark} took {seconds:.0f} s", file=sys.stderr, flush=True)
        if harness.busy():
            report.append(
                f"**The machine was busy with other work (load at the end {os.getloadavg()[0]:.1f} "
                f"on {os.cpu_count()} cores).** Ratios with as many threads as cores mean little then: "
                "libraries whose threads wait for each other stand still whenever one loses its core."
            )
    results = harness.HERE / "results"
    results.mkdir(exist_ok=True)
    file = results / f"{datetime.datetime.now():%Y-%m-%d-%H%M%S}.md"
    written = [file]
    table = [harness.markdown(HEAD, rows)] if rows else []
    if curves:
        path = chosen.picture or file.with_suffix(".svg")
        try:
            from side_by_side import picture

            picture.draw(curves, path)
        except ImportError as error:
            rest.append(f"- no picture: {error}")
        else:
            rest.insert(0, f"![Cost against size]({path.name})")
            written.append(path)
    text = "\n\n".join([*report, *table, *rest]) + "\n"
    print(text)
    file.write_text(text)
    for path in written:
        print(f"written to {os.path.relpath(path)}", file=sys.stderr)


def data_set() -> str:
    """MNIST where RESREL_DATA has it, else the embedded digits."""
    folder = os.environ.get("RESREL_DATA")
    return "mnist" if folder and (pathlib.Path(folder) / "mnist").is_dir() else "digits"


def revision() -> str:
    command = ["git", "describe", "--always", "--dirty"]
    found = subprocess.run(command, capture_output=True, text=True, check=False)
    return found.stdout.strip() or "unknown"


if __name__ == "__main__":
    main()
