"""Messages there and back, from other libraries, and every way in which they can be bad."""

from __future__ import annotations

import math
import sys
from array import array
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from types import ModuleType
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from diagnostic_msgs.msg import DiagnosticStatus
from geometry_msgs.msg import PoseStamped, PoseWithCovarianceStamped
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from nav_msgs.msg import Odometry
from rclpy.serialization import serialize_message
from rosbags.typesys import Stores, get_typestore
from sensor_msgs.msg import Image, PointCloud2, PointField

from gas_fusion_ros.alarm.leak_alarm import AlarmState, AlarmStatus, Reason, Severity, StandingAlarm
from gas_fusion_ros.base.observation import (
    PAPER_CHANNELS,
    PAPER_CLASSES,
    GasReading,
    Mode,
    RobotPose,
    ThermalFrame,
    Verdict,
)
from gas_fusion_ros.ros import messages
from gas_fusion_ros.ros.classifier_messages import decode_classification
from gas_fusion_ros.ros.messages import Level, MessageError
from gas_fusion_ros.ros.pixel_formats import PIXEL_FORMATS

STAMP_NS = 1_700_000_000_123_456_789
COUNTS = np.array([593.0, 419.0, math.nan, 376.0, 460.5, 0.0, 1023.0], dtype=np.float32)
BAGS = get_typestore(Stores.ROS2_KILTED)


def reading(counts: npt.NDArray[np.float32] = COUNTS) -> GasReading:
    return GasReading(STAMP_NS, PAPER_CHANNELS, counts, "array_link")


def cloud() -> PointCloud2:
    return messages.encode_reading(reading())


def frame(encoding: str) -> ThermalFrame:
    rng = np.random.default_rng(3)
    dtype, shape = {
        "mono8": ("uint8", (6, 8)),
        "mono16": ("uint16", (6, 8)),
        "32FC1": ("float32", (6, 8)),
        "rgb8": ("uint8", (6, 8, 3)),
    }[encoding]
    return ThermalFrame(STAMP_NS, rng.integers(0, 256, shape).astype(dtype), encoding, "camera_link")


def image(encoding: str = "mono16") -> Image:
    return messages.encode_frame(frame(encoding))


def verdict(
    label: str = "NoGas",
    offset_ns: int | None = -5_250_000,
    invalid: tuple[str, ...] = (),
    novelty: float | None = None,
) -> Verdict:
    probabilities = np.full(4, 0.1, dtype=np.float32)
    probabilities[PAPER_CLASSES.index(label)] = 0.7
    return Verdict(
        STAMP_NS, "array_link", Mode.FUSION, PAPER_CLASSES, probabilities, "m1", offset_ns, invalid, novelty
    )


def alarm_status(state: AlarmState, severity: Severity | None = None, fault: bool = False) -> AlarmStatus:
    standing: tuple[StandingAlarm, ...] = ()
    if severity is not None and state.is_leak:
        standing = (StandingAlarm(2, "Smoke", severity, state, 1_500_000_000, 0.9, RobotPose(1.0, -2.5)),)
    return AlarmStatus(
        watch=AlarmState.FAULT if fault else AlarmState.CLEAR if standing else state,
        since_ns=1_500_000_000,
        alarms=standing,
        faults=(Reason("silence", "no valid gas reading for 10 s"),) if fault else (),
        raised=2,
        sequence=7,
        rejected=3,
    )


# --- stamps ---------------------------------------------------------------------------------


@given(st.integers(min_value=0, max_value=2**31 * 10**9 - 1))
def test_stamps_keep_every_nanosecond(stamp_ns: int) -> None:
    assert messages.stamp_to_ns(messages.ns_to_stamp(stamp_ns)) == stamp_ns


# --- gas readings ---------------------------------------------------------------------------


@given(hnp.arrays(np.float32, len(PAPER_CHANNELS), elements=st.floats(width=32)))
def test_readings_come_back_bit_by_bit(counts: npt.NDArray[np.float32]) -> None:
    decoded = messages.decode_reading(messages.encode_reading(reading(counts)), PAPER_CHANNELS)
    assert decoded.counts.dtype == np.float32
    np.testing.assert_array_equal(decoded.counts, counts)
    assert (decoded.stamp_ns, decoded.channels, decoded.frame_id) == (STAMP_NS, PAPER_CHANNELS, "array_link")


