"""Bundles are checked before they run; runtimes agree with each other and say where they run."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch", reason="the test bundle is written with torch")

from bundles import SHIPPED_NETWORKS, edit_manifest, write_untrained_bundle

from gas_fusion_ros import inference
from gas_fusion_ros.inference import (
    MANIFEST,
    ONNX_FILES,
    Bundle,
    BundleError,
    DeviceError,
    OnnxRuntime,
    TorchRuntime,
    create_runtime,
)
from gas_fusion_ros.observation import PAPER_CHANNELS, Mode
from gas_fusion_ros.share import find_bundle
from gas_fusion_ros.thermal import Preparation

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def untrained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bundles") / "untrained"
    write_untrained_bundle(folder)
    return folder


@pytest.fixture
def copied(untrained: Path, tmp_path: Path) -> Path:
    """A copy that a test may damage."""
    return Path(shutil.copytree(untrained, tmp_path / "bundle"))


def example() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    gas = rng.normal(size=(1, 7)).astype(np.float32)
    return gas, rng.uniform(size=(1, 1, 224, 224)).astype(np.float32)


def test_a_bundle_loads_with_its_fields_in_order(untrained: Path) -> None:
    bundle = Bundle.load(untrained)
    assert bundle.name == "untrained"
    assert bundle.channels == PAPER_CHANNELS
    assert bundle.mean.dtype == np.float32
    assert bundle.temperatures[Mode.GAS_ONLY] == 1.0
    assert (bundle.thresholds.on, bundle.thresholds.off) == (0.8, 0.4)


def test_a_bundle_names_its_networks_and_its_picture(untrained: Path) -> None:
    bundle = Bundle.load(untrained)
    assert bundle.networks == SHIPPED_NETWORKS
    assert (bundle.preparation, bundle.image_size, bundle.image_channels) == (Preparation.FIELD, 224, 1)


def test_the_first_format_is_still_read() -> None:
    folder = find_bundle("fusion1")
    assert json.loads((folder / MANIFEST).read_text())["format_version"] == 1
    bundle = Bundle.load(folder)
    assert bundle.networks == SHIPPED_NETWORKS
    assert bundle.preparation is Preparation.FIELD
    assert set(inference.load_networks(bundle)) == set(Mode)


@pytest.fixture(scope="module")
def without_pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bundles") / "without_pictures"
    write_untrained_bundle(folder, {Mode.GAS_ONLY: "lstm"}, image_size=0, preparation=None)
    return folder


def test_a_bundle_of_one_mode_has_the_files_of_that_mode_alone(without_pictures: Path) -> None:
    files = sorted(path.name for path in without_pictures.iterdir())
    assert files == ["bundle.json", "gas_only.onnx", "weights.safetensors"]
    bundle = Bundle.load(without_pictures)
    assert bundle.networks == {Mode.GAS_ONLY: "lstm"}
    assert bundle.temperatures == {Mode.GAS_ONLY: 1.0}
    assert (bundle.preparation, bundle.image_size, bundle.image_channels) == (None, 0, 0)


def test_both_runtimes_run_any_architecture(without_pictures: Path) -> None:
    bundle = Bundle.load(without_pictures)
    gas, _ = example()
    logits = OnnxRuntime(bundle).run(Mode.GAS_ONLY, gas, None)
    half = TorchRuntime(bundle, device="cpu").run(Mode.GAS_ONLY, gas, None)
    np.testing.assert_allclose(half, logits, atol=0.01)
    with pytest.raises(KeyError):
        OnnxRuntime(bundle).run(Mode.FUSION, *example())


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"preparation": "field"}, "preparation must be null where no network takes a picture"),
        ({"image_size": 224}, "image_size and image_channels must be 0"),
    ],
)
def test_a_picture_that_no_network_takes_is_refused(
    fields: dict[str, Any], said: str, without_pictures: Path, tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(without_pictures, tmp_path / "bundle"))
    edit_manifest(folder, **fields)
    with pytest.raises(BundleError, match=said):
        Bundle.load(folder)


@pytest.mark.parametrize(
    ("name", "said"),
    [("fusion9", "no network is called 'fusion9'"), ("cnn1d", "'cnn1d' is a network for gas_only")],
)
def test_an_architecture_that_the_mode_cannot_have_is_named(name: str, said: str, copied: Path) -> None:
    networks = {mode.value: architecture for mode, architecture in SHIPPED_NETWORKS.items()}
    edit_manifest(copied, networks={**networks, "fusion": name})
    with pytest.raises(BundleError, match=f"networks, fusion: {said}"):
        TorchRuntime(Bundle.load(copied), device="cpu")


@pytest.mark.parametrize("name", [*ONNX_FILES.values(), "weights.safetensors", MANIFEST])
def test_a_missing_file_is_named(name: str, copied: Path) -> None:
    (copied / name).unlink()
    with pytest.raises(BundleError, match=name):
        Bundle.load(copied)


@pytest.mark.parametrize("name", [*ONNX_FILES.values(), "weights.safetensors"])
def test_a_file_with_another_hash_is_refused(name: str, copied: Path) -> None:
    content = bytearray((copied / name).read_bytes())
    content[len(content) // 2] ^= 1
    (copied / name).write_bytes(bytes(content))
    with pytest.raises(BundleError, match=f"{name} does not match the bundle: sha256"):
        Bundle.load(copied)


def test_a_file_without_a_hash_is_refused(copied: Path) -> None:
    edit_manifest(copied, files={})
    with pytest.raises(BundleError, match=r"does not list model\.onnx"):
        Bundle.load(copied)


@pytest.mark.parametrize("text", ["{", "[]", '"bundle"'])
def test_a_manifest_that_is_no_json_object_is_refused(text: str, copied: Path) -> None:
    (copied / MANIFEST).write_text(text)
    with pytest.raises(BundleError, match=r"bundle\.json"):
        Bundle.load(copied)


@pytest.mark.parametrize("version", [0, 3, None, "1", [2]])
def test_an_unknown_format_version_is_refused(version: object, copied: Path) -> None:
    edit_manifest(copied, format_version=version)
    with pytest.raises(BundleError, match="format_version"):
        Bundle.load(copied)


def test_a_missing_field_is_named(copied: Path) -> None:
    manifest = json.loads((copied / MANIFEST).read_text())
    del manifest["temperature"]
    (copied / MANIFEST).write_text(json.dumps(manifest))
    with pytest.raises(BundleError, match="'temperature' is missing"):
        Bundle.load(copied)


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("channels", "mq2", "channels must be a list of names"),
        ("classes", ["Smoke", "Smoke"], "each once"),
        ("normalisation", {"mean": [1.0], "std": [1.0]}, "7 each"),
        ("normalisation", {"mean": [1.0] * 7, "std": [0.0] * 7}, "positive"),
        ("normalisation", {"mean": "high", "std": [1.0] * 7}, "could not convert"),
        (
            "temperature",
            {"fusion": 0.0, "gas_only": 1.0, "thermal_only": 1.0},
            "temperature must be positive",
        ),
        ("thresholds", {"on": 0.3, "off": 0.6}, "off <= on"),
        ("window", 20, "window must be 1, not 20"),
        ("networks", {}, "at least one of fusion, gas_only, thermal_only"),
        ("networks", {"radar": "cnn1d"}, "at least one of fusion, gas_only, thermal_only and nothing else"),
        ("networks", {"fusion": 1}, "must name an architecture"),
        ("preparation", "sepia", "preparation must be one of field, cropped, original, not 'sepia'"),
        ("preparation", None, "preparation must be one of field, cropped, original, not None"),
        (
            "preparation",
            "cropped",
            "image_channels must be 3, as the preparation 'cropped' makes them, not 1",
        ),
        ("image_size", 0, "image_size must be at least 1 pixel, not 0"),
        ("files", [], "files must be an object"),
        ("temperature", 1.0, "temperature must be an object"),
    ],
)
def test_an_unusable_field_is_named(field: str, value: Any, said: str, copied: Path) -> None:
    edit_manifest(copied, **{field: value})
    with pytest.raises(BundleError, match=said):
        Bundle.load(copied)


def test_channels_are_checked_by_name(untrained: Path) -> None:
    bundle = Bundle.load(untrained)
    bundle.check_channels((*reversed(PAPER_CHANNELS), "mq9"))
    with pytest.raises(BundleError, match=r"mq135 missing"):
        bundle.check_channels(PAPER_CHANNELS[:-1])
    with pytest.raises(ValueError, match="different names"):
        bundle.check_channels((*PAPER_CHANNELS, "mq2"))


@pytest.mark.parametrize("mode", list(Mode))
def test_onnx_gives_the_logits_of_torch(mode: Mode, untrained: Path) -> None:
    import torch

    bundle = Bundle.load(untrained)
    gas, image = example()
    inputs = {Mode.FUSION: (gas, image), Mode.GAS_ONLY: (gas,), Mode.THERMAL_ONLY: (image,)}[mode]
    network = inference.load_networks(bundle)[mode]
    with torch.no_grad():
        expected = network(*(torch.from_numpy(value) for value in inputs))[0].numpy()
    logits = OnnxRuntime(bundle).run(mode, gas, image)
    assert logits.dtype == np.float32
    np.testing.assert_allclose(logits, expected, atol=1e-4)


@pytest.mark.parametrize("mode", list(Mode))
def test_torch_runtime_in_half_precision_stays_close(mode: Mode, untrained: Path) -> None:
    bundle = Bundle.load(untrained)
    gas, image = example()
    half = TorchRuntime(bundle, device="cpu").run(mode, gas, image)
    assert half.dtype == np.float32
    np.testing.assert_allclose(half, OnnxRuntime(bundle).run(mode, gas, image), atol=0.01)


@pytest.mark.parametrize(
    ("mode", "missing"), [(Mode.FUSION, "image"), (Mode.GAS_ONLY, "gas"), (Mode.THERMAL_ONLY, "image")]
)
def test_a_mode_without_its_input_is_refused(mode: Mode, missing: str, untrained: Path) -> None:
    gas, image = example()
    runtime = OnnxRuntime(Bundle.load(untrained))
    with pytest.raises(ValueError, match=f"needs the input '{missing}'"):
        runtime.run(mode, None if missing == "gas" else gas, None if missing == "image" else image)


def test_weights_of_another_network_are_refused(copied: Path) -> None:
    edit_manifest(copied, classes=["Smoke", "NoGas"])
    with pytest.raises(BundleError, match="does not fit"):
        TorchRuntime(Bundle.load(copied), device="cpu")


def test_an_onnx_file_that_is_none_is_refused(copied: Path) -> None:
    (copied / "model.onnx").write_bytes(b"not a network")
    manifest = json.loads((copied / MANIFEST).read_text())
    files = {**manifest["files"], "model.onnx": inference.file_sha256(copied / "model.onnx")}
    edit_manifest(copied, files=files)
    with pytest.raises(BundleError, match="cannot be loaded by ONNX Runtime"):
        create_runtime(Bundle.load(copied), "cpu")


@pytest.fixture
def no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inference, "_GPU_SIGNS", ("/nonexistent/gpu",))


@pytest.mark.usefixtures("no_gpu")
def test_cuda_without_a_device_is_a_clear_error(untrained: Path) -> None:
    with pytest.raises(DeviceError, match="'cuda' is not usable: this machine has no CUDA device; use"):
        create_runtime(Bundle.load(untrained), "cuda")


@pytest.mark.usefixtures("no_gpu")
def test_auto_falls_back_to_the_cpu_and_says_so(untrained: Path) -> None:
    runtime = create_runtime(Bundle.load(untrained), "auto")
    assert runtime.device == "cpu"
    assert runtime.note == "running on the CPU: this machine has no CUDA device"


def test_a_device_file_without_a_working_cuda_falls_back_with_the_reason(
    untrained: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(inference, "_GPU_SIGNS", (str(tmp_path),))
    monkeypatch.setattr(inference, "_torch_has_cuda", lambda: False)
    monkeypatch.setattr(inference.ort, "get_available_providers", lambda: ["CPUExecutionProvider"])
    runtime = create_runtime(Bundle.load(untrained), "auto")
    assert runtime.device == "cpu"
    assert "built without CUDA" in runtime.note


def test_cuda_prefers_the_onnx_provider_and_takes_torch_where_it_does_not_start(
    untrained: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    class OnTheCpu(TorchRuntime):
        def __init__(self, bundle: Bundle, note: str) -> None:
            super().__init__(bundle, device="cpu", note=note)

    def refuse(_path: Path, provider: str, _threads: int) -> object:
        raise DeviceError(f"ONNX Runtime's {provider} does not start on this machine")

    monkeypatch.setattr(inference, "_GPU_SIGNS", (str(tmp_path),))
    monkeypatch.setattr(inference.ort, "get_available_providers", lambda: [inference.CUDA_PROVIDER])
    monkeypatch.setattr(inference, "_open_session", refuse)
    monkeypatch.setattr(inference, "_torch_has_cuda", lambda: True)
    monkeypatch.setattr(inference, "TorchRuntime", OnTheCpu)
    runtime = create_runtime(Bundle.load(untrained), "cuda")
    assert isinstance(runtime, OnTheCpu)
    assert "CUDAExecutionProvider does not start" in runtime.note


@pytest.mark.parametrize(
    ("device", "threads", "said"), [("gpu", 1, "auto, cpu, cuda"), ("cpu", 0, "threads")]
)
def test_parameters_out_of_range_are_named(device: str, threads: int, said: str, untrained: Path) -> None:
    with pytest.raises(ValueError, match=said):
        create_runtime(Bundle.load(untrained), device, threads)


def test_the_cpu_road_never_imports_torch(untrained: Path) -> None:
    program = """
import sys
import numpy as np
from gas_fusion_ros.classifier import Classifier
from gas_fusion_ros.inference import Bundle, create_runtime
from gas_fusion_ros.observation import PAPER_CHANNELS, GasReading, Observation, ThermalFrame
bundle = Bundle.load(sys.argv[1])
classifier = Classifier(bundle, create_runtime(bundle, sys.argv[2]))
classifier.warm_up()
reading = GasReading(1, PAPER_CHANNELS, np.full(7, 400, dtype=np.float32))
frame = ThermalFrame(1, np.random.default_rng(0).normal(20, 3, (156, 206)).astype(np.float32), "32FC1")
for observation in (Observation(reading, frame), Observation(reading, None), Observation(None, frame)):
    print(classifier.classify(observation).mode.value)
assert "torch" not in sys.modules, "torch was imported"
"""
    device = "cpu" if inference.has_gpu_device() else "auto"
    done = subprocess.run(
        [sys.executable, "-c", program, str(untrained), device], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["fusion", "gas_only", "thermal_only"]
