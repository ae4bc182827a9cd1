"""Resolution and relevance: which layer has grouped your data best, measured without labels.

A layer maps every observation to a state. How many observations share a state gives two entropies:
resolution ``H[s] = -sum m_k (k/M) ln(k/M)``, how finely states tell observations apart, and relevance
``H[k] = -sum (k m_k/M) ln(k m_k/M)``, how much structure there is in how often they occur, where ``m_k`` is the
number of states with ``k`` of the ``M`` observations. Good representations reach the largest relevance possible at
their resolution; their frequencies then follow a power law ``m_k ~ k^(-beta-1)``, and where ``beta = 1`` (Zipf's
law) a layer generates best.

Source: J. Song, M. Marsili, J. Jo, "Resolution and relevance trade-offs in deep learning", J. Stat. Mech. (2018)
123406.
"""

from typing import TYPE_CHECKING, Any

from ._laws import Fit, Limit, MultiScaleRelevance, critical_layer, fit, limit, msr
from ._measures import Beta, Counts, Measure, measure, measure_counts
from ._probe import Follow, Probe, lightning_callback, probe
from ._resrel import VERSION as __version__
from ._runs import Run, report, reproduce

if TYPE_CHECKING:
    from ._estimators import DBN, RBM, KMeans

__all__ = [
    "DBN",
    "RBM",
    "Beta",
    "Counts",
    "Fit",
    "Follow",
    "KMeans",
    "Limit",
    "Measure",
    "MultiScaleRelevance",
    "Probe",
    "Run",
    "__version__",
    "critical_layer",
    "fit",
    "lightning_callback",
    "limit",
    "measure",
    "measure_counts",
    "msr",
    "probe",
    "report",
    "reproduce",
]


def __getattr__(name: str) -> Any:
    # They need scikit-learn, which the rest does without.
    if name in ("DBN", "KMeans", "RBM"):
        from . import _estimators

        return getattr(_estimators, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
