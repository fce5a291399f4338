"""A training of a second, and a way to end it as a power cut does; as a script it trains until killed."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import lightning
import numpy as np
import torch
from lightning.pytorch.callbacks import Callback

from gas_fusion_ros.base.observation import Mode
from gas_fusion_ros.model.networks.gas import GasDnn
from training.data.splits import Split
from training.fitting.catalog import Hyperparameters
from training.fitting.fit import Fit, Machine, fit, threads
from training.fitting.material import Material

SPLIT = Split(np.arange(48), np.arange(48, 64), np.arange(64, 80))
SETTINGS = Hyperparameters(epochs=4, batch=8, noise_counts=0.1)


class KillProcess(Callback):
    """Kills the process, or sends it another signal, at one step, from 1, or as its epoch is validated."""

    def __init__(self, step: int, in_validation: bool, number: int = signal.SIGKILL) -> None:
        self._step, self._in_validation, self._number = step, in_validation, number

    def on_train_batch_end(self, trainer: lightning.Trainer, *_: object) -> None:
        if not self._in_validation and trainer.global_step == self._step:
            os.kill(os.getpid(), self._number)

    def on_validation_end(self, trainer: lightning.Trainer, *_: object) -> None:
        if self._in_validation and trainer.global_step == self._step:
            os.kill(os.getpid(), self._number)


def material() -> Material:
    """Eighty readings of four classes that overlap."""
    generator = torch.Generator().manual_seed(0)
    labels = torch.arange(80) % 4
    gas = torch.nn.functional.one_hot(labels, 7) + 0.8 * torch.randn(80, 7, generator=generator)
    return Material(Mode.GAS_ONLY, gas, labels, None, torch.ones(7))


def train(folder: Path, *callbacks: Callback, settings: Hyperparameters = SETTINGS) -> tuple[Fit, GasDnn]:
    """Train a network on it: six steps an epoch."""
    torch.manual_seed(5)
    network = GasDnn()
    machine = Machine(accelerator="cpu", callbacks=callbacks)
    # Sums depend on how many threads share them: as many in each process.
    with threads(1):
        return fit(network, material(), SPLIT, settings, 3, folder, machine), network


if __name__ == "__main__":
    train(Path(sys.argv[1]), KillProcess(int(sys.argv[2]), sys.argv[3] == "validation"))
