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

from ._laws import Fit, Limit, MultiScaleRelevance, critical_layer, fit, limit, msr
from ._measures import Beta, Counts, Measure, measure, measure_counts
from ._resrel import VERSION as __version__
from ._runs import Run, report, reproduce

__all__ = [
    "Beta",
    "Counts",
    "Fit",
    "Limit",
    "Measure",
    "MultiScaleRelevance",
    "Run",
    "__version__",
    "critical_layer",
    "fit",
    "limit",
    "measure",
    "measure_counts",
    "msr",
    "report",
    "reproduce",
]
