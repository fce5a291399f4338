"""The benchmark's tasks: run where they are not finished, and reported over all there are."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

from training.benchmark.alarm_lines import alarm_lines
from training.benchmark.contenders import CONTENDERS, Contender
from training.benchmark.figures import draw_alarms
from training.benchmark.picture_runs import run_with_pictures
from training.benchmark.report import write_report
from training.benchmark.runs import run_contender
from training.command_line.options import CONSOLE
from training.command_line.output_folder import noted_commands
from training.data.splits import FRACTION, STRICT, SplitSettings, split_settings
from training.fitting.fit import threads
from training.results.benchmark_result import BenchmarkResult, read_benchmark
from training.results.result_file import RESULTS, in_order, write_results
from training.temporal.bench import Bench
from training.temporal.fusion_training import PictureLessons

Results = list[BenchmarkResult]
RunAll = Callable[[Callable[["BenchmarkTask"], Results], Sequence["BenchmarkTask"]], Iterator[Results]]
"""Runs each task, and yields what comes of them as it comes: here, in processes, or on a cluster."""

PARTS = "parts"
"""Folder of what is finished, a file for each contender, split and seeds."""
DRAWN = "temporal_fusion"
"""The model whose alarms are drawn along the recording."""
STRICT_EMBARGO = 20
"""Windows on both sides of the strict protocol's block."""


@dataclass(frozen=True)
class BenchmarkTask:
    """One contender under one split, with all its seeds."""

    contender: Contender
    split: SplitSettings
    seeds: tuple[int, ...]

    def path(self, output: Path, bench: Bench) -> Path:
        """Where its results go: another file for other recipes, seeds or data."""
        content = repr(
            (self.contender.recipes, asdict(self.split), self.seeds, bench.data_sha256, bench.recording.array)
        )
        digest = hashlib.sha256(content.encode()).hexdigest()[:8]
        return output / PARTS / f"{self.contender.name}-{self.split.label}-{digest}.json"


def tasks(
    contenders: Iterable[Contender], splits: Iterable[SplitSettings], seeds: Sequence[int]
) -> list[BenchmarkTask]:
    """Return all tasks, the splits' order first."""
    return [BenchmarkTask(contender, split, tuple(seeds)) for split in splits for contender in contenders]


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


def run_task(
    task: BenchmarkTask, bench: Bench, lessons: PictureLessons | None, output: Path
) -> list[BenchmarkResult]:
    """Run a task and keep its results; a finished one is only read."""
    path = task.path(output, bench)
    if not path.is_file():
        with threads(1):
            if task.contender.pictures:
                assert lessons is not None  # loaded where a contender takes them
                results = run_with_pictures(bench, lessons, task.contender, task.split, task.seeds)
            else:
                results = run_contender(bench, task.contender, task.split, task.seeds)
            write_results(path, list(results))
    return read_benchmark(path)


def collect(output: Path) -> list[BenchmarkResult]:
    """Read all finished runs of an output folder, in the order of the contenders."""
    results = [result for path in (output / PARTS).glob("*.json") for result in read_benchmark(path)]
    return in_order(results, CONTENDERS)


def result_line(result: BenchmarkResult) -> str:
    """Say what a run scored, and what was chosen for it."""
    return (
        f"{result.run}: accuracy {result.accuracy:.4f} ({result.split.protocol}), {result.candidate}, "
        f"inner {result.inner_accuracy:.4f}"
    )


def compare(
    work: Sequence[BenchmarkTask],
    bench: Bench,
    lessons: PictureLessons | None,
    output: Path,
    run_all: RunAll,
) -> None:
    """Run all tasks that are not finished, and report over all there are, also where it is stopped.

    Args:
        work: the tasks.
        bench: what they are judged on.
        lessons: the pictures; None where no model sees any.
        output: the folder that is written.
        run_all: where they run.
    """
    waiting = [task for task in work if not task.path(output, bench).is_file()]
    CONSOLE.print(f"{len(waiting)} of {len(work)} tasks to go", highlight=False)
    run = partial(run_task, bench=bench, lessons=lessons, output=output.absolute())
    try:
        for number, results in enumerate(run_all(run, waiting), start=1):
            for result in results:
                CONSOLE.print(
                    f"{number}/{len(waiting)} {result_line(result)}", highlight=False, soft_wrap=True
                )
            write_results(output / RESULTS, collect(output))
    finally:
        results = collect(output)
        write_results(output / RESULTS, results)
        if results:
            lines = alarm_lines(results, DRAWN, bench)
            write_report(
                results,
                output,
                noted_commands(output),
                draw_alarms(lines, bench.dataset.channels) if lines else None,
            )
    CONSOLE.print(f"{output}/report.md", highlight=False, soft_wrap=True)
