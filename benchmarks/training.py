"""What a training step costs beside plain torch, and what it waits for: `python -m benchmarks.training`.

Trains a model as `training.train` does, and the same network by a plain loop (float32, NCHW, pictures in
memory), in turns, so that both meet the same machine. Prints milliseconds and their ratio. Readings and
pictures are random: a step's cost does not depend on what they show.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from pathlib import Path
from typing import Annotated

import numpy as np
import torch
import typer
from rich.console import Console
from rich.table import Table
from torch import nn

from gas_fusion_ros.model.networks.registry import build
from gas_fusion_ros.model.networks.shape import Shape
from training.command_line import options
from training.data.images import Images, Thermal
from training.data.splits import Split
from training.fitting.catalog import Model, load_model
from training.fitting.fit import Machine, fit, threads
from training.fitting.material import Material
from training.fitting.step_times import StepTimes

CONSOLE = Console()
ROWS = 1024
CLASSES, CHANNELS = 4, 7


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


def fresh_network(model: Model) -> nn.Module:
    """Build the model's network."""
    assert model.preparation is not None
    assert model.hyperparameters.image_size is not None
    shape = Shape(CLASSES, CHANNELS, model.preparation.channels, model.hyperparameters.image_size)
    return build(model.architecture, shape)


def train_steps(
    model: Model, material: Material, steps: int, machine: Machine, times: StepTimes, folder: Path
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


def main(
    model: Annotated[str, typer.Option(help="A model with pictures.")] = "fusion1_field",
    rounds: Annotated[int, typer.Option(min=1, help="Turns of each.")] = 4,
    steps: Annotated[int, typer.Option(min=1, max=ROWS // 64, help="Steps per turn.")] = 8,
    cpu_threads: options.ThreadsOption = None,
    workers: options.WorkersOption = 0,
) -> None:
    """Time training steps beside plain torch on the CPU."""
    chosen = load_model(model)
    machine = Machine("cpu", threads=options.thread_count(cpu_threads), workers=workers)
    times, plain = StepTimes(), []
    with tempfile.TemporaryDirectory() as folder, threads(machine.threads):
        material = random_material(chosen, Path(folder))
        for turn in range(rounds):
            plain += plain_steps(chosen, material, steps)
            train_steps(chosen, material, steps, machine, times, Path(folder) / str(turn))
    CONSOLE.print(f"{chosen.title}, batch {chosen.hyperparameters.batch}, {machine.threads} threads")
    CONSOLE.print(table(times, plain))


if __name__ == "__main__":
    typer.run(main)
