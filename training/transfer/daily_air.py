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
_CALIBRATION_ROWS = 600
"""Ten minutes, the last of a recording: in the first ones the array may still warm up."""
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
    """A quarter of an hour of plain air: its day, and counts of shape (N, C)."""

    name: str
    day: str
    counts: npt.NDArray[np.float32]


def read_daily_air(folder: Path) -> list[AirRecording]:
    """Read the recordings of plain air, in the file's order.

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
    return [AirRecording(name, _day(name), np.array(rows, dtype=np.float32)) for name, rows in found.items()]


def _day(name: str) -> str:
    return next((part for part in name.split("_") if len(part) == 8 and part.isdigit()), name)


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
    """Run a bundle with its default alarm over all recordings but those that were calibrated on.

    The tracked baseline is calibrated once, and follows what it can within the recordings: what the air does
    between them nobody saw.
    """
    bare = ArrayDescription(tuple(ArrayChannel(name) for name in COLUMNS.values()))
    by_day: dict[str, list[AirRecording]] = {}
    for recording in recordings:
        by_day.setdefault(recording.day, []).append(recording)
    mornings = {day: bare.with_baseline_of(of[0].counts[-_CALIBRATION_ROWS:]) for day, of in by_day.items()}
    first = next(iter(mornings.values()))
    once, tracked = classifier_of(bundle, first), classifier_of(bundle, first, TRACKING)
    sums = {mode: _Sum(mode, bundle) for mode in (ONCE, MORNINGS, TRACKED)}
    for number, (day, of) in enumerate(by_day.items()):
        for recording in of[1:] if number == 0 else of:
            sums[ONCE].add(once, recording)
            sums[TRACKED].add(tracked, recording)
        morning = classifier_of(bundle, mornings[day])
        for recording in of[1:]:
            sums[MORNINGS].add(morning, recording)
    return [one.figure for one in sums.values()]


class _Sum:
    def __init__(self, mode: str, bundle: Bundle) -> None:
        self._mode = mode
        self._bundle = bundle
        self._seconds = 0
        self._alarms: dict[str, int] = {}

    def add(self, classifier: Classifier, recording: AirRecording) -> None:
        self._seconds += len(recording.counts)
        names = tuple(COLUMNS.values())
        for _, gas in alarms(self._bundle, classifier, names, recording.counts, _PERIOD_NS):
            self._alarms[gas] = self._alarms.get(gas, 0) + 1

    @property
    def figure(self) -> AirFigure:
        return AirFigure(self._mode, self._seconds / 3600, self._alarms)
