"""Messages made without ROS are those that ROS makes, byte by byte."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from rosbags.typesys import Stores, get_typestore

from gas_fusion_ros.bags.serializer import BagMessages
from gas_fusion_ros.base.observation import PAPER_CHANNELS, GasReading, RobotPose, ThermalFrame
from gas_fusion_ros.drivers.thermal.calibration import from_field_of_view
from gas_fusion_ros.ros import messages
from gas_fusion_ros.ros.message_maker import ROS_MESSAGES, MessageMaker
from gas_fusion_ros.ros.messages import Level
from gas_fusion_ros.truth.decoding import decode_leaks
from gas_fusion_ros.truth.scoring import Leak

STAMP_NS = 1_700_000_000_123_456_789
MAKER = BagMessages()
STORE = get_typestore(Stores.ROS2_JAZZY)
COUNTS = np.array([593.0, 419.0, math.nan, 376.0, 460.5, 0.0, 1023.0], dtype=np.float32)
LEAKS = (
    Leak("Smoke", STAMP_NS, STAMP_NS + 5, first_sign_ns=STAMP_NS - 3, recovered_ns=STAMP_NS + 9),
    Leak("Perfume", 2 * STAMP_NS, 2 * STAMP_NS, first_sign_ns=STAMP_NS, recovered_ns=3 * STAMP_NS),
)


def pixels(encoding: str) -> npt.NDArray[np.generic]:
    dtype, shape = {
        "mono8": ("uint8", (6, 8)),
        "mono16": ("uint16", (6, 8)),
        "32FC1": ("float32", (6, 8)),
        "rgb8": ("uint8", (6, 8, 3)),
    }[encoding]
    return np.random.default_rng(3).integers(0, 256, shape).astype(dtype)


def frame(encoding: str) -> ThermalFrame:
    return ThermalFrame(STAMP_NS, pixels(encoding), encoding, "camera_link")


ENCODERS: dict[str, Callable[[MessageMaker], Any]] = {
    "reading": lambda maker: messages.encode_reading(
        GasReading(STAMP_NS, PAPER_CHANNELS, COUNTS, "array_link"), maker
    ),
    "reading of one channel": lambda maker: messages.encode_reading(
        GasReading(5, ("CO2 \u00b5",), np.ones(1, dtype=np.float32), ""), maker
    ),
    **{
        name: lambda maker, name=name: messages.encode_frame(frame(name), maker)
        for name in ("mono8", "mono16", "32FC1", "rgb8")
    },
    "big endian": lambda maker: messages.encode_frame(
        ThermalFrame(STAMP_NS, pixels("mono16").astype(">u2"), "mono16"), maker
    ),
    "camera info": lambda maker: messages.encode_camera_info(
        from_field_of_view(206, 156, 36.0), STAMP_NS, "camera_link", maker
    ),
    "pose": lambda maker: messages.encode_pose(RobotPose(1.5, -2.0, 0.25, 0.8, "map", STAMP_NS), maker),
    "label": lambda maker: messages.encode_label("NoGas", maker),
    "leaks": lambda maker: messages.encode_leaks(LEAKS, STAMP_NS, maker),
    "no leaks": lambda maker: messages.encode_leaks((), STAMP_NS, maker),
    "status": lambda maker: messages.diagnostic_status(
        "node: task", Level.STALE, "late", {"a": 1, "b": ""}, "serial 7", maker
    ),
}


@pytest.mark.parametrize("encode", ENCODERS.values(), ids=ENCODERS.keys())
def test_the_bytes_are_those_of_ros(encode: Callable[[MessageMaker], Any]) -> None:
    serialization = pytest.importorskip("rclpy.serialization")
    from_ros, made = encode(ROS_MESSAGES), encode(MAKER)
    ros_bytes, bytes_made = serialization.serialize_message(from_ros), MAKER.serialize(made)

    assert len(bytes_made) == len(ros_bytes)
    # The middleware leaves whatever was in memory between the fields; once read, that is gone.
    assert MAKER.serialize(STORE.deserialize_cdr(ros_bytes, made.__msgtype__)) == bytes_made
    assert repr(serialization.deserialize_message(bytes_made, type(from_ros))) == repr(from_ros)


@given(hnp.arrays(np.float32, 3, elements=st.floats(width=32)), st.integers(1, 2**31 * 10**9 - 1))
def test_a_reading_made_without_ros_is_decoded_as_it_was(
    counts: npt.NDArray[np.float32], stamp_ns: int
) -> None:
    reading = GasReading(stamp_ns, ("a", "b", "c"), counts, "array_link")
    decoded = messages.decode_reading(messages.encode_reading(reading, MAKER), reading.channels)
    np.testing.assert_array_equal(decoded.counts, counts)
    assert (decoded.stamp_ns, decoded.frame_id) == (stamp_ns, "array_link")


@pytest.mark.parametrize("encoding", ["mono8", "mono16", "32FC1", "rgb8"])
def test_a_frame_made_without_ros_is_decoded_as_it_was(encoding: str) -> None:
    decoded = messages.decode_frame(messages.encode_frame(frame(encoding), MAKER))
    np.testing.assert_array_equal(decoded.pixels, pixels(encoding))
    assert (decoded.stamp_ns, decoded.encoding, decoded.frame_id) == (STAMP_NS, encoding, "camera_link")


def test_a_pose_made_without_ros_is_decoded_as_it_was() -> None:
    pose = RobotPose(1.5, -2.0, 0.25, 0.8, "map", STAMP_NS)
    decoded = messages.decode_pose(messages.encode_pose(pose, MAKER))
    assert decoded.yaw == pytest.approx(pose.yaw)
    assert (decoded.x, decoded.y, decoded.z, decoded.stamp_ns) == (pose.x, pose.y, pose.z, STAMP_NS)


def test_leaks_come_back_to_the_nanosecond() -> None:
    assert decode_leaks(messages.encode_leaks(LEAKS, STAMP_NS, MAKER)) == LEAKS
    assert decode_leaks(messages.encode_leaks((), STAMP_NS, MAKER)) == ()


def test_leaks_that_cannot_be_are_refused() -> None:
    values = {"start_ns": 5, "end_ns": 6, "first_sign_ns": 4, "recovered_ns": 7}
    for spoilt, complaint in [
        ({**values, "end_ns": "soon"}, "end_ns of leak 1 .* is 'soon'"),
        ({**values, "end_ns": 1}, "leak 1"),
        ({"start_ns": 5}, "leak 1 .* no value end_ns"),
    ]:
        status = messages.diagnostic_status("truth: leak 1", Level.OK, "Smoke", spoilt, maker=MAKER)
        with pytest.raises(ValueError, match=complaint):
            decode_leaks(messages.diagnostic_array([status], 1, maker=MAKER))


def test_fields_that_are_not_given_have_their_default() -> None:
    message = MAKER.make("sensor_msgs/msg/CameraInfo", width=3)
    assert (message.width, message.height, message.header.frame_id) == (3, 0, "")
    assert message.k.tolist() == [0.0] * 9


def test_a_field_or_a_type_that_is_not_there_is_refused() -> None:
    with pytest.raises(TypeError, match="std_msgs/msg/String has no field text"):
        MAKER.make("std_msgs/msg/String", text="NoGas")
    with pytest.raises(KeyError):
        MAKER.make("my_msgs/msg/Own")
