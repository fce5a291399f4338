"""What a training step costs beside plain torch, and what it waits for: `python -m benchmarks.training`.

Trains a model as `training.train` does, and the same network by a plain loop (float32, NCHW, pictures in
memory), in turns, so that both meet the same machine. Prints milliseconds and their ratio. Readings and
pictures are random: a step's cost does not depend on what they show.

`--peer keras --python KERAS_ENV/bin/python` sets Fusion I in Keras beside it instead, in that interpreter:
pairs of CPU time per step, all between two steps included, and the median of their ratios. Keras gets its
batches from memory, as it wants them; ours come from a file, as in training.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Annotated

import lightning
import numpy as np
import torch
import typer
from lightning.pytorch.callbacks import Callback
from rich.console import Console
from rich.table import Table
from torch import nn

from benchmarks.keras_peer import REMEDY, PeerError, keras_peer
from gas_fusion_ros.model.networks.registry import build
from gas_fusion_ros.model.networks.shape import Shape
from training.command_line import options
from training.data.images import Images, Thermal
from training.data.splits import Split
from training.fitting.catalog import Model, load_model
from training.fitting.fit import Machine, fit, threads
from training.fitting.material import Material
from training.fitting.precision import lightning_precision
from training.fitting.step_times import StepTimes

CONSOLE = Console()
ROWS = 1024
CLASSES, CHANNELS = 4, 7


class Peer(str, Enum):
    """What a step is measured beside."""

    TORCH = "torch"
    KERAS = "keras"


class CpuTimes(Callback):
    """CPU time from one step's beginning to the next one's, of all threads, ms, but for the first."""

    def __init__(self) -> None:
        self.steps: list[float] = []
        self._began_s = 0.0

    def on_train_batch_start(
        self, _trainer: lightning.Trainer, _task: object, _batch: object, step: int
    ) -> None:
        """Note that a step begins, and with it what the one before took."""
        now_s = time.process_time()
        if step > 1:
            self.steps.append(1e3 * (now_s - self._began_s))
        self._began_s = now_s


@dataclass(frozen=True)
class Pair:
    """A turn of each, CPU time per step, ms."""

    ours: float
    peer: float

    @property
    def ratio(self) -> float:
        """Ours / the peer's."""
        return self.ours / self.peer


def random_material(model: Model, folder: Path) -> Material:
    """Return random rows for a model, its pictures mapped from a file as in training."""
    rng = np.random.default_rng(0)
    assert model.preparation is not None
    assert model.hyperparameters.image_size is not None
    size = model.hyperparameters.image_size
    path = folder / "pictures.npy"
    pictures = rng.integers(0, 256, (ROWS, 1, model.preparation.channels, size, size), dtype=np.uint8)
    np.save(path, pictures)
    images = Images(
        np.load(path, mmap_mode="r"), np.ones(ROWS, np.bool_), Thermal.RENDERED, model.preparation, size
    )
    gas = torch.from_numpy(rng.normal(size=(ROWS, CHANNELS)).astype(np.float32))
    labels = torch.from_numpy(rng.integers(0, CLASSES, ROWS))
    return Material(model.mode, gas, labels, images, torch.ones(CHANNELS))


def shape_of(model: Model) -> Shape:
    """Return what the model's network is sized by."""
    assert model.preparation is not None
    assert model.hyperparameters.image_size is not None
    return Shape(CLASSES, CHANNELS, model.preparation.channels, model.hyperparameters.image_size)


def fresh_network(model: Model) -> nn.Module:
    """Build the model's network."""
    return build(model.architecture, shape_of(model))


def train_steps(
    model: Model, material: Material, steps: int, machine: Machine, times: Callback, folder: Path
) -> None:
    """Train one epoch of some steps as `training.train` does."""
    rows = np.arange(ROWS)
    split = Split(rows[: (steps + 1) * model.hyperparameters.batch], rows[-32:], rows[-32:])
    one_epoch = model.with_overrides({"epochs": 1}).hyperparameters
    timed = Machine(machine.accelerator, threads=machine.threads, workers=machine.workers, callbacks=(times,))
    fit(fresh_network(model), material, split, one_epoch, 0, folder, timed)


def plain_steps(model: Model, material: Material, steps: int) -> list[float]:
    """Time steps of plain torch, ms: float32, NCHW, the batch already in memory as the network takes it."""
    network = fresh_network(model).train()
    adam = torch.optim.Adam(network.parameters(), lr=model.hyperparameters.learning_rate)
    rows = torch.arange(model.hyperparameters.batch)
    values, labels = material.batch(rows, torch.zeros_like(rows))
    inputs = [value.float() / 255 if value.dtype == torch.uint8 else value for value in values]
    taken = []
    for step in range(steps + 1):
        started = time.perf_counter()
        adam.zero_grad()
        loss = nn.functional.cross_entropy(network(*inputs), labels)
        loss.backward()
        adam.step()
        if step > 0:
            taken.append(1e3 * (time.perf_counter() - started))
    return taken


