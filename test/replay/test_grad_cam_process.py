"""Maps for a bundle's verdicts come from a process of its own, or a reason why there are none."""

from __future__ import annotations

import importlib.util
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from bundles import write_untrained_bundle, write_windowed_bundle

from gas_fusion_ros.inference import Bundle
from gas_fusion_ros.observation import Mode
from gas_fusion_ros.replay.grad_cam import GradCam, GradCamUnavailable
from gas_fusion_ros.share import share_dir

SHIPPED = share_dir() / "models"


def random_inputs(bundle: Bundle) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    shapes = bundle.inputs(Mode.FUSION)
    inputs = {name: rng.uniform(size=(1, *shape)).astype(np.float32) for name, shape in shapes.items()}
    return {**inputs, "valid": np.ones_like(inputs["gas"]), "has_image": np.ones((1, 1), dtype=np.float32)}


@pytest.fixture(scope="module")
def explained() -> Iterator[tuple[Bundle, GradCam]]:
    pytest.importorskip("torch")
    bundle = Bundle.load(SHIPPED / "fusion1")
    with GradCam(bundle) as grad_cam:
        yield bundle, grad_cam


@pytest.mark.parametrize("mode", [Mode.FUSION, Mode.THERMAL_ONLY])
def test_a_shipped_bundle_is_explained(explained: tuple[Bundle, GradCam], mode: Mode) -> None:
    bundle, grad_cam = explained
    heats = [grad_cam.heat(random_inputs(bundle), mode, target) for target in range(len(bundle.classes))]
    side = bundle.image_size
    assert all(heat.shape == (side, side) and heat.dtype == np.float32 for heat in heats)
    assert all(heat.min() >= 0 and heat.max() <= 1 for heat in heats)
    assert any(heat.any() for heat in heats)
    assert len({heat.tobytes() for heat in heats}) > 1


def test_the_maps_are_those_of_the_networks_at_hand(explained: tuple[Bundle, GradCam]) -> None:
    from gas_fusion_ros.inference import load_networks
    from gas_fusion_ros.networks.grad_cam import Explainer

    bundle, grad_cam = explained
    inputs = random_inputs(bundle)
    explainer = Explainer(load_networks(bundle)[Mode.FUSION], "fusion1")
    expected = explainer.heat([inputs["gas"], inputs["image"]], 1)
    np.testing.assert_allclose(grad_cam.heat(inputs, Mode.FUSION, 1), expected, atol=1e-6)


def test_a_windowed_bundle_is_explained() -> None:
    pytest.importorskip("torch")
    bundle = Bundle.load(SHIPPED / "temporal_fusion")
    inputs = random_inputs(bundle)
    with GradCam(bundle) as grad_cam:
        alone = {**inputs, "gas": 0 * inputs["gas"], "valid": 0 * inputs["valid"]}
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


def test_without_torch_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: None)
    with pytest.raises(GradCamUnavailable, match=r"needs torch and safetensors: pip install .*torch"):
        GradCam(Bundle.load(SHIPPED / "fusion1"))


def test_a_bundle_without_pictures_has_no_maps(tmp_path: Path) -> None:
    write_untrained_bundle(tmp_path, {Mode.GAS_ONLY: "cnn1d"}, 0, None)
    with pytest.raises(GradCamUnavailable, match="no network of the model 'untrained' takes pictures"):
        GradCam(Bundle.load(tmp_path))


def test_a_bundle_without_weights_for_torch_says_so_each_time(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    write_windowed_bundle(tmp_path)
    bundle = Bundle.load(tmp_path)
    with GradCam(bundle) as grad_cam:
        for _ in range(2):
            with pytest.raises(GradCamUnavailable, match="cannot be explained"):
                grad_cam.heat(random_inputs(bundle), Mode.FUSION, 0)


def test_a_process_that_was_killed_is_told_of() -> None:
    pytest.importorskip("torch")
    bundle = Bundle.load(SHIPPED / "fusion1")
    with GradCam(bundle) as grad_cam:
        grad_cam.heat(random_inputs(bundle), Mode.FUSION, 0)
        assert grad_cam.pid is not None
        os.kill(grad_cam.pid, signal.SIGKILL)
        with pytest.raises(GradCamUnavailable, match="has ended with code -9"):
            grad_cam.heat(random_inputs(bundle), Mode.FUSION, 0)


def test_closing_ends_the_process() -> None:
    pytest.importorskip("torch")
    bundle = Bundle.load(SHIPPED / "fusion1")
    with GradCam(bundle) as grad_cam:
        assert grad_cam.pid is None
        grad_cam.heat(random_inputs(bundle), Mode.FUSION, 0)
        pid = grad_cam.pid
    assert pid is not None
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_torch_stays_out_of_the_evaluating_process() -> None:
    pytest.importorskip("torch")
    code = (
        "import sys, numpy as np\n"
        "from gas_fusion_ros.inference import Bundle\n"
        "from gas_fusion_ros.observation import Mode\n"
        "from gas_fusion_ros.replay.grad_cam import GradCam\n"
        f"bundle = Bundle.load({str(SHIPPED / 'fusion1')!r})\n"
        "shapes = bundle.inputs(Mode.FUSION)\n"
        "inputs = {name: np.ones((1, *shape), dtype=np.float32) for name, shape in shapes.items()}\n"
        "with GradCam(bundle) as grad_cam:\n"
        "    print(grad_cam.heat(inputs, Mode.FUSION, 0).shape, 'torch' in sys.modules)\n"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout == "(224, 224) False\n"
