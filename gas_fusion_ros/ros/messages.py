"""ROS messages <-> what travels inside the package.

No file knows their layout but this one, `source_messages`, which has what a device says of itself, and
`alarm_status`, which reads back what the alarm says.
Decoding goes by the fields alone, so a message read from a bag by the `rosbags` library is
decoded by the same function as one received by rclpy; images come in through cv_bridge. Encoding
leaves the making to a `MessageMaker`: that of ROS, unless another one is given. So neither needs a ROS
installation by itself.
"""

from __future__ import annotations

import math
import sys
from array import array
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from functools import cache
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import numpy.typing as npt

from gas_fusion_ros.alarm.types import AlarmState, AlarmStatus, Severity, StandingAlarm, reasons_text
from gas_fusion_ros.base.observation import (
    CLEAN_AIR,
    POSITION_FIELDS,
    GasReading,
    RobotPose,
    ThermalFrame,
    Verdict,
)
from gas_fusion_ros.base.quoting import listed, quoted, shown
from gas_fusion_ros.base.units import NANOSECONDS_PER_SECOND
from gas_fusion_ros.ros.compressed_pixels import CompressedError, decode_compressed
from gas_fusion_ros.ros.message_maker import ROS_MESSAGES, MessageMaker
from gas_fusion_ros.ros.pixel_formats import PIXEL_FORMATS, PixelFormat

if TYPE_CHECKING:
    from builtin_interfaces.msg import Time
    from cv_bridge import CvBridge
    from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
    from geometry_msgs.msg import PoseStamped, PoseWithCovarianceStamped
    from nav_msgs.msg import Odometry
    from sensor_msgs.msg import CameraInfo, CompressedImage, Image, PointCloud2
    from std_msgs.msg import Bool, Header, String


# sensor_msgs/PointField datatypes by their constants' values.
_FIELD_TYPES = {
    1: "INT8",
    2: "UINT8",
    3: "INT16",
    4: "UINT16",
    5: "INT32",
    6: "UINT32",
    7: "FLOAT32",
    8: "FLOAT64",
}
_FLOAT32 = 7
_FLOAT32_SIZE = 4

MAX_FIELDS = 256
"""Fields of a gas reading's message: no array has so many sensors."""
MAX_PIXELS = 2048 * 2048
"""Of a thermal image: no camera has so many, and each takes many times its size on its way to a network."""
_LONGEST_FRAME_ID = 255


class MessageError(ValueError):
    """A message that cannot be used.

    Attributes:
        cause: short stable key, one per kind of fault (for `problems.Problems`).
        detail: a sentence that names the field and says what would be right.
    """

    def __init__(self, cause: str, detail: str) -> None:
        super().__init__(detail)
        self.cause = cause
        self.detail = detail


class Level(IntEnum):
    """Severity of a diagnostic status, by the values of diagnostic_msgs/DiagnosticStatus."""

    OK = 0
    WARN = 1
    ERROR = 2
    STALE = 3


class CameraModel(Protocol):
    """The calibration of a camera, as sensor_msgs/CameraInfo wants it."""

    @property
    def width(self) -> int:
        """Columns, pixels."""

    @property
    def height(self) -> int:
        """Rows, pixels."""

    @property
    def distortion_model(self) -> str:
        """Name of the distortion model, such as `plumb_bob`."""

    @property
    def d(self) -> Sequence[float]:
        """Distortion parameters."""

    @property
    def k(self) -> Sequence[float]:
        """Intrinsic matrix 3x3, row-major, pixels."""

    @property
    def r(self) -> Sequence[float]:
        """Rectification matrix 3x3, row-major."""

    @property
    def p(self) -> Sequence[float]:
        """Projection matrix 3x4, row-major, pixels."""


class LeakModel(Protocol):
    """A leak and when its signs last, nanoseconds."""

    @property
    def label(self) -> str:
        """Class of the gas."""

    @property
    def start_ns(self) -> int:
        """When the gas is first there."""

    @property
    def end_ns(self) -> int:
        """When it was last there."""

    @property
    def first_sign_ns(self) -> int:
        """When a sensor can first notice it."""

    @property
    def place(self) -> tuple[float, float] | None:
        """Where it is, metres in the map; None where nobody knows."""

    @property
    def recovered_ns(self) -> int:
        """When no sensor notices it any more."""


# --- stamps ---------------------------------------------------------------------------------


