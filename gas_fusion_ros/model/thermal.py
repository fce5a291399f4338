"""Any thermal picture -> the network's input: one float field in 0..1, or colours in 0..1.

Radiometric frames, raw counts, 8-bit video and pseudo-coloured app screenshots all become the same
kind of field, so a network trained on one source sees the same thing from another. The paper's networks
see colours instead: any picture can be had in these too.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from enum import Enum
from functools import partial
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from gas_fusion_ros.base.observation import ThermalFrame
from gas_fusion_ros.model.pseudo_colour import (
    APP_PALETTE,
    Field,
    Rgb,
    invert_palette,
    read_screenshot,
    recolour,
)

MIN_SIDE = 8
"""Pixels; the coarsest thermal arrays (Grid-EYE AMG88xx) have 8 x 8."""

MIN_SPAN_KELVIN = 4.0
"""Contrast below which a frame is not stretched to the full range.

Uncooled cameras show about 0.5 K of noise between the 1st and the 99th percentile (NETD 0.1 K), which
then stays below an eighth of the range."""

_KELVIN_PER_COUNT = 0.01
"""mono16 counts are taken as centikelvin, the unit of TLinear cores and of our own drivers. The scale
matters only for the smallest span: everything above it is stretched by percentiles."""

_ZERO_CELSIUS_KELVIN = 273.15

_MOST_CELSIUS = 1e6
"""What lies beyond is no temperature, and would overflow."""

_LOW_PERCENT, _HIGH_PERCENT = 1.0, 99.0
_PERCENTILE_SAMPLES = 8192

# The longer side of the app's camera, pixels: a screenshot enlarges it about three times.
_SENSOR_SIDE = 206


class ThermalError(ValueError):
    """A picture cannot be used; the message says what would be right."""


class Preparation(str, Enum):
    """What a network sees of a picture."""

    FIELD = "field"
    """One float field, hot is 1: the same from every kind of camera."""
    CROPPED = "cropped"
    """The paper's: in colours, an app's overlay cropped away."""
    ORIGINAL = "original"
    """In colours, uncropped: shows how text that is burnt in gives the class away."""

    @property
    def channels(self) -> int:
        """Channels of the input: 1 for a field, 3 for colours."""
        return 1 if self is Preparation.FIELD else 3


def network_input(
    pixels: npt.NDArray[np.generic],
    encoding: str,
    size: int,
    preparation: Preparation = Preparation.FIELD,
) -> Field:
    """Prepare a thermal picture for a network.

    A picture without colours is coloured as the data set's app would, for a preparation that has them.

    Args:
        pixels: shape (H, W), or (H, W, 3) for rgb8.
        encoding: `mono8`, `mono16`, `32FC1` (degC) or `rgb8`.
        size: side of the network's square input, pixels.
        preparation: what the network sees of the picture.

    Returns:
        Shape (C, size, size) with C = `preparation.channels`, float32, 0..1.

    Raises:
        ThermalError: the picture cannot be used.
    """
    _check(pixels, encoding)
    return _PREPARE[preparation](pixels, encoding, size)


def to_field(pixels: npt.NDArray[np.generic], encoding: str) -> Field:
    """Turn a thermal picture into one field, hot is 1.

    A screenshot (rgb8 with a colour bar along an edge) is cropped to the part without overlays, turned back
    where its phone was turned, and its palette inverted with its own bar; any other rgb8 picture becomes its
    luminance.

    Args:
        pixels: shape (H, W), or (H, W, 3) for rgb8. What is no temperature counts as the frame's median.
        encoding: `mono8`, `mono16`, `32FC1` (degC) or `rgb8`.

    Returns:
        Shape (H, W), float32, 0..1; smaller for a screenshot.

    Raises:
        ThermalError: unknown encoding, wrong shape or type, too small, or no finite pixel.
    """
    _check(pixels, encoding)
    known = _ENCODINGS[encoding]
    return _stretch(known.field(pixels), known.least_span)


@dataclass(frozen=True)
class FieldRange:
    """What the bulk of a picture's values spans before it is stretched: the 1st to the 99th percentile.

    Attributes:
        low: coldest, in the encoding's own unit: degC of 32FC1, counts of mono16, 0..255 of mono8; of rgb8
            the share of the colour bar's length, or of full brightness without a bar.
        high: hottest.
        is_flat: whether there is less contrast than is ever stretched to the full range.
    """

    low: float
    high: float
    is_flat: bool


def field_range(pixels: npt.NDArray[np.generic], encoding: str) -> FieldRange:
    """Return what range `to_field` stretches.

    Args:
        pixels: as for `to_field`.
        encoding: likewise.

    Raises:
        ThermalError: as `to_field`.
    """
    _check(pixels, encoding)
    known = _ENCODINGS[encoding]
    low, high = _bulk(known.field(pixels))
    return FieldRange(low, high, high - low < known.least_span)


def celsius_of_counts(counts: float) -> float:
    """Return the temperature, degC, that counts of 0.01 K stand for."""
    return counts * _KELVIN_PER_COUNT - _ZERO_CELSIUS_KELVIN


def raw_counts(frame: ThermalFrame) -> ThermalFrame:
    """Turn a radiometric frame (32FC1, degC) into mono16 counts of 0.01 K, as TLinear cores send it.

    A pixel that is not finite takes the frame's median, as it does in `to_field`.

    Raises:
        ThermalError: no pixel is finite.
    """
    celsius = _without_gaps(frame.pixels.astype(np.float32))
    counts = np.rint((celsius + _ZERO_CELSIUS_KELVIN) / _KELVIN_PER_COUNT)
    return replace(frame, pixels=np.clip(counts, 0, 65535).astype(np.uint16), encoding="mono16")


def has_colour_bar(pixels: npt.NDArray[np.uint8]) -> bool:
    """Whether an rgb8 picture, shape (H, W, 3), carries a colour bar along an edge."""
    return read_screenshot(pixels) is not None


def _check(pixels: npt.NDArray[np.generic], encoding: str) -> None:
    if encoding not in _ENCODINGS:
        raise ThermalError(f"encoding is '{encoding}'; expected one of {', '.join(_ENCODINGS)}")
    known = _ENCODINGS[encoding]
    if pixels.dtype.newbyteorder("=") != np.dtype(known.dtype):
        raise ThermalError(f"{encoding} pixels are {pixels.dtype}; expected {known.dtype}")
    if pixels.ndim not in (2, 3) or pixels.shape[2:] != known.colours:
        wanted = "(H, W, 3)" if known.colours else "(H, W)"
        raise ThermalError(f"{encoding} pixels have shape {pixels.shape}; expected {wanted}")
    height, width = pixels.shape[:2]
    if min(height, width) < MIN_SIDE:
        raise ThermalError(f"the picture is {width} x {height}; expected at least {MIN_SIDE} x {MIN_SIDE}")


def _shades(rgb: npt.NDArray[Any]) -> Field:
    """The field that a screenshot's colours stand for; of any other colours the luminance."""
    shot = read_screenshot(rgb)
    return _luminance(rgb) if shot is None else invert_palette(_thin(shot.part), shot.palette)


