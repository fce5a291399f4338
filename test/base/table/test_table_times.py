"""Times of every form are read to the nanosecond, and a doubt about them is told."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from written_tables import CHANNELS, ROWS, table, timed, written

from gas_fusion_ros.base.dataset import Dataset, DatasetError
from gas_fusion_ros.base.problems import Problems
from gas_fusion_ros.base.table.numbers import POINT
from gas_fusion_ros.base.table.options import DateOrder, TableError, TableOptions, TimeUnit
from gas_fusion_ros.base.table.times import read_times

S = 1_000_000_000
EPOCH_S = 1_714_564_800
"""2024-05-01T12:00:00Z."""
MAY = datetime(2024, 5, 1, 12, tzinfo=timezone.utc)


def stamps(path: Path, options: TableOptions | None = None) -> list[int | None]:
    problems = Problems()
    dataset = Dataset.load_readable(path, CHANNELS, problems, options or TableOptions())
    assert problems.counts() == {}
    return [row.stamp_ns for row in dataset.rows]


def every(step_s: float) -> Callable[[int], datetime]:
    return lambda row: MAY + timedelta(seconds=row * step_s)


@pytest.mark.parametrize(
    ("name", "cell"),
    [
        ("Timestamp", lambda row: f"{every(0.5)(row):%Y-%m-%dT%H:%M:%S.%f}Z"),
        ("time", lambda row: f"{every(0.5)(row):%Y-%m-%d %H:%M:%S.%f}"[:-4]),
        (
            "datetime",
            lambda row: (every(0.5)(row) + timedelta(hours=2)).strftime("%Y-%m-%dT%H:%M:%S.%f+02:00"),
        ),
        ("Zeitstempel", lambda row: f"{every(0.5)(row):%d.%m.%Y %H:%M:%S.%f}"),
        ("Datum", lambda row: f"{every(0.5)(row):%d.%m.%y %H:%M:%S,%f}".replace(",", ".")),
        ("Time", lambda row: f"{every(0.5)(row):%d-%b-%Y %H:%M:%S.%f}"),
        ("Time", lambda row: f"{every(0.5)(row):%Y/%m/%d %H:%M:%S.%f}"),
        ("ts", lambda row: f"{every(0.5)(row):%Y%m%dT%H%M%S.%f}"),
        ("epoch", lambda row: f"{EPOCH_S + row / 2:.3f}"),
        ("Stamp", lambda row: str(EPOCH_S * 1000 + row * 500)),
        ("time", lambda row: str(EPOCH_S * 1_000_000 + row * 500_000)),
        ("t_ns", lambda row: str(EPOCH_S * S + row * 500_000_000)),
    ],
)
def test_times_since_the_epoch(name: str, cell: Callable[[int], str], tmp_path: Path) -> None:
    path = written(tmp_path, timed(name, cell))
    assert stamps(path) == [EPOCH_S * S + row * S // 2 for row in range(len(ROWS))]
    times = Dataset.load_readable(path, CHANNELS, Problems()).facts.times
    assert times is not None
    assert (times.is_absolute, times.period_s) == (True, 0.5)


@pytest.mark.parametrize(
    ("name", "cell"),
    [
        ("time", lambda row: str(row * 2)),
        ("Time (s)", lambda row: f"{row * 2.0:.2f}"),
        ("millis", lambda row: str(row * 2000)),
        ("elapsed [ms]", lambda row: str(row * 2000)),
        ("time", lambda row: str(row * 2000)),
        ("time", lambda row: str(row * 2_000_000)),
        ("time_us", lambda row: str(row * 2_000_000)),
        ("Stamp", lambda row: str(row * 2 * S)),
        ("Time", lambda row: f"00:{row * 2 // 60:02d}:{row * 2 % 60:02d}"),
    ],
)
def test_times_from_a_beginning(name: str, cell: Callable[[int], str], tmp_path: Path) -> None:
    assert stamps(written(tmp_path, timed(name, cell))) == [row * 2 * S for row in range(len(ROWS))]


def test_a_time_of_day_goes_on_beyond_midnight(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        timed(
            "Time",
            lambda row: f"{(MAY.replace(hour=23, minute=59, second=40) + timedelta(seconds=row)):%H:%M:%S}",
        ),
    )
    assert [stamp - stamps(path)[0] for stamp in stamps(path)] == [row * S for row in range(len(ROWS))]  # type: ignore[operator]


def test_date_and_time_of_day_may_be_two_columns(tmp_path: Path) -> None:
    text = table(
        names=("Date", "Time", "MQ2", "MQ3", "MQ5", "Gas"),
        first=lambda row: f"{every(1)(row):%d.%m.%Y,%H:%M:%S}",
    )
    assert stamps(written(tmp_path, text)) == [(EPOCH_S + row) * S for row in range(len(ROWS))]


@pytest.mark.parametrize(("format_", "first_day"), [("%d/%m/%Y", 25), ("%m/%d/%Y", 25), ("%d/%m/%Y", 11)])
def test_day_and_month_are_told_by_their_numbers_or_by_how_they_go_on(
    format_: str, first_day: int, tmp_path: Path
) -> None:
    start = datetime(2024, 6, first_day, 23, 59, 50, tzinfo=timezone.utc)
    path = written(
        tmp_path, timed("Time", lambda row: (start + timedelta(seconds=row)).strftime(f"{format_} %H:%M:%S"))
    )
    assert stamps(path)[0] == int(start.timestamp()) * S


def test_a_doubt_about_day_and_month_is_asked_for(tmp_path: Path) -> None:
    path = written(tmp_path, timed("Time", lambda row: f"05/06/2024 12:00:{row:02d}"))
    with pytest.raises(
        DatasetError, match=r"'05/06/2024 12:00:00' may begin with .*; give --date-order day-first or"
    ):
        stamps(path)
    for order, month, day in ((DateOrder.DAY_FIRST, 6, 5), (DateOrder.MONTH_FIRST, 5, 6)):
        expected = datetime(2024, month, day, 12, tzinfo=timezone.utc).timestamp()
        assert stamps(path, TableOptions(date_order=order))[0] == int(expected) * S


@pytest.mark.parametrize("step", [60, 300, 3600, 60_000])
def test_a_doubt_about_the_unit_is_asked_for(step: int, tmp_path: Path) -> None:
    path = written(tmp_path, timed("time", lambda row: str(row * step)))
    with pytest.raises(DatasetError, match=r"\(0, \d+, \d+\) may be (s or ms|ms or us); give --time-unit"):
        stamps(path)
    assert stamps(path, TableOptions(time_unit=TimeUnit.MILLISECONDS))[1] == step * 1_000_000


@pytest.mark.parametrize(
    ("name", "cell", "said"),
    [
        (
            "time",
            lambda _: "1.71E+12",
            r"all times in the column 'time' are 1.71E\+12; give them more digits",
        ),
        (
            "time",
            lambda row: f"May {row + 1}",
            "holds no times that are read .*; --time-column names another",
        ),
        ("time_ms", lambda row: str(EPOCH_S + row * 2), "is named for ms, but holds .*; give --time-unit"),
        ("time", lambda row: f"{row * 1e-5:.6f}", "too near to one another for seconds; give --time-unit"),
    ],
)
def test_times_that_cannot_be_told_are_refused_with_the_way_out(
    name: str, cell: Callable[[int], str], said: str, tmp_path: Path
) -> None:
    path = written(tmp_path, timed(name, cell))
    with pytest.raises(DatasetError, match=said):
        stamps(path)
    assert set(stamps(path, TableOptions(time_column="none"))) == {None}


@pytest.mark.parametrize(("name", "seconds"), [("time (min)", 60), ("Time_h", 3600)])
def test_minutes_and_hours_are_told_by_the_name(name: str, seconds: int, tmp_path: Path) -> None:
    path = written(tmp_path, timed(name, lambda row: f"{row * 2 / seconds:.6f}"))
    assert [round((stamp or 0) / S, 1) for stamp in stamps(path)] == [row * 2.0 for row in range(len(ROWS))]


def test_a_clock_of_32_bits_goes_on_where_it_begins_again(tmp_path: Path) -> None:
    path = written(tmp_path, timed("millis", lambda row: str((2**32 - 10_000 + row * 500) % 2**32)))
    found = stamps(path)
    assert [one - (found[0] or 0) for one in found if one is not None] == [
        row * S // 2 for row in range(len(ROWS))
    ]


def test_times_that_many_rows_share_are_warned_of(tmp_path: Path) -> None:
    path = written(tmp_path, timed("Time", lambda row: f"2024-05-01 12:{row // 10:02d}"))
    (warning,) = Dataset.load_readable(path, CHANNELS, Problems()).facts.warnings
    assert warning.startswith("36 of 40 rows have the time of the row before; give the times more digits")


def test_a_row_without_a_readable_time_is_refused_and_counted(tmp_path: Path) -> None:
    text = timed("timestamp", lambda row: "" if row == 3 else "soon" if row == 4 else str(EPOCH_S + row))
    dataset = Dataset.load_readable(written(tmp_path, text), CHANNELS, Problems())
    assert [row.index for row in dataset.rows][:5] == [0, 1, 2, 5, 6]
    assert [(fate.count, fate.line) for fate in dataset.facts.refused] == [(2, 5)]


def test_the_column_is_chosen_by_name_and_told(tmp_path: Path) -> None:
    text = table(
        names=("millis", "Timestamp", "MQ2", "MQ3", "MQ5", "Gas"),
        first=lambda row: f"{row * 500},{every(0.5)(row):%Y-%m-%dT%H:%M:%S.%f}Z",
    )
    path = written(tmp_path, text)
    assert stamps(path)[2] == (EPOCH_S + 1) * S
    notes = Dataset.load_readable(path, CHANNELS, Problems()).facts.notes
    assert "times are those of 'Timestamp', not of 'millis' (column 1)" in notes
    assert "times are ISO 8601 in column 'Timestamp'" in notes
    assert stamps(path, TableOptions(time_column="millis"))[2] == S
    with pytest.raises(
        DatasetError, match="--time-column: no column 'when'; the columns are millis, Timestamp"
    ):
        stamps(path, TableOptions(time_column="when"))


@given(
    st.sampled_from([TimeUnit(name) for name in ("s", "ms", "us", "ns")]),
    st.integers(1_000_000_000, 4_000_000_000),
    st.integers(20, 20_000),
)
def test_since_the_epoch_the_size_tells_the_unit(unit: TimeUnit, start_s: int, step_ms: int) -> None:
    per_second = {"s": 1, "ms": 1000, "us": 10**6, "ns": 10**9}[unit.value]
    moments_ms = [start_s * 1000 + row * step_ms for row in range(5)]
    cells = [f"{ms * per_second // 1000}" if per_second > 1 else f"{ms / 1000:.3f}" for ms in moments_ms]
    times = read_times("time", cells, TableOptions(), POINT, None)
    assert (times.form, times.is_absolute) == (unit.value, True)
    assert times.stamps_ns.tolist() == [ms * 1_000_000 for ms in moments_ms]


@given(st.text(max_size=12), st.lists(st.text(alphabet="0123456789.:-/TZ+ ", max_size=20), min_size=1))
def test_whatever_stands_in_a_column_it_is_times_or_refused(name: str, cells: list[str]) -> None:
    try:
        times = read_times(name, cells, TableOptions(), POINT, None)
    except TableError:
        return
    assert len(times.stamps_ns) == len(cells)


@pytest.mark.parametrize(
    ("names", "cells"),
    [
        (("stamp.sec", "stamp.nanosec"), lambda row: f"{EPOCH_S + row // 2},{row % 2 * S // 2}"),
        (("date", "time"), lambda row: f"{every(0.5)(row):%Y%m%d,%H%M%S}"),
    ],
)
def test_times_in_two_columns_of_numbers(
    names: tuple[str, str], cells: Callable[[int], str], tmp_path: Path
) -> None:
    path = written(tmp_path, table(names=(*names, "MQ2", "MQ3", "MQ5", "Gas"), first=cells))
    fraction = S // 2 if names[0] != "date" else 0
    expected = [(EPOCH_S + row // 2) * S + row % 2 * fraction for row in range(len(ROWS))]
    assert stamps(path) == expected
