"""When the rows of a table were taken, by a column of its times: their form and unit, told by the values."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import partial
from itertools import islice, pairwise
from statistics import median

import numpy as np
import numpy.typing as npt

from gas_fusion_ros.base.quoting import listed, quoted
from gas_fusion_ros.base.table.moments import (
    NO_TIME,
    dated_ns,
    is_dated,
    is_iso_8601,
    is_time_of_day,
    stamps_of,
    time_of_day_ns,
)
from gas_fusion_ros.base.table.numbers import NumberForm
from gas_fusion_ros.base.table.options import DateOrder, TableError, TableOptions, TimeUnit
from gas_fusion_ros.base.units import NANOSECONDS_PER_SECOND

OWN_COLUMN = "stamp"
"""Of folders that `gas-fusion dataset` writes: whole nanoseconds."""

_NS_PER = {
    TimeUnit.SECONDS: 1_000_000_000,
    TimeUnit.MILLISECONDS: 1_000_000,
    TimeUnit.MICROSECONDS: 1_000,
    TimeUnit.NANOSECONDS: 1,
    TimeUnit.MINUTES: 60_000_000_000,
    TimeUnit.HOURS: 3_600_000_000_000,
}
_EPOCH_UNITS = (TimeUnit.SECONDS, TimeUnit.MILLISECONDS, TimeUnit.MICROSECONDS, TimeUnit.NANOSECONDS)
"""Of times since the epoch, the largest first."""
_COUNTER = 2**32
"""Where the 32 bits of a microcontroller's clock begin again."""
_YEAR_2000_S, _YEAR_2100_S = 946_684_800, 4_102_444_800
_SHORTEST_S, _LONGEST_S = 1e-3, 86_400.0
"""Between two rows of a recording, at most and at least."""
_SPREAD_S = 20.0
"""Nearly all recordings have rows nearer than this, and none a thousandth of it, so that one unit fits."""
_LOGGER_S = frozenset((30, 60, 120, 180, 240, 300, 600, 900, 1200, 1800, 3600))
"""What slow loggers are set to; read in the next smaller unit it is as usual a period."""
_OWN_STEP_NS = 10_000_000
_SAMPLE = 1000
_SEEN = 3
"""Cells of a column that messages show."""
_EXCEL_DAYS = (36_526.0, 73_051.0)
"""Days since the end of 1899, as spreadsheets count, of the years 2000 to 2100."""
_EXCEL_EPOCH_DAYS = 25_569
_DAY_NS = 86_400 * NANOSECONDS_PER_SECOND
_NUMBER = re.compile(r"[+-]?\d+(?:\.\d+)?(?:[eE][+-]?\d{1,2})?", re.ASCII)
_MOST_DIGITS = 40
_SPLIT = re.compile(r"(\d{1,12}) (\d{1,9})", re.ASCII)
_EXPECTED = {
    "s and ns": "whole seconds and nanoseconds",
    "ISO 8601": "a stamp such as 2024-05-01T12:00:00Z",
    "dates": "a date with a time, like the others",
    "time of day": "a time such as 12:00:00",
    "days": "a number of days, as spreadsheets count",
}


