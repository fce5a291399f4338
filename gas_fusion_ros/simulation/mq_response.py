"""What the MQ array reads, in ADC counts, drawn from statistics fitted on the real data set.

Each class is a mixture of Gaussians with full covariance over the seven channels, fitted by
`python -m training.fit_mq_response` on MultimodalGasData (CC BY 4.0); `mq_statistics.json` holds
means, covariances, weights and the series' pace, no readings. Which parts of it are drawn:

- The warm-up at the start of the NoGas recording is not in the statistics: the simulated array is warm.
- Some Perfume rows were taken before the spray and are really clean air, and clean air drifts over
  Perfume: only components are used whose readings two classifiers trained on the real readings (5 nearest
  neighbours, extra trees) both give to their own class at least 97 times in 100, and of these the core
  (deviations held within the inner half of the component, then scaled by 0.7). Simulated readings are
  thus **easier** to tell apart than the real ones.
- A series stays at a component, wanders in it as an Ornstein-Uhlenbeck process, and now and then
  glides to a component nearby; pace and read-out noise are the real series'.

Not known from the data, and taken from what is usual for MQ sensors: rise and recovery times.
The data's recording is steady exposure, so a concentration scale cannot be fitted: concentrations here are
relative to the middle of a plume (1.0).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from gas_fusion_ros.base.documents import read_json

STATISTICS_FILE = Path(__file__).with_name("mq_statistics.json")
FORMAT_VERSION = 1
ADC_MAX = 1023
"""Full scale of the data set's 10-bit ADC, counts."""
CORE_SCALE = 0.7
"""What deviations from a component's mean are scaled by."""
CORE_RADIUS = 2.5
"""Whitened length that deviations are kept within before scaling: about half of them reach it."""
MIN_RECOGNISED = 0.97
"""Share of a component's readings that must look like its own class for it to be used."""
MIN_WEIGHT = 0.005
"""Share of its class's real readings that a component must stand for (eight of them) to be used."""

FloatArray = npt.NDArray[np.float64]


class StatisticsError(ValueError):
    """The statistics file cannot be used; the message names it and the field."""


@dataclass(frozen=True)
class Component:
    """One Gaussian of a class's mixture.

    Attributes:
        weight: its share of the class's real readings.
        mean: shape (C,), counts.
        factor: lower Cholesky factor of its covariance, shape (C, C), counts.
        recognised: share of its readings that classifiers of the real readings give to its own class.
        neighbours: components of the class that a series can glide to without looking like another class.
    """

    weight: float
    mean: FloatArray
    factor: FloatArray
    recognised: float
    neighbours: tuple[int, ...]


@dataclass(frozen=True)
class ClassStatistics:
    """One class of the data set.

    Attributes:
        components: the mixture.
        noise: shape (C,), standard deviation of the read-out noise, counts.
        neighbour_step: shape (C,), median absolute difference of readings 2 s apart, counts.
        correlation_s: correlation time of the wander within a component, seconds.
        dwell_s: mean stay at one component, seconds.
        usable: indices of the components that are drawn from.
    """

    components: tuple[Component, ...]
    noise: FloatArray
    neighbour_step: FloatArray
    correlation_s: float
    dwell_s: float
    usable: tuple[int, ...]

    @property
    def usable_weights(self) -> FloatArray:
        """Probabilities of the usable components, summing to 1."""
        weights = np.array([self.components[index].weight for index in self.usable])
        return weights / weights.sum()


@dataclass(frozen=True)
class MqStatistics:
    """The fitted statistics: channel names in order, and each class's mixture."""

    channels: tuple[str, ...]
    classes: dict[str, ClassStatistics]

    def of(self, gas: str) -> ClassStatistics:
        """Return a class's statistics.

        Raises:
            ValueError: there is no such class.
        """
        if gas not in self.classes:
            raise ValueError(f"gas {gas!r} is not in the MQ statistics: use one of {', '.join(self.classes)}")
        return self.classes[gas]


