"""What the benchmark compares: each contender is one recipe, or several of which training data choose one."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from sklearn.ensemble import ExtraTreesClassifier, RandomForestClassifier
from sklearn.neighbors import KNeighborsClassifier, NearestNeighbors

from gas_fusion_ros.model.networks.shape import Shape
from gas_fusion_ros.model.networks.window_encoders import WindowStatistics
from gas_fusion_ros.model.window import WindowSettings
from gas_fusion_ros.teaching.onsets import Onset
from gas_fusion_ros.teaching.windows import ROW_PERIOD_NS, TrainingPart, Windows
from training.fitting.material import Normalisation
from training.fitting.yardsticks import log_probabilities
from training.temporal.encoder_fitting import EncoderAnswers, EncoderSettings, as_tensors
from training.temporal.recipes import SHIPPED, TWO_MINUTES_S, EncoderRecipe, Fitted, Recipe

_SMALLEST_PROBABILITY = 1e-4
"""What an estimator's probability of 0 becomes, so that its logarithm is a number."""


class ContenderError(ValueError):
    """A contender is unknown; the message names those there are."""


def _nearest(count: int) -> Callable[[int], Any]:
    return lambda _: KNeighborsClassifier(count)


def _extra_trees(seed: int) -> Any:
    return ExtraTreesClassifier(300, min_samples_leaf=2, random_state=seed)


def _random_forest(seed: int) -> Any:
    return RandomForestClassifier(300, min_samples_leaf=2, random_state=seed)


WINDOW_ESTIMATORS: Mapping[str, Callable[[int], Any]] = {
    "1 neighbour": _nearest(1),
    "5 neighbours": _nearest(5),
    "9 neighbours": _nearest(9),
    "extra trees": _extra_trees,
    "random forest": _random_forest,
}
"""Yardsticks on window statistics, by name, made from a seed."""


@dataclass(frozen=True)
class EstimatorRecipe:
    """A scikit-learn estimator on the statistics of windows: a yardstick; a dead channel's are 0.

    Attributes:
        estimator: name in `WINDOW_ESTIMATORS`.
        window: length and period of its windows.
    """

    estimator: str
    window: WindowSettings

    def with_readings(self, readings: int) -> Recipe:
        """Return the recipe with windows of another length, at the rows' own period."""
        return EstimatorRecipe(self.estimator, WindowSettings(readings, ROW_PERIOD_NS))

    def fit(self, part: TrainingPart, seed: int) -> Fitted:
        """Fit the estimator to windows as recorded: nothing is altered or copied."""
        began = time.monotonic()
        windows = part.windows(self.window)
        statistics = WindowStatistics(Shape(part.classes, part.channels, window=self.window.readings))
        normalisation = Normalisation.fit(part.values)
        statistics.fit(as_tensors(windows, normalisation)[0])
        features = _features(statistics, normalisation, windows)
        estimator = WINDOW_ESTIMATORS[self.estimator](seed).fit(features, windows.labels)
        neighbours = NearestNeighbors(n_neighbors=1).fit(features)
        return _FittedEstimator(
            estimator, neighbours, statistics, normalisation, seconds=time.monotonic() - began
        )

    def rehearsals(self, _: TrainingPart) -> list[Onset]:
        """Return none: a yardstick knows the recording alone."""
        return []


@dataclass(frozen=True)
class _FittedEstimator:
    """A fitted estimator; its distance is that to the nearest training window, squared, per statistic."""

    estimator: Any
    neighbours: NearestNeighbors
    statistics: WindowStatistics
    normalisation: Normalisation
    seconds: float
    parameters: int = 0

    def answer(self, windows: Windows) -> EncoderAnswers:
        """Run it on windows."""
        features = _features(self.statistics, self.normalisation, windows)
        nearest = self.neighbours.kneighbors(features)[0][:, 0]
        return EncoderAnswers(
            log_probabilities(self.estimator, features, _SMALLEST_PROBABILITY),
            torch.from_numpy((nearest**2 / features.shape[1]).astype(np.float32)),
        )


def _features(
    statistics: WindowStatistics, normalisation: Normalisation, windows: Windows
) -> npt.NDArray[np.float32]:
    """Return standardised statistics, shape (N, 16 C)."""
    with torch.no_grad():
        return statistics(*as_tensors(windows, normalisation)).flatten(1).numpy()


@dataclass(frozen=True)
class Contender:
    """One row of the benchmark.

    Attributes:
        name: its name on the command line.
        title: its name in tables.
        recipes: by name; where there are several, one is chosen on folds of training data.
        rejects: whether its distance is meant to tell inputs unlike training.
        pictures: whether it takes pictures beside the readings.
    """

    name: str
    title: str
    recipes: Mapping[str, Recipe]
    rejects: bool = False
    pictures: bool = False


def _encoder(encoder: str = "prototypes", **settings: Any) -> EncoderRecipe:
    return EncoderRecipe(EncoderSettings(encoder, **settings))