def stamp_to_ns(stamp: Time) -> int:
    """Nanoseconds of a builtin_interfaces/Time."""
    return int(stamp.sec) * NANOSECONDS_PER_SECOND + int(stamp.nanosec)


def ns_to_stamp(stamp_ns: int, maker: MessageMaker = ROS_MESSAGES) -> Time:
    """The builtin_interfaces/Time of `stamp_ns`, nanoseconds since the clock's epoch."""
    seconds, nanoseconds = divmod(stamp_ns, NANOSECONDS_PER_SECOND)
    return maker.make("builtin_interfaces/msg/Time", sec=seconds, nanosec=nanoseconds)


def _header(stamp_ns: int, frame_id: str, maker: MessageMaker) -> Header:
    return maker.make("std_msgs/msg/Header", stamp=ns_to_stamp(stamp_ns, maker), frame_id=frame_id)


def _frame_id(header: Header) -> str:
    """The frame of a message, cut where it is no name any more: it goes on with all that is made of it."""
    return str(header.frame_id[:_LONGEST_FRAME_ID])


def _acquisition_time(header: Header, kind: str) -> int:
    stamp_ns = stamp_to_ns(header.stamp)
    if stamp_ns <= 0:
        raise MessageError(
            f"{kind}_zero_stamp",
            f"header.stamp of a {kind} is {stamp_ns} ns; it must be the time of acquisition",
        )
    return stamp_ns


# --- gas readings ---------------------------------------------------------------------------


def decode_reading(msg: PointCloud2, channels: Sequence[str]) -> GasReading:
    """Read one gas reading from a sensor_msgs/PointCloud2 of one point.

    Args:
        msg: the message; fields beyond `channels` (x, y, z, other sensors) are ignored.
        channels: names of the float32 fields to read, in the order of the reading.

    Returns:
        The reading, counts of shape (C,); NaN stays NaN (REP-117: invalid).

    Raises:
        MessageError: a channel is missing or not one FLOAT32, there is not exactly one point,
            the layout contradicts itself, the data are too short or too long, or the stamp is zero.
    """
    stamp_ns = _acquisition_time(msg.header, "reading")
    points = int(msg.width) * int(msg.height)
    if points != 1:
        raise MessageError(
            "reading_point_count",
            f"a gas reading is a PointCloud2 of exactly one point, this one has {points} "
            f"(width {msg.width}, height {msg.height})",
        )
    _check_cloud_layout(msg)
    offsets = _channel_offsets(msg, channels)
    dtype = np.dtype(np.float32).newbyteorder(">" if msg.is_bigendian else "<")
    point = bytes(msg.data[: int(msg.point_step)])
    counts = np.array([np.frombuffer(point, dtype, 1, offset)[0] for offset in offsets], dtype=np.float32)
    return GasReading(stamp_ns, tuple(channels), counts, _frame_id(msg.header))


def channel_names(msg: PointCloud2) -> tuple[str, ...]:
    """The channels that a gas reading can be decoded with: its float32 fields but x, y and z, in order.

    None where the message has more fields than a reading can have.
    """
    if len(msg.fields) > MAX_FIELDS:
        return ()
    return tuple(
        str(field.name)
        for field in msg.fields
        if field.datatype == _FLOAT32 and field.count == 1 and str(field.name) not in POSITION_FIELDS
    )


def channels_there(msg: PointCloud2, channels: Sequence[str]) -> tuple[str, ...]:
    """Those of `channels` that a gas reading has a field of whatever type for, in their order."""
    fields = {str(field.name) for field in msg.fields[:MAX_FIELDS]}
    return tuple(name for name in channels if name in fields)


def _check_cloud_layout(msg: PointCloud2) -> None:
    if len(msg.fields) > MAX_FIELDS:
        raise MessageError(
            "reading_fields",
            f"a PointCloud2 has {len(msg.fields)} fields; a gas reading has {MAX_FIELDS} at most",
        )
    if msg.row_step < msg.point_step:
        raise MessageError(
            "reading_layout",
            f"row_step {msg.row_step} of a PointCloud2 is less than width 1 * point_step {msg.point_step}",
        )
    if len(msg.data) != msg.row_step:
        raise MessageError(
            "reading_data_length",
            f"data of a PointCloud2 has {len(msg.data)} bytes; row_step {msg.row_step} * height 1 are right",
        )


