"""Alarms along the recording: each row by the run that held it out, with the alarm that this run advises."""

from __future__ import annotations

import needs_training  # noqa: F401  isort:skip

from dataclasses import replace

import numpy as np
import pytest
import small_benchmark as small
from made_benchmark import bench_result

from gas_fusion_ros.base.dataset import Dataset
from training.benchmark.alarm_lines import alarm_lines
from training.data.splits import BLOCKED, SplitSettings
from training.results.benchmark_result import BenchmarkResult
from training.temporal.bench import Bench

ADVICE = {"on_threshold": 0.9, "off_threshold": 0.4, "on_delay_s": 4.0, "off_delay_s": 0.0}


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    folder = small.write_folder(tmp_path_factory.mktemp("alarms"), small.made_recording())
    return Bench.of(Dataset.load(folder))


def run_of(bench: Bench, position: float, **changes: object) -> BenchmarkResult:
    """A run whose gases are sure leaks and whose clean air is none."""
    split = SplitSettings(BLOCKED, 0.2, position, small.EMBARGO)
    test, _ = bench.held_out(split, 0)
    leak = tuple(0 if bench.recording.labels[row] == small.CLEAN else 1000 for row in test)
    values = {"split": split, "leak": leak, "alarm": ADVICE, "data_sha256": bench.data_sha256, **changes}
    return replace(bench_result(), **values)  # type: ignore[arg-type]


def test_held_out_rows_have_a_probability_and_the_others_none(bench: Bench) -> None:
    lines = alarm_lines([run_of(bench, 0.2), run_of(bench, 0.6)], "temporal_fusion", bench)
    assert [line.name for line in lines] == list(bench.dataset.classes)
    for label, line in enumerate(lines):
        known = np.isfinite(line.leak)
        assert known.sum() == 2 * round(0.2 * small.ROWS)
        assert set(line.leak[known]) == {0.0 if label == small.CLEAN else 1.0}


def test_the_alarm_stands_from_its_on_delay_on(bench: Bench) -> None:
    lines = alarm_lines([run_of(bench, 0.2)], "temporal_fusion", bench)
    for label, line in enumerate(lines):
        held = np.flatnonzero(np.isfinite(line.leak))
        # Two rows of two seconds are the delay of four.
        expected = held[:0] if label == small.CLEAN else held[2:]
        np.testing.assert_array_equal(np.flatnonzero(line.alarm), expected)


@pytest.mark.parametrize(
    "changes", [{"leak": ()}, {"model": "other"}, {"data_sha256": "0" * 64}, {"alarm": None}]
)
def test_runs_that_cannot_be_drawn_give_no_line(bench: Bench, changes: dict[str, object]) -> None:
    assert alarm_lines([run_of(bench, 0.2, **changes)], "temporal_fusion", bench) == []
