"""Trains and tests models under the paper's protocol and others, and reports them beside the paper's figures.

`python -m training.reproduce --data DIR --models all --split random,blocked --seeds 0-4 --output OUT`
runs every model with every split and seed into `OUT/runs/`, and writes `OUT/results.json`, `OUT/report.md`
and `OUT/report.html` over all runs that are there. Stopped, it goes on where it was: finished runs are not
run again.
"""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from gas_fusion_ros.base.dataset import Dataset, DatasetError, MissingColumnError
from gas_fusion_ros.base.observation import PAPER_CHANNELS
from training import options
from training.catalog import Model, all_models, choose_models
from training.dataset_check import check_published, check_readings
from training.fitting import Machine
from training.images import Thermal, choose_thermal
from training.parallel import run_each
from training.report import write_report
from training.results import RESULT, RESULTS, RunResult, read_result, write_results
from training.runs import RUNS, Run, Study, check, execute, run_images, with_branches
from training.splits import BLOCKED, EMBARGO, FRACTION, HALF, RANDOM, SplitSettings

CONSOLE = Console()
COMMANDS = "commands.txt"
MOST_FINDINGS = 4
"""Differences from the published data that are printed; an own data set differs in many."""
POSITIONS = "0,0.2,0.4,0.6,0.8"
"""Where `blocked` holds its test block out: each fifth once."""


def split_settings(
    names: Iterable[str], positions: Sequence[float], fraction: float | None, embargo: int
) -> list[SplitSettings]:
    """Return the splits asked for; `blocked` once for each position.

    Raises:
        SplitError: a name or a number is none that a split can have.
    """
    settings = []
    for name in names:
        share = fraction if fraction is not None else FRACTION if name in (RANDOM, BLOCKED) else HALF
        if name == BLOCKED:
            settings += [SplitSettings(name, share, position, embargo) for position in positions]
        else:
            settings.append(SplitSettings(name, share, None, 0 if name == RANDOM else embargo))
    return settings


def read_readings(data: Path, channels: Sequence[str]) -> Dataset:
    """Read a folder's rows, which must be of two classes at least.

    Raises:
        DatasetError: they cannot be read, or there are no classes to tell apart.
    """
    try:
        dataset = Dataset.load(data, channels)
    except MissingColumnError as error:
        raise DatasetError(f"{error}; name the sensor columns there are by --channels") from error
    if dataset.classes == ("",):
        raise DatasetError(f"{dataset.csv_path.name} line 1: no column for the class; expected 'Gas'")
    if len(dataset.classes) < 2:
        raise DatasetError(
            f"{dataset.csv_path} has one class, {dataset.classes[0]}; training needs at least two"
        )
    return dataset


def open_study(
    data: Path, channels: Sequence[str], models: Sequence[Model], thermal: str, output: Path, cache: Path
) -> tuple[Study, list[str]]:
    """Read and check the data; nothing is written.

    Returns:
        The study, and what the data differ in from those published.

    Raises:
        DatasetError: the data cannot be read, or pictures are missing.
    """
    dataset = read_readings(data, channels)
    has_pictures = any(model.preparation is not None for model in models)
    chosen = choose_thermal(dataset, thermal) if has_pictures else Thermal.NONE
    findings = check_published(dataset) if has_pictures else check_readings(dataset)
    if chosen is Thermal.RENDERED:
        findings.append("pictures are rendered: the results say nothing of real ones")
    return Study.of(dataset, output, cache, chosen), findings


def prepare_images(runs: Sequence[Run], study: Study) -> list[str]:
    """Prepare all runs' pictures, so that no run waits for them.

    Returns:
        A line for each file that cannot be read.

    Raises:
        DatasetError: the pictures cannot be used.
    """
    unreadable: dict[str, None] = {}
    prepared: set[tuple[Any, ...]] = set()
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    progress = Progress(*columns, console=CONSOLE)
    try:
        for run in runs:
            shape = run.model.hyperparameters
            key = (run.model.preparation, shape.image_size, shape.takes)
            if run.model.preparation is None or key in prepared or run.is_finished(study):
                continue
            name = f"{study.thermal.value} pictures, {run.model.preparation.value}, {shape.image_size} pixels"
            bar = progress.add_task(name, total=len(study.dataset.rows), visible=False)

            def tick(bar: TaskID = bar) -> None:
                progress.start()
                progress.update(bar, advance=1, visible=True)

            images = run_images(run, study, tick)
            assert images is not None
            unreadable.update(dict.fromkeys(images.unreadable))
            prepared.add(key)
    finally:
        # Stopping what never started would print an empty line.
        if progress.live.is_started:
            progress.stop()
    return list(unreadable)


