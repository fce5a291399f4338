"""The fit finds the classes' places and paces, and writes statistics the simulation can read."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from gas_fusion_ros.base.dataset import CSV_NAME, Dataset
from gas_fusion_ros.simulation.mq_response import load_statistics, steady_readings

pytest.importorskip("sklearn", reason="scikit-learn is needed to fit the statistics, not to use them")

from training.fit_mq_response import fit
from training.variations.mixtures import WARM_UP_ROWS

CENTRES = {"NoGas": 600.0, "Smoke": 300.0}


def write_dataset(root: Path) -> Path:
    """Two well-separated classes, whose NoGas begins with a warm-up far away."""
    rng = np.random.default_rng(0)
    lines = ["Serial Number,MQ2,MQ3,Gas"]
    for name, centre in CENTRES.items():
        warm_up = WARM_UP_ROWS if name == "NoGas" else 0
        values = np.rint(centre + np.cumsum(rng.normal(0.0, 1.0, (warm_up + 200, 2)), axis=0))
        values[:warm_up] = 100.0
        lines += [f"{serial},{a:.0f},{b:.0f},{name}" for serial, (a, b) in enumerate(values)]
    (root / CSV_NAME).write_text("\n".join(lines) + "\n")
    return root


def test_fitted_statistics_draw_readings_of_their_class(tmp_path: Path) -> None:
    dataset = Dataset.load(write_dataset(tmp_path), ("mq2", "mq3"))
    path = tmp_path / "statistics.json"
    path.write_text(json.dumps(fit(dataset)))

    statistics = load_statistics(path)

    assert statistics.channels == ("mq2", "mq3")
    for name, centre in CENTRES.items():
        readings = steady_readings(name, 300, np.random.default_rng(1), statistics)
        assert np.abs(readings - centre).max() < 100.0
        fitted = statistics.of(name)
        assert (fitted.noise > 0.0).all()
        assert 2.0 < fitted.dwell_s < 200.0
        assert all(index not in one.neighbours for index, one in enumerate(fitted.components))


def test_statistics_hold_no_readings(tmp_path: Path) -> None:
    document = fit(Dataset.load(write_dataset(tmp_path), ("mq2", "mq3")))
    assert set(document) == {"format", "source", "channels", "classes"}
    keys = {key for entry in document["classes"].values() for key in entry}  # type: ignore[attr-defined]
    assert keys == {"rows", "neighbour_step", "noise", "correlation_s", "dwell_s", "components"}
