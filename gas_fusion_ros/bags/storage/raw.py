"""What every storage file offers, and messages of several parts in one order of time."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol


class StorageError(RuntimeError):
    """Nothing can be read from a file; the message says why, the caller knows the path."""


@dataclass(frozen=True)
class StoredTopic:
    """A topic as a file describes it.

    Attributes:
        name: full topic name.
        type_name: interface name, such as `sensor_msgs/msg/Image`.
        messages: how many messages the file says that it holds.
        definition: the type's definition in the syntax of `definition_format`; empty where there is none.
        definition_format: `ros2msg` or `ros2idl`.
        serialization: how the messages are encoded; `cdr` can be read.
    """

    name: str
    type_name: str
    messages: int
    definition: str = ""
    definition_format: str = "ros2msg"
    serialization: str = "cdr"


def interface_name(type_name: str) -> str:
    """The whole name of a message's interface; old recorders wrote `sensor_msgs/Image` for it."""
    package, _, rest = type_name.partition("/")
    return f"{package}/msg/{rest}" if rest and "/" not in rest else type_name


@dataclass(frozen=True, slots=True)
class RawMessage:
    """A message as it is stored.

    Attributes:
        topic: full topic name.
        type_name: interface name.
        stamp_ns: time of recording.
        data: serialized message.
    """

    topic: str
    type_name: str
    stamp_ns: int
    data: bytes


class StorageFile(Protocol):
    """One open file of a bag."""

    @property
    def kind(self) -> str:
        """What kind of storage it is, as rosbag2 names it."""

    @property
    def topics(self) -> Sequence[StoredTopic]:
        """The topics in it."""

    @property
    def start_ns(self) -> int | None:
        """Time of recording of its first message; None without messages."""

    @property
    def end_ns(self) -> int | None:
        """Time of recording of its last message; None without messages."""

    def messages(self, topics: Collection[str]) -> Iterator[RawMessage]:
        """Yield the messages of `topics` in order of time of recording."""

    def close(self) -> None:
        """Close the file."""


@dataclass(frozen=True)
class Part:
    """Messages that are read together, such as a chunk or a file.

    Attributes:
        start_ns: no message of it was recorded before.
        read: reads them, in order of time.
    """

    start_ns: int
    read: Callable[[], Iterator[RawMessage]]


def merge(parts: Sequence[Part]) -> Iterator[RawMessage]:
    """Yield the messages of all parts in order of time; of equal times, in the order of the parts.

    A part is read only once its time has come: memory holds as many as overlap.
    """
    streams = [_stream(part) for part in parts]
    for _, message in heapq.merge(*streams, key=lambda item: item[0]):
        if message is not None:
            yield message


def _stream(part: Part) -> Iterator[tuple[int, RawMessage | None]]:
    # heapq.merge asks every stream for its first item: this one costs nothing.
    yield part.start_ns, None
    for message in part.read():
        yield message.stamp_ns, message
