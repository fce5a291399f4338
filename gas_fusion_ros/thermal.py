"""Any thermal picture -> the network's input: one float field in 0..1.

Radiometric frames, raw counts, 8-bit video and pseudo-coloured app screenshots all become the same
kind of field, so a network trained on one source sees the same thing from another.
"""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import numpy.typing as npt

from gas_fusion_ros.observation import ThermalFrame

Field = npt.NDArray[np.float32]

ENCODINGS = ("mono8", "mono16", "32FC1", "rgb8")

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

_MIN_SPAN = {
    "32FC1": MIN_SPAN_KELVIN,
    "mono16": MIN_SPAN_KELVIN / _KELVIN_PER_COUNT,
    # Pictures an app has already stretched have no unit left: a sixteenth of their range.
    "mono8": 256 / 16,
    "rgb8": 1 / 16,
}

_LOW_PERCENT, _HIGH_PERCENT = 1.0, 99.0
_PERCENTILE_SAMPLES = 8192

# Layout of the Seek app's screenshots, as fractions of width and height (480 x 640): the colour bar
# ends at x 14, the darkened strip with the temperatures at x 65, the location box at y 86, the logo
# starts at y 602.
_BAR_WIDTH = 13 / 480
_CROP_LEFT, _CROP_TOP, _CROP_BOTTOM = 68 / 480, 92 / 640, 596 / 640
# The longer side of the app's camera, pixels: a screenshot enlarges it about three times.
_SENSOR_SIDE = 206
_PALETTE_SIZE = 256
_BLOCK = 1024
_MIN_BAR_LENGTH = 300.0
_BAR_TOLERANCE = 16
_MAX_BAR_STEP = 96.0


class ThermalError(ValueError):
    """A picture cannot be used; the message says what would be right."""


def network_input(pixels: npt.NDArray[np.generic], encoding: str, size: int) -> Field:
    """Prepare a thermal picture for a network.

    Args:
        pixels: shape (H, W), or (H, W, 3) for rgb8.
        encoding: `mono8`, `mono16`, `32FC1` (degC) or `rgb8`.
        size: side of the network's square input, pixels.

    Returns:
        Shape (1, size, size), float32, 0..1, hot is 1.

    Raises:
        ThermalError: the picture cannot be used.
    """
    field = to_field(pixels, encoding)
    shrinking = min(field.shape) >= size
    method = cv2.INTER_AREA if shrinking else cv2.INTER_LINEAR
    resized = cv2.resize(field, (size, size), interpolation=method)
    return np.asarray(resized, dtype=np.float32)[np.newaxis]


def to_field(pixels: npt.NDArray[np.generic], encoding: str) -> Field:
    """Turn a thermal picture into one field, hot is 1.

    A screenshot (rgb8 with a colour bar at its left edge) is cropped to the part without overlays and
    its palette inverted with its own bar; any other rgb8 picture becomes its luminance.

    Args:
        pixels: shape (H, W), or (H, W, 3) for rgb8. Non-finite temperatures count as the frame's median.
        encoding: `mono8`, `mono16`, `32FC1` (degC) or `rgb8`.

    Returns:
        Shape (H, W), float32, 0..1; smaller for a screenshot.

    Raises:
        ThermalError: unknown encoding, wrong shape or type, too small, or no finite pixel.
    """
    _check(pixels, encoding)
    return _stretch(_scalar(pixels, encoding), _MIN_SPAN[encoding])


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
    """Whether an rgb8 picture, shape (H, W, 3), carries a colour bar along its left edge."""
    return _find_palette(pixels) is not None


def _check(pixels: npt.NDArray[np.generic], encoding: str) -> None:
    if encoding not in ENCODINGS:
        raise ThermalError(f"encoding is '{encoding}'; expected one of {', '.join(ENCODINGS)}")
    expected = {"mono8": "uint8", "mono16": "uint16", "32FC1": "float32", "rgb8": "uint8"}[encoding]
    if pixels.dtype.newbyteorder("=") != np.dtype(expected):
        raise ThermalError(f"{encoding} pixels are {pixels.dtype}; expected {expected}")
    channels = pixels.shape[2:]
    if pixels.ndim not in (2, 3) or channels != ((3,) if encoding == "rgb8" else ()):
        wanted = "(H, W, 3)" if encoding == "rgb8" else "(H, W)"
        raise ThermalError(f"{encoding} pixels have shape {pixels.shape}; expected {wanted}")
    height, width = pixels.shape[:2]
    if min(height, width) < MIN_SIDE:
        raise ThermalError(f"the picture is {width} x {height}; expected at least {MIN_SIDE} x {MIN_SIDE}")


