"""Results made by hand, for what reads them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from gas_fusion_ros.base.observation import PAPER_CHANNELS, PAPER_CLASSES
from training.data.splits import BLOCKED, SplitSettings
from training.results.result_file import read_runs
from training.results.run_result import Epoch, RunResult

RANDOM_SPLIT = SplitSettings()
HISTORY = (Epoch(1, 1.2, 1.3, 0.5, 0.48), Epoch(2, 0.6, 0.7, 0.8, 0.79), Epoch(3, 0.4, 0.8, 0.75, 0.74))


def blocked(position: float, embargo: int = 60, fraction: float = 0.2) -> SplitSettings:
    return SplitSettings(BLOCKED, fraction, position, embargo)


def gas_result(model: str = "cnn1d", accuracy: float = 0.9, **changes: Any) -> RunResult:
    """A run of a gas model; its figures differ from one another."""
    values: dict[str, Any] = {
        "run": f"{model}-run",
        "model": model,
        "title": model.upper(),
        "architecture": model,
        "modality": "gas_only",
        "preparation": None,
        "image_size": None,
        "thermal": "none",
        "split": RANDOM_SPLIT,
        "seed": 0,
        "classes": PAPER_CLASSES,
        "channels": PAPER_CHANNELS,
        "normalisation": {"mean": [0.0] * 7, "std": [1.0] * 7},
        "rows": {"train": 4096, "validation": 1024, "test": 1280},
        "accuracy": accuracy,
        "macro_f1": accuracy - 0.01,
        "macro_precision": accuracy - 0.02,
        "macro_recall": accuracy - 0.03,
        "confusion": [[9, 1, 0, 0], [0, 10, 0, 0], [0, 2, 8, 0], [0, 0, 0, 10]],
        "parameters": 54404,
        "macs": 41000,
        "epochs": 3,
        "best_epoch": 2,
        "seconds": 12.5,
        "hyperparameters": {"epochs": 200, "batch": 32, "learning_rate": 0.001, "precision": "32-true"},
        "data_file": "Gas_Sensors_Measurements.csv",
        "data_sha256": "ab12" * 16,
        "code_version": "0123456789ab",
        "history": HISTORY,
    }
    return RunResult(**{**values, **changes})


def image_result(model: str = "gasnet", accuracy: float = 0.9, **changes: Any) -> RunResult:
    """A run of an image model on rendered pictures."""
    pictures: dict[str, Any] = {
        "modality": "thermal_only",
        "preparation": "cropped",
        "image_size": 224,
        "thermal": "rendered",
    }
    return gas_result(model, accuracy, **{**pictures, **changes})


def yardstick_result(accuracy: float = 0.9, **changes: Any) -> RunResult:
    """A run of an estimator of scikit-learn."""
    nothing: dict[str, Any] = {"parameters": 0, "macs": 0, "epochs": 0, "best_epoch": 0, "history": ()}
    return gas_result("knn1", accuracy, **{**nothing, **changes})


def read_results(path: Path) -> list[RunResult]:
    """Read the `results.json` of single networks' runs."""
    return [RunResult.from_json(values, path) for values in read_runs(path)]
