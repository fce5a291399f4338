"""Goes through a damaged table of messages row by row, across holes that cannot be read."""

from __future__ import annotations

import heapq
import sqlite3
from collections.abc import Collection, Iterator
from dataclasses import dataclass

_REORDERED = 4096
"""Rows are put in order of time among so many; the recorder wrote them nearly so."""
_WIDEST_HOLE = 1 << 40
"""Rows; where nothing can be read within so many, nothing more is."""


@dataclass(frozen=True, order=True)
class Key:
    """A message's place in order of time.

    Attributes:
        stamp_ns: time of recording.
        row: its row; of equal times, the order of writing.
        topic: number of its topic.
    """

    stamp_ns: int
    row: int
    topic: int


def reachable_rows(database: sqlite3.Connection) -> Iterator[Key]:
    """Yield every row of `messages` that can be reached, in order of writing."""
    after: int | None = -1
    while after is not None:
        try:
            for row, topic, stamp_ns in database.execute(
                "SELECT id, topic_id, timestamp FROM messages WHERE id > ? ORDER BY id", (after,)
            ):
                after = row
                if isinstance(stamp_ns, int) and isinstance(topic, int):
                    yield Key(stamp_ns, row, topic)
            return
        except sqlite3.DatabaseError:
            after = _beyond_hole(database, after)


def in_order_of_time(keys: Iterator[Key], topics: Collection[int]) -> Iterator[Key]:
    """Yield the keys of `topics` that were written nearly in order of time in order of it."""
    waiting: list[Key] = []
    for key in keys:
        if key.topic in topics:
            heapq.heappush(waiting, key)
            if len(waiting) > _REORDERED:
                yield heapq.heappop(waiting)
    while waiting:
        yield heapq.heappop(waiting)


def _beyond_hole(database: sqlite3.Connection, after: int) -> int | None:
    """The least number, above `after`, whose following row can be reached; None without any."""
    step = 1
    while not _can_be_reached(database, after + step):
        step *= 2
        if step > _WIDEST_HOLE:
            return None
    unreachable, reachable = after + step // 2, after + step
    while reachable - unreachable > 1:
        middle = (unreachable + reachable) // 2
        if _can_be_reached(database, middle):
            reachable = middle
        else:
            unreachable = middle
    return reachable


def _can_be_reached(database: sqlite3.Connection, after: int) -> bool:
    try:
        database.execute(
            "SELECT id, topic_id, timestamp FROM messages WHERE id > ? ORDER BY id LIMIT 1", (after,)
        ).fetchone()
    except sqlite3.DatabaseError:
        return False
    return True
