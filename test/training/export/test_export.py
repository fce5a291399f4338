"""Any trained run becomes a bundle that runs, whole or not at all."""

from __future__ import annotations

import json
from pathlib import Path

import needs_training  # noqa: F401
import numpy as np
import onnxruntime as ort
import pytest
import torch
import typer
from run_folders import SIZE, random_inputs, untrained, write_run
from typer.testing import CliRunner, Result

from gas_fusion_ros.alarm.settings import AlarmAdvice
from gas_fusion_ros.base.observation import PAPER_CLASSES, Mode
from gas_fusion_ros.model.bundle import MANIFEST, ONNX_FILES, Bundle
from gas_fusion_ros.model.networks.registry import ARCHITECTURES
from gas_fusion_ros.model.networks.shape import Shape
from gas_fusion_ros.model.runtimes import OnnxRuntime, load_networks
from gas_fusion_ros.model.thermal import Preparation
from gas_fusion_ros.teaching.bundle_folder import ExportError
from training.data.splits import SplitSettings
from training.export import networks
from training.export.__main__ import main
from training.export.bundle import export, load_runs
from training.export.card import RUNTIME
from training.export.networks import deployed, write_weights
from training.export.runtime import check_difference
from training.fitting.runs import LOGITS, WEIGHTS
from training.results.run_result import RESULT

FEW = 8
PROTOCOL = "random split, seed 0"


@pytest.fixture(autouse=True)
def _no_data_by_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """The runs here were not trained on the data set that the environment names."""
    monkeypatch.delenv("GAS_FUSION_DATA", raising=False)


@pytest.fixture(autouse=True)
def few_inputs(monkeypatch: pytest.MonkeyPatch) -> None:
    """As fast as it gets: fewer inputs and fewer runs."""
    monkeypatch.setattr("training.export.__main__.INPUTS", FEW)
    monkeypatch.setattr("training.export.runtime.RUNS", 2)
    torch.set_num_threads(1)


