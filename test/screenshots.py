"""An app's screenshot taken apart: what tests compare fields and pictures with."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from gas_fusion_ros.model.pseudo_colour import Field, Palette, Rgb, find_palette, invert_palette

# What the app burns in, as parts of the picture's width and height.
_STRIP_RIGHT = 68 / 480
_LOCATION_LEFT, _LOCATION_TOP, _LOCATION_BOTTOM = 328 / 480, 44 / 640, 92 / 640
_LOGO_LEFT, _LOGO_TOP = 400 / 480, 596 / 640


@dataclass(frozen=True)
class InvertedScreenshot:
    """A screenshot taken apart into its field and its palette.

    Attributes:
        position: shape (H, W), where each pixel's colour stands along the bar, 0 cold .. 1 hot.
        palette: shape (256, 3), the bar's colours from cold to hot, 0..255.
        visible: shape (H, W), False where something is burnt in: elsewhere `position` is the field's.
    """

    position: Field
    palette: Palette
    visible: npt.NDArray[np.bool_]


def invert_screenshot(rgb: Rgb) -> InvertedScreenshot:
    """Take an app's screenshot, shape (H, W, 3), apart by its own colour bar.

    On the data set's screenshots `recolour` gives the visible pixels back within a mean absolute error of
    3 grey levels of 255; what is left are colours that image compression moved off the palette.

    Raises:
        ValueError: there is no colour bar along the left edge.
    """
    palette = find_palette(rgb)
    if palette is None:
        raise ValueError("the picture has no colour bar along its left edge; expected an app's screenshot")
    return InvertedScreenshot(invert_palette(rgb, palette), palette, _visible(*rgb.shape[:2]))


def _visible(height: int, width: int) -> npt.NDArray[np.bool_]:
    visible = np.ones((height, width), dtype=np.bool_)
    visible[:, : round(width * _STRIP_RIGHT)] = False
    location = slice(round(height * _LOCATION_TOP), round(height * _LOCATION_BOTTOM))
    visible[location, round(width * _LOCATION_LEFT) :] = False
    visible[round(height * _LOGO_TOP) :, round(width * _LOGO_LEFT) :] = False
    return visible
