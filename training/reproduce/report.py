"""The report over all runs: the paper's tables with ours beside them, as Markdown and as one HTML file."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from training.data.splits import BLOCKED, RANDOM
from training.fitting.catalog import PaperFigures
from training.report.document import REPORT, ReportPicture, ReportSection, ResultsReport, sources
from training.report.files import write_files
from training.report.html import to_html
from training.report.markdown import to_markdown
from training.report.protocols import Protocol
from training.reproduce.figures import draw_comparison, draw_confusion, draw_curves
from training.reproduce.summary import Comparison, comparisons
from training.reproduce.tables import (
    cost_table,
    protocol_table,
    score_table,
    shared_hyperparameters,
    table_name,
)
from training.results.run_result import RunResult

PAPER_PICTURES = "table[456]-*.png"
"""Glob of the sections' pictures."""
_TITLE = "Gas classes from sensors, thermal images and both: results"
_INTRODUCTION = (
    "Every figure is measured on test rows, by a model trained anew for that split and seed. The paper is "
    "Ahn, Kim, Kim (2023); it reports one random split. Beside it stand our mean, the range from the lowest "
    "to the highest and the number of seeds; of the blocked split the mean and the worst over the positions "
    "of the test block. A dash is a figure that was not measured, or that the paper does not report.",
    "A random split flatters every model: rows are in time order, so a test row's neighbours are in "
    "training. The other protocols hold stretches of time out: read those to judge how a model does on a "
    "time it has not seen.",
)
_THERMAL = {
    "rendered": "thermal: rendered. These figures do not measure real pictures: the simulation's camera drew "
    "them for each row's class. They compare models among each other, and stand beside the paper's only to "
    "show which row is which.",
    "real": "thermal: real. The pictures are the data set's.",
}


def write_report(
    results: Sequence[RunResult],
    paper: Mapping[str, PaperFigures | None],
    folder: Path,
    commands: Sequence[str],
) -> None:
    """Write `report.md` with its pictures in `figures/`, and `report.html` with the pictures inside.

    Each file is written whole or not at all, the pictures first.

    Args:
        results: finished runs.
        paper: the models in the order of the rows, with what the paper reports of them.
        folder: where to; made where it is missing.
        commands: what was given to make the runs.

    Raises:
        OSError: a file cannot be written.
    """
    report = compose(results, paper, commands)
    pages = {f"{REPORT}.md": to_markdown(report), f"{REPORT}.html": to_html(report)}
    write_files(report, pages, folder, PAPER_PICTURES)


def compose(
    results: Sequence[RunResult], paper: Mapping[str, PaperFigures | None], commands: Sequence[str]
) -> ResultsReport:
    """Put the report together; nothing is written."""
    overview = ReportSection("", _INTRODUCTION, (protocol_table(results),) if results else ())
    tables = paper_sections(results, paper)
    return ResultsReport(_TITLE, (overview, *tables, sources(results, commands)))


def paper_sections(
    results: Sequence[RunResult], paper: Mapping[str, PaperFigures | None]
) -> tuple[ReportSection, ...]:
    """Return a section for each of the paper's tables and each kind of pictures; see `write_report`."""
    return tuple(map(_section, comparisons(results, paper)))


def _section(comparison: Comparison) -> ReportSection:
    name = table_name(comparison)
    paragraphs = [_THERMAL[comparison.thermal]] if comparison.thermal in _THERMAL else []
    unusable = max(result.unusable_images for entry in comparison.measured for result in entry.results)
    if unusable:
        paragraphs.append(f"Rows in no part, as their picture is missing or unreadable: {unusable} at most.")
    cut = [entry.title for entry in comparison.measured if any(map(_was_cut_short, entry.results))]
    if cut:
        paragraphs.append(
            "Ended by the limit of epochs, not by validation, so that more training may do better: "
            f"{', '.join(cut)}."
        )
    shared = shared_hyperparameters(comparison)
    if shared:
        values = ", ".join(f"{key.replace('_', ' ')} {value}" for key, value in shared.items())
        paragraphs.append(f"Alike in all networks below: {values}.")
    return ReportSection(
        name,
        tuple(paragraphs),
        (
            score_table(comparison, ("accuracy", "macro_f1")),
            score_table(comparison, ("macro_precision", "macro_recall")),
            cost_table(comparison),
        ),
        tuple(_pictures(comparison, name)),
    )


def _was_cut_short(result: RunResult) -> bool:
    return 0 < result.hyperparameters["epochs"] <= result.epochs


def _pictures(comparison: Comparison, name: str) -> Iterable[ReportPicture]:
    thermal = "" if comparison.thermal == "none" else f"-{comparison.thermal}"
    stem = f"table{comparison.table}{thermal}"
    caption = f"{name}. Accuracy by protocol. Black: the paper, on its random split."
    yield ReportPicture(f"{stem}-accuracy.png", "accuracy by protocol", caption, draw_comparison(comparison))
    for protocol in comparison.protocols:
        if protocol.name in (RANDOM, BLOCKED):
            file = f"{stem}-confusion-{_slug(protocol)}.png"
            caption = f"{name}, {protocol.heading}. Confusion over all runs, percent of the true class."
            yield ReportPicture(file, "confusion matrices", caption, draw_confusion(comparison, protocol))
    first = comparison.protocols[0]
    curves = draw_curves(comparison, first)
    if curves is not None:
        caption = f"{name}, {first.heading}. Training, a line for each run."
        yield ReportPicture(f"{stem}-training-{_slug(first)}.png", "training curves", caption, curves)


def _slug(protocol: Protocol) -> str:
    return f"{protocol.name}{protocol.fraction * 100:g}-{protocol.embargo}"
