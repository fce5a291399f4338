"""Days of plain air by an array that the model was not trained on: how many false alarms they bring."""

from __future__ import annotations

import csv
import gzip
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from gas_fusion_ros.array.description import ArrayChannel, ArrayDescription
from gas_fusion_ros.array.settings import TrackingSettings
from gas_fusion_ros.base.units import NANOSECONDS_PER_SECOND
from gas_fusion_ros.model.bundle import Bundle
from gas_fusion_ros.model.classifier import Classifier
from training.transfer.alarms import alarms, classifier_of

FILE = "recordings.csv.gz"
_PERIOD_NS = NANOSECONDS_PER_SECOND
_ONCE_ROWS = 600
"""Ten minutes, the last of an array's first recording, that it is calibrated on once."""
_MORNING_ROWS = 300
"""Five minutes, the first of a recording, that it is calibrated on each morning."""
COLUMNS = {
    "MQ2_raw": "mq2",
    "MQ3_raw": "mq3",
    "MQ9_raw": "mq9",
    "MQ135_raw": "mq135",
    "TGS2602_raw": "tgs2602",
}
ONCE, MORNINGS, TRACKED = "calibrated once", "calibrated each morning", "calibrated once and tracked"
TRACKING = TrackingSettings(rate=0.2)


class DailyAirError(ValueError):
    """The recordings cannot be read; the message names the file and what would be right."""


@dataclass(frozen=True)
class AirRecording:
    """A quarter of an hour of plain air: the array's name, the day, and counts of shape (N, C)."""

    array: str
    day: str
    counts: npt.NDArray[np.float32]


def read_daily_air(folder: Path) -> list[AirRecording]:
    """Read the recordings of plain air, by array and day.

    Raises:
        DailyAirError: the file is missing or has none.
    """
    found: dict[str, list[list[float]]] = {}
    try:
        with gzip.open(folder / FILE, "rt", newline="") as file:
            for row in csv.DictReader(file):
                name = row["file"].rsplit(".", 1)[0]
                if name.endswith("_air"):
                    found.setdefault(name, []).append([float(row[column] or "nan") for column in COLUMNS])
    except (OSError, KeyError) as error:
        raise DailyAirError(f"{folder / FILE} cannot be read: {error}") from None
    if not found:
        raise DailyAirError(f"{folder / FILE} has no recording whose name ends in _air")
    return sorted(
        (AirRecording(*_named(name), np.array(rows, dtype=np.float32)) for name, rows in found.items()),
        key=lambda one: (one.array, one.day),
    )


def _named(name: str) -> tuple[str, str]:
    """What was recorded with which array, and on which day: `pineapple_01_20260201_air`."""
    parts = name.split("_")
    day = next((part for part in parts if len(part) == 8 and part.isdigit()), name)
    return "_".join(parts[: parts.index(day)] if day in parts else parts), day


@dataclass(frozen=True)
class AirFigure:
    """False alarms of one way to calibrate.

    Attributes:
        mode: how the array was calibrated.
        hours: of plain air.
        alarms: how many were raised, by gas.
    """

    mode: str
    hours: float
    alarms: Mapping[str, int]

    @property
    def per_day(self) -> float:
        """False alarms of any kind in 24 hours of air."""
        return sum(self.alarms.values()) * 24 / self.hours


def measure_air(recordings: Sequence[AirRecording], bundle: Bundle) -> list[AirFigure]:
    """Run a bundle with its default alarm over all recordings but what was calibrated on.

    Calibrated once is each array in its first recording; each morning, at the beginning of every one. The
    tracked baseline follows what it can within the recordings: what the air does between them nobody saw.
    """
    bare = ArrayDescription(tuple(ArrayChannel(name) for name in COLUMNS.values()))
    sums = {mode: _Sum(mode, bundle) for mode in (ONCE, MORNINGS, TRACKED)}
    by_array: dict[str, list[AirRecording]] = {}
    for recording in recordings:
        by_array.setdefault(recording.array, []).append(recording)
    for first, *later in by_array.values():
        array = bare.with_baseline_of(first.counts[-_ONCE_ROWS:])
        once, tracked = classifier_of(bundle, array), classifier_of(bundle, array, TRACKING)
        for recording in later:
            sums[ONCE].add(once, recording.counts)
            sums[TRACKED].add(tracked, recording.counts)
    for recording in recordings:
        array = bare.with_baseline_of(recording.counts[:_MORNING_ROWS])
        sums[MORNINGS].add(classifier_of(bundle, array), recording.counts[_MORNING_ROWS:])
    return [one.figure for one in sums.values()]


class _Sum:
    def __init__(self, mode: str, bundle: Bundle) -> None:
        self._mode = mode
        self._bundle = bundle
        self._seconds = 0
        self._alarms: dict[str, int] = {}

    def add(self, classifier: Classifier, counts: npt.NDArray[np.float32]) -> None:
        self._seconds += len(counts)
        for _, gas in alarms(self._bundle, classifier, tuple(COLUMNS.values()), counts, _PERIOD_NS):
            self._alarms[gas] = self._alarms.get(gas, 0) + 1

    @property
    def figure(self) -> AirFigure:
        return AirFigure(self._mode, self._seconds / 3600, self._alarms)
