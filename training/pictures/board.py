"""board.html: real pictures each beside a drawn one, more drawn ones, and how well they are told apart."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from gas_fusion_ros.base.files import write_whole
from gas_fusion_ros.model.pseudo_colour import APP_PALETTE, Rgb, recolour
from gas_fusion_ros.report.figure_style import PagePicture, row_png
from gas_fusion_ros.report.page import page_environment
from training.pictures.samples import Sample
from training.pictures.two_sample import TwoSampleFigures

PAGE, MEASURES = "board.html", "measures.json"
TILE = 160
"""Side of a picture, pixels."""
_COLOURS = 60
"""Of each of four pictures in a row."""
_GAP = 6
PER_ROW = 4


class BoardError(ValueError):
    """A board's folder cannot be used; the message names the file."""


@dataclass(frozen=True)
class Pair:
    """A real picture and the drawn one whose statistics are nearest."""

    real: Sample
    drawn: Sample


def write_board(
    folder: Path, drawn: Sequence[Sample], pairs: Sequence[Pair], figures: TwoSampleFigures | None
) -> int:
    """Write the board into a folder, made where it is missing, and keep count of its measures.

    Args:
        folder: where it is written; a board there is replaced.
        drawn: pictures to show by themselves.
        pairs: real ones, each beside a drawn one.
        figures: how well they are told apart; None where that was not measured.

    Returns:
        How often drawn and real pictures have been told apart in this folder, this time included.

    Raises:
        BoardError: the folder's measures cannot be read.
        OSError: it cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    measures = _measures(folder / MEASURES)
    if figures is not None:
        moment = datetime.now(timezone.utc).isoformat(timespec="seconds")
        measures.append({"number": len(measures) + 1, "at": moment, **asdict(figures)})
        write_whole(folder / MEASURES, json.dumps(measures, indent=2).encode())
    page = page_environment(Path(__file__).parent).get_template("board.html.jinja")
    rows = [drawn[start : start + PER_ROW] for start in range(0, len(drawn), PER_ROW)]
    html = page.render(
        title="Drawn pictures beside real ones" if pairs else "Drawn pictures",
        pairs=[_shown((pair.real, pair.drawn)) for pair in pairs],
        rows=[_shown(row) for row in rows],
        figures=figures,
        number=len(measures),
    )
    write_whole(folder / PAGE, html.encode())
    return len(measures)


def coloured(sample: Sample, side: int = TILE) -> Rgb:
    """Show a picture as the data set's app colours it, shape (side, side, 3)."""
    resized = cv2.resize(sample.seen, (side, side), interpolation=cv2.INTER_LINEAR)
    return recolour(np.clip(np.asarray(resized, dtype=np.float32), 0.0, 1.0), APP_PALETTE)


def _measures(file: Path) -> list[dict[str, Any]]:
    if not file.exists():
        return []
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise BoardError(f"{file} is no JSON ({error}); name another folder") from None
    if not isinstance(found, list):
        raise BoardError(f"{file} holds no list; name another folder")
    return found


@dataclass(frozen=True)
class _Row:
    picture: PagePicture
    names: tuple[str, ...]


def _shown(samples: Sequence[Sample]) -> _Row:
    names = tuple(sample.name for sample in samples)
    png = row_png([coloured(sample) for sample in samples], _GAP, _COLOURS)
    return _Row(PagePicture(png, "; ".join(names)), names)
