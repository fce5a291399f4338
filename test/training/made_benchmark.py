"""Results of the benchmark made by hand, for what reads them."""

from __future__ import annotations

from typing import Any

from gas_fusion_ros.base.observation import PAPER_CHANNELS, PAPER_CLASSES
from training.data.splits import BACKWARD, BLOCKED, FORWARD, STRICT, SplitSettings
from training.results.benchmark_result import BenchmarkResult
from training.scoring.reliability import ReliabilityPoint, RiskCoveragePoint

FORWARD_SPLIT = SplitSettings(FORWARD, 0.5, None, 60)
STRICT_SPLIT = SplitSettings(STRICT, 0.2, None, 20)
BACKWARD_SPLIT = SplitSettings(BACKWARD, 0.5, None, 60)


def blocked(position: float = 0.0, embargo: int = 60) -> SplitSettings:
    return SplitSettings(BLOCKED, 0.2, position, embargo)


def bench_result(model: str = "temporal_fusion", accuracy: float = 0.9, **changes: Any) -> BenchmarkResult:
    """A run in which everything was measured; its figures differ from one another."""
    values: dict[str, Any] = {
        "run": f"{model}-run",
        "model": model,
        "title": model.replace("_", " ").capitalize(),
        "modality": "gas_only",
        "thermal": "none",
        "split": blocked(),
        "seed": 0,
        "classes": PAPER_CLASSES,
        "channels": PAPER_CHANNELS,
        "rows": {"train": 4000, "test": 1280},
        "window": 40,
        "period_s": 2.0,
        "candidate": "tcn-32",
        "inner_accuracy": 0.95,
        "candidates": {"tcn-32": 0.95, "gru-32": 0.93},
        "accuracy": accuracy,
        "macro_f1": accuracy - 0.01,
        "macro_precision": accuracy - 0.02,
        "macro_recall": accuracy - 0.03,
        "confusion": ((320, 0, 0, 0), (2, 318, 0, 0), (0, 20, 300, 0), (0, 0, 0, 320)),
        "parameters": 54404,
        "seconds": 12.5,
        "data_file": "Gas_Sensors_Measurements.csv",
        "data_sha256": "ab12" * 16,
        "code_version": "0123456789ab",
        "leak_recall": 0.98,
        "clean_called_gas": 0.00625,
        "false_readings_per_hour": 11.25,
        "false_runs_per_hour": 5.625,
        "false_alarms_per_hour": 0.5,
        "detection_delay": 3.0,
        "missed_leaks": 0.25,
        "temperature": 1.2,
        "ece": 0.04,
        "aurc": 0.01,
        "reliability": (
            ReliabilityPoint(0.4667, 0.5333, 280, 0.5, 0.6),
            ReliabilityPoint(0.9333, 1.0, 1000, 0.98, 0.97),
        ),
        "risk_coverage": (RiskCoveragePoint(0.5, 0.0), RiskCoveragePoint(1.0, 0.1)),
        "rejected": 0.01,
        "reject_auroc": {"Perfume": 0.7, "Smoke": 0.99},
        "perturbed": {
            "mq2 dead": accuracy - 0.01,
            "mq8 dead": accuracy - 0.05,
            "mq2+mq8 dead": accuracy - 0.1,
            "pace 1.4": accuracy - 0.02,
        },
        "alarm": {"on_threshold": 0.7, "off_threshold": 0.4, "on_delay_s": 3.0, "off_delay_s": 10.0},
    }
    return BenchmarkResult(**{**values, **changes})


def bare_result(model: str = "knn5", accuracy: float = 0.8, **changes: Any) -> BenchmarkResult:
    """A run in which nothing was measured that need not be."""
    optional = (
        *("candidate", "inner_accuracy", "leak_recall", "clean_called_gas", "false_readings_per_hour"),
        *(
            "false_runs_per_hour",
            "false_alarms_per_hour",
            "detection_delay",
            "missed_leaks",
            "temperature",
            "ece",
            "aurc",
        ),
        *("rejected", "reject_auroc", "perturbed", "alarm"),
    )
    nothing = {**dict.fromkeys(optional), "candidates": {}, "reliability": (), "risk_coverage": ()}
    return bench_result(model, accuracy, **{**nothing, "parameters": 0, **changes})
