"""Intervals of what was really in the air during a recording, and the CSV that keeps them.

It has the columns `start`, `end` and `class`, a row per interval. A time is a number of seconds, from
the recording's beginning or, from 1e8 (the year 1973) on, since the epoch, or a stamp of ISO 8601 such as
`2024-05-01T12:00:00.5Z` (UTC where no zone is given). Between the intervals nothing is known. Cells may be
parted by semicolons or tabs, fractions written with a comma, lines commented: as in any table.
"""

from __future__ import annotations

import csv
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, timezone
from decimal import Decimal, InvalidOperation
from pathlib import Path

from gas_fusion_ros.base.observation import UNKNOWN
from gas_fusion_ros.base.quoting import listed, quoted, shown
from gas_fusion_ros.base.table.moments import is_iso_8601, iso_ns
from gas_fusion_ros.base.table.options import TableError
from gas_fusion_ros.base.table.reader import Damage, TableReader
from gas_fusion_ros.base.units import NANOSECONDS_PER_SECOND
from gas_fusion_ros.truth.scoring import Interval

COLUMNS = ("start", "end", "class")
ABSOLUTE_FROM_S = 100_000_000
"""Seconds from which on a number is a time since the epoch: no recording is three years long."""

_LAST_S = 9_000_000_000
"""What 64 bits of nanoseconds hold, about."""

_MOST_BYTES = 16 << 20
MOST_INTERVALS = 200_000
"""Of a CSV, and changes of a label topic: more than one a second for two days."""
_LONGEST_LABEL = 80

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


class LabelError(ValueError):
    """Labels cannot be used; the message names the file and the line where there is one."""


@dataclass(frozen=True)
class _Entry:
    """An interval and where it stands, for messages."""

    interval: Interval
    place: str


def read_intervals(path: Path, origin_ns: int) -> list[Interval]:
    """Read a CSV of intervals.

    Args:
        path: the file.
        origin_ns: what times from the recording's beginning count from, nanoseconds.

    Returns:
        The intervals in time order; those of one class that touch or overlap are one.

    Raises:
        LabelError: the file cannot be read, a column is missing, a field is wrong, an interval ends before
            it starts, or two of different classes overlap.
    """
    try:
        return _merged(_entries(TableReader(path, _MOST_BYTES, _is_column), shown(path), origin_ns))
    except OSError as error:
        raise LabelError(f"{shown(path)} cannot be read as a CSV of intervals: {error.strerror}") from None
    except TableError as error:
        raise LabelError(f"{shown(path)} cannot be read as a CSV of intervals: {error}") from None


def _is_column(cell: str) -> bool:
    return cell.strip().lower() in COLUMNS


def write_intervals(path: Path, intervals: Sequence[Interval], origin_ns: int | None) -> None:
    """Write a CSV of intervals, whole or not at all, for `read_intervals`.

    Args:
        path: the file; one that is there is replaced.
        intervals: in any order.
        origin_ns: the recording's beginning, nanoseconds; None writes times since the epoch.

    Raises:
        LabelError: the file cannot be written, or a time is too far from the recording's beginning.
    """
    rows = [
        (_time_text(one.start_ns, origin_ns), _time_text(one.end_ns, origin_ns), one.label)
        for one in sorted(intervals, key=lambda one: (one.start_ns, one.end_ns))
    ]
    part = path.with_name(f"{path.name}.part")
    try:
        with part.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerows([COLUMNS, *rows])
        os.replace(part, path)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise LabelError(f"{shown(path)} cannot be written: {error.strerror or error}") from None


def parse_time(text: str, origin_ns: int) -> int:
    """The nanoseconds since the epoch that a time of a CSV means.

    Args:
        text: seconds or a stamp of ISO 8601.
        origin_ns: the recording's beginning, nanoseconds.

    Raises:
        ValueError: it is neither.
    """
    if is_iso_8601(text):
        return iso_ns(text)
    try:
        seconds = Decimal(text.strip().replace(",", "."))
    except InvalidOperation:
        raise ValueError(
            f"{quoted(text)} is no time; expected seconds such as 12.5, or a stamp such as "
            "2024-05-01T12:00:00Z"
        ) from None
    if not seconds.is_finite() or abs(seconds) > _LAST_S:
        raise ValueError(f"{quoted(text)} is no time; expected seconds up to {_LAST_S}")
    nanoseconds = round(seconds * NANOSECONDS_PER_SECOND)
    return nanoseconds if seconds >= ABSOLUTE_FROM_S else origin_ns + nanoseconds


def merge_intervals(intervals: Iterable[Interval], origin_ns: int = 0) -> list[Interval]:
    """The intervals in time order, those of one class that touch or overlap as one.

    Args:
        intervals: in any order.
        origin_ns: what a message tells their times from, nanoseconds.

    Raises:
        LabelError: two of different classes overlap.
    """
    return _merged(_Entry(one, _described(one, origin_ns)) for one in intervals)


def outside_recording(intervals: Iterable[Interval], start_ns: int, end_ns: int) -> dict[Interval, str]:
    """The intervals of which nothing lies in a recording, each with a sentence that says so.

    Args:
        intervals: in any order.
        start_ns: the recording's first reading.
        end_ns: its end; one before the first reading counts as that.
    """
    end_ns = max(start_ns, end_ns)
    length = _seconds(end_ns - start_ns)
    outside = (one for one in intervals if one.end_ns < start_ns or one.start_ns > end_ns)
    return {
        one: f"{shown(one.label)}, {_seconds(one.start_ns - start_ns)} to "
        f"{_seconds(one.end_ns - start_ns)} s, lies "
        f"outside the recording, which lasts {length} s from its first reading on"
        for one in outside
    }


