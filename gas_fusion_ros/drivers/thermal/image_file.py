"""Reads a thermal picture from a file, as pixels and their encoding."""

from __future__ import annotations

import io
from importlib import import_module
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from gas_fusion_ros.base.files import read_regular

_MOST_BYTES = 64 << 20
_ZERO_CELSIUS_KELVIN = 273.15
_COLDEST_KELVIN, _HOTTEST_KELVIN = 213.0, 973.0
"""Of what thermal cameras measure."""
_STREAMED = ("PNG", "JPEG", "TIFF")
"""Kinds of pictures that are sent in messages, as Pillow calls them."""
_JPEG = b"\xff\xd8\xff"
_FLIR_SEGMENT = b"FLIR\x00\x01"
_MOST_BEFORE_FLIR = 1 << 20


class UnreadableImageError(ValueError):
    """A picture cannot be decoded or has a format with no encoding of ours."""


def read_image(path: Path) -> tuple[npt.NDArray[Any], str]:
    """Read a picture: gray becomes mono8 or mono16 by its depth, float gray 32FC1 (degC), colour rgb8.

    Returns:
        The pixels, shape (H, W) or for rgb8 (H, W, 3), and their encoding.

    Raises:
        UnreadableImageError: the file cannot be read or decoded.
    """
    return as_frame(decode_file(path))


def decode_file(path: Path) -> npt.NDArray[Any]:
    """Read a picture as OpenCV decodes it.

    Raises:
        UnreadableImageError: the file cannot be read or decoded.
    """
    try:
        # Read here so that a missing file is told apart from a broken one, and that none is waited for.
        content = read_regular(path, _MOST_BYTES)
    except OSError as error:
        raise UnreadableImageError(f"cannot be read ({error.strerror})") from None
    return _radiometric(content) if _is_radiometric(content) else _decode(content)


def decode_bytes(content: bytes, most_pixels: int) -> npt.NDArray[Any]:
    """Decode a PNG, JPEG or TIFF that is no larger than it may be, as OpenCV does.

    Args:
        content: the whole file.
        most_pixels: width times height that it may have; a larger one is refused before it is decoded.

    Raises:
        UnreadableImageError: it is none of them, damaged, or too large.
    """
    # Imported here: only compressed pictures need it.
    from PIL import Image

    if len(content) > _MOST_BYTES:
        raise UnreadableImageError(f"has {len(content)} bytes; expected {_MOST_BYTES} at most")
    try:
        with Image.open(io.BytesIO(content), formats=_STREAMED) as picture:
            width, height = picture.size
    except Image.DecompressionBombError:
        raise UnreadableImageError(f"has too many pixels; expected {most_pixels} at most") from None
    except Exception as error:  # damaged headers raise whatever Pillow trips over
        raise UnreadableImageError(
            f"has no header of a {', '.join(_STREAMED)} ({type(error).__name__})"
        ) from None
    if width * height > most_pixels:
        raise UnreadableImageError(f"has {width}x{height} pixels; expected {most_pixels} at most")
    return _decode(content)


def _is_radiometric(content: bytes) -> bool:
    """Whether a file is a JPEG of a FLIR camera, whose temperatures stand beside what can be seen."""
    return content.startswith(_JPEG) and _FLIR_SEGMENT in content[:_MOST_BEFORE_FLIR]


def _radiometric(content: bytes) -> npt.NDArray[Any]:
    """The temperatures of such a file, degC; never its colours, which are a palette with an overlay.

    Raises:
        UnreadableImageError: the library flyr is not installed, or cannot read it.
    """
    try:
        flyr = import_module("flyr")
    except ImportError:
        raise UnreadableImageError(
            "is a radiometric JPEG, whose colours are no temperatures: `pip install flyr` reads these, or "
            "export them as CSV or float TIFF"
        ) from None
    try:
        celsius = np.asarray(flyr.unpack(io.BytesIO(content)).celsius, dtype=np.float32)
    except Exception as error:  # of a file that it does not know it raises whatever it trips over
        raise UnreadableImageError(
            f"is a radiometric JPEG that flyr cannot read ({type(error).__name__}); export its temperatures "
            "as CSV or float TIFF"
        ) from None
    if celsius.ndim != 2:
        raise UnreadableImageError(f"holds temperatures of shape {celsius.shape}; expected (H, W)")
    return celsius


def _decode(content: bytes) -> npt.NDArray[Any]:
    try:
        encoded = np.frombuffer(content, dtype=np.uint8)
        image = cv2.imdecode(encoded, cv2.IMREAD_UNCHANGED) if encoded.size else None
    except cv2.error as error:
        # Also what has more pixels than the package lets OpenCV decode.
        raise UnreadableImageError(f"cannot be decoded ({error.err})") from None
    if image is None:
        raise UnreadableImageError("cannot be decoded; expected a whole PNG, JPEG, TIFF, BMP or PGM")
    is_grey_in_three = image.dtype == np.uint16 and image.ndim == 3 and image.max() > image.min()
    is_grey_in_three = is_grey_in_three and bool((image == image[..., :1]).all())
    return image[..., 0].copy() if is_grey_in_three else image


def as_frame(image: npt.NDArray[Any]) -> tuple[npt.NDArray[Any], str]:
    """Name the encoding of a picture that OpenCV decoded, with colours in RGB order and kelvin in degC.

    Raises:
        UnreadableImageError: there is none for its pixels.
    """
    if image.ndim == 2:
        encodings = {"uint8": "mono8", "uint16": "mono16"}
        if image.dtype == np.float32:
            return _in_celsius(image), "32FC1"
        if image.dtype.name in encodings:
            return image, encodings[image.dtype.name]
    elif image.dtype == np.uint8 and image.shape[2] in (3, 4):
        code = cv2.COLOR_BGR2RGB if image.shape[2] == 3 else cv2.COLOR_BGRA2RGB
        return cv2.cvtColor(image, code), "rgb8"
    raise UnreadableImageError(
        f"has {image.dtype} pixels of shape {image.shape}; "
        "expected 8-bit, 16-bit or float gray, or 8-bit colour"
    )


def _in_celsius(pixels: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Return temperatures in degC: no scene is as hot all over as one would be whose numbers are kelvin."""
    known = pixels[np.isfinite(pixels)]
    is_kelvin = known.size > 0 and known.min() > _COLDEST_KELVIN and known.max() < _HOTTEST_KELVIN
    return pixels - np.float32(_ZERO_CELSIUS_KELVIN) if is_kelvin else pixels
