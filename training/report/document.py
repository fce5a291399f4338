"""What a report says, in sections with tables and pictures, before it is Markdown or HTML."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass

from training.report.tables import Table
from training.results.result_file import AnyResult

REPORT = "report"
"""The files' name, without suffix."""
FIGURES = "figures"


@dataclass(frozen=True)
class ReportPicture:
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
class ReportSection:
    """A heading with what stands below it, in this order."""

    heading: str
    paragraphs: tuple[str, ...]
    tables: tuple[Table, ...] = ()
    pictures: tuple[ReportPicture, ...] = ()
    code: tuple[str, ...] = ()


@dataclass(frozen=True)
class ResultsReport:
    """All that its files say."""

    title: str
    sections: tuple[ReportSection, ...]


def sources(results: Sequence[AnyResult], commands: Sequence[str]) -> ReportSection:
    """Return the section that says what results were made from, and by which commands."""
    files = dict.fromkeys((result.data_file, result.data_sha256) for result in results)
    versions = dict.fromkeys(result.code_version for result in results)
    paragraphs = [f"Readings: {name}, sha256 {sha256}." for name, sha256 in files]
    if versions:
        paragraphs.append(f"Code version: {', '.join(versions)}. Runs: {len(results)}.")
    else:
        paragraphs.append("No run is finished.")
    code = ("\n".join(commands),) if commands else ()
    return ReportSection("Data, code and commands", tuple(paragraphs), code=code)
