"""What the run over the published folder consists of: units that are finished or not, each with its cost."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from gas_fusion_ros.base.observation import Mode
from gas_fusion_ros.model.bundle import MANIFEST
from training.data.images import Thermal
from training.data.splits import SplitSettings
from training.export.bundle import INPUTS, export
from training.fitting.catalog import Model
from training.fitting.fit import Machine
from training.fitting.runs import Study, TrainingRun, execute
from training.fitting.step_times import Pace
from training.fitting.trained import load_run, start_from
from training.published.carry_over import ask, carry_over_path

USUAL_EPOCHS = 50
"""Epochs until validation stops a training, as far as one can say: the paper's took 35 to 66."""
EXPORT_S = 20.0
"""What writing a bundle takes beside its networks' answers, seconds."""
FREE = Pace(0.0, 0.0)
"""Of what trains nothing itself: Fusion III, yardsticks."""
BUNDLES = "bundles"
"""Folder of the bundles that are the run's outcome."""
BUNDLE_NAME = "fusion1_tuned"
COMMAND = "python -m training.pictures --data DIR --output OUT"


@dataclass(frozen=True)
class Work:
    """What a unit computes.

    Attributes:
        model: with which network.
        steps: of training in an epoch.
        answered: rows that validation answers in an epoch.
        epochs: at most.
        once: rows that are answered once.
        fixed_s: what it takes besides, seconds.
    """

    model: Model
    steps: int = 0
    answered: int = 0
    epochs: int = 0
    once: int = 0
    fixed_s: float = 0.0

    def seconds(self, paces: Mapping[Model, Pace], epochs: int) -> float:
        """Return what it takes if validation stops it after so many epochs; a model without pace is free."""
        pace = paces.get(self.model, FREE)
        epoch_s = self.steps * pace.step_s + self.answered * pace.row_s
        return min(epochs, self.epochs) * epoch_s + self.once * pace.row_s + self.fixed_s


class Unit(Protocol):
    """A part of the run that is finished or not, told by its files."""

    @property
    def name(self) -> str:
        """What it is, unlike any other's."""

    @property
    def work(self) -> Work:
        """What it computes."""

    def is_finished(self) -> bool:
        """Whether it was run to its end before."""

    def run(self, machine: Machine) -> None:
        """Run it, those before it being finished."""


def _training_work(run: TrainingRun, study: Study) -> Work:
    parts = run.rows(study)
    settings = run.model.hyperparameters
    once = len(parts.validation) + len(parts.test)
    if run.model.branches or run.model.is_yardstick:
        return Work(run.model, once=once)
    steps = len(parts.train) // min(settings.batch, len(parts.train))
    return Work(run.model, steps, len(parts.validation), settings.epochs, once)


_PICTURES = {
    Thermal.RENDERED: "rendered pictures",
    Thermal.REAL: "the folder's pictures",
    Thermal.NONE: "readings alone",
}


def _described(model: Model, split: SplitSettings, share: float, pictures: str) -> str:
    rows = "" if share == 1 else f", {100 * share:g} % of them"
    return f"{model.title}, {split.protocol}, {pictures}{rows}"


@dataclass(frozen=True)
class Training:
    """A network trained from random weights."""

    of: TrainingRun
    study: Study

    @property
    def name(self) -> str:
        """Model, protocol, share and pictures."""
        pictures = f"{_PICTURES[self.of.thermal(self.study)]}, random weights"
        return _described(self.of.model, self.of.split, self.of.share, pictures)

    @property
    def work(self) -> Work:
        """Its epochs and answers."""
        return _training_work(self.of, self.study)

    def is_finished(self) -> bool:
        """Whether it has its result."""
        return self.of.is_finished(self.study)

    def run(self, machine: Machine) -> None:
        """Train and test it."""
        execute(self.of, self.study, machine)


@dataclass(frozen=True)
class Asking:
    """A network that has seen drawn pictures alone, asked of the folder's.

    Attributes:
        drawn: the network's training.
        study: of the folder's pictures.
    """

    drawn: Training
    study: Study

    @property
    def name(self) -> str:
        """Model, protocol and pictures."""
        run = self.drawn.of
        return _described(run.model, run.split, run.share, "rendered pictures alone, asked of the folder's")

    @property
    def work(self) -> Work:
        """Its answers."""
        return Work(self.drawn.of.model, once=len(self.drawn.of.rows(self.study).test))

    def is_finished(self) -> bool:
        """Whether there is its file."""
        return carry_over_path(self.drawn.of, self.drawn.study).is_file()

    def run(self, machine: Machine) -> None:
        """Ask it of the test rows."""
        ask(self.drawn.of, self.drawn.study, self.study, machine)


@dataclass(frozen=True)
class FineTuning:
    """A network that begins with the weights of one that has seen drawn pictures alone.

    Attributes:
        drawn: the other network's training, and so which model, split and seed.
        share: of the folder's rows of training and validation that it has.
        study: of the folder's pictures.
    """

    drawn: Training
    share: float
    study: Study

    @property
    def name(self) -> str:
        """Model, protocol, share and pictures."""
        run = self.drawn.of
        pictures = f"{_PICTURES[run.thermal(self.study)]}, weights from rendered ones"
        return _described(run.model, run.split, self.share, pictures)

    @property
    def work(self) -> Work:
        """Its epochs and answers."""
        run = self.drawn.of
        return _training_work(TrainingRun(run.model, run.split, run.seed, share=self.share), self.study)

    @property
    def training(self) -> TrainingRun:
        """The training itself; the other must be finished."""
        run = self.drawn.of
        start = start_from(run.folder(self.drawn.study))
        return TrainingRun(run.model, run.split, run.seed, start, self.share)

    def is_finished(self) -> bool:
        """Whether it has its result, by the start that is there."""
        return self.drawn.is_finished() and self.training.is_finished(self.study)

    def run(self, machine: Machine) -> None:
        """Train and test it."""
        execute(self.training, self.study, machine)


@dataclass(frozen=True)
class FinalBundle:
    """The networks that were fine-tuned with all of the folder's pictures, and one of readings, as a bundle.

    Attributes:
        tuned: the networks with pictures, that of all modalities last.
        gas: the one of readings alone, under the same split.
    """

    tuned: tuple[FineTuning, ...]
    gas: Training

    @property
    def name(self) -> str:
        """What it is made of."""
        return f"bundle {BUNDLE_NAME}, {self.gas.of.split.protocol}"

    @property
    def work(self) -> Work:
        """The comparison of its runtimes."""
        return Work(self.tuned[-1].drawn.of.model, once=3 * INPUTS, fixed_s=len(Mode) * EXPORT_S)

    @property
    def folder(self) -> Path:
        """Its folder, named by its largest network's run; what that starts from must be finished."""
        last = self.tuned[-1]
        return last.study.output / BUNDLES / last.training.name(last.study)

    def is_finished(self) -> bool:
        """Whether it is written."""
        return self.tuned[-1].drawn.is_finished() and (self.folder / MANIFEST).is_file()

    def run(self, _: Machine) -> None:
        """Write it."""
        folders = [self.gas.of.folder(self.gas.study)]
        folders += [one.training.folder(one.study) for one in self.tuned]
        runs = {run.mode: run for run in map(load_run, folders)}
        export(runs, self.folder, BUNDLE_NAME, COMMAND, None, INPUTS)
