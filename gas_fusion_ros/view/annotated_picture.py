"""A thermal picture as an operator sees it: in false colours, with what the classifier says below it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import cv2
import numpy as np

from gas_fusion_ros.base.observation import CLEAN_AIR
from gas_fusion_ros.model.grad_cam import Map
from gas_fusion_ros.model.pseudo_colour import APP_PALETTE, Field, Rgb, grey, heat_over_picture, recolour
from gas_fusion_ros.view.banner import Banner
from gas_fusion_ros.view.colours import URGENCY_COLOURS, Colour, leak_colour

PICTURE_HEIGHT = 360
"""Of the picture in what is made of it, pixels; what says something of it stands below."""
LEAST_WIDTH = 480
MOST_BARS = 8
"""Classes shown; of more, the most probable."""

_WIDEST = 4.0
"""A picture that is more times as wide as high is pressed together: it is no camera's."""
_LINE = 22
_MARGIN = 8
_NAME_WIDTH = 130
_PERCENT_WIDTH = 60
_LETTERS = 14
_FONT = cv2.FONT_HERSHEY_SIMPLEX
_BACKGROUND: Colour = (24, 24, 28)
_GROOVE: Colour = (60, 60, 66)
_INK: Colour = (235, 235, 235)


@dataclass(frozen=True)
class Opinion:
    """What is said of a picture.

    Attributes:
        label: the class, or `Unknown`; or why there is none.
        probabilities: by class; empty where none is known.
        banner: the state of the alarm.
    """

    label: str
    probabilities: Mapping[str, float]
    banner: Banner


def annotated(field: Field, heat: Map | None, opinion: Opinion) -> Rgb:
    """Draw a picture with what is said of it.

    Args:
        field: the picture, shape (H, W), 0 cold to 1 hot.
        heat: what in it spoke for the likeliest class, shape (S, S), 0..1: drawn over the same picture in
            greys, beside the one in colours; None for the latter alone.
        opinion: what is said.

    Returns:
        Shape (360 + what the text takes, at least 480, 3).
    """
    tiles = [_fitted(recolour(field, APP_PALETTE))]
    if heat is not None:
        tiles.append(heat_over_picture(_fitted(grey(field)), heat))
    picture = np.concatenate(tiles, axis=1)
    width = max(LEAST_WIDTH, picture.shape[1])
    side = width - picture.shape[1]
    framed = cv2.copyMakeBorder(
        picture, 0, 0, side // 2, side - side // 2, cv2.BORDER_CONSTANT, value=_BACKGROUND
    )
    return np.concatenate([np.asarray(framed, dtype=np.uint8), _panel(width, opinion)])


def _fitted(rgb: Rgb) -> Rgb:
    height, width = rgb.shape[:2]
    wide = min(_WIDEST, max(1 / _WIDEST, width / height))
    size = (round(PICTURE_HEIGHT * wide), PICTURE_HEIGHT)
    method = cv2.INTER_AREA if height > PICTURE_HEIGHT else cv2.INTER_NEAREST
    return np.asarray(cv2.resize(rgb, size, interpolation=method), dtype=np.uint8)


def _panel(width: int, opinion: Opinion) -> Rgb:
    most_probable = sorted(opinion.probabilities.items(), key=lambda one: -one[1])[:MOST_BARS]
    names = {name for name, _ in most_probable}
    bars = [one for one in opinion.probabilities.items() if one[0] in names]
    height = 2 * _MARGIN + _LINE * (2 + len(bars))
    panel = np.full((height, width, 3), _BACKGROUND, dtype=np.uint8)
    baseline = _MARGIN + round(0.75 * _LINE)
    _write(panel, opinion.banner.text, (_MARGIN, baseline), URGENCY_COLOURS[opinion.banner.urgency])
    _write(panel, opinion.label, (_MARGIN, baseline + _LINE), _INK)
    for number, (name, probability) in enumerate(bars, start=2):
        _bar(panel, _MARGIN + number * _LINE, name, probability)
    return panel


def _bar(panel: Rgb, top: int, name: str, probability: float) -> None:
    """Draw a class's name, bar and percentage into a line of the panel."""
    share = min(1.0, max(0.0, probability))
    baseline = top + round(0.75 * _LINE)
    left, right = _MARGIN + _NAME_WIDTH, panel.shape[1] - _MARGIN - _PERCENT_WIDTH
    colour = leak_colour(0.0 if name == CLEAN_AIR else 1.0)
    _write(panel, name[:_LETTERS], (_MARGIN, baseline), _INK)
    panel[top + 5 : top + _LINE - 5, left:right] = _GROOVE
    panel[top + 5 : top + _LINE - 5, left : left + round(share * (right - left))] = colour
    _write(panel, f"{100 * share:.0f} %", (right + _MARGIN, baseline), _INK)


def _write(panel: Rgb, text: str, at: tuple[int, int], colour: Colour) -> None:
    # The font has no others.
    plain = text.encode("ascii", "replace").decode("ascii")
    cv2.putText(panel, plain, at, _FONT, 0.5, colour, 1, cv2.LINE_AA)
