"""Pseudo-coloured pictures of a thermal camera's app: from the colours back to the field, and forth.

Such an app colours each pixel by a palette, draws the palette as a bar along the left edge (another one where
the phone was turned), and burns in temperatures, a location and a logo. The bar tells the palette, so the
field can be had back.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import TypeVar

import cv2
import numpy as np
import numpy.typing as npt

Scalar = TypeVar("Scalar", bound=np.generic)
Field = npt.NDArray[np.float32]
Rgb = npt.NDArray[np.uint8]
Palette = npt.NDArray[np.float32]
"""Colours from cold to hot, shape (P, 3), 0..255."""

_PALETTE_SIZE = 256

# Layout of the Seek app's screenshots, as fractions of width and height (480 x 640): the colour bar
# ends at x 14, the darkened strip with the temperatures at x 63, the location takes x 336..471 and
# y 50..84, the logo starts at x 409 and y 606. Image compression smears each by a few pixels.
_BAR_WIDTH = 13 / 480
_STRIP_RIGHT = 68 / 480
_LOCATION_BOTTOM = 92 / 640
_LOGO_TOP = 596 / 640

_MIN_HEIGHT = 16
_MIN_BAR_LENGTH = 300.0
_BAR_TOLERANCE = 16
_MAX_BAR_STEP = 96.0
_BLOCK = 1024
_LOOKED_AT = 64
_END = 16
"""Colours at an end of a palette."""
_LUMA = np.array([0.299, 0.587, 0.114], dtype=np.float32)


def recolour(position: Field, palette: Palette) -> Rgb:
    """Colour a field of 0..1, shape (H, W), by a palette, shape (P, 3), as shape (H, W, 3)."""
    # As one row of pixels to look up in, by thirty-seconds between neighbours: several times faster than
    # indexing by numpy.
    row = np.rint(palette).astype(np.uint8)[np.newaxis]
    columns = position * np.float32(len(palette) - 1)
    coloured = cv2.remap(
        row, columns, np.zeros_like(columns), cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    return np.asarray(coloured, dtype=np.uint8)


def heat_colours(heat: Field) -> Rgb:
    """Colour a map of 0..1, shape (H, W), from black over red to bright yellow, as shape (H, W, 3)."""
    bgr = cv2.applyColorMap(np.rint(heat * 255).astype(np.uint8), cv2.COLORMAP_INFERNO)
    return np.ascontiguousarray(bgr[:, :, ::-1])


def heat_overlay(picture: Rgb, heat: Field) -> Rgb:
    """Lay a map of 0..1, shape (H, W), over a picture, shape (H, W, 3): the stronger the more it covers."""
    cover = 0.75 * heat[:, :, np.newaxis]
    return np.rint((1 - cover) * picture + cover * heat_colours(heat)).astype(np.uint8)


def grey(field: Field) -> Rgb:
    """Show a field of 0..1, shape (H, W), in greys, as shape (H, W, 3)."""
    return np.repeat(np.rint(255 * field).astype(np.uint8)[:, :, np.newaxis], 3, axis=2)


def heat_over_picture(picture: Rgb, heat: Field) -> Rgb:
    """Lay a map of 0..1 of any size over a picture, shape (H, W, 3): see `heat_overlay`."""
    height, width = picture.shape[:2]
    fitted = cv2.resize(heat, (width, height), interpolation=cv2.INTER_LINEAR)
    return heat_overlay(picture, np.clip(fitted, 0.0, 1.0))


def spread(colours: Sequence[Sequence[float]], at: Sequence[float]) -> Palette:
    """Make a palette of 256 colours, cold first, that runs through K of them at K places in 0..1."""
    grid = np.linspace(0.0, 1.0, _PALETTE_SIZE)
    channels = zip(*colours, strict=True)
    return np.stack([np.interp(grid, at, channel) for channel in channels], axis=1).astype(np.float32)


APP_PALETTE = spread(
    [[0, 0, 0], [0, 0, 90], [0, 80, 245], [0, 140, 0], [250, 245, 0], [255, 0, 0], [255, 255, 255]],
    at=[0.0, 0.15, 0.3, 0.45, 0.65, 0.8, 1.0],
)
"""Made by hand in the order of hues of the data set's app: black, blues, green, yellow, red, white."""