def _channel_offsets(msg: PointCloud2, channels: Sequence[str]) -> list[int]:
    fields = {str(field.name): field for field in msg.fields}
    missing = [name for name in channels if name not in fields]
    if missing:
        raise MessageError(
            "reading_missing_channel",
            f"PointCloud2 has no field {listed(missing)}; its fields are {listed(fields)}; the node "
            "gas_adapter takes other names",
        )
    for name in channels:
        field = fields[name]
        if field.datatype != _FLOAT32 or field.count != 1:
            found = _FIELD_TYPES.get(int(field.datatype), f"datatype {field.datatype}")
            raise MessageError(
                "reading_field_type",
                f"field {shown(name)} of a PointCloud2 is {found} x {field.count}; it must be FLOAT32 x 1: "
                "the node gas_adapter converts others",
            )
        if field.offset + _FLOAT32_SIZE > msg.point_step:
            raise MessageError(
                "reading_layout",
                f"field {shown(name)} of a PointCloud2 at offset {field.offset} does not fit into "
                f"point_step {msg.point_step}",
            )
    return [int(fields[name].offset) for name in channels]


def encode_reading(reading: GasReading, maker: MessageMaker = ROS_MESSAGES) -> PointCloud2:
    """Make the PointCloud2 of a reading: one point at the frame's origin, x y z then the channels."""
    names = (*POSITION_FIELDS, *reading.channels)
    values = np.zeros(len(names), dtype="<f4")
    values[len(POSITION_FIELDS) :] = reading.counts
    return maker.make(
        "sensor_msgs/msg/PointCloud2",
        header=_header(reading.stamp_ns, reading.frame_id, maker),
        height=1,
        width=1,
        fields=[
            maker.make(
                "sensor_msgs/msg/PointField",
                name=name,
                offset=index * _FLOAT32_SIZE,
                datatype=_FLOAT32,
                count=1,
            )
            for index, name in enumerate(names)
        ],
        is_bigendian=False,
        point_step=values.nbytes,
        row_step=values.nbytes,
        data=array("B", values.tobytes()),
        is_dense=bool(np.isfinite(values).all()),
    )


# --- thermal frames -------------------------------------------------------------------------


@dataclass(frozen=True)
class _NativeImage:
    """An image's fields as cv_bridge reads them: rows packed, in this machine's byte order."""

    height: int
    width: int
    encoding: str
    step: int
    data: npt.NDArray[np.uint8]
    is_bigendian: bool = sys.byteorder == "big"


@cache
def cv_bridge() -> CvBridge:
    """The one CvBridge of the process, tried once on one pixel of each encoding.

    A node calls it in `configure`, so that a broken installation is said there and not per image.

    Raises:
        ImportError: cv_bridge is missing, or its compiled half does not work; says what to do.
    """
    try:
        from cv_bridge import CvBridge

        bridge = CvBridge()
        # The compiled half is loaded by the first conversion, not by the import.
        for pixel_format in PIXEL_FORMATS.values():
            pixel = np.zeros(pixel_format.size, dtype=np.uint8)
            bridge.imgmsg_to_cv2(_NativeImage(1, 1, pixel_format.opencv_type, pixel_format.size, pixel))
    except Exception as error:  # built for another NumPy or OpenCV, it fails in ways of its own
        raise ImportError(
            f"cv_bridge cannot be used with NumPy {np.__version__}: {type(error).__name__}: {error}. "
            "With ROS: install ros-$ROS_DISTRO-cv-bridge; where it was built for NumPy 1, use the system's "
            'python3-numpy or `pip install "numpy<2"`. Without ROS: pip install gas-fusion-ros-standalone'
        ) from error
    return bridge


def decode_frame(msg: Image | CompressedImage) -> ThermalFrame:
    """Read a thermal frame from a sensor_msgs/Image or a sensor_msgs/CompressedImage.

    Returns:
        The frame in `mono8`, `mono16`, `32FC1` or `rgb8`, what else `pixel_formats` knows turned into one of
        these; pixels of shape (H, W) or (H, W, 3) in this machine's byte order. Not copied where they are as
        they were and the rows packed.

    Raises:
        MessageError: another encoding or format, no pixels, a step or a data length that does not fit,
            or a stamp of zero.
        ImportError: cv_bridge cannot be used.
    """
    if hasattr(msg, "format"):
        stamp_ns = _acquisition_time(msg.header, "image")
        pixels, encoding = _decompressed(msg)
    else:
        stamp_ns, pixel_format = check_image(msg)
        pixels, encoding = _converted(msg, pixel_format), pixel_format.name
    return ThermalFrame(stamp_ns, pixels, encoding, _frame_id(msg.header))


