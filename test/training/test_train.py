"""Training end to end, as small as it gets, and the parts that measure it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("lightning")
pytest.importorskip("onnx")

from gas_fusion_ros.inference import Bundle, OnnxRuntime  # noqa: E402
from gas_fusion_ros.observation import PAPER_CHANNELS, PAPER_CLASSES, Mode  # noqa: E402
from training.train import (  # noqa: E402
    Hyperparameters,
    Model,
    advise_thresholds,
    fit_temperature,
    score,
    train,
)

TINY = Hyperparameters(
    gas_epochs=2, thermal_epochs=1, fusion_epochs=1, joint_epochs=1, batch=8, frames_per_row=1
)


def test_a_tiny_run_leaves_a_bundle_that_runs(tiny_folder: Path, tmp_path: Path) -> None:
    output = tmp_path / "models" / "tiny"
    train(Model.FUSION1, tiny_folder, output, TINY, command="a test")

    bundle = Bundle.load(output)
    assert bundle.classes == PAPER_CLASSES
    assert bundle.channels == PAPER_CHANNELS
    assert bundle.trained_on["hyperparameters"]["thermal_epochs"] == 1
    gas = np.zeros((1, 7), dtype=np.float32)
    image = np.zeros((1, 1, bundle.image_size, bundle.image_size), dtype=np.float32)
    runtime = OnnxRuntime(bundle)
    for mode in Mode:
        assert runtime.run(mode, gas, image).shape == (4,)
        assert bundle.metrics["runtime, CPU, 1 thread"][mode.value]["onnx_torch_max_difference"] < 1e-4


def test_the_card_and_the_manifest_tell_what_the_weights_were_made_from(
    tiny_folder: Path, tmp_path: Path
) -> None:
    output = tmp_path / "tiny"
    train(Model.FUSION1, tiny_folder, output, TINY, command="python -m training.train --seed 0")
    card = (output / "README.md").read_text()
    manifest = json.loads((output / "bundle.json").read_text())
    assert manifest["trained_on"]["readings_sha256"] in card
    assert "python -m training.train --seed 0" in card
    assert "Nothing here says how the model does on real thermal images" in card
    assert "random split, seed 0, rendered thermal" in card
    assert str(tmp_path) not in card + json.dumps(manifest)
    assert str(Path(__file__).parents[2]).encode() not in (output / "model.onnx").read_bytes()


def test_temperature_undoes_an_overconfident_scale() -> None:
    torch.manual_seed(0)
    honest = torch.randn(4000, 4)
    labels = torch.distributions.Categorical(logits=honest).sample()
    assert fit_temperature(5 * honest, labels) == pytest.approx(5, rel=0.1)


def test_score_counts_by_truth_and_prediction() -> None:
    logits = torch.eye(2)[[0, 0, 1, 0]]
    result = score(logits, torch.tensor([0, 0, 1, 1]), ("a", "b"))
    assert result["accuracy"] == 0.75
    assert result["confusion"] == [[2, 0], [1, 1]]
    assert result["macro_f1"] == pytest.approx((0.8 + 2 / 3) / 2, abs=1e-4)


def test_advised_threshold_leaves_at_most_one_clean_reading_in_a_hundred_above() -> None:
    leaks = np.linspace(0, 0.9, 1000, dtype=np.float32)
    thresholds = advise_thresholds(leaks)
    assert (leaks > thresholds["on"]).mean() <= 0.01
    assert 0 < thresholds["off"] < thresholds["on"]
