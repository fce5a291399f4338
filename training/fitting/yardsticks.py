"""What the networks are measured against on the readings alone: estimators of scikit-learn."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import numpy.typing as npt
import torch
from sklearn.base import ClassifierMixin
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.neighbors import KNeighborsClassifier

TREES = 300


def log_probabilities(
    estimator: ClassifierMixin, inputs: npt.NDArray[np.float32], smallest: float
) -> torch.Tensor:
    """Return an estimator's answers as logits, shape (N, K), float32.

    Args:
        estimator: fitted.
        inputs: shape (N, F).
        smallest: what a probability of 0 becomes, so that its logarithm is a number.
    """
    probabilities = np.maximum(estimator.predict_proba(inputs), smallest)
    return torch.from_numpy(np.log(probabilities).astype(np.float32))


def _nearest_neighbour(_: int) -> ClassifierMixin:
    return KNeighborsClassifier(n_neighbors=1)


def _extra_trees(seed: int) -> ClassifierMixin:
    return ExtraTreesClassifier(n_estimators=TREES, random_state=seed)


ESTIMATORS: Mapping[str, Callable[[int], ClassifierMixin]] = {
    "nearest_neighbour": _nearest_neighbour,
    "extra_trees": _extra_trees,
}
"""Estimators by name, made from a seed; they take normalised counts, shape (N, C)."""