def check_image(msg: Image) -> tuple[int, PixelFormat]:
    """Look for all that keeps a sensor_msgs/Image from being decoded; its pixels are not touched.

    Returns:
        Its stamp, nanoseconds, and the format that its pixels have.

    Raises:
        MessageError: as `decode_frame`.
    """
    stamp_ns = _acquisition_time(msg.header, "image")
    pixel_format = _pixel_format(str(msg.encoding))
    _check_image_layout(msg, pixel_format)
    return stamp_ns, pixel_format


def _decompressed(msg: CompressedImage) -> tuple[npt.NDArray[Any], str]:
    try:
        return decode_compressed(bytes(msg.data), str(msg.format), MAX_PIXELS)
    except CompressedError as error:
        raise MessageError(error.cause, error.detail) from None


def _converted(msg: Image, pixel_format: PixelFormat) -> npt.NDArray[Any]:
    pixels = cv_bridge().imgmsg_to_cv2(_packed(msg, pixel_format))
    return pixels if pixel_format.convert is None else pixel_format.convert(pixels)


def _pixel_format(encoding: str) -> PixelFormat:
    if encoding not in PIXEL_FORMATS:
        raise MessageError(
            "image_encoding",
            f"encoding {quoted(encoding)} of an image is not one of {', '.join(PIXEL_FORMATS)}",
        )
    return PIXEL_FORMATS[encoding]


def _check_image_layout(msg: Image, pixel_format: PixelFormat) -> None:
    if msg.width == 0 or msg.height == 0:
        raise MessageError("image_empty", f"an image of {msg.width}x{msg.height} pixels has nothing to show")
    if msg.width * msg.height > MAX_PIXELS:
        raise MessageError(
            "image_too_large",
            f"an image of {msg.width}x{msg.height} pixels is larger than a thermal camera's; expected "
            f"{MAX_PIXELS} pixels at most",
        )
    if msg.width % pixel_format.columns:
        raise MessageError(
            "image_width",
            f"a {msg.width}x{msg.height} {msg.encoding} image shares colours between {pixel_format.columns} "
            "columns: its width must be even",
        )
    least = msg.width * pixel_format.size
    if msg.step < least:
        raise MessageError(
            "image_step",
            f"step {msg.step} of a {msg.width}x{msg.height} {msg.encoding} image must be at least {least}",
        )
    expected = msg.step * msg.height
    if len(msg.data) < expected:
        raise MessageError(
            "image_truncated",
            f"data of a {msg.width}x{msg.height} {msg.encoding} image has {len(msg.data)} bytes, "
            f"step {msg.step} * height make {expected}",
        )
    if len(msg.data) > expected:
        raise MessageError(
            "image_data_length",
            f"data of a {msg.width}x{msg.height} {msg.encoding} image has {len(msg.data)} bytes, "
            f"more than step {msg.step} * height = {expected}",
        )


def _packed(msg: Image, pixel_format: PixelFormat) -> _NativeImage:
    """The image without padding, in this machine's byte order; not copied if it is so already.

    cv_bridge skews rows padded to anything but whole pixels, and swaps bytes with a method that
    NumPy 2 no longer has.
    """
    step = int(msg.width) * pixel_format.size
    rows = np.frombuffer(msg.data, dtype=np.uint8).reshape(int(msg.height), int(msg.step))
    data = np.ascontiguousarray(rows[:, :step]).reshape(-1)
    if bool(msg.is_bigendian) != (sys.byteorder == "big"):
        data = data.view(pixel_format.dtype).byteswap().view(np.uint8)
    return _NativeImage(int(msg.height), int(msg.width), pixel_format.opencv_type, step, data)


