"""The report over all runs: the paper's tables with ours beside them, as Markdown and as one HTML file."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from gas_fusion_ros.base.files import write_whole
from gas_fusion_ros.report.page import page_environment
from training.figures import draw_comparison, draw_confusion, draw_curves
from training.results import AnyResult, RunResult
from training.splits import BLOCKED, RANDOM
from training.summary import Comparison, PaperFigures, Protocol, comparisons
from training.tables import (
    Table,
    cost_table,
    protocol_table,
    score_table,
    shared_hyperparameters,
    table_name,
)

REPORT = "report"
"""The files' name, without suffix."""
FIGURES = "figures"

_TEMPLATE = "report.html.jinja"
_OWN_PICTURES = "table[456]-*.png"
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


@dataclass(frozen=True)
class Picture:
    """A PNG file of the report."""

    name: str
    subject: str
    caption: str
    png: bytes

    @property
    def base64(self) -> str:
        """The file as the text that a data URL takes."""
        return base64.b64encode(self.png).decode("ascii")


@dataclass(frozen=True)
class Section:
    """A heading with what stands below it, in this order."""

    heading: str
    paragraphs: tuple[str, ...]
    tables: tuple[Table, ...] = ()
    pictures: tuple[Picture, ...] = ()
    code: tuple[str, ...] = ()


@dataclass(frozen=True)
class Report:
    """All that both files say."""

    title: str
    sections: tuple[Section, ...]


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
    markdown, html = to_markdown(report), to_html(report)
    pictures = {picture.name: picture.png for section in report.sections for picture in section.pictures}
    figures = folder / FIGURES
    figures.mkdir(parents=True, exist_ok=True)
    for name, png in pictures.items():
        write_whole(figures / name, png)
    write_whole(folder / f"{REPORT}.md", markdown.encode())
    write_whole(folder / f"{REPORT}.html", html.encode())
    # What an earlier report showed and this one does not.
    for path in figures.glob(_OWN_PICTURES):
        if path.name not in pictures:
            path.unlink()


def compose(
    results: Sequence[RunResult], paper: Mapping[str, PaperFigures | None], commands: Sequence[str]
) -> Report:
    """Put the report together; nothing is written."""
    compared = comparisons(results, paper)
    overview = Section("", _INTRODUCTION, (protocol_table(results),) if results else ())
    return Report(_TITLE, (overview, *map(_section, compared), sources(results, commands)))


def to_html(report: Report) -> str:
    """The report as one HTML file that needs no other."""
    environment = page_environment(Path(__file__).parent)
    return environment.get_template(_TEMPLATE).render(title=report.title, report=report)


def to_markdown(report: Report) -> str:
    """The report as Markdown, with tables as GitHub has them."""
    parts = [f"# {_escaped(report.title)}"]
    for section in report.sections:
        parts += [f"## {_escaped(section.heading)}"] if section.heading else []
        parts += map(_escaped, section.paragraphs)
        parts += map(_markdown_table, section.tables)
        parts += map(_markdown_picture, section.pictures)
        parts += map(_fenced, section.code)
    return "\n\n".join(parts) + "\n"


def _section(comparison: Comparison) -> Section:
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
    return Section(
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


def _pictures(comparison: Comparison, name: str) -> Iterable[Picture]:
    thermal = "" if comparison.thermal == "none" else f"-{comparison.thermal}"
    stem = f"table{comparison.table}{thermal}"
    caption = f"{name}. Accuracy by protocol. Black: the paper, on its random split."
    yield Picture(f"{stem}-accuracy.png", "accuracy by protocol", caption, draw_comparison(comparison))
    for protocol in comparison.protocols:
        if protocol.name in (RANDOM, BLOCKED):
            file = f"{stem}-confusion-{_slug(protocol)}.png"
            caption = f"{name}, {protocol.heading}. Confusion over all runs, percent of the true class."
            yield Picture(file, "confusion matrices", caption, draw_confusion(comparison, protocol))
    first = comparison.protocols[0]
    curves = draw_curves(comparison, first)
    if curves is not None:
        caption = f"{name}, {first.heading}. Training, a line for each run."
        yield Picture(f"{stem}-training-{_slug(first)}.png", "training curves", caption, curves)


def _slug(protocol: Protocol) -> str:
    return f"{protocol.name}{protocol.fraction * 100:g}-{protocol.embargo}"


def sources(results: Sequence[AnyResult], commands: Sequence[str]) -> Section:
    """Return the section that says what results were made from, and by which commands."""
    files = dict.fromkeys((result.data_file, result.data_sha256) for result in results)
    versions = dict.fromkeys(result.code_version for result in results)
    paragraphs = [f"Readings: {name}, sha256 {sha256}." for name, sha256 in files]
    if versions:
        paragraphs.append(f"Code version: {', '.join(versions)}. Runs: {len(results)}.")
    else:
        paragraphs.append("No run is finished.")
    code = ("\n".join(commands),) if commands else ()
    return Section("Data, code and commands", tuple(paragraphs), code=code)


def _markdown_table(table: Table) -> str:
    headings = (
        f"{group}\n{column}" if group else column
        for group, column in zip(table.groups, table.columns, strict=True)
    )
    lines = [f"**{_escaped(table.caption)}**", "", _markdown_row(headings), "|---" * len(table.columns) + "|"]
    for block in table.blocks:
        if block.heading:
            lines.append(f"| *{_escaped(block.heading)}* " + "| " * (len(table.columns) - 1) + "|")
        lines += map(_markdown_row, block.rows)
    return "\n".join(lines)


def _markdown_row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(_escaped(cell) for cell in cells)} |"


def _markdown_picture(picture: Picture) -> str:
    return f"![{picture.subject}]({FIGURES}/{picture.name})\n\n{_escaped(picture.caption)}"


def _fenced(text: str) -> str:
    fence = "`" * max(3, 1 + max(map(len, re.findall("`+", text)), default=0))
    return f"{fence}\n{text}\n{fence}"


def _escaped(text: str) -> str:
    """Keep Markdown from reading a name as markup; a line break becomes `<br>`."""
    return "<br>".join(re.sub(r"([\\`*_\[\]<>|&$~#])", r"\\\1", line) for line in text.splitlines())
