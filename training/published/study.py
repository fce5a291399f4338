"""The run over the published folder: its units where they are not finished, and what is written over all."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from gas_fusion_ros.base.dataset import DatasetError
from gas_fusion_ros.model.bundle import MANIFEST, file_sha256
from gas_fusion_ros.report.texts import count_text, duration_text
from training.command_line.options import CONSOLE
from training.command_line.output_folder import noted_commands
from training.command_line.study import prepare_images
from training.fitting.catalog import Model
from training.fitting.fit import Machine
from training.fitting.runs import Study, TrainingRun, check
from training.fitting.step_times import Pace, measure_pace
from training.published.carry_over import read_carry_over
from training.published.folder import REMEDY, PublishedFolder
from training.published.progress import (
    Ticks,
    Timetable,
    expected_seconds,
    longest_seconds,
    progress_bar,
)
from training.published.report import Outcome, write_report
from training.published.units import BUNDLES, USUAL_EPOCHS, Training, Unit
from training.report.document import REPORT
from training.reproduce.study import collect
from training.results.result_file import RESULTS, read_json, write_json

SUBJECT = "subject.json"
"""In the output folder: which readings, pictures and settings its results are of."""


class OtherSubjectError(ValueError):
    """An output folder holds results of another subject; the message names it."""


def keep_subject(folder: PublishedFolder, overrides: Mapping[str, Any], output: Path) -> None:
    """Note what an output folder is about, or see that it is about this: figures of two are never averaged.

    Raises:
        OtherSubjectError: it is about something else.
        ResultError: what it says cannot be read.
    """
    path = output / SUBJECT
    subject = {
        "readings_sha256": file_sha256(folder.dataset.csv_path),
        "pictures_sha256": folder.pictures_sha256,
        "settings": dict(overrides),
    }
    known = read_json(path) if path.exists() else subject
    other = ", ".join(name.removesuffix("_sha256") for name in subject if known.get(name) != subject[name])
    if other:
        raise OtherSubjectError(
            f"{output} holds results of other {other} than {folder.dataset.root} and the command have now; "
            "name another --output, or put them back as they were"
        )
    write_json(path, subject)


def check_all(units: Sequence[Unit]) -> None:
    """See that all trainings can run before anything is written.

    Raises:
        SplitError: the data set has too few rows.
        ValueError: the picture is too small for a network.
    """
    for run, study in _trainings(units):
        check(run, study)


def prepare_all(units: Sequence[Unit]) -> list[str]:
    """Prepare the pictures of all units that are not finished.

    Returns:
        A line for each file that cannot be read.

    Raises:
        DatasetError: the pictures cannot be used.
    """
    waiting = _trainings([unit for unit in units if not unit.is_finished()])
    studies = {study.thermal: study for _, study in waiting}
    try:
        unreadable = [
            line
            for thermal, study in studies.items()
            for line in prepare_images([run for run, own in waiting if own.thermal is thermal], study)
        ]
    except DatasetError as error:
        raise DatasetError(f"{error}; {REMEDY}") from None
    return [
        f"{line}: its row is in no part; to have it too, {REMEDY}, with another --output"
        for line in unreadable
    ]


def _trainings(units: Sequence[Unit]) -> list[tuple[TrainingRun, Study]]:
    """Return the trainings that start from nothing; each fine-tuning has one of them like it."""
    return [(unit.of, unit.study) for unit in units if isinstance(unit, Training)]


def measure_paces(units: Sequence[Unit], machine: Machine) -> dict[Model, Pace]:
    """Measure a few steps of each model that is still to be trained.

    Raises:
        DatasetError: the run's pictures cannot be prepared.
    """
    trainings = {run.model: (run, study) for run, study in _trainings(units)}
    wanted = dict.fromkeys(unit.work.model for unit in units if not unit.is_finished())
    return {
        model: measure_pace(*trainings[model], machine)
        for model in wanted
        if not (model.branches or model.is_yardstick)
    }


def run_all(units: Sequence[Unit], machine: Machine, folder: PublishedFolder, output: Path) -> None:
    """Run all units that are not finished, and report over all there are, also where it is stopped."""
    waiting = [unit for unit in units if not unit.is_finished()]
    CONSOLE.print(f"{len(waiting)} of {count_text(len(units), 'unit')} to go", highlight=False)
    try:
        if waiting:
            CONSOLE.print("measuring a few steps of each network", highlight=False)
            _run(waiting, measure_paces(units, machine), machine, folder, output)
    finally:
        summarise(folder, output)
    CONSOLE.print(f"{output}/{REPORT}.md  {output}/{REPORT}.html", highlight=False, soft_wrap=True)


def _run(
    waiting: Sequence[Unit],
    paces: Mapping[Model, Pace],
    machine: Machine,
    folder: PublishedFolder,
    output: Path,
) -> None:
    for line in _stated(waiting, paces):
        CONSOLE.print(line, highlight=False, markup=False, soft_wrap=True)
    timetable = Timetable(expected_seconds(waiting, paces))
    began = time.monotonic()
    with progress_bar(timetable) as bar:
        for number, unit in enumerate(waiting, start=1):
            bar.show(f"{number}/{len(waiting)}")
            started = time.monotonic()
            unit.run(replace(machine, callbacks=(Ticks(bar, unit.work, paces),)))
            taken = time.monotonic() - started
            bar.finish(taken)
            write_json(output / RESULTS, outcome_of(folder, output).to_json())
            CONSOLE.print(
                f"{number}/{len(waiting)} {unit.name}: {duration_text(taken)}; "
                f"{duration_text(timetable.left)} to go",
                highlight=False,
                markup=False,
                soft_wrap=True,
            )
    CONSOLE.print(
        f"took {duration_text(time.monotonic() - began)}; stated were {duration_text(timetable.total)}",
        highlight=False,
    )


def _stated(waiting: Sequence[Unit], paces: Mapping[Model, Pace]) -> Iterator[str]:
    """Say what each model's step takes, and all of them together."""
    for model, pace in paces.items():
        yield (
            f"{model.title}: {pace.step_s:.3g} s a step of {model.hyperparameters.batch}, "
            f"{pace.row_s:.2g} s an answer"
        )
    usual, most = sum(expected_seconds(waiting, paces)), longest_seconds(waiting, paces)
    yield (
        f"about {duration_text(usual)} where validation stops trainings after {USUAL_EPOCHS} epochs, "
        f"{duration_text(most)} at most; stopped, the same command goes on where it was. Fewer --models or "
        "--positions, or --set epochs=, take less"
    )


def outcome_of(folder: PublishedFolder, output: Path) -> Outcome:
    """Read all that is finished in an output folder."""
    bundles = sorted(path.parent.name for path in (output / BUNDLES).glob(f"[!.]*/{MANIFEST}"))
    return Outcome(folder.origin, tuple(collect(output)), tuple(read_carry_over(output)), tuple(bundles))


def summarise(folder: PublishedFolder, output: Path) -> None:
    """Write results.json and the report over all that is finished in an output folder."""
    outcome = outcome_of(folder, output)
    write_json(output / RESULTS, outcome.to_json())
    write_report(outcome, output, noted_commands(output))