def encode_frame(frame: ThermalFrame, maker: MessageMaker = ROS_MESSAGES) -> Image:
    """Make the sensor_msgs/Image of a thermal frame, its rows packed, in the pixels' own byte order.

    Raises:
        MessageError: the encoding is not supported, or the pixels are not of its type and shape.
    """
    pixels, pixel_format = frame.pixels, _pixel_format(frame.encoding)
    if pixel_format.name != frame.encoding:
        raise MessageError("image_encoding", f"a frame is {pixel_format.name}, not {frame.encoding}")
    planes = pixels.shape[2] if pixels.ndim == 3 else 1
    of_the_right_shape = planes == pixel_format.planes and pixels.ndim == (2 if planes == 1 else 3)
    if pixels.dtype.newbyteorder("=") != pixel_format.dtype or not of_the_right_shape:
        raise MessageError(
            "image_encoding",
            f"pixels of {pixels.dtype} {pixels.shape} are not {frame.encoding}: "
            f"{pixel_format.dtype} with {pixel_format.planes} plane(s) is",
        )
    if pixels.size == 0:
        raise MessageError("image_empty", f"a frame of shape {pixels.shape} has no pixels")
    height, width = pixels.shape[:2]
    own_order = ">" if sys.byteorder == "big" else "<"
    return maker.make(
        "sensor_msgs/msg/Image",
        header=_header(frame.stamp_ns, frame.frame_id, maker),
        height=height,
        width=width,
        encoding=frame.encoding,
        is_bigendian=int(pixels.dtype.byteorder.replace("=", own_order) == ">"),
        step=width * pixel_format.size,
        data=array("B", pixels.tobytes()),
    )


def encode_camera_info(
    camera: CameraModel, stamp_ns: int, frame_id: str, maker: MessageMaker = ROS_MESSAGES
) -> CameraInfo:
    """Make the CameraInfo that goes with the frame of the same stamp."""
    return maker.make(
        "sensor_msgs/msg/CameraInfo",
        header=_header(stamp_ns, frame_id, maker),
        width=int(camera.width),
        height=int(camera.height),
        distortion_model=camera.distortion_model,
        d=[float(value) for value in camera.d],
        k=[float(value) for value in camera.k],
        r=[float(value) for value in camera.r],
        p=[float(value) for value in camera.p],
    )


# --- poses ----------------------------------------------------------------------------------


def decode_pose(msg: PoseStamped | PoseWithCovarianceStamped | Odometry) -> RobotPose:
    """Read the robot's place from any of the three usual messages, heading as yaw (REP-103)."""
    # A PoseStamped has the pose itself where the other two have a pose with covariance.
    pose = getattr(msg.pose, "pose", msg.pose)
    q = pose.orientation
    yaw = math.atan2(2.0 * (q.w * q.z + q.x * q.y), 1.0 - 2.0 * (q.y * q.y + q.z * q.z))
    p = pose.position
    stamp_ns = stamp_to_ns(msg.header.stamp)
    return RobotPose(float(p.x), float(p.y), float(p.z), yaw, _frame_id(msg.header), stamp_ns)


def encode_pose(pose: RobotPose, maker: MessageMaker = ROS_MESSAGES) -> PoseStamped:
    """Make the PoseStamped of the robot's place, turned by its yaw about the vertical (REP-103)."""
    point = maker.make("geometry_msgs/msg/Point", x=pose.x, y=pose.y, z=pose.z)
    turn = maker.make(
        "geometry_msgs/msg/Quaternion", x=0.0, y=0.0, z=math.sin(pose.yaw / 2.0), w=math.cos(pose.yaw / 2.0)
    )
    return maker.make(
        "geometry_msgs/msg/PoseStamped",
        header=_header(pose.stamp_ns, pose.frame_id, maker),
        pose=maker.make("geometry_msgs/msg/Pose", position=point, orientation=turn),
    )


# --- diagnostics ----------------------------------------------------------------------------


def diagnostic_status(
    name: str,
    level: Level,
    message: str,
    values: Mapping[str, object],
    hardware_id: str = "",
    maker: MessageMaker = ROS_MESSAGES,
) -> DiagnosticStatus:
    """Make a DiagnosticStatus; `values` become strings as `str` writes them.

    Args:
        name: `<node>: <task>` (REP-107).
        level: the severity.
        message: one line for an operator.
        values: the key-value pairs, in their order.
        hardware_id: the device's identifier.
        maker: who makes the message.
    """
    return maker.make(
        "diagnostic_msgs/msg/DiagnosticStatus",
        level=bytes([level]),
        name=name,
        message=message,
        hardware_id=hardware_id,
        values=[
            maker.make("diagnostic_msgs/msg/KeyValue", key=key, value=str(value))
            for key, value in values.items()
        ],
    )


