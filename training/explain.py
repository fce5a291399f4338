"""Shows what in the pictures decided: `python -m training.explain RUN --data DIR --output DIR`.

Grad-CAM on the last convolution layer of the run's thermal branch. OUTPUT then holds, for each chosen test
row, its input, its map and both over each other, and one sheet with them all, `gradcam.png`.
"""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import numpy.typing as npt
import torch
import typer
from PIL import Image, ImageDraw, ImageFont

from gas_fusion_ros.base.observation import Mode
from gas_fusion_ros.model.networks.grad_cam import Explainer, Map
from gas_fusion_ros.model.pseudo_colour import heat_colours, heat_overlay
from training.command_line import options
from training.command_line.options import CONSOLE
from training.data.images import Thermal
from training.fitting.material import as_inputs
from training.fitting.runs import Answers
from training.fitting.trained import TrainedRun, load_inputs, load_run

SHEET = "gradcam.png"
SHEET_COLOURS = 256
"""Of the sheet's palette: a picture of noise in full colour weighs three times as much."""

Picture = npt.NDArray[np.uint8]


class ExplainError(ValueError):
    """A run or row cannot be explained; the message names it and what would be right."""


@dataclass(frozen=True)
class Explanation:
    """One test row, explained.

    Attributes:
        row: index into the rows of the data set.
        truth: its class.
        verdict: the class that the network gives it, which the map is of.
        probability: the verdict's, by the network's softmax.
        picture: shape (S, S, 3), uint8, RGB, the network's input.
        heat: shape (S, S), 0..1.
    """

    row: int
    truth: str
    verdict: str
    probability: float
    picture: Picture
    heat: Map

    @property
    def coloured(self) -> Picture:
        """The map in colours, shape (S, S, 3)."""
        return heat_colours(self.heat)

    @property
    def overlay(self) -> Picture:
        """The map over the picture, the stronger the more it covers, shape (S, S, 3)."""
        return heat_overlay(self.picture, self.heat)


def explain(run: TrainedRun, data: Path, rows: Sequence[int]) -> list[Explanation]:
    """Explain a run's verdicts on some rows.

    Args:
        run: one whose network takes pictures.
        data: folder of the data set that it was trained on.
        rows: indices into its rows.

    Raises:
        ExplainError: the run's network takes no pictures.
        DatasetError: the data set cannot be read.
        RunError: it is another one, or a picture cannot be read.
    """
    _check_pictures(run)
    inputs = as_inputs(load_inputs(run.result, data, rows).values)
    explainer = Explainer(run.network, run.result.architecture)
    labels = dict(zip(run.test.rows.tolist(), run.test.labels.tolist(), strict=True))
    explanations = []
    for position, row in enumerate(rows):
        own = [value[position : position + 1] for value in inputs]
        with torch.inference_mode():
            logits = run.network(*own)[0]
        verdict = int(logits.argmax())
        explanations.append(
            Explanation(
                row=row,
                truth=run.result.classes[labels[row]],
                verdict=run.result.classes[verdict],
                probability=float(logits.softmax(dim=0)[verdict]),
                picture=_as_rgb(own[-1][0]),
                heat=explainer.heat([value.numpy() for value in own], verdict),
            )
        )
    return explanations


def choose_rows(run: TrainedRun, rows: Sequence[int], per_class: int) -> list[int]:
    """Return the test rows to explain: `rows` where there are any, else some of each class.

    The ones of a class are evenly spaced in time.

    Raises:
        ExplainError: the run's network takes no pictures, or a row is not one of its test rows.
    """
    _check_pictures(run)
    tested = run.test.rows.tolist()
    for row in rows:
        if row not in tested:
            raise ExplainError(
                f"--rows {row}: no test row of {run.result.run}; these are {_examples(tested)}"
            )
    return list(rows) or [
        row for label in range(len(run.result.classes)) for row in _spaced(run.test, label, per_class)
    ]


def _spaced(answers: Answers, label: int, count: int) -> list[int]:
    rows = sorted(answers.rows[answers.labels == label].tolist())
    places = (np.arange(count) + 0.5) * len(rows) / count
    return list(dict.fromkeys(rows[int(place)] for place in places if rows))


def _examples(rows: Sequence[int]) -> str:
    return f"{len(rows)} rows such as {', '.join(map(str, sorted(rows)[:3]))}"


def _check_pictures(run: TrainedRun) -> None:
    if run.mode is Mode.GAS_ONLY:
        raise ExplainError(
            f"{run.result.run} takes readings alone; Grad-CAM needs one of fusion or thermal_only"
        )


def _as_rgb(image: torch.Tensor) -> Picture:
    """Return a network's picture (I, S, S), 0..1, as (S, S, 3), uint8; a field becomes grey."""
    pixels = np.rint(255 * image.permute(1, 2, 0).numpy()).astype(np.uint8)
    return np.ascontiguousarray(np.broadcast_to(pixels, (*pixels.shape[:2], 3)))


