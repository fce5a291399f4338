"""One command trains temporal fusion and writes a bundle that the live node's classifier runs."""

from __future__ import annotations

import needs_training  # noqa: F401  isort:skip

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import small_benchmark as small
import typer
from typer.testing import CliRunner, Result

from gas_fusion_ros.base.observation import (
    PAPER_CHANNELS,
    PAPER_CLASSES,
    GasReading,
    Mode,
    Observation,
    ThermalFrame,
)
from gas_fusion_ros.model.bundle import Bundle
from gas_fusion_ros.model.classifier import Classifier
from gas_fusion_ros.model.runtimes import OnnxRuntime, Runtime, TorchRuntime, create_runtime
from gas_fusion_ros.simulation.patrol import Patrol
from gas_fusion_ros.teaching.bundle_folder import ExportError
from gas_fusion_ros.teaching.windows import ROW_PERIOD_NS
from training import quantise
from training.data.splits import BLOCKED, SplitSettings
from training.pictures.pretraining import DrawnSettings
from training.temporal import __main__ as temporal
from training.temporal import bundle as bundle_module
from training.temporal import int8
from training.temporal.fusion_fitting import ThermalSettings
from training.temporal.nested import FALSE_REJECT_RATE

SETTINGS = partial(ThermalSettings, image_size=64, epochs=2, drawn=DrawnSettings(pictures=64, epochs=1))


def run(*arguments: str | Path, command: Callable[..., None] = temporal.main) -> Result:
    app = typer.Typer()
    app.command()(command)
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small.write_folder(tmp_path_factory.mktemp("temporal_data"), small.made_recording())


@pytest.fixture(scope="module", autouse=True)
def patched() -> Iterator[None]:
    with small.short_onsets() as patch:
        patch.setattr("training.temporal.recipes.SHIPPED", small.CONTENDER.recipes)
        patch.setattr(temporal, "ThermalSettings", SETTINGS)
        patch.setattr(temporal, "TEST", SplitSettings(BLOCKED, 0.2, 0.4, 0))
        patch.setattr("training.export.runtime.RUNS", 3)
        patch.setattr(bundle_module, "INPUTS", 20)
        yield


