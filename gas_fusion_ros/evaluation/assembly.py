"""Puts the report of one bag together from what was counted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass

from gas_fusion_ros.bags.topics import BagTopics, TopicChoice
from gas_fusion_ros.base.observation import Mode
from gas_fusion_ros.base.units import NANOSECONDS_PER_SECOND
from gas_fusion_ros.evaluation.class_figures import figures_of
from gas_fusion_ros.evaluation.losses import dropped_of
from gas_fusion_ros.evaluation.schema import BagLoss, EvaluationReport, Rates
from gas_fusion_ros.evaluation.tally import Tally
from gas_fusion_ros.pairing.types import PairingCounters
from gas_fusion_ros.pipeline.array_choice import ArrayFigures
from gas_fusion_ros.truth.scoring import expected_calibration_error, per_hour
from gas_fusion_ros.truth.track import TruthTrack


@dataclass(frozen=True)
class EvaluationOrigin:
    """What was evaluated, and with what.

    Attributes:
        bag: the bag's path as given.
        bag_sha256: its hash.
        bundle: the model's name.
        bundle_sha256: its hash.
        topics: what was read.
        choices: how a topic was taken where there were several, or a doubt.
        array: the array that the readings were taken for at the end.
        settings: the parameters that the evaluation went by.
        acknowledged: whether an operator acknowledged the alarms.
        grace_s: grace period of the alarms, seconds.
        leak_mapper: the parameters that the leaks' poses went by.
    """

    bag: str
    bag_sha256: str
    bundle: str
    bundle_sha256: str
    topics: BagTopics
    choices: tuple[TopicChoice, ...]
    array: ArrayFigures
    settings: dict[str, object]
    acknowledged: bool
    grace_s: float
    leak_mapper: dict[str, object]


@dataclass(frozen=True)
class Volume:
    """How much was read, and how long that took.

    Attributes:
        readings: messages on the gas topic.
        images: messages on the image topic.
        size: bytes of both.
        wall_s: wall time, seconds.
    """

    readings: int
    images: int
    size: int
    wall_s: float


def report_of(
    origin: EvaluationOrigin,
    volume: Volume,
    counters: PairingCounters,
    losses: Mapping[str, BagLoss],
    tally: Tally,
    truth: TruthTrack,
) -> EvaluationReport:
    """Return the report of a bag that has been played to its end."""
    classes = tally.classes
    duration_s = (tally.end_ns - tally.start_ns) / NANOSECONDS_PER_SECOND
    alarms = tally.alarm_outcomes(truth)
    clean_air_s = tally.clean_air_s(truth)
    false_alarms = sum(alarm.false is True for alarm in alarms) if truth.is_known else None
    misnamed = sum(alarm.names_leak is False for alarm in alarms) if truth.is_known else None
    by_mode = {mode: tally.modes[mode] for mode in Mode}
    return EvaluationReport(
        bag=origin.bag,
        bag_sha256=origin.bag_sha256,
        bundle=origin.bundle,
        bundle_sha256=origin.bundle_sha256,
        classes=classes,
        topics=asdict(origin.topics),
        topic_choices=origin.choices,
        array=origin.array,
        settings=origin.settings,
        acknowledged=origin.acknowledged,
        started_ns=tally.start_ns,
        duration_s=round(duration_s, 6),
        readings=volume.readings,
        images=volume.images,
        pairs=counters.pairs,
        gas_only=counters.gas_only,
        thermal_only=counters.thermal_only,
        classified=sum(by_mode.values()),
        runs=counters.resets + 1,
        dropped=dropped_of(losses, counters),
        losses=dict(losses),
        labels_from=truth.source,
        **figures_of(tally.confusion, classes),
        settled_accuracy=tally.settled_accuracy(),
        unknown_share=tally.unknown_share(),
        ece=expected_calibration_error(tally.reliability.bins()),
        leaks=tally.leak_outcomes(truth),
        alarms=alarms,
        false_alarms=false_alarms,
        false_alarms_per_hour=per_hour(false_alarms, clean_air_s),
        faults=tally.faults,
        pair_offset_ms=tally.offsets.distances_ms(),
        latency_ms=tally.latency_ms(),
        rates=_rates(volume, duration_s),
        wall_s=round(volume.wall_s, 3),
        modes={mode.value: count for mode, count in by_mode.items() if count},
        accuracy_by_mode=tally.accuracy_by_mode(),
        settled=tally.settled.total(),
        unknown=tally.unknown,
        clean_air_s=clean_air_s,
        grace_s=origin.grace_s,
        misnamed_alarms=misnamed,
        leak_mapper=origin.leak_mapper,
    )


def _rates(volume: Volume, duration_s: float) -> Rates:
    wall_s = max(volume.wall_s, 1e-9)
    return Rates(
        readings_per_s=round(volume.readings / wall_s, 1),
        mb_per_s=round(volume.size / 1e6 / wall_s, 2),
        real_time_factor=round(duration_s / wall_s, 1),
    )
