"""A report as Markdown, with tables as GitHub has them."""

from __future__ import annotations

import re
from collections.abc import Iterable

from training.report.document import FIGURES, ReportPicture, ResultsReport
from training.report.tables import Table


def to_markdown(report: ResultsReport) -> str:
    """The report as Markdown, with tables as GitHub has them."""
    parts = [f"# {_escaped(report.title)}"]
    for section in report.sections:
        parts += [f"## {_escaped(section.heading)}"] if section.heading else []
        parts += map(_escaped, section.paragraphs)
        parts += map(_markdown_table, section.tables)
        parts += map(_markdown_picture, section.pictures)
        parts += map(_fenced, section.code)
    return "\n\n".join(parts) + "\n"


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


def _markdown_picture(picture: ReportPicture) -> str:
    return f"![{picture.subject}]({FIGURES}/{picture.name})\n\n{_escaped(picture.caption)}"


def _fenced(text: str) -> str:
    fence = "`" * max(3, 1 + max(map(len, re.findall("`+", text)), default=0))
    return f"{fence}\n{text}\n{fence}"


def _escaped(text: str) -> str:
    """Keep Markdown from reading a name as markup; a line break becomes `<br>`."""
    return "<br>".join(re.sub(r"([\\`*_\[\]<>|&$~#])", r"\\\1", line) for line in text.splitlines())