def test_a_reading_is_one_point_with_a_field_per_channel() -> None:
    msg = cloud()
    assert (msg.width, msg.height, msg.point_step, msg.row_step, len(msg.data)) == (1, 1, 40, 40, 40)
    assert [field.name for field in msg.fields] == ["x", "y", "z", *PAPER_CHANNELS]
    assert {field.datatype for field in msg.fields} == {PointField.FLOAT32}
    np.testing.assert_array_equal(np.frombuffer(msg.data, "<f4"), [0, 0, 0, *COUNTS])


def test_a_cloud_with_an_invalid_channel_is_not_dense() -> None:
    assert not cloud().is_dense
    assert messages.encode_reading(reading(np.ones(7, dtype=np.float32))).is_dense


def test_channels_come_in_the_order_asked_for() -> None:
    decoded = messages.decode_reading(cloud(), ("mq135", "mq2"))
    assert decoded.channels == ("mq135", "mq2")
    np.testing.assert_array_equal(decoded.counts, [1023.0, 593.0])


def test_a_big_endian_cloud_with_padding_and_fields_of_other_types_is_read() -> None:
    msg = PointCloud2(width=1, height=1, is_bigendian=True, point_step=16, row_step=20)
    msg.header = cloud().header
    msg.fields = [
        PointField(name="status", offset=0, datatype=PointField.UINT8, count=4),
        PointField(name="mq3", offset=10, datatype=PointField.FLOAT32, count=1),
    ]
    msg.data = array("B", bytes(10) + np.array([321.5], dtype=">f4").tobytes() + bytes(6))
    assert messages.decode_reading(msg, ("mq3",)).counts.tolist() == [321.5]


def test_all_channels_invalid_is_no_error_of_the_message() -> None:
    counts = np.full(7, np.nan, dtype=np.float32)
    decoded = messages.decode_reading(messages.encode_reading(reading(counts)), PAPER_CHANNELS)
    assert np.isnan(decoded.counts).all()


def set_field(**values: Any) -> Callable[[Any], None]:
    def spoil(msg: Any) -> None:
        for name, value in values.items():
            setattr(msg, name, value)

    return spoil


def rename_mq2(msg: PointCloud2) -> None:
    msg.fields[3].name = "mq99"


def widen_mq3(msg: PointCloud2) -> None:
    msg.fields[4].datatype = PointField.FLOAT64


def repeat_mq3(msg: PointCloud2) -> None:
    msg.fields[4].count = 2


def unknown_mq3(msg: PointCloud2) -> None:
    msg.fields[4].datatype = 77


def move_mq135(msg: PointCloud2) -> None:
    msg.fields[-1].offset = 37


def clear_stamp(msg: Any) -> None:
    msg.header.stamp.sec = msg.header.stamp.nanosec = 0


def negate_stamp(msg: Any) -> None:
    msg.header.stamp.sec = -5


def shorten(msg: Any) -> None:
    msg.data = msg.data[:-1]


def lengthen(msg: Any) -> None:
    msg.data.append(0)