@dataclass(frozen=True)
class TableTimes:
    """The times of a table's rows.

    Attributes:
        column: the column, or two joined by `+`.
        form: `s`, `ms`, `us`, `ns`, `s and ns`, `ISO 8601`, `dates`, `time of day` or `days`.
        is_absolute: whether they count since the epoch, not from some beginning.
        stamps_ns: shape (N,), int64, the time of each row, nanoseconds; `NO_TIME` where its cell is none.
        told: what was taken for what, and why, in a sentence.
    """

    column: str
    form: str
    is_absolute: bool
    stamps_ns: npt.NDArray[np.int64]
    told: str

    @property
    def expected(self) -> str:
        """What a cell should be."""
        return _EXPECTED.get(self.form, f"a number of {self.form}")

    @property
    def period_s(self) -> float | None:
        """The median time between two rows; None below two."""
        known = self.stamps_ns[self.stamps_ns != NO_TIME]
        # Of int64 a step may be beyond; as unsigned it is not.
        ahead = known[1:] > known[:-1]
        forward = known[1:].view(np.uint64) - known[:-1].view(np.uint64)
        steps = forward[ahead]
        if not steps.size:
            back = known[:-1].view(np.uint64) - known[1:].view(np.uint64)
            steps = back[known[1:] < known[:-1]]
        if not steps.size:
            return None
        return float(np.sort(steps)[steps.size // 2]) / NANOSECONDS_PER_SECOND


def read_times(
    column: str, cells: Sequence[str], options: TableOptions, numbers: NumberForm, named: TimeUnit | None
) -> TableTimes:
    """Read a column of times.

    Args:
        column: its name, for messages.
        cells: the cells of all rows.
        options: what the user says.
        numbers: how the table writes numbers.
        named: the unit that the column's name or the row of units tells.

    Raises:
        TableError: the cells are no times, or their unit or order cannot be told.
    """
    sample = [cell for cell in cells[:_SAMPLE] if cell.strip()]
    forms: tuple[tuple[Callable[[str], bool], Callable[[], TableTimes]], ...] = (
        (is_iso_8601, lambda: _dates(column, cells, "ISO 8601", None)),
        (is_dated, lambda: _dates(column, cells, "dates", options.date_order)),
        (is_time_of_day, lambda: _times_of_day(column, cells)),
        (lambda cell: _SPLIT.fullmatch(cell) is not None, lambda: _of_ros(column, cells)),
        (
            lambda cell: _NUMBER.fullmatch(numbers.plain(cell)) is not None,
            lambda: _numbers(column, cells, numbers, options, named),
        ),
    )
    for fits, read in forms:
        if sum(map(fits, sample)) * 2 > len(sample):
            return read()
    seen = listed(dict.fromkeys(sample), 3)
    raise TableError(
        f"the column {quoted(column)} holds no times that are read ({seen}); expected ISO 8601, dates with "
        "years of four digits, or numbers; --time-column names another column, or none"
    )


def _dates(column: str, cells: Sequence[str], form: str, order: DateOrder | None) -> TableTimes:
    stamps, needed = dated_ns(cells, order)
    how = "" if needed is None else f", {needed.value}"
    return TableTimes(column, form, True, stamps, f"{form} in column {quoted(column)}{how}")


def _times_of_day(column: str, cells: Sequence[str]) -> TableTimes:
    told = f"times of day without a date in column {quoted(column)}"
    return TableTimes(column, "time of day", False, time_of_day_ns(cells), told)


def _of_ros(column: str, cells: Sequence[str]) -> TableTimes:
    stamps = stamps_of(map(_split_ns, cells))
    first = stamps[:_SAMPLE]
    middle = median(first[first != NO_TIME].tolist())
    is_absolute = _YEAR_2000_S <= middle / NANOSECONDS_PER_SECOND < _YEAR_2100_S
    return TableTimes(column, "s and ns", is_absolute, stamps, f"seconds and nanoseconds in {quoted(column)}")


def _split_ns(cell: str) -> int | None:
    found = _SPLIT.fullmatch(cell)
    return None if found is None else int(found[1]) * NANOSECONDS_PER_SECOND + int(found[2])


def _numbers(
    column: str, cells: Sequence[str], numbers: NumberForm, options: TableOptions, named: TimeUnit | None
) -> TableTimes:
    values = partial(_unwrapped, cells, numbers)
    known = list(islice((value for value in values() if value is not None), _SAMPLE))
    if options.time_unit is None and named is None and _are_spreadsheet_days(known):
        stamps = stamps_of(None if value is None else _from_days(value) for value in values())
        told = f"days as a spreadsheet counts them, in column {quoted(column)}"
        return TableTimes(column, "days", True, stamps, told)
    seen = [numbers.plain(cell) for cell in cells[:_SEEN]]
    unit, why = _unit(column, seen, known, options.time_unit, named)
    factor = _NS_PER[unit]
    stamps = stamps_of(None if value is None else round(value * factor) for value in values())
    middle_s = median(known) * factor / NANOSECONDS_PER_SECOND
    is_own = unit is TimeUnit.NANOSECONDS and column.strip().lower() == OWN_COLUMN
    is_absolute = is_own or _YEAR_2000_S <= middle_s < _YEAR_2100_S
    since = "since the epoch" if is_absolute else "from a beginning"
    return TableTimes(
        column, unit.value, is_absolute, stamps, f"{unit.value} {since} in column {quoted(column)}, {why}"
    )


def _unwrapped(cells: Iterable[str], numbers: NumberForm) -> Iterator[Decimal | None]:
    """Read numbers, None where a cell is none; a clock of 32 bits goes on where it begins again."""
    turns, before = 0, Decimal(0)
    for cell in cells:
        value = _number(numbers.plain(cell))
        if value is None:
            yield None
            continue
        if _COUNTER > before > value + _COUNTER * 9 // 10:
            turns += 1
        before = value
        yield value + turns * _COUNTER


def _number(cell: str) -> Decimal | None:
    if len(cell) > _MOST_DIGITS or not _NUMBER.fullmatch(cell):
        return None
    return Decimal(cell)


def _from_days(value: Decimal) -> int:
    return round((value - _EXCEL_EPOCH_DAYS) * _DAY_NS)


def _are_spreadsheet_days(known: Sequence[Decimal]) -> bool:
    step = _median_step(known)
    return (
        step is not None
        and _EXCEL_DAYS[0] <= min(known)
        and max(known) < _EXCEL_DAYS[1]
        and _SHORTEST_S <= float(step) * _LONGEST_S <= _LONGEST_S / 24
        and any(value % 1 for value in known)
    )


def _unit(
    column: str,
    cells: Sequence[str],
    known: Sequence[Decimal],
    given: TimeUnit | None,
    named: TimeUnit | None,
) -> tuple[TimeUnit, str]:
    """The unit of times, and what tells it."""
    if given is not None:
        return given, "as --time-unit says"
    step = _median_step(known)
    is_own = column.strip().lower() == OWN_COLUMN
    if is_own and named is TimeUnit.NANOSECONDS:
        return named, "as gas-fusion dataset writes them"
    if is_own and len(known) == 1:
        return TimeUnit.NANOSECONDS, "as the column Stamp has them"
    if step is None and len(known) > 1:
        raise TableError(
            f"all times in the column {quoted(column)} are {_seen(cells[:1])}; give them more digits, or "
            "count the rows instead with --time-column none"
        )
    by_size = _unit_of_epoch(median(known), step)
    if named is not None:
        if by_size not in (None, named) or not _is_period(step, named):
            raise TableError(
                f"the column {quoted(column)} is named for {named.value}, but holds {_seen(cells)}; give "
                "--time-unit s, ms, us or ns"
            )
        return named, "as its name says"
    if by_size is not None:
        return by_size, "by their size"
    if is_own and step is not None and step >= _OWN_STEP_NS:
        return TimeUnit.NANOSECONDS, "as the column Stamp has them"
    if step is None:
        return TimeUnit.SECONDS, "there is one row alone"
    return _unit_by_step(column, cells, float(step)), "by the time between rows"


def _unit_by_step(column: str, cells: Sequence[str], step: float) -> TimeUnit:
    """The unit in which rows are as far apart as in nearly all recordings."""
    if step < _SHORTEST_S:
        raise TableError(
            f"the times in the column {quoted(column)} ({_seen(cells)}) are too near to one another for "
            "seconds; give --time-unit s, ms, us or ns, or count the rows instead with --time-column none"
        )
    if step < _SPREAD_S:
        return TimeUnit.SECONDS
    for unit in (TimeUnit.MILLISECONDS, TimeUnit.MICROSECONDS, TimeUnit.NANOSECONDS):
        period_s = step * _NS_PER[unit] / NANOSECONDS_PER_SECOND
        if period_s >= _SPREAD_S and unit is not TimeUnit.NANOSECONDS:
            continue
        if round(period_s * 1000, 6) in _LOGGER_S:
            larger = _next_larger(unit)
            raise TableError(
                f"the times in the column {quoted(column)} ({_seen(cells)}) may be {larger.value} or "
                f"{unit.value}; give --time-unit {larger.value} or --time-unit {unit.value}"
            )
        break
    return unit


def _next_larger(unit: TimeUnit) -> TimeUnit:
    return _EPOCH_UNITS[_EPOCH_UNITS.index(unit) - 1]


def _unit_of_epoch(middle: Decimal, step: Decimal | None) -> TimeUnit | None:
    """The unit in which times are of this century and rows as far apart as rows may be."""
    for unit in _EPOCH_UNITS:
        factor = _NS_PER[unit]
        if _YEAR_2000_S <= middle * factor / NANOSECONDS_PER_SECOND < _YEAR_2100_S:
            # What is so large in nanoseconds is nothing else.
            return unit if unit is TimeUnit.NANOSECONDS or _is_period(step, unit) else None
    return None


def _is_period(step: Decimal | None, unit: TimeUnit) -> bool:
    if step is None:
        return True
    return _SHORTEST_S <= float(step) * _NS_PER[unit] / NANOSECONDS_PER_SECOND <= _LONGEST_S


def _median_step(values: Sequence[Decimal]) -> Decimal | None:
    """The median of the steps forward, or of those back where none goes forward; None where all are equal."""
    steps = [after - before for before, after in pairwise(values) if after > before]
    steps = steps or [before - after for before, after in pairwise(values) if before > after]
    return sorted(steps)[len(steps) // 2] if steps else None


def _seen(cells: Sequence[str]) -> str:
    return listed(cells[:_SEEN], _SEEN)
