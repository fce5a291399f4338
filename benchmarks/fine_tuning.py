"""What `training.train --from` gains where there are few rows of another time, another class, other channels.

`python -m benchmarks.fine_tuning --data DIR --output OUT` pre-trains a gas model on the first half of each
class of the published data, three times: on all of it, without a class, and without that class and two
channels. It then trains on the first rows of the second half, of all classes and channels, from each of
these bundles and from random weights, and scores all on the last three tenths. Minutes on one core.
"""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import numpy.typing as npt
import torch
import typer
from rich.console import Console
from rich.table import Table

from gas_fusion_ros.base.dataset import CSV_NAME, Dataset
from gas_fusion_ros.model.bundle import Bundle
from training.command_line import options
from training.data.copies import find_copies
from training.data.images import Thermal
from training.data.splits import SplitSettings, places_in_class
from training.export.bundle import export, load_runs
from training.fitting.catalog import Model, load_model
from training.fitting.fine_tuning import Start, aligned, find_start
from training.fitting.fit import Machine
from training.fitting.material import Normalisation
from training.fitting.runs import Study, TrainingRun, execute
from training.fitting.trained import load_run

CONSOLE = Console()
EARLY = 800
"""Rows of each class to pre-train on: its first half."""
FEW_FROM = 860
"""Where the few rows begin, 60 rows of embargo later ..."""
TEST_FROM = 1120
"""... and where the test rows do; their copies among the rows before are no test rows."""
MOST = 200
"""As many rows leave an embargo before the test rows."""
LEFT_OUT_CLASS = "Mixture"
LEFT_OUT_CHANNELS = ("mq6", "mq135")
SPLIT = SplitSettings()
"""Within the rows to train on."""

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Field:
    """The published rows.

    Attributes:
        dataset: the rows.
        places: shape (N,), how many rows of its class stand before each row.
        output: folder for everything that is written.
    """

    dataset: Dataset
    places: npt.NDArray[np.int64]
    output: Path

    @classmethod
    def of(cls, dataset: Dataset, output: Path) -> Field:
        """Take up the data set."""
        return cls(dataset, places_in_class(dataset.labels), output)

    @property
    def test(self) -> Mask:
        """The rows that everything is scored on, shape (N,)."""
        copies = find_copies(self.dataset.counts, self.dataset.labels)
        known = copies.of(np.flatnonzero(self.places < TEST_FROM))
        return (self.places >= TEST_FROM) & ~np.isin(np.arange(len(self.places)), known)

    def write(self, name: str, mask: Mask, channels: Sequence[str]) -> Path:
        """Write some rows and channels as a folder to train on."""
        folder = self.output / "data" / name
        folder.mkdir(parents=True, exist_ok=True)
        columns = [self.dataset.channels.index(channel) for channel in channels]
        with (folder / CSV_NAME).open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["Serial Number", *channels, "Gas"])
            for row in self.dataset.rows.select(mask):
                writer.writerow([row.serial, *row.counts[columns].astype(int), row.label])
        return folder

    def train(
        self, folder: Path, channels: Sequence[str], model: Model, seed: int, start: Start | None
    ) -> Path:
        """Train on a folder; return the run's."""
        study = Study.of(Dataset.load(folder, channels), self.output, self.output, Thermal.NONE)
        run = TrainingRun(model, SPLIT, seed, start)
        execute(run, study, Machine(accelerator="cpu", threads=1))
        return run.folder(study)

    def accuracy(self, run: Path) -> float:
        """Score a run on the test rows: the mean over the classes of the share classified rightly."""
        trained = load_run(run)
        result = trained.result
        columns = [self.dataset.channels.index(channel) for channel in result.channels]
        gas = Normalisation(**result.normalisation).apply(self.dataset.counts[self.test][:, columns])
        with torch.inference_mode():
            said = trained.network(torch.from_numpy(gas)).argmax(dim=1).numpy()
        labels = self.dataset.labels[self.test]
        right = np.array(result.classes)[said] == np.array(self.dataset.classes)[labels]
        return float(np.mean([right[labels == label].mean() for label in np.unique(labels)]))


def pre_train(field: Field, model: Model) -> dict[str, Bundle]:
    """Make the bundles that trainings start from, by what they lack."""
    dataset = field.dataset
    without = dataset.labels != dataset.classes.index(LEFT_OUT_CLASS)
    fewer = tuple(name for name in dataset.channels if name not in LEFT_OUT_CHANNELS)
    early = field.places < EARLY
    bundles = {}
    for name, mask, channels in (
        ("all", early, dataset.channels),
        ("no-class", early & without, dataset.channels),
        ("no-class-fewer-channels", early & without, fewer),
    ):
        run = field.train(field.write(name, mask, channels), channels, model, 0, None)
        folder = field.output / "bundles" / f"{model.name}-{name}"
        if not folder.exists():
            export(load_runs(run, None, None), folder, name, "python -m benchmarks.fine_tuning", None)
        bundles[name] = Bundle.load(folder)
        if mask is early:
            CONSOLE.print(f"from {name}, not fine-tuned: {field.accuracy(run):.3f}", highlight=False)
    return bundles


def main(
    output: Annotated[
        Path, typer.Option(help="Folder for runs and bundles; finished ones are not run again.")
    ],
    data: options.DataOption = None,
    model: Annotated[str, typer.Option(help="A gas model of training/fitting/models/.")] = "cnn1d",
    rows: Annotated[str, typer.Option(help="How many rows of each class to train on.")] = "10,25,50,100",
    seeds: Annotated[str, typer.Option(help="Seeds: 0, 0,3 or 0-4.")] = "0-4",
) -> None:
    """Compare training on few rows from bundles and from random weights."""
    with options.refusing("benchmarks.fine_tuning"):
        chosen, counts, drawn = (
            load_model(model),
            options.listed("--rows", rows, int),
            options.seed_list(seeds),
        )
        if not 2 <= min(counts) <= max(counts) <= MOST:
            raise ValueError(f"--rows is '{rows}'; each must be 2 to {MOST}")
        field = Field.of(Dataset.load(options.data_folder(data)), output)
    torch.set_num_threads(1)
    channels = field.dataset.channels
    bundles = pre_train(field, chosen)
    scores: dict[tuple[int, str], list[float]] = defaultdict(list)
    for count in counts:
        few = (field.places >= FEW_FROM) & (field.places < FEW_FROM + count)
        folder = field.write(f"few{count}", few, channels)
        for seed in drawn:
            scores[count, "random weights"].append(
                field.accuracy(field.train(folder, channels, chosen, seed, None))
            )
            for name, bundle in bundles.items():
                ordered, start = aligned(channels, bundle.channels), find_start(bundle, chosen)
                scores[count, name].append(field.accuracy(field.train(folder, ordered, chosen, seed, start)))
    table = Table("rows per class", "random weights", *(f"from {name}" for name in bundles))
    for count in counts:
        figures = [scores[count, name] for name in ("random weights", *bundles)]
        table.add_row(str(count), *(f"{np.mean(f):.3f} ({min(f):.3f} to {max(f):.3f})" for f in figures))
    CONSOLE.print(table)


if __name__ == "__main__":
    typer.run(main)
