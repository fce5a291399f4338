"""Reads the SQLite files of rosbag2; of damaged ones every row that can still be reached."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import quote

from gas_fusion_ros.problems import Problems
from gas_fusion_ros.replay.storage.raw import RawMessage, StorageError, StoredTopic
from gas_fusion_ros.replay.storage.sqlite_salvage import Key, in_order_of_time, reachable_rows
from gas_fusion_ros.units import NANOSECONDS_PER_SECOND

MAGIC = b"SQLite format 3\x00"


class SqliteFile:
    """An open SQLite file of rosbag2; rows that cannot be read are counted in `problems`.

    Args:
        path: the file.
        name: what it is called in messages.
        problems: where losses are counted.

    Raises:
        StorageError: it is no SQLite file of rosbag2, or nothing of it can be read.
    """

    def __init__(self, path: Path, name: str, problems: Problems) -> None:
        self._name = name
        self._problems = problems
        self._lost: set[int] = set()
        self._damage: sqlite3.DatabaseError | None = None
        self._database = _connect(path, name, problems)
        try:
            self._topics = _topics(self._database)
            try:
                self._counts, self._span = _survey(self._database)
            except sqlite3.DatabaseError as error:
                self._damage = error
                self._counts, self._span = _survey_damaged(self._database)
                self._report_damage(error)
        except sqlite3.Error as error:
            self._database.close()
            raise StorageError(f"it cannot be read as an SQLite file of rosbag2 ({error})") from error

    @property
    def topics(self) -> tuple[StoredTopic, ...]:
        """The topics in it."""
        return tuple(replace(topic, messages=self._counts[number]) for number, topic in self._topics.items())

    @property
    def start_ns(self) -> int | None:
        """Time of recording of its first message; None without messages."""
        return self._span[0]

    @property
    def end_ns(self) -> int | None:
        """Time of recording of its last message; None without messages."""
        return self._span[1]

    def messages(self, topics: Collection[str]) -> Iterator[RawMessage]:
        """Yield the messages of `topics` in order of time of recording."""
        wanted = {number: topic for number, topic in self._topics.items() if topic.name in topics}
        for key in self._keys(wanted):
            data = self._data(key.row)
            if data is not None:
                topic = wanted[key.topic]
                yield RawMessage(topic.name, topic.type_name, key.stamp_ns, data)

    def close(self) -> None:
        """Close the file."""
        self._database.close()

    def _keys(self, topics: Collection[int]) -> Iterator[Key]:
        """The messages' keys in order of time; sorted without their data, which SQLite would hold."""
        last: Key | None = None
        if self._damage is None:
            marks = ", ".join("?" * len(topics))
            try:
                for stamp_ns, row, topic in self._database.execute(
                    f"SELECT timestamp, id, topic_id FROM messages WHERE topic_id IN ({marks}) "
                    "ORDER BY timestamp, id",
                    tuple(topics),
                ):
                    last = Key(stamp_ns, row, topic)
                    yield last
                return
            except sqlite3.DatabaseError as error:
                self._damage = error
                self._report_damage(error)
        for key in in_order_of_time(reachable_rows(self._database), topics):
            if last is None or key > last:
                yield key

    def _data(self, row: int) -> bytes | None:
        try:
            found = self._database.execute("SELECT data FROM messages WHERE id = ?", (row,)).fetchone()
        except sqlite3.DatabaseError as error:
            self._report_row(row, str(error))
            return None
        if found is None or not isinstance(found[0], bytes):
            self._report_row(row, "it holds no message")
            return None
        return found[0]

    def _report_row(self, row: int, reason: str) -> None:
        if row not in self._lost:
            self._lost.add(row)
            self._problems.add(
                "bag_damaged", f"row {row} of {self._name} cannot be read ({reason}): its message is left out"
            )

    def _report_damage(self, error: sqlite3.DatabaseError) -> None:
        start_ns, end_ns = self._span
        duration_s = (end_ns - start_ns) / NANOSECONDS_PER_SECOND if start_ns and end_ns else 0.0
        self._problems.add(
            "bag_damaged",
            f"{self._name} is damaged or cut off ({error}): {self._counts.total()} messages within "
            f"{duration_s:.1f} s can still be reached, the others are lost",
        )


def _connect(path: Path, name: str, problems: Problems) -> sqlite3.Connection:
    """Open for reading, with what a crash left in the write-ahead log."""
    uri = f"file:{quote(str(path.absolute()))}?mode=ro"
    log = path.with_name(path.name + "-wal")
    if log.is_file() and log.stat().st_size:
        database = _opened(uri)
        try:
            database.execute("SELECT count(*) FROM sqlite_master").fetchone()
        except sqlite3.Error as error:
            database.close()
            problems.add(
                "bag_truncated",
                f"{log.name}, the last messages of {name}, cannot be read ({error}): copy both to a "
                "folder that can be written to",
            )
        else:
            return database
    return _opened(uri + "&immutable=1")


def _opened(uri: str) -> sqlite3.Connection:
    # A reader may be made in one thread and used in another; nothing is written.
    database = sqlite3.connect(uri, uri=True, check_same_thread=False)
    database.text_factory = _text
    # Without it SQLite refuses a file that is shorter than its header says.
    database.execute("PRAGMA writable_schema = ON")
    return database


def _text(data: bytes) -> str:
    return data.decode("utf-8", errors="replace")


def _topics(database: sqlite3.Connection) -> dict[int, StoredTopic]:
    definitions = _definitions(database)
    return {
        number: StoredTopic(
            name, type_name, None, *definitions.get(type_name, ("", "ros2msg")), serialization=serialization
        )
        for number, name, type_name, serialization in database.execute(
            "SELECT id, name, type, serialization_format FROM topics ORDER BY id"
        )
    }


def _definitions(database: sqlite3.Connection) -> dict[str, tuple[str, str]]:
    """Definition and its format by type; none where the bag is older than Iron or the table is damaged."""
    try:
        return {
            type_name: (definition, encoding)
            for type_name, definition, encoding in database.execute(
                "SELECT topic_type, encoded_message_definition, encoding FROM message_definitions"
            )
        }
    except sqlite3.DatabaseError:
        return {}


Span = tuple[int | None, int | None]


def _survey(database: sqlite3.Connection) -> tuple[Counter[int], Span]:
    """Messages by topic, and the first and last time of recording."""
    counts = Counter(dict(database.execute("SELECT topic_id, count(*) FROM messages GROUP BY topic_id")))
    (start_ns,) = database.execute("SELECT min(timestamp) FROM messages").fetchone()
    (end_ns,) = database.execute("SELECT max(timestamp) FROM messages").fetchone()
    return counts, (start_ns, end_ns)


def _survey_damaged(database: sqlite3.Connection) -> tuple[Counter[int], Span]:
    counts: Counter[int] = Counter()
    start_ns: int | None = None
    end_ns: int | None = None
    for key in reachable_rows(database):
        counts[key.topic] += 1
        start_ns = key.stamp_ns if start_ns is None else min(start_ns, key.stamp_ns)
        end_ns = key.stamp_ns if end_ns is None else max(end_ns, key.stamp_ns)
    return counts, (start_ns, end_ns)
