"""A rendered frame as the app of the data set's camera shows and stores it.

For rehearsing the published layout where the data set's own pictures are absent: portrait, enlarged,
pseudo-coloured, with the palette as a bar, a darkened strip, temperatures, a location and a logo burnt
in. What is drawn where follows the few published screenshots at hand. Assumed: which way the camera was
turned, that the palette runs evenly from the coldest to the hottest pixel, and the coordinates (zeros).
Left out: the traces of image compression.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum

import cv2
import numpy as np

from gas_fusion_ros.model.pseudo_colour import APP_PALETTE, Field, Rgb, recolour
from gas_fusion_ros.simulation.renderer import HEIGHT as SENSOR_HEIGHT
from gas_fusion_ros.simulation.renderer import WIDTH as SENSOR_WIDTH
from gas_fusion_ros.simulation.warm_objects import Frame

WIDTH, HEIGHT = 480, 640
"""Size of a screenshot, pixels."""

_BAR_RIGHT, _STRIP_RIGHT = 15, 64
_DARKENED = 0.72
_WHITE, _LOGO_GREY = (255, 255, 255), (84, 84, 84)
_FONT = cv2.FONT_HERSHEY_SIMPLEX
_COORDINATES = ("00 00'00\" N", "00 00'00\" E")


class Caption(str, Enum):
    """What the app writes of the place, at the top right."""

    LOCATION_UNAVAILABLE = "location unavailable"
    """Plain text that says so."""
    COORDINATES = "coordinates"
    """Latitude and longitude in a darkened box."""


class TemperatureUnit(str, Enum):
    """The unit of the temperatures at the left."""

    CELSIUS = "degC"
    FAHRENHEIT = "degF"

    def of(self, celsius: float) -> float:
        """Convert a temperature from degC."""
        return celsius if self is TemperatureUnit.CELSIUS else 32.0 + 1.8 * celsius


@dataclass(frozen=True)
class AppStyle:
    """How the app was set when it took a screenshot; as in most samples by default.

    Attributes:
        caption: what it writes of the place.
        unit: of its temperatures.
        least_span_k: contrast below which a frame does not fill the palette, K.
    """

    caption: Caption = Caption.LOCATION_UNAVAILABLE
    unit: TemperatureUnit = TemperatureUnit.CELSIUS
    least_span_k: float = 1.0


_AT_A_PLACE = AppStyle(Caption.COORDINATES, TemperatureUnit.FAHRENHEIT)

APP_STYLES: Mapping[str, AppStyle] = {
    "Mixture": _AT_A_PLACE,
    "NoGas": AppStyle(),
    "Perfume": AppStyle(),
    "Smoke": _AT_A_PLACE,
}
"""The style of each class's samples: what gives the class away in an uncropped picture.

As in 4 samples of Perfume, 3 of NoGas and 1 of Smoke; none of Mixture is at hand: assumed to be as Smoke."""


def screenshot(celsius: Frame, style: AppStyle = AppStyle()) -> Rgb:
    """Show a frame as the app does.

    Args:
        celsius: shape (156, 206), degC, finite.
        style: how the app is set.

    Returns:
        Shape (640, 480, 3).

    Raises:
        ValueError: the frame has another shape or a pixel that is not finite.
    """
    low, high = _range(celsius)
    rgb = recolour(_position(celsius, low, max(high - low, style.least_span_k)), APP_PALETTE)
    _darken(rgb[:, :_STRIP_RIGHT])
    rgb[:, :_BAR_RIGHT] = _bar()
    _write_temperature(rgb, style.unit, high, baseline=15)
    _write_temperature(rgb, style.unit, low, baseline=HEIGHT - 3)
    _CAPTIONS[style.caption](rgb)
    _write_logo(rgb)
    return rgb


def _range(celsius: Frame) -> tuple[float, float]:
    if celsius.shape != (SENSOR_HEIGHT, SENSOR_WIDTH):
        raise ValueError(f"celsius has shape {celsius.shape}; expected ({SENSOR_HEIGHT}, {SENSOR_WIDTH})")
    low, high = float(celsius.min()), float(celsius.max())
    if not np.isfinite(high - low):
        raise ValueError("celsius has pixels that are not finite; expected degrees Celsius everywhere")
    return low, high


def _position(celsius: Frame, low: float, span: float) -> Field:
    """Where each pixel of the enlarged portrait stands along the palette, shape (640, 480)."""
    portrait = cv2.rotate((celsius - np.float32(low)) / np.float32(span), cv2.ROTATE_90_CLOCKWISE)
    # The app smooths the temperatures, not the colours: from black to white its rims run through all hues.
    enlarged = cv2.resize(portrait, (WIDTH, HEIGHT), interpolation=cv2.INTER_LINEAR)
    return np.asarray(enlarged, dtype=np.float32)


def _bar() -> Rgb:
    """The palette from hot to cold, shape (640, 1, 3)."""
    return recolour(np.linspace(1.0, 0.0, HEIGHT, dtype=np.float32)[:, np.newaxis], APP_PALETTE)


def _darken(part: Rgb) -> None:
    np.multiply(part, _DARKENED, out=part, casting="unsafe")


def _write_temperature(rgb: Rgb, unit: TemperatureUnit, celsius: float, baseline: int) -> None:
    number, letter = f"{unit.of(celsius):.0f}", unit.value[-1]
    right = 20 + 9 * len(number)
    _write(rgb, number, 20, right, baseline)
    # Not all versions of the font have a degree sign.
    cv2.circle(rgb, (right + 5, baseline - 9), 2, _WHITE, 1, cv2.LINE_AA)
    _write(rgb, letter, right + 9, right + 18, baseline)


def _write_no_location(rgb: Rgb) -> None:
    _write(rgb, "Location Unavailable", 336, 465, 65)


def _write_coordinates(rgb: Rgb) -> None:
    _darken(rgb[50:84, 386:471])
    for text, baseline in zip(_COORDINATES, (65, 81), strict=True):
        _write(rgb, text, 392, 465, baseline)


def _write_logo(rgb: Rgb) -> None:
    _write(rgb, "Seek", 409, 465, 624, _LOGO_GREY)
    _write(rgb, "thermal", 416, 458, 633, _LOGO_GREY)


def _write(
    rgb: Rgb, text: str, left: int, right: int, baseline: int, colour: tuple[int, int, int] = _WHITE
) -> None:
    """Write a line from column `left` to `right`, as large as that makes it."""
    # The font's width differs between versions of OpenCV.
    (width, _), _ = cv2.getTextSize(text, _FONT, 1.0, 1)
    cv2.putText(rgb, text, (left, baseline), _FONT, (right - left) / width, colour, 1, cv2.LINE_AA)


_CAPTIONS: Mapping[Caption, Callable[[Rgb], None]] = {
    Caption.LOCATION_UNAVAILABLE: _write_no_location,
    Caption.COORDINATES: _write_coordinates,
}
