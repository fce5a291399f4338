"""A report's files, each whole or not at all."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from gas_fusion_ros.base.files import write_whole
from training.report.document import FIGURES, ResultsReport


def write_files(report: ResultsReport, pages: Mapping[str, str], folder: Path, own_pictures: str) -> None:
    """Write a report's pictures into `figures/`, then its pages.

    Args:
        report: whose pictures.
        pages: texts by the names of their files.
        folder: where to; made where it is missing.
        own_pictures: glob of the pictures that only such a report has: those of an earlier one are removed.

    Raises:
        OSError: a file cannot be written.
    """
    pictures = {picture.name: picture.png for section in report.sections for picture in section.pictures}
    figures = folder / FIGURES
    figures.mkdir(parents=True, exist_ok=True)
    for name, png in pictures.items():
        write_whole(figures / name, png)
    for name, text in pages.items():
        write_whole(folder / name, text.encode())
    for path in figures.glob(own_pictures):
        if path.name not in pictures:
            path.unlink()
