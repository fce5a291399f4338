"""Statistics of each class's readings, from which the simulated MQ array is drawn: mixtures of Gaussians."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.mixture import GaussianMixture
from sklearn.neighbors import KNeighborsClassifier

from gas_fusion_ros.simulation.mq_response import CORE_SCALE, MIN_RECOGNISED
from gas_fusion_ros.teaching.windows import ROW_PERIOD_S

WARM_UP_ROWS = 150
"""Rows at the start of the NoGas recording in which the array still warms up (5 minutes)."""
DRAWS = 400
_LAG_ROWS = 10
_CHI_MEDIAN = 0.6745

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True)
class MixtureSettings:
    """How the mixtures are fitted.

    Attributes:
        components: numbers of components to choose from, by BIC.
        starts: fits from different starts, of which the likeliest counts.
    """

    components: tuple[int, ...] = (12, 16, 20, 24)
    starts: int = 2


@dataclass(frozen=True)
class Judge:
    """Tells how far readings look like a class to two unlike classifiers trained on the real ones."""

    nearest: KNeighborsClassifier
    trees: ExtraTreesClassifier

    @classmethod
    def of(cls, counts: FloatArray, labels: npt.NDArray[np.str_]) -> Judge:
        """Learn the real readings."""
        trees = ExtraTreesClassifier(60, random_state=0)
        return cls(KNeighborsClassifier(5).fit(counts, labels), trees.fit(counts, labels))

    def share(self, counts: FloatArray, label: str) -> float:
        """Share of `counts` that is given to class `label`, by the stricter of the two."""
        return float(min(np.mean(one.predict(counts) == label) for one in (self.nearest, self.trees)))


def warmed_up(is_clean: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """Return at which rows of a recording the array had warmed up; `is_clean`, shape (N,): of clean air."""
    return ~(is_clean & (np.cumsum(is_clean) <= WARM_UP_ROWS))


def fit_classes(
    counts: npt.NDArray[np.floating],
    labels: npt.NDArray[np.str_],
    warm: npt.NDArray[np.bool_],
    settings: MixtureSettings,
) -> dict[str, object]:
    """Return each class's statistics, by name.

    Args:
        counts: shape (N, C), ADC counts, in time order within a class.
        labels: shape (N,), names of the classes.
        warm: shape (N,), whether the array had warmed up; the other rows only help to judge.
        settings: how the mixtures are fitted.
    """
    readings = counts.astype(np.float64)
    judge = Judge.of(readings, labels)
    return {
        str(name): _fit_class(str(name), readings[warm & (labels == name)], judge, settings)
        for name in np.unique(labels)
    }


def _fit_class(name: str, series: FloatArray, judge: Judge, settings: MixtureSettings) -> dict[str, object]:
    candidates = [
        GaussianMixture(size, reg_covar=1.0, n_init=settings.starts, random_state=0).fit(series)
        for size in settings.components
    ]
    mixture = min(candidates, key=lambda one: one.bic(series))
    factors = np.linalg.cholesky(mixture.covariances_)
    rng = np.random.default_rng(0)
    recognised = [
        judge.share(_draw(mean, factor, rng), name)
        for mean, factor in zip(mixture.means_, factors, strict=True)
    ]
    assigned = mixture.predict(series)
    second_difference = np.abs(np.diff(series, n=2, axis=0))
    return {
        "rows": len(series),
        "neighbour_step": np.median(np.abs(np.diff(series, axis=0)), axis=0).tolist(),
        "noise": np.round(np.median(second_difference, axis=0) / _CHI_MEDIAN / math.sqrt(6.0), 3).tolist(),
        "correlation_s": round(_correlation_s(series, assigned, mixture.means_, factors), 1),
        "dwell_s": round(_dwell_s(assigned), 1),
        "components": [
            {
                "weight": round(float(mixture.weights_[index]), 5),
                "recognised": round(recognised[index], 4),
                "neighbours": _neighbours(index, mixture.means_, factors, recognised, judge, name),
                "mean": np.round(mixture.means_[index], 1).tolist(),
                "covariance": np.round(mixture.covariances_[index], 2).tolist(),
            }
            for index in range(len(factors))
        ],
    }


def _draw(mean: FloatArray, factor: FloatArray, rng: np.random.Generator) -> FloatArray:
    return mean + CORE_SCALE * rng.standard_normal((DRAWS, len(mean))) @ factor.T


def _neighbours(
    index: int,
    means: FloatArray,
    factors: FloatArray,
    recognised: list[float],
    judge: Judge,
    name: str,
) -> list[int]:
    """Return the four nearest components that can be reached through readings of the same class."""
    reachable: list[int] = []
    for other in np.argsort(np.linalg.norm(means - means[index], axis=1))[1:]:
        if min(recognised[index], recognised[other]) < MIN_RECOGNISED or len(reachable) == 4:
            continue
        # The same seed both ways, so that a path is open in both directions or in none.
        rng = np.random.default_rng(0)
        first, last = sorted((index, int(other)))
        on_the_way = [
            _draw(
                (1 - part) * means[first] + part * means[last],
                (1 - part) * factors[first] + part * factors[last],
                rng,
            )
            for part in (0.25, 0.5, 0.75)
        ]
        if min(judge.share(draws, name) for draws in on_the_way) >= MIN_RECOGNISED:
            reachable.append(int(other))
    return reachable


def _correlation_s(
    series: FloatArray, assigned: npt.NDArray[np.int64], means: FloatArray, factors: FloatArray
) -> float:
    """Return the correlation time of the whitened deviation, from pairs in one component 20 s apart."""
    whitened = np.stack(
        [np.linalg.solve(factors[k], row - means[k]) for row, k in zip(series, assigned, strict=True)]
    )
    same = assigned[:-_LAG_ROWS] == assigned[_LAG_ROWS:]
    earlier, later = whitened[:-_LAG_ROWS][same], whitened[_LAG_ROWS:][same]
    correlation = float(np.mean(earlier * later) / np.mean(earlier**2))
    return -_LAG_ROWS * ROW_PERIOD_S / math.log(min(max(correlation, 0.05), 0.95))


def _dwell_s(assigned: npt.NDArray[np.int64]) -> float:
    changes = np.count_nonzero(np.diff(assigned))
    return ROW_PERIOD_S * len(assigned) / (changes + 1)
