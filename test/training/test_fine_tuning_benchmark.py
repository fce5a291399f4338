"""The benchmark of fine-tuning scores every beginning on rows that none has seen."""

from __future__ import annotations

import needs_training  # noqa: F401  isort:skip

from dataclasses import replace
from pathlib import Path

import pytest
import small_benchmark as small
from own_gases import invoke

from benchmarks import fine_tuning
from gas_fusion_ros.base.dataset import Dataset
from training.fitting.catalog import Model, load_model


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Four classes of a hundred rows, the first of which stand again among the last."""
    recording = small.made_recording(rows=100)
    counts = recording.counts.copy()
    for start in range(0, 400, 100):
        counts[start + 65 : start + 90] = counts[start : start + 25]
    return small.write_folder(tmp_path, replace(recording, counts=counts))


@pytest.fixture(autouse=True)
def small_scale(monkeypatch: pytest.MonkeyPatch) -> None:
    def brief(name: str) -> Model:
        return load_model(name).with_overrides({"epochs": 2})

    for name, value in (("EARLY", 40), ("FEW_FROM", 42), ("TEST_FROM", 60), ("load_model", brief)):
        monkeypatch.setattr(fine_tuning, name, value)
    monkeypatch.setattr("training.export.runtime.RUNS", 2)


def test_copies_of_rows_that_train_are_no_test_rows(folder: Path, tmp_path: Path) -> None:
    field = fine_tuning.Field.of(Dataset.load(folder), tmp_path / "out")
    places = field.places[field.test]
    assert sorted(set(places.tolist())) == [*range(60, 65), *range(90, 100)]
    assert len(places) == 4 * 15


def test_every_beginning_is_scored(folder: Path, tmp_path: Path) -> None:
    result = invoke(
        fine_tuning.main, "--data", folder, "--output", tmp_path / "out", "--model", "dnn",
        "--rows", "15", "--seeds", "0",
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    assert "from all, not fine-tuned" in result.output
    runs = [run.name for run in (tmp_path / "out" / "runs").iterdir()]
    # Three to start from, and one from each of them and from random weights.
    assert len(runs) == 7
    assert all(run.startswith("dnn-random-seed0-") for run in runs)
