"""The deep belief network."""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from .. import _resrel
from .._laws import critical_layer
from .._measures import Measure, measure
from .._progress import told
from .._settings import threads_of
# First, since it says what to do where scikit-learn is missing.
from ._common import Trained, sampled, seed_of, single

from sklearn.utils.validation import check_is_fitted

__all__ = ["DBN"]


class DBN(Trained):
    """Deep belief network: machines stacked, each trained on the states of the one below.

    Parameters
    ----------
    layers : sequence of int
        Hidden units of each layer, the first one first.
    next_input : {"sampled", "mean", "binarised"}
        What a layer hands to the next as its data.
    learning_rate, batch_size, n_iter, negative_phase, steps, negative_visible, momentum, weight_decay, connectivity, \
sparsity, sparsity_cost, verbose, random_state, n_jobs
        As of `RBM`, for every layer.

    Attributes
    ----------
    machines_ : list of tuple
        Weights (inputs x units), biases of the inputs, biases of the units; one a layer.
    n_features_in_ : int
        Number of features of the data.

    References
    ----------
    G. E. Hinton, S. Osindero, Y.-W. Teh, "A fast learning algorithm for deep belief nets", Neural Computation 18
    (2006).

    Examples
    --------
    >>> import numpy as np
    >>> from resrel import DBN
    >>> X = np.random.RandomState(0).randint(2, size=(200, 12))
    >>> network = DBN((8, 4), batch_size=20, random_state=0).fit(X)
    >>> [measure.name for measure in network.measure(X)]
    ['H1', 'H2']
    """

    def __init__(
        self,
        layers: tuple[int, ...] = (500, 250, 120),
        *,
        next_input: str = "sampled",
        learning_rate: float = 0.1,
        batch_size: int = 100,
        n_iter: int = 10,
        negative_phase: str = "pcd",
        steps: int = 1,
        negative_visible: str = "mean",
        momentum: float = 0.0,
        weight_decay: float = 0.0,
        connectivity: float = 1.0,
        sparsity: float | None = None,
        sparsity_cost: float = 10.0,
        verbose: bool = False,
        random_state: Any = None,
        n_jobs: int | None = None,
    ) -> None:
        self.layers = layers
        self.next_input = next_input
        self.learning_rate = learning_rate
        self.batch_size = batch_size
        self.n_iter = n_iter
        self.negative_phase = negative_phase
        self.steps = steps
        self.negative_visible = negative_visible
        self.momentum = momentum
        self.weight_decay = weight_decay
        self.connectivity = connectivity
        self.sparsity = sparsity
        self.sparsity_cost = sparsity_cost
        self.verbose = verbose
        self.random_state = random_state
        self.n_jobs = n_jobs

    def fit(self, X: Any, y: Any = None) -> DBN:
        """Trains layer after layer.

        Parameters
        ----------
        X : array of shape (n_samples, n_features)
            Observations, values in [0, 1].
        y : ignored

        Returns
        -------
        DBN
        """
        X = self._values(X, reset=True)
        self.machines_ = self._train(X, [X.shape[1], *self.layers], next_input=self.next_input)
        return self

    @property
    def _n_features_out(self) -> int:
        return self.machines_[-1][0].shape[1]

    def states(self, X: Any) -> list[np.ndarray]:
        """The states of every layer, H1 first: each layer binarised at P > 0.5 and handed to the next.

        Parameters
        ----------
        X : array of shape (n_samples, n_features)

        Returns
        -------
        list of ndarray of uint8, each of shape (n_samples, units)
        """
        check_is_fitted(self)
        X = self._values(X, reset=False)
        return _resrel.layer_states(self.machines_, single(X), threads_of(self.n_jobs))

    def transform(self, X: Any) -> np.ndarray:
        """States of the deepest layer, 0 and 1.

        Parameters
        ----------
        X : array of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples, units)
        """
        check_is_fitted(self)
        X = self._values(X, reset=False)
        states = _resrel.layer_states(self.machines_, single(X), threads_of(self.n_jobs))
        return states[-1].astype(X.dtype)

    def measure(self, X: Any, y: Any = None) -> list[Measure]:
        """Resolution and relevance of every layer.

        Parameters
        ----------
        X : array of shape (n_samples, n_features)
        y : array of shape (n_samples,), optional
            Labels.

        Returns
        -------
        list of Measure
            H1 first; `resrel.critical_layer` says which is critical.
        """
        layers = enumerate(self.states(X), start=1)
        return [measure(states, labels=y, name=f"H{layer}") for layer, states in layers]

    def critical_layer(self, X: Any) -> dict[str, Any] | None:
        """The critical layer: that of the largest H[s] + H[k].

        Parameters
        ----------
        X : array of shape (n_samples, n_features)

        Returns
        -------
        dict or None
            As `resrel.critical_layer`.
        """
        return critical_layer(self.measure(X))

    def log_likelihood(self, X: Any) -> list[dict[str, Any]]:
        """How probable the network up to each layer holds the observations.

        Parameters
        ----------
        X : array of shape (n_samples, n_features)

        Returns
        -------
        list of dict
            H1 first: ``name``, ``log_likelihood`` (mean of ln P(v) over the observations, in nats; from H2 on of a
            variational lower bound of it), ``stderr``, and ``log_partition`` of its machine, with the keys of
            ``resrel likelihood --json``.

        References
        ----------
        R. Salakhutdinov, I. Murray, "On the quantitative analysis of deep belief networks", ICML 2008.
        """
        check_is_fitted(self)
        X = self._values(X, reset=False)
        with told(bool(self.verbose), "ln Z") as progress:
            document = _resrel.likelihoods(
                self.machines_, single(X), seed_of(self.random_state), threads_of(self.n_jobs), progress
            )
        return json.loads(document)

    def score(self, X: Any, y: Any = None) -> float:
        """The largest of `log_likelihood`: what a grid search makes as large as can be.

        Parameters
        ----------
        X : array of shape (n_samples, n_features)
        y : ignored

        Returns
        -------
        float
        """
        return max(layer["log_likelihood"] for layer in self.log_likelihood(X))

    def sample(self, n_samples: int = 1, *, layer: int | None = None, steps: int = 1_000) -> np.ndarray:
        """Means of the visible units below chains of a layer, each from a random state.

        Parameters
        ----------
        n_samples : int
            Number of chains.
        layer : int, optional
            The layer, from 1; the deepest by default.
        steps : int
            Gibbs steps of each.

        Returns
        -------
        ndarray of shape (n_samples, n_features)
        """
        check_is_fitted(self)
        layer = len(self.machines_) if layer is None else layer
        return sampled(self, self.machines_, layer, n_samples, steps)
