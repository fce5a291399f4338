"""Compares windowed models on time they have not seen: `python -m training.benchmark`. See docs/benchmark.md.

Each model is chosen, calibrated and its alarm tuned inside training data; then it is tested once per seed, as
recorded and under faults. Stopped, the same command goes on where it was.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from gas_fusion_ros.base.observation import PAPER_CHANNELS
from training import options
from training.benchmark_alarms import alarm_lines
from training.benchmark_figures import draw_alarms
from training.benchmark_pictures import run_with_pictures
from training.benchmark_report import write_report
from training.benchmark_results import BenchmarkResult, read_benchmark, write_benchmark
from training.benchmark_runs import Bench, run_contender
from training.contenders import CONTENDERS, Contender, choose_contenders
from training.dataset_check import check_readings
from training.fitting import threads
from training.fusion_fitting import ThermalSettings
from training.fusion_training import load_fusion_images
from training.images import Images
from training.parallel import run_each
from training.reproduce import (
    COMMANDS,
    MOST_FINDINGS,
    POSITIONS,
    make_output,
    note_command,
    read_readings,
    split_settings,
)
from training.results import RESULTS
from training.splits import BLOCKED, EMBARGO, FRACTION, STRICT, SplitSettings

CONSOLE = Console()
PARTS = "parts"
"""Folder of what is finished, a file for each contender, split and seeds."""
DRAWN = "temporal_fusion"
"""The model whose alarms are drawn along the recording."""
STRICT_EMBARGO = 20
"""Windows on both sides of the strict protocol's block."""


@dataclass(frozen=True)
class Task:
    """One contender under one split, with all its seeds."""

    contender: Contender
    split: SplitSettings
    seeds: tuple[int, ...]

    def path(self, output: Path, bench: Bench) -> Path:
        """Where its results go: another file for other recipes, seeds or data."""
        content = repr((self.contender.recipes, asdict(self.split), self.seeds, bench.data_sha256))
        digest = hashlib.sha256(content.encode()).hexdigest()[:8]
        place = "" if self.split.position is None else f"{self.split.position:g}"
        return output / PARTS / f"{self.contender.name}-{self.split.name}{place}-{digest}.json"


def tasks(
    contenders: Iterable[Contender], splits: Iterable[SplitSettings], seeds: Sequence[int]
) -> list[Task]:
    """Return all tasks, the splits' order first."""
    return [Task(contender, split, tuple(seeds)) for split in splits for contender in contenders]


def benchmark_splits(
    names: Sequence[str], positions: Sequence[float], fraction: float | None, embargo: int
) -> list[SplitSettings]:
    """Return the splits asked for; the strict protocol keeps its own share and embargo.

    Raises:
        SplitError: a name or a number is none that a split can have.
    """
    others = [name for name in names if name != STRICT]
    splits = split_settings(others, positions, fraction, embargo)
    if STRICT in names:
        splits.append(SplitSettings(STRICT, FRACTION, None, STRICT_EMBARGO))
    return splits


def run_task(task: Task, bench: Bench, images: Images | None, output: Path) -> list[BenchmarkResult]:
    """Run a task and keep its results; a finished one is only read."""
    path = task.path(output, bench)
    if not path.is_file():
        with threads(1):
            if task.contender.pictures:
                assert images is not None  # loaded where a contender takes them
                results = run_with_pictures(bench, images, task.contender, task.split, task.seeds)
            else:
                results = run_contender(bench, task.contender, task.split, task.seeds)
            write_benchmark(path, list(results))
    return read_benchmark(path)


def collect(output: Path) -> list[BenchmarkResult]:
    """Read all finished runs of an output folder, in the order of the contenders."""
    order = {name: place for place, name in enumerate(CONTENDERS)}
    results = [result for path in (output / PARTS).glob("*.json") for result in read_benchmark(path)]
    return sorted(
        results,
        key=lambda result: (
            order.get(result.model, len(order)),
            result.split.name,
            result.split.position or 0.0,
            result.seed,
        ),
    )


def result_line(result: BenchmarkResult) -> str:
    """Say what a run scored, and what was chosen for it."""
    return (
        f"{result.run}: accuracy {result.accuracy:.4f} ({result.split.protocol}), {result.candidate}, "
        f"inner {result.inner_accuracy:.4f}"
    )


def main(
    output: Annotated[Path, typer.Option(help="Folder for results.json and report.")],
    models: Annotated[
        str, typer.Option(help="Models with commas between, or all.")
    ] = "temporal_fusion,knn_window,extra_trees_window",
    data: options.DataOption = None,
    channels: options.ChannelsOption = None,
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
) -> None:
    """Compare windowed models under splits by time."""
    with options.refusing("training.benchmark"):
        chosen = choose_contenders(options.listed("--models", models, str))
        splits = benchmark_splits(
            options.listed("--split", split, str),
            options.listed("--positions", positions, float),
            fraction,
            embargo,
        )
        dataset = read_readings(options.data_folder(data), options.channel_list(channels, PAPER_CHANNELS))
        bench = Bench.of(dataset)
        work = tasks(chosen, splits, options.seed_list(seeds))
        for task in work:
            _, outside = bench.held_out(task.split, task.seeds[0])
            list(outside.folds())
        images = None
        if any(contender.pictures for contender in chosen):
            images = load_fusion_images(dataset, thermal, ThermalSettings(), options.cache_folder(cache))
        make_output(output / PARTS)
        collect(output)
        note_command(output, "training.benchmark")
    options.print_notes(check_readings(dataset), most=MOST_FINDINGS)
    with options.stoppable("training.benchmark"):
        compare(work, bench, images, output, jobs)


def compare(work: Sequence[Task], bench: Bench, images: Images | None, output: Path, jobs: int) -> None:
    """Run all tasks that are not finished, and report over all there are, also where it is stopped."""
    waiting = [task for task in work if not task.path(output, bench).is_file()]
    CONSOLE.print(f"{len(waiting)} of {len(work)} tasks to go", highlight=False)
    run = partial(run_task, bench=bench, images=images, output=output)
    try:
        for number, results in enumerate(run_each(run, waiting, jobs), start=1):
            for result in results:
                CONSOLE.print(
                    f"{number}/{len(waiting)} {result_line(result)}", highlight=False, soft_wrap=True
                )
            write_benchmark(output / RESULTS, collect(output))
    finally:
        results = collect(output)
        write_benchmark(output / RESULTS, results)
        if results:
            lines = alarm_lines(results, DRAWN, bench)
            write_report(
                results,
                output,
                (output / COMMANDS).read_text(encoding="utf-8").splitlines(),
                draw_alarms(lines, bench.dataset.channels) if lines else None,
            )
    CONSOLE.print(f"{output}/report.md", highlight=False, soft_wrap=True)


if __name__ == "__main__":
    typer.run(main)
