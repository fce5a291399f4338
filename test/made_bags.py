"""Makes bags as recorders leave them, whole and damaged, by the library rosbags."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from rosbags.rosbag2 import CompressionFormat, CompressionMode, StoragePlugin, Writer
from rosbags.typesys import Stores, get_typestore

from gas_fusion_ros.base.observation import PAPER_CHANNELS

STORE = get_typestore(Stores.ROS2_JAZZY)
STRING = "std_msgs/msg/String"
CLOUD = "sensor_msgs/msg/PointCloud2"
IMAGE = "sensor_msgs/msg/Image"
COMPRESSED = "sensor_msgs/msg/CompressedImage"
POSE = "geometry_msgs/msg/PoseStamped"
ODOMETRY = "nav_msgs/msg/Odometry"
TRANSFORMS = "tf2_msgs/msg/TFMessage"
SECOND = 1_000_000_000
EPOCH = 1_700_000_000 * SECOND

MCAP = StoragePlugin.MCAP
SQLITE = StoragePlugin.SQLITE3
KINDS = (
    (MCAP, CompressionMode.NONE),
    (MCAP, CompressionMode.MESSAGE),
    (MCAP, CompressionMode.FILE),
    (MCAP, CompressionMode.STORAGE),
    (SQLITE, CompressionMode.NONE),
    (SQLITE, CompressionMode.MESSAGE),
    (SQLITE, CompressionMode.FILE),
)


@dataclass(frozen=True)
class Made:
    """A message to be written."""

    topic: str
    type_name: str
    stamp_ns: int
    message: Any


def write_bag(
    path: Path,
    messages: Iterable[Made],
    storage: StoragePlugin = MCAP,
    compression: CompressionMode = CompressionMode.NONE,
    topics: Sequence[tuple[str, str]] = (),
) -> Path:
    """Write a bag; `topics` are there whether they have messages or not."""
    writer = Writer(path, version=9, storage_plugin=storage)
    if compression is not CompressionMode.NONE:
        writer.set_compression(compression, CompressionFormat.ZSTD)
    with writer:
        connections = {
            topic: writer.add_connection(topic, type_name, typestore=STORE) for topic, type_name in topics
        }
        for made in messages:
            if made.topic not in connections:
                connections[made.topic] = writer.add_connection(made.topic, made.type_name, typestore=STORE)
            data = STORE.serialize_cdr(made.message, made.type_name)
            writer.write(connections[made.topic], made.stamp_ns, bytes(data))
    return path


def storage_file(bag: Path) -> Path:
    """The one storage file of a bag."""
    (file,) = (path for path in bag.iterdir() if path.name != "metadata.yaml")
    return file


def text(topic: str, stamp_ns: int, content: str) -> Made:
    return Made(topic, STRING, stamp_ns, STORE.types[STRING](content))


def texts(count: int, length: int = 1000, start_ns: int = EPOCH) -> list[Made]:
    """`count` texts on /a and /b in turn, a second apart, each different."""
    return [
        text(("/a", "/b")[number % 2], start_ns + number * SECOND, f"{number}:".ljust(length, "x"))
        for number in range(count)
    ]


def header(stamp_ns: int, frame_id: str) -> Any:
    seconds, nanoseconds = divmod(stamp_ns, SECOND)
    time = STORE.types["builtin_interfaces/msg/Time"](sec=seconds, nanosec=nanoseconds)
    return STORE.types["std_msgs/msg/Header"](stamp=time, frame_id=frame_id)


def reading(
    stamp_ns: int,
    counts: Sequence[float],
    topic: str = "/gas/readings",
    channels: Sequence[str] = PAPER_CHANNELS,
    recorded_ns: int | None = None,
    frame_id: str = "gas_array",
) -> Made:
    """A gas reading, recorded at its stamp unless told otherwise."""
    field = STORE.types["sensor_msgs/msg/PointField"]
    values = np.asarray(counts, "<f4")
    message = STORE.types[CLOUD](
        header=header(stamp_ns, frame_id),
        height=1,
        width=1,
        fields=[
            field(name=name, offset=4 * number, datatype=7, count=1) for number, name in enumerate(channels)
        ],
        is_bigendian=False,
        point_step=4 * len(channels),
        row_step=4 * len(channels),
        data=np.frombuffer(values.tobytes(), np.uint8),
        is_dense=True,
    )
    return Made(topic, CLOUD, stamp_ns if recorded_ns is None else recorded_ns, message)


def image(
    stamp_ns: int,
    pixels: npt.NDArray[Any],
    encoding: str,
    topic: str = "/thermal/image",
    recorded_ns: int | None = None,
    frame_id: str = "thermal_camera",
) -> Made:
    """A picture, recorded at its stamp unless told otherwise."""
    height, width = pixels.shape[:2]
    message = STORE.types[IMAGE](
        header=header(stamp_ns, frame_id),
        height=height,
        width=width,
        encoding=encoding,
        is_bigendian=0,
        step=pixels.nbytes // height,
        data=np.frombuffer(pixels.tobytes(), np.uint8),
    )
    return Made(topic, IMAGE, stamp_ns if recorded_ns is None else recorded_ns, message)


def compressed_image(stamp_ns: int, content: bytes, format_name: str, topic: str) -> Made:
    """A compressed picture, recorded at its stamp."""
    message = STORE.types[COMPRESSED](
        header=header(stamp_ns, "camera"), format=format_name, data=np.frombuffer(content, np.uint8)
    )
    return Made(topic, COMPRESSED, stamp_ns, message)


def scan(stamp_ns: int, topic: str, points: int = 1024) -> Made:
    """What a lidar sees."""
    field = STORE.types["sensor_msgs/msg/PointField"]
    names = ("x", "y", "z", "intensity")
    message = STORE.types[CLOUD](
        header=header(stamp_ns, "lidar"),
        height=1,
        width=points,
        fields=[field(name=name, offset=4 * n, datatype=7, count=1) for n, name in enumerate(names)],
        is_bigendian=False,
        point_step=16,
        row_step=16 * points,
        data=np.zeros(16 * points, np.uint8),
        is_dense=True,
    )
    return Made(topic, CLOUD, stamp_ns, message)


def pose(
    stamp_ns: int,
    x: float,
    y: float = 0.0,
    topic: str = "/pose",
    recorded_ns: int | None = None,
    frame_id: str = "map",
) -> Made:
    """Where the robot is, facing along x; recorded at its stamp unless told otherwise."""
    message = STORE.types[POSE](header=header(stamp_ns, frame_id), pose=_place(x, y))
    return Made(topic, POSE, stamp_ns if recorded_ns is None else recorded_ns, message)


def transform(stamp_ns: int, parent: str, child: str, x: float, y: float = 0.0, topic: str = "/tf") -> Made:
    """Where a frame is in its parent, as tf2 tells it."""
    vector = STORE.types["geometry_msgs/msg/Vector3"](x=x, y=y, z=0.0)
    turn = STORE.types["geometry_msgs/msg/Quaternion"](x=0.0, y=0.0, z=0.0, w=1.0)
    one = STORE.types["geometry_msgs/msg/TransformStamped"](
        header=header(stamp_ns, parent),
        child_frame_id=child,
        transform=STORE.types["geometry_msgs/msg/Transform"](translation=vector, rotation=turn),
    )
    return Made(topic, TRANSFORMS, stamp_ns, STORE.types[TRANSFORMS](transforms=[one]))


def odometry(stamp_ns: int, x: float, topic: str = "/odom") -> Made:
    """The same as a base tells it, standing still."""
    vector = STORE.types["geometry_msgs/msg/Vector3"](x=0.0, y=0.0, z=0.0)
    unknown = np.zeros(36)
    message = STORE.types[ODOMETRY](
        header=header(stamp_ns, "odom"),
        child_frame_id="base_link",
        pose=STORE.types["geometry_msgs/msg/PoseWithCovariance"](pose=_place(x, 0.0), covariance=unknown),
        twist=STORE.types["geometry_msgs/msg/TwistWithCovariance"](
            twist=STORE.types["geometry_msgs/msg/Twist"](linear=vector, angular=vector), covariance=unknown
        ),
    )
    return Made(topic, ODOMETRY, stamp_ns, message)


def _place(x: float, y: float) -> Any:
    return STORE.types["geometry_msgs/msg/Pose"](
        position=STORE.types["geometry_msgs/msg/Point"](x=x, y=y, z=0.0),
        orientation=STORE.types["geometry_msgs/msg/Quaternion"](x=0.0, y=0.0, z=0.0, w=1.0),
    )
