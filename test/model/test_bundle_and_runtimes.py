"""Bundles are checked before they run; runtimes agree with each other and say where they run."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch", reason="the test bundle is written with torch")

from bundles import (
    PICTURE,
    SHIPPED_NETWORKS,
    WINDOW,
    as_version_2,
    edit_manifest,
    made_answer,
    update_digests,
    write_untrained_bundle,
    write_windowed_bundle,
)

from gas_fusion_ros.alarm.settings import AlarmAdvice, AlarmSettings
from gas_fusion_ros.base.observation import PAPER_CHANNELS, Mode
from gas_fusion_ros.base.shipped_files import find_bundle
from gas_fusion_ros.model import runtimes
from gas_fusion_ros.model.bundle import FORMAT_VERSION, MANIFEST, ONNX_FILES, Bundle, BundleError
from gas_fusion_ros.model.runtimes import DeviceError, OnnxRuntime, TorchRuntime, create_runtime
from gas_fusion_ros.model.thermal import Preparation
from gas_fusion_ros.model.window import WindowSettings

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def untrained(untrained_bundle: Path) -> Path:
    return untrained_bundle


@pytest.fixture
def copied(untrained: Path, tmp_path: Path) -> Path:
    """A copy that a test may damage."""
    return Path(shutil.copytree(untrained, tmp_path / "bundle"))


def example() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    gas = rng.normal(size=(1, 7)).astype(np.float32)
    return {"gas": gas, "image": rng.uniform(size=(1, 1, 224, 224)).astype(np.float32)}


def manifest_of(folder: Path) -> dict[str, Any]:
    return json.loads((folder / MANIFEST).read_text())


def test_a_bundle_loads_with_its_fields_in_order(untrained: Path) -> None:
    bundle = Bundle.load(untrained)
    assert bundle.name == "untrained"
    assert bundle.channels == PAPER_CHANNELS
    assert bundle.mean.dtype == np.float32
    assert bundle.temperatures[Mode.GAS_ONLY] == 1.0
    assert bundle.alarm == AlarmAdvice(0.8, 0.4)
    assert (bundle.window, bundle.is_windowed, bundle.false_reject_rate) == (WindowSettings(1), False, None)


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
    assert set(runtimes.load_networks(bundle)) == set(Mode)
    assert bundle.window == WindowSettings(1)
    thresholds = manifest_of(folder)["thresholds"]
    assert (bundle.alarm.on_threshold, bundle.alarm.off_threshold) == (thresholds["on"], thresholds["off"])
    assert bundle.alarm.false_alarms_per_hour is None
    assert bundle.false_reject_rate is None


def test_the_second_format_is_still_read(untrained: Path, copied: Path) -> None:
    as_version_2(copied)
    bundle, current = Bundle.load(copied), Bundle.load(untrained)
    for field in ("networks", "preparation", "window", "alarm", "false_reject_rate", "temperatures"):
        assert getattr(bundle, field) == getattr(current, field)
    assert bundle.alarm.on_delay_ns == AlarmSettings.on_delay_ns
    assert bundle.alarm.off_delay_ns == AlarmSettings.off_delay_ns


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("window", 20, "window must be 1 before version 3, not 20"),
        ("thresholds", None, "thresholds must be an object"),
        (
            "thresholds",
            {"on": 0.3, "off": 0.6},
            "thresholds must satisfy 0 < off <= on <= 1, not 0.6 and 0.3",
        ),
        ("thresholds", {"on": 0.3}, "thresholds must have the field 'off'"),
        ("thresholds", {"on": "high", "off": 0.1}, "thresholds.on must be a number of 0 to 1, not 'high'"),
    ],
)
def test_an_unusable_field_of_the_second_format_is_named_as_it_stands_there(
    field: str, value: Any, said: str, copied: Path
) -> None:
    as_version_2(copied)
    edit_manifest(copied, **{field: value})
    with pytest.raises(BundleError, match=re.escape(said)):
        Bundle.load(copied)


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
    gas = {"gas": example()["gas"]}
    answer = OnnxRuntime(bundle).run(Mode.GAS_ONLY, gas)
    half = TorchRuntime(bundle, device="cpu").run(Mode.GAS_ONLY, gas)
    np.testing.assert_allclose(half.logits, answer.logits, atol=0.01)
    assert answer.novelty is None
    assert half.novelty is None
    with pytest.raises(KeyError):
        OnnxRuntime(bundle).run(Mode.FUSION, example())


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


@pytest.mark.parametrize("version", [0, FORMAT_VERSION + 1, None, "1", [2]])
def test_an_unknown_format_version_is_refused(version: object, copied: Path) -> None:
    edit_manifest(copied, format_version=version)
    with pytest.raises(BundleError, match=r"format_version is .* reads the versions 1, 2, 3, 4"):
        Bundle.load(copied)


def test_a_missing_field_is_named(copied: Path) -> None:
    manifest = manifest_of(copied)
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
            "temperature.fusion must be of 0.001 to 1000, not 0",
        ),
        ("classes", ["Smoke", "Unknown"], "classes must not name Unknown"),
        ("classes", ["Smoke", "PictureAlone"], "classes must not name PictureAlone"),
        ("reproduction", "yes", "reproduction must be true or false, not 'yes'"),
        ("window", 1, "window must be an object, not 1"),
        ("novelty", {"false_reject_rate": 0.01}, "novelty must be null where window.readings is 1"),
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
        ("image_size", 0, "image_size must be of 1 to 2048 pixels, not 0"),
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
    given = example()
    names = {Mode.FUSION: ("gas", "image"), Mode.GAS_ONLY: ("gas",), Mode.THERMAL_ONLY: ("image",)}[mode]
    network = runtimes.load_networks(bundle)[mode]
    with torch.no_grad():
        expected = network(*(torch.from_numpy(given[name]) for name in names))[0].numpy()
    logits = OnnxRuntime(bundle).run(mode, given).logits
    assert logits.dtype == np.float32
    np.testing.assert_allclose(logits, expected, atol=1e-4)


@pytest.mark.parametrize("mode", list(Mode))
def test_torch_runtime_in_half_precision_stays_close(mode: Mode, untrained: Path) -> None:
    bundle = Bundle.load(untrained)
    half = TorchRuntime(bundle, device="cpu").run(mode, example()).logits
    assert half.dtype == np.float32
    np.testing.assert_allclose(half, OnnxRuntime(bundle).run(mode, example()).logits, atol=0.01)


@pytest.mark.parametrize(
    ("mode", "missing"), [(Mode.FUSION, "image"), (Mode.GAS_ONLY, "gas"), (Mode.THERMAL_ONLY, "image")]
)
def test_a_mode_without_its_input_is_refused(mode: Mode, missing: str, untrained: Path) -> None:
    runtime = OnnxRuntime(Bundle.load(untrained))
    inputs = {name: value for name, value in example().items() if name != missing}
    with pytest.raises(ValueError, match=f"mode {mode.value} needs the input '{missing}'"):
        runtime.run(mode, inputs)


def test_weights_of_another_network_are_refused(copied: Path) -> None:
    edit_manifest(copied, classes=["Smoke", "NoGas"])
    with pytest.raises(BundleError, match="does not fit"):
        TorchRuntime(Bundle.load(copied), device="cpu")


def test_an_onnx_file_that_is_none_is_refused(copied: Path) -> None:
    (copied / "model.onnx").write_bytes(b"not a network")
    update_digests(copied)
    with pytest.raises(BundleError, match="cannot be loaded by ONNX Runtime"):
        create_runtime(Bundle.load(copied), "cpu")


@pytest.fixture
def no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runtimes, "_GPU_SIGNS", ("/nonexistent/gpu",))


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
    monkeypatch.setattr(runtimes, "_GPU_SIGNS", (str(tmp_path),))
    monkeypatch.setattr(runtimes, "_torch_has_cuda", lambda: False)
    monkeypatch.setattr(runtimes.ort, "get_available_providers", lambda: ["CPUExecutionProvider"])
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

    monkeypatch.setattr(runtimes, "_GPU_SIGNS", (str(tmp_path),))
    monkeypatch.setattr(runtimes.ort, "get_available_providers", lambda: [runtimes.CUDA_PROVIDER])
    monkeypatch.setattr(runtimes, "_open_session", refuse)
    monkeypatch.setattr(runtimes, "_torch_has_cuda", lambda: True)
    monkeypatch.setattr(runtimes, "TorchRuntime", OnTheCpu)
    runtime = create_runtime(Bundle.load(untrained), "cuda")
    assert isinstance(runtime, OnTheCpu)
    assert "CUDAExecutionProvider does not start" in runtime.note


@pytest.mark.parametrize(
    ("device", "threads", "said"), [("gpu", 1, "auto, cpu, cuda"), ("cpu", 0, "threads")]
)
def test_parameters_out_of_range_are_named(device: str, threads: int, said: str, untrained: Path) -> None:
    with pytest.raises(ValueError, match=said):
        create_runtime(Bundle.load(untrained), device, threads)


@pytest.mark.parametrize("name", ["untrained", "windowed"])
def test_the_cpu_road_never_imports_torch(name: str, request: pytest.FixtureRequest) -> None:
    bundle: Path = request.getfixturevalue(name)
    program = """
