"""Boards built alike, each calibrated on its own air: gases that are untaught, or taught on the others."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from gas_fusion_ros.array.departure import LATEST, DepartureWatch
from gas_fusion_ros.array.description import ArrayChannel, ArrayDescription, Unit
from gas_fusion_ros.base.units import NANOSECONDS_PER_SECOND
from gas_fusion_ros.model.bundle import Bundle
from gas_fusion_ros.teaching.augmentation import AugmentationSettings
from gas_fusion_ros.teaching.windows import Recording, TrainingPart
from training.temporal.encoder_fitting import EncoderSettings, fit_encoder
from training.transfer.alarms import alarms, classifier_of

CALIBRATION_ROWS = 100
FILE = "boards.csv"
AIR = "air"
_SUPPLY_V = 5.0
_PERIOD_NS = 2 * NANOSECONDS_PER_SECOND
"""The boards' rows have no times; the pace of the data set is taken."""
_WINDOW = 10
"""Readings of a taught model's window: an exposure has 150."""


class BoardsError(ValueError):
    """The boards' file cannot be read; the message names it and what would be right."""


@dataclass(frozen=True)
class Board:
    """One board: its array, calibrated, and its readings in volts, shape (N, C), by what was in the air."""

    name: str
    array: ArrayDescription
    exposures: dict[str, npt.NDArray[np.float32]]


def read_boards(folder: Path) -> list[Board]:
    """Read the boards of a folder and calibrate each on its first rows of air.

    Raises:
        BoardsError: the file is missing or lacks a column.
    """
    try:
        with (folder / FILE).open(newline="") as file:
            rows = list(csv.DictReader(file))
    except OSError as error:
        raise BoardsError(f"{folder / FILE} cannot be read: {error.strerror}") from None
    columns = [name for name in rows[0] if name.startswith("MQ")] if rows else []
    if not columns or not {"board", "label"} <= set(rows[0]):
        raise BoardsError(f"{folder / FILE} must have the columns board, label and those of sensors, MQ...")
    names = [name.removesuffix("V").lower() for name in columns]
    found: dict[str, dict[str, list[list[float]]]] = {}
    for row in rows:
        readings = [float(row[column] or "nan") for column in columns]
        found.setdefault(row["board"], {}).setdefault(row["label"], []).append(readings)
    return [_board(name, names, exposures) for name, exposures in sorted(found.items())]


def _board(name: str, channels: Sequence[str], exposures: dict[str, list[list[float]]]) -> Board:
    array = ArrayDescription(tuple(ArrayChannel(one) for one in channels), Unit.VOLT, _SUPPLY_V)
    readings = {label: np.array(rows, dtype=np.float32) for label, rows in exposures.items()}
    return Board(name, array.with_baseline_of(readings[AIR][:CALIBRATION_ROWS]), readings)


@dataclass(frozen=True)
class UntaughtFigure:
    """What a model that was taught none of a board's gases does in one exposure.

    Attributes:
        board: the board.
        label: what was in the air.
        readings: until the first alarm, which counts as 1 at the first reading; None without one.
        gas: what the alarm names; empty without one.
        departure: of the array from its own air, in units of the model's limit: the greatest in its air, the
            least in a gas from the fifth reading on; None where the model has no limit.
    """

    board: str
    label: str
    readings: int | None
    gas: str
    departure: float | None


def measure_untaught(boards: Sequence[Board], bundle: Bundle) -> Iterator[UntaughtFigure]:
    """Run a bundle with its default alarm on each exposure, and on each board's air after calibration."""
    for board in boards:
        classifier = classifier_of(bundle, board.array)
        for label, readings in board.exposures.items():
            shown = readings[CALIBRATION_ROWS:] if label == AIR else readings
            raised = alarms(bundle, classifier, board.array.names, shown, _PERIOD_NS)
            place, gas = next(raised, (None, ""))
            count = None if place is None else place + 1
            yield UntaughtFigure(board.name, label, count, gas, _departure(board, label, shown, bundle))


def _departure(board: Board, label: str, readings: npt.NDArray[np.float32], bundle: Bundle) -> float | None:
    if bundle.departure is None:
        return None
    watch = DepartureWatch()
    seen = [watch.add(deviations) for deviations in board.array.deviations(readings)]
    known = [one for one in seen if one is not None]
    return (max(known) if label == AIR else min(known[LATEST - 1 :])) / bundle.departure.limit


@dataclass(frozen=True)
class TaughtFigure:
    """What a model that was taught on the other boards says of one.

    Attributes:
        board: the board that was held out.
        accuracy: over all classes, 0..1.
        gas_or_air: gas told from air, 0..1.
        by_label: share classified rightly, by what was in the air.
    """

    board: str
    accuracy: float
    gas_or_air: float
    by_label: dict[str, float]


def measure_taught(boards: Sequence[Board], seed: int = 0) -> Iterator[TaughtFigure]:
    """Hold each board out once, and teach the others' exposures as the data set's are taught."""
    labels = sorted({label for board in boards for label in board.exposures})
    settings = EncoderSettings(
        "prototypes", readings=_WINDOW, prototypes=32, augmentation=AugmentationSettings(onset=0.0)
    )
    for held in range(len(boards)):
        recording, owners = _recording(boards, labels)
        rows = np.flatnonzero(owners != held)
        test = np.flatnonzero(owners == held)
        part = TrainingPart(recording, rows, test, labels.index(AIR))
        windows = recording.windows(test, rows, settings.window)
        said = fit_encoder(part, settings, seed).answer(windows).logits.argmax(dim=1).numpy()
        right = said == windows.labels
        is_air = labels.index(AIR)
        yield TaughtFigure(
            boards[held].name,
            float(right.mean()),
            float(((said == is_air) == (windows.labels == is_air)).mean()),
            {
                label: float(right[windows.labels == index].mean())
                for index, label in enumerate(labels)
                if (windows.labels == index).any()
            },
        )


def _recording(boards: Sequence[Board], labels: Sequence[str]) -> tuple[Recording, npt.NDArray[np.int64]]:
    """Put all exposures on time lines of their own, as ln(Rs/R0); and which board each row is of."""
    values, classes, stamps, owners = [], [], [], []
    for number, board in enumerate(boards):
        for label, readings in board.exposures.items():
            values.append(board.array.deviations(readings))
            classes.append(np.full(len(readings), labels.index(label)))
            stamps.append(np.arange(len(readings)) * _PERIOD_NS)
            owners.append(np.full(len(readings), number))
    owner = np.concatenate(owners).astype(np.int64)
    recording = Recording(
        np.concatenate(values), np.concatenate(classes).astype(np.int64), np.concatenate(stamps), owner
    )
    return recording, owner
