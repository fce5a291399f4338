"""Events that wait on the disk until the broker has them, each with a number that is never given twice."""

from __future__ import annotations

import os
import secrets
import sqlite3
import threading
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from gas_fusion_ros.base.closing import Closing, closed_on_failure
from gas_fusion_ros.fleet.documents import Document, QueueState, encode

_FORMAT = 1
_TABLES = """
CREATE TABLE IF NOT EXISTS kept (key TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS events
    (number INTEGER PRIMARY KEY, spare INTEGER NOT NULL, document BLOB NOT NULL);
"""
_GIVES_WAY = """
DELETE FROM events WHERE number IN (SELECT number FROM events ORDER BY spare DESC, number LIMIT ?)
"""


class OutboxError(RuntimeError):
    """The file cannot be used; the message names it and the remedy."""


class DamagedOutboxError(OutboxError):
    """The file is no queue, or a damaged one."""


@dataclass(frozen=True)
class QueuedEvent:
    """An event that waits.

    Attributes:
        number: its number in this queue, from 1, rising by 1; a gap shows events that gave way.
        document: what goes out.
    """

    number: int
    document: bytes


class Outbox(Closing):
    """The queue of one robot's events, in a file that no other process uses at the same time.

    What `append` has returned from is on the disk: no power cut undoes it. Its methods may be called from
    several threads.

    Args:
        path: its place; the folder is made.
        most_events: how many may wait.

    Raises:
        DamagedOutboxError: the file cannot be read as a queue.
        OutboxError: it cannot be written there, or another process has it.
    """

    def __init__(self, path: Path, most_events: int) -> None:
        self.path = path.expanduser()
        self._most_events = most_events
        self._lock = threading.Lock()
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            # Credentials are not in it, but where the robot was and what it found is nobody else's business.
            os.close(os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
            self._database = sqlite3.connect(
                self.path, timeout=0.0, isolation_level=None, check_same_thread=False
            )
        except (OSError, sqlite3.Error) as error:
            raise OutboxError(
                f"queue.file {self.path} cannot be opened: {error}; name a file that this user may write"
            ) from None
        with closed_on_failure(self._database):
            self._open()

    def _open(self) -> None:
        try:
            self._database.executescript(
                "PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"
            )
            self._database.execute("BEGIN IMMEDIATE")
            version = self._one("PRAGMA user_version")
            if version not in (0, _FORMAT):
                raise DamagedOutboxError(
                    f"queue.file {self.path} has format {version}; this release reads {_FORMAT}"
                )
            for statement in filter(str.strip, _TABLES.split(";")):
                self._database.execute(statement)
            self._database.execute(f"PRAGMA user_version = {_FORMAT}")
            self.name = self._kept("name") or self._keep("name", secrets.token_hex(8))
            self._last = int(self._kept("last") or 0)
            self._dropped = int(self._kept("dropped") or 0)
            self._waiting = int(self._one("SELECT count(*) FROM events"))
            self._database.execute("COMMIT")
        except sqlite3.OperationalError as error:
            raise OutboxError(
                f"queue.file {self.path} cannot be used: {error}; is another relay running with it?"
            ) from None
        except (sqlite3.DatabaseError, ValueError) as error:
            raise DamagedOutboxError(f"queue.file {self.path} is damaged: {error}") from None

    @property
    def state(self) -> QueueState:
        """How many events it has and had."""
        with self._lock:
            return QueueState(self.name, self._last, self._waiting, self._dropped)

    def memory(self) -> str:
        """What was given with the latest `append`; empty before the first."""
        with self._lock:
            return self._kept("memory")

    def append(self, documents: Sequence[Document], spare: bool, memory: str) -> None:
        """Give each document the name of this queue and a number of its own, and keep them and `memory`.

        Either all of it is kept or nothing. Where too many wait, the oldest spare ones give way, then the
        oldest.

        Args:
            documents: the events, oldest first.
            spare: whether they give way to others.
            memory: what its caller must know again after a restart.

        Raises:
            OSError: the disk does not take it.
        """
        with self._lock:
            rows = [
                (number, spare, encode({"queue": self.name, "number": number, **document}))
                for number, document in enumerate(documents, self._last + 1)
            ]
            last = self._last + len(rows)
            excess = max(0, self._waiting + len(rows) - self._most_events)
            with self._transaction():
                self._database.executemany("INSERT INTO events VALUES (?, ?, ?)", rows)
                self._database.execute(_GIVES_WAY, (excess,))
                self._keep("dropped", str(self._dropped + excess))
                self._keep("last", str(last))
                self._keep("memory", memory)
            self._last, self._dropped = last, self._dropped + excess
            self._waiting += len(rows) - excess

    def after(self, number: int, most: int) -> list[QueuedEvent]:
        """The oldest events with a number above `number`, `most` of them at most.

        Raises:
            OSError: they cannot be read.
        """
        query = "SELECT number, document FROM events WHERE number > ? ORDER BY number LIMIT ?"
        with self._lock, self._transaction():
            rows = self._database.execute(query, (number, most)).fetchall()
        return [QueuedEvent(int(row[0]), bytes(row[1])) for row in rows]

    def remove(self, numbers: Collection[int]) -> None:
        """The broker has these events; some may have given way meanwhile.

        Raises:
            OSError: the disk does not take it: they will be sent again.
        """
        with self._lock:
            rows = [(number,) for number in numbers]
            with self._transaction():
                removed = self._database.executemany("DELETE FROM events WHERE number = ?", rows).rowcount
            self._waiting -= max(0, removed)

    def close(self) -> None:
        """Let others have the file; safe to call twice."""
        with self._lock:
            self._database.close()

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        """Keep all that is done within or, on an error, nothing; the database's are told as a file's."""
        try:
            self._database.execute("BEGIN IMMEDIATE")
            yield
            self._database.execute("COMMIT")
        except BaseException as error:
            with suppress(sqlite3.Error):  # a full disk has taken it back already
                self._database.execute("ROLLBACK")
            if isinstance(error, sqlite3.Error):
                raise OSError(f"queue.file {self.path}: {error}") from None
            raise

    def _one(self, query: str) -> int:
        return int(self._database.execute(query).fetchone()[0])

    def _kept(self, key: str) -> str:
        row = self._database.execute("SELECT value FROM kept WHERE key = ?", (key,)).fetchone()
        return str(row[0]) if row is not None else ""

    def _keep(self, key: str, value: str) -> str:
        self._database.execute("INSERT OR REPLACE INTO kept VALUES (?, ?)", (key, value))
        return value


def open_outbox(path: Path, most_events: int) -> tuple[Outbox, str]:
    """Open a queue; one that is damaged is set aside, and a new one begun.

    Returns:
        The queue, and what was set aside and why; empty where nothing was.

    Raises:
        OutboxError: it cannot be written there, or another process has it.
    """
    try:
        return Outbox(path, most_events), ""
    except DamagedOutboxError as error:
        place = path.expanduser()
        aside = place.with_name(f"{place.name}.damaged")
        os.replace(place, aside)
        for ending in ("-wal", "-shm"):
            place.with_name(place.name + ending).unlink(missing_ok=True)
        return Outbox(path, most_events), f"{error}; it is now {aside}, and what waited in it was not sent"
