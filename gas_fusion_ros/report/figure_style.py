"""The look of every picture that a run leaves behind: colours, type, and how it becomes a small PNG."""

from __future__ import annotations

import base64
import math
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from gas_fusion_ros.base.observation import CLEAN_AIR, UNKNOWN

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from PIL import Image

# Okabe and Ito's palette, told apart with any colour vision; yellow left out, too faint for lines on white.
BLUE, VERMILLION, GREEN, PINK, SKY_BLUE, ORANGE = (
    "#0072B2",
    "#D55E00",
    "#009E73",
    "#CC79A7",
    "#56B4E9",
    "#E69F00",
)
LINE_COLOURS = (BLUE, VERMILLION, GREEN, PINK, SKY_BLUE, ORANGE, "#000000")
OTHER_GAS_COLOURS = (GREEN, PINK, VERMILLION, BLUE)
TEXT_COLOUR = "#24292F"
FAINT_COLOUR = "#8A949E"
GRID_COLOUR = "#EBEEF1"
BAND_COLOUR = "#F6F8FA"
UNKNOWN_COLOUR = FAINT_COLOUR

_CLEAN_COLOUR = "#E3E8EC"
_GAS_COLOURS = {"Mixture": ORANGE, "Perfume": SKY_BLUE, "Smoke": "#3D4852"}
STYLE: dict[Any, Any] = {
    "font.family": "DejaVu Sans",
    "font.size": 10,
    "text.color": TEXT_COLOUR,
    "axes.labelcolor": TEXT_COLOUR,
    "axes.edgecolor": "#C5CCD3",
    "xtick.color": TEXT_COLOUR,
    "ytick.color": TEXT_COLOUR,
}
_DOTS_PER_INCH = 144
_COLOURS = 128
"""Colours in a file's palette: a third of the size of full colour, and no line looks different."""


def class_colours(classes: Sequence[str]) -> dict[str, str]:
    """A colour for each class: faint for clean air, the same for the same gas in every picture."""
    spare = iter(OTHER_GAS_COLOURS * (len(classes) // len(OTHER_GAS_COLOURS) + 1))
    known = {CLEAN_AIR: _CLEAN_COLOUR, UNKNOWN: UNKNOWN_COLOUR, **_GAS_COLOURS}
    return {name: known[name] if name in known else next(spare) for name in dict.fromkeys(classes)}


def plain(text: str, letters: int = 24) -> str:
    """A foreign name as matplotlib shows it literally, cut to a number of letters.

    Dollar signs in it make no formula.
    """
    cut = text if len(text) <= letters else f"{text[: letters - 1]}\u2026"
    return cut.replace("$", r"\$")


def figure_png(
    size: tuple[float, float], draw: Callable[[Figure], None], style: dict[Any, Any] = STYLE
) -> bytes:
    """Return a picture as PNG.

    Args:
        size: width and height, inches.
        draw: draws into the empty figure.
        style: matplotlib's settings.
    """
    # Imported here: half a second that only a finished run has to spend.
    import matplotlib
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from PIL import Image

    with matplotlib.rc_context(style), warnings.catch_warnings():
        # A name in a script that the font lacks is drawn as boxes; the text beside the picture has it right.
        warnings.filterwarnings("ignore", message="Glyph")
        # Without pyplot: no window system, and no state that outlives the picture.
        figure = Figure(figsize=size, dpi=_DOTS_PER_INCH, facecolor="white")
        canvas = FigureCanvasAgg(figure)
        draw(figure)
        drawn = BytesIO()
        # Tight: long names beside the axes stay whole. Bare pixels: a PNG is made of the palette's alone.
        figure.savefig(drawn, format="rgba", bbox_inches="tight", pad_inches=0.12)
        extent = (int(canvas.renderer.width), int(canvas.renderer.height))
    return _packed(Image.frombytes("RGBA", extent, drawn.getvalue()))


def row_png(tiles: Sequence[npt.NDArray[np.uint8]], gap: int, colours: int) -> bytes:
    """Return pictures of one height side by side, as a PNG of few colours.

    Args:
        tiles: the pictures, each of shape (H, W, 3).
        gap: pixels between them, white.
        colours: of each picture, which has a palette of its own: none takes on another's colours.
    """
    from PIL import Image

    palette = [255, 255, 255]
    columns: list[npt.NDArray[np.uint8]] = []
    for tile in tiles:
        picture = Image.fromarray(np.ascontiguousarray(tile)).quantize(colours)
        if columns:
            columns.append(np.zeros((len(tile), gap), dtype=np.uint8))
        columns.append(np.asarray(picture) + np.uint8(len(palette) // 3))
        palette += (picture.getpalette() or [])[: 3 * colours]
    row = Image.fromarray(np.concatenate(columns, axis=1))
    row.putpalette(palette)
    return _saved(row)


def _packed(picture: Image.Image) -> bytes:
    return _saved(picture.convert("RGB").quantize(_COLOURS))


def _saved(picture: Image.Image) -> bytes:
    file = BytesIO()
    # What the highest level saves, a tenth, it takes five times as long for.
    picture.save(file, format="png", compress_level=6)
    return file.getvalue()


def tick_step(total_s: float) -> float:
    """Seconds between the ticks of a time line of `total_s` seconds: a round number, at most 12 of them."""
    steps = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400)
    return float(next((step for step in steps if total_s / step <= 12), math.ceil(total_s / 12)))


def minutes_text(seconds: float) -> str:
    """Minutes and seconds, as in 61:05."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02d}"


def hours_text(seconds: float) -> str:
    """Hours, minutes and seconds, as in 1:01:05."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}"


def time_text(seconds: float, total_s: float) -> str:
    """A time in a run of `total_s` seconds, with hours where the run has any."""
    return hours_text(seconds) if total_s >= 3600 else minutes_text(seconds)


@dataclass(frozen=True)
class PagePicture:
    """A PNG held in a page, and what it shows.

    Attributes:
        png: the file's bytes.
        alt: its content in words.
    """

    png: bytes
    alt: str

    @property
    def base64(self) -> str:
        """The file as the text that a data URL takes."""
        return base64.b64encode(self.png).decode("ascii")
