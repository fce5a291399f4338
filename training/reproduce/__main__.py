"""Trains and tests models under the paper's protocol and others, and reports them beside the paper's figures.

`python -m training.reproduce --data DIR --models all --split random,blocked --seeds 0-4 --output OUT`
runs every model with every split and seed into `OUT/runs/`, and writes `OUT/results.json`, `OUT/report.md`
and `OUT/report.html` over all runs that are there. Stopped, it goes on where it was: finished runs are not
run again.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gas_fusion_ros.base.observation import PAPER_CHANNELS
from training.command_line import options
from training.command_line.options import POSITIONS
from training.command_line.output_folder import make_output, note_command
from training.command_line.study import MOST_FINDINGS, open_study, prepare_images
from training.data.splits import EMBARGO, RANDOM, split_settings
from training.fitting.catalog import choose_models
from training.fitting.fit import Machine
from training.fitting.runs import TrainingRun, check, with_branches
from training.reproduce.study import collect, reproduce


def main(
    models: Annotated[
        str, typer.Option(help="Models with commas between, or all, gas_only, thermal_only, fusion.")
    ],
    output: Annotated[Path, typer.Option(help="Folder for runs, results.json and report.")],
    data: options.DataOption = None,
    split: Annotated[
        str, typer.Option(help="Splits with commas between: random, blocked, forward, backward.")
    ] = RANDOM,
    positions: Annotated[str, typer.Option(help="Where `blocked` holds its test block out.")] = POSITIONS,
    fraction: options.FractionOption = None,
    embargo: options.EmbargoOption = EMBARGO,
    seeds: Annotated[str, typer.Option(help="Seeds: 0, 0,3 or 0-4.")] = "0",
    channels: options.ChannelsOption = None,
    thermal: options.ThermalOption = "auto",
    settings: options.SetOption = None,
    cache: options.CacheOption = None,
    jobs: Annotated[int, typer.Option(min=1, help="Runs at a time; more than one for gas models.")] = 1,
    threads: options.ThreadsOption = None,
    workers: options.WorkersOption = 0,
    accelerator: options.AcceleratorOption = "auto",
    devices: options.DevicesOption = "1",
    nodes: options.NodesOption = 1,
    strategy: options.StrategyOption = "auto",
) -> None:
    """Train and test models under several splits and seeds, and report them beside the paper's figures."""
    # A progress bar for each run has room only where one runs at a time.
    bars = options.progress_bars() if jobs == 1 else ()
    machine = Machine(
        accelerator, devices, nodes, strategy, max(1, options.thread_count(threads) // jobs), workers, bars
    )
    with options.refusing("training.reproduce"):
        overrides = options.hyperparameters(settings)
        chosen = [
            model.with_overrides(overrides)
            for model in choose_models(options.listed("--models", models, str))
        ]
        splits = split_settings(
            options.listed("--split", split, str),
            options.listed("--positions", positions, float),
            fraction,
            embargo,
        )
        runs = with_branches(
            TrainingRun(model, rows, seed)
            for rows in splits
            for seed in options.seed_list(seeds)
            for model in chosen
        )
        study, findings = open_study(
            options.data_folder(data),
            options.channel_list(channels, PAPER_CHANNELS),
            chosen,
            thermal,
            output,
            options.cache_folder(cache),
        )
        for run in runs:
            check(run, study)
        unreadable = prepare_images(runs, study)
        # What cannot be written or read there is found out now, not after the first run.
        make_output(study.output)
        collect(study.output)
        note_command(study.output, "training.reproduce")
    options.print_notes(findings, most=MOST_FINDINGS)
    options.print_notes(unreadable)
    with options.stoppable("training.reproduce"):
        reproduce(runs, study, machine, jobs)


if __name__ == "__main__":
    typer.run(main)
