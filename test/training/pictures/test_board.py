"""The board shows drawn pictures, beside real ones where there are any, and keeps count of its measures."""

from __future__ import annotations

import needs_training  # noqa: F401  isort:skip

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
import typer
from typer.testing import CliRunner, Result

from gas_fusion_ros.simulation.renderer import random_scene, render
from training.pictures import __main__ as pictures
from training.pictures.board import MEASURES, PAGE

COUNT = 48


def run(*arguments: str | Path) -> Result:
    app = typer.Typer()
    app.command()(pictures.main)
    return CliRunner().invoke(app, [*map(str, arguments), "--drawn", str(COUNT)], env={"COLUMNS": "300"})


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pictures that stand in for a camera's: the frames of the demo."""
    folder = tmp_path_factory.mktemp("real")
    for seed in range(8):
        rng = np.random.default_rng(seed)
        cv2.imwrite(str(folder / f"{seed}.tiff"), render(random_scene("Perfume", rng), rng))
    (folder / "broken.png").write_text("no picture")
    return folder


def test_without_real_pictures_the_drawn_ones_are_shown(tmp_path: Path) -> None:
    done = run("--board", tmp_path / "board")
    assert done.exit_code == 0, done.output
    html = (tmp_path / "board" / PAGE).read_text(encoding="utf-8")
    assert html.count("data:image/png;base64,") == COUNT / 4
    assert "Told apart" not in html
    assert not (tmp_path / "board" / MEASURES).exists()


def test_real_pictures_stand_beside_drawn_ones_and_measures_are_counted(real: Path, tmp_path: Path) -> None:
    board = tmp_path / "board"
    assert run("--board", board, "--real", real).exit_code == 0
    done = run("--board", board, "--real", real, "--seed", "1")
    assert done.exit_code == 0, done.output
    assert "measure 2 of this folder" in done.output
    assert "broken.png: cannot be decoded" in done.output
    html = (board / PAGE).read_text(encoding="utf-8")
    assert html.count("data:image/png;base64,") == COUNT / 4 + 8
    assert "Measure number 2 of this folder" in html
    measures = json.loads((board / MEASURES).read_text())
    assert [measure["number"] for measure in measures] == [1, 2]
    assert measures[0]["real"] == 8
    assert 0.0 <= measures[0]["auc"] <= 1.0


def test_a_folder_without_pictures_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    done = run("--board", tmp_path / "board", "--real", tmp_path / "empty")
    assert done.exit_code == 2
    assert "empty holds no picture that can be read" in done.output
    assert not (tmp_path / "board").exists()


def test_measures_that_are_none_are_not_overwritten(real: Path, tmp_path: Path) -> None:
    (tmp_path / MEASURES).write_text("{}")
    done = run("--board", tmp_path, "--real", real)
    assert done.exit_code == 2
    assert "holds no list; name another folder" in done.output
    assert (tmp_path / MEASURES).read_text() == "{}"
