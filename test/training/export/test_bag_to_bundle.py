"""From a bag with labels to a bundle for its own gases and sensors, as the documentation says."""

from __future__ import annotations

import needs_training  # noqa: F401  isort:skip

import json
from pathlib import Path

import pytest
from own_gases import CHANNELS, LEVELS, exported, readings, trained, write_rows
from typer.testing import CliRunner

from gas_fusion_ros import cli
from gas_fusion_ros.base.dataset import Dataset

STRETCHES = ("NoGas", "Smoke", "NoGas", "Ammonia", "NoGas", "Smoke", "NoGas", "Ammonia", "NoGas")
"""What is in the air, one after another."""
LENGTH = 30
"""Readings of each stretch, 0.25 s apart."""


@pytest.fixture(autouse=True)
def few_inputs(monkeypatch: pytest.MonkeyPatch) -> None:
    """As fast as it gets, and away from the data set that the environment names."""
    monkeypatch.delenv("GAS_FUSION_DATA", raising=False)
    monkeypatch.setattr("training.export.__main__.INPUTS", 4)
    monkeypatch.setattr("training.export.runtime.RUNS", 2)


def gas_fusion(*arguments: str | Path, exit_code: int = 0) -> str:
    result = CliRunner().invoke(cli.app, [str(argument) for argument in arguments])
    assert result.exit_code == exit_code, result.output
    return result.output


def recorded(root: Path, seed: int) -> Path:
    """Record a bag of the array with its label topic."""
    rows = [
        (
            number * LENGTH + row,
            *counts,
            name,
            1_700_000_000_000_000_000 + (number * LENGTH + row) * 250_000_000,
        )
        for number, name in enumerate(STRETCHES)
        for row, counts in enumerate(readings(name, LENGTH, seed))
    ]
    source = write_rows(root / f"recorded{seed}", ("Stamp",), rows)
    bag = root / f"bag{seed}"
    gas_fusion("bag", "--data", source, "--output", bag, "--channels", ",".join(CHANNELS))
    return bag


def test_a_bag_becomes_a_bundle_for_its_own_gases_and_sensors(tmp_path: Path) -> None:
    bag = recorded(tmp_path, 0)
    # Exit code 1, here and below: the bags have no images, which this model does not need.
    made = gas_fusion("dataset", bag, recorded(tmp_path, 1), "--output", tmp_path / "data", exit_code=1)
    assert "540 rows" in made
    assert "topic_missing_image (2 times)" in made
    rows = Dataset.load(tmp_path / "data", CHANNELS).rows
    assert len({row.bag for row in rows}) == 2
    assert all(row.stamp_ns is not None for row in rows)

    run, result = trained(
        tmp_path / "out", "--model", "cnn1d", "--from", "fusion1", "--channels", ",".join(CHANNELS),
        "--split", "blocked", "--position", "0.4", "--embargo", "5", "--data", tmp_path / "data",
    )  # fmt: skip
    assert result.accuracy > 0.9
    bundle = exported(run, tmp_path / "models" / "mine")
    assert (bundle.classes, bundle.channels) == (tuple(sorted(LEVELS)), CHANNELS)

    # A recording that nothing was trained on.
    garden = recorded(tmp_path, 2)
    said = tmp_path / "said"
    gas_fusion("evaluate", garden, "--model", bundle.path, "--no-html", "--output", said, exit_code=1)
    report = json.loads((said / "report.json").read_text())
    assert (report["readings"], report["classified"], report["bundle"]) == (270, 270, "mine")
    assert report["classes"] == sorted(LEVELS)
    assert report["class_accuracy"] > 0.9
    assert {leak["gas"] for leak in report["leaks"]} == {"Ammonia", "Smoke"}
