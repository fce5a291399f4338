"""How long a network's training steps take: timed as it trains, or measured ahead on a few of its rows."""

from __future__ import annotations

import statistics
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path

import lightning
import numpy as np
import torch
from lightning.pytorch.callbacks import Callback

from gas_fusion_ros.model.networks.registry import build
from training.data.splits import Split
from training.fitting.fit import Machine, fit, threads
from training.fitting.material import Material, Normalisation
from training.fitting.runs import Study, TrainingRun, run_images, shape_of

_STEPS = 3
"""As many are measured: the first warms up."""
_ANSWERED = 32
"""Rows at most whose answers are timed."""


class StepTimes(Callback):
    """Times each step and the wait before it, and the answers to validation; all in ms.

    The first step of an epoch warms up: it is left out of `steps` and `waits`.

    Attributes:
        steps: of each step.
        waits: of the wait before it.
        first: of the last epoch's first step.
        answers: of each batch of validation.
    """

    def __init__(self) -> None:
        self.steps: list[float] = []
        self.waits: list[float] = []
        self.answers: list[float] = []
        self.first = 0.0
        self._started = self._ended = 0.0

    def on_train_batch_start(
        self, _trainer: lightning.Trainer, _task: object, _batch: object, step: int
    ) -> None:
        """Note how long the step waited for its batch."""
        self._started = time.perf_counter()
        if step > 0:
            self.waits.append(1e3 * (self._started - self._ended))

    def on_train_batch_end(
        self, _trainer: lightning.Trainer, _task: object, _outputs: object, _batch: object, step: int
    ) -> None:
        """Note how long the step took."""
        self._ended = _settled()
        taken = 1e3 * (self._ended - self._started)
        if step > 0:
            self.steps.append(taken)
        else:
            self.first = taken

    def on_validation_batch_start(self, *_: object) -> None:
        """Note when an answer begins."""
        self._started = time.perf_counter()

    def on_validation_batch_end(self, *_: object) -> None:
        """Note how long it took."""
        self.answers.append(1e3 * (_settled() - self._started))


def _settled() -> float:
    """Return the time, seconds, once a GPU has done what it was given."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter()


@dataclass(frozen=True)
class Pace:
    """What a model costs on this machine.

    Attributes:
        step_s: a training step of a whole batch and the wait for it, seconds.
        row_s: the answer to one row, seconds.
    """

    step_s: float
    row_s: float


def measure_pace(run: TrainingRun, study: Study, machine: Machine) -> Pace:
    """Train a run's network for a few steps, whose weights nobody keeps, and time them.

    Raises:
        DatasetError: the run's pictures cannot be prepared.
        SplitError: the data set has too few rows.
    """
    rows, images = run.rows(study), run_images(run, study, lambda: None)
    if images is not None:
        rows = rows.only(images.usable)
    batch = min(run.model.hyperparameters.batch, len(rows.train))
    few = Split(rows.train[: _STEPS * batch], rows.validation[:_ANSWERED], rows.test[:0])
    normalisation = Normalisation.fit(study.dataset.counts[few.train])
    material = Material.of(run.model.mode, study.dataset, normalisation, images)
    times = StepTimes()
    once = replace(run.model.hyperparameters, epochs=1, batch=batch)
    with (
        tempfile.TemporaryDirectory() as folder,
        threads(machine.threads if run.model.preparation is not None else 1),
    ):
        network = build(run.model.architecture, shape_of(run, study.dataset))
        fit(network, material, few, once, run.seed, Path(folder), replace(machine, callbacks=(times,)))
    # Too few rows for a second step leave the first alone.
    step = (
        statistics.median(map(sum, zip(times.waits, times.steps, strict=True)))
        if times.steps
        else times.first
    )
    return Pace(step / 1e3, float(np.sum(times.answers)) / 1e3 / len(few.validation))