class BarEdge(str, Enum):
    """Where a screenshot has its colour bar; the value says how many quarter turns bring it to the left."""

    LEFT = "left"
    TOP = "top"
    RIGHT = "right"
    BOTTOM = "bottom"

    @property
    def turns(self) -> int:
        """Quarter turns to the left after which that edge is the left one."""
        return tuple(BarEdge).index(self)


@dataclass(frozen=True)
class Screenshot:
    """What an app shows, without what it has burnt in.

    Attributes:
        palette: the colours of its bar, cold first, shape (256, 3).
        part: the largest part that nothing is burnt into; of a phone that was turned, turned back.
        edge: where the bar is.
    """

    palette: Palette
    part: Rgb
    edge: BarEdge


def read_screenshot(rgb: Rgb) -> Screenshot | None:
    """Find the colour bar along an edge, the left one first; None without a bar.

    The app has the cold end of its bar at the bottom left. So a bar along another edge is that of a phone
    which was turned, where its dark end lies accordingly: the picture is turned back. Otherwise it is another
    app's: the dark end is cold, and the picture stays as it is.
    """
    upright = find_palette(rgb)
    if upright is not None:
        return Screenshot(upright, without_overlay(rgb), BarEdge.LEFT)
    bar_width = int(min(rgb.shape[:2]) * _BAR_WIDTH)
    for edge in (BarEdge.TOP, BarEdge.RIGHT, BarEdge.BOTTOM):
        turned = np.rot90(rgb, edge.turns)
        palette = _bar(turned, bar_width) if _may_be_bar(turned, bar_width) else None
        if palette is None:
            continue
        part = _without_overlay_of_turned(turned)
        if _brightness(palette[-_END:]) >= _brightness(palette[:_END]):
            return Screenshot(palette, np.ascontiguousarray(part), edge)
        kept = np.ascontiguousarray(np.rot90(part, -edge.turns))
        return Screenshot(np.ascontiguousarray(palette[::-1]), kept, edge)
    return None


def find_palette(rgb: Rgb) -> Palette | None:
    """The colours of the bar at the left edge, cold first, shape (256, 3); None without a bar.

    A bar is constant across its width, runs smoothly through many colours from top to bottom, and ends:
    a picture that is itself a vertical gradient has no bar.
    """
    return _bar(rgb, int(rgb.shape[1] * _BAR_WIDTH))


def _bar(rgb: Rgb, bar_width: int) -> Palette | None:
    """The colours of a bar of that width at the left edge, from bottom to top."""
    if bar_width < 2 or rgb.shape[0] < _MIN_HEIGHT:
        return None
    strip = rgb[:, : 4 * bar_width].astype(np.float32)
    bar = np.median(strip[:, :bar_width], axis=1)
    deviation = np.abs(strip - bar[:, np.newaxis]).max(axis=2)
    inside, beside = deviation[:, :bar_width], deviation[:, 2 * bar_width :]
    if np.percentile(inside, 95) > _BAR_TOLERANCE or np.median(beside) <= _BAR_TOLERANCE:
        return None
    coarse = _resample(bar, 64)
    steps = np.abs(np.diff(coarse, axis=0)).sum(axis=1)
    if steps.max() > _MAX_BAR_STEP or steps.sum() < _MIN_BAR_LENGTH:
        return None
    return _resample(bar[::-1], _PALETTE_SIZE)


