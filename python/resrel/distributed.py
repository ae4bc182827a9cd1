"""Runs of recipes on a Dask cluster.

The units of a recipe are independent pieces of work, each of which leaves a file in the run's folder, and each is a
task of the cluster. A worker that dies loses nothing but its unit's work since the last checkpoint: the cluster
gives the unit to another one.
"""

from __future__ import annotations

import os
from typing import Any
from uuid import uuid4

from . import _resrel
from ._runs import Run, asked_of, report
from ._settings import threads_of

__all__ = ["run"]


def _unit(out: str, name: str, data_folder: str | None, labels: str | None, threads: int, *needed: str) -> str:
    """One unit, after those that it needs."""
    _resrel.run_units(out, [name], data_folder, labels, threads)
    return name


def run(
    recipe: str | os.PathLike[str],
    client: Any,
    *,
    size: str = "quick",
    preset: str | None = None,
    updates: int | None = None,
    realizations: int | None = None,
    data: str | os.PathLike[str] | None = None,
    data_folder: str | os.PathLike[str] | None = None,
    labels: str | os.PathLike[str] | None = None,
    seed: int = 1,
    out: str | os.PathLike[str],
    threads: int = 1,
) -> Run:
    """Runs a recipe on a Dask cluster, or what is left of its run, and draws its figures here.

    Workers need `out` and the data at the same paths as here: a file system that all share.

    Parameters
    ----------
    recipe, size, preset, updates, realizations, data, data_folder, labels, seed
        As for `resrel.reproduce`; the records are the same.
    client : distributed.Client
        The cluster.
    out : path
        Where records and figures go.
    threads : int
        Threads of each unit.

    Returns
    -------
    Run

    Raises
    ------
    ValueError
        For a recipe, data or options that are not what they should be.
    RuntimeError
        If a unit failed; what is done is kept, and the same call tries again.
    """
    options = {
        "size": size,
        "preset": preset,
        "updates": updates,
        "realizations": realizations,
        "data": data,
        "data_folder": None if data_folder is None else os.path.abspath(data_folder),
        "labels": None if labels is None else os.path.abspath(labels),
        "seed": seed,
        "out": os.path.abspath(out),
    }
    threads = threads_of(threads)
    folder, units = _resrel.prepare(asked_of(recipe, options), threads)
    folder = os.fspath(folder)
    run_id = uuid4().hex
    tasks: dict[str, Any] = {}
    # Those that others need come first.
    for name, needed in sorted(units, key=lambda unit: len(unit[1])):
        tasks[name] = client.submit(
            _unit,
            folder,
            name,
            options["data_folder"],
            options["labels"],
            threads,
            *(tasks[it] for it in needed),
            key=f"resrel-{name}-{run_id}",
            # The longest units come first in the plan.
            priority=len(units) - len(tasks),
            pure=False,
        )
    try:
        client.gather(list(tasks.values()))
    except BaseException:
        client.cancel(list(tasks.values()))
        raise
    return report(folder)