def execute_all(runs: Sequence[Run], study: Study, machine: Machine, jobs: int) -> Iterator[RunResult]:
    """Run all, `jobs` at a time, and yield each result as it comes; runs with branches come last."""
    for stage in (False, True):
        waiting = [run for run in runs if bool(run.model.branches) is stage]
        yield from run_each(partial(execute, study=study, machine=machine), waiting, jobs)


def make_output(output: Path) -> None:
    """Make the folder for runs and report.

    Raises:
        ValueError: there is a file in its place.
        OSError: it cannot be made.
    """
    try:
        output.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError):
        raise ValueError(f"--output {output}: there is a file in its place; expected a folder") from None


def collect(output: Path) -> list[RunResult]:
    """Read all finished runs of an output folder, in the order of the tables."""
    order = {model.name: model.order for model in all_models()}
    results = [read_result(path.parent) for path in (output / RUNS).glob(f"*/{RESULT}")]
    return sorted(
        results,
        key=lambda result: (order.get(result.model, len(order)), result.split.name, _place(result)),
    )


def _place(result: RunResult) -> tuple[float, int, str]:
    return result.split.position or 0.0, result.seed, result.run


def summarise(output: Path) -> None:
    """Write results.json and the report over all finished runs of an output folder."""
    results = collect(output)
    write_results(output / RESULTS, results)
    measured = {result.model for result in results}
    paper = {model.name: model.paper for model in all_models() if model.name in measured}
    commands = (output / COMMANDS).read_text(encoding="utf-8").splitlines()
    write_report(results, paper, output, commands)


def note_command(output: Path, programme: str) -> None:
    """Note the command as anyone can give it: folders of this machine say nothing to others."""
    words = _without_folders(sys.argv[1:])
    command = shlex.join(["python", "-m", programme, *words])
    path = output / COMMANDS
    known = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    if command not in known:
        path.write_text("\n".join([*known, command]) + "\n", encoding="utf-8")


_FOLDERS = {"--data": "DIR", "--output": "OUT", "--cache": "CACHE"}


def _without_folders(words: Sequence[str]) -> list[str]:
    shown: list[str] = []
    for word in words:
        name, equals, _ = word.partition("=")
        if shown and shown[-1] in _FOLDERS:
            shown.append(_FOLDERS[shown[-1]])
        elif equals and name in _FOLDERS:
            shown.append(f"{name}={_FOLDERS[name]}")
        else:
            shown.append(word)
    return shown


def result_line(result: RunResult) -> str:
    """Say what a run scored, under which protocol and with which pictures."""
    pictures = "" if result.thermal == Thermal.NONE.value else f", {result.thermal} thermal"
    return (
        f"{result.run}: accuracy {result.accuracy:.4f}, macro F1 {result.macro_f1:.4f} on test "
        f"({result.split.protocol}{pictures}); {result.epochs} epochs, {result.seconds:.0f} s"
    )


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
            Run(model, rows, seed) for rows in splits for seed in options.seed_list(seeds) for model in chosen
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


def reproduce(runs: Sequence[Run], study: Study, machine: Machine, jobs: int) -> None:
    """Run all that are not finished, and report over all there are, also where it is stopped."""
    waiting = [run for run in runs if not run.is_finished(study)]
    CONSOLE.print(f"{len(waiting)} of {len(runs)} runs to go", highlight=False)
    try:
        for number, result in enumerate(execute_all(waiting, study, machine, jobs), start=1):
            CONSOLE.print(f"{number}/{len(waiting)} {result_line(result)}", highlight=False, soft_wrap=True)
            write_results(study.output / RESULTS, collect(study.output))
    finally:
        summarise(study.output)
    CONSOLE.print(f"{study.output}/report.md  {study.output}/report.html", highlight=False, soft_wrap=True)


if __name__ == "__main__":
    typer.run(main)