def _scalar(pixels: npt.NDArray[np.generic], encoding: str) -> Field:
    """One number per pixel in the encoding's own unit."""
    if encoding == "rgb8":
        rgb = pixels.astype(np.uint8, copy=False)
        palette = _find_palette(rgb)
        return _luminance(rgb) if palette is None else _invert_palette(_crop(rgb), palette)
    values = pixels.astype(np.float32)
    return _without_gaps(values) if encoding == "32FC1" else values


def _without_gaps(values: Field) -> Field:
    finite = np.isfinite(values)
    if finite.all():
        return values
    if not finite.any():
        raise ThermalError("no pixel of the 32FC1 picture is finite; expected degrees Celsius")
    return np.where(finite, values, np.median(values[finite])).astype(np.float32)


def _stretch(values: Field, min_span: float) -> Field:
    """Scale the bulk of the values to 0..1; a frame with less contrast than `min_span` stays flat."""
    samples = values.reshape(-1)
    samples = samples[:: max(1, samples.size // _PERCENTILE_SAMPLES)]
    low, high = np.percentile(samples, (_LOW_PERCENT, _HIGH_PERCENT))
    missing = max(0.0, min_span - (high - low))
    low, span = low - missing / 2, high - low + missing
    stretched = (values - np.float32(low)) * np.float32(1.0 / span)
    return np.clip(stretched, 0.0, 1.0, out=stretched)


def _luminance(rgb: npt.NDArray[np.uint8]) -> Field:
    return np.asarray(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY), dtype=np.float32) / np.float32(255)


def _find_palette(rgb: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32] | None:
    """The colours of the bar at the left edge, cold first, shape (P, 3); None without a bar.

    A bar is constant across its width, runs smoothly through many colours from top to bottom, and ends:
    a picture that is itself a vertical gradient has no bar.
    """
    height, width = rgb.shape[:2]
    bar_width = int(width * _BAR_WIDTH)
    if bar_width < 2 or height < 2 * MIN_SIDE:
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


def _resample(colours: npt.NDArray[np.float32], count: int) -> npt.NDArray[np.float32]:
    at = np.linspace(0, len(colours) - 1, count)
    grid = np.arange(len(colours))
    return np.stack([np.interp(at, grid, colours[:, c]) for c in range(3)], axis=1).astype(np.float32)


def _crop(rgb: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """The part without overlays, thinned to no less than the sensor measured.

    Cropping rather than inpainting leaves no trace of where the overlays stood.
    """
    height, width = rgb.shape[:2]
    part = rgb[round(height * _CROP_TOP) : round(height * _CROP_BOTTOM), round(width * _CROP_LEFT) :]
    step = max(1, min(part.shape[:2]) // _SENSOR_SIDE)
    return part[::step, ::step]


def _invert_palette(rgb: npt.NDArray[np.uint8], palette: npt.NDArray[np.float32]) -> Field:
    """The position of each pixel's nearest colour along the bar, 0 cold .. 1 hot.

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
    nearest = np.concatenate([_nearest(block, palette) for block in blocks])
    table = np.zeros(1 << 18, dtype=np.float32)
    table[occurring] = nearest / np.float32(len(palette) - 1)
    return table[keys]


def _nearest(colours: npt.NDArray[np.float32], palette: npt.NDArray[np.float32]) -> npt.NDArray[np.intp]:
    """Index into the palette of each colour's nearest."""
    # |a - b|^2 / 2 without |a|^2, which does not change which b is nearest. Not by matrix product: for three
    # columns the linear algebra library spends longer waking its threads.
    red, green, blue = (np.multiply.outer(colours[:, c], palette[:, c]) for c in range(3))
    distance = (palette**2).sum(axis=1) / 2 - red - green - blue
    return np.asarray(distance.argmin(axis=1))