def table(times: StepTimes, plain: list[float]) -> Table:
    """Lay the medians out, in milliseconds and as ratios."""
    step, wait, reference = map(statistics.median, (times.steps, times.waits, plain))
    result = Table("", "median ms", "ratio")
    result.add_row("step of plain torch, float32, NCHW", f"{reference:.1f}", "1.00")
    result.add_row("step of training.train", f"{step:.1f}", f"{step / reference:.2f}")
    result.add_row("wait for the next batch", f"{wait:.2f}", f"{wait / step:.4f} of a step")
    return result


def keras_pairs(
    model: Model, material: Material, python: Path, machine: Machine, rounds: int, steps: int, folder: Path
) -> Iterator[Pair]:
    """Train so many steps here and in Keras, in turns.

    Raises:
        PeerError: Keras does not run, or builds another network.
    """
    hyperparameters, parameters = model.hyperparameters, trainable(fresh_network(model))
    with keras_peer(python, shape_of(model), hyperparameters.batch, machine.threads) as peer:
        if peer.parameters != parameters:
            raise PeerError(f"Keras trains {peer.parameters} parameters, and this network has {parameters}")
        CONSOLE.print(f"{peer.name}, {parameters} parameters in either")
        for turn in range(rounds):
            times = CpuTimes()
            train_steps(model, material, steps + 1, machine, times, folder / str(turn))
            yield Pair(statistics.median(times.steps), peer.step_ms(steps))


def trainable(network: nn.Module) -> int:
    """Number of parameters that training changes."""
    return sum(parameter.numel() for parameter in network.parameters() if parameter.requires_grad)


def pair_table(pairs: Sequence[Pair]) -> Table:
    """Lay pairs out, and the median of their ratios with its spread."""
    result = Table("pair", "training.train, ms CPU per step", "Keras", "ratio")
    for number, pair in enumerate(pairs, start=1):
        result.add_row(str(number), f"{pair.ours:.0f}", f"{pair.peer:.0f}", f"{pair.ratio:.2f}")
    ratios = [pair.ratio for pair in pairs]
    spread = f"{statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})"
    ours, peer = (statistics.median(side) for side in zip(*((p.ours, p.peer) for p in pairs), strict=True))
    result.add_row("median", f"{ours:.0f}", f"{peer:.0f}", spread)
    return result


def main(
    model: Annotated[str, typer.Option(help="A model with pictures.")] = "fusion1_field",
    rounds: Annotated[int, typer.Option(min=1, help="Turns of each.")] = 5,
    steps: Annotated[int, typer.Option(min=1, max=ROWS // 64, help="Steps per turn.")] = 8,
    cpu_threads: options.ThreadsOption = None,
    workers: options.WorkersOption = 0,
    precision: Annotated[
        str | None, typer.Option(help="Lightning's, such as 32-true; the model's own unless given.")
    ] = None,
    peer: Annotated[Peer, typer.Option(help="What a step is measured beside.")] = Peer.TORCH,
    python: Annotated[Path | None, typer.Option(help="Interpreter that has the peer keras.")] = None,
) -> None:
    """Time training steps beside plain torch, or beside Keras, on the CPU."""
    chosen = load_model(model)
    if precision is not None:
        chosen = chosen.with_overrides({"precision": precision})
    if peer is Peer.KERAS and (python is None or chosen.architecture != "fusion1"):
        raise typer.BadParameter(
            f"keras takes a model of Fusion I, and --python: {REMEDY}", param_hint="--peer"
        )
    machine = Machine("cpu", threads=options.thread_count(cpu_threads), workers=workers)
    used = lightning_precision(chosen.hyperparameters.precision, has_gpu=False)
    told = f"{chosen.title}, batch {chosen.hyperparameters.batch}, {used}, {machine.threads} threads"
    times, plain = StepTimes(), []
    with tempfile.TemporaryDirectory() as folder, threads(machine.threads):
        material = random_material(chosen, Path(folder))
        if python is not None:
            try:
                pairs = list(keras_pairs(chosen, material, python, machine, rounds, steps, Path(folder)))
            except PeerError as error:
                raise typer.BadParameter(str(error), param_hint="--peer") from None
            CONSOLE.print(told)
            CONSOLE.print(pair_table(pairs))
            return
        for turn in range(rounds):
            plain += plain_steps(chosen, material, steps)
            train_steps(chosen, material, steps, machine, times, Path(folder) / str(turn))
    CONSOLE.print(told)
    CONSOLE.print(table(times, plain))


if __name__ == "__main__":
    typer.run(main)