import sys
import numpy as np
from gas_fusion_ros.model.classifier import Classifier
from gas_fusion_ros.model.bundle import Bundle
from gas_fusion_ros.model.runtimes import create_runtime
from gas_fusion_ros.base.observation import PAPER_CHANNELS, GasReading, Observation, ThermalFrame
bundle = Bundle.load(sys.argv[1])
classifier = Classifier(bundle, create_runtime(bundle, sys.argv[2]))
classifier.warm_up()
reading = GasReading(1, PAPER_CHANNELS, np.full(7, 400, dtype=np.float32))
frame = ThermalFrame(1, np.random.default_rng(0).normal(20, 3, (156, 206)).astype(np.float32), "32FC1")
for observation in (Observation(reading, frame), Observation(reading, None), Observation(None, frame)):
    print(classifier.classify(observation).mode.value)
assert "torch" not in sys.modules, "torch was imported"
"""
    device = "cpu" if runtimes.has_gpu_device() else "auto"
    done = subprocess.run(
        [sys.executable, "-c", program, str(bundle), device], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["fusion", "gas_only", "thermal_only"]


# --- windowed bundles -----------------------------------------------------------------------


@pytest.fixture
def windowed(tmp_path: Path) -> Path:
    folder = tmp_path / "windowed"
    write_windowed_bundle(folder)
    return folder


def windowed_example() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    shape = (1, WINDOW.readings, len(PAPER_CHANNELS))
    inputs = {
        "gas": rng.normal(size=shape),
        "valid": rng.integers(0, 2, shape),
        "image": rng.uniform(size=(1, 1, PICTURE, PICTURE)),
        "has_image": np.ones((1, 1)),
    }
    return {name: value.astype(np.float32) for name, value in inputs.items()}


def test_a_windowed_bundle_has_one_network_for_its_modes(windowed: Path) -> None:
    assert sorted(path.name for path in windowed.iterdir()) == [
        "bundle.json",
        "model.onnx",
        "weights.safetensors",
    ]
    bundle = Bundle.load(windowed)
    assert (bundle.window, bundle.is_windowed) == (WINDOW, True)
    assert bundle.false_reject_rate == 0.01
    assert bundle.networks == dict.fromkeys(Mode, "temporal_fusion")
    assert bundle.inputs(Mode.GAS_ONLY) == {
        "gas": (4, 7),
        "valid": (4, 7),
        "image": (1, PICTURE, PICTURE),
        "has_image": (1,),
    }


@pytest.mark.parametrize("mode", list(Mode))
def test_onnx_runs_the_one_network_in_every_mode(mode: Mode, windowed: Path) -> None:
    inputs = windowed_example()
    answer = OnnxRuntime(Bundle.load(windowed)).run(mode, {**inputs, "further": inputs["gas"]})
    logits, novelty = made_answer(**inputs)
    assert answer.logits.dtype == np.float32
    np.testing.assert_allclose(answer.logits, logits[0], rtol=1e-5)
    assert answer.novelty == pytest.approx(float(novelty[0]))


def test_the_order_of_a_window_counts(windowed: Path) -> None:
    runtime, inputs = OnnxRuntime(Bundle.load(windowed)), windowed_example()
    backward = {**inputs, "gas": inputs["gas"][:, ::-1].copy()}
    first, second = (runtime.run(Mode.FUSION, given).logits for given in (inputs, backward))
    assert abs(first[0] - second[0]) > 0.1
    np.testing.assert_allclose(first[1:], second[1:])


@pytest.mark.parametrize("missing", ["gas", "valid", "image", "has_image"])
def test_a_windowed_network_needs_all_its_inputs_in_every_mode(missing: str, windowed: Path) -> None:
    inputs = {name: value for name, value in windowed_example().items() if name != missing}
    runtime = OnnxRuntime(Bundle.load(windowed))
    for mode in Mode:
        with pytest.raises(ValueError, match=f"mode {mode.value} needs the input '{missing}'"):
            runtime.run(mode, inputs)


def test_a_windowed_bundle_may_do_without_a_mode(tmp_path: Path) -> None:
    write_windowed_bundle(tmp_path, [Mode.GAS_ONLY])
    bundle = Bundle.load(tmp_path)
    assert bundle.networks == {Mode.GAS_ONLY: "temporal_fusion"}
    assert (bundle.preparation, bundle.image_size) == (Preparation.FIELD, PICTURE)
    runtime = OnnxRuntime(bundle)
    assert runtime.run(Mode.GAS_ONLY, windowed_example()).novelty is not None
    with pytest.raises(KeyError):
        runtime.run(Mode.FUSION, windowed_example())


def test_a_network_whose_novelty_has_no_known_limit_tells_none(windowed: Path) -> None:
    edit_manifest(windowed, novelty=None)
    bundle = Bundle.load(windowed)
    assert bundle.false_reject_rate is None
    assert OnnxRuntime(bundle).run(Mode.FUSION, windowed_example()).novelty is None


def test_the_alarms_advice_is_read_with_its_units(windowed: Path) -> None:
    advice = {
        "on_threshold": 0.9,
        "off_threshold": 0.5,
        "on_delay_s": 4.5,
        "off_delay_s": 0,
        "false_alarms_per_hour": 0.25,
        "missed": 0.1,
        "delay_s": None,
    }
    edit_manifest(windowed, alarm=advice)
    alarm = Bundle.load(windowed).alarm
    assert alarm == AlarmAdvice(0.9, 0.5, 4_500_000_000, 0, 0.25, 0.1)
    assert alarm.to_json() == advice


ALARM = AlarmAdvice(0.8, 0.4).to_json()


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("window", 4, "window must be an object, not 4"),
        ("window", {"period_s": 2.0}, "window must have the field 'readings'"),
        ("window", {"readings": 4}, "window must have the field 'period_s'"),
        ("window", {"readings": 0, "period_s": 2.0}, "window.readings must be a number of 1 to 10000, not 0"),
        ("window", {"readings": 4.0, "period_s": 2.0}, "window.readings must be an integer, not 4.0"),
        ("window", {"readings": True, "period_s": 2.0}, "window.readings must be a number of 1 to 10000"),
        (
            "window",
            {"readings": 4, "period_s": 0},
            "window.period_s must be a number of 0.001 to 86400, not 0",
        ),
        ("window", {"readings": 4, "period_s": "2"}, "window.period_s must be a number of 0.001 to 86400"),
        ("alarm", None, "alarm must be an object, not None"),
        *(
            ("alarm", {name: value for name, value in ALARM.items() if name != missing}, f"'{missing}'")
            for missing in ALARM
        ),
        ("alarm", {**ALARM, "on_threshold": 1.5}, "alarm.on_threshold must be a number of 0 to 1, not 1.5"),
        ("alarm", {**ALARM, "off_threshold": "x"}, "alarm.off_threshold must be a number of 0 to 1, not 'x'"),
        (
            "alarm",
            {**ALARM, "off_threshold": 0.9},
            "alarm must satisfy 0 < off_threshold <= on_threshold <= 1",
        ),
        ("alarm", {**ALARM, "off_threshold": 0}, "alarm must satisfy 0 < off_threshold <= on_threshold <= 1"),
        ("alarm", {**ALARM, "on_delay_s": -1}, "alarm.on_delay_s must be a number of 0 to 86400, not -1"),
        (
            "alarm",
            {**ALARM, "off_delay_s": None},
            "alarm.off_delay_s must be a number of 0 to 86400, not None",
        ),
        ("alarm", {**ALARM, "on_delay_s": float("nan")}, "alarm.on_delay_s must be a number of 0 to 86400"),
        (
            "alarm",
            {**ALARM, "false_alarms_per_hour": -0.5},
            "alarm.false_alarms_per_hour must be a number of 0 to 3600, not -0.5",
        ),
        ("novelty", 0.01, "novelty must be an object, not 0.01"),
        ("novelty", {}, "novelty must have the field 'false_reject_rate'"),
        (
            "novelty",
            {"false_reject_rate": 2},
            "novelty.false_reject_rate must be a number of 0 to 1, not 2",
        ),
        (
            "networks",
            {"fusion": "temporal_fusion", "gas_only": "cnn1d"},
            "networks must name the same architecture for every mode where window.readings is above 1",
        ),
        ("preparation", None, "preparation must be one of field, cropped, original, not None"),
        ("temperature", {"fusion": 1.0}, "the field 'gas_only' is missing"),
    ],
)
def test_an_unusable_field_of_a_windowed_bundle_is_named(
    field: str, value: Any, said: str, windowed: Path
) -> None:
    edit_manifest(windowed, **{field: value})
    with pytest.raises(BundleError, match=rf"bundle\.json: .*{re.escape(said)}"):
        Bundle.load(windowed)


@pytest.mark.parametrize("name", ["window", "alarm", "novelty"])
def test_a_missing_field_of_a_windowed_bundle_is_named(name: str, windowed: Path) -> None:
    manifest = manifest_of(windowed)
    del manifest[name]
    (windowed / MANIFEST).write_text(json.dumps(manifest))
    with pytest.raises(BundleError, match=f"'{name}' is missing"):
        Bundle.load(windowed)


def test_a_network_with_other_inputs_than_its_bundle_says_is_refused(windowed: Path) -> None:
    content = manifest_of(windowed)
    for file in ("gas_only.onnx", "thermal_only.onnx"):
        shutil.copy(windowed / "model.onnx", windowed / file)
    edit_manifest(windowed, window={**content["window"], "readings": 1}, novelty=None)
    update_digests(windowed)
    with pytest.raises(
        BundleError, match=r"model\.onnx has the inputs gas, has_image, image, valid .* gas, image"
    ):
        OnnxRuntime(Bundle.load(windowed))


def test_a_network_without_the_novelty_that_its_bundle_promises_is_refused(windowed: Path) -> None:
    import onnx

    model = onnx.load(windowed / "model.onnx")
    del model.graph.output[1]
    onnx.save(model, windowed / "model.onnx")
    update_digests(windowed)
    with pytest.raises(BundleError, match=r"the outputs logits; .* must be .* and logits, novelty"):
        OnnxRuntime(Bundle.load(windowed))


TORCH_PICTURE = 64
"""The smallest picture that GasNet takes."""


def give_torch_a_network(folder: Path) -> Any:
    """Make the made bundle's weights those of some windowed architecture; return its network."""
    import torch
    from safetensors.torch import save_file

    from gas_fusion_ros.model.networks.folding import fold_batch_norm
    from gas_fusion_ros.model.networks.registry import ARCHITECTURES
    from gas_fusion_ros.model.networks.shape import Shape

    torch.manual_seed(0)
    architecture = next(entry for entry in ARCHITECTURES.values() if entry.windowed)
    network = architecture.build(Shape(image_size=TORCH_PICTURE, window=WINDOW.readings))
    fold_batch_norm(network.eval())
    weights = {f"model.{name}": tensor for name, tensor in network.state_dict().items()}
    save_file(weights, folder / "weights.safetensors")
    edit_manifest(
        folder,
        networks={mode.value: architecture.name for mode in Mode},
        image_size=TORCH_PICTURE,
    )
    update_digests(folder)
    return network


