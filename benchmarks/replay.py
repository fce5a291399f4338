"""What evaluating bags costs: `python -m benchmarks.replay --data DIR [--work FOLDER] [--gigabytes 2]`.

Writes the recording of the data set as bags, without images and with one rendered for each reading, and a
simulated patrol, once and so many times over that it fills some gigabytes. Each is evaluated by the whole
command `gas-fusion evaluate`, report.html and Grad-CAM maps included, in a process of its own. Its time
stands beside that of the bare forward passes of as many observations and of reading the bag, each in a
process of its own, too; the memory for the long bag beside that for the short one. Exit code 1 where a limit
is not kept.
"""

from __future__ import annotations

import json
import math
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from benchmarks.replay_bags import write_patrol, write_recording
from gas_fusion_ros.base.observation import Mode
from gas_fusion_ros.base.shipped_files import DEFAULT_MODEL

MAX_RECORDING_S = 60.0
MAX_GAS_ONLY_S = 15.0
MAX_PEAK_MB = 500.0

_ROOT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class Task:
    """What one process took.

    Attributes:
        wall_s: from its start to its end.
        seconds: of the task itself, without the start of Python and the loading of the model.
        peak_mb: the most memory it had, with the largest process that it started.
    """

    wall_s: float
    seconds: float
    peak_mb: float


@dataclass(frozen=True)
class Measured:
    """A bag, evaluated.

    Attributes:
        name: what it is.
        readings: how many readings it holds.
        images: how many images.
        size_mb: its size on the disk.
        evaluation: the whole command.
        forward: the bare forward passes of as many observations.
        reading: reading the bag alone.
        max_wall_s: what the command may take; infinite where nothing is promised.
    """

    name: str
    readings: int
    images: int
    size_mb: float
    evaluation: Task
    forward: Task
    reading: Task
    max_wall_s: float = math.inf

    @property
    def per_forward(self) -> float:
        """Times of the evaluation and the forward passes as a ratio."""
        return self.evaluation.seconds / self.forward.seconds

    @property
    def per_reading(self) -> float:
        """Times of the evaluation and the mere reading as a ratio."""
        return self.evaluation.seconds / self.reading.seconds


def run_task(*arguments: str) -> Task:
    """Do a task in a fresh process.

    Raises:
        RuntimeError: it failed.
    """
    began_s = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.replay_task", *arguments],
        cwd=_ROOT,
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    wall_s = time.perf_counter() - began_s
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(arguments)} failed; its reason stands above")
    return Task(wall_s, **json.loads(done.stdout.splitlines()[-1]))


def measure(
    name: str, bag: Path, model: str, mode: Mode = Mode.FUSION, max_wall_s: float = math.inf
) -> Measured:
    """Evaluate a bag whose readings go that way, and what it is compared with, one after the other."""
    options = ["--model", model, *(["--no-images"] if mode is Mode.GAS_ONLY else [])]
    with tempfile.TemporaryDirectory(dir=bag.parent) as output:
        evaluation = run_task("evaluate", str(bag), output, *options)
        report = json.loads((Path(output) / "report.json").read_text(encoding="utf-8"))
    return Measured(
        name,
        report["readings"],
        report["images"],
        size_mb(bag),
        evaluation,
        forward=run_task("forward", model, mode.value, str(report["readings"])),
        reading=run_task("read", str(bag)),
        max_wall_s=max_wall_s,
    )


def size_mb(bag: Path) -> float:
    """Size of a bag's files, MB."""
    return sum(path.stat().st_size for path in bag.iterdir()) / 1e6


def rounds_for(gigabytes: float, round_mb: float) -> int:
    """How often a bag of so many MB fills so many gigabytes."""
    return math.ceil(1000 * gigabytes / round_mb)