@pytest.mark.parametrize(
    ("spoil", "cause", "said"),
    [
        (rename_mq2, "reading_missing_channel", ["no field mq2", "x, y, z, mq99, mq3"]),
        (set_field(fields=[]), "reading_missing_channel", ["mq2, mq3, mq5", "its fields are none"]),
        (widen_mq3, "reading_field_type", ["mq3", "FLOAT64 x 1", "FLOAT32 x 1"]),
        (repeat_mq3, "reading_field_type", ["mq3", "FLOAT32 x 2"]),
        (unknown_mq3, "reading_field_type", ["mq3", "datatype 77"]),
        (move_mq135, "reading_layout", ["mq135", "offset 37", "point_step 40"]),
        (set_field(point_step=0), "reading_layout", ["point_step 0"]),
        (set_field(point_step=41), "reading_layout", ["row_step 40", "point_step 41"]),
        (set_field(row_step=39), "reading_layout", ["row_step 39"]),
        (set_field(row_step=44), "reading_data_length", ["40 bytes", "row_step 44"]),
        (shorten, "reading_data_length", ["39 bytes"]),
        (lengthen, "reading_data_length", ["41 bytes"]),
        (set_field(width=0), "reading_point_count", ["has 0"]),
        (set_field(height=0), "reading_point_count", ["has 0"]),
        (set_field(width=2), "reading_point_count", ["exactly one point", "has 2"]),
        (clear_stamp, "reading_zero_stamp", ["header.stamp", "time of acquisition"]),
        (negate_stamp, "reading_zero_stamp", ["header.stamp"]),
    ],
)
def test_a_bad_cloud_is_refused_with_cause_and_reason(
    spoil: Callable[[PointCloud2], None], cause: str, said: list[str]
) -> None:
    msg = cloud()
    spoil(msg)
    with pytest.raises(MessageError) as raised:
        messages.decode_reading(msg, PAPER_CHANNELS)
    assert raised.value.cause == cause
    for words in said:
        assert words in raised.value.detail
    assert str(raised.value) == raised.value.detail


@given(
    points=st.tuples(st.integers(0, 2), st.integers(0, 2)),
    steps=st.tuples(st.integers(0, 60), st.integers(0, 60)),
    offset=st.integers(0, 60) | st.integers(0, 2**32 - 1),
    datatype=st.just(7) | st.integers(0, 9),
    count=st.just(1) | st.integers(0, 2),
    data=st.binary(max_size=60),
)
def test_whatever_a_cloud_says_it_is_decoded_or_refused(
    points: tuple[int, int], steps: tuple[int, int], offset: int, datatype: int, count: int, data: bytes
) -> None:
    msg = PointCloud2(width=points[0], height=points[1], point_step=steps[0], row_step=steps[1])
    msg.header.stamp.sec = 1
    msg.fields = [PointField(name="mq2", offset=offset, datatype=datatype, count=count)]
    msg.data = array("B", data)
    with suppress(MessageError):
        counts = messages.decode_reading(msg, ("mq2",)).counts
        assert counts.tobytes() == data[offset : offset + 4]


# --- thermal frames -------------------------------------------------------------------------


@pytest.mark.parametrize("encoding", ["mono8", "mono16", "32FC1", "rgb8"])
def test_frames_come_back_as_they_were(encoding: str) -> None:
    original = frame(encoding)
    decoded = messages.decode_frame(messages.encode_frame(original))
    assert (decoded.stamp_ns, decoded.encoding, decoded.frame_id) == (STAMP_NS, encoding, "camera_link")
    assert decoded.pixels.dtype == original.pixels.dtype
    np.testing.assert_array_equal(decoded.pixels, original.pixels)


@pytest.mark.parametrize(("name", "encoding"), [("8UC1", "mono8"), ("16UC1", "mono16")])
def test_opencv_names_of_raw_pixels_are_understood(name: str, encoding: str) -> None:
    msg = image(encoding)
    msg.encoding = name
    decoded = messages.decode_frame(msg)
    assert decoded.encoding == encoding
    np.testing.assert_array_equal(decoded.pixels, frame(encoding).pixels)


def test_packed_pixels_are_not_copied() -> None:
    msg = image()
    assert np.shares_memory(messages.decode_frame(msg).pixels, np.frombuffer(msg.data, dtype=np.uint8))


@pytest.mark.parametrize("padding", [1, 2, 5, 16])
@pytest.mark.parametrize("encoding", ["mono8", "mono16", "32FC1", "rgb8"])
def test_padded_rows_are_cut_to_the_width(encoding: str, padding: int) -> None:
    msg = image(encoding)
    rows = np.frombuffer(msg.data, dtype=np.uint8).reshape(msg.height, msg.step)
    msg.data = array("B", np.pad(rows, ((0, 0), (0, padding)), constant_values=99).tobytes())
    msg.step += padding
    np.testing.assert_array_equal(messages.decode_frame(msg).pixels, frame(encoding).pixels)