def diagnostic_array(
    statuses: Iterable[DiagnosticStatus],
    stamp_ns: int,
    frame_id: str = "",
    maker: MessageMaker = ROS_MESSAGES,
) -> DiagnosticArray:
    """Make a DiagnosticArray of `statuses`."""
    return maker.make(
        "diagnostic_msgs/msg/DiagnosticArray",
        header=_header(stamp_ns, frame_id, maker),
        status=list(statuses),
    )


def key_values(status: DiagnosticStatus) -> dict[str, str]:
    """The key-value pairs of a DiagnosticStatus as a dictionary."""
    return {str(pair.key): str(pair.value) for pair in status.values}


# --- verdicts -------------------------------------------------------------------------------


def encode_class(verdict: Verdict) -> String:
    """Make the std_msgs/String of the class label alone."""
    return encode_label(verdict.label)


def encode_classification(verdict: Verdict, latency_ms: float, node_name: str) -> DiagnosticArray:
    """Make the DiagnosticArray of one classification.

    Its header is the observation's. Its one status is named `<node>: classification` (REP-107) and has
    the label as message and the values
    `p(<class>)` for each class, `confidence`, `novelty` (above 1 the label is `Unknown`; `nan` where the
    model cannot tell), `departure` (from the array's clean air, 1 at the limit; `nan` where that is not
    known), `mode`, `pair_offset_ms` (`nan` without a pair),
    `latency_ms`, `model` and `invalid_channels` (separated by blanks). Of a fused one whose readings were
    asked alone it has what these say besides: `readings_alone`, a label, and `readings_alone.p(<class>)`. The
    level is OK for clean air and WARN for any gas, for `Unknown` and where a channel was invalid; how grave
    it is, the alarm says.

    Args:
        verdict: the classification.
        latency_ms: from the arrival of the later message to now, milliseconds.
        node_name: what the status is named after.
    """
    clean = verdict.label == CLEAN_AIR and not verdict.invalid_channels
    offset_ms = float("nan") if verdict.pair_offset_ns is None else verdict.pair_offset_ns / 1e6
    novelty = float("nan") if verdict.novelty is None else verdict.novelty
    departure = float("nan") if verdict.departure is None else verdict.departure
    values: dict[str, object] = {
        f"p({name})": f"{probability:.6f}" for name, probability in verdict.by_class.items()
    }
    values["confidence"] = f"{verdict.confidence:.6f}"
    values["novelty"] = f"{novelty:.6f}"
    values["departure"] = f"{departure:.6f}"
    values["mode"] = verdict.mode.value
    values["pair_offset_ms"] = f"{offset_ms:.3f}"
    values["latency_ms"] = f"{latency_ms:.3f}"
    values["model"] = verdict.model
    values["invalid_channels"] = " ".join(verdict.invalid_channels)
    if verdict.readings_alone is not None:
        values["readings_alone"] = verdict.readings_alone.label
        values |= {
            f"readings_alone.p({name})": f"{probability:.6f}"
            for name, probability in verdict.readings_alone.by_class.items()
        }
    status = diagnostic_status(
        f"{node_name}: classification", Level.OK if clean else Level.WARN, verdict.label, values
    )
    return diagnostic_array([status], verdict.stamp_ns, verdict.frame_id)


# --- ground truth ---------------------------------------------------------------------------


def encode_label(label: str, maker: MessageMaker = ROS_MESSAGES) -> String:
    """Make the std_msgs/String of the class that is really there."""
    return maker.make("std_msgs/msg/String", data=label)


def encode_leaks(
    leaks: Iterable[LeakModel], stamp_ns: int, maker: MessageMaker = ROS_MESSAGES
) -> DiagnosticArray:
    """Make the DiagnosticArray of the leaks that really are, a status for each.

    It is named `truth: leak <number>` and has the gas as message, and the values `start_ns`, `end_ns`,
    `first_sign_ns` and `recovered_ns`, whole nanoseconds since the clock's epoch, and `x` and `y`, metres in
    the map, where its place is known.
    """
    names = ("start_ns", "end_ns", "first_sign_ns", "recovered_ns")
    statuses = [
        diagnostic_status(
            f"truth: leak {number}",
            Level.OK,
            leak.label,
            {name: getattr(leak, name) for name in names} | dict(zip("xy", leak.place or (), strict=False)),
            maker=maker,
        )
        for number, leak in enumerate(leaks, start=1)
    ]
    return diagnostic_array(statuses, stamp_ns, maker=maker)


# --- alarms ---------------------------------------------------------------------------------


