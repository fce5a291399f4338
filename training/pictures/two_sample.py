"""How well drawn and real pictures are told apart: a classifier two-sample test.

Source: Lopez-Paz and Oquab (2017), Revisiting Classifier Two-Sample Tests. A classifier learns of some
pictures which ones are real, and is asked of others; an AUC of 0.5 says that it cannot tell. The figure is a
test: nothing is tuned on it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedGroupKFold

from training.pictures.field_statistics import NAMES, table
from training.pictures.samples import Sample

FOLDS = 5
TREES = 100
CHANCE_DRAWS = 10
"""How often drawn pictures are taken for real ones, to see what chance gives."""
ALIKE = 0.9
"""Correlation from which on two pictures are of one scene and stay in one fold."""

Table = npt.NDArray[np.float64]


class TooFewError(ValueError):
    """There are too few pictures for a test; the message says how many are needed."""


@dataclass(frozen=True)
class StatisticFigure:
    """One statistic by itself.

    Attributes:
        name: of the statistic.
        drawn: its median over drawn pictures.
        real: its median over real pictures.
        auc: how well it tells them apart, 0.5 (not at all) to 1.
    """

    name: str
    drawn: float
    real: float
    auc: float


@dataclass(frozen=True)
class TwoSampleFigures:
    """How well drawn and real pictures are told apart.

    Attributes:
        drawn: how many there were.
        real: likewise.
        scenes: of how many scenes the real ones are.
        auc: of the classifier on pictures of scenes that it has not learned from.
        chance: the AUC where drawn pictures stand in for the real ones: least, median, greatest.
        statistics: each by itself, the most telling first.
    """

    drawn: int
    real: int
    scenes: int
    auc: float
    chance: tuple[float, float, float]
    statistics: tuple[StatisticFigure, ...]


def tell_apart(drawn: Sequence[Sample], real: Sequence[Sample], seed: int) -> TwoSampleFigures:
    """Measure how well drawn and real pictures are told apart.

    Args:
        drawn: several times as many as real ones: from their end stand-ins are taken.
        real: pictures of at least `FOLDS` scenes.
        seed: of folds and trees.

    Raises:
        TooFewError: there are too few of either.
    """
    scenes = scenes_of(real)
    count = len(set(scenes.tolist()))
    if count < FOLDS:
        raise TooFewError(f"the real pictures are of {count} scenes; expected at least {FOLDS}")
    if len(drawn) < 2 * len(real):
        raise TooFewError(f"{len(drawn)} drawn beside {len(real)} real pictures; expected twice as many")
    drawn_table, real_table = table(list(drawn)), table(list(real))
    rng = np.random.default_rng(seed)
    chance = []
    for _ in range(CHANCE_DRAWS):
        order = rng.permutation(len(drawn))
        stand_ins, others = drawn_table[order[: len(real)]], drawn_table[order[len(real) :]]
        # They are grouped as the real ones are, so that chance has as many scenes.
        chance.append(_auc(others, stand_ins, scenes, seed))
    return TwoSampleFigures(
        drawn=len(drawn),
        real=len(real),
        scenes=count,
        auc=_auc(drawn_table, real_table, scenes, seed),
        chance=(min(chance), float(np.median(chance)), max(chance)),
        statistics=_by_itself(drawn_table, real_table),
    )


def scenes_of(samples: Sequence[Sample]) -> npt.NDArray[np.int64]:
    """Number the scenes of pictures, shape (N,): pictures that look nearly the same are of one scene."""
    flat = np.stack([sample.seen.reshape(-1) for sample in samples]).astype(np.float64)
    flat -= flat.mean(axis=1, keepdims=True)
    flat /= np.maximum(np.linalg.norm(flat, axis=1, keepdims=True), 1e-9)
    alike = flat @ flat.T > ALIKE
    scenes = np.arange(len(samples))
    for row in range(len(samples)):
        for other in np.flatnonzero(alike[row]):
            scenes[scenes == scenes[other]] = scenes[row]
    return np.unique(scenes, return_inverse=True)[1]


def nearest_drawn(drawn: Sequence[Sample], real: Sequence[Sample]) -> list[Sample]:
    """Return for each real picture the drawn one whose statistics are nearest to its own."""
    drawn_table, real_table = table(list(drawn)), table(list(real))
    scale = np.maximum(drawn_table.std(axis=0), 1e-9)
    distance = np.linalg.norm((real_table[:, np.newaxis] - drawn_table) / scale, axis=2)
    return [drawn[index] for index in distance.argmin(axis=1)]


def _auc(drawn: Table, real: Table, scenes: npt.NDArray[np.int64], seed: int) -> float:
    values = np.concatenate([drawn, real])
    labels = np.repeat([0, 1], [len(drawn), len(real)])
    groups = np.concatenate([np.arange(len(drawn)) + 1 + scenes.max(), scenes])
    folds = StratifiedGroupKFold(FOLDS, shuffle=True, random_state=seed)
    likely = np.zeros(len(values))
    for learned, asked in folds.split(values, labels, groups):
        forest = ExtraTreesClassifier(
            TREES, class_weight="balanced", min_samples_leaf=2, random_state=seed, n_jobs=1
        )
        forest.fit(values[learned], labels[learned])
        if len(forest.classes_) == 2:
            likely[asked] = forest.predict_proba(values[asked])[:, 1]
    return float(roc_auc_score(labels, likely))


def _by_itself(drawn: Table, real: Table) -> tuple[StatisticFigure, ...]:
    labels = np.repeat([0, 1], [len(drawn), len(real)])
    figures = []
    for column, name in enumerate(NAMES):
        auc = float(roc_auc_score(labels, np.concatenate([drawn[:, column], real[:, column]])))
        medians = [float(np.median(part[:, column])) for part in (drawn, real)]
        figures.append(StatisticFigure(name, medians[0], medians[1], max(auc, 1 - auc)))
    return tuple(sorted(figures, key=lambda figure: -figure.auc))
