"""Settings that many functions share."""

from __future__ import annotations

import os

__all__ = ["threads_of"]


def threads_of(threads: int | None) -> int:
    """A number of threads: by default as many as this process may use."""
    if threads is None:
        affinity = getattr(os, "sched_getaffinity", None)
        return len(affinity(0)) if affinity else os.cpu_count() or 1
    if isinstance(threads, bool) or not isinstance(threads, int) or threads < 1:
        raise ValueError(f"threads = {threads!r}: give a whole number of 1 or more")
    return threads
