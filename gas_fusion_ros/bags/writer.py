"""Writes serialized messages into a rosbag2 directory. No ROS needed."""

from __future__ import annotations

import sqlite3
import threading
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from rosbags.interfaces import (
    Connection,
    Qos,
    QosDurability,
    QosHistory,
    QosLiveliness,
    QosReliability,
    QosTime,
)
from rosbags.rosbag2 import CompressionFormat, CompressionMode, StoragePlugin, Writer, WriterError
from rosbags.typesys import Stores, get_typestore

from gas_fusion_ros.base.closing import Closing

_FOREVER = QosTime(2147483647, 4294967295)


class Storage(str, Enum):
    """How a bag's file is laid out."""

    MCAP = "mcap"
    SQLITE3 = "sqlite3"


class Compression(str, Enum):
    """How a bag is compressed: MCAP by chunks of about 1 MiB, sqlite3 message by message."""

    NONE = "none"
    ZSTD = "zstd"


@dataclass(frozen=True)
class BagFormat:
    """What kind of file a bag is."""

    storage: Storage = Storage.MCAP
    compression: Compression = Compression.ZSTD

    def __str__(self) -> str:
        """Such as `mcap-zstd`."""
        return f"{self.storage.value}-{self.compression.value}"

    @property
    def plugin(self) -> StoragePlugin:
        """The library's name of the storage."""
        return StoragePlugin.MCAP if self.storage is Storage.MCAP else StoragePlugin.SQLITE3

    @property
    def mode(self) -> CompressionMode:
        """What is compressed by itself."""
        if self.compression is Compression.NONE:
            return CompressionMode.NONE
        return CompressionMode.STORAGE if self.storage is Storage.MCAP else CompressionMode.MESSAGE


_DISK_ERRORS = (OSError, sqlite3.Error)


class BagError(RuntimeError):
    """The bag cannot be written; the message names the path or topic and says why."""


def _offered_qos(latched: bool) -> Qos:
    return Qos(
        history=QosHistory.KEEP_LAST,
        depth=1 if latched else 10,
        reliability=QosReliability.RELIABLE,
        durability=QosDurability.TRANSIENT_LOCAL if latched else QosDurability.VOLATILE,
        deadline=_FOREVER,
        lifespan=_FOREVER,
        liveliness=QosLiveliness.AUTOMATIC,
        liveliness_lease_duration=_FOREVER,
        avoid_ros_namespace_conventions=False,
    )


def _create(path: Path, bag_format: BagFormat) -> Writer:
    try:
        writer = Writer(path, version=9, storage_plugin=bag_format.plugin)
        writer.set_compression(bag_format.mode, CompressionFormat.ZSTD)
        writer.open()
    except (*_DISK_ERRORS, WriterError) as error:
        raise BagError(f"the bag {path} cannot be created: {error}") from error
    return writer


class BagWriter(Closing):
    """A bag that `ros2 bag info` and `ros2 bag play` read, written as the messages come.

    Messages go to the disk as they come, in MCAP by chunks of about 1 MiB, so memory does not grow
    with their number. Safe to use from several threads. A bag becomes readable with `close`; after
    a failed write it is given up, and every later call is harmless or raises the same error. As a
    context manager it is closed after an exception too: what was written until then stays readable.

    Args:
        path: the directory to create; it must not exist.
        latched_topics: full names of the topics whose last message a late subscriber gets, so that
            `ros2 bag play` offers them as they were.
        bag_format: MCAP compressed with zstd, unless another is given.

    Raises:
        BagError: the directory exists or cannot be created.
    """

    def __init__(
        self,
        path: Path,
        latched_topics: frozenset[str] = frozenset(),
        bag_format: BagFormat | None = None,
    ) -> None:
        self.path = path
        self._latched_topics = latched_topics
        # The oldest supported distribution; the standard messages are the same in all of them.
        self._typestore = get_typestore(Stores.ROS2_JAZZY)
        self._lock = threading.Lock()
        self._connections: dict[str, Connection] = {}
        self._counts: dict[str, int] = {}
        self._failure: BagError | None = None
        self._writer: Writer | None = _create(path, bag_format or BagFormat())

    @property
    def counts(self) -> dict[str, int]:
        """Messages written so far, by topic."""
        with self._lock:
            return dict(self._counts)

    def write(self, topic: str, type_name: str, cdr: bytes, stamp_ns: int) -> None:
        """Append one message.

        Args:
            topic: full topic name, such as `/gas/readings`.
            type_name: interface name, such as `sensor_msgs/msg/PointCloud2`.
            cdr: the message as rmw serialized it, with its encapsulation header.
            stamp_ns: time of receipt, nanoseconds.

        Raises:
            BagError: the type is unknown, the topic had another type, the disk failed, or the
                bag is closed.
        """
        with self._lock:
            writer = self._open_writer()
            connection = self._connection(writer, topic, type_name)
            try:
                writer.write(connection, stamp_ns, cdr)
            except _DISK_ERRORS as error:
                raise self._give_up(f"the bag {self.path} cannot be written: {error}") from error
            self._counts[topic] += 1

    def close(self) -> None:
        """Write the index and the metadata; safe to call twice.

        Raises:
            BagError: the disk failed; the bag has no index then.
        """
        with self._lock:
            writer, self._writer = self._writer, None
            if writer is None:
                return
            try:
                writer.close()
            except _DISK_ERRORS as error:
                raise BagError(f"the bag {self.path} cannot be finished: {error}") from error

    def _open_writer(self) -> Writer:
        if self._failure is not None:
            raise self._failure
        if self._writer is None:
            raise BagError(f"the bag {self.path} is closed")
        return self._writer

    def _connection(self, writer: Writer, topic: str, type_name: str) -> Connection:
        connection = self._connections.get(topic)
        if connection is None:
            connection = self._add_connection(writer, topic, type_name)
        if connection.msgtype != type_name:
            raise BagError(f"{topic} was recorded as {connection.msgtype}, this message is {type_name}")
        return connection

    def _add_connection(self, writer: Writer, topic: str, type_name: str) -> Connection:
        if type_name not in self._typestore.fielddefs:
            raise BagError(f"{topic} has the unknown type {type_name}; standard messages can be recorded")
        connection = writer.add_connection(
            topic,
            type_name,
            typestore=self._typestore,
            offered_qos_profiles=[_offered_qos(topic in self._latched_topics)],
        )
        self._connections[topic] = connection
        self._counts[topic] = 0
        return connection

    def _give_up(self, reason: str) -> BagError:
        # Older releases of the library cannot abort; dropping the writer closes its file.
        self._writer = None
        self._failure = BagError(reason)
        return self._failure