@pytest.fixture(scope="module")
def bundle(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    output = tmp_path_factory.mktemp("temporal_output") / "bundle"
    options = ("--cache", folder / "cache", "--threads", "1", "--name", "mine")
    result = run("--data", folder, "--output", output, "--embargo", str(small.EMBARGO), *options)
    assert result.exit_code == 0, result.output
    return Bundle.load(output)


def test_the_bundle_says_what_it_is(bundle: Bundle) -> None:
    assert bundle.name == "mine"
    assert set(bundle.networks) == set(Mode)
    assert bundle.classes == PAPER_CLASSES
    assert bundle.channels == PAPER_CHANNELS
    assert bundle.window in {recipe.window for recipe in small.CONTENDER.recipes.values()}
    assert bundle.false_reject_rate == FALSE_REJECT_RATE
    assert bundle.alarm.off_threshold <= bundle.alarm.on_threshold
    assert set(bundle.temperatures.values()) == {1.0}
    card = (bundle.path / "README.md").read_text()
    assert "rendered" in card
    assert "blocked split at 0.4, 20% held out, embargo 8" in card
    assert "--embargo 8 --output DIR --name mine" in card


@pytest.mark.parametrize("runtime", [OnnxRuntime, partial(TorchRuntime, device="cpu")], ids=["onnx", "torch"])
def test_the_classifier_runs_it_in_every_mode(bundle: Bundle, runtime: Callable[[Bundle], Runtime]) -> None:
    classifier = Classifier(bundle, runtime(bundle))
    recording = small.made_recording()
    frame = ThermalFrame(ROW_PERIOD_NS, Patrol(0).frame(0.0), "32FC1")
    smoke = np.flatnonzero(recording.labels == PAPER_CLASSES.index("Smoke"))[:20]
    modes = set()
    for place, row in enumerate(smoke):
        stamp_ns = (place + 1) * ROW_PERIOD_NS
        reading = GasReading(stamp_ns, PAPER_CHANNELS, recording.counts[row])
        verdict = classifier.classify(Observation(reading, None))
        modes |= {verdict.mode, classifier.classify(Observation(reading, frame)).mode}
        assert verdict.novelty is not None
    modes.add(classifier.classify(Observation(None, frame)).mode)
    assert modes == set(Mode)
    assert max(verdict.by_class, key=lambda name: verdict.by_class[name]) == "Smoke"


@pytest.fixture(scope="module")
def held(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """A bundle that has not seen a block."""
    output = tmp_path_factory.mktemp("temporal_held") / "bundle"
    options = ("--cache", folder / "cache", "--threads", "1", "--hold-out", "0.6")
    result = run("--data", folder, "--output", output, "--embargo", str(small.EMBARGO), *options)
    assert result.exit_code == 0, result.output
    assert "on all rows" not in result.output
    return Bundle.load(output)


def test_a_block_held_out_of_the_bundle_stands_in_its_manifest(held: Bundle) -> None:
    trained_on = held.trained_on
    assert SplitSettings(**trained_on["split"]) == SplitSettings(BLOCKED, 0.2, 0.6, small.EMBARGO)
    assert trained_on["protocol"].startswith("rows outside the blocked split at 0.6")
    assert "--hold-out 0.6" in trained_on["command"]


def quantised(bundle: Path, folder: Path, output: Path) -> Result:
    options = ("--cache", folder / "cache", "--embargo", str(small.EMBARGO))
    return run(bundle, "--data", folder, "--output", output, *options, command=quantise.main)


def test_a_bundle_gets_networks_in_eight_bits_beside_its_own(
    held: Bundle, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(quantise, "PATROLS", range(0))
    monkeypatch.setattr(quantise, "TAKES", 2)
    for name in ("_CALIBRATION", "_UNSEEN"):
        monkeypatch.setattr(int8, name, 32)
    result = quantised(held.path, folder, tmp_path / "both")
    assert result.exit_code == 0, result.output
    both = Bundle.load(tmp_path / "both")
    assert both.int8 is not None
    may = "may take" if both.int8.admissible else "may not take"
    assert may in result.output
    for name in ("model.onnx", "weights.safetensors"):
        assert (both.path / name).read_bytes() == (held.path / name).read_bytes()
    decided, tested = (both.int8.measured[where] for where in ("left out of training", "held out"))
    rows = small.ROWS // 5 * len(PAPER_CLASSES)
    assert {name: pair["int8"]["samples"] for name, pair in tested.items()} == {
        "fusion": rows,
        "fusion, camera stopped in clean air": rows,
        "fusion, picture of noise": rows,
        "gas_only": rows,
        "thermal_only": 2 * rows,
    }
    assert tested["gas_only"]["int8"] == tested["gas_only"]["float32"]
    assert decided[int8.LEFT_OUT]["int8"]["samples"] == 32
    assert create_runtime(both, "cpu", precision="int8").precision == "int8"
    card = (both.path / "README.md").read_text()
    assert "## In eight bits" in card
    assert "| `model.int8.onnx` |" in card
    again = quantised(both.path, folder, tmp_path / "again")
    assert again.exit_code == 0, again.output
    assert Bundle.load(tmp_path / "again").int8 is not None


def test_only_models_of_windows_are_brought_into_eight_bits_and_with_their_own_data(
    held: Bundle, folder: Path, tmp_path: Path
) -> None:
    single = quantised(Path("fusion1"), folder, tmp_path / "out")
    assert single.exit_code == 2
    assert "'fusion1' is for single readings" in single.output
    other = small.write_folder(tmp_path, small.made_recording(seed=1))
    foreign = quantised(held.path, other, tmp_path / "out")
    assert foreign.exit_code == 2
    assert "--data must name its folder" in foreign.output
    assert not (tmp_path / "out").exists()


def test_what_eight_bits_lose_is_told_as_points_lost() -> None:
    before = int8.Figures(1000, 0.95, 0.03, None, 0.02)
    after = int8.Figures(1000, 0.949, 0.028, None, 0.022)
    compared = int8.Compared(before, after)
    assert before.lost(after) == pytest.approx({"accuracy": 0.001, "ece": -0.002, "clean_called_gas": 0.002})
    assert compared.most_lost == pytest.approx(0.002)
    assert compared.is_kept
    assert not int8.Compared(before, replace(after, ece=0.0321)).is_kept


@pytest.mark.parametrize(
    ("worse", "is_kept"),
    [
        ({}, True),
        ({"missed": 1}, False),
        ({"false": 2}, False),
        ({"misnamed": 1}, False),
        ({"false": 0}, True),
    ],
)
def test_an_alarm_more_on_patrols_is_too_many(worse: dict[str, int], is_kept: bool) -> None:
    before = quantise.Alarms(12, missed=0, false=1, misnamed=0, delays_s=(5.0,))
    assert before.is_kept_by(replace(before, **worse)) is is_kept


@pytest.mark.parametrize(
    ("arguments", "detail"),
    [
        (("--recipes", "twelve"), "--recipes: no recipe is called twelve; there are all, eight, five"),
        (("--thermal", "painted"), "thermal is 'painted'"),
        (("--data", "missing"), "missing does not exist"),
        (("--benchmark", "missing.json"), "missing.json"),
        (("--embargo", "60"), "embargo 60 needs at least one in each"),
    ],
)
def test_temporal_refuses_bad_options_in_one_line(
    arguments: tuple[str, ...], detail: str, folder: Path, tmp_path: Path
) -> None:
    output = tmp_path / "out"
    embargo = ("--embargo", str(small.EMBARGO))
    result = run("--data", folder, "--output", output, "--cache", tmp_path / "cache", *embargo, *arguments)
    assert result.exit_code == 2, result.output
    (line,) = result.stderr.splitlines()
    assert detail in line
    assert not output.exists()


def test_figures_of_another_model_are_refused() -> None:
    with pytest.raises(ExportError, match="no run of 'temporal_fusion'"):
        bundle_module.benchmark_metrics([], bundle_module.NAME)
