"""What a demo plays: a simulated patrol or a recorded folder, with its truth and the nodes' parameters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from gas_fusion_ros.base.dataset import Dataset, DatasetError, MissingColumnError
from gas_fusion_ros.base.observation import PAPER_CHANNELS
from gas_fusion_ros.base.problems import Problems
from gas_fusion_ros.base.shipped_files import SIMULATED_ARRAY
from gas_fusion_ros.base.table.classes import check_aliases
from gas_fusion_ros.base.table.options import AS_FOUND, NO_COLUMN, WITHOUT_TIMES, TableOptions
from gas_fusion_ros.base.units import NANOSECONDS_PER_SECOND
from gas_fusion_ros.simulation.patrol import MAX_DURATION_S, MIN_DURATION_S, Patrol, PatrolSettings
from gas_fusion_ros.truth.ground_truth import START_S, GroundTruth, labelled_truth, patrol_truth

ParameterValue = bool | int | float | str | list[str]


CLOCK_PERIOD_S = 0.02
"""Wall time between two messages on /clock."""

GAS_PERIOD_S = 0.5
"""Simulated time between two gas readings of a patrol."""

IMAGE_PERIOD_S = 0.5
"""Simulated time between two thermal images of a patrol: 1200 of them make a bag of about 110 MB."""

MAX_SPEED = 1000.0
"""Simulated seconds per second, at most."""

_PATROL_DURATION_S = 600.0
_PATROL_SPEED = 10.0
_PATROL_LEAKS = 3
_WARM: dict[str, ParameterValue] = {"health.warm_up": 0.0}
"""What is played has been on all day."""
_RECORDED_PERIOD_S = 2.0
_RECORDED_SPEED = 300.0


class ProgrammeError(ValueError):
    """What was asked for cannot be played; the message names the option and what would be right."""


@dataclass(frozen=True)
class Programme:
    """What is played and how.

    Attributes:
        source: what is played, in words.
        duration_s: simulated seconds played.
        speed: simulated seconds per second of wall time, at most.
        lead_s: how far simulated time may be ahead of the newest verdict.
        reading_stamps_ns: stamps of the readings that there are to play, ascending.
        truth: what is really there; None for a recording without labels.
        patrol: the patrol; None for a recording.
        gas: parameters of the gas sensor node.
        camera: parameters of the camera node; None where there are no images.
        classifier: parameters of the classifier node.
        image_stamps_ns: stamps of the images, ascending; simulated time waits for each.
        image_wait_ns: how long after its stamp a reading waits for its image.
        pairs: how many readings have an image.
        labels: the labels of a recording, each with its first line in the CSV.
        unreadable_rows: how many rows of a recording cannot be played.
        first_unreadable: what is wrong with the first of them.
        notes: what was taken for what in its CSV, a sentence each.
    """

    source: str
    duration_s: float
    speed: float
    lead_s: float
    reading_stamps_ns: tuple[int, ...]
    truth: GroundTruth | None
    patrol: Patrol | None
    gas: Mapping[str, ParameterValue]
    camera: Mapping[str, ParameterValue] | None
    classifier: Mapping[str, ParameterValue] = field(default_factory=dict)
    image_stamps_ns: tuple[int, ...] = ()
    image_wait_ns: int = 0
    pairs: int = 0
    labels: Mapping[str, int] = field(default_factory=dict)
    unreadable_rows: int = 0
    first_unreadable: str = ""
    notes: tuple[str, ...] = ()

    @property
    def readings(self) -> int:
        """How many readings there are to play."""
        return len(self.reading_stamps_ns)

    @property
    def start_ns(self) -> int:
        """The first simulated time."""
        return round(START_S * NANOSECONDS_PER_SECOND)

    @property
    def end_ns(self) -> int:
        """The last simulated time, just before the stamp that would begin the next round."""
        return self.start_ns + round(self.duration_s * NANOSECONDS_PER_SECOND) - 1


def patrol_programme(
    seed: int, duration_s: float | None, leaks: int | None, speed: float | None
) -> Programme:
    """A simulated patrol; without a number of leaks three, or as many as fit.

    Raises:
        ProgrammeError: the patrol cannot hold that many leaks, or a value is out of range.
    """
    duration_s = _PATROL_DURATION_S if duration_s is None else duration_s
    if not MIN_DURATION_S <= duration_s <= MAX_DURATION_S:
        raise ProgrammeError(
            f"--duration must be within {MIN_DURATION_S:g}..{MAX_DURATION_S:g} seconds for a patrol, "
            f"not {duration_s:g}"
        )
    speed = _checked_speed(speed, _PATROL_SPEED)
    if leaks is None:
        leaks = min(_PATROL_LEAKS, PatrolSettings().max_leaks(duration_s))
    try:
        patrol = Patrol(seed, duration_s, leaks)
    except ValueError as error:
        raise ProgrammeError(f"--leaks: {error}") from None
    simulation: dict[str, ParameterValue] = {
        "driver": "simulated",
        "start_time": START_S,
        "simulated.seed": seed,
        "simulated.duration": duration_s,
        "simulated.leaks": leaks,
    }
    # Half a second of wall time for the image to arrive, twice as much as on a robot: this machine has
    # the simulation and the recording to do as well.
    wait_s = min(10.0, max(0.25, 0.5 * speed))
    timing = _Timing(speed, GAS_PERIOD_S, wait_s)
    reading_stamps_ns = _stamps_ns(duration_s, GAS_PERIOD_S)
    image_stamps_ns = _stamps_ns(duration_s, IMAGE_PERIOD_S)
    return Programme(
        source=f"patrol, seed {seed}",
        duration_s=duration_s,
        speed=speed,
        lead_s=timing.lead_s,
        reading_stamps_ns=reading_stamps_ns,
        truth=patrol_truth(patrol),
        patrol=patrol,
        gas={**simulation, **_WARM, "period": GAS_PERIOD_S, "array_file": SIMULATED_ARRAY},
        camera={**simulation, "period": IMAGE_PERIOD_S},
        classifier=timing.classifier_parameters(),
        image_stamps_ns=image_stamps_ns,
        image_wait_ns=round(wait_s * NANOSECONDS_PER_SECOND),
        pairs=len(set(reading_stamps_ns) & set(image_stamps_ns)),
    )


def recorded_programme(
    folder: Path, duration_s: float | None, speed: float | None, options: TableOptions = AS_FOUND
) -> Programme:
    """A folder in the data set's layout, or a CSV, once from its first row and one row each period.

    Args:
        folder: the folder or the CSV.
        duration_s: how much of it is played; None for all.
        speed: at most, simulated seconds per second; None for the usual one.
        options: what the table does not tell by itself of its classes.

    Raises:
        ProgrammeError: the folder cannot be read, or a value is out of range.
        TableError: a class that is to be renamed is not there.
    """
    problems = Problems()
    try:
        dataset = Dataset.load_readable(
            folder, PAPER_CHANNELS, problems, replace(options, time_column=NO_COLUMN)
        )
    except MissingColumnError as error:
        raise ProgrammeError(
            f"--recorded: {error}; the demo plays the published seven channels alone: gas-fusion bag --data "
            "--channels makes a bag of others, for gas-fusion watch and evaluate"
        ) from None
    except DatasetError as error:
        first = "".join(f"; the first: {problem.detail}" for problem in problems.take_unreported())
        raise ProgrammeError(f"--recorded: {error}{first}") from None
    check_aliases(options.classes, dataset.facts.spellings)
    speed = _checked_speed(speed, _RECORDED_SPEED)
    whole_s = dataset.length * _RECORDED_PERIOD_S
    if duration_s is not None and not duration_s > 0:
        raise ProgrammeError(f"--duration must be above 0 seconds, not {duration_s:g}")
    duration_s = whole_s if duration_s is None else min(duration_s, whole_s)
    recording: dict[str, ParameterValue] = {
        "driver": "recorded",
        "start_time": START_S,
        "period": _RECORDED_PERIOD_S,
        "recorded.path": str(folder),
        "recorded.loop": False,
    }
    played = _stamps_within(duration_s, _RECORDED_PERIOD_S)
    has_images = any(row.image is not None for row in dataset.rows)
    # Simulated time waits for the images, so that two periods suffice at any speed.
    wait_s = 2 * _RECORDED_PERIOD_S if has_images else 0.0
    timing = _Timing(speed, _RECORDED_PERIOD_S, wait_s)
    return Programme(
        source=f"recording {folder.name}",
        duration_s=duration_s,
        speed=speed,
        lead_s=timing.lead_s,
        reading_stamps_ns=tuple(_row_stamp_ns(row.index) for row in dataset.rows if row.index < played),
        truth=recorded_truth(dataset, played),
        patrol=None,
        gas={**recording, **_WARM},
        camera=recording if has_images else None,
        classifier=timing.classifier_parameters(),
        image_stamps_ns=_image_stamps_ns(folder, played) if has_images else (),
        image_wait_ns=round(wait_s * NANOSECONDS_PER_SECOND),
        pairs=sum(row.index < played and row.image is not None for row in dataset.rows),
        labels={row.label: row.line for row in reversed(dataset.rows) if row.label},
        unreadable_rows=dataset.length - len(dataset.rows),
        first_unreadable="".join(problem.detail for problem in problems.take_unreported()),
        notes=dataset.facts.told,
    )


def recorded_truth(dataset: Dataset, rows: int) -> GroundTruth | None:
    """The label of each of the first `rows` rows, stretches with gas being leaks; None without labels."""
    labels = {row.index: row.label for row in dataset.rows if row.index < rows and row.label}
    stamped = [(_row_stamp_ns(index), name) for index, name in sorted(labels.items())]
    return labelled_truth(stamped, _row_stamp_ns(rows)) if stamped else None


def _image_stamps_ns(folder: Path, rows: int) -> tuple[int, ...]:
    """The stamps of the images as the camera reads the folder: it does not look at the gas channels."""
    dataset = Dataset.load_readable(folder, (), Problems(), WITHOUT_TIMES)
    return tuple(
        _row_stamp_ns(row.index) for row in dataset.rows if row.index < rows and row.image is not None
    )


def _row_stamp_ns(index: int) -> int:
    return round((START_S + index * _RECORDED_PERIOD_S) * NANOSECONDS_PER_SECOND)


@dataclass(frozen=True)
class _Timing:
    """Times of the classifier that must stretch with the speed, for they cover wall time."""

    speed: float
    period_s: float
    wait_s: float

    @property
    def lead_s(self) -> float:
        return self.wait_s + 4 * self.period_s + 2 * self.speed * CLOCK_PERIOD_S

    def classifier_parameters(self) -> dict[str, ParameterValue]:
        return {
            "inbox": 1000,
            "pairing.wait": self.wait_s,
            "pairing.future_tolerance": max(1.0, 4 * self.speed * CLOCK_PERIOD_S),
            "pairing.silence": max(5.0, 2 * self.lead_s),
            "alarm.timeout": max(10.0, 2 * self.lead_s),
        }


def _stamps_within(duration_s: float, period_s: float) -> int:
    return int((duration_s * NANOSECONDS_PER_SECOND - 1) // (period_s * NANOSECONDS_PER_SECOND)) + 1


def _stamps_ns(duration_s: float, period_s: float) -> tuple[int, ...]:
    return tuple(
        round((START_S + index * period_s) * NANOSECONDS_PER_SECOND)
        for index in range(_stamps_within(duration_s, period_s))
    )


def _checked_speed(speed: float | None, default: float) -> float:
    if speed is None:
        return default
    if not 0 < speed <= MAX_SPEED:
        raise ProgrammeError(f"--speed must be above 0 and at most {MAX_SPEED:g}, not {speed:g}")
    return speed
