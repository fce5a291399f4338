"""Moments as people and programs write them, as nanoseconds since the epoch."""

from __future__ import annotations

import re
from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone

import numpy as np
import numpy.typing as npt

from gas_fusion_ros.base.quoting import quoted
from gas_fusion_ros.base.table.options import DateOrder, TableError
from gas_fusion_ros.base.units import NANOSECONDS_PER_SECOND

Stamps = npt.NDArray[np.int64]
NO_TIME = -(2**63)
"""Stands for the time of a cell that is none."""
_LAST_NS = 2**63 - 1

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_DAY_NS = 86_400 * NANOSECONDS_PER_SECOND
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")

_CLOCK = r"(\d{1,2}):(\d\d):(\d\d)(?:[.,](\d{1,9})\d*)?\s*([AaPp]\.?[Mm]\.?)?"
_ZONE = r"\s*(Z|UTC|GMT|[+-]\d\d(?::?\d\d)?)?"
_ISO_8601 = re.compile(
    r"(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d)(?:[.,](\d{1,9}))?\s*(Z|[+-]\d\d(?::?\d\d)?)?",
    re.IGNORECASE | re.ASCII,
)
_DATED = re.compile(
    r"(\d{1,4})([-/.])(\d{1,2}|[A-Za-z]{3})[a-z]*\2(\d{2,4})\.?"
    rf"(?:[T ,;]+(?:{_CLOCK}|(\d{{1,2}}):(\d\d)\s*([AaPp]\.?[Mm]\.?)?){_ZONE})?",
    re.ASCII,
)
_COMPACT = re.compile(
    rf"((?:19|20)\d\d)(0[1-9]|1[0-2])([0-3]\d)[T ]?([0-2]\d)([0-5]\d)([0-5]\d)(?:[.,](\d{{1,9}}))?{_ZONE}",
    re.ASCII | re.IGNORECASE,
)
_TIME_OF_DAY = re.compile(rf"{_CLOCK}", re.ASCII)
_CLOCK_ALONE = re.compile(
    r"[0-2]\d[0-5]\d[0-5]\d|\d{1,2}:\d\d(?::\d\d(?:[.,]\d+)?)?\s*(?:[AaPp]\.?[Mm]\.?)?" + _ZONE, re.ASCII
)
_DATE_ALONE = re.compile(r"\d{1,4}([-/.])(?:\d{1,2}|[A-Za-z]{3})\1\d{2,4}\.?|(?:19|20)\d{6}", re.ASCII)


def is_iso_8601(text: str) -> bool:
    """Whether a text has the form of a stamp of ISO 8601 with date and time."""
    return _ISO_8601.fullmatch(text.strip()) is not None


def iso_ns(text: str) -> int:
    """The moment that a stamp of ISO 8601 means, such as `2024-05-01T12:00:00.5Z`; UTC without a zone.

    Raises:
        ValueError: it is none, or no day or hour of the calendar.
    """
    stamp = _ISO_8601.fullmatch(text.strip())
    if stamp is None:
        raise ValueError(f"{quoted(text)} is no stamp such as 2024-05-01T12:00:00Z")
    day, clock, fraction, zone = stamp.groups()
    try:
        local = datetime.fromisoformat(f"{day}T{clock}").replace(tzinfo=timezone.utc)
    except ValueError as error:
        raise ValueError(f"{quoted(text)} is no time: {error}") from None
    return _whole_ns(local) - _zone_ns(zone) + _fraction_ns(fraction)


def is_time_of_day(text: str) -> bool:
    """Whether a text is a time of day with seconds, without a date."""
    return _TIME_OF_DAY.fullmatch(text.strip()) is not None


def is_clock(text: str) -> bool:
    """Whether a text is a time of day as it stands beside a date, with or without seconds."""
    return _CLOCK_ALONE.fullmatch(text.strip()) is not None


def is_date(text: str) -> bool:
    """Whether a text is a date without a time."""
    return _DATE_ALONE.fullmatch(text.strip()) is not None