def _may_be_bar(rgb: Rgb, bar_width: int) -> bool:
    """Whether a few rows of the left edge say so, even at first and other beyond: at little cost."""
    if bar_width < 2:
        return False
    rows = rgb[:: max(1, rgb.shape[0] // _LOOKED_AT), : 4 * bar_width].astype(np.int16)
    across = float(np.median(np.ptp(rows[:, :bar_width], axis=1).max(axis=1)))
    beyond = np.abs(rows[:, 2 * bar_width :] - rows[:, :1]).max(axis=2)
    return across <= 2 * _BAR_TOLERANCE and float(np.median(beyond)) > _BAR_TOLERANCE / 2


def _brightness(colours: Palette) -> float:
    return float((colours @ _LUMA).mean())


def without_overlay(picture: npt.NDArray[Scalar]) -> npt.NDArray[Scalar]:
    """Crop a screenshot, or what has its extent, to the largest part that nothing is burnt into.

    Cropping rather than inpainting leaves no trace of where the overlay stood.
    """
    height, width = picture.shape[:2]
    return picture[
        round(height * _LOCATION_BOTTOM) : round(height * _LOGO_TOP), round(width * _STRIP_RIGHT) :
    ]


def _without_overlay_of_turned(rgb: Rgb) -> Rgb:
    """The same of a picture turned so that its bar is at the left: as many pixels, whatever its sides."""
    short, long = sorted(rgb.shape[:2])
    top, bottom = round(long * _LOCATION_BOTTOM), round(long * (1.0 - _LOGO_TOP))
    return rgb[top : rgb.shape[0] - bottom, round(short * _STRIP_RIGHT) :]


def invert_palette(rgb: Rgb, palette: Palette) -> Field:
    """The position of each pixel's nearest colour along a palette, 0 cold .. 1 hot, shape (H, W)."""
    nearest = _nearest_entries(rgb, palette)
    position = nearest.astype(np.float32) + _offset(rgb, nearest, palette)
    position /= np.float32(len(palette) - 1)
    return np.clip(position, 0.0, 1.0, out=position)


def _resample(colours: npt.NDArray[np.float32], count: int) -> npt.NDArray[np.float32]:
    at = np.linspace(0, len(colours) - 1, count)
    grid = np.arange(len(colours))
    return np.stack([np.interp(at, grid, colours[:, c]) for c in range(3)], axis=1).astype(np.float32)


def _nearest_entries(rgb: Rgb, palette: Palette) -> npt.NDArray[np.intp]:
    """Index into the palette of the colour nearest to each pixel's.

    Only the colours that occur are compared, at 6 bits per channel: without a table to cache, a bar that
    image compression changes a little in each frame costs nothing extra.
    """
    keys = (rgb[..., 0] >> 2).astype(np.int32) << 12
    keys |= (rgb[..., 1] >> 2).astype(np.int32) << 6
    keys |= rgb[..., 2] >> 2
    occurring = np.flatnonzero(np.bincount(keys.ravel(), minlength=1 << 18))
    cells = np.stack([occurring >> 12, (occurring >> 6) & 63, occurring & 63], axis=1)
    colours = (cells * 4 + 1.5).astype(np.float32)
    # In blocks, so that the distances stay in the processor's cache.
    blocks = [colours[at : at + _BLOCK] for at in range(0, len(colours), _BLOCK)]
    table = np.zeros(1 << 18, dtype=np.intp)
    table[occurring] = np.concatenate([_nearest(block, palette) for block in blocks])
    return table[keys]


def _nearest(colours: npt.NDArray[np.float32], palette: Palette) -> npt.NDArray[np.intp]:
    """Index into the palette of each colour's nearest."""
    # |a - b|^2 / 2 without |a|^2, which does not change which b is nearest. Not by matrix product: for three
    # columns the linear algebra library spends longer waking its threads.
    red, green, blue = (np.multiply.outer(colours[:, c], palette[:, c]) for c in range(3))
    distance = (palette**2).sum(axis=1) / 2 - red - green - blue
    return np.asarray(distance.argmin(axis=1))


def _offset(rgb: Rgb, nearest: npt.NDArray[np.intp], palette: Palette) -> Field:
    """How far along the palette each pixel stands from its nearest entry, in entries, -0.5 .. 0.5."""
    slope = np.gradient(palette, axis=0)
    # Where the palette stands still there is nowhere to go: never divided by less than one grey level.
    along = slope / np.maximum((slope**2).sum(axis=1, keepdims=True), 1.0)
    offset = -(along * palette).sum(axis=1)[nearest]
    for channel in range(3):
        offset += rgb[..., channel] * along[:, channel][nearest]
    return np.clip(offset, -0.5, 0.5, out=offset)