@pytest.fixture(scope="module")
def runs(tiny_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Runs of a fusion and of the networks that can stand in for it."""
    folder = tmp_path_factory.mktemp("runs")
    for name in ("fusion1", "cnn1d", "gasnet"):
        write_run(folder / name, name, tiny_folder)
    return folder


@pytest.fixture(scope="module")
def exported(runs: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bundle of all three."""
    output = tmp_path_factory.mktemp("models") / "mine"
    loaded = load_runs(runs / "fusion1", runs / "cnn1d", runs / "gasnet")
    export(loaded, output, "mine", "python -m training.export fusion1 --output DIR", None, FEW)
    return output


def call(*arguments: str | Path) -> Result:
    app = typer.Typer()
    app.command()(main)
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def refused(result: Result, said: str) -> None:
    """The command ended with exit code 2 and one line."""
    assert result.exit_code == 2, result.output
    assert said in result.output
    assert result.output.count("\n") == 1


@pytest.mark.parametrize("name", [name for name, entry in ARCHITECTURES.items() if not entry.windowed])
def test_onnx_runtime_agrees_with_torch_on_every_architecture(name: str, tmp_path: Path) -> None:
    shape = Shape(image_channels=3, image_size=SIZE)
    mode = ARCHITECTURES[name].mode
    network = deployed(untrained(name, shape))
    write_weights(tmp_path, {mode: network}, shape)
    inputs = random_inputs(mode, shape, 3)
    names = {Mode.FUSION: ("gas", "image"), Mode.GAS_ONLY: ("gas",), Mode.THERMAL_ONLY: ("image",)}[mode]
    session = ort.InferenceSession(str(tmp_path / ONNX_FILES[mode]), providers=["CPUExecutionProvider"])
    (logits,) = session.run(
        ["logits"], {name: value.numpy() for name, value in zip(names, inputs, strict=True)}
    )
    with torch.inference_mode():
        np.testing.assert_allclose(logits, network(*inputs).numpy(), atol=1e-4)


def test_a_bundle_runs_every_run_that_it_was_made_of(exported: Path) -> None:
    bundle = Bundle.load(exported)
    assert bundle.name == "mine"
    assert bundle.networks == {
        Mode.FUSION: "fusion1",
        Mode.GAS_ONLY: "cnn1d",
        Mode.THERMAL_ONLY: "gasnet",
    }
    assert (bundle.preparation, bundle.image_size, bundle.image_channels) == (Preparation.FIELD, SIZE, 1)
    inputs = {
        "gas": np.zeros((1, 7), dtype=np.float32),
        "image": np.zeros((1, 1, SIZE, SIZE), dtype=np.float32),
    }
    runtime = OnnxRuntime(bundle)
    for mode in Mode:
        assert runtime.run(mode, inputs).logits.shape == (4,)
        measured = bundle.metrics[RUNTIME][mode.value]
        assert 0 <= measured["onnx_torch_max_difference"] < 1e-4
        assert 0 < measured["stored_trained_max_difference"] < 1e-2
        assert measured["inputs"] == FEW
        assert measured["forward_ms"] > 0


def test_stored_weights_give_the_logits_of_the_trained_network(exported: Path, runs: Path) -> None:
    stored = load_networks(Bundle.load(exported))
    trained = load_runs(runs / "fusion1", runs / "cnn1d", runs / "gasnet")
    for mode, network in stored.items():
        inputs = random_inputs(mode, Shape(image_size=SIZE), 4)
        with torch.inference_mode():
            torch.testing.assert_close(network(*inputs), trained[mode].network(*inputs), atol=0.02, rtol=0.02)


def test_metrics_stand_under_the_name_of_their_protocol(exported: Path, runs: Path) -> None:
    metrics = Bundle.load(exported).metrics
    assert set(metrics) == {PROTOCOL, f"{PROTOCOL}, rendered thermal", RUNTIME}
    assert set(metrics[f"{PROTOCOL}, rendered thermal"]) == {"fusion", "thermal_only"}
    scores = metrics[PROTOCOL]["gas_only"]
    test = load_runs(runs / "cnn1d", None, None)[Mode.GAS_ONLY].test
    right = (test.logits.argmax(dim=1) == test.labels).float().mean()
    assert scores["accuracy"] == pytest.approx(float(right), abs=1e-4)
    assert scores["samples"] == 8
    assert scores["network"] == "as trained"


def test_the_card_tells_what_the_weights_were_made_from(exported: Path) -> None:
    card = (exported / "README.md").read_text()
    assert Bundle.load(exported).trained_on["readings_sha256"] in card
    assert "python -m training.export fusion1 --output DIR" in card
    assert "Nothing here says how the model does on real thermal images" in card
    assert "A random split flatters" in card
    alarm = Bundle.load(exported).alarm
    assert f"| `balanced` | {alarm.on_threshold} for 3 s | below {alarm.off_threshold} for 10 s |" in card
    assert "MultimodalGasData" not in card  # the readings of this test are made up
    for title in ("The fusion1", "The cnn1d", "The gasnet", "learning_rate: 0.001"):
        assert title in card


def test_no_file_of_a_bundle_holds_a_path_of_this_machine(exported: Path, runs: Path) -> None:
    for path in exported.iterdir():
        content = path.read_bytes()
        for place in (Path(__file__).parents[3], runs, exported.parent):
            assert str(place).encode() not in content, path.name


def test_a_shipped_size_is_kept(exported: Path) -> None:
    """Large weights take two bytes: fusion1, cnn1d and gasnet at this size have 1.0, 0.1 and 1.1 million."""
    parameters = sum(
        tensor.numel()
        for network in load_networks(Bundle.load(exported)).values()
        for tensor in network.state_dict().values()
    )
    for files in ([WEIGHTS], list(ONNX_FILES.values())):
        assert sum((exported / name).stat().st_size for name in files) < 2.2 * parameters


@pytest.mark.parametrize(
    ("name", "mode"), [("fusion1", Mode.FUSION), ("gasnet", Mode.THERMAL_ONLY), ("cnn1d", Mode.GAS_ONLY)]
)
def test_a_run_alone_gives_a_bundle_of_its_mode(name: str, mode: Mode, runs: Path, tmp_path: Path) -> None:
    result = call(runs / name, "--output", tmp_path / "bundle")
    assert result.exit_code == 0, result.output
    bundle = Bundle.load(tmp_path / "bundle")
    assert bundle.networks == {mode: name}
    assert bundle.name == name
    assert (bundle.preparation is None) == (mode is Mode.GAS_ONLY)
    card = (tmp_path / "bundle" / "README.md").read_text()
    assert ("rendered" in card) == (mode is not Mode.GAS_ONLY)
    assert bundle.reproduction == (mode is not Mode.GAS_ONLY)
    assert bundle.trained_on["command"] == f"python -m training.export {name} --output DIR --name {name}"


def test_with_the_data_the_stored_network_is_measured(runs: Path, tiny_folder: Path, tmp_path: Path) -> None:
    result = call(
        runs / "cnn1d", "--thermal-only", runs / "gasnet", "--output", tmp_path / "b", "--data", tiny_folder
    )
    assert result.exit_code == 0, result.output
    bundle = Bundle.load(tmp_path / "b")
    assert bundle.metrics[PROTOCOL]["gas_only"]["network"] == "as stored"
    assert bundle.metrics[f"{PROTOCOL}, rendered thermal"]["thermal_only"]["samples"] == 8
    # Untrained, it is no better than chance; the logits in the run's folder are.
    assert bundle.metrics[PROTOCOL]["gas_only"]["accuracy"] < 0.8


def test_data_of_another_run_are_refused(tiny_folder: Path, tmp_path: Path) -> None:
    other = write_run(tmp_path / "other", "cnn1d", tiny_folder, data_sha256="0" * 64)
    refused(
        call(tmp_path / other.run, "--output", tmp_path / "b", "--data", tiny_folder),
        "is not what other was trained on: sha256",
    )
    assert not (tmp_path / "b").exists()


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("channels", ("mq2", "mq3", "mq5", "mq6", "mq7", "mq8", "mq9")),
        ("classes", tuple(reversed(PAPER_CLASSES))),
        ("normalisation", {"mean": [1.0] * 7, "std": [1.0] * 7}),
        ("split", SplitSettings("forward", 0.5, None, 60)),
        ("seed", 1),
        ("data_sha256", "0" * 64),
    ],
)
def test_runs_that_do_not_belong_together_are_refused(
    field: str, value: object, runs: Path, tiny_folder: Path, tmp_path: Path
) -> None:
    write_run(tmp_path / "other", "cnn1d", tiny_folder, **{field: value})
    result = call(runs / "fusion1", "--gas-only", tmp_path / "other", "--output", tmp_path / "out" / "bundle")
    refused(result, f"training.export: {field} of other is")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(("field", "value"), [("thermal", "real"), ("image_size", 65)])
