"""The restricted Boltzmann machine."""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from .. import _resrel
from .._measures import Measure, measure
from .._progress import told
from .._settings import threads_of
# First, since it says what to do where scikit-learn is missing.
from ._common import Trained, sampled, seed_of, single

from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

__all__ = ["RBM"]


class RBM(Trained):
    """Restricted Boltzmann machine with binary units, trained by (persistent) contrastive divergence.

    ``E(v, h) = -v.W.h - a.v - b.h`` and ``P(v, h) = exp(-E(v, h))/Z``, with visible units v, hidden units h,
    weights W and biases a, b.

    Parameters
    ----------
    n_components : int
        Number of hidden units.
    learning_rate : float
        Step of the gradient ascent.
    batch_size : int
        Observations in a mini-batch, and number of chains.
    n_iter : int
        Passes over the data.
    negative_phase : {"pcd", "cd"}
        Where chains start: where the last update left them, or at the mini-batch.
    steps : int
        Gibbs steps between two updates.
    negative_visible : {"mean", "sampled"}
        What the visible units of the chains are.
    momentum : float
        Fraction of the last step that is added to the next.
    weight_decay : float
        L2 penalty on the weights.
    connectivity : float
        Fraction of the weights that are there; the others are 0 and stay so.
    sparsity : float, optional
        Mean activity that hidden units are pushed towards.
    sparsity_cost : float
        How strongly.
    verbose : bool
        Show a progress bar.
    random_state : int, RandomState or None
        A whole number gives the same machine on any number of threads, and that of ``resrel train --seed``.
    n_jobs : int, optional
        Threads; all by default.

    Attributes
    ----------
    components_ : ndarray of shape (n_components, n_features)
        The weights.
    intercept_hidden_ : ndarray of shape (n_components,)
        Biases of the hidden units.
    intercept_visible_ : ndarray of shape (n_features,)
        Biases of the visible units.
    n_features_in_ : int
        Number of features of the data.

    References
    ----------
    T. Tieleman, "Training restricted Boltzmann machines using approximations to the likelihood gradient", ICML 2008.

    Examples
    --------
    >>> import numpy as np
    >>> from resrel import RBM
    >>> X = np.array([[0, 0, 1], [0, 1, 1], [1, 0, 0], [1, 1, 0]] * 10)
    >>> machine = RBM(n_components=2, batch_size=10, random_state=0).fit(X)
    >>> machine.transform(X).shape
    (40, 2)
    """

    def __init__(
        self,
        n_components: int = 256,
        *,
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
        self.n_components = n_components
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

    def fit(self, X: Any, y: Any = None) -> RBM:
        """Trains the machine from the start.

        Parameters
        ----------
        X : array of shape (n_samples, n_features)
            Observations, values in [0, 1].
        y : ignored

        Returns
        -------
        RBM
        """
        X = self._values(X, reset=True)
        [machine] = self._train(X, [X.shape[1], self.n_components])
        self._keep(machine, X)
        # A machine that is trained on begins its chains anew.
        self._state: tuple[np.ndarray, int] | None = None
        return self

    def partial_fit(self, X: Any, y: Any = None) -> RBM:
        """Trains the machine on, for one pass over these observations; chains go on where they were.

        Parameters
        ----------
        X : array of shape (n_samples, n_features)
            Observations, values in [0, 1].
        y : ignored

        Returns
        -------
        RBM
        """
        first = not hasattr(self, "components_")
        X = self._values(X, reset=first)
        if self.momentum:
            raise ValueError(f"momentum = {self.momentum}: partial_fit keeps no last step; use 0, or fit")
        state = None if first else self._state
        if state is None:
            self._seed = seed_of(self.random_state)
        before = None
        if not first:
            if state is None:
                rng = np.random.RandomState(self._seed % 2**32)
                shape = (self.batch_size, self.n_components)
                state = (rng.randint(2, size=shape).astype(np.uint8), 0)
            before = (self._machine(), *state)
        machine, chains, update = _resrel.train_on(
            single(X), self.n_components, json.dumps(self._training()), self._seed, threads_of(self.n_jobs), before
        )
        self._keep(machine, X)
        self._state = (chains, update)
        return self

    def _keep(self, machine: Any, X: np.ndarray) -> None:
        weights, visible, hidden = machine
        self.components_ = np.ascontiguousarray(weights.T)
        self.intercept_visible_ = visible
        self.intercept_hidden_ = hidden
        self._means = X.mean(axis=0, dtype=np.float64, keepdims=True).astype(np.float32)

    def _machine(self) -> Any:
        return (
            np.ascontiguousarray(self.components_.T, dtype=np.float32),
            np.asarray(self.intercept_visible_, dtype=np.float32),
            np.asarray(self.intercept_hidden_, dtype=np.float32),
        )

    @property
    def _n_features_out(self) -> int:
        return self.components_.shape[0]

    def transform(self, X: Any) -> np.ndarray:
        """Probabilities P(h = 1 | v) of the hidden units.

        Parameters
        ----------
        X : array of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples, n_components)
        """
        check_is_fitted(self)
        X = self._values(X, reset=False)
        means = _resrel.hidden_means(self._machine(), single(X), threads_of(self.n_jobs))
        return means.astype(X.dtype, copy=False)

    def free_energy(self, X: Any) -> np.ndarray:
        """Free energy ``F(v) = -a.v - sum_j ln(1 + exp(b_j + v.W_j))``, in nats.

        Parameters
        ----------
        X : array of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples,)
        """
        check_is_fitted(self)
        X = self._values(X, reset=False)
        return _resrel.free_energy(self._machine(), single(X), threads_of(self.n_jobs))

    def score_samples(self, X: Any) -> np.ndarray:
        """Pseudo-log-likelihood, as `sklearn.neural_network.BernoulliRBM.score_samples`.

        One feature of each observation, at random, is flipped; the logarithm of the probability that it is as
        it was, times the number of features.

        Parameters
        ----------
        X : array of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples,)
        """
        check_is_fitted(self)
        X = self._values(X, reset=False)
        rows = np.arange(len(X))
        flipped = check_random_state(self.random_state).randint(0, X.shape[1], len(X))
        other = X.copy()
        other[rows, flipped] = 1 - other[rows, flipped]
        return -X.shape[1] * np.logaddexp(0, self.free_energy(X) - self.free_energy(other))

    def score(self, X: Any, y: Any = None) -> float:
        """Mean of `score_samples`: what a grid search makes as large as can be.

        Parameters
        ----------
        X : array of shape (n_samples, n_features)
        y : ignored

        Returns
        -------
        float
        """
        return float(np.mean(self.score_samples(X)))

    def log_partition(self) -> tuple[float, float | None]:
        """ln Z and its standard error, in nats.

        Returns
        -------
        tuple of float and (float or None)
            Exact, without an error, where the smaller side has at most 20 units; by annealed importance sampling
            else.

        References
        ----------
        R. Salakhutdinov, I. Murray, "On the quantitative analysis of deep belief networks", ICML 2008.
        """
        check_is_fitted(self)
        with told(bool(self.verbose), "ln Z") as progress:
            return _resrel.log_partition(
                self._machine(), self._means, seed_of(self.random_state), threads_of(self.n_jobs), progress
            )

    def log_likelihood(self, X: Any) -> np.ndarray:
        """ln P(v) = -F(v) - ln Z of each observation, in nats.

        Parameters
        ----------
        X : array of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples,)
        """
        energies = self.free_energy(X)
        return -energies - self.log_partition()[0]

    def sample(self, n_samples: int = 1, *, steps: int = 1_000) -> np.ndarray:
        """Means of the visible units of as many chains, each from a random state.

        Parameters
        ----------
        n_samples : int
            Number of chains.
        steps : int
            Gibbs steps of each.

        Returns
        -------
        ndarray of shape (n_samples, n_features)
        """
        check_is_fitted(self)
        return sampled(self, [self._machine()], 1, n_samples, steps)

    def states(self, X: Any) -> np.ndarray:
        """The most probable hidden states.

        Parameters
        ----------
        X : array of shape (n_samples, n_features)

        Returns
        -------
        ndarray of uint8, of shape (n_samples, n_components)
        """
        check_is_fitted(self)
        X = self._values(X, reset=False)
        return _resrel.layer_states([self._machine()], single(X), threads_of(self.n_jobs))[0]

    def measure(self, X: Any, y: Any = None) -> Measure:
        """Resolution and relevance of the hidden states.

        Parameters
        ----------
        X : array of shape (n_samples, n_features)
        y : array of shape (n_samples,), optional
            Labels.

        Returns
        -------
        Measure
        """
        return measure(self.states(X), labels=y, name="H1")
