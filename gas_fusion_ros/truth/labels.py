"""What was really in the air during a recording: intervals from a CSV, or labels as they stream from a topic.

The CSV has the columns `start`, `end` and `class`, a row per interval. A time is a number of seconds, from
the recording's beginning or, from 1e8 (the year 1973) on, since the epoch, or a stamp of ISO 8601 such as
`2024-05-01T12:00:00.5Z` (UTC where no zone is given). Between the intervals nothing is known.
"""

from __future__ import annotations

import csv
import os
import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, timezone
from decimal import Decimal, InvalidOperation
from pathlib import Path

from gas_fusion_ros.base.files import open_text
from gas_fusion_ros.base.observation import UNKNOWN
from gas_fusion_ros.base.quoting import listed, quoted, shown
from gas_fusion_ros.base.units import NANOSECONDS_PER_SECOND
from gas_fusion_ros.truth.scoring import Interval, Leak, leaks_of

COLUMNS = ("start", "end", "class")
ABSOLUTE_FROM_S = 100_000_000
"""Seconds from which on a number is a time since the epoch: no recording is three years long."""

_LAST_S = 9_000_000_000
"""What 64 bits of nanoseconds hold, about."""

_MOST_BYTES = 16 << 20
_MOST_INTERVALS = 200_000
"""Of a CSV, and changes of a label topic: more than one a second for two days."""
_MOST_LEAKS = 10_000
_LONGEST_LABEL = 80

_ISO_8601 = re.compile(
    r"(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d)(?:[.,](\d{1,9}))?\s*(Z|[+-]\d\d(?::?\d\d)?)?", re.IGNORECASE
)
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
        with open_text(path, _MOST_BYTES) as file:
            return _merged(_entries(shown(path), file, origin_ns))
    except OSError as error:
        raise LabelError(f"{shown(path)} cannot be read as a CSV of intervals: {error.strerror}") from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise LabelError(f"{shown(path)} cannot be read as a CSV of intervals: {error}") from None


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
    stamp = _ISO_8601.fullmatch(text.strip())
    if stamp is not None:
        return _iso_ns(stamp, text)
    try:
        seconds = Decimal(text.strip())
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


class LabelTrack:
    """The truth of a run, fed as it streams or known from the start. Memory grows with the changes alone.

    Where one interval ends and the next begins, the next holds; where none follows, the end belongs to it.
    """

    def __init__(self) -> None:
        """Make a track that says nothing yet."""
        # Parallel lists; the last interval is open, its end unknown, while labels stream in.
        self._starts: list[int] = []
        self._intervals: list[Interval] = []
        self._is_open = False
        self._leaks: dict[Leak, None] = {}

    @classmethod
    def of_intervals(cls, intervals: Iterable[Interval]) -> LabelTrack:
        """The track of intervals that are all known; between them nothing is said.

        Raises:
            LabelError: two of different classes overlap.
        """
        track = cls()
        track._intervals = merge_intervals(intervals)
        track._starts = [one.start_ns for one in track._intervals]
        return track

    def add(self, stamp_ns: int, label: str) -> None:
        """From `stamp_ns` on `label` holds until another is added.

        Raises:
            ValueError: it lies before the label that holds, is no class, or one change too many; or the
                track was made of intervals.
        """
        if self._intervals and not self._is_open:
            raise ValueError("a track made of intervals takes no further label")
        _check_class(label)
        last = self._intervals[-1] if self._intervals else None
        if last is not None and stamp_ns < last.start_ns:
            raise ValueError(
                f"label {shown(label)} at {stamp_ns} ns lies before the last, at {last.start_ns} ns"
            )
        if last is not None and last.label == label:
            return
        if len(self._intervals) >= _MOST_INTERVALS:
            raise ValueError(f"the label changed {_MOST_INTERVALS} times before; that is no label")
        if last is not None:
            self._intervals[-1] = replace(last, end_ns=stamp_ns)
        self._intervals.append(Interval(label, stamp_ns, stamp_ns))
        self._starts.append(stamp_ns)
        self._is_open = True

    def add_leaks(self, leaks: Iterable[Leak]) -> None:
        """Leaks with their signs, as `truth/leaks` tells; one told again counts once.

        Raises:
            ValueError: there are too many in all.
        """
        more = dict.fromkeys(leaks)
        if len(self._leaks) + len(more) > _MOST_LEAKS and len(self._leaks | more) > _MOST_LEAKS:
            raise ValueError(f"more than {_MOST_LEAKS} leaks are told of; that is no recording of a patrol")
        self._leaks |= more

    def at(self, stamp_ns: int) -> str | None:
        """The class at a stamp; None where nothing is said, nor yet."""
        index = bisect_right(self._starts, stamp_ns) - 1
        if index < 0:
            return None
        found = self._intervals[index]
        holds_on = self._is_open and index == len(self._intervals) - 1
        return found.label if holds_on or stamp_ns <= found.end_ns else None

    def intervals(self, end_ns: int) -> list[Interval]:
        """What was said up to `end_ns`, cut there."""
        shown = [one for one in self._intervals if one.start_ns <= end_ns]
        if self._is_open and shown and shown[-1] is self._intervals[-1]:
            shown[-1] = replace(shown[-1], end_ns=end_ns)
        return [replace(one, end_ns=min(one.end_ns, end_ns)) for one in shown]

    def leaks(self, end_ns: int) -> list[Leak]:
        """The leaks that had begun by `end_ns`, cut there: those told, or else the stretches with gas."""
        if not self._leaks:
            return leaks_of(self.intervals(end_ns))
        begun = sorted(
            (leak for leak in self._leaks if leak.start_ns < end_ns), key=lambda leak: leak.start_ns
        )
        return [replace(leak, end_ns=min(leak.end_ns, end_ns)) for leak in begun]