def gaps_between(intervals: Iterable[Interval], label: str, start_ns: int, end_ns: int) -> list[Interval]:
    """The stretches from `start_ns` to `end_ns` in which no interval lies.

    Args:
        intervals: in time order.
        label: what the stretches are called.
        start_ns: where they begin.
        end_ns: where they end.
    """
    gaps, known_until_ns = [], start_ns
    for one in intervals:
        gap_ends_ns = min(one.start_ns, end_ns)
        if gap_ends_ns > known_until_ns:
            gaps.append(Interval(label, known_until_ns, gap_ends_ns))
        known_until_ns = max(known_until_ns, one.end_ns)
    if end_ns > known_until_ns:
        gaps.append(Interval(label, known_until_ns, end_ns))
    return gaps


def _entries(table: TableReader, path: str, origin_ns: int) -> Iterator[_Entry]:
    places = _column_places(f"{path} line {table.format.header_line}", table.format.header)
    count = 0
    for item in table.records():
        place = f"{path} line {item.line}"
        if isinstance(item, Damage):
            raise LabelError(f"{place}: {item.reason}")
        try:
            yield _Entry(_parse_row(item.cells, places, origin_ns), place)
        except ValueError as error:
            raise LabelError(f"{place}: {error}") from None
        count += 1
        if count > MOST_INTERVALS:
            raise LabelError(f"{path} has more than {MOST_INTERVALS} intervals")
    if not count:
        raise LabelError(f"{path} has no interval; expected a row of {','.join(COLUMNS)} below the header")


def _column_places(place: str, header: Sequence[str]) -> tuple[int, ...]:
    found = [name.strip().lower() for name in header]
    missing = [name for name in COLUMNS if name not in found]
    if missing:
        raise LabelError(
            f"{place}: no column for {', '.join(missing)}; expected the header {','.join(COLUMNS)}, "
            f"found {listed(header) if header else 'nothing'}"
        )
    return tuple(found.index(name) for name in COLUMNS)


def _parse_row(cells: Sequence[str], places: Sequence[int], origin_ns: int) -> Interval:
    if len(cells) <= max(places):
        raise ValueError(f"{len(cells)} fields; expected {','.join(COLUMNS)}")
    start, end, label = (cells[place].strip() for place in places)
    return make_interval(start, end, label, origin_ns)


def make_interval(start: str, end: str, label: str, origin_ns: int) -> Interval:
    """Read one interval from its three fields, as they stand in a CSV.

    Raises:
        ValueError: a time or the class is wrong, or the end lies before the start.
    """
    check_class(label)
    if label == UNKNOWN:
        raise ValueError(f"the class is {UNKNOWN}; leave out stretches whose class nobody knows")
    start_ns, end_ns = (parse_time(text, origin_ns) for text in (start, end))
    if end_ns < start_ns:
        raise ValueError(f"the end {shown(end)} lies before the start {shown(start)}")
    return Interval(label, start_ns, end_ns)


def check_class(label: str) -> None:
    """Refuse a class that cannot be one.

    Raises:
        ValueError: it is empty or too long.
    """
    if not label:
        raise ValueError("the class is empty; expected its name")
    if len(label) > _LONGEST_LABEL:
        raise ValueError(
            f"the class {quoted(label)} is no name; expected {_LONGEST_LABEL} characters at most"
        )


def _merged(entries: Iterable[_Entry]) -> list[Interval]:
    merged: list[_Entry] = []
    for entry in sorted(entries, key=lambda entry: (entry.interval.start_ns, entry.interval.end_ns)):
        one = entry.interval
        last = merged[-1] if merged else None
        if last is None or one.start_ns > last.interval.end_ns:
            merged.append(entry)
        elif one.label == last.interval.label:
            until_ns = max(one.end_ns, last.interval.end_ns)
            merged[-1] = replace(last, interval=replace(last.interval, end_ns=until_ns))
        elif one.start_ns < last.interval.end_ns:
            raise LabelError(
                f"{entry.place}: {shown(one.label)} overlaps {shown(last.interval.label)} of {last.place}; "
                "only one class holds at a time"
            )
        else:
            merged.append(entry)
    return [entry.interval for entry in merged]


def _described(one: Interval, origin_ns: int) -> str:
    return f"the interval {_seconds(one.start_ns - origin_ns)} to {_seconds(one.end_ns - origin_ns)} s"


def _time_text(stamp_ns: int, origin_ns: int | None) -> str:
    if origin_ns is not None:
        if stamp_ns - origin_ns >= ABSOLUTE_FROM_S * NANOSECONDS_PER_SECOND:
            raise LabelError(
                f"{_seconds(stamp_ns - origin_ns)} s from the recording's beginning would be read as a time "
                "since the epoch; write absolute times"
            )
        return _seconds(stamp_ns - origin_ns)
    if stamp_ns >= ABSOLUTE_FROM_S * NANOSECONDS_PER_SECOND:
        return _seconds(stamp_ns)
    # A simulated clock, near its epoch: as a number it would be taken from the recording's beginning.
    whole_s, nanoseconds = divmod(stamp_ns, NANOSECONDS_PER_SECOND)
    moment = _EPOCH + timedelta(seconds=whole_s)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{nanoseconds:09d}Z"


def _seconds(nanoseconds: int) -> str:
    sign = "-" if nanoseconds < 0 else ""
    whole, rest = divmod(abs(nanoseconds), NANOSECONDS_PER_SECOND)
    fraction = f".{rest:09d}".rstrip("0").rstrip(".")
    return f"{sign}{whole}{fraction}"
