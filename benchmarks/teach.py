"""What `gas-fusion teach` gains and costs: a gas that training left out, taught from three minutes of it.

`python -m benchmarks.teach --data DIR` holds a fifth of each class out by time, trains the gas branch of the
default model on the rest, once with all classes and once without each gas, teaches each of the latter the gas
it lacks from 90 rows, and scores all on what was held out. Minutes on one core. The array's baseline is
measured outside the held-out rows, as are all other choices. Time and memory are those of a process that
runs the command itself on a bundle: see `--bundle`.
"""

from __future__ import annotations

import csv
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from rich.console import Console
from rich.table import Table

from gas_fusion_ros.array.array_file import ARRAY_FILE_NAME, write_array
from gas_fusion_ros.base.dataset import CSV_NAME, Dataset
from gas_fusion_ros.base.observation import CLEAN_AIR, PAPER_CHANNELS
from gas_fusion_ros.model.bundle import Domain
from gas_fusion_ros.teaching.gas_branch import GasBranch
from gas_fusion_ros.teaching.lesson import Normal, Teacher, hold_out
from gas_fusion_ros.teaching.windows import Indices, Recording, TrainingPart, Windows
from training.command_line import options
from training.data.readings import array_of, read_readings
from training.data.splits import BLOCKED, EMBARGO, FRACTION, SplitSettings
from training.fitting.fit import threads
from training.temporal.bench import Bench
from training.temporal.encoder_fitting import EncoderSettings, FittedEncoder, fit_encoder
from training.temporal.nested import Outside
from training.temporal.recipes import TWO_MINUTES_S

CONSOLE = Console(width=110)
ROWS = 90
"""Of the gas that is taught: three minutes."""
SETTINGS = EncoderSettings("patrols", period_s=TWO_MINUTES_S)
_SPAN_NS = SETTINGS.window.span_ns


def branch_of(encoder: FittedEncoder) -> GasBranch:
    """Return a fitted encoder as what is taught; its limit does not matter here."""
    state = {name: tensor.numpy() for name, tensor in encoder.network.state_dict().items()}
    return GasBranch(
        mean=state["statistics.mean"],
        deviation=state["statistics.deviation"],
        prototypes=state["prototypes"].astype(np.float16).astype(np.float32),
        prior=state["prior"],
        sharpness=float(np.exp(state["log_sharpness"])),
        temperature=1.0,
        limit=1.0,
    )


def normal_of(encoder: FittedEncoder) -> Normal:
    """Return how a fitted encoder's windows are normalised."""
    normalisation = encoder.normalisation
    return Normal(np.array(normalisation.mean, np.float32), np.array(normalisation.std, np.float32))


@dataclass(frozen=True)
class Score:
    """What a branch says of held-out windows.

    Attributes:
        accuracy: mean over the classes of the share classified rightly.
        recall: of the gas that was left out.
        kept: mean over the other classes.
    """

    accuracy: float
    recall: float
    kept: float

    @classmethod
    def of(cls, branch: GasBranch, normal: Normal, windows: Windows, gas: int) -> Score:
        """Score a branch whose classes are the windows' labels."""
        said = branch.answer(*normal.inputs(windows)).logits.argmax(axis=1)
        shares = np.array(
            [(said[windows.labels == label] == label).mean() for label in range(branch.classes)]
        )
        return cls(float(shares.mean()), float(shares[gas]), float(np.delete(shares, gas).mean()))