def test_pictures_of_another_kind_are_refused(
    field: str, value: object, runs: Path, tiny_folder: Path, tmp_path: Path
) -> None:
    write_run(tmp_path / "other", "gasnet", tiny_folder, **{field: value})
    result = call(runs / "fusion1", "--thermal-only", tmp_path / "other", "--output", tmp_path / "bundle")
    refused(result, f"{field} of other is {value}")


def test_pictures_of_another_preparation_are_refused(runs: Path, tiny_folder: Path, tmp_path: Path) -> None:
    write_run(tmp_path / "other", "gasnet", tiny_folder, Preparation.CROPPED)
    result = call(runs / "fusion1", "--thermal-only", tmp_path / "other", "--output", tmp_path / "bundle")
    refused(result, "preparation of other is cropped, of fusion1 field")


def test_a_run_given_for_another_mode_is_refused(runs: Path, tmp_path: Path) -> None:
    output = ("--output", tmp_path / "bundle")
    refused(
        call(runs / "fusion1", "--gas-only", runs / "gasnet", *output), "the run's modality is thermal_only"
    )
    refused(
        call(runs / "cnn1d", "--gas-only", runs / "cnn1d", *output), "is of the modality gas_only already"
    )


def test_a_yardstick_has_no_network(tiny_folder: Path, tmp_path: Path) -> None:
    write_run(tmp_path / "trees", "extra_trees", tiny_folder)
    refused(call(tmp_path / "trees", "--output", tmp_path / "bundle"), "'extra_trees' is no network")