@dataclass(frozen=True)
class ResponseSettings:
    """How an MQ sensor follows the gas. Assumed: typical of heated tin dioxide behind a steel mesh.

    Attributes:
        housing_s: time constant of the air exchange through mesh and housing, seconds.
        saturation: concentration at which the response is 63 % of its full size.
        rise_s: time constant of the oxide layer while gas is taken up, seconds.
        fall_fast_s: time constant of the first part of its recovery, seconds.
        fall_slow_s: time constant of the rest of its recovery, seconds.
        fast_share: share of the response that recovers fast.
    """

    housing_s: float = 1.5
    saturation: float = 0.05
    rise_s: float = 4.0
    fall_fast_s: float = 4.0
    fall_slow_s: float = 15.0
    fast_share: float = 0.5

    def __post_init__(self) -> None:
        for name in ("housing_s", "saturation", "rise_s", "fall_fast_s", "fall_slow_s"):
            if not getattr(self, name) > 0.0:
                raise ValueError(f"{name} must be above 0, not {getattr(self, name)}")
        if not 0.0 <= self.fast_share <= 1.0:
            raise ValueError(f"fast_share must be within 0..1, not {self.fast_share}")


def load_statistics(path: Path = STATISTICS_FILE) -> MqStatistics:
    """Read a statistics file.

    Raises:
        StatisticsError: it is missing, unreadable, or of another format.
    """
    try:
        document = read_json(path)
    except (OSError, ValueError) as error:
        raise StatisticsError(
            f"{path.name}: {error}; `python -m training.fit_mq_response` makes it"
        ) from error
    return parse_statistics(document, path.name)


def parse_statistics(document: Mapping[str, Any], source: str) -> MqStatistics:
    """Read a statistics file's content.

    Args:
        document: as `python -m training.fit_mq_response` makes it.
        source: where it comes from, for errors.

    Raises:
        StatisticsError: it is of another format, or a field is missing or bad.
    """
    if document.get("format") != FORMAT_VERSION:
        raise StatisticsError(f"{source}: format must be {FORMAT_VERSION}, not {document.get('format')}")
    try:
        classes = {name: _parse_class(entry) for name, entry in document["classes"].items()}
        return MqStatistics(channels=tuple(document["channels"]), classes=classes)
    except (KeyError, TypeError, ValueError, np.linalg.LinAlgError) as error:
        raise StatisticsError(f"{source}: bad or missing field: {error}") from error


@lru_cache(maxsize=1)
def default_statistics() -> MqStatistics:
    """Return the statistics that come with the package."""
    return load_statistics()


def steady_readings(
    gas: str, count: int, rng: np.random.Generator, statistics: MqStatistics | None = None
) -> npt.NDArray[np.float32]:
    """Draw independent readings of long exposure to `gas` (or of clean air).

    Returns:
        shape (count, C), float32, whole ADC counts.
    """
    fitted = (statistics or default_statistics()).of(gas)
    chosen = rng.choice(fitted.usable, size=count, p=fitted.usable_weights)
    deviations = _to_core(rng.standard_normal((count, fitted.noise.size)))
    counts = np.empty_like(deviations)
    for index in fitted.usable:
        rows = chosen == index
        component = fitted.components[index]
        counts[rows] = component.mean + deviations[rows] @ component.factor.T
    return to_adc(counts + fitted.noise * rng.standard_normal(counts.shape))


def wander(
    gas: str, times_s: FloatArray, rng: np.random.Generator, statistics: MqStatistics | None = None
) -> FloatArray:
    """Draw a slow series of what the array reads in `gas`, without read-out noise.

    Args:
        gas: class of the air around the array.
        times_s: shape (N,), an even grid, seconds.
        rng: draws components, stays and deviations.
        statistics: the package's own by default.

    Returns:
        shape (N, C), counts, neither rounded nor clipped.
    """
    fitted = (statistics or default_statistics()).of(gas)
    step = float(times_s[1] - times_s[0]) if len(times_s) > 1 else 1.0
    pace = step / fitted.correlation_s
    deviations = _to_core(_ornstein_uhlenbeck(len(times_s), fitted.noise.size, pace, rng))
    presence = _glide(_stays(fitted, len(times_s), step, rng), len(fitted.components), step)
    series = np.zeros_like(deviations)
    for index in np.flatnonzero(presence.max(axis=0) > 1e-6):
        component = fitted.components[index]
        series += presence[:, [index]] * (component.mean + deviations @ component.factor.T)
    return series


