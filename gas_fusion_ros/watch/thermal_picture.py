"""A thermal image as a browser shows it: a small PNG in false colours, and the range that they stand for."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from gas_fusion_ros.base.observation import ThermalFrame
from gas_fusion_ros.model.pseudo_colour import APP_PALETTE, recolour
from gas_fusion_ros.model.thermal import field_range, to_field

MOST_SIDE = 320
"""Pixels of the longer side: a picture's file stays below 150 kB."""


@dataclass(frozen=True)
class ThermalPicture:
    """A picture made of a thermal image.

    Attributes:
        png: the file's bytes.
        told: the range of the colours in words; empty where no temperature is known.
    """

    png: bytes
    told: str


def thermal_picture(frame: ThermalFrame) -> ThermalPicture:
    """Draw a thermal image.

    Raises:
        ThermalError: it has no pixels that can be shown.
    """
    colours = recolour(to_field(frame.pixels, frame.encoding), APP_PALETTE)
    height, width = colours.shape[:2]
    scale = min(1.0, MOST_SIDE / max(height, width))
    if scale < 1.0:
        size = max(1, round(width * scale)), max(1, round(height * scale))
        colours = np.asarray(cv2.resize(colours, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)
    _, png = cv2.imencode(".png", colours[:, :, ::-1])
    return ThermalPicture(png.tobytes(), _told(frame))


def _told(frame: ThermalFrame) -> str:
    if frame.encoding != "32FC1":
        return ""
    span = field_range(frame.pixels, frame.encoding)
    return f"{span.low:.1f} to {span.high:.1f} degC"