@pytest.mark.parametrize("name", [RESULT, WEIGHTS, LOGITS])
@pytest.mark.parametrize("content", [None, b"{ nonsense"])
def test_a_file_that_cannot_be_read_is_named(
    name: str, content: bytes | None, tiny_folder: Path, tmp_path: Path
) -> None:
    write_run(tmp_path / "run", "cnn1d", tiny_folder)
    (tmp_path / "run" / name).unlink()
    if content is not None:
        (tmp_path / "run" / name).write_bytes(content)
    refused(call(tmp_path / "run", "--output", tmp_path / "bundle"), name)
    assert not (tmp_path / "bundle").exists()


def test_weights_of_another_network_are_refused(tiny_folder: Path, tmp_path: Path) -> None:
    write_run(tmp_path / "run", "cnn1d", tiny_folder, architecture="dnn")
    refused(call(tmp_path / "run", "--output", tmp_path / "bundle"), "does not fit 'dnn'")


def test_a_folder_with_something_in_it_is_left_alone(runs: Path, tmp_path: Path) -> None:
    (tmp_path / "notes").write_text("mine")
    refused(call(runs / "cnn1d", "--output", tmp_path), "exists; a bundle needs a new or empty folder")
    assert [path.name for path in tmp_path.iterdir()] == ["notes"]


def test_logits_too_far_from_torch_leave_nothing_behind(
    runs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(network: torch.nn.Module) -> torch.nn.Module:
        """What a wrong conversion would do: ONNX keeps other weights than safetensors."""
        with torch.no_grad():
            next(network.parameters()).mul_(1.01)
        return network

    def to_onnx(network: torch.nn.Module, *arguments: object) -> object:
        return original(broken(network), *arguments)

    original = networks.to_onnx
    monkeypatch.setattr(networks, "to_onnx", to_onnx)
    refused(call(runs / "cnn1d", "--output", tmp_path / "bundle"), "gas_only: a logit of ONNX Runtime is")
    assert not list(tmp_path.iterdir())


def test_a_difference_that_is_no_number_is_refused() -> None:
    with pytest.raises(ExportError, match="fusion: a logit"):
        check_difference({"fusion": {"onnx_torch_max_difference": float("nan"), "inputs": 1}})


def test_classes_without_clean_air_get_the_default_thresholds(tiny_folder: Path, tmp_path: Path) -> None:
    write_run(tmp_path / "run", "cnn1d", tiny_folder, classes=("a", "b", "c", "d"))
    assert call(tmp_path / "run", "--output", tmp_path / "bundle").exit_code == 0
    assert Bundle.load(tmp_path / "bundle").alarm == AlarmAdvice()


def test_the_manifest_says_how_each_network_was_trained(exported: Path) -> None:
    manifest = json.loads((exported / MANIFEST).read_text())
    assert (manifest["format_version"], manifest["window"]["readings"], manifest["novelty"]) == (4, 1, None)
    trained = manifest["trained_on"]
    assert trained["thermal"] == "rendered"
    assert (trained["protocol"], trained["seed"]) == ("random split", 0)
    assert trained["runs"]["gas_only"] == {
        "run": "cnn1d",
        "model": "cnn1d",
        "title": "The cnn1d",
        "rows": {"train": 24, "validation": 8, "test": 8},
        "unusable_images": 0,
        "parameters": 1000,
        "macs": 2_000_000,
        "epochs": 3,
        "fine_tuned_from": None,
        "best_epoch": 2,
        "hyperparameters": {"learning_rate": 0.001},
        "branches": [],
        "code_version": "0123456789ab",
    }