def response(
    concentration: FloatArray, step_s: float, settings: ResponseSettings | None = None
) -> FloatArray:
    """Return how far the array has gone from clean air to the gas, 0..1.

    The housing smooths the whiffs, the oxide saturates, and follows quickly up and slowly down.

    Args:
        concentration: shape (N,), relative to the middle of a plume, on an even grid.
        step_s: the grid's step, seconds.
        settings: time constants; typical ones by default.
    """
    chosen = settings or ResponseSettings()
    exchange = 1.0 - math.exp(-step_s / chosen.housing_s)
    up = 1.0 - math.exp(-step_s / chosen.rise_s)
    fast_down = 1.0 - math.exp(-step_s / chosen.fall_fast_s)
    slow_down = 1.0 - math.exp(-step_s / chosen.fall_slow_s)
    inside = fast = slow = 0.0
    activation = np.empty(len(concentration))
    # Plain floats: the direction of each step depends on the last, and numpy scalars are slower here.
    for index, outside in enumerate(concentration.tolist()):
        inside += exchange * (outside - inside)
        goal = 1.0 - math.exp(-inside / chosen.saturation)
        fast += (up if goal > fast else fast_down) * (goal - fast)
        slow += (up if goal > slow else slow_down) * (goal - slow)
        activation[index] = chosen.fast_share * fast + (1.0 - chosen.fast_share) * slow
    return activation


def to_adc(counts: npt.ArrayLike) -> npt.NDArray[np.float32]:
    """Round to whole counts and clip to the ADC's range 0..1023."""
    return np.clip(np.rint(counts), 0, ADC_MAX).astype(np.float32)


def _parse_class(entry: dict[str, object]) -> ClassStatistics:
    raw = entry["components"]
    if not isinstance(raw, list):
        raise TypeError("components must be a list")
    components = tuple(
        Component(
            weight=float(one["weight"]),
            mean=np.array(one["mean"], dtype=np.float64),
            factor=np.linalg.cholesky(np.array(one["covariance"], dtype=np.float64)),
            recognised=float(one["recognised"]),
            neighbours=tuple(one["neighbours"]),
        )
        for one in raw
    )
    usable = tuple(
        index
        for index, one in enumerate(components)
        if one.recognised >= MIN_RECOGNISED and one.weight >= MIN_WEIGHT
    )
    if not usable:
        raise ValueError(f"no component is recognised in {MIN_RECOGNISED:.0%} of its readings")
    return ClassStatistics(
        components=components,
        noise=np.array(entry["noise"], dtype=np.float64),
        neighbour_step=np.array(entry["neighbour_step"], dtype=np.float64),
        correlation_s=float(str(entry["correlation_s"])),
        dwell_s=float(str(entry["dwell_s"])),
        usable=usable,
    )


def _to_core(deviations: FloatArray) -> FloatArray:
    """Hold whitened deviations, shape (N, C), within the core of their component."""
    lengths = np.linalg.norm(deviations, axis=1, keepdims=True)
    return CORE_SCALE * deviations * np.minimum(1.0, CORE_RADIUS / lengths)


def _ornstein_uhlenbeck(count: int, channels: int, step: float, rng: np.random.Generator) -> FloatArray:
    """Draw `channels` independent processes of unit variance; `step` is in correlation times."""
    keep = math.exp(-step)
    shocks = rng.standard_normal((count, channels))
    shocks[1:] *= math.sqrt(1.0 - keep * keep)
    for index in range(1, count):
        shocks[index] += keep * shocks[index - 1]
    return shocks


def _stays(
    fitted: ClassStatistics, count: int, step: float, rng: np.random.Generator
) -> npt.NDArray[np.int64]:
    """Draw which component each of `count` steps belongs to."""
    at = int(rng.choice(fitted.usable, p=fitted.usable_weights))
    path = np.empty(count, dtype=np.int64)
    start = 0
    while start < count:
        end = start + max(1, round(rng.exponential(fitted.dwell_s) / step))
        path[start:end] = at
        start, at = end, _next_component(fitted, at, rng)
    return path


def _next_component(fitted: ClassStatistics, at: int, rng: np.random.Generator) -> int:
    choices: Sequence[int] = [index for index in fitted.components[at].neighbours if index in fitted.usable]
    if not choices:
        return at
    weights = np.array([fitted.components[index].weight for index in choices])
    return int(rng.choice(choices, p=weights / weights.sum()))


def _glide(path: npt.NDArray[np.int64], components: int, step: float, glide_s: float = 15.0) -> FloatArray:
    """Return each component's presence over time, summing to 1, with steps smoothed over `glide_s`."""
    width = 2 * max(1, round(glide_s / step)) + 1
    if len(path) == 1 or (path == path[0]).all():
        return np.eye(components)[path]
    window = np.hanning(width + 2)[1:-1]
    padded = np.pad(path, width // 2, mode="edge")
    presence = np.zeros((len(path), components))
    for index in np.unique(path):
        presence[:, index] = np.convolve(padded == index, window / window.sum(), mode="valid")
    return presence
