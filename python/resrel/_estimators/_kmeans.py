"""k-means."""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from .. import _resrel
from .._progress import told
from .._settings import threads_of
# First, since it says what to do where scikit-learn is missing.
from ._common import Estimator, seed_of, single

from sklearn.base import ClassNamePrefixFeaturesOutMixin, ClusterMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted

__all__ = ["KMeans"]


class KMeans(ClassNamePrefixFeaturesOutMixin, TransformerMixin, ClusterMixin, Estimator):
    """Lloyd's k-means from a k-means++ start, exact.

    Parameters
    ----------
    n_clusters : int
        Number of clusters.
    max_iter : int
        Iterations after which it stops though assignments still change.
    verbose : bool
        Show a progress bar.
    random_state : int, RandomState or None
        A whole number gives the same clusters on any number of threads, and those of ``resrel cluster --seed``.
    n_jobs : int, optional
        Threads; all by default.

    Attributes
    ----------
    cluster_centers_ : ndarray of shape (n_clusters, n_features)
        Means of the clusters.
    labels_ : ndarray of shape (n_samples,)
        Cluster of each observation.
    inertia_ : float
        Sum of squared distances to the nearest centre.
    n_iter_ : int
        Iterations.

    Examples
    --------
    >>> import numpy as np
    >>> from resrel import KMeans
    >>> X = np.array([[1.0, 2], [1, 4], [1, 0], [10, 2], [10, 4], [10, 0]])
    >>> sorted(KMeans(2, random_state=0).fit(X).cluster_centers_[:, 0].tolist())
    [1.0, 10.0]
    """

    def __init__(
        self,
        n_clusters: int = 8,
        *,
        max_iter: int = 300,
        verbose: bool = False,
        random_state: Any = None,
        n_jobs: int | None = None,
    ) -> None:
        self.n_clusters = n_clusters
        self.max_iter = max_iter
        self.verbose = verbose
        self.random_state = random_state
        self.n_jobs = n_jobs

    def fit(self, X: Any, y: Any = None) -> KMeans:
        """Finds clusters.

        Parameters
        ----------
        X : array of shape (n_samples, n_features)
        y : ignored

        Returns
        -------
        KMeans
        """
        X = self._values(X, reset=True)
        settings = {"k": self.n_clusters, "max_iterations": self.max_iter, "seed": seed_of(self.random_state)}
        with told(bool(self.verbose), "k-means") as progress:
            centers, labels, self.inertia_, self.n_iter_ = _resrel.cluster(
                single(X), json.dumps(settings), threads_of(self.n_jobs), progress
            )
        self.cluster_centers_ = centers
        self.labels_ = labels.astype(np.int32)
        return self

    @property
    def _n_features_out(self) -> int:
        return self.cluster_centers_.shape[0]

    def transform(self, X: Any) -> np.ndarray:
        """Distances to the centres.

        Parameters
        ----------
        X : array of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples, n_clusters)
        """
        check_is_fitted(self)
        X = self._values(X, reset=False)
        # Differences rather than products: exact where centres are far from 0.
        centers = self.cluster_centers_.astype(np.float64)
        squares = [((X.astype(np.float64) - center) ** 2).sum(axis=1) for center in centers]
        return np.sqrt(np.stack(squares, axis=1)).astype(X.dtype)

    def predict(self, X: Any) -> np.ndarray:
        """The nearest centre of each observation.

        Parameters
        ----------
        X : array of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples,)
        """
        return np.argmin(self.transform(X), axis=1).astype(np.int32)

    def score(self, X: Any, y: Any = None) -> float:
        """Minus the sum of squared distances to the nearest centre.

        Parameters
        ----------
        X : array of shape (n_samples, n_features)
        y : ignored

        Returns
        -------
        float
        """
        return -float((np.min(self.transform(X), axis=1).astype(np.float64) ** 2).sum())
