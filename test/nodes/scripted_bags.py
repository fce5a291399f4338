"""Bags with everything in them that pairing and alarm have a rule for, made from a simulated patrol."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from gas_fusion_ros.alarm.source_watch import RUNNING, Source
from gas_fusion_ros.array.description import ArrayChannel, ArrayDescription
from gas_fusion_ros.bags.serializer import BagMessages
from gas_fusion_ros.bags.writer import BagWriter
from gas_fusion_ros.base.observation import PAPER_CHANNELS, GasReading, RobotPose, ThermalFrame
from gas_fusion_ros.export.bag_sources import START_NS, BagInstant, PatrolSource
from gas_fusion_ros.ros import messages
from gas_fusion_ros.ros.source_messages import encode_source_status
from gas_fusion_ros.simulation.patrol import Patrol, PatrolSettings

MS = 1_000_000
S = 1000 * MS
GAS_TOPIC, IMAGE_TOPIC, POSE_TOPIC = "/gas/readings", "/thermal/image", "/pose"
ARRAY_TOPIC = "/gas/array_info"

_PERIOD_NS = 500 * MS
_IMAGE_LAG_NS = 30 * MS
_LENGTH_S = 45.0
_GAPS_S = {13.0: 14, 43.0: 12}
"""Before which second of the patrol nothing comes, and for how long."""
_IMAGE_AGAIN_S = 10
_POSE_LAG_NS = 250 * MS
"""Far from the ends of waits and of timeouts: a clock that goes in steps notices them a step later."""


@dataclass(frozen=True)
class Recorded:
    """A reading, an image or what an array says of itself, and when it was recorded."""

    recorded_ns: int
    item: GasReading | ThermalFrame | ArrayDescription


def write_bag(path: Path, recorded: Iterable[Recorded], poses: Iterable[RobotPose] = ()) -> Path:
    """Write a bag; messages go in the order of their time of recording, which of poses is their stamp."""
    maker = BagMessages()
    with BagWriter(path) as writer:
        made = [(one.recorded_ns, *_encoded(one, maker)) for one in recorded]
        made += [(pose.stamp_ns, POSE_TOPIC, messages.encode_pose(pose, maker)) for pose in poses]
        for recorded_ns, topic, message in sorted(made, key=lambda one: one[0]):
            writer.write(topic, message.__msgtype__, maker.serialize(message), recorded_ns)
    return path


def _encoded(recorded: Recorded, maker: BagMessages) -> tuple[str, Any]:
    item = recorded.item
    if isinstance(item, ArrayDescription):
        source = Source("serial", True, RUNNING)
        told = encode_source_status(source, recorded.recorded_ns, "", "gas_sensor", maker, item)
        return ARRAY_TOPIC, told
    if isinstance(item, GasReading):
        return GAS_TOPIC, messages.encode_reading(item, maker)
    return IMAGE_TOPIC, messages.encode_frame(item, maker)


def poses_on_the_way(end_s: float) -> Iterator[RobotPose]:
    """A robot that goes on and on, also while nothing is sensed: a pose between two readings each."""
    for number in range(round(end_s * S) // _PERIOD_NS):
        stamp_ns = START_NS + number * _PERIOD_NS + _POSE_LAG_NS
        yield RobotPose(0.1 * number, -0.2 * number, 0.0, 0.01 * number, "map", stamp_ns)


def eventful_patrol() -> Iterator[Recorded]:
    """A patrol into a leak, and all that can go wrong on the way.

    By seconds from `START_NS`: 4 a channel is NaN, 5 every channel is; 6 to 9 there are no images, and at 7.5
    every channel is NaN; 10 a reading comes twice; the image of 11 comes late, that of 11.5 after the next
    one, and 12.5 has none; from 13 on for 14 s nothing comes but three images; then the patrol goes on, at 30
    with a reading without a stamp. In the leak, 12 s without anything follow on a reading without an image.
    """
    for one in _patrol(_LENGTH_S):
        at_s = (one.item.stamp_ns - START_NS) / S
        if at_s >= min(_GAPS_S):
            yield from _after_the_first_gap(one, at_s)
        elif isinstance(one.item, ThermalFrame):
            yield from _image_before_the_gap(one.item, at_s)
        else:
            yield from _reading_before_the_gap(one.item, at_s)
    (frame,) = (
        one
        for one in _patrol(_IMAGE_AGAIN_S + 1.0)
        if one.item.stamp_ns == START_NS + _IMAGE_AGAIN_S * S + _IMAGE_LAG_NS
    )
    # While the array is silent, images go on alone; the second one too soon.
    for delay_ns in (8 * S, 8 * S + 200 * MS, 9 * S):
        yield _later(frame, delay_ns)
    counts = np.zeros(len(PAPER_CHANNELS), np.float32)
    yield Recorded(START_NS + 30 * S + 100 * MS, GasReading(0, PAPER_CHANNELS, counts))


def patrol_that_begins_anew() -> Iterator[Recorded]:
    """Ten seconds of a patrol twice over: the stamps jump back while the time of recording goes on."""
    for one in _patrol(10.0):
        yield one
        yield replace(one, recorded_ns=one.recorded_ns + 10 * S + 250 * MS)


def patrol_of_two_calibrations() -> Iterator[Recorded]:
    """Twenty seconds of a patrol whose array is told of, has channels of its own, and is calibrated anew.

    It lacks mq5, from second 8 on mq6 too, and has tgs2602 and tgs822 besides, which leave clean air at
    second 14. The calibration comes at second 10, between a reading and its image.
    """
    patrol = [_of_another_array(one) for one in _patrol(20.0)]
    readings = [one.item for one in patrol if isinstance(one.item, GasReading)]
    names = readings[0].channels
    array = ArrayDescription(tuple(map(ArrayChannel, names)), serial_id="7")
    first = array.with_baseline_of([readings[0].counts])
    yield Recorded(START_NS, first)
    yield from patrol
    shifted = [replace(one, baseline=(one.baseline or 0.0) + 0.1) for one in first.channels]
    yield Recorded(START_NS + 10 * S + 20 * MS, replace(first, channels=tuple(shifted)))


def _of_another_array(one: Recorded) -> Recorded:
    if not isinstance(one.item, GasReading):
        return one
    at_s = (one.item.stamp_ns - START_NS) / S
    counts = dict(zip(PAPER_CHANNELS, one.item.counts.tolist(), strict=True))
    del counts["mq5"]
    if at_s >= 8.0:
        del counts["mq6"]
    counts |= dict.fromkeys(("tgs2602", "tgs822"), 400.0 if at_s < 14.0 else 800.0)
    values = np.array([*counts.values()], np.float32)
    return replace(one, item=replace(one.item, channels=tuple(counts), counts=values))


def _image_before_the_gap(frame: ThermalFrame, at_s: float) -> Iterator[Recorded]:
    if 6.0 <= at_s < 9.0 or at_s >= 12.5:
        return
    delay_ns = {11.0: 300 * MS, 11.5: 700 * MS}.get(round(at_s, 1), 20 * MS)
    yield Recorded(frame.stamp_ns + delay_ns, frame)


def _reading_before_the_gap(reading: GasReading, at_s: float) -> Iterator[Recorded]:
    counts = reading.counts.copy()
    if at_s == 4.0:
        counts[2] = np.nan
    elif at_s in (5.0, 7.5):
        counts[:] = np.nan
    item = replace(reading, counts=counts)
    yield Recorded(reading.stamp_ns + 10 * MS, item)
    if at_s == 10.0:
        yield Recorded(reading.stamp_ns + 15 * MS, item)


def _after_the_first_gap(one: Recorded, at_s: float) -> Iterator[Recorded]:
    if isinstance(one.item, ThermalFrame) and 42.5 <= at_s < 43.0:
        return
    yield _later(one, sum(gap_s for start_s, gap_s in _GAPS_S.items() if at_s >= start_s) * S)


def _later(one: Recorded, delay_ns: int) -> Recorded:
    item = replace(one.item, stamp_ns=one.item.stamp_ns + delay_ns)
    return Recorded(one.recorded_ns + delay_ns, item)


def _patrol(end_s: float) -> Iterator[Recorded]:
    """The beginning of a patrol whose leak is reached after 23 seconds."""
    settings = PatrolSettings(clean_s=20.0, encounter_s=(15.0, 18.0))
    patrol = Patrol(seed=2, duration_s=80.0, leaks=1, settings=settings)
    instants = PatrolSource(patrol, PAPER_CHANNELS, _PERIOD_NS, _PERIOD_NS).instants()
    for instant in islice(instants, round(end_s * S) // _PERIOD_NS):
        yield from _recorded(instant)


def _recorded(instant: BagInstant) -> Iterator[Recorded]:
    assert instant.reading is not None
    assert instant.frame is not None
    yield Recorded(instant.stamp_ns + 10 * MS, instant.reading)
    frame = replace(instant.frame, stamp_ns=instant.stamp_ns + _IMAGE_LAG_NS)
    yield Recorded(frame.stamp_ns + 20 * MS, frame)