def broken_limits(measured: Sequence[Measured]) -> list[str]:
    """The limits that were not kept, each with what was measured."""
    return [
        text
        for one in measured
        for kept, text in (
            (
                one.evaluation.wall_s <= one.max_wall_s,
                f"{one.name}: {one.evaluation.wall_s:.1f} s, at most {one.max_wall_s:g}",
            ),
            (
                one.evaluation.peak_mb < MAX_PEAK_MB,
                f"{one.name}: {one.evaluation.peak_mb:.0f} MB, less than {MAX_PEAK_MB:g}",
            ),
        )
        if not kept
    ]


def result_table(measured: Sequence[Measured]) -> Table:
    """Everything that was measured, a column for each bag."""
    table = Table("", *(one.name for one in measured))
    rows = {
        "readings": [f"{one.readings}" for one in measured],
        "images": [f"{one.images}" for one in measured],
        "size, MB": [f"{one.size_mb:.0f}" for one in measured],
        "the whole command, s": [f"{one.evaluation.wall_s:.1f}" for one in measured],
        "limit": ["" if math.isinf(one.max_wall_s) else f"{one.max_wall_s:g}" for one in measured],
        "of it the evaluation, s": [f"{one.evaluation.seconds:.1f}" for one in measured],
        "bare forward passes, s": [f"{one.forward.seconds:.1f}" for one in measured],
        "reading the bag alone, s": [f"{one.reading.seconds:.1f}" for one in measured],
        "evaluation / forward passes": [f"{one.per_forward:.2f}" for one in measured],
        "evaluation / reading": [f"{one.per_reading:.1f}" for one in measured],
        f"peak memory, MB (below {MAX_PEAK_MB:g})": [f"{one.evaluation.peak_mb:.0f}" for one in measured],
    }
    for title, cells in rows.items():
        table.add_row(title, *cells)
    return table


def run(data: Path, work: Path, gigabytes: float, model: str) -> list[Measured]:
    """Write and measure every bag; each is deleted when it has been measured."""
    measured = []
    for name, mode, max_wall_s in (
        ("recording, gas only", Mode.GAS_ONLY, MAX_GAS_ONLY_S),
        ("recording with images", Mode.FUSION, MAX_RECORDING_S),
    ):
        bag = work / "recording"
        write_recording(data, bag, with_images=mode is Mode.FUSION)
        measured.append(measure(name, bag, model, mode, max_wall_s))
        shutil.rmtree(bag)
    rounds = 1
    for _ in range(2):
        bag = work / "patrol"
        write_patrol(bag, rounds)
        measured.append(measure(f"patrol, {rounds} times 10 min", bag, model))
        shutil.rmtree(bag)
        rounds = rounds_for(gigabytes, measured[-1].size_mb)
    return measured


def main(
    data: Annotated[
        Path, typer.Option(envvar="GAS_FUSION_DATA", help="Folder of the data set MultimodalGasData.")
    ],
    work: Annotated[
        Path | None, typer.Option(help="Where the bags are written for the time; a temporary folder.")
    ] = None,
    gigabytes: Annotated[float, typer.Option(help="Size of the long bag.", min=0.001)] = 2.0,
    model: Annotated[
        str, typer.Option(help="Model bundle: a name below models/ or a folder.")
    ] = DEFAULT_MODEL,
) -> None:
    """Measure what evaluating bags costs."""
    console = Console()
    load = os.getloadavg()[0]
    with tempfile.TemporaryDirectory(dir=work) as folder:
        measured = run(data, Path(folder), gigabytes, model)
    console.print(result_table(measured))
    short, long = measured[-2:]
    console.print(
        f"peak memory of the long bag / of the short one: "
        f"{long.evaluation.peak_mb / short.evaluation.peak_mb:.2f}, sizes {long.size_mb / short.size_mb:.0f}"
    )
    console.print(
        f"{model}, {os.cpu_count()} cores, load {load:.1f} before and {os.getloadavg()[0]:.1f} after"
    )
    broken = broken_limits(measured)
    for text in broken:
        console.print(f"limit not kept: {text}")
    raise typer.Exit(1 if broken else 0)


if __name__ == "__main__":
    typer.run(main)
