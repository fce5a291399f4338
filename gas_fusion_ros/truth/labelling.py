"""Marks what was in the air during a bag: from the ground truth or the alarms recorded in it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from gas_fusion_ros.bags.reader import BagReader, BagTopic
from gas_fusion_ros.base.observation import UNKNOWN
from gas_fusion_ros.base.problems import Problems
from gas_fusion_ros.base.quoting import listed, shown
from gas_fusion_ros.ros.alarm_status import decode_alarm_status
from gas_fusion_ros.ros.messages import stamp_to_ns
from gas_fusion_ros.truth.label_track import LabelTrack
from gas_fusion_ros.truth.labels import LabelError, gaps_between, merge_intervals
from gas_fusion_ros.truth.scoring import Interval, one_at_a_time
from gas_fusion_ros.truth.scoring import alarm_intervals as sensed_intervals
from gas_fusion_ros.truth.track import clock_shift_ns

ALARM_TOPIC, ALARM_TYPE = "gas/alarm_state", "diagnostic_msgs/msg/DiagnosticArray"


@dataclass(frozen=True)
class RecordingStart:
    """When a recording begins, and on which clock.

    Attributes:
        stamp_ns: what relative times count from: the stamp of the first reading that has one; of a bag
            without such a reading, the time of recording of its first message.
        shift_ns: from stamps to times of recording; not 0 where these are of another clock, as where a
            simulation was recorded in wall time.
    """

    stamp_ns: int
    shift_ns: int = 0


def recording_start(reader: BagReader, gas_topic: str | None) -> RecordingStart:
    """Find out when a recording begins."""
    if gas_topic is not None:
        for message in reader.messages([gas_topic]):
            stamp_ns = stamp_to_ns(message.message.header.stamp)
            if stamp_ns > 0:
                return RecordingStart(stamp_ns, clock_shift_ns(stamp_ns, message.stamp_ns))
    return RecordingStart(reader.start_ns or 0)


def read_label_track(reader: BagReader, label_topic: str, problems: Problems) -> LabelTrack:
    """The labels of a label topic; an empty one is counted as `label_empty` and says nothing new."""
    track = LabelTrack()
    for message in reader.messages([label_topic]):
        label = str(message.message.data).strip()
        if not label:
            problems.add("label_empty", f"a message of {shown(label_topic)} is empty; expected a class")
            continue
        try:
            track.add(message.stamp_ns, label)
        except ValueError as error:
            problems.add("label_unusable", f"a message of {shown(label_topic)}: {error}")
    return track


def truth_intervals(
    reader: BagReader, label_topic: str, start: RecordingStart, problems: Problems
) -> list[Interval]:
    """Which class was there when, as the label topic says; on the clock of the stamps.

    Raises:
        LabelError: it says nothing.
    """
    told = read_label_track(reader, label_topic, problems).intervals(reader.end_ns or 0)
    intervals = [one.shifted(-start.shift_ns) for one in told if one.label != UNKNOWN]
    if not intervals:
        raise LabelError(f"{shown(label_topic)} of {shown(reader.path)} holds no class")
    return intervals


def alarm_intervals(
    reader: BagReader, alarm_topic: str, start: RecordingStart, problems: Problems
) -> list[Interval]:
    """When the alarm recorded in a bag had evidence of gas, and of which; on the clock of the stamps.

    Messages that are no alarm state are counted as `alarm_state_wrong`.
    """
    states = []
    for message in reader.messages([alarm_topic]):
        try:
            status = decode_alarm_status(message.message)
        except ValueError as error:
            problems.add("alarm_state_wrong", f"{shown(alarm_topic)}: {error}")
            continue
        states.append((status.since_ns, status.sensed))
    states.sort(key=lambda state: state[0])
    return merge_intervals(one_at_a_time(sensed_intervals(states, (reader.end_ns or 0) - start.shift_ns)))


def find_alarm_topic(topics: Sequence[BagTopic], wanted: str | None) -> str:
    """The topic of the alarm's state: the one asked for, or the only one named as the classifier names it.

    Raises:
        LabelError: there is none or several.
    """
    of_type = [topic.name for topic in topics if topic.type_name == ALARM_TYPE]
    if wanted is not None:
        found = [name for name in of_type if name in (wanted, f"/{wanted}")]
    else:
        found = [name for name in of_type if f"/{name}".endswith(f"/{ALARM_TOPIC}")]
    if len(found) == 1:
        return found[0]
    names = listed(found or of_type)
    if found:
        raise LabelError(f"several topics are alarm states: {names}; --alarm-topic chooses")
    raise LabelError(
        f"there is no topic {shown(wanted or ALARM_TOPIC)}; of type {ALARM_TYPE} there is {names}"
    )


def fill_between(intervals: Iterable[Interval], label: str, start_ns: int, end_ns: int) -> list[Interval]:
    """The intervals, and one of class `label` wherever none is from `start_ns` to `end_ns`."""
    known = sorted(intervals, key=lambda one: one.start_ns)
    return merge_intervals([*known, *gaps_between(known, label, start_ns, end_ns)])
