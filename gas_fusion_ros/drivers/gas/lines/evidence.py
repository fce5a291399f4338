"""What several rows say that one does not: whether the first value is a time, which of two columns is raw."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from gas_fusion_ros.drivers.gas.lines.cells import Row

LEAST_ROWS_OF_TIME = 5
LEAST_ROWS_OF_TWINS = 3

_MOST_COUNTS = 65535
_EVEN = 1.2
"""Ratio of the longest step of a clock to the shortest."""
_ABOVE_OTHERS = 10.0
"""How much further than any other value a time goes in each row."""
_LEAST_STEP = 10.0
_OUT_OF_PROPORTION = 100.0
_ROWS_OF_COUNTER = 12
_FEW_STEPS = 2
"""That are equal by chance."""
_LITTLE = 0.25
"""Of the least of the other values: no sensor of an array gives so much less than all others."""
_WHOLE = re.compile(r"\d{1,5}", re.ASCII)
_MOST_VOLT = 5.5
_COUNTS_PER_VOLT = tuple(full / volt for full in (1023.0, 4095.0, 16383.0, 65535.0) for volt in (5.0, 3.3))


def first_is_time(rows: Sequence[Sequence[float | None]]) -> bool:
    """Whether the first value of each row is a time or a counter, and no reading of a sensor.

    Args:
        rows: all values of each row, the first included, in the order in which they came.
    """
    if len(rows) < LEAST_ROWS_OF_TIME:
        return False
    table = np.array([[math.nan if value is None else value for value in row] for row in rows])
    first, steps = table[:, 0], np.diff(table[:, 0])
    if not np.isfinite(first).all() or steps.min() <= 0.0:
        return False
    if first[0] > _MOST_COUNTS:
        return True
    other_steps = np.diff(table[:, 1:], axis=0)
    known = np.abs(other_steps[np.isfinite(other_steps)])
    largest = float(known.max()) if known.size else math.inf
    is_even = float(steps.max()) <= _EVEN * float(steps.min())
    if is_even and float(steps.min()) >= max(_ABOVE_OTHERS * largest, _LEAST_STEP):
        return True
    return len(rows) >= _ROWS_OF_COUNTER and _all_equal(steps) and not _any_counter(other_steps, steps[0])


def may_be_time(rows: Sequence[Sequence[float | None]]) -> bool:
    """Whether the first value of rows that are too few for `first_is_time` may turn out to be one."""
    if len(rows) == 1:
        return goes_beyond_readings(rows[0])
    if len(rows) >= _ROWS_OF_COUNTER:
        return False
    table = np.array([[math.nan if value is None else value for value in row] for row in rows])
    steps, other_steps = np.diff(table[:, 0]), np.diff(table[:, 1:], axis=0)
    if not np.isfinite(steps).all() or steps.min() <= 0.0:
        return False
    if _all_equal(steps) and (len(steps) <= _FEW_STEPS or not _any_counter(other_steps, steps[0])):
        return _is_out_of_place(rows[0])
    known = np.abs(other_steps[np.isfinite(other_steps)])
    largest = float(known.max()) if known.size else math.inf
    is_even = float(steps.max()) <= _EVEN * float(steps.min())
    return is_even and float(steps.min()) >= max(_ABOVE_OTHERS * largest, _LEAST_STEP)


def of_another_kind(rows: Sequence[Sequence[str]]) -> list[int]:
    """Return the columns that always have decimals where most others never have: temperature, humidity.

    Args:
        rows: all cells of each row, as they were written.
    """
    columns = [[cell for cell in column if any(map(str.isdigit, cell))] for column in zip(*rows, strict=True)]
    filled = [column for column in columns if column]
    fractions = [place for place, column in enumerate(columns) if column and all(map(_has_decimals, column))]
    whole = [column for column in filled if not any(map(_has_decimals, column))]
    return fractions if len(fractions) < len(whole) == len(filled) - len(fractions) else []


def goes_beyond_readings(row: Sequence[float | None]) -> bool:
    """Whether the first value of a row is more than a 10-bit converter gives, and than twice the others."""
    first, *others = row
    known = [value for value in others if value is not None and math.isfinite(value)]
    return first is not None and first > max(1023.0, 2.0 * max(known, default=0.0))


def _is_out_of_place(row: Sequence[float | None]) -> bool:
    """Whether the first value of a row is far below all others, or beyond all of them."""
    first, *others = row
    known = [value for value in others if value is not None and math.isfinite(value)]
    is_little = first is not None and first < _LITTLE * min(known, default=0.0)
    return is_little or goes_beyond_readings(row)


def is_clock_like(row: Sequence[float | None]) -> bool:
    """Whether the first value is beyond a 16-bit converter, and out of all proportion to the others."""
    first, *others = row
    known = [abs(value) for value in others if value is not None and math.isfinite(value)]
    if first is None or not known or not math.isfinite(first):
        return False
    return first > max(float(_MOST_COUNTS), _OUT_OF_PROPORTION * max(known))


def raw_twin(rows: Sequence[Row], pairs: Sequence[tuple[int, int]]) -> int | None:
    """Return which column of each pair is the converter's reading: 0 for the first, 1 for the second.

    It is where that is certain: all values of the one are whole numbers that a converter gives, all of the
    other have decimals; and the other is no voltage that the first could be computed from as well. None else.
    """
    for raw in (0, 1):
        whole = _written(rows, [pair[raw] for pair in pairs])
        other = _written(rows, [pair[1 - raw] for pair in pairs])
        if whole and other and all(map(_is_count, whole)) and all(map(_has_decimals, other)):
            return raw if _is_no_voltage(rows, pairs, raw) else None
    return None


def _written(rows: Sequence[Row], places: Sequence[int]) -> list[str]:
    """Return what stands in these columns, without what says that there is no value."""
    return [row.cells[place] for row in rows for place in places if not math.isnan(_number(row, place))]


def _has_decimals(text: str) -> bool:
    return "." in text or "," in text


def _is_count(text: str) -> bool:
    return _WHOLE.fullmatch(text) is not None and int(text) <= _MOST_COUNTS


def _is_no_voltage(rows: Sequence[Row], pairs: Sequence[tuple[int, int]], raw: int) -> bool:
    """Whether decimals are not volts beside whole numbers of something else, such as ppm."""
    counts = np.array([[_number(row, pair[raw]) for pair in pairs] for row in rows])
    others = np.array([[_number(row, pair[1 - raw]) for pair in pairs] for row in rows])
    known = np.isfinite(counts) & np.isfinite(others)
    counts, others = counts[known], others[known]
    if not others.size or float(others.max()) > _MOST_VOLT:
        return bool(others.size)
    errors = [np.abs(counts - others * ratio) - 0.006 * ratio for ratio in _COUNTS_PER_VOLT]
    return any(bool((error <= 1.0).all()) for error in errors)


def _number(row: Row, place: int) -> float:
    value = row.values[place]
    return math.nan if value is None else value


def _all_equal(steps: npt.NDArray[np.float64]) -> bool:
    return bool(np.allclose(steps, steps[0], rtol=1e-6, atol=1e-9))


def _any_counter(steps: npt.NDArray[np.float64], step: float) -> bool:
    return any(math.isclose(column[0], step, rel_tol=1e-6) and _all_equal(column) for column in steps.T)