def _as_they_are(values: npt.NDArray[Any]) -> Field:
    return values.astype(np.float32)


def _temperatures(values: npt.NDArray[Any]) -> Field:
    return _without_gaps(values.astype(np.float32))


def _without_gaps(values: Field) -> Field:
    finite = np.abs(values) <= _MOST_CELSIUS  # of NaN it is not
    if finite.all():
        return values
    if not finite.any():
        raise ThermalError("no pixel of the 32FC1 picture is a temperature; expected degrees Celsius")
    return np.where(finite, values, np.median(values[finite])).astype(np.float32)


def _stretch(values: Field, min_span: float) -> Field:
    """Scale the bulk of the values to 0..1, in place; what has less contrast than `min_span` stays flat."""
    low, high = _bulk(values)
    missing = max(0.0, min_span - (high - low))
    low, span = low - missing / 2, high - low + missing
    values -= np.float32(low)
    values *= np.float32(1.0 / span)
    np.maximum(values, np.float32(0.0), out=values)
    return np.minimum(values, np.float32(1.0), out=values)


def _bulk(values: Field) -> tuple[float, float]:
    """Return the two values between which all but the coldest and hottest hundredth lie."""
    samples = values.reshape(-1)
    samples = np.ascontiguousarray(samples[:: max(1, samples.size // _PERCENTILE_SAMPLES)])
    places = ((len(samples) - 1) * percent / 100 for percent in (_LOW_PERCENT, _HIGH_PERCENT))
    low, high = (_at(samples, place) for place in places)
    return low, high


def _at(samples: Field, place: float) -> float:
    """Return the value at a place among the sorted samples, between two of them by its fraction.

    As np.percentile, without what it does besides: that took longer than all the rest of a preparation.
    """
    index = int(place)
    ordered = np.partition(samples, index)  # one place at a time: only that is vectorised
    value = float(ordered[index])
    if index == place:
        return value
    return value + (place - index) * (float(ordered[index + 1 :].min()) - value)


def _luminance(rgb: npt.NDArray[np.uint8]) -> Field:
    return np.asarray(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY), dtype=np.float32) / np.float32(255)


def _thin(rgb: Rgb) -> Rgb:
    """Every n-th pixel, so that no fewer are left than the sensor measured."""
    step = max(1, min(rgb.shape[:2]) // _SENSOR_SIDE)
    return rgb[::step, ::step]


def _field_input(pixels: npt.NDArray[np.generic], encoding: str, size: int) -> Field:
    return _resize(to_field(pixels, encoding), size).astype(np.float32, copy=False)[np.newaxis]


def _colour_input(
    pixels: npt.NDArray[np.generic], encoding: str, size: int, part: Callable[[Rgb], Rgb]
) -> Field:
    """The colours of the part of a picture that `part` takes, shape (3, size, size)."""
    if encoding == "rgb8":
        rgb = _resize(part(pixels.astype(np.uint8, copy=False)), size)
    else:
        # Coloured after resizing, as an app does: between blue and red lies green, not violet.
        rgb = recolour(_field_input(pixels, encoding, size)[0], APP_PALETTE)
    return np.ascontiguousarray(rgb.transpose(2, 0, 1), dtype=np.float32) / np.float32(255)


def _cropped(rgb: Rgb) -> Rgb:
    shot = read_screenshot(rgb)
    return rgb if shot is None else shot.part


def _whole(rgb: Rgb) -> Rgb:
    return rgb


def _resize(picture: npt.NDArray[Any], size: int) -> npt.NDArray[Any]:
    """Resize to a square.

    Interpolation weighs each pixel as long as neither side shrinks to less than half; areas, which take eight
    times as long, are there for what it would skip.
    """
    shorter, longer = sorted(picture.shape[:2])
    skips = shorter >= size and longer >= 2 * size
    method = cv2.INTER_AREA if skips else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(picture, (size, size), interpolation=method))


_PREPARE: Mapping[Preparation, Callable[[npt.NDArray[np.generic], str, int], Field]] = {
    Preparation.FIELD: _field_input,
    Preparation.CROPPED: partial(_colour_input, part=_cropped),
    Preparation.ORIGINAL: partial(_colour_input, part=_whole),
}


@dataclass(frozen=True)
class _Encoding:
    """What the pixels of an encoding are.

    Attributes:
        dtype: name of their type; either byte order.
        colours: their shape beyond height and width.
        field: one number per pixel, in the encoding's own unit, shape (H, W).
        least_span: contrast in that unit below which a picture is not stretched to the full range.
    """

    dtype: str
    colours: tuple[int, ...]
    field: Callable[[npt.NDArray[Any]], Field]
    least_span: float


_ENCODINGS: Mapping[str, _Encoding] = {
    # Pictures an app has already stretched have no unit left: a sixteenth of their range.
    "mono8": _Encoding("uint8", (), _as_they_are, 256 / 16),
    "mono16": _Encoding("uint16", (), _as_they_are, MIN_SPAN_KELVIN / _KELVIN_PER_COUNT),
    "32FC1": _Encoding("float32", (), _temperatures, MIN_SPAN_KELVIN),
    "rgb8": _Encoding("uint8", (3,), _shades, 1 / 16),
}
"""Every encoding that can be prepared. `messages` knows how the bytes of each are read."""

ENCODINGS = tuple(_ENCODINGS)
