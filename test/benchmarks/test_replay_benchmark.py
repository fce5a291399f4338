"""The benchmark of evaluating bags measures what it says; its figures are not judged here."""

from __future__ import annotations

import math
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import typer
from typer.testing import CliRunner

from benchmarks import replay
from benchmarks.replay import Measured, Task, broken_limits, measure, result_table, rounds_for
from benchmarks.replay_bags import Rounds, write_recording
from gas_fusion_ros.bags.reader import BagReader
from gas_fusion_ros.base.observation import PAPER_CHANNELS, Mode
from gas_fusion_ros.base.problems import Problems
from gas_fusion_ros.export.bag_sources import START_NS, FolderSettings, FolderSource
from gas_fusion_ros.simulation.mq_response import steady_readings

S = 1_000_000_000
ROOT = Path(__file__).parents[2]
GOOD = Measured(
    "recording",
    readings=100,
    images=100,
    size_mb=5.0,
    evaluation=Task(wall_s=10.0, seconds=8.0, peak_mb=200.0),
    forward=Task(wall_s=5.0, seconds=4.0, peak_mb=100.0),
    reading=Task(wall_s=1.0, seconds=0.5, peak_mb=50.0),
    max_wall_s=10.0,
)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Four rows of clean air and two of smoke."""
    rng = np.random.default_rng(0)
    lines = [f"Serial Number,{','.join(PAPER_CHANNELS)},Gas"]
    for gas, rows in (("NoGas", 4), ("Smoke", 2)):
        for counts in steady_readings(gas, rows, rng):
            lines.append(f"{len(lines) - 1},{','.join(f'{count:.0f}' for count in counts)},{gas}")
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "Gas_Sensors_Measurements.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder


def test_the_folder_of_the_data_comes_from_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folders: list[Path] = []

    def run(data: Path, *_: object) -> list[Measured]:
        folders.append(data)
        return [GOOD, GOOD]

    monkeypatch.setattr(replay, "run", run)
    monkeypatch.setenv("GAS_FUSION_DATA", str(tmp_path))
    app = typer.Typer()
    app.command()(replay.main)
    result = CliRunner().invoke(app, [])
    assert result.exit_code == 0, result.output
    assert folders == [tmp_path]


def test_a_good_run_breaks_no_limit() -> None:
    assert broken_limits([GOOD]) == []
    assert (GOOD.per_forward, GOOD.per_reading) == (2.0, 16.0)


def test_a_broken_limit_is_named_with_its_measure() -> None:
    slow = replace(GOOD, evaluation=replace(GOOD.evaluation, wall_s=10.1))
    assert broken_limits([GOOD, slow]) == ["recording: 10.1 s, at most 10"]
    assert broken_limits([replace(slow, max_wall_s=math.inf)]) == []
    large = replace(GOOD, evaluation=replace(GOOD.evaluation, peak_mb=500.0))
    assert broken_limits([large]) == ["recording: 500 MB, less than 500"]


def test_the_table_has_a_column_for_each_bag() -> None:
    table = result_table([GOOD, replace(GOOD, name="another", max_wall_s=math.inf)])
    assert [column.header for column in table.columns] == ["", "recording", "another"]
    limits = [list(column.cells)[4] for column in table.columns]
    assert limits == ["limit", "10", ""]


@pytest.mark.parametrize(
    ("gigabytes", "round_mb", "rounds"), [(2.0, 100.0, 20), (2.0, 99.0, 21), (0.01, 100.0, 1)]
)
def test_rounds_fill_at_least_what_was_asked_for(gigabytes: float, round_mb: float, rounds: int) -> None:
    assert rounds_for(gigabytes, round_mb) == rounds


def test_rounds_repeat_a_recording_under_later_stamps(data: Path) -> None:
    source = FolderSource(data, FolderSettings())
    rounds = Rounds(source, 12 * S, rounds=3)
    stamps = [instant.stamp_ns for instant in rounds.instants()]
    assert stamps == [START_NS + 2 * S * row for row in range(18)]
    assert len(rounds) == 18
    assert all(one.reading is not None and one.reading.stamp_ns == one.stamp_ns for one in rounds.instants())
    assert [leak.start_ns for leak in rounds.leaks] == [START_NS + second * S for second in (8, 20, 32)]
    assert len(rounds.truth) == 3 * len(source.truth)


@pytest.mark.parametrize(("with_images", "images"), [(True, 6), (False, 0)])
def test_the_recording_is_written_with_an_image_for_each_reading_or_none(
    data: Path, tmp_path: Path, with_images: bool, images: int
) -> None:
    write_recording(data, tmp_path / "bag", with_images)
    with BagReader(tmp_path / "bag", Problems()) as reader:
        counts = {topic.name: topic.messages for topic in reader.topics}
    assert counts["/gas/readings"] == 6
    assert counts.get("/thermal/image", 0) == images


def test_memory_is_that_of_the_process_at_its_most() -> None:
    code = "from benchmarks.replay_task import peak_mb; len(b'x' * 200_000_000); print(peak_mb())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert 200 < float(done.stdout) < 400


def test_a_bag_is_measured_in_processes_of_their_own(data: Path, tmp_path: Path) -> None:
    write_recording(data, tmp_path / "bag", with_images=False)
    measured = measure("made", tmp_path / "bag", "fusion1", Mode.GAS_ONLY, max_wall_s=60.0)
    assert (measured.readings, measured.images) == (6, 0)
    for task in (measured.evaluation, measured.forward, measured.reading):
        assert 0 < task.seconds < task.wall_s
        assert task.peak_mb > 20
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bag", "data"]