def is_dated(text: str) -> bool:
    """Whether a text is a date with a time, in one of the forms that are read."""
    return _dated(text) is not None


@dataclass(frozen=True)
class _Dated:
    """A date as written, and the time of its day.

    Attributes:
        first: the first number of the date: the year, or else day or month.
        second: the second number; the month where it was a word.
        last: the last number: the year, or else the day.
        is_named: whether the month was a word, so that the order is plain.
        has_points: whether points stand between, as only day-first dates have.
        of_day_ns: the time of the day, less the zone.
    """

    first: int
    second: int
    last: int
    is_named: bool
    has_points: bool
    of_day_ns: int

    @property
    def is_plain(self) -> bool:
        """Whether day and month cannot be taken for one another."""
        return self.first > 31 or self.is_named or self.has_points or self.first == self.second

    def ns(self, order: DateOrder) -> int:
        """The moment, where the date ends with the year by this order.

        Raises:
            ValueError: there is no such day.
        """
        if self.first > 31:
            year, month, day = self.first, self.second, self.last
        elif self.is_named or self.has_points or order is DateOrder.DAY_FIRST:
            year, month, day = self.last, self.second, self.first
        else:
            year, month, day = self.last, self.first, self.second
        return (date(year, month, day) - _EPOCH.date()).days * _DAY_NS + self.of_day_ns


def _dated(text: str) -> _Dated | None:
    text = text.strip()
    compact = _COMPACT.fullmatch(text)
    if compact is not None:
        year, month, day, hour, minute, second, fraction, zone = compact.groups()
        of_day_ns = _of_day_ns(hour, minute, second, fraction, None) - _zone_ns(zone)
        return _Dated(int(year), int(month), int(day), False, False, of_day_ns)
    found = _DATED.fullmatch(text)
    if found is None or (found[5] is None and found[10] is None):
        return None
    first, separator, second, last = found[1], found[2], found[3], found[4]
    is_named = second.lower() in _MONTHS
    has_year = (len(first) == 4) != (len(last) == 4)
    if separator == "." and len(first) <= 2 and len(last) == 2:
        last, has_year = f"20{last}", True  # with points the day comes first, whatever follows
    if not (is_named or second.isdigit()) or not has_year:
        return None
    month = _MONTHS.index(second.lower()) + 1 if is_named else int(second)
    if found[5] is not None:
        of_day_ns = _of_day_ns(found[5], found[6], found[7], found[8], found[9])
    else:
        of_day_ns = _of_day_ns(found[10], found[11], "0", None, found[12])
    of_day_ns -= _zone_ns(found[13])
    return _Dated(int(first), month, int(last), is_named, separator == ".", of_day_ns)


def stamps_of(moments: Iterable[int | None]) -> Stamps:
    """Keep moments as int64; what is none, or does not fit, is `NO_TIME`."""
    return np.fromiter(
        (NO_TIME if one is None or abs(one) > _LAST_NS else one for one in moments), dtype=np.int64
    )


def dated_ns(cells: Iterable[str], order: DateOrder | None) -> tuple[Stamps, DateOrder | None]:
    """The moments of a column of dates with times; UTC where no zone is given.

    Whether the day or the month comes first is told by a number above 12, or else by days that follow one
    another.

    Args:
        cells: the column.
        order: of day and month, where the user gives it.

    Returns:
        The moments, shape (N,), nanoseconds, `NO_TIME` where a cell is none, and the order that was needed.

    Raises:
        TableError: nothing tells the order of day and month.
    """
    doubts = _Doubts()
    moments = stamps_of(map(doubts.ns_of, cells))
    if not doubts.places:
        return moments, None
    places = np.array(doubts.places, dtype=np.int64)
    by_order = {DateOrder.DAY_FIRST: moments[places], DateOrder.MONTH_FIRST: stamps_of(doubts.month_first)}
    needed = order or doubts.order(by_order)
    if needed is None:
        raise TableError(
            f"{quoted(doubts.example)} may begin with the day or the month; give --date-order day-first or "
            "--date-order month-first"
        )
    moments[places] = by_order[needed]
    return moments, needed


