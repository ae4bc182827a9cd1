"""Runs both sides in turns, each in a process of its own, and turns seconds into ratios."""

from __future__ import annotations

import dataclasses
import json
import os
import pathlib
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence

HERE = pathlib.Path(__file__).resolve().parent.parent
ROOT = HERE.parent
RESREL = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "release" / "resrel"


class Missing(Exception):
    """A peer that is not installed."""


@dataclasses.dataclass
class Row:
    """One line of the table. `ratio` is what `needed` bounds: from below (`>=`) or above (`<=`)."""

    what: str
    threads: int | str
    ours: str
    peer: str
    ratio: float | None
    spread: tuple[float, float] | None = None
    needed: str = ""

    def holds(self) -> str:
        if not self.needed or self.ratio is None:
            return ""
        relation, bound = self.needed.split()
        good = self.ratio >= float(bound) if relation == "≥" else self.ratio <= float(bound)
        return "yes" if good else "**no**"

    def cells(self) -> list[str]:
        ratio = "" if self.ratio is None else f"{self.ratio:.2f}"
        if self.spread:
            ratio += f" ({self.spread[0]:.2f} … {self.spread[1]:.2f})"
        return [
            self.what,
            str(self.threads),
            self.ours,
            self.peer,
            ratio,
            self.needed,
            self.holds(),
        ]


@dataclasses.dataclass
class Curve:
    """What something costs as one size of it grows: seconds of every side, None where it was not measured."""

    title: str
    size: str
    sizes: list[int]
    seconds: dict[str, list[float | None]]

    def table(self) -> str:
        lines = [
            [f"{size:,}", *("" if value is None else show(value) for value in values)]
            for size, *values in zip(self.sizes, *self.seconds.values())
        ]
        return f"{self.title}:\n\n" + markdown([self.size, *self.seconds], lines)


@dataclasses.dataclass
class Part:
    """What one benchmark found: rows of the common table, tables and curves of its own, remarks."""

    rows: list[Row] = dataclasses.field(default_factory=list)
    tables: list[str] = dataclasses.field(default_factory=list)
    curves: list[Curve] = dataclasses.field(default_factory=list)
    remarks: list[str] = dataclasses.field(default_factory=list)


@dataclasses.dataclass
class Context:
    """What every benchmark is given."""

    quick: bool
    rounds: int
    threads: list[int]
    images: pathlib.Path
    """Images × pixels in 0 … 1, npy of 32-bit floats."""
    data: str
    """Their name: mnist or digits."""
    scratch: pathlib.Path

    def observations(self) -> int:
        """How many images there are."""
        import numpy

        return len(numpy.load(self.images, mmap_mode="r"))


@dataclasses.dataclass
class Finished:
    """A command that has ended well."""

    seconds: float
    peak_bytes: int
    output: str


def run(
    command: Sequence[object],
    threads: int | None = None,
    variables: dict[str, str] | None = None,
) -> Finished:
    """Runs a command to its end, watching the clock and its peak memory (Linux, macOS)."""
    words = [str(word) for word in command]
    started = time.perf_counter()
    process = subprocess.Popen(
        words,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env=environment(threads) | (variables or {}),
    )
    try:
        output = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
    except BaseException:
        process.kill()
        raise
    seconds = time.perf_counter() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise SystemExit(f"{' '.join(words)} ended with exit code {process.returncode}")
    unit = 1 if sys.platform == "darwin" else 1024
    return Finished(seconds, usage.ru_maxrss * unit, output)


def resrel(
    *arguments: object, threads: int, variables: dict[str, str] | None = None
) -> tuple[dict, Finished]:
    """Our program's JSON document, and what it took."""
    finished = run([RESREL, *arguments, "--threads", threads, "--json"], variables=variables)
    return json.loads(finished.output), finished


def environment(threads: int | None) -> dict[str, str]:
    """The environment in which every numerical library uses that many threads."""
    variables = dict(os.environ, PYTHONPATH=str(HERE))
    if threads is not None:
        names = ["OMP", "MKL", "OPENBLAS", "NUMEXPR", "VECLIB_MAXIMUM"]
        variables |= {f"{name}_NUM_THREADS": str(threads) for name in names}
    return variables


class Process:
    """A side that stays: it is warmed up once, then answers each request with one JSON line.

    Between requests it waits for its input and costs nothing.
    """

    def __init__(self, command: Sequence[object], threads: int | None = None):
        self.child = subprocess.Popen(
            [str(word) for word in command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env=environment(threads),
        )
        first = self._answer()
        if "missing" in first:
            self.close()
            raise Missing(first["missing"])
        self.about = first

    def __call__(self) -> dict:
        print("go", file=self.child.stdin, flush=True)
        return self._answer()

    def _answer(self) -> dict:
        line = self.child.stdout.readline()
        if not line:
            self.close()
            raise SystemExit(f"{self.child.args} ended early")
        return json.loads(line)

    def close(self) -> None:
        self.child.stdin.close()
        try:
            self.child.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self.child.kill()
            self.child.wait()

    def __enter__(self) -> Process:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def peer(module: str, threads: int, **options: object) -> Process:
    """A peer: `side_by_side/peers/MODULE.py`, in a Python of its own."""
    command = [sys.executable, "-m", f"side_by_side.peers.{module}"]
    return Process([*command, json.dumps({"threads": threads, **options}, default=str)], threads)


def alternate(rounds: int, sides: dict[str, Callable[[], float]]) -> dict[str, list[float]]:
    """Each side's seconds, round by round; every other round goes backwards, so that none is
    always the one that follows another."""
    seconds: dict[str, list[float]] = {name: [] for name in sides}
    for number in range(rounds):
        names = list(sides) if number % 2 == 0 else list(reversed(sides))
        for name in names:
            seconds[name].append(sides[name]())
    return seconds


def compare(
    what: str, threads: int | str, ours: list[float], peer: list[float], needed: str = ""
) -> Row:
    """How many times faster we are: the median over the rounds, and the smallest and largest."""
    ratios = [theirs / mine for mine, theirs in zip(ours, peer)]
    return Row(
        what,
        threads,
        show(statistics.median(ours)),
        show(statistics.median(peer)),
        statistics.median(ratios),
        (min(ratios), max(ratios)),
        needed,
    )


def show(seconds: float) -> str:
    """A time, with a unit that suits it."""
    for unit, size in [("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)]:
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds * 1e9:.3g} ns"


def markdown(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def busy() -> bool:
    """Whether others wanted more than what our own one or two threads left."""
    return os.getloadavg()[0] > (os.cpu_count() or 1) + 0.5


def machine() -> str:
    """The kind of machine, and how busy it is with other things."""
    model = platform.processor() or platform.machine()
    try:
        for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                model = line.split(":", 1)[1].strip()
                break
        flags = pathlib.Path("/proc/cpuinfo").read_text()
        model += ", AVX-512" if "avx512f" in flags else ", no AVX-512"
    except OSError:
        pass
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    return f"{model}; {os.cpu_count()} cores; {platform.system()}; load at the start {load}"
