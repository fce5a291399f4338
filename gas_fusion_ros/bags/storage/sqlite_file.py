"""Reads the SQLite files of rosbag2; of damaged ones every row that is in a readable page."""

from __future__ import annotations

import heapq
import sqlite3
import sys
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

from gas_fusion_ros.bags.storage.limits import MIB, MOST_DESCRIBED, BagLimits, is_usable_time
from gas_fusion_ros.bags.storage.raw import RawMessage, StorageError, StoredTopic, interface_name
from gas_fusion_ros.bags.storage.sqlite_pages import PageError, SqlitePages, TableRow, page_size
from gas_fusion_ros.base.files import open_regular
from gas_fusion_ros.base.problems import Problems
from gas_fusion_ros.base.quoting import shown
from gas_fusion_ros.base.units import NANOSECONDS_PER_SECOND

MAGIC = b"SQLite format 3\x00"

_REORDERED = 4096
"""Rows of a damaged file are put in order of time among so many; they were written nearly so."""
_MOST_TOPICS = 65536
_STEPS = 10_000
"""Instructions of SQLite between two looks at what a statement has taken so far."""
_STEPS_AT_LEAST = 2_000_000
_STEPS_PER_BYTE = 2
"""To go through a table takes about 20 instructions for a row, and no row of a message has less than 20
bytes: what takes more goes in circles."""


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
        limits: what reading it may take.

    Raises:
        OSError: it cannot be read.
        StorageError: it is no SQLite file of rosbag2, or nothing of it can be read.
    """

    kind = "sqlite3"

    def __init__(self, path: Path, name: str, problems: Problems, limits: BagLimits) -> None:
        self._path = path
        self._name = name
        self._problems = problems
        self._limits = limits
        self._lost: set[int] = set()
        self._is_cut = path.stat().st_size < _declared_size(path)
        self._pages: SqlitePages | None = None
        self._database = _connect(path, name, problems, limits)
        try:
            self._topics = _topics(self._database)
            self._survey = _Survey(Counter(), None, None)
            if self._is_cut:
                self._salvage("it is shorter than its header says")
            else:
                try:
                    self._survey = _survey(self._database, self._topics)
                except sqlite3.DatabaseError as error:
                    self._salvage(str(error))
        except (sqlite3.Error, PageError, StorageError) as error:
            self.close()
            raise StorageError(f"it cannot be read as an SQLite file of rosbag2 ({error})") from error
        except BaseException:
            self.close()
            raise

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
        # Rows that share their pages, as only a made file has them, add up to more than the file.
        left = self._size
        for stamp_ns, topic, data in self._all(wanted):
            left -= len(data)
            if left < 0:
                self._problems.add(
                    "bag_damaged", f"{self._name} gives more than it is long: what follows is left out"
                )
                return
            yield RawMessage(wanted[topic].name, wanted[topic].type_name, stamp_ns, data)

    def close(self) -> None:
        """Close the file."""
        self._database.close()
        if self._pages is not None:
            self._pages.close()

    @property
    def _size(self) -> int:
        return self._database.size

    def _all(self, wanted: Collection[int]) -> Iterator[tuple[int, int, bytes]]:
        """Time, topic and data of each message."""
        last = (-1 << 63, 0)
        if self._pages is None:
            try:
                for stamp_ns, row, topic, data in self._selected(wanted):
                    last = stamp_ns, row
                    if data is not None:
                        yield stamp_ns, topic, data
                return
            except sqlite3.DatabaseError as error:
                self._salvage(str(error))
        for found in self._reachable(wanted):
            content = self._data(found) if (found.stamp_ns, found.number) > last else None
            if content is not None:
                yield found.stamp_ns, found.topic, content

    def _selected(self, topics: Collection[int]) -> Iterator[tuple[int, int, int, bytes | None]]:
        """Time, row, topic and data of each message, by SQLite; no data where they are too long."""
        marks = ", ".join("?" * len(topics))
        # The data are fetched row by row: where there is no index on the time, SQLite would sort them all.
        for stamp_ns, row, topic in self._database.rows(
            "SELECT timestamp, id, topic_id FROM messages "
            f"WHERE topic_id IN ({marks}) ORDER BY timestamp, id",
            tuple(topics),
        ):
            if not isinstance(stamp_ns, int):
                raise sqlite3.DatabaseError(f"row {row} has no time")
            yield stamp_ns, row, topic, self._selected_data(row)

    def _selected_data(self, row: int) -> bytes | None:
        found = self._database.one(
            "SELECT CASE WHEN typeof(data) <> 'blob' THEN NULL WHEN length(data) > ?1 THEN length(data) "
            "ELSE data END FROM messages WHERE id = ?2",
            (self._limits.memory_bytes, row),
        )
        if found is None or found[0] is None:
            raise sqlite3.DatabaseError(f"row {row} is no message")
        if isinstance(found[0], bytes):
            return found[0]
        self._say_lost(row, f"it has {found[0]} bytes, more than {self._limits.memory_text}")
        return None

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

    def _reachable(self, topics: Collection[int]) -> Iterator[TableRow]:
        """The rows of `topics` in order of time."""
        assert self._pages is not None
        waiting: list[TableRow] = []
        for row in self._pages.rows():
            if row.topic in topics:
                heapq.heappush(waiting, row)
                if len(waiting) > _REORDERED:
                    yield heapq.heappop(waiting)
        while waiting:
            yield heapq.heappop(waiting)

    def _data(self, row: TableRow) -> bytes | None:
        assert self._pages is not None
        try:
            if row.data_size > min(self._limits.memory_bytes, self._size):
                raise PageError(f"it says that it has {row.data_size} bytes")
            return self._pages.data(row)
        except (OSError, PageError) as error:
            if row.offset not in self._lost:
                self._lost.add(row.offset)
                self._say_lost(row.number, str(error))
            return None

    def _say_lost(self, row: int, reason: str) -> None:
        self._problems.add(
            self._cause, f"row {row} of {self._name} cannot be read ({reason}): its message is left out"
        )


class _Database:
    """A connection to a file that nobody vouches for: reading it ends.

    Args:
        uri: the file and how it is opened.
        size: bytes of it and of its write-ahead log, to which the work on it is bounded.
        limits: what reading it may take.
    """

    def __init__(self, uri: str, size: int, limits: BagLimits) -> None:
        self.size = size
        self._most_steps = _STEPS_AT_LEAST + _STEPS_PER_BYTE * size
        self._steps = 0
        # A reader may be made in one thread and used in another; nothing is written.
        self._connection = sqlite3.connect(uri, uri=True, check_same_thread=False)
        self._connection.text_factory = _text
        if sys.version_info >= (3, 11):
            longest = max(limits.memory_bytes, MOST_DESCRIBED) + MIB
            self._connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, min(longest, 2**31 - 1))
        self._connection.set_progress_handler(self._is_too_much, _STEPS)
        # Without it SQLite refuses a file that is shorter than its header says.
        self.one("PRAGMA writable_schema = ON")

    def rows(self, statement: str, values: tuple[object, ...] = ()) -> Iterator[tuple[Any, ...]]:
        """Yield what a statement selects.

        Raises:
            sqlite3.Error: it cannot be read, or does not come to an end.
            KeyboardInterrupt: Ctrl-C was pressed while SQLite worked.
        """
        self._steps = 0
        try:
            yield from self._connection.execute(statement, values)
        except sqlite3.OperationalError as error:
            if "interrupted" not in str(error):
                raise
            if self._steps <= self._most_steps:
                # What a signal raises in the handler, SQLite takes for an order to stop, and drops.
                raise KeyboardInterrupt from error
            raise sqlite3.DatabaseError("it goes in circles") from error

    def one(self, statement: str, values: tuple[object, ...] = ()) -> tuple[Any, ...] | None:
        """Return the first row that a statement selects; raises as `rows` does."""
        return next(self.rows(statement, values), None)

    def close(self) -> None:
        """Close it."""
        self._connection.close()

    def _is_too_much(self) -> bool:
        self._steps += _STEPS
        return self._steps > self._most_steps


def _declared_size(path: Path) -> int:
    """How long the file's header says that it is, bytes; 0 where it does not."""
    with open_regular(path) as file:
        header = file.read(32)
    return page_size(header) * int.from_bytes(header[28:32], "big")


