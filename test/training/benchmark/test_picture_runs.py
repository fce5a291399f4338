"""The benchmark with pictures: an entry per run, with the camera missing, stopped and blind beside it."""

from __future__ import annotations

import needs_training  # noqa: F401  isort:skip

from functools import partial
from pathlib import Path

import pytest
import small_benchmark as small
import typer
from typer.testing import CliRunner

from training.benchmark import __main__ as benchmark
from training.benchmark import contenders, picture_runs, tasks
from training.benchmark.contenders import Contender
from training.pictures.pretraining import DrawnSettings
from training.results.benchmark_result import BenchmarkResult, read_benchmark
from training.temporal.fusion_fitting import ThermalSettings

SETTINGS = partial(ThermalSettings, image_size=64, epochs=2, drawn=DrawnSettings(pictures=64, epochs=1))


@pytest.fixture(scope="module")
def entry(tmp_path_factory: pytest.TempPathFactory) -> BenchmarkResult:
    folder = small.write_folder(tmp_path_factory.mktemp("pictured_data"), small.made_recording())
    contender = Contender("seen", "readings and pictures", {"eight": small.RECIPE}, pictures=True)
    output = tmp_path_factory.mktemp("pictured_output") / "out"
    app = typer.Typer()
    app.command()(benchmark.main)
    with small.short_onsets() as patch:
        for module in (tasks, contenders):
            patch.setattr(module, "CONTENDERS", {contender.name: contender})
        for module in (benchmark, picture_runs):
            patch.setattr(module, "ThermalSettings", SETTINGS)
        arguments: list[str | Path] = [
            "--models",
            "seen",
            "--positions",
            "0.4",
            "--embargo",
            str(small.EMBARGO),
        ]
        arguments += ["--data", folder, "--cache", folder / "cache", "--output", output]
        result = CliRunner().invoke(app, [str(argument) for argument in arguments])
        assert result.exit_code == 0, result.output
        (found,) = read_benchmark(output / "results.json")
    assert "rendered" in (output / "report.md").read_text()
    return found


def test_the_entry_says_that_pictures_were_rendered(entry: BenchmarkResult) -> None:
    assert (entry.modality, entry.thermal) == ("fusion", "rendered")
    assert sum(map(sum, entry.confusion)) == entry.rows["test"]
    assert entry.candidate == "eight"
    assert entry.ece is not None


def test_what_happens_to_the_camera_is_measured(entry: BenchmarkResult) -> None:
    assert entry.perturbed is not None
    assert set(entry.perturbed) == set(picture_runs.PERTURBED)
    # The made readings tell the classes apart without a picture.
    assert entry.perturbed["camera missing"] > 0.8
    assert entry.accuracy > 0.8
