"""Machines, networks and clusterings as estimators of scikit-learn."""

from ._dbn import DBN
from ._kmeans import KMeans
from ._rbm import RBM

__all__ = ["DBN", "RBM", "KMeans"]
