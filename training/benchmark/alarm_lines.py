"""The alarm along the whole recording: each stretch by the run of the blocked split that held it out."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from gas_fusion_ros.teaching.alarm_tuning import advised_alarm, standing
from training.benchmark.figures import TimeLine
from training.data.splits import BLOCKED
from training.results.benchmark_result import BenchmarkResult
from training.temporal.bench import Bench


def alarm_lines(results: Sequence[BenchmarkResult], model: str, bench: Bench) -> list[TimeLine]:
    """Put a model's leak probabilities on each class's time line, with the alarm that its run advises.

    Each stretch begins with a cleared alarm. Where two runs hold the same rows out, the later one counts.

    Returns:
        A line for each class; none where no run of the model on this data has its leak probabilities.
    """
    leak = np.full(len(bench.dataset.rows), np.nan)
    alarm = np.zeros(len(leak), dtype=np.bool_)
    runs = [
        run
        for run in results
        if run.model == model
        and run.split.name == BLOCKED
        and run.leak
        and run.alarm is not None
        and run.data_sha256 == bench.data_sha256
    ]
    for run in runs:
        test, _ = bench.held_out(run.split, run.seed)
        leak[test] = np.array(run.leak) / 1000
        settings = advised_alarm(run.alarm or {})
        for label in np.unique(bench.recording.labels[test]):
            mine = test[bench.recording.labels[test] == label]
            alarm[mine] = standing(leak[mine], settings, bench.recording.period_s)
    if not runs:
        return []
    return [_line(bench, label, leak, alarm) for label in range(len(bench.dataset.classes))]


def _line(bench: Bench, label: int, leak: npt.NDArray[np.float64], alarm: npt.NDArray[np.bool_]) -> TimeLine:
    rows = np.flatnonzero(bench.recording.labels == label)
    return TimeLine(
        bench.dataset.classes[label],
        np.arange(len(rows)) * bench.recording.period_s,
        bench.recording.counts[rows],
        leak[rows],
        alarm[rows],
    )
