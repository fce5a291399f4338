"""The report over the published folder: carrying over, fine-tuning, the paper's tables, the bundle."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from training.data.images import Thermal
from training.fitting.catalog import all_models
from training.published.carry_over import CarryOver
from training.published.tables import carry_over_table, fine_tuning_table, recall_table
from training.published.units import BUNDLES
from training.report.document import REPORT, ReportSection, ResultsReport, sources
from training.report.files import write_files
from training.report.html import to_html
from training.report.markdown import to_markdown
from training.reproduce.report import PAPER_PICTURES, paper_sections
from training.reproduce.tables import protocol_table
from training.results.run_result import RunResult

FOLDER = "folder"
"""What pictures are called here that the folder holds: nobody can tell whether a camera made them."""
_FORMAT_VERSION = 1
_TITLE = "Gas classes from the pictures of a folder: carrying over, fine-tuning, the paper's tables"
_INTRODUCTION = (
    "Every figure is measured on test rows that the network has not seen, neither their readings nor "
    "pictures of them.",
    "A random split flatters: a test row's neighbours, 2 s away, are in training. The others hold stretches "
    "of time out.",
)
_CARRY_OVER = (
    "The networks have seen rendered pictures alone, each drawn for a training row's class. They are asked "
    "of the test rows twice: with pictures drawn likewise, and with the folder's. Four classes: guessing "
    "gives 0.25."
)
_FINE_TUNING = (
    "A network that has seen rendered pictures alone goes on with a share of the folder's; beside it the "
    "same network from random weights. The share is drawn at random in each class, of the rows of training "
    "and of those of validation; test rows are always all. Of 0 % nothing is learned: that is carrying over."
)


@dataclass(frozen=True)
class Outcome:
    """All that is finished in an output folder.

    Attributes:
        origin: what the pictures are.
        runs: all trainings.
        carried: networks that have seen rendered pictures alone, asked of the folder's.
        bundles: names of the bundles' folders.
    """

    origin: str
    runs: tuple[RunResult, ...]
    carried: tuple[CarryOver, ...]
    bundles: tuple[str, ...]

    @property
    def given(self) -> tuple[RunResult, ...]:
        """The trainings on the folder's own, their pictures called `FOLDER`."""
        own = (run for run in self.runs if run.thermal != Thermal.RENDERED.value)
        return tuple(
            replace(run, thermal=FOLDER) if run.thermal == Thermal.REAL.value else run for run in own
        )

    @property
    def tables(self) -> tuple[RunResult, ...]:
        """Those of the paper's tables: from random weights, with all rows."""
        return tuple(run for run in self.given if run.fine_tuned_from is None and run.share == 1)

    def to_json(self) -> dict[str, Any]:
        """Return all of it as JSON values."""
        rendered = [run for run in self.runs if run.thermal == Thermal.RENDERED.value]
        return {
            "format_version": _FORMAT_VERSION,
            "pictures": self.origin,
            "carry_over": [entry.to_json() for entry in self.carried],
            "runs": [run.to_json() for run in (*self.given, *rendered)],
            "bundles": [f"{BUNDLES}/{name}" for name in self.bundles],
        }


def write_report(outcome: Outcome, folder: Path, commands: Sequence[str]) -> None:
    """Write `report.md` with its pictures in `figures/`, and `report.html` with the pictures inside.

    Raises:
        OSError: a file cannot be written.
    """
    report = compose(outcome, commands)
    pages = {f"{REPORT}.md": to_markdown(report), f"{REPORT}.html": to_html(report)}
    write_files(report, pages, folder, PAPER_PICTURES)


def compose(outcome: Outcome, commands: Sequence[str]) -> ResultsReport:
    """Put the report together; nothing is written."""
    return ResultsReport(_TITLE, (*_sections(outcome), sources(outcome.runs, commands)))


def _sections(outcome: Outcome) -> Iterator[ReportSection]:
    protocols = (protocol_table(outcome.runs),) if outcome.runs else ()
    yield ReportSection("", (outcome.origin, *_INTRODUCTION), protocols)
    if outcome.carried:
        tables = (carry_over_table(outcome.carried), recall_table(outcome.carried))
        yield ReportSection("Carrying over from rendered pictures", (_CARRY_OVER,), tables)
    tuned = fine_tuning_table(outcome.given, outcome.carried)
    if tuned is not None:
        yield ReportSection("Fine-tuning", (_FINE_TUNING,), (tuned,))
    measured = {run.model for run in outcome.tables}
    yield from paper_sections(
        outcome.tables, {model.name: model.paper for model in all_models() if model.name in measured}
    )
    if outcome.bundles:
        paragraphs = (
            "Networks fine-tuned with all of the training pictures, and one of readings alone: "
            + ", ".join(f"{BUNDLES}/{name}" for name in outcome.bundles)
            + ". Each has its card beside it.",
        )
        yield ReportSection("Bundle", paragraphs)
