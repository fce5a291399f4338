"""The command writes what Grad-CAM shows of a run's pictures."""

from __future__ import annotations

from pathlib import Path

import needs_training  # noqa: F401
import numpy as np
import pytest
import typer
from PIL import Image
from run_folders import SIZE, write_run
from typer.testing import CliRunner, Result

from gas_fusion_ros.base.observation import PAPER_CLASSES
from training.explain import Explanation, choose_rows, contact_sheet, main
from training.fitting.trained import load_run
from training.results.run_result import RunResult


def call(*arguments: str | Path) -> Result:
    app = typer.Typer()
    app.command()(main)
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.fixture(scope="module")
def run(tiny_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, RunResult]:
    folder = tmp_path_factory.mktemp("runs") / "fusion1"
    return folder, write_run(folder, "fusion1", tiny_folder)


def test_the_command_writes_three_pictures_per_row_and_a_sheet(
    run: tuple[Path, RunResult], tiny_folder: Path, tmp_path: Path
) -> None:
    result = call(run[0], "--data", tiny_folder, "--output", tmp_path / "maps", "--per-class", "1")
    assert result.exit_code == 0, result.output
    names = sorted(path.name for path in (tmp_path / "maps").iterdir())
    assert len(names) == 3 * len(PAPER_CLASSES) + 1
    assert "gradcam.png" in names
    for name in PAPER_CLASSES:
        kinds = [entry.rpartition("_")[2] for entry in names if entry.startswith(f"{name}_")]
        assert kinds == ["input.png", "map.png", "overlay.png"]
    with Image.open(tmp_path / "maps" / next(name for name in names if "overlay" in name)) as picture:
        assert picture.size == (SIZE, SIZE)


def test_rows_can_be_chosen(run: tuple[Path, RunResult], tiny_folder: Path, tmp_path: Path) -> None:
    first, second = sorted(load_run(run[0]).test.rows.tolist())[:2]
    rows = ("--rows", str(first), "--rows", str(second))
    result = call(run[0], "--data", tiny_folder, "--output", tmp_path, *rows)
    assert result.exit_code == 0, result.output
    explained = {path.name.split("_")[1] for path in tmp_path.iterdir() if path.name != "gradcam.png"}
    assert explained == {str(first), str(second)}


def test_rows_of_a_class_are_spread_over_its_test_rows(run: tuple[Path, RunResult]) -> None:
    loaded = load_run(run[0])
    rows = choose_rows(loaded, [], 1)
    labels = dict(zip(loaded.test.rows.tolist(), loaded.test.labels.tolist(), strict=True))
    assert [labels[row] for row in rows] == [0, 1, 2, 3]
    assert sorted(choose_rows(loaded, [], 100)) == sorted(loaded.test.rows.tolist())


def test_a_row_that_was_not_tested_is_refused(
    run: tuple[Path, RunResult], tiny_folder: Path, tmp_path: Path
) -> None:
    trained_on = next(row for row in range(40) if row not in load_run(run[0]).test.rows.tolist())
    result = call(run[0], "--data", tiny_folder, "--output", tmp_path / "maps", "--rows", str(trained_on))
    assert result.exit_code == 2
    assert f"--rows {trained_on}: no test row of fusion1; these are 8 rows such as" in result.output
    assert not (tmp_path / "maps").exists()


def test_a_run_without_pictures_is_refused(tiny_folder: Path, tmp_path: Path) -> None:
    write_run(tmp_path / "run", "cnn1d", tiny_folder)
    result = call(tmp_path / "run", "--data", tiny_folder, "--output", tmp_path / "maps")
    assert result.exit_code == 2
    assert "run takes readings alone; Grad-CAM needs one of fusion or thermal_only" in result.output
    assert result.output.count("\n") == 1
    assert not (tmp_path / "maps").exists()


def test_a_folder_that_cannot_be_written_is_named(
    run: tuple[Path, RunResult], tiny_folder: Path, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("mine")
    result = call(run[0], "--data", tiny_folder, "--output", tmp_path / "file")
    assert result.exit_code == 2
    assert f"{tmp_path / 'file'} cannot be written" in result.output
    assert (tmp_path / "file").read_text() == "mine"


def test_a_sheet_of_two_rows_per_class_fits_a_page() -> None:
    rng = np.random.default_rng(0)
    explanations = [
        Explanation(
            row=row,
            truth=PAPER_CLASSES[row % 4],
            verdict=PAPER_CLASSES[0],
            probability=0.9,
            picture=rng.integers(0, 256, (224, 224, 3), dtype=np.uint8),
            heat=rng.uniform(size=(224, 224)).astype(np.float32),
        )
        for row in range(8)
    ]
    sheet = contact_sheet(explanations, "A title")
    assert 900 <= sheet.width <= 1000
    assert sheet.height <= 900
    # Each picture stands where it belongs: the first one's middle is that of its tile.
    tile = np.asarray(explanations[0].coloured).mean(axis=(0, 1))
    shown = np.asarray(sheet).reshape(-1, 3)
    assert np.abs(shown - tile).sum(axis=1).min() < 60