@pytest.mark.parametrize("encoding", ["mono8", "mono16", "32FC1", "rgb8"])
def test_big_endian_pixels_become_native(encoding: str) -> None:
    pixels = frame(encoding).pixels
    msg = image(encoding)
    msg.is_bigendian = 1
    msg.data = array("B", pixels.astype(pixels.dtype.newbyteorder(">")).tobytes())
    decoded = messages.decode_frame(msg)
    assert decoded.pixels.dtype.isnative
    np.testing.assert_array_equal(decoded.pixels, pixels)


@pytest.mark.parametrize(
    ("spoil", "cause", "said"),
    [
        (
            set_field(encoding="rgb16"),
            "image_encoding",
            ["'rgb16'", "mono8", "mono16", "32FC1", "rgb8", "bgr8"],
        ),
        (set_field(encoding=""), "image_encoding", ["''"]),
        (set_field(encoding="bgr8"), "image_step", ["step 16", "at least 24"]),
        (set_field(encoding="yuv422", width=7), "image_width", ["7x6 yuv422", "must be even"]),
        (set_field(width=0), "image_empty", ["0x6"]),
        (set_field(height=0), "image_empty", ["8x0"]),
        (set_field(step=15), "image_step", ["step 15", "at least 16"]),
        (set_field(step=0), "image_step", ["step 0"]),
        (set_field(encoding="32FC1"), "image_step", ["step 16", "at least 32"]),
        (shorten, "image_truncated", ["95 bytes", "make 96"]),
        (set_field(data=array("B")), "image_truncated", ["0 bytes"]),
        (set_field(height=7), "image_truncated", ["8x7", "make 112"]),
        (lengthen, "image_data_length", ["97 bytes", "96"]),
        (clear_stamp, "image_zero_stamp", ["header.stamp"]),
    ],
)
def test_a_bad_image_is_refused_with_cause_and_reason(
    spoil: Callable[[Image], None], cause: str, said: list[str]
) -> None:
    msg = image("mono16")
    spoil(msg)
    with pytest.raises(MessageError) as raised:
        messages.decode_frame(msg)
    assert raised.value.cause == cause
    for words in said:
        assert words in raised.value.detail


@given(
    width=st.integers(0, 2**32 - 1) | st.integers(0, 9),
    height=st.integers(0, 2**32 - 1) | st.integers(0, 9),
    step=st.integers(0, 2**32 - 1) | st.integers(0, 40),
    encoding=st.sampled_from([*PIXEL_FORMATS, "rgb16", ""]),
    big_endian=st.integers(0, 255),
    data=st.binary(max_size=200),
)
def test_whatever_an_image_says_it_is_decoded_or_refused(
    width: int, height: int, step: int, encoding: str, big_endian: int, data: bytes
) -> None:
    msg = Image(width=width, height=height, step=step, encoding=encoding, is_bigendian=big_endian)
    msg.header.stamp.sec = 1
    msg.data = array("B", data)
    with suppress(MessageError):
        assert messages.decode_frame(msg).pixels.shape[:2] == (height, width)


@pytest.mark.parametrize(
    ("pixels", "encoding", "cause"),
    [
        (np.zeros((2, 3), dtype=np.float64), "32FC1", "image_encoding"),
        (np.zeros((2, 3), dtype=np.uint8), "mono16", "image_encoding"),
        (np.zeros((2, 3), dtype=np.uint8), "rgb8", "image_encoding"),
        (np.zeros((2, 3, 3), dtype=np.uint8), "mono8", "image_encoding"),
        (np.zeros((2, 3, 1), dtype=np.uint8), "mono8", "image_encoding"),
        (np.zeros(6, dtype=np.uint8), "mono8", "image_encoding"),
        (np.zeros((2, 3), dtype=np.uint8), "jpeg", "image_encoding"),
        (np.zeros((2, 3, 3), dtype=np.uint8), "bgr8", "image_encoding"),
        (np.zeros((0, 3), dtype=np.uint8), "mono8", "image_empty"),
    ],
)
def test_pixels_that_are_not_their_encoding_are_not_sent(
    pixels: npt.NDArray[Any], encoding: str, cause: str
) -> None:
    with pytest.raises(MessageError) as raised:
        messages.encode_frame(ThermalFrame(STAMP_NS, pixels, encoding))
    assert raised.value.cause == cause


