"""A network in eight bits says what it said, and of readings alone exactly so."""

from __future__ import annotations

import needs_training  # noqa: F401  isort:skip

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import pytest
import torch
from torch import nn

from gas_fusion_ros.teaching.bundle_folder import ExportError
from training.export.networks import deployed, to_onnx
from training.export.quantised import Inputs, quantised

SIDE = 16
BATCH = 8


class Seeing(nn.Module):
    """Convolutions, each pooled before it is rectified, beside a layer for readings."""

    def __init__(self, convolutions: int) -> None:
        super().__init__()
        stages = [
            nn.Sequential(nn.Conv2d(1 if first else 16, 16, 3, padding=1), nn.MaxPool2d(2), nn.ReLU())
            for first in (True, *[False] * (convolutions - 1))
        ]
        self.features = nn.Sequential(*stages, nn.Flatten())
        self.head = nn.LazyLinear(4)
        self.readings = nn.Linear(7, 4)

    def forward(self, gas: torch.Tensor, image: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return self.head(self.features(image)), self.readings(gas)


def pictures(seed: int, count: int) -> Inputs:
    rng = np.random.default_rng(seed)
    return {
        "gas": rng.normal(size=(count, 7)).astype(np.float32),
        "image": rng.uniform(size=(count, 1, SIDE, SIDE)).astype(np.float32),
    }


def samples() -> Iterator[Inputs]:
    return (pictures(seed, BATCH) for seed in range(8))


def exported(folder: Path, convolutions: int) -> Path:
    torch.manual_seed(0)
    network = Seeing(convolutions)
    examples = {name: torch.from_numpy(value) for name, value in pictures(0, 2).items()}
    network(*examples.values())  # sizes its last layer
    onnx.save(to_onnx(deployed(network), examples, ["logits", "gas_logits"]), folder / "model.onnx")
    return folder / "model.onnx"


def answers(model: onnx.ModelProto, inputs: Inputs) -> list[np.ndarray]:
    session = ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return list(session.run(["logits", "gas_logits"], dict(inputs)))


def test_it_answers_nearly_the_same_and_of_readings_the_same(tmp_path: Path) -> None:
    path = exported(tmp_path, convolutions=3)
    model = quantised(path, samples())
    inputs = pictures(99, 64)
    before, after = answers(onnx.load(path), inputs), answers(model, inputs)
    # Maps that were not rectified would be off by a multiple of this.
    assert np.abs(after[0] - before[0]).max() < 0.05 * np.ptp(before[0])
    np.testing.assert_array_equal(after[1], before[1])


def test_all_convolutions_but_the_first_are_in_eight_bits(tmp_path: Path) -> None:
    model = quantised(exported(tmp_path, convolutions=3), samples())
    operators = [node.op_type for node in model.graph.node]
    assert (operators.count("Conv"), operators.count("QLinearConv")) == (1, 2)
    per_channel = [node.input[4] for node in model.graph.node if node.op_type == "QLinearConv"]
    sizes = {value.name: value.dims for value in model.graph.initializer}
    assert [list(sizes[name]) for name in per_channel] == [[16], [16]]


def test_it_takes_a_batch_of_any_size(tmp_path: Path) -> None:
    model = quantised(exported(tmp_path, convolutions=2), samples())
    assert [len(answers(model, pictures(1, count))[0]) for count in (1, 5)] == [1, 5]


def test_a_network_that_gains_nothing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ExportError, match=r"model\.onnx has no convolution behind its first"):
        quantised(exported(tmp_path, convolutions=1), samples())


def test_samples_that_do_not_fit_are_told_of(tmp_path: Path) -> None:
    path = exported(tmp_path, convolutions=2)
    with pytest.raises(ExportError, match=r"model\.onnx cannot be brought into eight bits"):
        quantised(path, [{"gas": np.zeros((1, 7), dtype=np.float32)}])