@pytest.mark.parametrize("mode", list(Mode))
def test_torch_runs_the_one_network_in_every_mode_in_float32(mode: Mode, windowed: Path) -> None:
    import torch

    network = give_torch_a_network(windowed)
    image = np.random.default_rng(1).uniform(size=(1, 1, TORCH_PICTURE, TORCH_PICTURE)).astype(np.float32)
    inputs = {**windowed_example(), "image": image}
    inputs["valid"][:, -1] = 1
    with torch.no_grad():
        logits, novelty, alone = network(*(torch.from_numpy(value) for value in inputs.values()))
    answer = TorchRuntime(Bundle.load(windowed), device="cpu").run(mode, inputs)
    assert answer.logits.dtype == np.float32
    np.testing.assert_allclose(answer.logits, logits[0].numpy(), atol=1e-5)
    assert answer.novelty == pytest.approx(float(novelty[0]), rel=1e-5)
    if mode is Mode.FUSION:
        assert answer.gas_logits is not None
        np.testing.assert_allclose(answer.gas_logits, alone[0].numpy(), atol=1e-5)
    else:
        assert answer.gas_logits is None


def test_torch_tells_no_novelty_without_a_known_limit(windowed: Path) -> None:
    give_torch_a_network(windowed)
    edit_manifest(windowed, novelty=None)
    bundle = Bundle.load(windowed)
    inputs = {
        name: np.ones((1, *shape), dtype=np.float32) for name, shape in bundle.inputs(Mode.FUSION).items()
    }
    assert TorchRuntime(bundle, device="cpu").run(Mode.FUSION, inputs).novelty is None