def test_big_endian_pixels_are_sent_as_such() -> None:
    pixels = frame("mono16").pixels
    msg = messages.encode_frame(ThermalFrame(STAMP_NS, pixels.astype(">u2"), "mono16"))
    np.testing.assert_array_equal(messages.decode_frame(msg).pixels, pixels)


def test_camera_info_carries_the_calibration() -> None:
    @dataclass(frozen=True)
    class Calibration:
        width: int = 206
        height: int = 156
        distortion_model: str = "plumb_bob"
        d: tuple[float, ...] = (0.1, 0.2, 0.0, 0.0, 0.0)
        k: tuple[float, ...] = (317.0, 0, 103, 0, 317.0, 78, 0, 0, 1)
        r: tuple[float, ...] = (1, 0, 0, 0, 1, 0, 0, 0, 1)
        p: tuple[float, ...] = (317.0, 0, 103, 0, 0, 317.0, 78, 0, 0, 0, 1, 0)

    msg = messages.encode_camera_info(Calibration(), STAMP_NS, "camera_link")
    assert messages.stamp_to_ns(msg.header.stamp) == STAMP_NS
    assert (msg.width, msg.height, msg.distortion_model) == (206, 156, "plumb_bob")
    assert msg.header.frame_id == "camera_link"
    for name in ("d", "k", "r", "p"):
        assert list(getattr(msg, name)) == list(getattr(Calibration, name))


# --- poses ----------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [PoseStamped, PoseWithCovarianceStamped, Odometry])
def test_the_robots_place_is_read_from_each_usual_message(kind: type) -> None:
    msg = kind()
    msg.header.frame_id = "map"
    pose = msg.pose if kind is PoseStamped else msg.pose.pose
    pose.position.x, pose.position.y, pose.position.z = 12.5, -3.0, 0.25
    pose.orientation.z, pose.orientation.w = math.sin(0.4), math.cos(0.4)
    place = messages.decode_pose(msg)
    assert (place.x, place.y, place.z, place.frame_id) == (12.5, -3.0, 0.25, "map")
    assert place.yaw == pytest.approx(0.8)


# --- cv_bridge ------------------------------------------------------------------------------


class BridgeOfAnotherNumPy:
    """Fails as a compiled half does that was built for NumPy 1."""

    def imgmsg_to_cv2(self, _: Any) -> None:
        raise ImportError("numpy.core.multiarray failed to import")


@pytest.fixture
def fresh_bridge() -> Iterator[None]:
    messages.cv_bridge.cache_clear()
    yield
    messages.cv_bridge.cache_clear()


def broken_module() -> ModuleType:
    module = ModuleType("cv_bridge")
    module.__dict__["CvBridge"] = BridgeOfAnotherNumPy
    return module


@pytest.mark.usefixtures("fresh_bridge")
@pytest.mark.parametrize(
    ("module", "reason"), [(None, "cv_bridge"), (broken_module(), "multiarray failed to import")]
)
def test_a_cv_bridge_that_does_not_work_says_what_to_do(
    monkeypatch: pytest.MonkeyPatch, module: ModuleType | None, reason: str
) -> None:
    msg = image()
    messages.cv_bridge.cache_clear()
    monkeypatch.setitem(sys.modules, "cv_bridge", module)
    with pytest.raises(ImportError, match=reason) as raised:
        messages.decode_frame(msg)
    assert f"NumPy {np.__version__}" in str(raised.value)
    assert "numpy<2" in str(raised.value)
    assert "gas-fusion-ros-standalone" in str(raised.value)


# --- messages of the rosbags library --------------------------------------------------------


def from_a_bag(msg: Any, type_name: str) -> Any:
    return BAGS.deserialize_cdr(serialize_message(msg), type_name)


def test_a_reading_from_a_bag_is_decoded_by_the_same_function() -> None:
    decoded = messages.decode_reading(from_a_bag(cloud(), "sensor_msgs/msg/PointCloud2"), PAPER_CHANNELS)
    np.testing.assert_array_equal(decoded.counts, COUNTS)
    assert (decoded.stamp_ns, decoded.frame_id) == (STAMP_NS, "array_link")