_PERCEPTRON: Mapping[str, Any] = {"copies": 8, "epochs": 40}
_SERIES: Mapping[str, Any] = {"copies": 8, "epochs": 24}
_ENCODERS = {
    "patrols": SHIPPED["patrols"],
    "prototypes": _encoder(),
    "prototypes_tuned": _encoder(epochs=8),
    "statistics": _encoder("statistics", **_PERCEPTRON),
    "blend": _encoder("blend", **_PERCEPTRON),
    "convolution": _encoder("convolution", learning_rate=3e-3, **_SERIES),
    "recurrent": _encoder("recurrent", learning_rate=3e-3, **_SERIES),
    "attention": _encoder("attention", learning_rate=1e-3, **_SERIES),
}
_TWO_MINUTES = {
    "patrols_two_minutes": SHIPPED["patrols_two_minutes"],
    "prototypes_two_minutes": _encoder(period_s=TWO_MINUTES_S),
    "statistics_two_minutes": _encoder("statistics", period_s=TWO_MINUTES_S, **_PERCEPTRON),
    "blend_two_minutes": _encoder("blend", period_s=TWO_MINUTES_S, **_PERCEPTRON),
}
_REJECTING = ("patrols", "prototypes", "prototypes_tuned", "blend")
"""Encoders with a distance that is meant to tell inputs unlike training."""
_VARIANTS = {
    "prototypes128": (
        "128 prototypes a class, 40 points over two minutes",
        _encoder(period_s=TWO_MINUTES_S, prototypes=128),
    ),
    "prototypes_plain": (
        "prototypes, 40 points over two minutes, trained without copies",
        _encoder(period_s=TWO_MINUTES_S, copies=0),
    ),
}
_AFFORDABLE = {
    name: _ENCODERS[name] for name in ("prototypes", "statistics", "blend", "convolution", "recurrent")
}
_AFFORDABLE_TWO_MINUTES = ("prototypes_two_minutes", "statistics_two_minutes", "blend_two_minutes")
"""Tuned prototypes differ little, and attention takes minutes."""
_TITLES = {
    "patrols": "prototypes with patrols",
    "patrols_two_minutes": "prototypes with patrols",
    "prototypes": "prototypes",
    "prototypes_two_minutes": "prototypes",
    "prototypes_tuned": "prototypes, tuned by gradient",
    "statistics": "perceptron on statistics",
    "statistics_two_minutes": "perceptron on statistics",
    "blend": "prototypes and perceptron",
    "blend_two_minutes": "prototypes and perceptron",
    "convolution": "temporal convolution",
    "recurrent": "gated recurrent unit",
    "attention": "attention over time and channels",
}
_LENGTHS = (10, 20, 40, 60)
_YARDSTICKS = (
    (
        "knn_window",
        "nearest neighbours on window statistics",
        ("1 neighbour", "5 neighbours", "9 neighbours"),
    ),
    ("extra_trees_window", "extra trees on window statistics", ("extra trees",)),
    ("random_forest_window", "random forest on window statistics", ("random forest",)),
)

_ALL = [
    Contender(
        "temporal_fusion",
        "temporal fusion, gas only (window chosen in training)",
        SHIPPED,
        rejects=True,
    ),
    Contender(
        "temporal_fusion_pictures",
        "temporal fusion, readings and pictures",
        SHIPPED,
        pictures=True,
    ),
    Contender(
        "temporal_any",
        "encoder and window chosen in training among all without patrols",
        {**_AFFORDABLE, **{name: _TWO_MINUTES[name] for name in _AFFORDABLE_TWO_MINUTES}},
        rejects=True,
    ),
    *(
        Contender(
            f"temporal_{name}", f"{_TITLES[name]}, 40 readings", {name: recipe}, rejects=name in _REJECTING
        )
        for name, recipe in _ENCODERS.items()
    ),
    *(
        Contender(
            f"temporal_{name}", f"{_TITLES[name]}, 40 points over two minutes", {name: recipe}, rejects=True
        )
        for name, recipe in _TWO_MINUTES.items()
    ),
    *(
        Contender(
            f"temporal_fusion_w{length}",
            f"prototypes with patrols, {length} readings",
            {f"patrols_w{length}": _encoder("patrols", readings=length)},
        )
        for length in _LENGTHS
    ),
    *(
        Contender(f"temporal_{name}", title, {name: recipe}, rejects=True)
        for name, (title, recipe) in _VARIANTS.items()
    ),
    *(
        Contender(name, title, {known: EstimatorRecipe(known, WindowSettings(40)) for known in estimators})
        for name, title, estimators in _YARDSTICKS
    ),
]

CONTENDERS: Mapping[str, Contender] = {contender.name: contender for contender in _ALL}
"""All contenders, by name."""


def choose_contenders(names: Sequence[str]) -> list[Contender]:
    """Return the contenders of the given names, each once; `all` stands for every one.

    Raises:
        ContenderError: a name is unknown, or there is none.
    """
    chosen: dict[str, Contender] = {}
    for name in names:
        if name == "all":
            chosen.update(CONTENDERS)
        elif name in CONTENDERS:
            chosen[name] = CONTENDERS[name]
        else:
            raise ContenderError(f"no model is called '{name}'; there are all, {', '.join(CONTENDERS)}")
    if not chosen:
        raise ContenderError(f"no model is given; name some of all, {', '.join(CONTENDERS)}")
    return list(chosen.values())
