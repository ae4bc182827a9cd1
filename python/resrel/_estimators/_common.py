"""What the estimators have in common."""

from __future__ import annotations

import json
from typing import Any

import numpy as np

try:
    from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
    from sklearn.utils import check_random_state
    from sklearn.utils.validation import validate_data
except ImportError as error:
    raise ImportError("RBM, DBN and KMeans need scikit-learn 1.6 or newer: pip install 'resrel[sklearn]'") from error

from .. import _resrel
from .._progress import told
from .._settings import threads_of

__all__ = ["Estimator", "Trained", "sampled", "seed_of", "single"]


def seed_of(random_state: Any) -> int:
    """A whole number as it is, so that results are those of the command line with that ``--seed``."""
    if isinstance(random_state, (int, np.integer)) and random_state >= 0:
        return int(random_state)
    return int(check_random_state(random_state).randint(np.iinfo(np.int32).max))


class Estimator(BaseEstimator):
    """What all have in common."""

    def _values(self, X: Any, *, reset: bool) -> np.ndarray:
        """Observations in rows, checked, as numbers of the user's precision."""
        return validate_data(self, X, dtype=[np.float64, np.float32], reset=reset)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        if tags.transformer_tags is not None:
            tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags


def single(X: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(X, dtype=np.float32)


class Trained(ClassNamePrefixFeaturesOutMixin, TransformerMixin, Estimator):
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
            return _resrel.train(single(X), settings, seed_of(self.random_state), threads_of(self.n_jobs), progress)


def sampled(estimator: Any, machines: list[Any], layer: int, n_samples: int, steps: int) -> np.ndarray:
    settings = json.dumps({"layer": layer, "samples": n_samples, "steps": steps})
    with told(bool(estimator.verbose), "samples") as progress:
        return _resrel.sample(
            machines, settings, seed_of(estimator.random_state), threads_of(estimator.n_jobs), progress
        )
