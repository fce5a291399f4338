"""The soak measures what it says: every reading is counted, growth is growth, and it ends by itself."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

pytest.importorskip("rclpy", reason="needs ROS 2")

from benchmarks.soak import HOUR_NS, MemorySample, Soaked, broken_limits, growth_mb, result_table

ROOT = Path(__file__).parents[2]


def memory(hours: float, start_mb: float, mb_an_hour: float) -> list[MemorySample]:
    return [
        MemorySample(minute * HOUR_NS // 60, start_mb + mb_an_hour * minute / 60)
        for minute in range(0, round(hours * 60), 2)
    ]


GOOD = Soaked(
    hours=24.0,
    wall_s=900.0,
    due=101,
    published=100,
    images=5,
    classified=97,
    dropped_by={"skipped": 3, "never_published": 1},
    problems={},
    alarms=2,
    faults=0,
    stalls=0,
    memory=memory(24.0, 180.0, 0.1),
)


def test_growth_is_told_from_the_first_hour_on() -> None:
    assert growth_mb(memory(24.0, 180.0, 1.0)) == pytest.approx(22.7, abs=0.1)
    assert growth_mb(memory(24.0, 180.0, 0.0)) == 0.0
    one_off = [replace(sample, resident_mb=sample.resident_mb + 50) for sample in memory(24.0, 180.0, 0.0)]
    assert growth_mb([*memory(0.5, 180.0, 0.0), *one_off[15:]]) == 0.0, (
        "what the first hour takes is no growth"
    )
    assert growth_mb(memory(1.0, 180.0, 1.0)) is None
    assert growth_mb([]) is None


def test_limits_that_are_not_kept_are_named() -> None:
    assert broken_limits(GOOD) == []
    [grown] = broken_limits(replace(GOOD, memory=memory(24.0, 180.0, 0.5)))
    assert "after the first hour, at most 5" in grown
    [lost] = broken_limits(replace(GOOD, dropped_by={}))
    assert lost == "4 readings counted nowhere, none may be"
    assert result_table(GOOD).row_count == 10


@pytest.mark.usefixtures("ros_domain")
def test_a_short_soak_ends_by_itself_with_every_reading_classified() -> None:
    process = subprocess.run(
        [sys.executable, "-m", "benchmarks.soak", "--hours", "0.02", "--image-period", "4"],
        cwd=ROOT,
        capture_output=True,
        env={**os.environ, "COLUMNS": "160"},
        text=True,
        timeout=90,
        check=False,
    )
    assert process.returncode == 0, process.stdout + process.stderr
    cells = [line.split("│") for line in process.stdout.splitlines() if line.startswith("│")]
    rows = {name.strip(): value.strip() for _, name, value, *_ in cells}
    assert rows["readings due, published; images"] == "144, 144; 18"
    assert rows["readings classified"] == "144"
    assert rows["readings dropped, by cause"] == "none"
    assert rows["readings counted nowhere"] == "0"
    assert rows["growth after the first simulated hour, MB"] == "too short"


def test_hours_that_make_no_sense_are_refused() -> None:
    process = subprocess.run(
        [sys.executable, "-m", "benchmarks.soak", "--hours", "nan"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert process.returncode == 2
    assert "--hours must be within" in process.stderr
