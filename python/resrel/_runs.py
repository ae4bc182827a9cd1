"""Recipes: every figure of the paper, and one's own."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from . import _resrel
from ._progress import Progress, told
from ._settings import threads_of

__all__ = ["Run", "report", "reproduce"]


@dataclass(frozen=True)
class Run:
    """What a recipe's run found.

    Attributes
    ----------
    out : pathlib.Path
        The folder of its records and figures.
    recipe, size, data : str
        What was run, how large, on what.
    seed : int
        Seed of all random numbers.
    layers : list of dict
        The layers of the first trained network, with the keys of ``resrel measure --json``.
    critical : dict or None
        The critical layer over all realizations.
    networks : list of dict
        The networks that are compared, if any are.
    claims : list of dict
        The paper's claims: whether each holds, with its numbers.
    figures : list of pathlib.Path
        The files that were drawn.
    page : pathlib.Path
        The page that shows all this, for a browser.
    records : list of dict
        Every record.
    """

    out: Path
    recipe: str
    size: str
    data: str
    seed: int
    units: int
    layers: list[dict[str, Any]] = field(repr=False)
    critical: dict[str, Any] | None = field(repr=False)
    networks: list[dict[str, Any]] = field(repr=False)
    claims: list[dict[str, Any]] = field(repr=False)
    figures: list[Path] = field(repr=False)
    page: Path = field(repr=False)
    records: list[dict[str, Any]] = field(repr=False)

    def _repr_html_(self) -> str:
        page = self.out / "figures" / f"{self.recipe}.svg"
        return page.read_text(encoding="utf-8") if page.exists() else repr(self)


def asked_of(recipe: Any, options: dict[str, Any]) -> dict[str, Any]:
    """What is asked of a recipe, as the core takes it."""
    paths = {key: None if options[key] is None else os.fspath(options[key]) for key in ("data", "data_folder", "labels", "out")}
    return {"recipe": os.fspath(recipe), **options, **paths}


def run_of(document: str) -> Run:
    found = json.loads(document)
    found["out"] = Path(found["out"])
    found["figures"] = [Path(path) for path in found["figures"]]
    found["page"] = Path(found["page"])
    return Run(**found)


def reproduce(
    recipe: str | os.PathLike[str],
    *,
    size: str = "quick",
    preset: str | None = None,
    updates: int | None = None,
    realizations: int | None = None,
    data: str | os.PathLike[str] | None = None,
    data_folder: str | os.PathLike[str] | None = None,
    labels: str | os.PathLike[str] | None = None,
    seed: int = 1,
    out: str | os.PathLike[str] | None = None,
    threads: int | None = None,
    progress: Progress = None,
) -> Run:
    """Runs a recipe, or what is left of its run, and draws its figures.

    Stopped at any moment (Ctrl-C raises ``KeyboardInterrupt``), the same call goes on where it was.

    Parameters
    ----------
    recipe : str or path
        ``fig1`` to ``fig3``, ``figS1`` to ``figS6``, ``schedule``, or the path of a TOML file.
    size : {"smoke", "quick", "full"}
        Seconds, minutes, or the paper's hours.
    preset : {"paper", "paper-critical"}, optional
        The schedule, where not the size's.
    updates, realizations : int, optional
        Where not the size's.
    data : str or path, optional
        A data set's name or a file; the recipe's if it is there, else the embedded digits.
    data_folder, labels : path, optional
        Folder of the data sets; a file of labels.
    seed : int
        Seed of all random numbers.
    out : path, optional
        Where records and figures go; ``out/`` and a name that tells what is in it.
    threads : int, optional
        Threads; all by default. The result does not depend on it.
    progress : bool or callable, optional
        A bar with the time left: by default in terminals and notebooks. A callable hears ``progress(done, None)``,
        done from 0 to 1, and ``progress(None, line)``.

    Returns
    -------
    Run

    Raises
    ------
    ValueError
        For a recipe, data or options that are not what they should be.
    RuntimeError
        If units of work failed; the others are done, and the same call tries those again.
    """
    options = {
        "size": size,
        "preset": preset,
        "updates": updates,
        "realizations": realizations,
        "data": data,
        "data_folder": data_folder,
        "labels": labels,
        "seed": seed,
        "out": out,
    }
    with told(progress, "all units") as hears:
        return run_of(_resrel.reproduce(asked_of(recipe, options), threads_of(threads), hears))


def report(out: str | os.PathLike[str]) -> Run:
    """Draws the figures and the page of a run again, from the records that are there.

    Parameters
    ----------
    out : path
        The output folder of a run.

    Returns
    -------
    Run

    Raises
    ------
    ValueError
        If the folder holds no run, or no record yet.
    """
    return run_of(_resrel.report(os.fspath(out)))
