"""Trains and tests one model: `python -m training.train --model fusion1 --data DIR --output RUN`.

The folder RUN then holds `result.json`, `weights.safetensors`, `logits.npz` and TensorBoard's files;
`python -m training.export RUN` makes a bundle of it. Stopped, the same command goes on where it was.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from training import options
from training.catalog import load_model
from training.fitting import Machine
from training.reproduce import (
    MOST_FINDINGS,
    make_output,
    open_study,
    prepare_images,
    result_line,
    split_settings,
)
from training.runs import RUNS, Run, check, execute, with_branches
from training.splits import BLOCKED, EMBARGO, RANDOM

CONSOLE = Console()


def main(
    model: Annotated[str, typer.Option(help="Which model: a file's name in training/models/.")],
    output: Annotated[Path, typer.Option(help="Folder; the run gets its own below OUTPUT/runs/.")],
    data: options.DataOption = None,
    split: Annotated[str, typer.Option(help="random, blocked, forward or backward.")] = RANDOM,
    position: Annotated[
        float | None, typer.Option(help="Where `blocked` holds its test block out, 0 to 0.8.")
    ] = None,
    fraction: options.FractionOption = None,
    embargo: options.EmbargoOption = EMBARGO,
    seed: Annotated[int, typer.Option(min=0, help="Seed of split, weights and order.")] = 0,
    thermal: options.ThermalOption = "auto",
    settings: options.SetOption = None,
    cache: options.CacheOption = None,
    threads: options.ThreadsOption = None,
    workers: options.WorkersOption = 0,
    accelerator: options.AcceleratorOption = "auto",
    devices: options.DevicesOption = "1",
    nodes: options.NodesOption = 1,
    strategy: options.StrategyOption = "auto",
) -> None:
    """Train and test one model."""
    machine = Machine(
        accelerator, devices, nodes, strategy, options.thread_count(threads), workers, options.progress_bars()
    )
    with options.refusing("training.train"):
        if split == BLOCKED and position is None:
            raise ValueError("the split 'blocked' needs --position: where its test block begins, 0 to 0.8")
        chosen = load_model(model).with_overrides(options.hyperparameters(settings))
        (rows,) = split_settings([split], [] if position is None else [position], fraction, embargo)
        runs = with_branches([Run(chosen, rows, seed)])
        study, findings = open_study(
            options.data_folder(data), [chosen], thermal, output, options.cache_folder(cache)
        )
        for run in runs:
            check(run, study)
        unreadable = prepare_images(runs, study)
        make_output(study.output)
    options.print_notes(findings, most=MOST_FINDINGS)
    options.print_notes(unreadable)
    with options.stoppable("training.train"):
        for run in runs:
            line = result_line(execute(run, study, machine))
            CONSOLE.print(f"{study.output}/{RUNS}/{line}", highlight=False, soft_wrap=True)


if __name__ == "__main__":
    typer.run(main)