class _Doubts:
    """Reads dates with the day first, and keeps what those would be with the month first that may have it so.

    Attributes:
        places: of these among all.
        month_first: what they would be; None where there is no such day.
        example: the first one, as it is written.
    """

    def __init__(self) -> None:
        self.places = array("q")
        self.month_first: list[int | None] = []
        self.example = ""
        self._number = 0
        self._has_large_first = self._has_large_second = False

    def ns_of(self, cell: str) -> int | None:
        """The moment of a cell; None where it is none."""
        place, self._number = self._number, self._number + 1
        dated = None if is_iso_8601(cell) else _dated(cell)
        if dated is None:
            return _ns_or_none(lambda: iso_ns(cell))
        if not dated.is_plain:
            self.example = self.example or cell
            self.places.append(place)
            self.month_first.append(_ns_or_none(lambda: dated.ns(DateOrder.MONTH_FIRST)))
            self._has_large_first |= dated.first > 12
            self._has_large_second |= dated.second > 12
        return _ns_or_none(lambda: dated.ns(DateOrder.DAY_FIRST))

    def order(self, by_order: Mapping[DateOrder, Stamps]) -> DateOrder | None:
        """Which comes first; None where nothing tells."""
        if self._has_large_first:
            return DateOrder.DAY_FIRST
        if self._has_large_second:
            return DateOrder.MONTH_FIRST
        steps = {one: _greatest_step_days(moments) for one, moments in by_order.items()}
        (near, nearest), (far, _) = sorted((step, one) for one, step in steps.items())
        return nearest if 0 < near <= 2 and far > 20 else None


def _ns_or_none(read: Callable[[], int]) -> int | None:
    try:
        return read()
    except ValueError:
        return None


def _greatest_step_days(moments: Stamps) -> int:
    days = moments[moments != NO_TIME] // _DAY_NS
    return int(np.abs(np.diff(days)).max(initial=0))


def time_of_day_ns(cells: Iterable[str]) -> Stamps:
    """The times of day of a column, from the first midnight on, shape (N,); `NO_TIME` where a cell is none.

    A time that falls by more than half a day is of the next day.
    """
    return stamps_of(_times_of_day(cells))


def _times_of_day(cells: Iterable[str]) -> Iterator[int | None]:
    day_ns = latest_ns = 0
    for cell in cells:
        found = _TIME_OF_DAY.fullmatch(cell.strip())
        if found is None:
            yield None
            continue
        of_day_ns = _of_day_ns(found[1], found[2], found[3], found[4], found[5])
        if latest_ns - of_day_ns > _DAY_NS // 2:
            day_ns += _DAY_NS
        latest_ns = of_day_ns
        yield day_ns + of_day_ns


def _of_day_ns(hour: str, minute: str, second: str, fraction: str | None, half: str | None) -> int:
    hours = int(hour)
    if half is not None:
        hours = hours % 12 + (12 if half[0] in "Pp" else 0)
    return ((hours * 60 + int(minute)) * 60 + int(second)) * NANOSECONDS_PER_SECOND + _fraction_ns(fraction)


def _fraction_ns(fraction: str | None) -> int:
    return int((fraction or "0").ljust(9, "0"))


def _zone_ns(zone: str | None) -> int:
    """How far a zone's clock is ahead."""
    if zone is None or zone.upper() in ("Z", "UTC", "GMT"):
        return 0
    hours_minutes = zone[1:].replace(":", "").ljust(4, "0")
    ahead_s = int(hours_minutes[:2]) * 3600 + int(hours_minutes[2:]) * 60
    return (-ahead_s if zone.startswith("-") else ahead_s) * NANOSECONDS_PER_SECOND


def _whole_ns(moment: datetime) -> int:
    return (moment - _EPOCH) // timedelta(seconds=1) * NANOSECONDS_PER_SECOND
