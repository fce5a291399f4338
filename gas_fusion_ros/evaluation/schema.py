"""What report.json of an evaluated bag holds, and summary.json of several."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import Enum
from pathlib import Path

from gas_fusion_ros.bags.topics import TopicChoice
from gas_fusion_ros.base.files import write_whole
from gas_fusion_ros.pipeline.array_choice import ArrayFigures
from gas_fusion_ros.truth.track import LabelSource


@dataclass(frozen=True)
class JsonReport:
    """A report that is a file."""

    def to_json(self) -> str:
        """The report as JSON text, keys in the order of the attributes."""
        return json.dumps(asdict(self), indent=2, allow_nan=False) + "\n"

    def write(self, path: Path) -> None:
        """Write the JSON text, whole or not at all.

        Raises:
            OSError: the file cannot be written.
        """
        write_whole(path, self.to_json().encode())


class LeakVerdict(str, Enum):
    """What became of a leak."""

    FOUND = "found"
    MISSED = "missed"
    TOO_SHORT = "too short"
    ALARM_STOOD = "alarm stood"


@dataclass(frozen=True)
class Percentiles:
    """Percentiles of a quantity, and its largest value; None without samples."""

    p50: float | None = None
    p95: float | None = None
    p99: float | None = None
    largest: float | None = None


@dataclass(frozen=True)
class ClassScore:
    """How one class was told from the others.

    Attributes:
        precision: share of the readings called so that were so; None where none was called so.
        recall: share of the readings that were so that were called so; None where none was so.
        f1: harmonic mean of the two, 0 where nothing is right; None where the class never occurs.
        support: readings that were so.
    """

    precision: float | None
    recall: float | None
    f1: float | None
    support: int


@dataclass(frozen=True)
class LeakOutcome:
    """A leak of the truth and what became of it.

    Attributes:
        gas: its class.
        start_s: its start, seconds from the evaluation's beginning.
        end_s: its end.
        detected: whether an alarm was raised for it.
        delay_s: from its start to the alarm, seconds; negative where the camera saw it before; None without.
        verdict: found; missed; too short to have to be found; or an alarm stood already, so that none could
            be raised.
        alarm_gas: the gas that the first alarm raised on it names; None without one.
    """

    gas: str
    start_s: float
    end_s: float
    detected: bool
    delay_s: float | None
    verdict: LeakVerdict
    alarm_gas: str | None = None


@dataclass(frozen=True)
class Place:
    """Where the robot was at `stamp_ns`: metres in `frame_id`."""

    x: float
    y: float
    frame_id: str
    stamp_ns: int


@dataclass(frozen=True)
class LeakPose:
    """Where a leak is, as estimated from all readings of its alarm: metres in `frame_id`.

    Attributes:
        x: place.
        y: place.
        covariance: ((xx, xy), (xy, yy)), square metres.
        frame_id: the frame of the robot's pose.
    """

    x: float
    y: float
    covariance: tuple[tuple[float, float], tuple[float, float]]
    frame_id: str


@dataclass(frozen=True)
class AlarmOutcome:
    """An alarm and whether it was right.

    Attributes:
        gas: the gas it names.
        start_s: when it was raised, seconds from the evaluation's beginning.
        end_s: when there was no evidence of gas any more.
        false: whether it stood outside every leak's signs and the grace period; None where the truth is not
            known there.
        pose: where the robot was when it was raised; None where nobody knows.
        leak: number, from 1, of the leak that it was raised on; None without one, or where none is known.
        names_leak: whether it names that leak's gas; None without one.
        distance_m: from the robot to that leak when it was raised, metres; None where it is not known.
        leak_pose: where its leak is, by all that was read until the recording's end; None where nobody knows.
        leak_pose_distance_m: from there to that leak, metres; None where it is not known.
    """

    gas: str
    start_s: float
    end_s: float
    false: bool | None
    pose: Place | None = None
    leak: int | None = None
    names_leak: bool | None = None
    distance_m: float | None = None
    leak_pose: LeakPose | None = None
    leak_pose_distance_m: float | None = None


@dataclass(frozen=True)
class BagLoss:
    """Something that was not, or not wholly, evaluated.

    Attributes:
        count: how often.
        detail: what happened the first time.
    """

    count: int
    detail: str


@dataclass(frozen=True)
class Rates:
    """How fast the evaluation went.

    Attributes:
        readings_per_s: readings per second of wall time.
        mb_per_s: megabytes (10^6 bytes) of messages per second of wall time.
        real_time_factor: seconds of the recording per second of wall time.
    """

    readings_per_s: float
    mb_per_s: float
    real_time_factor: float


@dataclass(frozen=True)
class EvaluationReport(JsonReport):
    """The figures of one bag; docs/replay.md says what each means.

    Attributes:
        bag: the bag's path as it was given.
        bag_sha256: of the storage files' bytes in the order of their names.
        bundle: name of the model bundle.
        bundle_sha256: of its bundle.json, which holds the hashes of its other files.
        classes: the model's classes.
        topics: by kind (`gas`, `image`, `label`, `leaks`, `pose`, `array`, `camera`), the topic read; None
            where there is none.
        array: the array that the readings were taken for; where that changed, at the end.
        settings: parameters of the classifier node that the evaluation went by, by their ROS names.
        acknowledged: whether an operator acknowledged each alarm once it was over.
        started_ns: stamp that every `start_s` counts from.
        duration_s: seconds of the recording that were evaluated.
        readings: readings on the gas topic, unusable ones included.
        images: images on the image topic, unusable ones included.
        pairs: readings that went on with an image.
        gas_only: readings that went on alone.
        thermal_only: images that went on alone while there were no readings.
        classified: verdicts.
        runs: stretches of time in which the stamps did not jump back.
        dropped: messages that led to no verdict, by reason.
        losses: everything that went wrong, by cause.
        labels_from: where the truth comes from.
        judged: classified readings whose truth is known; figures below are None without any.
        class_accuracy: share of them that was called by its class.
        settled_accuracy: the same without the times at which the sensors followed a change of the air.
        macro_f1: mean of F1 over the classes that occur in truth or verdicts.
        confusion: readings by truth and verdict.
        per_class: precision, recall and F1 by class.
        leak_recall: share of the readings in a gas that were called a gas, whichever.
        clean_called_gas: share of the readings in clean air that were called a gas.
        unknown_share: share of all classified readings whose verdict is `Unknown`.
        ece: expected calibration error over 15 bins, of the most probable class whatever the novelty.
        leaks: the leaks of the truth; None where it is not known.
        alarms: the alarms raised.
        false_alarms: how many of them were false; None where the truth is not known.
        false_alarms_per_hour: per hour of clean air.
        misnamed_alarms: alarms raised on a leak that name another gas; None where the truth is not known.
        faults: how often a fault came: no valid reading for the alarm's timeout, or another scale.
        pair_offset_ms: distance between reading and image of the pairs.
        latency_ms: wall time that decoding, pairing and classifying took per verdict.
        rates: how fast it went.
        wall_s: wall time, seconds.
        modes: verdicts by what they were made from.
        accuracy_by_mode: class accuracy by what the verdicts were made from.
        settled: judged readings that `settled_accuracy` is over.
        unknown: classified readings whose verdict is `Unknown`.
        clean_air_s: seconds of clean air that `false_alarms_per_hour` is over; None where the truth is not
            known.
        topic_choices: how a topic was taken where there were several, or a doubt.
        grace_s: how long after a leak's last sign an alarm was not false.
        leak_mapper: parameters of the leak mapper that the leaks' poses went by, by their ROS names.
    """

    bag: str
    bag_sha256: str
    bundle: str
    bundle_sha256: str
    classes: tuple[str, ...]
    topics: dict[str, str | None]
    array: ArrayFigures
    settings: dict[str, object]
    acknowledged: bool
    started_ns: int
    duration_s: float
    readings: int
    images: int
    pairs: int
    gas_only: int
    thermal_only: int
    classified: int
    runs: int
    dropped: dict[str, int]
    losses: dict[str, BagLoss]
    labels_from: LabelSource
    judged: int
    class_accuracy: float | None
    settled_accuracy: float | None
    macro_f1: float | None
    confusion: dict[str, dict[str, int]]
    per_class: dict[str, ClassScore]
    leak_recall: float | None
    clean_called_gas: float | None
    unknown_share: float | None
    ece: float | None
    leaks: tuple[LeakOutcome, ...] | None
    alarms: tuple[AlarmOutcome, ...]
    false_alarms: int | None
    false_alarms_per_hour: float | None
    faults: int
    pair_offset_ms: Percentiles
    latency_ms: Percentiles
    rates: Rates
    wall_s: float
    modes: dict[str, int] = field(default_factory=dict)
    accuracy_by_mode: dict[str, float] = field(default_factory=dict)
    settled: int = 0
    unknown: int = 0
    clean_air_s: float | None = None
    grace_s: float = 0.0
    misnamed_alarms: int | None = None
    topic_choices: tuple[TopicChoice, ...] = ()
    leak_mapper: dict[str, object] = field(default_factory=dict)

    @property
    def is_whole(self) -> bool:
        """Whether nothing was lost."""
        return not self.losses

    def leaks_with(self, verdict: LeakVerdict) -> int:
        """How many leaks ended so; 0 where the truth is not known."""
        return sum(leak.verdict is verdict for leak in self.leaks or ())


@dataclass(frozen=True)
class Failure:
    """A bag that could not be evaluated at all."""

    bag: str
    reason: str


@dataclass(frozen=True)
class SummaryReport(JsonReport):
    """The figures over several bags; those of shares are over all their readings together.

    Attributes:
        bags: each bag's name (its folder in the output) and path.
        failed: the bags that could not be evaluated.
        bundle: name of the model bundle.
        classes: the model's classes.
        duration_s: seconds of recording.
        readings: as in `EvaluationReport`, summed, as are the counts that follow.
        leaks: leaks of the truth by what became of them.
    """

    bags: dict[str, str]
    failed: tuple[Failure, ...]
    bundle: str
    classes: tuple[str, ...]
    duration_s: float
    readings: int
    images: int
    pairs: int
    gas_only: int
    thermal_only: int
    classified: int
    dropped: dict[str, int]
    losses: dict[str, int]
    judged: int
    class_accuracy: float | None
    settled_accuracy: float | None
    macro_f1: float | None
    confusion: dict[str, dict[str, int]]
    per_class: dict[str, ClassScore]
    leak_recall: float | None
    clean_called_gas: float | None
    unknown_share: float | None
    ece: float | None
    leaks: dict[str, int] = field(default_factory=dict)
    alarms: int = 0
    false_alarms: int | None = None
    false_alarms_per_hour: float | None = None
    faults: int = 0
    wall_s: float = 0.0
    misnamed_alarms: int | None = None
    topic_choices: tuple[TopicChoice, ...] = ()


def reasons(counts: Mapping[str, int]) -> str:
    """Name and number of each count, for one line of text."""
    return ", ".join(f"{count} {name}" for name, count in counts.items())
