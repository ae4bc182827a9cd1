"""Measures of states, and counts of states that come in batches."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, fields
from html import escape
from typing import Any

import numpy as np

from . import _resrel
from ._arrays import Texts, frequencies_of, labels_of, states_of
from ._settings import threads_of

__all__ = ["Beta", "Counts", "Measure", "measure", "measure_counts"]


@dataclass(frozen=True)
class Beta:
    """The exponent of ``m_k ~ k^(-beta-1)``, by every estimate; Zipf's law is 1.

    Attributes
    ----------
    mle : float or None
        Discrete maximum likelihood over the states with ``k >= k_min``.
    mle_stderr : float or None
        Its standard error from the likelihood, which takes the frequencies for independent draws.
    mle_jackknife_stderr : float or None
        Its standard error by the delete-d jackknife over observations.
    k_min : int or None
        Smallest frequency of the fit.
    ks : float or None
        Kolmogorov-Smirnov distance between the fit and the frequencies.
    p_value : float or None
        Probability of a distance at least as large under the fitted law; `resrel.fit` computes it.
    lsq : float or None
        Slope of a straight line through the logarithmically binned ``m_k``.
    """

    mle: float | None
    mle_stderr: float | None
    mle_jackknife_stderr: float | None
    k_min: int | None
    ks: float | None
    p_value: float | None
    lsq: float | None


@dataclass(frozen=True)
class Measure:
    """What is known of one representation: a layer, a clustering, a column.

    Numbers that do not exist are ``None``, never NaN.

    Attributes
    ----------
    name : str
        What was measured.
    m : int
        Number of observations M.
    states : int
        Number of distinct states.
    resolution, relevance : float or None
        H[s] and H[k] as fractions of ln M.
    resolution_nats, relevance_nats : float
        H[s] and H[k] in nats.
    resolution_stderr, relevance_stderr : float or None
        Standard errors of the fractions, by subsamples without replacement.
    max_frequency : int
        Largest number of observations in one state.
    classification_error : float or None
        Fraction of observations whose label is not the majority label of their state.
    beta : Beta
        The exponent of the frequencies.
    bound : float or None
        What no sample's relevance exceeds at this resolution, a fraction of ln M.
    optimum : float or None
        Poisson optimum of the relevance at this resolution, a fraction of ln M.
    k, m_k : numpy.ndarray
        The frequencies that occur, ascending, and how many states have each.
    dropped : int
        Observations that were left out because a value was missing.
    """

    name: str
    m: int
    states: int
    resolution: float | None
    relevance: float | None
    resolution_nats: float
    relevance_nats: float
    resolution_stderr: float | None
    relevance_stderr: float | None
    max_frequency: int
    classification_error: float | None
    beta: Beta
    bound: float | None
    optimum: float | None
    k: np.ndarray = field(repr=False, compare=False)
    m_k: np.ndarray = field(repr=False, compare=False)
    dropped: int = field(default=0, repr=False)

    @property
    def sum(self) -> float | None:
        """H[s] + H[k] as a fraction of ln M: largest where a layer is critical."""
        if self.resolution is None or self.relevance is None:
            return None
        return self.resolution + self.relevance

    def to_dict(self) -> dict[str, Any]:
        """The measure under the names that ``resrel measure --json`` prints.

        Returns
        -------
        dict
        """
        arrays = ("k", "m_k", "dropped")
        found = {it.name: getattr(self, it.name) for it in fields(self) if it.name not in arrays}
        found["beta"] = asdict(self.beta)
        return found

    def to_frame(self) -> Any:
        """The measure as a pandas DataFrame of one row; β's numbers are columns ``beta_mle`` and so on.

        Returns
        -------
        pandas.DataFrame
        """
        import pandas

        row = self.to_dict()
        beta = row.pop("beta")
        return pandas.DataFrame([{**row, **{f"beta_{key}": value for key, value in beta.items()}}])

    def plot(self, ax: Any = None) -> Any:
        """Draws ``m_k`` against ``k`` on logarithmic axes, with the fitted power law.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, optional
            Where to draw; a new figure by default.

        Returns
        -------
        matplotlib.axes.Axes
        """
        if ax is None:
            import matplotlib.pyplot as plt

            ax = plt.figure().add_subplot()
        ax.loglog(self.k, self.m_k, "o", color="#0072B2", markersize=4, label=self.name)
        if self.beta.mle is not None:
            k = np.geomspace(self.k[0], self.k[-1], 50)
            # As many states as there are, distributed as the law has them.
            weights = self.k.astype(float) ** (-self.beta.mle - 1)
            law = self.states / weights.sum() * k ** (-self.beta.mle - 1)
            ax.loglog(k, law, color="#D55E00", label=f"β = {self.beta.mle:.2f}")
        ax.set_xlabel("frequency $k$")
        ax.set_ylabel("degeneracy $m_k$")
        ax.legend(frameon=False)
        return ax

    def _rows(self) -> list[tuple[str, str]]:
        def number(value: float | None, stderr: float | None = None, digits: int = 4) -> str:
            if value is None:
                return "–"
            return f"{value:.{digits}f}" + ("" if stderr is None else f" ± {stderr:.{digits}f}")

        return [
            ("observations M", f"{self.m}"),
            ("states", f"{self.states}"),
            ("resolution H[s] / ln M", number(self.resolution, self.resolution_stderr)),
            ("relevance H[k] / ln M", number(self.relevance, self.relevance_stderr)),
            ("largest possible (Poisson optimum)", number(self.optimum)),
            ("exponent β", number(self.beta.mle, self.beta.mle_stderr, 2)),
            ("KS distance", number(self.beta.ks, digits=3)),
            ("classification error", number(self.classification_error, digits=3)),
        ]

    def __str__(self) -> str:
        width = max(len(name) for name, _ in self._rows())
        return "\n".join([self.name, *(f"  {name:<{width}}  {value}" for name, value in self._rows())])

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><th style='text-align:left'>{escape(name)}</th><td>{escape(value)}</td></tr>"
            for name, value in self._rows()
        )
        return f"<table><caption>{escape(self.name)}</caption>{rows}</table>"


def of_json(measured: tuple[str, np.ndarray, np.ndarray, int]) -> Measure:
    """The measure that the core handed over."""
    document, k, m_k, dropped = measured
    found = json.loads(document)
    beta = Beta(**found.pop("beta"))
    return Measure(**found, beta=beta, k=k, m_k=m_k, dropped=dropped)


def measure(
    states: Any,
    labels: Any = None,
    threshold: float | None = None,
    *,
    name: str = "states",
    missing: str = "refuse",
    memory: int = 2 << 30,
    threads: int | None = None,
) -> Measure:
    """Measures how states group observations.

    Parameters
    ----------
    states : array_like, shape (M,) or (M, units)
        The state of every observation: a row of 0/1, or of real values with `threshold`; a whole number; a
        string. NumPy, PyTorch and any array with ``__array__`` or DLPack, columns of pandas, Polars and Arrow.
        Rows one after the other in memory are not copied.
    labels : array_like, shape (M,), optional
        Whole numbers or strings, for the classification error.
    threshold : float, optional
        Values above it are 1, others 0.
    name : str
        What was measured.
    missing : {"refuse", "drop", "state"}
        What becomes of missing strings: an error, left out, or a state of their own.
    memory : int
        Bytes to count in; what does not fit goes to disk and gives the same result.
    threads : int, optional
        Threads; all by default. The result does not depend on it.

    Returns
    -------
    Measure

    Raises
    ------
    ValueError
        For states that cannot be measured, in one line: place and remedy.
    TypeError
        For what is no array of numbers or strings.

    Examples
    --------
    >>> import resrel
    >>> found = resrel.measure([3, 1, 3, 3, 7, 1])
    >>> found.m, found.states, found.max_frequency
    (6, 3, 3)
    >>> found.resolution == found.relevance  # each frequency occurs once
    True
    """
    settings = {
        "name": name,
        "threshold": threshold,
        "missing": missing,
        "memory": memory,
        "threads": threads_of(threads),
    }
    found, labels = states_of(states), labels_of(labels)
    if isinstance(found, Texts):
        if threshold is not None:
            raise ValueError("states: text has no threshold; leave it out, or give numbers")
        return of_json(_resrel.measure_texts(settings, found.values, labels, None))
    return of_json(_resrel.measure_array(settings, *found, labels, None))


def measure_counts(frequencies: Any, *, name: str = "counts") -> Measure:
    """Measures states of which only is known how many observations each has.

    Parameters
    ----------
    frequencies : array_like of int, shape (states,)
        Observations of each state, at least 1.
    name : str
        What was measured.

    Returns
    -------
    Measure

    Raises
    ------
    ValueError
        For no frequencies, or one below 1.

    Examples
    --------
    >>> import resrel
    >>> resrel.measure_counts([3, 2, 1]).m
    6
    """
    return of_json(_resrel.measure_frequencies(name, frequencies_of(frequencies, "frequencies")))


class Counts:
    """Counts of states that come in batches: nothing is kept but the distinct states and how often each occurred.

    Parts counted apart (by other processes, on other machines) are merged and give what the whole gives.

    Examples
    --------
    >>> import numpy as np, resrel
    >>> counts = resrel.Counts()
    >>> for batch in np.arange(600).reshape(6, 100) % 7:
    ...     _ = counts.observe(batch)
    >>> counts
    Counts(observations=600, states=7)
    >>> counts.measure().max_frequency
    86
    """

    def __init__(self) -> None:
        self._core = _resrel.Counts()

    def observe(self, states: Any, labels: Any = None, threshold: float | None = None) -> Counts:
        """Counts some observations.

        Parameters
        ----------
        states, labels, threshold
            As for `measure`; states are numbers, labels whole numbers.

        Returns
        -------
        Counts
            Itself.

        Raises
        ------
        ValueError
            For states that cannot be counted, or not with those before; nothing is counted then.
        TypeError
            For strings: number them first.
        """
        found = states_of(states)
        if isinstance(found, Texts):
            raise TypeError("states: text is not counted in batches; number the strings first")
        self._core.observe(*found, threshold, labels_of(labels))
        return self

    def merge(self, other: Counts) -> Counts:
        """Adds the counts of `other`, as if its observations followed.

        Parameters
        ----------
        other : Counts

        Returns
        -------
        Counts
            Itself.

        Raises
        ------
        ValueError
            If its states are of another kind; nothing is added then.
        """
        if other is self:
            raise ValueError("counts are merged with those of another part, not with themselves")
        self._core.merge(other._core)
        return self

    def measure(self, name: str = "states") -> Measure:
        """Measures what was counted so far.

        Parameters
        ----------
        name : str
            What was measured.

        Returns
        -------
        Measure

        Raises
        ------
        ValueError
            If nothing was counted yet.
        """
        return of_json(self._core.measure(name))

    @property
    def observations(self) -> int:
        """Number of observations M."""
        return self._core.observations()

    @property
    def states(self) -> int:
        """Number of distinct states."""
        return self._core.states()

    def __repr__(self) -> str:
        return f"Counts(observations={self.observations}, states={self.states})"

    def __getstate__(self) -> Any:
        return {"core": self._core.__getstate__()}

    def __setstate__(self, state: Any) -> None:
        self._core = _resrel.Counts()
        self._core.__setstate__(state["core"])
