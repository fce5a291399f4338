"""Training end to end, as small as it gets, and the parts that measure it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("lightning")
pytest.importorskip("onnx")

from gas_fusion_ros.inference import Bundle, OnnxRuntime  # noqa: E402
from gas_fusion_ros.observation import PAPER_CHANNELS, PAPER_CLASSES, Mode  # noqa: E402
from training.card import RUNTIME  # noqa: E402
from training.train import (  # noqa: E402
    Hyperparameters,
    Model,
    advise_thresholds,
    fit_temperature,
    score,
    train,
)

COMMAND = "python -m training.train --seed 0"


@pytest.fixture(scope="module")
def trained(tiny_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    # On a busy machine, two threads that wait for each other are slower than one.
    torch.set_num_threads(1)
    output = tmp_path_factory.mktemp("models") / "tiny"
    settings = Hyperparameters(
        gas_epochs=2, thermal_epochs=1, fusion_epochs=1, joint_epochs=1, batch=8, frames_per_row=1
    )
    train(Model.FUSION1, tiny_folder, output, settings, COMMAND)
    return output


def test_a_tiny_run_leaves_a_bundle_that_runs(trained: Path) -> None:
    bundle = Bundle.load(trained)
    assert bundle.classes == PAPER_CLASSES
    assert bundle.channels == PAPER_CHANNELS
    assert bundle.trained_on["hyperparameters"]["thermal_epochs"] == 1
    gas = np.zeros((1, 7), dtype=np.float32)
    image = np.zeros((1, 1, bundle.image_size, bundle.image_size), dtype=np.float32)
    runtime = OnnxRuntime(bundle)
    for mode in Mode:
        assert runtime.run(mode, gas, image).shape == (4,)
        assert bundle.metrics[RUNTIME][mode.value]["onnx_torch_max_difference"] < 1e-4


def test_the_bundle_is_small_enough_to_ship(trained: Path) -> None:
    assert sum(path.stat().st_size for path in trained.iterdir()) < 12e6


def test_the_card_tells_what_the_weights_were_made_from(trained: Path) -> None:
    card = (trained / "README.md").read_text()
    assert Bundle.load(trained).trained_on["readings_sha256"] in card
    assert COMMAND in card
    assert "Nothing here says how the model does on real thermal images" in card
    assert "random split, seed 0, rendered thermal" in card


def test_no_file_of_the_bundle_holds_a_path_of_this_machine(trained: Path) -> None:
    checkout = str(Path(__file__).parents[2]).encode()
    for path in trained.iterdir():
        content = path.read_bytes()
        assert checkout not in content, path.name
        assert str(trained.parent).encode() not in content, path.name


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
