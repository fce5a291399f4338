"""The encodings of images: how the bytes of each are read, and what a ThermalFrame holds of them.

A frame is `mono8`, `mono16`, `32FC1` or `rgb8`. These are handed on as they are; every other encoding is
turned into one of them by OpenCV.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

Pixels = npt.NDArray[Any]


@dataclass(frozen=True)
class PixelFormat:
    """The pixels of an encoding.

    Attributes:
        name: what a ThermalFrame calls what becomes of them.
        dtype: type of one number.
        planes: numbers of one pixel.
        convert: makes the frame's pixels of those of the message; None where they are the same.
        columns: the width is a multiple of it.
    """

    name: str
    dtype: np.dtype[Any]
    planes: int = 1
    convert: Callable[[Pixels], Pixels] | None = None
    columns: int = 1

    @cached_property
    def size(self) -> int:
        """Bytes of one pixel."""
        return self.dtype.itemsize * self.planes

    @cached_property
    def opencv_type(self) -> str:
        """What OpenCV and cv_bridge call the layout, such as `8UC3`."""
        kind = "F" if self.dtype.kind == "f" else "U"
        return f"{8 * self.dtype.itemsize}{kind}C{self.planes}"


def _by_opencv(code: int, pixels: Pixels) -> Pixels:
    return np.asarray(cv2.cvtColor(pixels, code))


def _coloured(planes: int, code: int, columns: int = 1) -> PixelFormat:
    return PixelFormat("rgb8", np.dtype(np.uint8), planes, partial(_by_opencv, code), columns)


_MONO8 = PixelFormat("mono8", np.dtype(np.uint8))
_MONO16 = PixelFormat("mono16", np.dtype(np.uint16))
_DEG_C = PixelFormat("32FC1", np.dtype(np.float32))
_RGB8 = PixelFormat("rgb8", np.dtype(np.uint8), 3)
_BGR8 = _coloured(3, cv2.COLOR_BGR2RGB)
_BGRA8 = _coloured(4, cv2.COLOR_BGRA2RGB)
_UYVY = _coloured(2, cv2.COLOR_YUV2RGB_UYVY, columns=2)
_YUYV = _coloured(2, cv2.COLOR_YUV2RGB_YUY2, columns=2)

PIXEL_FORMATS: Mapping[str, PixelFormat] = {
    "mono8": _MONO8,
    "mono16": _MONO16,
    "32FC1": _DEG_C,
    "rgb8": _RGB8,
    # Drivers that do not say what their planes mean use OpenCV's names, whose order of colours is BGR.
    "8UC1": _MONO8,
    "16UC1": _MONO16,
    "8UC3": _BGR8,
    "8UC4": _BGRA8,
    "bgr8": _BGR8,
    "bgra8": _BGRA8,
    "rgba8": _coloured(4, cv2.COLOR_RGBA2RGB),
    "yuv422": _UYVY,
    "uyvy": _UYVY,
    "yuv422_yuy2": _YUYV,
    "yuyv": _YUYV,
    # OpenCV names a mosaic by its second row, from the second column on; ROS by its first pixels.
    "bayer_rggb8": _coloured(1, cv2.COLOR_BayerBG2RGB),
    "bayer_bggr8": _coloured(1, cv2.COLOR_BayerRG2RGB),
    "bayer_gbrg8": _coloured(1, cv2.COLOR_BayerGR2RGB),
    "bayer_grbg8": _coloured(1, cv2.COLOR_BayerGB2RGB),
}
"""By the names of sensor_msgs/image_encodings.hpp."""
