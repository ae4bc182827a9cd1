"""Power laws, theoretical curves, multi-scale relevance, and the critical layer."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from . import _resrel
from ._arrays import as_numpy, frequencies_of
from ._measures import Measure
from ._settings import threads_of

__all__ = ["Fit", "Limit", "MultiScaleRelevance", "critical_layer", "fit", "limit", "msr"]


@dataclass(frozen=True)
class Fit:
    """A discrete power law ``P(k) = k^(-gamma) / zeta(gamma, k_min)``; numbers that do not exist are ``None``.

    Attributes
    ----------
    gamma, gamma_stderr : float or None
        The exponent of largest likelihood and its standard error.
    beta : float or None
        gamma - 1.
    k_min : int or None
        Smallest frequency of the fit.
    log_likelihood : float or None
        Of the states in the tail, in nats.
    ks : float or None
        Kolmogorov-Smirnov distance between the fit and the frequencies.
    tail, states : int or None
        States with ``k >= k_min``, and all states.
    p_value, p_value_stderr : float or None
        Probability of a distance at least as large under the law, by refits of synthetic samples.
    refits : int or None
        Number of those.
    comparisons : list of dict or None
        The law against lognormal, exponential, stretched exponential and truncated power law (Vuong).
    """

    gamma: float | None
    gamma_stderr: float | None
    beta: float | None
    k_min: int | None
    log_likelihood: float | None
    ks: float | None
    tail: int | None
    states: int
    p_value: float | None
    p_value_stderr: float | None
    refits: int | None
    comparisons: list[dict[str, Any]] | None


def fit(
    frequencies: Any,
    k_min: int | None = None,
    *,
    bootstrap: int | None = None,
    compare: bool = False,
    seed: int = 1,
    threads: int | None = None,
    progress: Callable[[float | None, str | None], Any] | None = None,
) -> Fit:
    """Fits a discrete power law to frequencies by maximum likelihood.

    Parameters
    ----------
    frequencies : array_like of int, shape (states,)
        Observations of each state, at least 1.
    k_min : int, optional
        Smallest frequency of the fit; by default the one of least Kolmogorov-Smirnov distance.
    bootstrap : int, optional
        Refits of synthetic samples for a p-value.
    compare : bool
        Whether to compare with other laws.
    seed : int
        Seed of the synthetic samples.
    threads : int, optional
        Threads; all by default. The result does not depend on it.
    progress : callable, optional
        Hears ``progress(done, None)``, done from 0 to 1.

    Returns
    -------
    Fit

    Raises
    ------
    ValueError
        For no frequencies, or one below 1.

    Examples
    --------
    >>> import resrel
    >>> found = resrel.fit([1, 1, 1, 1, 2, 2, 3, 5, 9], k_min=1)
    >>> round(found.gamma, 3), found.tail
    (1.874, 9)
    """
    for option, value in (("k_min", k_min), ("bootstrap", bootstrap)):
        if value is not None and value < 1:
            raise ValueError(f"{option} = {value}: give a whole number of 1 or more")
    settings = {
        "k_min": k_min,
        "bootstrap": bootstrap,
        "compare": compare,
        "seed": seed,
        "threads": threads_of(threads),
    }
    counts = frequencies_of(frequencies, "frequencies")
    return Fit(**json.loads(_resrel.fit(counts, settings, progress)))


@dataclass(frozen=True)
class Limit:
    """The theoretical curves for M observations; all are fractions of ln M.

    Attributes
    ----------
    m : int
        Number of observations M.
    max_relevance : float
        What no sample's H[k] exceeds, at any resolution.
    max_sum : float
        What no sample's H[s] + H[k] exceeds.
    mu, resolution, relevance : numpy.ndarray
        Points of the Poisson optimum, where its slope dH[k]/dH[s] is -mu: mu = 1 is Zipf's point.
    area : float
        Area under the Poisson optimum.
    """

    m: int
    max_relevance: float
    max_sum: float
    mu: np.ndarray
    resolution: np.ndarray
    relevance: np.ndarray
    area: float


def limit(m: int, mu: Iterable[float] | None = None) -> Limit:
    """How relevant a sample of m observations can be.

    Parameters
    ----------
    m : int
        Number of observations, 2 to 10**12.
    mu : iterable of float, optional
        Multipliers above -1 at which points of the Poisson optimum are given; nine of them by default.

    Returns
    -------
    Limit

    Raises
    ------
    ValueError
        For m or mu outside their ranges.

    Examples
    --------
    >>> import resrel
    >>> round(resrel.limit(60000).max_relevance, 4)
    0.5194
    """
    found = json.loads(_resrel.limit(int(m), None if mu is None else [float(it) for it in mu]))
    points = found["poisson"]

    def column(key: str) -> np.ndarray:
        return np.array([point[key] for point in points])

    return Limit(
        m=found["m"],
        max_relevance=found["strict"]["max_relevance"],
        max_sum=found["strict"]["max_sum"],
        mu=column("mu"),
        resolution=column("resolution"),
        relevance=column("relevance"),
        area=found["area"],
    )


@dataclass(frozen=True)
class MultiScaleRelevance:
    """Multi-scale relevance of a train of events.

    Attributes
    ----------
    msr : float or None
        Area under H[k] against H[s], fractions of ln M, over all widths of bins.
    reason : str or None
        Why there is none.
    events : int
        Number of events M.
    curve : list of dict
        The points: number and width of the bins, resolution and relevance.
    """

    msr: float | None
    reason: str | None
    events: int
    curve: list[dict[str, Any]] = field(repr=False)


def msr(
    times: Any = None,
    *,
    counts: Any = None,
    start: float | None = None,
    end: float | None = None,
    bins: int = 200,
) -> MultiScaleRelevance:
    """Multi-scale relevance of the times of events, such as the spikes of a neuron.

    Parameters
    ----------
    times : array_like of float, shape (M,), optional
        When events happened, in any order and unit.
    counts : array_like of int, shape (bins,), optional
        Instead of times: events in each of many narrow bins.
    start, end : float, optional
        When the recording began and ended; the first and last event by default.
    bins : int
        Numbers of bins that are tried, evenly spaced on a logarithmic scale.

    Returns
    -------
    MultiScaleRelevance

    Raises
    ------
    ValueError
        For times that are not finite, or too few events.
    """
    if (times is None) == (counts is None):
        raise ValueError("give times or counts, one of them")
    if bins < 2:
        raise ValueError(f"bins = {bins}: give 2 or more")
    if counts is not None:
        if start is not None or end is not None:
            raise ValueError("counts in bins have neither start nor end; leave them out")
        found = _resrel.msr_counts(frequencies_of(counts, "counts"), bins)
    else:
        array = as_numpy(times, "times")
        if array.ndim != 1 or array.dtype.kind not in "biuf":
            raise TypeError("times: give a vector of numbers")
        array = np.ascontiguousarray(array, dtype=np.float64)
        found = _resrel.msr_times(array, start, end, bins)
    return MultiScaleRelevance(**json.loads(found))


def critical_layer(layers: Iterable[Measure]) -> dict[str, Any] | None:
    """The layer of the largest H[s] + H[k], and what speaks for others.

    Parameters
    ----------
    layers : iterable of Measure
        The layers in their order, the shallowest first.

    Returns
    -------
    dict or None
        ``layer``, its ``beta`` and ``beta_stderr``, the layers that cannot be told from it, and the other two ways
        to find it (beta nearest 1, slope -1); ``None`` where no layer has both entropies.

    Examples
    --------
    >>> import resrel
    >>> fine = resrel.measure(range(100), name="H1")
    >>> coarse = resrel.measure([min(x % 40, x % 7) for x in range(100)], name="H2")
    >>> resrel.critical_layer([fine, coarse])["layer"]
    'H1'
    """
    documents = [layer.to_dict() for layer in layers]
    return json.loads(_resrel.critical_layer(json.dumps(documents)))
