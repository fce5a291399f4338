"""Reads a thermal picture from a file, as pixels and their encoding."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from gas_fusion_ros.base.files import read_regular

_MOST_BYTES = 64 << 20


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
        encoded = np.frombuffer(read_regular(path, _MOST_BYTES), dtype=np.uint8)
        image = cv2.imdecode(encoded, cv2.IMREAD_UNCHANGED) if encoded.size else None
    except OSError as error:
        raise UnreadableImageError(f"cannot be read ({error.strerror})") from None
    except cv2.error as error:
        # Also what has more pixels than the package lets OpenCV decode.
        raise UnreadableImageError(f"cannot be decoded ({error.err})") from None
    if image is None:
        raise UnreadableImageError("cannot be decoded; expected a whole PNG, JPEG, TIFF, BMP or PGM")
    return image


def as_frame(image: npt.NDArray[Any]) -> tuple[npt.NDArray[Any], str]:
    """Name the encoding of a picture that OpenCV decoded, with colours in RGB order.

    Raises:
        UnreadableImageError: there is none for its pixels.
    """
    if image.ndim == 2:
        encodings = {"uint8": "mono8", "uint16": "mono16", "float32": "32FC1"}
        if image.dtype.name in encodings:
            return image, encodings[image.dtype.name]
    elif image.dtype == np.uint8 and image.shape[2] in (3, 4):
        code = cv2.COLOR_BGR2RGB if image.shape[2] == 3 else cv2.COLOR_BGRA2RGB
        return cv2.cvtColor(image, code), "rgb8"
    raise UnreadableImageError(
        f"has {image.dtype} pixels of shape {image.shape}; "
        "expected 8-bit, 16-bit or float gray, or 8-bit colour"
    )