@pytest.mark.parametrize("encoding", ["mono8", "mono16", "32FC1", "rgb8"])
def test_a_frame_from_a_bag_is_decoded_by_the_same_function(encoding: str) -> None:
    decoded = messages.decode_frame(from_a_bag(image(encoding), "sensor_msgs/msg/Image"))
    np.testing.assert_array_equal(decoded.pixels, frame(encoding).pixels)
    assert (decoded.stamp_ns, decoded.encoding, decoded.frame_id) == (STAMP_NS, encoding, "camera_link")


def test_a_bad_message_from_a_bag_is_refused_alike() -> None:
    msg = image()
    msg.data = msg.data[:-1]
    with pytest.raises(MessageError) as raised:
        messages.decode_frame(from_a_bag(msg, "sensor_msgs/msg/Image"))
    assert raised.value.cause == "image_truncated"


def test_a_classification_from_a_bag_has_the_same_values() -> None:
    msg = messages.encode_classification(verdict(), 1.5, "gas_classifier")
    bag = from_a_bag(msg, "diagnostic_msgs/msg/DiagnosticArray")
    assert messages.key_values(bag.status[0]) == messages.key_values(msg.status[0])


# --- diagnostics ----------------------------------------------------------------------------


def test_levels_are_those_of_ros() -> None:
    assert [bytes([level]) for level in Level] == [
        DiagnosticStatus.OK,
        DiagnosticStatus.WARN,
        DiagnosticStatus.ERROR,
        DiagnosticStatus.STALE,
    ]


def test_a_classification_has_all_that_the_topic_promises() -> None:
    msg = messages.encode_classification(verdict(), 1.5, "robot1/nose")
    assert messages.stamp_to_ns(msg.header.stamp) == STAMP_NS
    assert msg.header.frame_id == "array_link"
    [status] = msg.status
    assert status.name == "robot1/nose: classification"
    assert status.message == "NoGas"
    assert messages.key_values(status) == {
        "p(Mixture)": "0.100000",
        "p(NoGas)": "0.700000",
        "p(Perfume)": "0.100000",
        "p(Smoke)": "0.100000",
        "confidence": "0.700000",
        "novelty": "nan",
        "departure": "nan",
        "mode": "fusion",
        "pair_offset_ms": "-5.250",
        "latency_ms": "1.500",
        "model": "m1",
        "invalid_channels": "",
    }


def test_a_fused_classification_tells_what_its_readings_say_alone() -> None:
    alone = replace(verdict(), mode=Mode.GAS_ONLY)
    msg = messages.encode_classification(
        replace(verdict("Smoke"), readings_alone=alone), 1.5, "gas_classifier"
    )
    values = messages.key_values(msg.status[0])
    assert msg.status[0].message == "Smoke"
    assert {key: value for key, value in values.items() if key.startswith("readings_alone")} == {
        "readings_alone": "NoGas",
        "readings_alone.p(Mixture)": "0.100000",
        "readings_alone.p(NoGas)": "0.700000",
        "readings_alone.p(Perfume)": "0.100000",
        "readings_alone.p(Smoke)": "0.100000",
    }
    assert decode_classification(msg).probabilities == pytest.approx(verdict("Smoke").by_class)


def test_a_classification_without_a_pair_has_no_offset() -> None:
    [status] = messages.encode_classification(verdict(offset_ns=None), 0.0, "gas_classifier").status
    assert math.isnan(float(messages.key_values(status)["pair_offset_ms"]))


@pytest.mark.parametrize(
    ("label", "invalid", "level"),
    [
        ("NoGas", (), DiagnosticStatus.OK),
        ("NoGas", ("mq2", "mq8"), DiagnosticStatus.WARN),
        ("Perfume", (), DiagnosticStatus.WARN),
        ("Smoke", (), DiagnosticStatus.WARN),
    ],
)
def test_a_classification_warns_of_gas_and_of_invalid_channels(
    label: str, invalid: tuple[str, ...], level: bytes
) -> None:
    [status] = messages.encode_classification(verdict(label, invalid=invalid), 1.0, "gas_classifier").status
    assert status.level == level
    assert messages.key_values(status)["invalid_channels"] == " ".join(invalid)
    assert messages.encode_class(verdict(label)).data == label