def encode_alarm(status: AlarmStatus) -> Bool:
    """Make the std_msgs/Bool that is false only where it is known that no leak alarm stands."""
    return ROS_MESSAGES.make("std_msgs/msg/Bool", data=not status.is_safe)


def encode_alarm_state(status: AlarmStatus, stamp_ns: int, node_name: str) -> DiagnosticArray:
    """Make the DiagnosticArray of what stands: first `alarm_diagnostic`, then a status per standing alarm.

    The latter are in the order in which the alarms were raised (first-out first). Each has its state as
    message, the level ERROR where it is critical, else WARN, and the values `number`, `state`, `gas`,
    `severity`, `since` (seconds since the clock's epoch), `peak`, `acknowledged`, `shelved` and, where it is
    known, the place where it was raised: `x`, `y` (metres) and `frame_id`.

    Args:
        status: what stands.
        stamp_ns: since when, nanoseconds.
        node_name: the node that keeps the alarms.
    """
    name = f"{node_name}: alarm"
    alarms = [_standing_alarm(alarm, f"{name} {alarm.number}") for alarm in status.alarms]
    return diagnostic_array([alarm_diagnostic(status, name), *alarms], stamp_ns)


def alarm_diagnostic(status: AlarmStatus, name: str) -> DiagnosticStatus:
    """Make the DiagnosticStatus of what stands in sum.

    It has the state as message and the values `state`, `gas`, `severity` (both empty without a leak),
    `since` (seconds since the clock's epoch), `peak` (highest leak probability), `acknowledged`, `alarm`
    (number of the foremost alarm, 0 without one), `standing` (how many stand), `raised` (number of the last
    alarm raised), `sounding` (whether a horn should sound: not for
    alarms that are shelved), `sequence` (number of the latest event), `fault`, `faults`, `inhibits` and
    `warnings` (their reasons as `code: text`, joined by `; `) and `rejected` (how often evidence was refused
    because it was no probability). The level is OK when clear, WARN when pending, inhibited or warned, and
    for a leak of severity warning; ERROR for a critical leak and for a fault.
    """
    alarm = status.foremost
    values: dict[str, object] = {
        "state": status.state.value,
        "gas": status.gas,
        "severity": alarm.severity.value if alarm is not None else "",
        "since": _seconds(alarm.since_ns if alarm is not None else status.since_ns),
        "peak": f"{alarm.peak if alarm is not None else 0.0:.6f}",
        "acknowledged": _flag(status.state is AlarmState.ACKNOWLEDGED),
        "alarm": alarm.number if alarm is not None else 0,
        "standing": len(status.alarms) + status.omitted,
        "raised": status.raised,
        "sounding": _flag(status.sounding),
        "sequence": status.sequence,
        "fault": _flag(status.fault),
        "faults": reasons_text(status.faults),
        "inhibits": reasons_text(status.inhibits),
        "warnings": reasons_text(status.warnings),
        "rejected": status.rejected,
    }
    return diagnostic_status(name, _alarm_level(status), status.state.value, values)


def _standing_alarm(alarm: StandingAlarm, name: str) -> DiagnosticStatus:
    values: dict[str, object] = {
        "number": alarm.number,
        "state": alarm.state.value,
        "gas": alarm.gas,
        "severity": alarm.severity.value,
        "since": _seconds(alarm.since_ns),
        "peak": f"{alarm.peak:.6f}",
        "acknowledged": _flag(alarm.state is AlarmState.ACKNOWLEDGED),
        "shelved": _flag(alarm.shelved),
    }
    if alarm.pose is not None:
        values |= {
            "x": f"{alarm.pose.x:.3f}",
            "y": f"{alarm.pose.y:.3f}",
            "frame_id": alarm.pose.frame_id,
        }
    level = Level.ERROR if alarm.severity is Severity.CRITICAL else Level.WARN
    return diagnostic_status(name, level, alarm.state.value, values)


def _seconds(stamp_ns: int) -> str:
    return f"{stamp_ns / NANOSECONDS_PER_SECOND:.3f}"


def _flag(value: bool) -> str:
    return str(value).lower()


def _alarm_level(status: AlarmStatus) -> Level:
    if status.fault or any(alarm.severity is Severity.CRITICAL for alarm in status.alarms):
        return Level.ERROR
    is_quiet = status.state is AlarmState.CLEAR and not status.warnings
    return Level.OK if is_quiet else Level.WARN
