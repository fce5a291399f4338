"""All runs that are asked for, and what is written over all that are finished."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

from training.command_line.options import CONSOLE
from training.command_line.output_folder import noted_commands
from training.command_line.parallel import run_each
from training.command_line.study import result_line
from training.fitting.catalog import all_models
from training.fitting.fit import Machine
from training.fitting.runs import RUNS, Study, TrainingRun, execute
from training.reproduce.report import write_report
from training.results.result_file import RESULTS, in_order, write_results
from training.results.run_result import RESULT, RunResult, read_result


def execute_all(
    runs: Sequence[TrainingRun], study: Study, machine: Machine, jobs: int
) -> Iterator[RunResult]:
    """Run all, `jobs` at a time, and yield each result as it comes; runs with branches come last."""
    for stage in (False, True):
        waiting = [run for run in runs if bool(run.model.branches) is stage]
        yield from run_each(partial(execute, study=study, machine=machine), waiting, jobs)


def collect(output: Path) -> list[RunResult]:
    """Read all finished runs of an output folder, in the order of the tables."""
    results = [read_result(path.parent) for path in (output / RUNS).glob(f"*/{RESULT}")]
    return in_order(results, (model.name for model in all_models()))


def summarise(output: Path) -> None:
    """Write results.json and the report over all finished runs of an output folder."""
    results = collect(output)
    write_results(output / RESULTS, results)
    measured = {result.model for result in results}
    paper = {model.name: model.paper for model in all_models() if model.name in measured}
    write_report(results, paper, output, noted_commands(output))


def reproduce(runs: Sequence[TrainingRun], study: Study, machine: Machine, jobs: int) -> None:
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
