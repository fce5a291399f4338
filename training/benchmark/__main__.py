"""Compares windowed models on time they have not seen: `python -m training.benchmark`. See docs/benchmark.md.

Each model is chosen, calibrated and its alarm tuned inside training data; then it is tested once per seed, as
recorded and under faults. Stopped, the same command goes on where it was.
"""

from __future__ import annotations

from enum import Enum
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from gas_fusion_ros.base.observation import PAPER_CHANNELS
from gas_fusion_ros.base.shipped_files import DEFAULT_MODEL, find_bundle
from gas_fusion_ros.model.bundle import Bundle, Domain
from training.benchmark.contenders import choose_contenders
from training.benchmark.tasks import PARTS, RunAll, benchmark_splits, collect, compare, tasks
from training.command_line import options
from training.command_line.options import CONSOLE, POSITIONS
from training.command_line.output_folder import make_output, note_command, noted_commands
from training.command_line.parallel import ClusterError, run_each, run_each_remotely
from training.command_line.study import MOST_FINDINGS
from training.data.dataset_check import check_readings
from training.data.images import choose_thermal
from training.data.readings import array_of, read_readings
from training.data.splits import BLOCKED, EMBARGO
from training.fitting.fit import threads
from training.temporal.bench import Bench
from training.temporal.fusion_fitting import ThermalSettings
from training.temporal.fusion_training import prepare_lessons
from training.temporal.recipes import SHIPPED
from training.transfer.study import run_study, write_study


class Study(str, Enum):
    """What is measured."""

    WINDOWS = "windows"
    TRANSFER = "transfer"


def main(
    output: Annotated[Path, typer.Option(help="Folder for results.json and report.")],
    study: Annotated[
        Study, typer.Option(help="windows: models on held-out time; transfer: arrays that nobody trained on.")
    ] = Study.WINDOWS,
    bundle: Annotated[
        str, typer.Option(help="Model of `transfer`: a name below models/ or a folder.")
    ] = DEFAULT_MODEL,
    models: Annotated[
        str, typer.Option(help="Models with commas between, or all.")
    ] = "temporal_fusion,knn_window,extra_trees_window",
    data: options.DataOption = None,
    channels: options.ChannelsOption = None,
    domain: options.DomainOption = Domain.LOG_RATIO,
    array: options.ArrayOption = None,
    split: Annotated[
        str, typer.Option(help="Splits with commas between: blocked, forward, backward, strict.")
    ] = BLOCKED,
    positions: Annotated[str, typer.Option(help="Where `blocked` holds its test block out.")] = POSITIONS,
    fraction: options.FractionOption = None,
    embargo: options.EmbargoOption = EMBARGO,
    seeds: Annotated[str, typer.Option(help="Seeds: 0, 0,3 or 0-4.")] = "0",
    thermal: options.ThermalOption = "auto",
    cache: options.CacheOption = None,
    jobs: Annotated[int, typer.Option(min=1, help="Models at a time, a core each.")] = 1,
    scheduler: Annotated[
        str | None,
        typer.Option(help="Address of a dask scheduler whose workers train: tcp://host:8786."),
    ] = None,
) -> None:
    """Compare windowed models under splits by time, or what they make of other arrays."""
    if study is Study.TRANSFER:
        with options.stoppable("training.benchmark", "nothing was written"):
            _transfer(output, data, array, bundle, positions, seeds)
        return
    with options.refusing("training.benchmark"):
        chosen = choose_contenders(options.listed("--models", models, str))
        splits = benchmark_splits(
            options.listed("--split", split, str),
            options.listed("--positions", positions, float),
            fraction,
            embargo,
        )
        dataset = read_readings(options.data_folder(data), options.channel_list(channels, PAPER_CHANNELS))
        bench = Bench.of(dataset, array_of(dataset, domain, array))
        work = tasks(chosen, splits, options.seed_list(seeds))
        for task in work:
            _, outside = bench.held_out(task.split, task.seeds[0])
            list(outside.folds())
        is_shown = any(contender.pictures for contender in chosen)
        if is_shown:
            choose_thermal(dataset, thermal)
        make_output(output / PARTS)
        collect(output)
        note_command(output, "training.benchmark")
    options.print_notes(check_readings(dataset), most=MOST_FINDINGS)
    with options.stoppable("training.benchmark"):
        lessons = None
        if is_shown:
            folder, first = options.cache_folder(cache), options.seed_list(seeds)[0]
            lessons = prepare_lessons(dataset, thermal, ThermalSettings(), folder, first, _note)
        run_all: RunAll = partial(run_each, jobs=jobs)
        if scheduler is not None:
            run_all = partial(run_each_remotely, scheduler=scheduler)
        try:
            compare(work, bench, lessons, output, run_all)
        except ClusterError as error:
            options.ERRORS.print(f"training.benchmark: {error}", soft_wrap=True)
            raise typer.Exit(2) from None


def _note(text: str) -> None:
    CONSOLE.print(text, highlight=False, soft_wrap=True)


def _transfer(
    output: Path, data: Path | None, array: Path | None, model: str, positions: str, seeds: str
) -> None:
    with options.refusing("training.benchmark"):
        dataset = read_readings(options.data_folder(data), PAPER_CHANNELS)
        counts, log_ratio = (Bench.of(dataset, array_of(dataset, domain, array)) for domain in Domain)
        bundle = Bundle.load(find_bundle(model))
        make_output(output)
        note_command(output, "training.benchmark")
        with threads(1):
            result = run_study(
                counts,
                log_ratio,
                SHIPPED["patrols"],
                bundle,
                options.listed("--positions", positions, float),
                options.seed_list(seeds),
                CONSOLE.print,
            )
        write_study(result, bundle, output, noted_commands(output))
    CONSOLE.print(f"{output}/report.md", highlight=False, soft_wrap=True)


if __name__ == "__main__":
    typer.run(main)
