"""Reads the SQLite files of rosbag2; of damaged ones every row that is in a readable page."""

from __future__ import annotations

import heapq
import sqlite3
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import quote

from gas_fusion_ros.problems import Problems
from gas_fusion_ros.replay.storage.raw import RawMessage, StorageError, StoredTopic, interface_name
from gas_fusion_ros.replay.storage.sqlite_pages import PageError, Row, SqlitePages, page_size
from gas_fusion_ros.units import NANOSECONDS_PER_SECOND

MAGIC = b"SQLite format 3\x00"

_REORDERED = 4096
"""Rows of a damaged file are put in order of time among so many; they were written nearly so."""


@dataclass(frozen=True)
class _Survey:
    """How much is in a file: messages by topic, and the first and last time of recording."""

    counts: Counter[int]
    start_ns: int | None
    end_ns: int | None


class SqliteFile:
    """An open SQLite file of rosbag2; rows that cannot be read are counted in `problems`.

    Args:
        path: the file.
        name: what it is called in messages.
        problems: where losses are counted.

    Raises:
        OSError: it cannot be read.
        StorageError: it is no SQLite file of rosbag2, or nothing of it can be read.
    """

    kind = "sqlite3"

    def __init__(self, path: Path, name: str, problems: Problems) -> None:
        self._path = path
        self._name = name
        self._problems = problems
        self._lost: set[int] = set()
        self._is_cut = path.stat().st_size < _declared_size(path)
        self._pages: SqlitePages | None = None
        self._database = _connect(path, name, problems)
        try:
            self._topics = _topics(self._database)
            self._survey = _Survey(Counter(), None, None)
            if self._is_cut:
                self._salvage("it is shorter than its header says")
            else:
                try:
                    self._survey = _survey(self._database)
                except sqlite3.DatabaseError as error:
                    self._salvage(str(error))
        except (sqlite3.Error, PageError) as error:
            self.close()
            raise StorageError(f"it cannot be read as an SQLite file of rosbag2 ({error})") from error

    @property
    def topics(self) -> tuple[StoredTopic, ...]:
        """The topics in it."""
        return tuple(
            replace(topic, messages=self._survey.counts[number]) for number, topic in self._topics.items()
        )

    @property
    def start_ns(self) -> int | None:
        """Time of recording of its first message; None without messages."""
        return self._survey.start_ns

    @property
    def end_ns(self) -> int | None:
        """Time of recording of its last message; None without messages."""
        return self._survey.end_ns

    def messages(self, topics: Collection[str]) -> Iterator[RawMessage]:
        """Yield the messages of `topics` in order of time of recording."""
        wanted = {number: topic for number, topic in self._topics.items() if topic.name in topics}
        last = (-1 << 63, 0)
        if self._pages is None:
            try:
                for stamp_ns, row, topic, data in self._selected(wanted):
                    last = stamp_ns, row
                    yield RawMessage(wanted[topic].name, wanted[topic].type_name, stamp_ns, data)
                return
            except sqlite3.DatabaseError as error:
                self._salvage(str(error))
        for found in self._reachable(wanted):
            content = self._data(found) if (found.stamp_ns, found.number) > last else None
            if content is not None:
                its = wanted[found.topic]
                yield RawMessage(its.name, its.type_name, found.stamp_ns, content)

    def close(self) -> None:
        """Close the file."""
        self._database.close()
        if self._pages is not None:
            self._pages.close()

    def _selected(self, topics: Collection[int]) -> Iterator[tuple[int, int, int, bytes]]:
        """Time, row, topic and data of each message, by SQLite."""
        marks = ", ".join("?" * len(topics))
        # The data are fetched row by row: where there is no index on the time, SQLite would sort them all.
        for stamp_ns, row, topic in self._database.execute(
            "SELECT timestamp, id, topic_id FROM messages "
            f"WHERE topic_id IN ({marks}) ORDER BY timestamp, id",
            tuple(topics),
        ):
            found = self._database.execute("SELECT data FROM messages WHERE id = ?", (row,)).fetchone()
            if found is None or not isinstance(found[0], bytes) or not isinstance(stamp_ns, int):
                raise sqlite3.DatabaseError(f"row {row} is no message")
            yield stamp_ns, row, topic, found[0]

    # --- of a damaged file ---

    def _salvage(self, reason: str) -> None:
        """From now on read the pages instead."""
        self._pages = SqlitePages(self._path)
        self._survey = survey = _survey_of(row for row in self._pages.rows() if row.topic in self._topics)
        duration_s = ((survey.end_ns or 0) - (survey.start_ns or 0)) / NANOSECONDS_PER_SECOND
        self._problems.add(
            self._cause,
            f"{self._name} is {'cut off' if self._is_cut else 'damaged'} ({reason}): {survey.counts.total()} "
            f"messages within {duration_s:.1f} s are found in its pages, others are lost",
        )

    @property
    def _cause(self) -> str:
        return "bag_truncated" if self._is_cut else "bag_damaged"

    def _reachable(self, topics: Collection[int]) -> Iterator[Row]:
        """The rows of `topics` in order of time."""
        assert self._pages is not None
        waiting: list[Row] = []
        for row in self._pages.rows():
            if row.topic in topics:
                heapq.heappush(waiting, row)
                if len(waiting) > _REORDERED:
                    yield heapq.heappop(waiting)
        while waiting:
            yield heapq.heappop(waiting)

    def _data(self, row: Row) -> bytes | None:
        assert self._pages is not None
        try:
            return self._pages.data(row)
        except (OSError, PageError) as error:
            if row.offset not in self._lost:
                self._lost.add(row.offset)
                self._problems.add(
                    self._cause,
                    f"row {row.number} of {self._name} cannot be read ({error}): its message is left out",
                )
            return None


def _declared_size(path: Path) -> int:
    """How long the file's header says that it is, bytes; 0 where it does not."""
    with path.open("rb") as file:
        header = file.read(32)
    return page_size(header) * int.from_bytes(header[28:32], "big")


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
            name,
            interface_name(type_name),
            0,
            *definitions.get(type_name, ("", "ros2msg")),
            serialization=serialization,
        )
        for number, name, type_name, serialization in database.execute(
            "SELECT id, name, type, serialization_format FROM topics ORDER BY id"
        )
        if isinstance(name, str) and isinstance(type_name, str)
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


def _survey(database: sqlite3.Connection) -> _Survey:
    counts = Counter(dict(database.execute("SELECT topic_id, count(*) FROM messages GROUP BY topic_id")))
    (start_ns,) = database.execute("SELECT min(timestamp) FROM messages").fetchone()
    (end_ns,) = database.execute("SELECT max(timestamp) FROM messages").fetchone()
    if counts and not (isinstance(start_ns, int) and isinstance(end_ns, int)):
        raise sqlite3.DatabaseError("a time of recording is no number")
    return _Survey(counts, start_ns, end_ns)


def _survey_of(rows: Iterable[Row]) -> _Survey:
    counts: Counter[int] = Counter()
    start_ns: int | None = None
    end_ns: int | None = None
    for row in rows:
        counts[row.topic] += 1
        start_ns = row.stamp_ns if start_ns is None else min(start_ns, row.stamp_ns)
        end_ns = row.stamp_ns if end_ns is None else max(end_ns, row.stamp_ns)
    return _Survey(counts, start_ns, end_ns)
