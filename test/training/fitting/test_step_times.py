"""A model's steps are timed ahead on a few rows, and nothing of that is kept."""

from __future__ import annotations

import needs_training  # noqa: F401  isort:skip

from pathlib import Path

from gas_fusion_ros.base.dataset import Dataset
from training.data.images import Thermal
from training.data.splits import SplitSettings
from training.fitting.catalog import load_model
from training.fitting.fit import Machine
from training.fitting.runs import Study, TrainingRun
from training.fitting.step_times import StepTimes, measure_pace


def test_a_pace_is_measured_and_leaves_nothing_behind(tiny_folder: Path, tmp_path: Path) -> None:
    output, cache = tmp_path / "output", tmp_path / "cache"
    study = Study.of(Dataset.load(tiny_folder), output, cache, Thermal.RENDERED)
    model = load_model("gasnet_field").with_overrides({"image_size": 64, "batch": 8})
    pace = measure_pace(TrainingRun(model, SplitSettings(), 0), study, Machine("cpu", threads=1))
    assert 0 < pace.step_s < 60
    assert 0 < pace.row_s < 60
    assert not output.exists()


def test_a_single_step_is_enough(tiny_folder: Path, tmp_path: Path) -> None:
    study = Study.of(Dataset.load(tiny_folder), tmp_path, tmp_path, Thermal.NONE)
    run = TrainingRun(load_model("dnn"), SplitSettings(), 0)
    assert measure_pace(run, study, Machine("cpu", threads=1)).step_s > 0


def test_the_first_step_of_an_epoch_warms_up() -> None:
    times = StepTimes()
    for step in range(3):
        times.on_train_batch_start(None, None, None, step)  # type: ignore[arg-type]
        times.on_train_batch_end(None, None, None, None, step)  # type: ignore[arg-type]
    assert len(times.steps) == len(times.waits) == 2
    assert times.first > 0
