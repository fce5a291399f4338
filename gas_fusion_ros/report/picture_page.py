"""look.html: thermal pictures, each beside its field and what in it spoke, on one page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from gas_fusion_ros.base.files import write_whole
from gas_fusion_ros.inspection.picture import LookedAt, right_told
from gas_fusion_ros.model.pseudo_colour import Rgb, grey, heat_over_picture
from gas_fusion_ros.report.figure_style import PagePicture, row_png
from gas_fusion_ros.report.page import page_environment
from gas_fusion_ros.report.texts import percent_text

TILE_HEIGHT = 240
"""Of each picture, pixels."""
_GAP = 6
_COLOURS = 84
"""Of each of three pictures: with the gap's white they fit into one palette of 256."""


@dataclass(frozen=True)
class ShownPicture:
    """What the page shows of a picture: itself, its field, the map over it; and what is said of it."""

    looked: LookedAt
    picture: PagePicture
    probabilities: str


def write_picture_page(looked: Sequence[LookedAt], model: str, caveat: str, path: Path) -> None:
    """Write the page, whole or not at all.

    Args:
        looked: the pictures, in the order in which they are shown.
        model: name of the model that looked.
        caveat: why its verdicts are not to be relied on; empty without a reason.
        path: the file.

    Raises:
        OSError: it cannot be written.
    """
    page = page_environment().get_template("look.html.jinja")
    title = f"What {model} makes of pictures"
    html = page.render(title=title, caveat=caveat, right=right_told(looked), pictures=map(_shown, looked))
    write_whole(path, html.encode())


def _shown(looked: LookedAt) -> ShownPicture:
    by_class = sorted(looked.verdict.by_class.items(), key=lambda entry: -entry[1])
    return ShownPicture(
        looked,
        PagePicture(
            row_png(_tiles(looked), _GAP, _COLOURS),
            f"{looked.title}: the picture, its field, and what in it spoke ({looked.spoke_told})",
        ),
        ", ".join(f"{name} {percent_text(probability)}" for name, probability in by_class),
    )


def _tiles(looked: LookedAt) -> list[Rgb]:
    field = _tile(grey(looked.field))
    tiles = [_tile(_as_rgb(looked.pixels)), field]
    if looked.heat is not None:
        tiles.append(heat_over_picture(field, looked.heat))
    return tiles


def _as_rgb(pixels: npt.NDArray[np.generic]) -> Rgb:
    """Show a picture as it is: of one without colours, coldest black and hottest white."""
    if pixels.ndim == 3:
        return np.asarray(pixels, dtype=np.uint8)
    values = pixels.astype(np.float64)
    finite = np.isfinite(values)
    low, high = float(values[finite].min()), float(values[finite].max())
    shares = np.where(finite, (values - low) / max(high - low, 1e-9), 0.0)
    return grey(shares.astype(np.float32))


def _tile(rgb: Rgb) -> Rgb:
    height, width = rgb.shape[:2]
    size = (max(1, round(width * TILE_HEIGHT / height)), TILE_HEIGHT)
    method = cv2.INTER_AREA if height > TILE_HEIGHT else cv2.INTER_NEAREST
    return np.asarray(cv2.resize(rgb, size, interpolation=method), dtype=np.uint8)