_TILE, _GAP, _LINE = 160, 8, 18
_EXAMPLE = 3 * (_TILE + 2) + _GAP
_COLUMNS = 2
_INK, _WRONG = (40, 40, 40), (178, 24, 43)
_TITLES = ("input", "Grad-CAM", "overlay")


def contact_sheet(explanations: Sequence[Explanation], title: str) -> Image.Image:
    """Draw all explanations on one sheet, a class after the other, two to a line.

    Each is input, map and overlay over a line with truth, verdict and probability.
    """
    lines = _lines(explanations)
    columns = max(len(line) for line in lines)
    heading = textwrap.wrap(title, width=70 * columns)
    top = _GAP + _LINE * (len(heading) + 1)
    height = _TILE + _LINE + _GAP
    sheet = Image.new("RGB", (columns * _EXAMPLE + _GAP, top + len(lines) * height), "white")
    draw = ImageDraw.Draw(sheet)
    font = ImageFont.load_default(size=13)
    for number, text in enumerate(heading):
        draw.text((_GAP, _GAP + number * _LINE), text, _INK, font)
    for column in range(columns):
        for place, name in enumerate(_TITLES):
            draw.text((_left(column, place), top - _LINE), name, _INK, font)
    for number, line in enumerate(lines):
        for column, entry in enumerate(line):
            _draw(sheet, draw, font, entry, column, top + number * height)
    return sheet


def _lines(explanations: Sequence[Explanation]) -> list[list[Explanation]]:
    by_class: dict[str, list[Explanation]] = {}
    for entry in explanations:
        by_class.setdefault(entry.truth, []).append(entry)
    return [
        entries[start : start + _COLUMNS]
        for _, entries in sorted(by_class.items())
        for start in range(0, len(entries), _COLUMNS)
    ]


def _left(column: int, place: int) -> int:
    return _GAP + column * _EXAMPLE + place * (_TILE + 2)


def _draw(
    sheet: Image.Image,
    draw: ImageDraw.ImageDraw,
    font: ImageFont.FreeTypeFont | ImageFont.ImageFont,
    entry: Explanation,
    column: int,
    top: int,
) -> None:
    for place, picture in enumerate((entry.picture, entry.coloured, entry.overlay)):
        tile = Image.fromarray(picture).resize((_TILE, _TILE), Image.Resampling.LANCZOS)
        sheet.paste(tile, (_left(column, place), top))
    text = f"row {entry.row}: {entry.truth}; verdict {entry.verdict}, p {entry.probability:.3f}"
    ink = _INK if entry.truth == entry.verdict else _WRONG
    draw.text((_left(column, 0), top + _TILE + 1), text, ink, font)


def write_explanations(explanations: Sequence[Explanation], title: str, output: Path) -> None:
    """Write every explanation's three pictures, and the sheet, into `output`; made where it is missing.

    Raises:
        ExplainError: `output` cannot be written.
    """
    try:
        output.mkdir(parents=True, exist_ok=True)
        for entry in explanations:
            pictures = {"input": entry.picture, "map": entry.coloured, "overlay": entry.overlay}
            for kind, picture in pictures.items():
                Image.fromarray(picture).save(output / f"{entry.truth}_{entry.row}_{kind}.png")
        contact_sheet(explanations, title).quantize(SHEET_COLOURS).save(output / SHEET, optimize=True)
    except OSError as error:
        raise ExplainError(f"{output} cannot be written: {error}") from error


def _title(run: TrainedRun) -> str:
    result = run.result
    rendered = ", rendered thermal" if result.thermal == Thermal.RENDERED.value else ""
    return f"{result.title}: {result.split.protocol}, seed {result.seed}{rendered}"


def main(
    run: Annotated[Path, typer.Argument(help="Folder of a finished run whose network takes pictures.")],
    output: Annotated[Path, typer.Option(help="Folder for the pictures.")],
    data: options.DataOption = None,
    rows: Annotated[
        list[int] | None, typer.Option(help="Test row to explain, from 0; repeatable. Default: --per-class.")
    ] = None,
    per_class: Annotated[int, typer.Option(min=1, help="Test rows of each class to explain.")] = 2,
) -> None:
    """Write what in the pictures decided, by Grad-CAM."""
    with options.refusing("training.explain"):
        trained = load_run(run)
        chosen = choose_rows(trained, rows or [], per_class)
        explanations = explain(trained, options.data_folder(data), chosen)
        write_explanations(explanations, _title(trained), output)
    CONSOLE.print(f"{len(explanations)} rows explained: {output / SHEET}", highlight=False, soft_wrap=True)


if __name__ == "__main__":
    typer.run(main)
