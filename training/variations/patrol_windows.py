"""Windows of simulated patrols: the changes of the air that a recording of one class at a time lacks.

The simulation's readings are drawn from statistics of the training rows alone, fitted here anew; only the
robot's path, the plumes and the sensors' times of response are the simulation's own.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from gas_fusion_ros.array.description import ArrayDescription
from gas_fusion_ros.base.observation import CLEAN_AIR
from gas_fusion_ros.base.units import NANOSECONDS_PER_SECOND
from gas_fusion_ros.model.window import WindowSettings, resample
from gas_fusion_ros.simulation.mq_response import (
    FORMAT_VERSION,
    MqStatistics,
    StatisticsError,
    parse_statistics,
)
from gas_fusion_ros.simulation.patrol import Encounter, Patrol
from gas_fusion_ros.teaching.onsets import LEAD, Onset
from gas_fusion_ros.teaching.windows import TrainingPart, Windows
from training.data.splits import Indices
from training.variations.mixtures import MixtureSettings, fit_classes, warmed_up

FIRST_SEED = 1_000_000
"""Seed of the first patrol to train on: far from those that models are tried on."""
FIRST_ONSET_SEED = 2_000_000
"""Seed of the first patrol to tune the alarm on."""
SETTLING_S = 2.0
"""Time after a leak's start in which its windows are not trained on: the array hardly shows it yet."""

MIXTURES = MixtureSettings()
"""How the training rows' statistics are fitted: as the simulation's own are."""

_DURATION_S = 600.0
_LEAKS = 3
_READING_PERIOD_S = 0.5
_WINDOW_EVERY = 4
"""Of readings: windows end 2 s apart, as the recording's do."""
_ONSETS = 12
_ONSET_DURATION_S = 240.0
_FEWEST_ROWS = 200
"""Rows of a class below which no mixture is fitted."""
_REMEMBERED = 8


def patrol_windows(part: TrainingPart, settings: WindowSettings, patrols: int) -> Windows | None:
    """Simulate patrols through the air of a training part and cut their windows out.

    Windows that end while the array shows neither what there was nor what there is are left out.

    Args:
        part: what may be known.
        settings: length and period of the windows.
        patrols: how many, of ten minutes and three leaks each.

    Returns:
        The windows, whose rows are places among themselves; None where the part lacks clean air, a gas, or
        readings enough to simulate them.
    """
    statistics = _statistics(part)
    if statistics is None:
        return None
    names = _names(part)
    parts = []
    for seed in range(FIRST_SEED, FIRST_SEED + patrols):
        patrol = Patrol(seed, _DURATION_S, _LEAKS, statistics=statistics)
        stream = _SentReadings.of(patrol, _READING_PERIOD_S, part.recording.array)
        ends = np.arange(0, len(stream.seconds), _WINDOW_EVERY)
        ends = ends[~_changing(stream.seconds[ends], patrol.encounters)]
        parts.append(stream.windows(ends, settings, names))
    windows = Windows.concatenate(parts)
    return replace(windows, rows=np.arange(len(windows)))


def patrol_onsets(part: TrainingPart, settings: WindowSettings) -> list[Onset]:
    """Simulate streams in which a robot walks from clean air into a leak, read as often as the part was.

    Args:
        part: what may be known.
        settings: length and period of the windows.

    Returns:
        None at all where the part cannot be simulated, see `patrol_windows`.
    """
    statistics = _statistics(part)
    if statistics is None:
        return []
    names = _names(part)
    onsets = []
    for seed in range(FIRST_ONSET_SEED, FIRST_ONSET_SEED + _ONSETS):
        patrol = Patrol(seed, _ONSET_DURATION_S, leaks=1, statistics=statistics)
        (leak,) = patrol.encounters
        stream = _SentReadings.of(patrol, part.recording.period_s, part.recording.array)
        first, last = np.searchsorted(stream.seconds, (leak.start_s, leak.end_s))
        shown = np.arange(max(0, first - LEAD), last)
        windows = stream.windows(shown, settings, names)
        onsets.append(Onset(windows, int(first - shown[0]), names.index(leak.gas)))
    return onsets


@dataclass(frozen=True)
class _SentReadings:
    """The readings of a patrol: seconds (R,), values (R, C), and the names of the air's class."""

    seconds: npt.NDArray[np.float64]
    values: npt.NDArray[np.float32]
    air: tuple[str, ...]

    @classmethod
    def of(cls, patrol: Patrol, period_s: float, array: ArrayDescription | None) -> _SentReadings:
        seconds = np.arange(0.0, patrol.duration_s, period_s)
        counts = np.stack([patrol.reading(float(at)) for at in seconds])
        values = counts if array is None else array.deviations(counts)
        return cls(seconds, values, tuple(patrol.label(float(at)) for at in seconds))

    def windows(self, ends: Indices, settings: WindowSettings, names: list[str]) -> Windows:
        stamps = np.rint(self.seconds * NANOSECONDS_PER_SECOND).astype(np.int64)
        window = resample(stamps, self.values, settings.points(stamps[ends]), settings.max_gap_ns)
        labels = np.array([names.index(self.air[end]) for end in ends], dtype=np.int64)
        return Windows(window.values, window.valid, labels, np.arange(len(ends)))


def _changing(seconds: npt.NDArray[np.float64], leaks: tuple[Encounter, ...]) -> npt.NDArray[np.bool_]:
    out = np.zeros(len(seconds), dtype=np.bool_)
    for leak in leaks:
        out |= (seconds >= leak.first_sign_s) & (seconds < leak.start_s + SETTLING_S)
        out |= (seconds >= leak.end_s) & (seconds < leak.recovered_s)
    return out


def _names(part: TrainingPart) -> list[str]:
    """Name the classes, by label: the simulation knows clean air by its name."""
    return [CLEAN_AIR if label == part.clean else f"class {label}" for label in range(part.classes)]


_fitted: OrderedDict[str, MqStatistics | None] = OrderedDict()


def _statistics(part: TrainingPart) -> MqStatistics | None:
    """Fit the training rows' statistics; the last ones are kept, for a part serves many fits."""
    labels = part.recording.labels[part.rows]
    digest = hashlib.sha256()
    for values in (part.rows, labels, part.counts, np.array([-1 if part.clean is None else part.clean])):
        digest.update(np.ascontiguousarray(values).tobytes())
    key = digest.hexdigest()
    if key not in _fitted:
        _fitted[key] = _fit(part)
        if len(_fitted) > _REMEMBERED:
            _fitted.popitem(last=False)
    return _fitted[key]


def _fit(part: TrainingPart) -> MqStatistics | None:
    labels = part.recording.labels[part.rows]
    if part.clean is None or part.classes < 2 or np.bincount(labels).min() < _FEWEST_ROWS:
        return None
    warm = warmed_up(part.recording.labels == part.clean)[part.rows]
    names = np.array(_names(part))[labels]
    try:
        return parse_statistics(
            {
                "format": FORMAT_VERSION,
                "channels": [str(channel) for channel in range(part.channels)],
                "classes": fit_classes(part.counts, names, warm, MIXTURES),
            },
            "statistics of the training rows",
        )
    except StatisticsError:
        # A class that is nowhere told apart from the others cannot be simulated.
        return None
