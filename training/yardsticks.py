"""What the networks are measured against on the readings alone: estimators of scikit-learn."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from sklearn.base import ClassifierMixin
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.neighbors import KNeighborsClassifier

TREES = 300


def _nearest_neighbour(_: int) -> ClassifierMixin:
    return KNeighborsClassifier(n_neighbors=1)


def _extra_trees(seed: int) -> ClassifierMixin:
    return ExtraTreesClassifier(n_estimators=TREES, random_state=seed)


ESTIMATORS: Mapping[str, Callable[[int], ClassifierMixin]] = {
    "nearest_neighbour": _nearest_neighbour,
    "extra_trees": _extra_trees,
}
"""Estimators by name, made from a seed; they take normalised counts, shape (N, C)."""
