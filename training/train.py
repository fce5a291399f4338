"""Trains and tests one model: `python -m training.train --model fusion1 --data DIR --output RUN`.

The folder RUN then holds `result.json`, `weights.safetensors`, `logits.npz` and TensorBoard's files;
`python -m training.export RUN` makes a bundle of it. Stopped, the same command goes on where it was. With
`--from models/NAME` it begins with the weights of a bundle, also of one for other classes and channels.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from gas_fusion_ros.base.observation import PAPER_CHANNELS
from training.command_line import options
from training.command_line.options import CONSOLE
from training.command_line.output_folder import make_output
from training.command_line.study import MOST_FINDINGS, open_study, prepare_images, result_line
from training.data.splits import BLOCKED, EMBARGO, RANDOM, split_settings
from training.fitting.catalog import Model, load_model
from training.fitting.fine_tuning import (
    Start,
    aligned,
    default_model,
    find_start,
    open_bundle,
    prepared_alike,
)
from training.fitting.fit import Machine
from training.fitting.runs import RUNS, TrainingRun, check, execute, with_branches


@dataclass(frozen=True)
class Beginning:
    """What is trained, on which channels, and from which weights; None stands for random ones."""

    model: Model
    channels: tuple[str, ...]
    start: Start | None = None


def choose_beginning(name: str | None, bundle_name: str | None, channels: str | None) -> Beginning:
    """Make out what is trained from what the command says.

    Args:
        name: `--model`; where it is missing, the model of the bundle's first network is meant.
        bundle_name: `--from`.
        channels: `--channels`; where they are missing, the bundle's are meant, without it the paper's.

    Raises:
        ValueError: model or bundle are unknown or do not fit each other, or channels cannot be an array's.
    """
    if bundle_name is None:
        if name is None:
            raise ValueError("no model: name one by --model, or a bundle to start from by --from")
        return Beginning(load_model(name), options.channel_list(channels, PAPER_CHANNELS))
    bundle = open_bundle(bundle_name)
    model = default_model(bundle) if name is None else load_model(name)
    start = find_start(bundle, model)
    wanted = aligned(options.channel_list(channels, bundle.channels), bundle.channels)
    return Beginning(prepared_alike(model, start), wanted, start)


def main(
    output: Annotated[Path, typer.Option(help="Folder; the run gets its own below OUTPUT/runs/.")],
    model: Annotated[
        str | None,
        typer.Option(
            help="Which model: a file's name in training/fitting/models/.",
            show_default="the first of the bundle",
        ),
    ] = None,
    bundle: Annotated[
        str | None,
        typer.Option(
            "--from", help="Bundle whose weights training begins with: its folder, or a shipped one's name."
        ),
    ] = None,
    data: options.DataOption = None,
    channels: Annotated[
        str | None,
        typer.Option(
            help=options.CHANNELS_HELP,
            show_default=f"the bundle's, else {','.join(PAPER_CHANNELS)}",
        ),
    ] = None,
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
        begun = choose_beginning(model, bundle, channels)
        chosen = begun.model.with_overrides(options.hyperparameters(settings))
        (rows,) = split_settings([split], [] if position is None else [position], fraction, embargo)
        runs = with_branches([TrainingRun(chosen, rows, seed, begun.start)])
        study, findings = open_study(
            options.data_folder(data),
            begun.channels,
            [chosen],
            thermal,
            output,
            options.cache_folder(cache),
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