def test_weights_that_are_not_the_windowed_networks_are_refused(windowed: Path) -> None:
    give_torch_a_network(windowed)
    edit_manifest(windowed, window={"readings": WINDOW.readings, "period_s": 2.0}, classes=["Smoke", "NoGas"])
    with pytest.raises(BundleError, match=r"weights\.safetensors does not fit"):
        runtimes.load_networks(Bundle.load(windowed))


def test_an_architecture_for_single_readings_is_none_for_windows(windowed: Path) -> None:
    give_torch_a_network(windowed)
    edit_manifest(windowed, networks={mode.value: "fusion1" for mode in Mode})
    with pytest.raises(
        BundleError, match=r"networks, fusion: 'fusion1' takes single readings, but window\.readings is 4"
    ):
        TorchRuntime(Bundle.load(windowed), device="cpu")


def test_an_architecture_for_windows_is_none_for_single_readings(copied: Path, windowed: Path) -> None:
    give_torch_a_network(windowed)
    name = manifest_of(windowed)["networks"]["fusion"]
    edit_manifest(copied, networks={**manifest_of(copied)["networks"], "fusion": name})
    with pytest.raises(
        BundleError, match=f"'{name}' takes windows of several readings, but window.readings is 1"
    ):
        TorchRuntime(Bundle.load(copied), device="cpu")
