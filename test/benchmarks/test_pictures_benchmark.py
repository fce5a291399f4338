"""`benchmarks.pictures` on drawn pictures beside readings laid out as published."""

from __future__ import annotations

import re
from pathlib import Path

import cv2
import numpy as np
import typer
from typer.testing import CliRunner

from benchmarks.pictures import STRETCHES, clean_stretches, main
from gas_fusion_ros.base.dataset import Dataset
from gas_fusion_ros.simulation.renderer import random_scene, render


def write_readings(folder: Path, rows: int) -> None:
    rng = np.random.default_rng(0)
    lines = ["Serial Number,MQ2,MQ3,MQ5,MQ6,MQ7,MQ8,MQ135,Gas"]
    for row in range(rows):
        counts = rng.normal([750, 530, 430, 420, 600, 640, 480], 2).round().astype(int)
        lines.append(",".join([str(row), *map(str, counts), "NoGas"]))
    (folder / "Gas_Sensors_Measurements.csv").write_text("\n".join(lines) + "\n")


def test_stretches_are_successive_rows_over_the_whole_recording(tmp_path: Path) -> None:
    write_readings(tmp_path, 200)
    stretches = clean_stretches(Dataset.load(tmp_path).rows)
    assert len(stretches) == STRETCHES
    for stretch in stretches:
        assert np.diff([row.index for row in stretch]).tolist() == [1, 1, 1, 1]
    assert (stretches[0][0].index, stretches[-1][-1].index) == (0, 199)


def test_each_picture_has_a_line_and_one_that_is_none_is_told(tmp_path: Path) -> None:
    write_readings(tmp_path, 90)
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    rng = np.random.default_rng(1)
    for name in ("NoGas", "Smoke"):
        cv2.imwrite(str(pictures / f"{name}.tiff"), render(random_scene(name, rng), rng))
    (pictures / "torn.png").write_bytes(b"no picture")
    app = typer.Typer()
    app.command()(main)
    done = CliRunner().invoke(app, [str(pictures), "--data", str(tmp_path)])
    assert done.exit_code == 0, done.output
    for told in ("(readings alone)", "NoGas.tiff", "Smoke.tiff", "torn.png:", "80 stretches"):
        assert told in done.output
    done = CliRunner().invoke(app, [str(tmp_path / "missing"), "--data", str(tmp_path)])
    assert done.exit_code == 2
    # A long path is folded inside its frame.
    assert "missing:cannotberead" in re.sub(r"[│\s]", "", done.output)
