"""What the commands that train single networks share: data opened, pictures made ahead, a run in a line."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from training.command_line.options import CONSOLE
from training.data.dataset_check import check_published, check_readings
from training.data.images import Thermal, choose_thermal
from training.data.readings import read_readings
from training.fitting.catalog import Model
from training.fitting.runs import Study, TrainingRun, run_images
from training.results.run_result import RunResult

MOST_FINDINGS = 4
"""Differences from the published data that are printed; an own data set differs in many."""


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
    differences = check_published(dataset) if has_pictures else check_readings(dataset)
    findings = [*dataset.facts.told, *differences]
    if chosen is Thermal.RENDERED:
        findings.append("pictures are rendered: the results say nothing of real ones")
    return Study.of(dataset, output, cache, chosen), findings


def prepare_images(runs: Sequence[TrainingRun], study: Study) -> list[str]:
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


def result_line(result: RunResult) -> str:
    """Say what a run scored, under which protocol and with which pictures."""
    pictures = "" if result.thermal == Thermal.NONE.value else f", {result.thermal} thermal"
    return (
        f"{result.run}: accuracy {result.accuracy:.4f}, macro F1 {result.macro_f1:.4f} on test "
        f"({result.split.protocol}{pictures}); {result.epochs} epochs, {result.seconds:.0f} s"
    )
