"""A clock that was set while a table was written is told, and moves no row among others."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gas_fusion_ros.base.dataset import Dataset
from gas_fusion_ros.base.problems import Problems
from gas_fusion_ros.drivers.thermal.frame_times import read_frame_times
from gas_fusion_ros.export.bag_sources import BagSourceError, FolderSettings, FolderSource

START, ROWS, SET = 1_714_550_400, 300, 160
HOUR, YEAR = 3600, 365 * 86_400
Clock = Callable[[int], float]


def table(folder: Path, clock: Clock, rows: int = ROWS) -> Path:
    path = folder / "readings.csv"
    lines = [f"{clock(row)},{row + 1},NoGas" for row in range(rows)]
    path.write_text("\n".join(["time,MQ2,Gas", *lines]) + "\n")
    return path


def set_by(seconds: float) -> Clock:
    return lambda row: START + 2 * row + (seconds if row >= SET else 0)


def warnings(path: Path) -> tuple[str, ...]:
    return Dataset.load_readable(path, ("mq2",), Problems()).facts.warnings


def played(path: Path) -> tuple[list[int], list[float]]:
    source = FolderSource(path, FolderSettings(channels=("mq2",)))
    instants = list(source.instants())
    counts = [float(one.reading.counts[0]) for one in instants if one.reading is not None]
    return [one.stamp_ns for one in instants], counts


@pytest.mark.parametrize("back", [300, HOUR, 5 * YEAR, START - 1000])
def test_a_clock_set_back_is_told_and_no_row_is_lost_or_moved(back: int, tmp_path: Path) -> None:
    path = table(tmp_path, set_by(-back))
    (told,) = warnings(path)
    assert told.startswith(f"time goes back on line {SET + 2}: was the clock set, or summer time over?")
    stamps, counts = played(path)
    assert counts == list(range(1, ROWS + 1))
    assert set(np.diff(stamps).tolist()) == {2_000_000_000}


@pytest.mark.parametrize("ahead", [2 * 86_400, YEAR, 9 * YEAR])
def test_a_clock_set_ahead_is_told(ahead: int, tmp_path: Path) -> None:
    (told,) = warnings(table(tmp_path, set_by(ahead)))
    assert told.startswith(
        f"time leaps by {ahead // 86_400} days on line {SET + 2}: was the clock set there?"
    )


@pytest.mark.parametrize(
    "clock",
    [
        set_by(0),
        set_by(HOUR),  # summer time begins, or somebody paused
        set_by(-1),
        lambda row: START + 2 * row * 1.0005,
        lambda row: START + 2 * (row ^ 1),  # pairs in the wrong order
        lambda row: START + 2 * (ROWS - row),  # the newest first
        lambda row: START + 2 * (row * 7 % ROWS),  # in no order
        lambda row: START + 86_400 * row,  # one a day
    ],
)
def test_other_times_are_no_step(clock: Clock, tmp_path: Path) -> None:
    assert warnings(table(tmp_path, clock)) == ()


@given(st.integers(0, 2_100_000_000), st.integers(2, ROWS - 3))
@settings(max_examples=30, deadline=None)
def test_one_stray_time_costs_no_other_row(
    tmp_path_factory: pytest.TempPathFactory, stray: int, at: int
) -> None:
    path = table(tmp_path_factory.mktemp("table"), lambda row: stray if row == at else START + 2 * row)
    stamps, counts = played(path)
    assert len(stamps) >= ROWS - 1
    others = [count for count in counts if count != at + 1]
    assert (
        others == [row + 1.0 for row in range(ROWS) if row != at and START + 2 * row != stray][: len(others)]
    )


def test_a_clock_set_back_among_frames_is_told(tmp_path: Path) -> None:
    frames = [tmp_path / f"{number:03}.png" for number in range(ROWS)]
    csv = tmp_path / "timestamps.csv"
    for clock, causes in ((set_by(-HOUR), {"frame_times_go_back": 1}), (set_by(0), {})):
        problems = Problems()
        csv.write_text("\n".join(["file,time", *(f"{one.name},{clock(n)}" for n, one in enumerate(frames))]))
        assert len(read_frame_times(csv, frames, problems)) == ROWS
        assert problems.counts() == causes


def test_times_that_no_message_holds_are_told(tmp_path: Path) -> None:
    with pytest.raises(BagSourceError, match="line 2: the stamp 4080000000000000000 does not fit"):
        played(table(tmp_path, lambda row: 4_080_000_000 + 2 * row))
