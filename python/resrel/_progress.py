"""How far long work is, for people who wait."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Union

__all__ = ["Progress", "told"]

Progress = Union[bool, None, Callable[[Union[float, None], Union[str, None]], Any]]

# What is done sooner needs no bar.
_PATIENCE = 2.0
_WIDTH = 30


@contextmanager
def told(progress: Progress, label: str) -> Iterator[Callable[[float | None, str | None], Any] | None]:
    """What the core calls: the user's own function, a bar where somebody can see it, or nothing."""
    if callable(progress):
        yield progress
        return
    if progress is False or (progress is None and not _seen()):
        yield None
        return
    bar = _Bar(label)
    try:
        yield bar
    finally:
        bar.close()


def _seen() -> bool:
    """Whether somebody watches: a terminal, or a notebook."""
    return bool(getattr(sys.stderr, "isatty", lambda: False)()) or "ipykernel" in sys.modules


class _Bar:
    """A line that is written over and over; terminals and notebooks both show that."""

    def __init__(self, label: str) -> None:
        self.label = label
        self.start = time.monotonic()
        self.first: float | None = None
        self.shown = False

    def __call__(self, done: float | None, line: str | None) -> None:
        if line is not None:
            self._write(f"{line}\n")
            return
        if done is None:
            return
        passed = time.monotonic() - self.start
        # What was done before, by a run that is gone on with, says nothing of the speed.
        if self.first is None:
            self.first = done
        if passed < _PATIENCE:
            return
        full = round(_WIDTH * done)
        text = f"{self.label} [{'#' * full}{'-' * (_WIDTH - full)}] {100 * done:3.0f} %"
        if done > self.first:
            text += f", {_clock(passed * (1 - done) / (done - self.first))} left"
        self._write(f"{text:<79}")
        self.shown = True

    def _write(self, text: str) -> None:
        sys.stderr.write(f"\r{text}")
        sys.stderr.flush()

    def close(self) -> None:
        if self.shown:
            self._write(" " * 79 + "\r")


def _clock(seconds: float) -> str:
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {seconds} s" if minutes else f"{seconds} s"