def taught_rows(outside: Outside, gas: int) -> Indices:
    """Return three minutes of a gas: consecutive rows from the middle of those outside the test."""
    mine = outside.rows[outside.recording.labels[outside.rows] == gas]
    runs = np.split(mine, np.flatnonzero(np.diff(mine) != 1) + 1)
    longest = max(runs, key=len)
    first = max(0, (len(longest) - ROWS) // 2)
    return longest[first : first + ROWS]


def without(outside: Outside, gas: int, clean: int) -> TrainingPart:
    """Return the training part that lacks a gas; labels above it move down."""
    recording = outside.recording
    kept = np.flatnonzero(recording.labels != gas)
    labels = recording.labels[kept] - (recording.labels[kept] > gas)
    fewer = replace(
        recording, counts=recording.counts[kept], labels=labels, stamps_ns=recording.stamps_ns[kept]
    )
    rows, barred = (
        np.searchsorted(kept, some[np.isin(some, kept)]) for some in (outside.rows, outside.barred)
    )
    return TrainingPart(fewer, rows, barred, clean - (clean > gas))


def teacher_of(encoder: FittedEncoder, outside: Outside, gas: int, clean: int) -> Teacher:
    """Return what teaches an encoder that lacks a gas, whose class comes last."""
    recording = outside.recording
    rows = taught_rows(outside, gas)
    branch = branch_of(encoder)
    taught = Recording(recording.values[rows], np.full(len(rows), branch.classes), recording.stamps_ns[rows])
    known = branch.with_classes(list(range(branch.classes)), 1)
    return Teacher(known, normal_of(encoder), SETTINGS.window, taught, clean - (clean > gas))


@dataclass(frozen=True)
class Comparison:
    """A gas that was trained on beside the same gas taught.

    Attributes:
        gas: its name.
        trained: with it in training.
        taught: without it in training, but taught.
        before: mean recall of the other classes before it was taught.
        lesson: its held-out recall within the lesson, which is what the command would tell.
    """

    gas: str
    trained: Score
    taught: Score
    before: float
    lesson: float

    @property
    def figures(self) -> tuple[float, ...]:
        """What the table shows."""
        trained, taught = self.trained, self.taught
        return (
            trained.accuracy,
            taught.accuracy,
            trained.recall,
            taught.recall,
            trained.kept,
            self.before,
            taught.kept,
            self.lesson,
        )


def scores(bench: Bench, position: float, seed: int) -> Iterator[Comparison]:
    """Yield for each gas how teaching it compares with training on it."""
    split = SplitSettings(BLOCKED, FRACTION, position, EMBARGO)
    test, outside = bench.held_out(split, seed)
    clean = bench.clean
    assert clean is not None
    windows = bench.tested(outside).windows(test, outside.rows, SETTINGS.window)
    everything = fit_encoder(outside.part, SETTINGS, seed)
    classes = len(bench.dataset.classes)
    for gas in np.delete(np.arange(classes), clean).tolist():
        fewer = fit_encoder(without(outside, gas, clean), SETTINGS, seed)
        teacher = teacher_of(fewer, outside, gas, clean)
        taught = teacher.learn(np.arange(len(teacher.recording.labels)))
        moved = np.where(windows.labels == gas, classes - 1, windows.labels - (windows.labels > gas))
        shown = replace(windows, labels=moved)
        others = shown.take(shown.labels < classes - 1)
        said = branch_of(fewer).answer(*teacher.normal.inputs(others)).logits.argmax(axis=1)
        yield Comparison(
            bench.dataset.classes[gas],
            Score.of(branch_of(everything), normal_of(everything), windows, gas),
            Score.of(taught, teacher.normal, shown, classes - 1),
            float(np.mean([(said[others.labels == one] == one).mean() for one in range(classes - 1)])),
            hold_out(teacher, _SPAN_NS).recall(classes - 1),
        )


def measured(bundle: Path, dataset: Dataset, gas: str) -> dict[str, float]:
    """Let the command teach a bundle 90 rows of a gas that it is to forget; return seconds and MiB."""
    # Not by getrusage: a child begins with its parent's peak there, which has imported torch.
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "lesson"
        source.mkdir()
        rows = [row for row in dataset.rows if row.label == gas][200 : 200 + ROWS]
        with (source / CSV_NAME).open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["Serial Number", *dataset.channels, "Gas"])
            for row in rows:
                writer.writerow([row.serial, *row.counts.astype(int), gas])
        array = array_of(dataset, Domain.LOG_RATIO)
        assert array is not None
        clean = dataset.counts[dataset.labels == dataset.classes.index(CLEAN_AIR)]
        write_array(source / ARRAY_FILE_NAME, array.with_baseline_of(clean))
        program = (
            "import json, re, sys, time; began = time.perf_counter()\n"
            "from gas_fusion_ros.cli import app\n"
            "try:\n    app()\nexcept SystemExit as end:\n    code = end.code\n"
            "used = re.search('VmHWM: *(\\d+)', open('/proc/self/status').read().replace(chr(9), ' '))[1]\n"
            "print(json.dumps({'code': code, 's': time.perf_counter() - began, 'mib': int(used) / 1024}))"
        )
        output = str(Path(folder) / "taught")
        arguments = ["teach", str(source), "--from", str(bundle), "--output", output, "--forget", gas]
        done = subprocess.run(
            [sys.executable, "-c", program, *arguments], stdout=subprocess.PIPE, text=True, check=True
        )
    return dict(json.loads(done.stdout.splitlines()[-1]))


def main(
    data: options.DataOption = None,
    positions: Annotated[str, typer.Option(help="Where the held-out fifths begin.")] = "0,0.2,0.4,0.6,0.8",
    seed: Annotated[int, typer.Option(min=0)] = 0,
    bundle: Annotated[
        Path | None, typer.Option(help="A bundle of ln(Rs/R0), to measure time and memory on.")
    ] = None,
) -> None:
    """Compare teaching a gas with training on it."""
    with options.refusing("benchmarks.teach"):
        dataset = read_readings(options.data_folder(data), PAPER_CHANNELS)
        places = options.listed("--positions", positions, float)
        bench = Bench.of(dataset, array_of(dataset, Domain.LOG_RATIO))
    columns = ("trained", "taught", "its recall", "taught", "others", "untaught", "taught", "lesson")
    table = Table("position", "gas", *columns)
    found: list[Comparison] = []
    with threads(1):
        for place in places:
            for one in scores(bench, place, seed):
                found.append(one)
                table.add_row(f"{place:g}", one.gas, *(f"{value:.3f}" for value in one.figures))
                CONSOLE.print(f"{place:g}", one.gas, *(f"{value:.3f}" for value in one.figures))
    CONSOLE.print(table)
    for gas in dict.fromkeys(one.gas for one in found):
        mine = [one.taught.accuracy - one.trained.accuracy for one in found if one.gas == gas]
        CONSOLE.print(
            f"{gas}: taught less trained {np.mean(mine):+.3f}, worst {min(mine):+.3f}", highlight=False
        )
    if bundle is not None:
        for gas in ("Mixture", "Perfume", "Smoke"):
            CONSOLE.print(gas, measured(bundle, dataset, gas))


if __name__ == "__main__":
    typer.run(main)