def _connect(path: Path, name: str, problems: Problems, limits: BagLimits) -> _Database:
    """Open for reading, with what a crash left in the write-ahead log."""
    uri = f"file:{quote(str(path.absolute()))}?mode=ro"
    size = path.stat().st_size
    log = path.with_name(path.name + "-wal")
    if log.is_file() and log.stat().st_size:
        database = _Database(uri, size + log.stat().st_size, limits)
        try:
            database.one("SELECT count(*) FROM sqlite_master")
        except sqlite3.Error as error:
            database.close()
            problems.add(
                "bag_truncated",
                f"{shown(log.name)}, the last messages of {name}, cannot be read ({error}): copy both to a "
                "folder that can be written to",
            )
        else:
            return database
    return _Database(uri + "&immutable=1", size, limits)


def _text(data: bytes) -> str:
    return data.decode("utf-8", errors="replace")


def _topics(database: _Database) -> dict[int, StoredTopic]:
    """The topics by their number.

    Raises:
        sqlite3.Error: they cannot be read.
        StorageError: what should be tables is something else, or there are too many.
    """
    for table in ("topics", "messages"):
        _check_table(database, table)
    definitions = _definitions(database)
    topics: dict[int, StoredTopic] = {}
    described = 0
    for number, name, type_name, serialization in database.rows(
        "SELECT id, name, type, serialization_format FROM topics ORDER BY id"
    ):
        if not (isinstance(name, str) and isinstance(type_name, str)):
            continue
        described += len(name) + len(type_name) + len(str(serialization))
        if described > MOST_DESCRIBED or len(topics) >= _MOST_TOPICS:
            raise StorageError(
                f"it describes more than {_MOST_TOPICS} topics or {MOST_DESCRIBED // MIB} MiB of them"
            )
        topics[number] = StoredTopic(
            name,
            interface_name(type_name),
            0,
            *definitions.get(type_name, ("", "ros2msg")),
            serialization=str(serialization),
        )
    return topics