def _entries(path: str, file: Iterable[str], origin_ns: int) -> Iterator[_Entry]:
    reader = csv.reader(file)
    places = _column_places(path, next(reader, []))
    count = 0
    for cells in reader:
        if not any(cell.strip() for cell in cells):
            continue
        place = f"{path} line {reader.line_num}"
        try:
            yield _Entry(_parse_row(cells, places, origin_ns), place)
        except ValueError as error:
            raise LabelError(f"{place}: {error}") from None
        count += 1
        if count > _MOST_INTERVALS:
            raise LabelError(f"{path} has more than {_MOST_INTERVALS} intervals")
    if not count:
        raise LabelError(f"{path} has no interval; expected a row of {','.join(COLUMNS)} below the header")


def _column_places(path: str, header: Sequence[str]) -> tuple[int, ...]:
    found = [name.strip().lower() for name in header]
    missing = [name for name in COLUMNS if name not in found]
    if missing:
        raise LabelError(
            f"{path} line 1: no column for {', '.join(missing)}; expected the header {','.join(COLUMNS)}, "
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
    _check_class(label)
    if label == UNKNOWN:
        raise ValueError(f"the class is {UNKNOWN}; leave out stretches whose class nobody knows")
    start_ns, end_ns = (parse_time(text, origin_ns) for text in (start, end))
    if end_ns < start_ns:
        raise ValueError(f"the end {shown(end)} lies before the start {shown(start)}")
    return Interval(label, start_ns, end_ns)


def _check_class(label: str) -> None:
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


def _iso_ns(stamp: re.Match[str], text: str) -> int:
    date, clock, fraction, zone = stamp.groups()
    zone = (zone or "Z").upper()
    hours_minutes = "0000" if zone == "Z" else zone[1:].replace(":", "").ljust(4, "0")
    offset = timedelta(hours=int(hours_minutes[:2]), minutes=int(hours_minutes[2:]))
    try:
        local = datetime.fromisoformat(f"{date}T{clock}").replace(tzinfo=timezone.utc)
    except ValueError as error:
        raise ValueError(f"{quoted(text)} is no time: {error}") from None
    whole_s = (local + (offset if zone.startswith("-") else -offset) - _EPOCH) // timedelta(seconds=1)
    return whole_s * NANOSECONDS_PER_SECOND + int((fraction or "0").ljust(9, "0"))


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
