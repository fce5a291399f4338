"""What the pictures of all reports share: style, small panels, legends, a colour for each protocol."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Sequence
from itertools import cycle

import numpy as np
import numpy.typing as npt
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from gas_fusion_ros.report.figure_style import (
    BAND_COLOUR,
    BLUE,
    GREEN,
    GRID_COLOUR,
    ORANGE,
    PINK,
    SKY_BLUE,
    STYLE,
    TEXT_COLOUR,
    VERMILLION,
    figure_png,
)
from training.data.splits import BACKWARD, BLOCKED, FORWARD, RANDOM, STRICT
from training.report.protocols import Protocol

_SERIES = {
    RANDOM: (BLUE, "o"),
    BLOCKED: (VERMILLION, "s"),
    FORWARD: (GREEN, ">"),
    BACKWARD: (PINK, "<"),
    STRICT: (SKY_BLUE, "v"),
}
"""Colour and marker of a split, the same in every picture."""
_SPARE_SERIES = ((ORANGE, "D"), ("#F0E442", "P"), (TEXT_COLOUR, "X"))
"""For a split's second settings and those after."""
_STYLE = {
    **STYLE,
    # A name with dollar signs is no formula.
    "text.parse_math": False,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "legend.frameon": False,
    "figure.constrained_layout.use": True,
    "grid.color": GRID_COLOUR,
    "grid.linewidth": 0.8,
}
_WIDTH = 9.0
"""Inches: half as many pixels again as a README is wide."""
ACROSS = 4
"""Small pictures side by side."""
_TITLE_LETTERS = 24
"""Letters of a small picture's title per line."""

Draw = Callable[[Figure], None]


def to_png(height: float, draw: Draw) -> bytes:
    """Return a picture of this height, inches, that `draw` draws."""
    return figure_png((_WIDTH, height), draw, _STYLE)


def panel_grid(figure: Figure, down: int) -> npt.NDArray[np.object_]:
    """Return small empty panels, shape (down, ACROSS)."""
    grid = figure.subplots(down, ACROSS, squeeze=False)
    for axes in grid.flat:
        axes.axis("off")
    return grid


def set_title(axes: Axes, title: str) -> None:
    """Give a small panel its title, over several lines where it is long."""
    axes.set_title(textwrap.fill(title, _TITLE_LETTERS), fontsize=9, fontweight="bold")


def name_rows(axes: Axes, names: Sequence[str]) -> None:
    """Make a panel's y axis a list of names from the top down, every other one on a band."""
    for y in range(0, len(names), 2):
        axes.axhspan(y - 0.5, y + 0.5, color=BAND_COLOUR, linewidth=0, zorder=0)
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.set_yticks(range(len(names)), names)
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="x")
    axes.set_axisbelow(True)


def draw_legend(axes: Axes, handles: Sequence[Artist], columns: int) -> None:
    """Fill a panel with a legend."""
    axes.axis("off")
    axes.legend(handles=handles, loc="center left", ncol=columns, fontsize=9, borderaxespad=0)


def series_styles(protocols: Sequence[Protocol]) -> list[tuple[str, str]]:
    """Colour and marker for each protocol."""
    spare = cycle(_SPARE_SERIES)
    names = [protocol.name for protocol in protocols]
    return [next(spare) if name in names[:index] else _SERIES[name] for index, name in enumerate(names)]
