"""Reads the bags of rosbag2, message by message, and of damaged ones whatever can be read. No ROS needed."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from gas_fusion_ros.bags.recognition import remedy_of_table
from gas_fusion_ros.bags.storage.bag_files import find_files, open_file
from gas_fusion_ros.bags.storage.compression import ZSTD_MAGIC, CompressionError, decompress
from gas_fusion_ros.bags.storage.limits import LAST_TIME_NS, BagLimits, Room, is_usable_time
from gas_fusion_ros.bags.storage.message_types import MessageTypes, UnknownTypeError
from gas_fusion_ros.bags.storage.raw import Part, RawMessage, StorageError, StorageFile, merge
from gas_fusion_ros.base.closing import Closing
from gas_fusion_ros.base.files import open_regular
from gas_fusion_ros.base.problems import Problems
from gas_fusion_ros.base.quoting import MOST_NAMES, one_line, shown

_BLOCK = 1 << 20
_MOST_SAMPLED = 5_000
"""Messages that are read in search of the first ones of some topics."""


class BagReadError(RuntimeError):
    """Nothing can be read from a bag; the message names its path and the reason."""


@dataclass(frozen=True)
class BagTopic:
    """A topic in a bag.

    Attributes:
        name: full topic name.
        type_name: interface name, such as `sensor_msgs/msg/Image`.
        messages: how many there are; None where the storage cannot say.
    """

    name: str
    type_name: str
    messages: int | None


@dataclass(frozen=True)
class BagMessage:
    """A message from a bag.

    Attributes:
        topic: full topic name.
        type_name: interface name.
        stamp_ns: time of recording.
        message: deserialized, with the fields of the interface.
        size: of the serialized message, bytes.
    """

    topic: str
    type_name: str
    stamp_ns: int
    message: Any
    size: int


class BagReader(Closing):
    """A bag of rosbag2, open for reading; a context manager.

    Messages are read as they are asked for: memory holds a chunk of about 1 MiB, or a few where their times
    overlap, whatever the bag's length. Files that were compressed as a whole are unpacked into a temporary
    folder (TMPDIR) until `close`.

    What is missing or damaged is counted in `problems` and never raised while anything can be read. Causes:
    `bag_empty`, `bag_truncated`, `bag_damaged`, `bag_without_metadata`, `bag_file_missing`,
    `bag_file_unlisted`, `bag_metadata_wrong`, `bag_messages_missing`, and by message `message_undecodable`,
    `message_time_unusable`, `message_type_unknown` and `message_type_mixed`.

    Args:
        path: a directory, with or without metadata.yaml, or one MCAP or SQLite file; also compressed.
        problems: where losses are counted.
        limits: what unpacking and reading it may take.

    Attributes:
        path: as given.
        topics: what was recorded, sorted by name, each under the type of most of its messages.
        start_ns: time of recording of the first message; None without messages.
        end_ns: time of recording of the last message; None without messages.
        message_count: messages in all, as far as the files say.
        size_bytes: of the storage files.
        storage: their kind, such as `mcap`.
        file_count: how many can be read.

    Raises:
        BagReadError: nothing can be read. A bag without messages is no error.
    """

    def __init__(self, path: Path, problems: Problems, limits: BagLimits | None = None) -> None:
        self.path = path
        self._problems = problems
        self._room = Room(limits or BagLimits())
        self._stack = ExitStack()
        try:
            found = find_files(path, problems)
            self._paths = found.paths
            self._files = self._open_files()
            self.size_bytes = sum(file.stat().st_size for file in found.paths)
        except (OSError, StorageError) as error:
            self._stack.close()
            reason = remedy_of_table(path) or _reason(error)
            raise BagReadError(f"{shown(path)} cannot be read: {reason}") from error
        except BaseException:
            self._stack.close()
            raise
        self.storage = ", ".join(sorted({file.kind for file in self._files}))
        self.file_count = len(self._files)
        counts = _counts(self._files)
        self.topics = _topics(counts)
        self.message_count = sum(counts.values())
        self.start_ns = min((f.start_ns for f in self._files if f.start_ns is not None), default=None)
        self.end_ns = max((f.end_ns for f in self._files if f.end_ns is not None), default=None)
        if self.message_count == 0:
            problems.add("bag_empty", f"{shown(path)} holds no messages")
        if found.promised is not None:
            self._compare(found.promised, counts)

    def messages(self, topics: Collection[str], undecoded: Collection[str] = ()) -> Iterator[BagMessage]:
        """Yield the messages of `topics` in order of time of recording.

        A message that cannot be deserialized is counted and left out, and so is one of another type than the
        topic's.

        Args:
            topics: full topic names.
            undecoded: topics of which only the arrival matters: `message` is None, and `size` as stored.
        """
        type_names = {topic.name: topic.type_name for topic in self.topics}
        types = MessageTypes()
        unknown = self._learn(types, {name: type_names[name] for name in topics if name in type_names})
        found: Counter[str] = Counter()
        parts = [
            Part(file.start_ns or 0, partial(file.messages, {*topics, *undecoded})) for file in self._files
        ]
        for raw in merge(parts):
            if not is_usable_time(raw.stamp_ns):
                found[raw.topic] += 1
                self._problems.add(
                    "message_time_unusable",
                    f"a message of {shown(raw.topic)} in {shown(self.path)} was recorded at {raw.stamp_ns} "
                    f"ns; expected 1 to {LAST_TIME_NS}: it is left out",
                )
                continue
            if raw.type_name != type_names[raw.topic]:
                self._problems.add(
                    "message_type_mixed",
                    f"{shown(raw.topic)} in {shown(self.path)} is {shown(type_names[raw.topic])}, some "
                    f"messages are {shown(raw.type_name)}: they are left out",
                )
                continue
            found[raw.topic] += 1
            if raw.topic in undecoded:
                yield BagMessage(raw.topic, raw.type_name, raw.stamp_ns, None, len(raw.data))
            elif raw.topic in unknown:
                self._problems.add(
                    "message_type_unknown",
                    f"{shown(self.path)}: {unknown[raw.topic]}; its messages are left out",
                )
            elif (message := self._decoded(types, raw)) is not None:
                yield message
        self._compare_read(found, {*topics, *undecoded})

    def first_messages(self, topics: Collection[str]) -> dict[str, Any]:
        """Return the first message of each topic that can be deserialized, by name, if it comes early.

        Read by a reader of its own: what is damaged is counted when the messages are read, not twice.
        """
        found: dict[str, Any] = {}
        with BagReader(self.path, Problems(), self._room.limits) as reader:
            for message in islice(reader.messages(topics), _MOST_SAMPLED):
                found.setdefault(message.topic, message.message)
                if len(found) == len(topics):
                    break
        return found

    def sha256(self, is_wanted: Callable[[], bool] = lambda: True) -> str:
        """SHA-256 over the bytes of the storage files in the order of their names, as hexadecimal digits.

        Args:
            is_wanted: asked now and then, from the same thread; where it says no, an empty text is returned.
        """
        digest = hashlib.sha256()
        for path in sorted(self._paths, key=lambda path: path.name):
            with open_regular(path) as file:
                while block := file.read(_BLOCK):
                    if not is_wanted():
                        return ""
                    digest.update(block)
        return digest.hexdigest()

    def close(self) -> None:
        """Close the files and remove what was unpacked; safe to call twice."""
        self._stack.close()

    def _open_files(self) -> list[StorageFile]:
        files: list[StorageFile] = []
        reasons = []
        for path in self._paths:
            try:
                file = open_file(path, self._unpack_folder, self._problems, self._room)
            except (OSError, StorageError) as error:
                reasons.append(f"{shown(path.name)}: {_reason(error)}")
                continue
            self._stack.callback(file.close)
            files.append(file)
        if not files:
            more = len(reasons) - MOST_NAMES
            told = [*reasons[:MOST_NAMES], *([f"and {more} files more"] if more > 0 else [])]
            raise StorageError("; ".join(told))
        for reason in reasons:
            self._problems.add(
                "bag_damaged", f"nothing can be read from a file of {shown(self.path)}, {reason}"
            )
        return files

    def _unpack_folder(self) -> Path:
        """A folder that is there until `close`."""
        return Path(self._stack.enter_context(TemporaryDirectory(prefix="gas-fusion-")))

    def _learn(self, types: MessageTypes, type_names: Mapping[str, str]) -> dict[str, str]:
        """Add the types of topics, whose names are the keys; return why those that stay unknown do."""
        unknown = {}
        for topic in (topic for file in self._files for topic in file.topics):
            if type_names.get(topic.name) == topic.type_name:
                try:
                    types.add(topic)
                except UnknownTypeError as error:
                    unknown[topic.name] = str(error)
        return unknown

    def _decoded(self, types: MessageTypes, raw: RawMessage) -> BagMessage | None:
        try:
            # A serialized message begins with 0, so that one compressed by itself is known without metadata.
            data = (
                decompress(raw.data, "zstd", self._room.limits.memory_bytes)
                if raw.data.startswith(ZSTD_MAGIC)
                else raw.data
            )
            message = types.decode(data, raw.type_name)
        except (CompressionError, ValueError) as error:
            self._problems.add(
                "message_undecodable",
                f"a message of {shown(raw.topic)} in {shown(self.path)} cannot be read: {error}",
            )
            return None
        return BagMessage(raw.topic, raw.type_name, raw.stamp_ns, message, len(data))

    def _compare_read(self, found: Mapping[str, int], topics: Collection[str]) -> None:
        """Count what the files say that they hold and did not give."""
        for topic in self.topics:
            read = found.get(topic.name, 0)
            if topic.name in topics and read < (topic.messages or 0):
                self._problems.add(
                    "bag_messages_missing",
                    f"of {topic.messages} messages of {shown(topic.name)} in {shown(self.path)} {read} could "
                    "be read",
                )

    def _compare(self, promised: Mapping[str, int], counts: Mapping[tuple[str, str], int]) -> None:
        """Count metadata that do not fit the files."""
        found: Counter[str] = Counter()
        for (name, _), count in counts.items():
            found[name] += count
        wrong = [
            f"{shown(name)}: {promised.get(name, 0)} promised, {found[name]} there"
            for name in sorted({*promised, *found})
            if promised.get(name, 0) != found[name]
        ]
        if wrong:
            self._problems.add(
                "bag_metadata_wrong",
                f"metadata.yaml of {shown(self.path)} does not fit its files "
                f"({'; '.join(wrong[:MOST_NAMES])})",
            )


def _reason(error: Exception) -> str:
    """Why a file cannot be read, without its path, which the caller names."""
    return (error.strerror if isinstance(error, OSError) else None) or one_line(str(error))


def _counts(files: Iterable[StorageFile]) -> Counter[tuple[str, str]]:
    """Messages in all files by name and type of their topic."""
    counts: Counter[tuple[str, str]] = Counter()
    for topic in (topic for file in files for topic in file.topics):
        counts[topic.name, topic.type_name] += topic.messages
    return counts


def _topics(counts: Mapping[tuple[str, str], int]) -> tuple[BagTopic, ...]:
    """The topics, each of the type that most of its messages have."""
    chosen: dict[str, BagTopic] = {}
    for (name, type_name), count in sorted(
        counts.items(), key=lambda item: (item[0][0], -item[1], item[0][1])
    ):
        chosen.setdefault(name, BagTopic(name, type_name, count))
    return tuple(chosen.values())
