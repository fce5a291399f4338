"""Boards and daily air: how the files are read, and what a model makes of made ones."""

from __future__ import annotations

import csv
import gzip
from pathlib import Path

import needs_training  # noqa: F401  skips where torch is not
import numpy as np
import pytest

from gas_fusion_ros.base.shipped_files import find_bundle
from gas_fusion_ros.model.bundle import Bundle
from training.transfer.boards import Board, BoardsError, measure_taught, measure_untaught, read_boards
from training.transfer.daily_air import (
    COLUMNS,
    MORNINGS,
    ONCE,
    TRACKED,
    AirFigure,
    AirRecording,
    DailyAirError,
    measure_air,
    read_daily_air,
)

CHANNELS = ("MQ2V", "MQ3V", "MQ8V")
LEVELS = {"air": (1.0, 1.0, 1.0), "methane": (3.6, 1.5, 4.2), "lpg_butane": (3.8, 4.2, 1.5)}


def write_boards(folder: Path, names: tuple[str, ...] = ("1", "2", "3")) -> None:
    rng = np.random.default_rng(0)
    with (folder / "boards.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("board", "order", "label", *CHANNELS))
        for number, name in enumerate(names):
            for label, levels in LEVELS.items():
                for order in range(130):
                    volts = np.array(levels) * (1 + 0.05 * number) + rng.normal(0, 0.01, 3)
                    writer.writerow((name, order, label, *volts.round(4)))


@pytest.fixture
def boards(tmp_path: Path) -> list[Board]:
    write_boards(tmp_path)
    return read_boards(tmp_path)


def test_each_board_is_calibrated_on_its_own_air(boards: list[Board]) -> None:
    assert [board.name for board in boards] == ["1", "2", "3"]
    for board in boards:
        air = board.array.deviations(board.exposures["air"])
        assert np.abs(air.mean(axis=0)).max() < 0.01
        assert board.array.names == ("mq2", "mq3", "mq8")


def test_gases_taught_on_other_boards_are_known_on_one(boards: list[Board]) -> None:
    figures = list(measure_taught(boards))
    assert [figure.board for figure in figures] == ["1", "2", "3"]
    assert min(figure.accuracy for figure in figures) > 0.9


def test_files_that_are_none_are_named(tmp_path: Path) -> None:
    with pytest.raises(BoardsError, match=r"boards\.csv cannot be read"):
        read_boards(tmp_path)
    (tmp_path / "boards.csv").write_text("a,b\n1,2\n")
    with pytest.raises(BoardsError, match="must have the columns board, label"):
        read_boards(tmp_path)
    with pytest.raises(DailyAirError, match=r"recordings\.csv\.gz cannot be read"):
        read_daily_air(tmp_path)


def test_only_plain_air_is_read_with_its_day(tmp_path: Path) -> None:
    with gzip.open(tmp_path / "recordings.csv.gz", "wt", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("file", *COLUMNS))
        for name in ("20260201_fruit_1", "01_20260201_air", "02_20260202_air"):
            writer.writerow((f"{name}.csv", 1, 2, 3, 4, ""))
    found = read_daily_air(tmp_path)
    assert [(one.array, one.day) for one in found] == [("01", "20260201"), ("02", "20260202")]
    assert np.isnan(found[0].counts[0, 4])


def test_a_rate_is_over_a_day() -> None:
    assert AirFigure("once", 12.0, {"Smoke": 1, "Unknown": 2}).per_day == 6.0


def air(name: str, day: str, number: int, shift: float = 0.0) -> AirRecording:
    rng = np.random.default_rng(number)
    counts = np.array([240, 530, 300, 480, 350]) + shift + rng.normal(0, 1.0, (700, len(COLUMNS)))
    return AirRecording(name, day, counts.astype(np.float32))


def test_days_of_air_are_measured_in_every_mode_but_where_they_were_calibrated_on() -> None:
    days = (("a", "20260201", 0.0), ("a", "20260202", 1.0), ("b", "20260201", 90.0), ("b", "20260202", 90.0))
    recordings = [air(name, day, number, shift) for number, (name, day, shift) in enumerate(days)]
    recordings[1].counts[5, :4] = np.nan  # no channel that the model knows
    figures = measure_air(recordings, Bundle.load(find_bundle("temporal_fusion")))
    assert [figure.mode for figure in figures] == [ONCE, MORNINGS, TRACKED]
    assert [round(figure.hours * 3600) for figure in figures] == [1400, 1600, 1400]
    assert sum(sum(figure.alarms.values()) for figure in figures) == 0


def test_boards_untaught_raise_an_alarm_by_their_departure(boards: list[Board]) -> None:
    figures = list(measure_untaught(boards, Bundle.load(find_bundle("temporal_fusion"))))
    gases = [figure for figure in figures if figure.label != "air"]
    assert len(figures) == 9
    assert all(figure.readings is not None and figure.readings <= 10 for figure in gases)
    quiet = [figure for figure in figures if figure.label == "air"]
    assert [(figure.readings, figure.gas) for figure in quiet] == [(None, "")] * 3
    assert max(figure.departure or 0 for figure in quiet) < 0.1