def _check_table(database: _Database, name: str) -> None:
    """Refuse what passes for a table and is computed as it is read, without an end if its maker likes."""
    found = database.one("SELECT type, rootpage FROM sqlite_master WHERE name = ?", (name,))
    if found is None:
        raise StorageError(f"no such table: {name}")
    if found[0] != "table" or not found[1]:
        raise StorageError(f"{name} is no plain table")
    if any(hidden for *_, hidden in database.rows(f"PRAGMA table_xinfo({name})")):
        raise StorageError(f"{name} has computed columns")


def _definitions(database: _Database) -> dict[str, tuple[str, str]]:
    """Definition and its format by type; none where the bag is older than Iron or the table is damaged."""
    definitions: dict[str, tuple[str, str]] = {}
    described = 0
    try:
        _check_table(database, "message_definitions")
        for type_name, definition, encoding in database.rows(
            "SELECT topic_type, encoded_message_definition, encoding FROM message_definitions"
        ):
            described += len(str(type_name)) + len(str(definition))
            if described > MOST_DESCRIBED:
                return {}
            definitions[str(type_name)] = str(definition), str(encoding)
    except (sqlite3.DatabaseError, StorageError):
        return {}
    return definitions


def _survey(database: _Database, topics: Collection[int]) -> _Survey:
    counts = Counter(
        {
            topic: count
            for topic, count in database.rows("SELECT topic_id, count(*) FROM messages GROUP BY topic_id")
            if topic in topics
        }
    )
    # Whatever is no number comes last.
    (latest,) = database.one("SELECT max(timestamp) FROM messages") or (None,)
    if counts and not isinstance(latest, int):
        raise sqlite3.DatabaseError("a time of recording is no number")
    # Times that can be none of a recording are left out when the messages are read.
    (start_ns,) = database.one("SELECT min(timestamp) FROM messages WHERE timestamp > 0") or (None,)
    return _Survey(counts, start_ns, latest if start_ns is not None else None)


def _survey_of(rows: Iterable[TableRow]) -> _Survey:
    counts: Counter[int] = Counter()
    start_ns: int | None = None
    end_ns: int | None = None
    for row in rows:
        counts[row.topic] += 1
        if not is_usable_time(row.stamp_ns):
            continue
        start_ns = row.stamp_ns if start_ns is None else min(start_ns, row.stamp_ns)
        end_ns = row.stamp_ns if end_ns is None else max(end_ns, row.stamp_ns)
    return _Survey(counts, start_ns, end_ns)
