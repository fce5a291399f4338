"""Made-up readings and pictures of gases and sensors that no shipped model knows, and commands on them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from csv import writer
from pathlib import Path

import numpy as np
import numpy.typing as npt
import typer
from typer.testing import CliRunner, Result

from gas_fusion_ros.base.dataset import CSV_NAME
from gas_fusion_ros.model.bundle import Bundle
from training import train
from training.export import __main__ as exporting
from training.results.run_result import RunResult, read_result

CHANNELS = ("mq3", "mq8", "mq135", "mq137")
LEVELS = {"Ammonia": (250, 300, 620, 800), "NoGas": (520, 560, 450, 200), "Smoke": (380, 660, 300, 260)}
ROWS = 60
"""Of each class."""

_FAST = ("--threads", "1", "--set", "epochs=8", "--set", "patience=8", "--set", "batch=16")


def readings(name: str, rows: int = ROWS, seed: int = 0) -> npt.NDArray[np.int64]:
    """Make up readings about a class's own levels, shape (rows, 4)."""
    rng = np.random.default_rng((len(name), seed))
    return rng.integers(-15, 16, (rows, len(CHANNELS))) + np.array(LEVELS[name])


def picture(name: str, row: int) -> npt.NDArray[np.uint8]:
    """Make up a picture, the hotter the later the class's name, shape (64, 64)."""
    rng = np.random.default_rng(row)
    return rng.integers(0, 60, (64, 64), dtype=np.uint8) + np.uint8(60 * sorted(LEVELS).index(name))


def write_rows(root: Path, further: Iterable[str], rows: Iterable[Iterable[object]]) -> Path:
    """Write a folder's CSV with columns for serial number, channels, class and further ones."""
    root.mkdir(parents=True, exist_ok=True)
    with (root / CSV_NAME).open("w", newline="") as file:
        csv = writer(file)
        csv.writerow(["Serial Number", *(name.upper() for name in CHANNELS), "Gas", *further])
        csv.writerows(rows)
    return root


def invoke(main: Callable[..., None], *arguments: str | Path) -> Result:
    """Run a command of `training`."""
    app = typer.Typer()
    app.command()(main)
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def trained(output: Path, *arguments: str | Path) -> tuple[Path, RunResult]:
    """Train by the command; return the run's folder and its result."""
    result = invoke(train.main, *_FAST, "--output", output, "--cache", output / "cache", *arguments)
    assert result.exit_code == 0, result.output
    (run,) = (output / "runs").iterdir()
    return run, read_result(run)


def exported(run: Path, output: Path) -> Bundle:
    """Make a run a bundle by the command."""
    result = invoke(exporting.main, run, "--output", output, "--name", "mine")
    assert result.exit_code == 0, result.output
    return Bundle.load(output)
