"""Maps for a bundle's verdicts are those of torch, made without it, or a reason why there are none."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from bundles import write_untrained_bundle, write_windowed_bundle

from gas_fusion_ros.base.observation import Mode
from gas_fusion_ros.base.shipped_files import shipped_folder
from gas_fusion_ros.model.bundle import Bundle
from gas_fusion_ros.model.grad_cam import GradCam, GradCamUnavailable

SHIPPED = shipped_folder() / "models"


def random_inputs(bundle: Bundle) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    shapes = bundle.inputs(Mode.FUSION)
    inputs = {name: rng.uniform(size=(1, *shape)).astype(np.float32) for name, shape in shapes.items()}
    return {**inputs, "valid": np.ones_like(inputs["gas"]), "has_image": np.ones((1, 1), dtype=np.float32)}


def without_gas(inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """What a windowed network gets while the array is silent."""
    return {**inputs, "gas": 0 * inputs["gas"], "valid": 0 * inputs["valid"]}


@pytest.fixture(scope="module")
def explained() -> tuple[Bundle, GradCam]:
    bundle = Bundle.load(SHIPPED / "fusion1")
    return bundle, GradCam(bundle)


@pytest.mark.parametrize("mode", [Mode.FUSION, Mode.THERMAL_ONLY])
def test_a_shipped_bundle_is_explained(explained: tuple[Bundle, GradCam], mode: Mode) -> None:
    bundle, grad_cam = explained
    heats = [grad_cam.heat(random_inputs(bundle), mode, target) for target in range(len(bundle.classes))]
    side = bundle.image_size
    assert all(heat.shape == (side, side) and heat.dtype == np.float32 for heat in heats)
    assert all(heat.min() >= 0 and heat.max() <= 1 for heat in heats)
    assert any(heat.any() for heat in heats)
    assert len({heat.tobytes() for heat in heats}) > 1


@pytest.mark.parametrize("name", ["fusion1", "temporal_fusion"])
def test_maps_of_shipped_bundles_are_those_of_torch(name: str) -> None:
    pytest.importorskip("torch")
    from gas_fusion_ros.model.networks.grad_cam import Explainer
    from gas_fusion_ros.model.runtimes import load_networks

    bundle = Bundle.load(SHIPPED / name)
    inputs = without_gas(random_inputs(bundle))
    explainer = Explainer(load_networks(bundle)[Mode.THERMAL_ONLY], bundle.networks[Mode.THERMAL_ONLY])
    for target in range(len(bundle.classes)):
        expected = explainer.heat([inputs[key] for key in bundle.inputs(Mode.THERMAL_ONLY)], target)
        ours = GradCam(bundle).heat(inputs, Mode.THERMAL_ONLY, target)
        np.testing.assert_allclose(ours, expected, atol=1e-4)


def test_a_windowed_bundle_is_explained() -> None:
    bundle = Bundle.load(SHIPPED / "temporal_fusion")
    inputs = random_inputs(bundle)
    grad_cam = GradCam(bundle)
    alone = without_gas(inputs)
    heats = [grad_cam.heat(alone, Mode.THERMAL_ONLY, target) for target in range(len(bundle.classes))]
    assert any(heat.any() for heat in heats)
    unused = grad_cam.heat({**inputs, "has_image": 0 * inputs["has_image"]}, Mode.FUSION, 0)
    assert not unused.any()


@pytest.mark.parametrize(
    ("changed", "mode", "class_index", "message"),
    [
        ({}, Mode.GAS_ONLY, 0, "gas_only was made without a picture"),
        ({"image": None}, Mode.FUSION, 0, "needs the input 'image'"),
        ({}, Mode.FUSION, 4, "class_index is 4; there are 4 classes"),
        ({}, Mode.FUSION, -1, "class_index is -1"),
    ],
)
def test_what_cannot_be_explained_is_refused(
    explained: tuple[Bundle, GradCam],
    changed: dict[str, None],
    mode: Mode,
    class_index: int,
    message: str,
) -> None:
    bundle, grad_cam = explained
    inputs = {name: value for name, value in random_inputs(bundle).items() if name not in changed}
    with pytest.raises(ValueError, match=message):
        grad_cam.heat(inputs, mode, class_index)


def test_without_onnx_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: None)
    with pytest.raises(GradCamUnavailable, match=r"needs onnx: pip install onnx"):
        GradCam(Bundle.load(SHIPPED / "fusion1"))


def test_a_bundle_without_pictures_has_no_maps(tmp_path: Path) -> None:
    write_untrained_bundle(tmp_path, {Mode.GAS_ONLY: "cnn1d"}, 0, None)
    with pytest.raises(GradCamUnavailable, match="no network of the model 'untrained' takes pictures"):
        GradCam(Bundle.load(tmp_path))


def test_a_network_without_convolutions_says_so_each_time(tmp_path: Path) -> None:
    write_windowed_bundle(tmp_path)
    bundle = Bundle.load(tmp_path)
    grad_cam = GradCam(bundle)
    for _ in range(2):
        with pytest.raises(GradCamUnavailable, match=r"model\.onnx: it has no convolution"):
            grad_cam.heat(random_inputs(bundle), Mode.FUSION, 0)


def test_torch_stays_out() -> None:
    code = (
        "import sys, numpy as np\n"
        "from gas_fusion_ros.model.bundle import Bundle\n"
        "from gas_fusion_ros.base.observation import Mode\n"
        "from gas_fusion_ros.model.grad_cam import GradCam\n"
        f"bundle = Bundle.load({str(SHIPPED / 'fusion1')!r})\n"
        "grad_cam = GradCam(bundle)\n"
        "print('onnx' in sys.modules)\n"
        "shapes = bundle.inputs(Mode.FUSION)\n"
        "inputs = {name: np.ones((1, *shape), dtype=np.float32) for name, shape in shapes.items()}\n"
        "print(grad_cam.heat(inputs, Mode.FUSION, 0).shape, 'torch' in sys.modules)\n"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout == "False\n(224, 224) False\n"
