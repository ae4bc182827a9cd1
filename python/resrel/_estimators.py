"""Machines, networks and clusterings as estimators of scikit-learn."""

from __future__ import annotations

import json
from typing import Any

import numpy as np

try:
    from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, ClusterMixin, TransformerMixin
    from sklearn.utils import check_random_state
    from sklearn.utils.validation import check_is_fitted, validate_data
except ImportError as error:
    raise ImportError("RBM, DBN and KMeans need scikit-learn 1.6 or newer: pip install 'resrel[sklearn]'") from error

from . import _resrel
from ._laws import critical_layer
from ._measures import Measure, measure
from ._progress import told
from ._settings import threads_of

__all__ = ["DBN", "KMeans", "RBM"]


def _seed(random_state: Any) -> int:
    """A whole number as it is, so that results are those of the command line with that ``--seed``."""
    if isinstance(random_state, (int, np.integer)) and random_state >= 0:
        return int(random_state)
    return int(check_random_state(random_state).randint(np.iinfo(np.int32).max))


class _Estimator(BaseEstimator):
    """What all have in common."""

    def _values(self, X: Any, *, reset: bool) -> np.ndarray:
        """Observations in rows, checked, as numbers of the user's precision."""
        return validate_data(self, X, dtype=[np.float64, np.float32], reset=reset)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        if tags.transformer_tags is not None:
            tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags


def _single(X: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(X, dtype=np.float32)


class _Trained(ClassNamePrefixFeaturesOutMixin, TransformerMixin, _Estimator):
    """What machines and networks have in common: how they are trained."""

    def _training(self) -> dict[str, Any]:
        return {
            "negative_phase": self.negative_phase,
            "steps": self.steps,
            "negative_visible": self.negative_visible,
            "batch": self.batch_size,
            "learning_rate": self.learning_rate,
            "momentum": self.momentum,
            "weight_decay": self.weight_decay,
            "connectivity": self.connectivity,
            "sparsity": self.sparsity,
            "sparsity_cost": self.sparsity_cost,
            "epochs": self.n_iter,
        }

    def _train(self, X: np.ndarray, layers: list[int], **options: Any) -> list[Any]:
        settings = json.dumps({"layers": layers, "training": self._training(), **options})
        with told(bool(self.verbose), type(self).__name__) as progress:
            return _resrel.train(_single(X), settings, _seed(self.random_state), threads_of(self.n_jobs), progress)


class RBM(_Trained):
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
            self._seed = _seed(self.random_state)
        before = None
        if not first:
            if state is None:
                rng = np.random.RandomState(self._seed % 2**32)
                shape = (self.batch_size, self.n_components)
                state = (rng.randint(2, size=shape).astype(np.uint8), 0)
            before = (self._machine(), *state)
        machine, chains, update = _resrel.train_on(
            _single(X), self.n_components, json.dumps(self._training()), self._seed, threads_of(self.n_jobs), before
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
        means = _resrel.hidden_means(self._machine(), _single(X), threads_of(self.n_jobs))
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
        return _resrel.free_energy(self._machine(), _single(X), threads_of(self.n_jobs))

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
                self._machine(), self._means, _seed(self.random_state), threads_of(self.n_jobs), progress
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
        return _sampled(self, [self._machine()], 1, n_samples, steps)

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
        return _resrel.layer_states([self._machine()], _single(X), threads_of(self.n_jobs))[0]

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


def _sampled(estimator: Any, machines: list[Any], layer: int, n_samples: int, steps: int) -> np.ndarray:
    settings = json.dumps({"layer": layer, "samples": n_samples, "steps": steps})
    with told(bool(estimator.verbose), "samples") as progress:
        return _resrel.sample(
            machines, settings, _seed(estimator.random_state), threads_of(estimator.n_jobs), progress
        )


class DBN(_Trained):
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
        return _resrel.layer_states(self.machines_, _single(X), threads_of(self.n_jobs))

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
        states = _resrel.layer_states(self.machines_, _single(X), threads_of(self.n_jobs))
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
                self.machines_, _single(X), _seed(self.random_state), threads_of(self.n_jobs), progress
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
        return _sampled(self, self.machines_, layer, n_samples, steps)


class KMeans(ClassNamePrefixFeaturesOutMixin, TransformerMixin, ClusterMixin, _Estimator):
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
        settings = {"k": self.n_clusters, "max_iterations": self.max_iter, "seed": _seed(self.random_state)}
        with told(bool(self.verbose), "k-means") as progress:
            centers, labels, self.inertia_, self.n_iter_ = _resrel.cluster(
                _single(X), json.dumps(settings), threads_of(self.n_jobs), progress
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
