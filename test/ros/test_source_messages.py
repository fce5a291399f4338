"""What a device says of itself comes back, of an array whole, and nonsense is refused with the field."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from hypothesis import given
from hypothesis import strategies as st
from rclpy.serialization import deserialize_message, serialize_message
from rosbags.typesys import Stores, get_typestore

from gas_fusion_ros.alarm.source_watch import Source
from gas_fusion_ros.array.description import (
    ArrayCalibration,
    ArrayChannel,
    ArrayDescription,
    Divider,
    Unit,
)
from gas_fusion_ros.bags.serializer import BagMessages
from gas_fusion_ros.base.mq import ChannelHealth
from gas_fusion_ros.base.observation import PAPER_CHANNELS
from gas_fusion_ros.drivers.gas.channel_health import ChannelState
from gas_fusion_ros.ros import messages
from gas_fusion_ros.ros.source_messages import (
    channel_diagnostics,
    decode_array,
    decode_source,
    encode_source_status,
)

STAMP_NS = 1_700_000_000_123_456_789
BAGS = get_typestore(Stores.ROS2_KILTED)
INFO = "gas/array_info"
SOURCE = Source("serial", True, "running")

# A message's text ends at a zero byte, and UTF-8 has no surrogates.
texts = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0"), max_size=30)
numbers = st.floats(-9e8, 9e8)
positive = st.floats(1e-3, 9e8)
channels = st.builds(
    ArrayChannel,
    texts.filter(lambda name: name not in ("", "x", "y", "z")),
    texts,
    st.none() | numbers,
    st.none() | numbers,
    st.none() | positive,
)
calibrations = st.builds(
    ArrayCalibration,
    texts,
    st.integers(1, 10**9),
    st.none() | numbers,
    st.none() | numbers,
    st.none() | st.floats(0, 100),
)
arrays = st.builds(
    ArrayDescription,
    st.lists(channels, min_size=1, max_size=5, unique_by=lambda one: one.name).map(tuple),
    st.sampled_from(Unit),
    positive,
    st.sampled_from(Divider),
    texts,
    st.none() | calibrations,
)


def by_ros(array: ArrayDescription, source: Source) -> Any:
    told = encode_source_status(source, STAMP_NS, "link", "robot1/gas_sensor", array=array)
    return deserialize_message(serialize_message(told), DiagnosticArray)


def by_rosbags(array: ArrayDescription, source: Source) -> Any:
    maker = BagMessages()
    told = encode_source_status(source, STAMP_NS, "link", "gas_sensor", maker, array)
    return BAGS.deserialize_cdr(maker.serialize(told), told.__msgtype__)


@pytest.mark.parametrize("sent", [by_ros, by_rosbags])
@given(array=arrays, health=st.sampled_from(ChannelHealth))
def test_an_array_comes_back_whole(
    sent: Callable[[ArrayDescription, Source], Any], array: ArrayDescription, health: ChannelHealth
) -> None:
    # The last channel has no health yet, and one that the array does not know has some.
    known = (*array.names[:-1], "-")
    source = replace(SOURCE, channels=tuple((name, health) for name in known))
    message = sent(array, source)
    there = ArrayChannel("-") in array.channels or "-" in array.names
    assert decode_array(message, INFO) == array
    assert decode_source(message, INFO) == SOURCE
    assert len(message.status) == 1 + len(array.channels) + (not there)


def test_a_message_of_no_array_describes_none() -> None:
    source = replace(SOURCE, channels=(("mq2", ChannelHealth.OK),))
    assert decode_array(encode_source_status(source, STAMP_NS, "", "gas_sensor"), INFO) is None
    assert decode_array(DiagnosticArray(), INFO) is None


ARRAY = ArrayDescription(
    (ArrayChannel("mq2", "MQ-2", 1.0, 0.1), ArrayChannel("mq3")),
    serial_id="7",
    calibration=ArrayCalibration("2026-01-02T03:04:05+00:00", 300, 598.0, 21.5, 40.0),
)


def changed(place: int, key: str, value: str | None) -> DiagnosticArray:
    """What `ARRAY` says, with a value of one status changed, added or left out."""
    message = encode_source_status(SOURCE, STAMP_NS, "", "gas_sensor", array=ARRAY)
    values = messages.key_values(message.status[place])
    values = {name: old for name, old in values.items() if name != key}
    if value is not None:
        values[key] = value
    message.status[place].values = [KeyValue(key=name, value=text) for name, text in values.items()]
    return message


@pytest.mark.parametrize(
    ("place", "key", "value", "reason"),
    [
        (0, "unit", None, "the array has no value unit"),
        (0, "full_scale", None, "the array has no value full_scale"),
        (0, "unit", "amps", "unit is 'amps'; expected one of counts, volt, ohm"),
        (0, "divider", "", "divider is ''; expected one of load_low, load_high"),
        (0, "full_scale", "much", "full_scale is 'much'; expected a number"),
        (0, "full_scale", "0.0", "full_scale must be a number above 0"),
        (0, "full_scale", "9" * 5000, "full_scale is inf; expected a number"),
        (0, "serial_id", "7" * 101, "serial_id is .*; expected a text of at most 100 characters"),
        (0, "calibration.date", None, "calibration.date is None; expected day and time"),
        (0, "calibration.readings", "1.5", "calibration.readings is 1.5; expected a whole number"),
        (0, "calibration.humidity_percent", "-1", "calibration.humidity_percent is -1; expected 0 to 100"),
        (1, "baseline", "nan", r"channels\.mq2\.baseline is nan; expected a number"),
        (1, "load_ohm", "-5", r"channels\.mq2\.load_ohm is -5; expected a number above 0"),
    ],
)
def test_nonsense_is_refused_with_the_field(place: int, key: str, value: str | None, reason: str) -> None:
    with pytest.raises(messages.MessageError, match=f"a message of {INFO}: {reason}") as caught:
        decode_array(changed(place, key, value), INFO)
    assert caught.value.cause == "array_wrong"
    assert len(caught.value.detail) < 600
    assert decode_source(changed(place, key, value), INFO) == SOURCE


def named(*names: str) -> DiagnosticArray:
    """What `ARRAY` says, with statuses of these names for its channels."""
    message = encode_source_status(SOURCE, STAMP_NS, "", "gas_sensor", array=ARRAY)
    sensor = [KeyValue(key="sensor", value="")]
    message.status = [message.status[0], *(DiagnosticStatus(name=name, values=sensor) for name in names)]
    return message


@pytest.mark.parametrize(
    ("names", "reason"),
    [
        ((), "channels must be a table with a line for each sensor"),
        (("gas_sensor: mq2", "gas_sensor: mq2"), "it has the channel mq2 twice"),
        (("mq2",), "the status mq2 is of no channel; expected gas_sensor: <channel>"),
        (("gas_sensor: ",), "the status 'gas_sensor: ' is of no channel"),
        (("gas_sensor: x",), "channels must not be named x"),
        (tuple(f"gas_sensor: {place}" for place in range(300)), "it has 300 channels; an array has 256"),
    ],
)
def test_channels_that_no_array_has_are_refused(names: tuple[str, ...], reason: str) -> None:
    with pytest.raises(messages.MessageError, match=reason):
        decode_array(named(*names), INFO)


def test_what_a_later_release_adds_is_passed_over() -> None:
    for place, key in ((0, "firmware"), (0, "calibration.by"), (1, "age")):
        assert decode_array(changed(place, key, "1"), INFO) == ARRAY


@pytest.mark.parametrize("state", ["warming_up", "running"])
def test_what_a_sensor_says_of_its_device_comes_back(state: str) -> None:
    source = Source("serial", True, state, (("mq2", ChannelHealth.WARMING_UP),))
    message = encode_source_status(source, STAMP_NS, "link", "gas_sensor")
    assert decode_source(message, "gas/array_info") == replace(source, channels=())
    assert len(message.status) == 2


def test_warnings_of_a_source_are_told_and_inhibit_nothing() -> None:
    source = Source("serial", True, "running", warnings=("the baseline has moved", "it is old"))
    message = encode_source_status(source, STAMP_NS, "link", "gas_sensor")
    [status] = message.status
    assert status.level == DiagnosticStatus.WARN
    assert messages.key_values(status)["warnings"] == "the baseline has moved; it is old"
    assert decode_source(message, "gas/array_info").inhibits == ()


@pytest.mark.parametrize("statuses", [[], [DiagnosticStatus(name="gas_sensor: source")]])
def test_a_message_that_says_nothing_of_a_device_is_refused(statuses: list[DiagnosticStatus]) -> None:
    message = DiagnosticArray(status=statuses)
    with pytest.raises(messages.MessageError, match="gas/array_info has no value driver, is_sensor, state"):
        decode_source(message, "gas/array_info")


@pytest.mark.parametrize(
    ("health", "level"),
    [
        (ChannelHealth.OK, DiagnosticStatus.OK),
        (ChannelHealth.WARMING_UP, DiagnosticStatus.WARN),
        (ChannelHealth.STUCK, DiagnosticStatus.WARN),
        (ChannelHealth.OUT_OF_RANGE, DiagnosticStatus.ERROR),
        (ChannelHealth.NAN, DiagnosticStatus.ERROR),
    ],
)
def test_every_health_of_a_channel_has_its_level(health: ChannelHealth, level: bytes) -> None:
    [status] = channel_diagnostics([ChannelState("mq2", 640.0, health)], "gas_sensor", "array 7")
    assert (status.name, status.hardware_id, status.level) == ("gas_sensor: mq2", "array 7", level)
    assert messages.key_values(status) == {"counts": "640", "health": health.value}


def test_channels_keep_their_order() -> None:
    states = [ChannelState(name, math.nan, ChannelHealth.NAN) for name in PAPER_CHANNELS]
    names = [status.name for status in channel_diagnostics(states, "gas_sensor")]
    assert names == [f"gas_sensor: {name}" for name in PAPER_CHANNELS]
