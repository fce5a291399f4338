"""Maps made by letting maps fall are those made by gradients, for every network that takes pictures."""

from __future__ import annotations

from pathlib import Path

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("torchvision")
onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxscript")
pytest.importorskip("safetensors")

import numpy as np  # noqa: E402
from pictured_networks import WINDOWED, WITH_PICTURES, inputs_of, untrained  # noqa: E402

from gas_fusion_ros.base.observation import Mode  # noqa: E402
from gas_fusion_ros.model.grad_cam import grad_cam  # noqa: E402
from gas_fusion_ros.model.networks.grad_cam import Explainer  # noqa: E402
from gas_fusion_ros.model.networks.registry import ARCHITECTURES  # noqa: E402
from gas_fusion_ros.model.networks.temporal import OUTPUTS  # noqa: E402
from gas_fusion_ros.model.split_network import SplitNetwork  # noqa: E402
from training.export.networks import deployed, to_onnx  # noqa: E402


def input_names(name: str) -> list[str]:
    if name in WINDOWED:
        return ["gas", "valid", "image", "has_image"]
    return ["gas", "image"] if ARCHITECTURES[name].mode is Mode.FUSION else ["image"]


def written(name: str, folder: Path) -> tuple[Path, Explainer]:
    """A network as a bundle has it, and what explains it by gradients."""
    names = input_names(name)
    network = deployed(untrained(name))
    outputs = OUTPUTS if name in WINDOWED else ["logits"]
    examples = dict(zip(names, inputs_of(name, samples=2), strict=True))
    onnx.save(to_onnx(network, examples, outputs), folder / "model.onnx")
    return folder / "model.onnx", Explainer(network, name)


# VGG16 has more behind its convolutions than is taken.
@pytest.mark.parametrize("name", [name for name in WITH_PICTURES if name != "vgg16"])
def test_the_maps_are_those_of_torch(name: str, tmp_path: Path) -> None:
    path, explainer = written(name, tmp_path)
    network = SplitNetwork(path)
    inputs = {
        key: value.numpy() for key, value in zip(input_names(name), inputs_of(name, seed=1), strict=True)
    }
    for target in range(4):
        expected = explainer.heat(list(inputs.values()), target)
        np.testing.assert_allclose(grad_cam(network, inputs, target), expected, atol=2e-3)
