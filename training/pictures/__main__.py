"""Draws a board of pictures, beside real ones: `python -m training.pictures --board OUT [--real DIR]`.

Real pictures are looked at and measured, and nothing is learned from them.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from training.command_line import options
from training.command_line.options import CONSOLE
from training.pictures.board import PAGE, Pair, write_board
from training.pictures.samples import drawn_samples, read_samples
from training.pictures.two_sample import TwoSampleFigures, nearest_drawn, tell_apart

SHOWN = 48
"""Drawn pictures on the board."""


def main(
    board: Annotated[
        Path, typer.Option(help=f"Folder for {PAGE}; a board there is replaced, its measures are counted on.")
    ],
    real: Annotated[
        list[Path] | None, typer.Option(help="Folder or file with real pictures; repeatable.")
    ] = None,
    drawn: Annotated[int, typer.Option(min=SHOWN, help="Pictures drawn to measure with.")] = 400,
    seed: Annotated[int, typer.Option(min=0, help="Of what is drawn.")] = 0,
) -> None:
    """Draw pictures, beside real ones where there are any, and say how well they are told apart."""
    with options.refusing("training.pictures"):
        samples = drawn_samples(drawn, seed)
        pairs: list[Pair] = []
        figures: TwoSampleFigures | None = None
        if real:
            found, problems = read_samples(real)
            options.print_notes(problems)
            figures = tell_apart(samples, found, seed)
            pairs = [Pair(*both) for both in zip(found, nearest_drawn(samples, found), strict=True)]
        number = write_board(board, samples[:SHOWN], pairs, figures)
    if figures is not None:
        CONSOLE.print(
            f"drawn and real are told apart with an AUC of {figures.auc:.2f}; chance gives "
            f"{figures.chance[0]:.2f} to {figures.chance[2]:.2f} (measure {number} of this folder)",
            highlight=False,
            soft_wrap=True,
        )
    CONSOLE.print(str(board / PAGE), highlight=False, markup=False, soft_wrap=True)


if __name__ == "__main__":
    typer.run(main)