@pytest.mark.parametrize(
    ("novelty", "label", "level", "text"),
    [
        (1.0, "NoGas", DiagnosticStatus.OK, "1.000000"),
        (1.25, "Unknown", DiagnosticStatus.WARN, "1.250000"),
    ],
)
def test_a_verdict_beyond_the_limit_of_novelty_is_unknown_and_keeps_its_probabilities(
    novelty: float, label: str, level: bytes, text: str
) -> None:
    [status] = messages.encode_classification(verdict(novelty=novelty), 1.0, "gas_classifier").status
    values = messages.key_values(status)
    assert (status.message, status.level, values["novelty"]) == (label, level, text)
    assert (values["p(NoGas)"], values["confidence"]) == ("0.700000", "0.700000")
    assert messages.encode_class(verdict(novelty=novelty)).data == label


@pytest.mark.parametrize(
    ("state", "severity", "fault", "level"),
    [
        (AlarmState.CLEAR, None, False, DiagnosticStatus.OK),
        (AlarmState.PENDING, None, False, DiagnosticStatus.WARN),
        (AlarmState.INHIBITED, None, False, DiagnosticStatus.WARN),
        (AlarmState.ACTIVE, Severity.WARNING, False, DiagnosticStatus.WARN),
        (AlarmState.ACTIVE, Severity.WARNING, True, DiagnosticStatus.ERROR),
        (AlarmState.ACTIVE, Severity.CRITICAL, False, DiagnosticStatus.ERROR),
        (AlarmState.ACKNOWLEDGED, Severity.CRITICAL, False, DiagnosticStatus.ERROR),
        (AlarmState.LATCHED, Severity.CRITICAL, False, DiagnosticStatus.ERROR),
        (AlarmState.FAULT, None, True, DiagnosticStatus.ERROR),
    ],
)
def test_the_alarm_state_is_as_grave_as_what_stands(
    state: AlarmState, severity: Severity | None, fault: bool, level: bytes
) -> None:
    alarm = alarm_status(state, severity, fault)
    status = messages.encode_alarm_state(alarm, STAMP_NS, "gas_classifier").status[0]
    assert status.level == level
    assert status.message == state.value
    assert messages.key_values(status)["fault"] == str(fault).lower()


def test_the_alarm_state_has_all_that_the_topic_promises() -> None:
    msg = messages.encode_alarm_state(
        alarm_status(AlarmState.ACTIVE, Severity.CRITICAL), STAMP_NS, "robot1/nose"
    )
    assert msg.status[0].name == "robot1/nose: alarm"
    assert messages.stamp_to_ns(msg.header.stamp) == STAMP_NS
    assert messages.key_values(msg.status[0]) == {
        "state": "active",
        "gas": "Smoke",
        "severity": "critical",
        "since": "1.500",
        "peak": "0.900000",
        "acknowledged": "false",
        "alarm": "2",
        "standing": "1",
        "raised": "2",
        "sounding": "true",
        "sequence": "7",
        "fault": "false",
        "faults": "",
        "inhibits": "",
        "warnings": "",
        "rejected": "3",
    }
    assert msg.status[1].name == "robot1/nose: alarm 2"
    assert messages.key_values(msg.status[1]) == {
        "number": "2",
        "state": "active",
        "gas": "Smoke",
        "severity": "critical",
        "since": "1.500",
        "peak": "0.900000",
        "acknowledged": "false",
        "shelved": "false",
        "x": "1.000",
        "y": "-2.500",
        "frame_id": "map",
    }


def test_reasons_are_told_with_code_and_text() -> None:
    status = replace(
        alarm_status(AlarmState.FAULT, fault=True),
        warnings=(Reason("gas_silent", "why"), Reason("state_file", "full")),
    )
    values = messages.key_values(messages.alarm_diagnostic(status, "alarm"))
    assert values["faults"] == "silence: no valid gas reading for 10 s"
    assert values["warnings"] == "gas_silent: why; state_file: full"


@pytest.mark.parametrize("sounding", [True, False])
def test_the_alarm_is_true_while_anything_stands_that_is_not_known_to_be_safe(sounding: bool) -> None:
    status = alarm_status(AlarmState.CLEAR, fault=sounding)
    assert messages.encode_alarm(status).data is sounding
