"""Intervals from a bag: its ground truth, its alarms, and the gaps between them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from recordings import S

from gas_fusion_ros.bags.reader import BagReader, BagTopic
from gas_fusion_ros.bags.serializer import BagMessages
from gas_fusion_ros.bags.writer import BagWriter
from gas_fusion_ros.base.observation import GasReading
from gas_fusion_ros.base.problems import Problems
from gas_fusion_ros.ros.messages import (
    Level,
    diagnostic_array,
    diagnostic_status,
    encode_label,
    encode_reading,
)
from gas_fusion_ros.truth.label_track import LabelTrack
from gas_fusion_ros.truth.labelling import (
    ALARM_TYPE,
    RecordingStart,
    alarm_intervals,
    fill_between,
    find_alarm_topic,
    recording_start,
    truth_intervals,
)
from gas_fusion_ros.truth.labels import LabelError, merge_intervals
from gas_fusion_ros.truth.scoring import Interval

MAKER = BagMessages()


def reading(stamp_ns: int) -> Any:
    return encode_reading(GasReading(stamp_ns, ("mq2",), np.ones(1, dtype=np.float32)), MAKER)


def alarm_state(stamp_ns: int, state: str, gas: str = "") -> Any:
    values = {"state": state, "gas": gas, "fault": "false"}
    return diagnostic_array(
        [diagnostic_status("gas_classifier: alarm", Level.OK, state, values, maker=MAKER)],
        stamp_ns,
        maker=MAKER,
    )


def bag_of(path: Path, messages: list[tuple[int, str, Any]]) -> Path:
    with BagWriter(path) as writer:
        for second, topic, message in messages:
            writer.write(topic, message.__msgtype__, MAKER.serialize(message), second * S)
    return path


def interval(start_s: int, end_s: int, label: str) -> Interval:
    return Interval(label, start_s * S, end_s * S)


def test_the_truth_holds_from_its_recording_to_the_end_of_the_bag(tmp_path: Path) -> None:
    labels = [
        (second, "/truth/label", encode_label(text, MAKER)) for second, text in ((5, "NoGas"), (7, " "))
    ]
    more = [(9, "/truth/label", encode_label("Smoke", MAKER)), (20, "/gas/readings", reading(20 * S))]
    problems = Problems()
    with BagReader(bag_of(tmp_path / "bag", [*labels, *more]), problems) as reader:
        assert truth_intervals(reader, "/truth/label", RecordingStart(0), problems) == [
            interval(5, 9, "NoGas"),
            interval(9, 20, "Smoke"),
        ]
    assert problems.counts() == {"label_empty": 1}


def test_a_label_topic_that_says_nothing_is_refused(tmp_path: Path) -> None:
    path = bag_of(tmp_path / "bag", [(5, "/truth/label", encode_label("", MAKER))])
    with BagReader(path, Problems()) as reader, pytest.raises(LabelError, match="holds no class"):
        truth_intervals(reader, "/truth/label", RecordingStart(0), Problems())


def test_alarms_are_intervals_while_they_have_evidence(tmp_path: Path) -> None:
    states = [
        alarm_state(10 * S, "clear"),
        alarm_state(20 * S, "active", "Smoke"),
        alarm_state(20 * S, "active", "Smoke"),
        alarm_state(30 * S, "acknowledged", "Smoke"),
        alarm_state(40 * S, "latched", "Smoke"),
        alarm_state(50 * S, "active", "Perfume"),
        diagnostic_array([], 55 * S, maker=MAKER),
    ]
    path = bag_of(tmp_path / "bag", [(60, "/r/gas/alarm_state", state) for state in states])
    problems = Problems()
    with BagReader(path, problems) as reader:
        topic = find_alarm_topic(reader.topics, None)
        assert alarm_intervals(reader, topic, RecordingStart(0), problems) == [
            interval(20, 40, "Smoke"),
            interval(50, 60, "Perfume"),
        ]
    assert problems.counts() == {"alarm_state_wrong": 1}


def test_the_alarms_topic_is_found_by_its_name_or_asked_for() -> None:
    topics = [BagTopic("/diagnostics", ALARM_TYPE, 1), BagTopic("/a/gas/alarm_state", ALARM_TYPE, 1)]
    assert find_alarm_topic(topics, None) == "/a/gas/alarm_state"
    assert find_alarm_topic(topics, "diagnostics") == "/diagnostics"
    with pytest.raises(LabelError, match=r"several topics .*--alarm-topic chooses"):
        find_alarm_topic([*topics, BagTopic("/b/gas/alarm_state", ALARM_TYPE, 1)], None)
    with pytest.raises(LabelError, match=r"no topic gas/alarm_state; .* there is /diagnostics"):
        find_alarm_topic(topics[:1], None)
    with pytest.raises(LabelError, match="there is none"):
        find_alarm_topic([BagTopic("/gas/alarm_state", "std_msgs/msg/String", 1)], None)


def test_a_recording_starts_with_its_first_stamped_reading(tmp_path: Path) -> None:
    label = encode_label("NoGas", MAKER)
    messages = [(1, "/l", label), (2, "/g", reading(0)), (3, "/g", reading(S)), (4, "/g", reading(3 * S))]
    with BagReader(bag_of(tmp_path / "bag", messages), Problems()) as reader:
        assert recording_start(reader, "/g") == RecordingStart(S)
        assert recording_start(reader, None) == RecordingStart(S), "the first message was recorded then"
    with BagReader(bag_of(tmp_path / "unstamped", messages[:2]), Problems()) as reader:
        assert recording_start(reader, "/g") == RecordingStart(S)


def test_times_recorded_by_another_clock_become_stamps(tmp_path: Path) -> None:
    messages = [
        (1000, "/l", encode_label("NoGas", MAKER)),
        (1000, "/g", reading(5 * S)),
        (1010, "/l", encode_label("Unknown", MAKER)),
        (1020, "/l", encode_label("Smoke", MAKER)),
        (1020, "/a", alarm_state(24 * S, "active", "Smoke")),
        (1030, "/g", reading(35 * S)),
    ]
    with BagReader(bag_of(tmp_path / "bag", messages), Problems()) as reader:
        start = recording_start(reader, "/g")
        assert start == RecordingStart(5 * S, 995 * S)
        assert truth_intervals(reader, "/l", start, Problems()) == [
            interval(5, 15, "NoGas"),
            interval(25, 35, "Smoke"),
        ]
        assert alarm_intervals(reader, "/a", start, Problems()) == [interval(24, 35, "Smoke")]


def test_the_time_between_intervals_gets_a_class() -> None:
    known = [interval(10, 20, "Smoke"), interval(5, 10, "Perfume"), interval(40, 50, "NoGas")]
    assert fill_between(known, "NoGas", 0, 60 * S) == [
        interval(0, 5, "NoGas"),
        interval(5, 10, "Perfume"),
        interval(10, 20, "Smoke"),
        interval(20, 60, "NoGas"),
    ]
    assert fill_between([], "NoGas", 3 * S, 3 * S) == []


@given(
    st.lists(st.tuples(st.integers(0, 100), st.integers(0, 100)), max_size=6),
    st.integers(0, 100),
    st.integers(0, 100),
)
def test_filling_leaves_no_gap_and_changes_no_class(
    spans: list[tuple[int, int]], start: int, length: int
) -> None:
    known = merge_intervals(Interval("Smoke", min(span), max(span)) for span in spans)
    filled = LabelTrack.of_intervals(fill_between(known, "NoGas", start, start + length))
    before = LabelTrack.of_intervals(known)
    for stamp_ns in range(201):
        said = filled.at(stamp_ns)
        if start <= stamp_ns <= start + length and length > 0:
            assert said is not None
        touches = any(stamp_ns == one.end_ns for one in known)
        assert said == (before.at(stamp_ns) or said) or touches
