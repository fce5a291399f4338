"""Stand-in for ROS 2's `cv_bridge` (Python): images between messages and arrays, unconverted.

Names are those of the original.
"""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from sensor_msgs.msg import Image
    from std_msgs.msg import Header

_DEPTHS: dict[str, np.dtype[Any]] = {
    "8U": np.dtype(np.uint8),
    "8S": np.dtype(np.int8),
    "16U": np.dtype(np.uint16),
    "16S": np.dtype(np.int16),
    "32S": np.dtype(np.int32),
    "32F": np.dtype(np.float32),
    "64F": np.dtype(np.float64),
}
_DEPTH_NAMES = {dtype.name: depth for depth, dtype in _DEPTHS.items()}

# sensor_msgs/image_encodings.hpp
_ENCODINGS = {
    "mono8": "8UC1",
    "mono16": "16UC1",
    "rgb8": "8UC3",
    "bgr8": "8UC3",
    "rgba8": "8UC4",
    "bgra8": "8UC4",
    "rgb16": "16UC3",
    "bgr16": "16UC3",
    "rgba16": "16UC4",
    "bgra16": "16UC4",
}
_OPENCV_TYPE = re.compile(r"(8U|8S|16U|16S|32S|32F|64F)C(\d+)")


class CvBridgeError(TypeError):
    """A conversion that is not possible."""


class CvBridge:
    """Converts between sensor_msgs/Image and NumPy arrays; colours are left as they are."""

    def imgmsg_to_cv2(self, img_msg: Image, desired_encoding: str = "passthrough") -> npt.NDArray[Any]:
        """Return the pixels of `img_msg`, shape (H, W) or (H, W, planes), not copied if packed.

        Raises:
            CvBridgeError: the encoding is unknown.
            TypeError: the data are shorter than the image.
            NotImplementedError: a conversion is asked for; only the real cv_bridge has those.
        """
        dtype, planes = _pixel_type(img_msg.encoding)
        dtype = dtype.newbyteorder(">" if img_msg.is_bigendian else "<")
        data = np.asarray(img_msg.data, dtype=dtype) if isinstance(img_msg.data, list) else img_msg.data
        columns = img_msg.step // (dtype.itemsize * planes)
        shape = (img_msg.height, columns) if planes == 1 else (img_msg.height, columns, planes)
        rows = np.ndarray(shape=shape, dtype=dtype, buffer=data)
        pixels = np.ascontiguousarray(rows[:, : img_msg.width])
        if bool(img_msg.is_bigendian) == (sys.byteorder == "little"):
            pixels = pixels.astype(dtype.newbyteorder("="))
        _only_passthrough(desired_encoding)
        return pixels

    def cv2_to_imgmsg(
        self, cvim: npt.NDArray[Any], encoding: str = "passthrough", header: Header | None = None
    ) -> Image:
        """Return the message of `cvim`, its encoding checked against the array's type.

        Raises:
            TypeError: `cvim` is not an array.
            KeyError: OpenCV has no type for the array's.
            CvBridgeError: the encoding is unknown or not that of the array's type.
        """
        from sensor_msgs.msg import Image

        if not isinstance(cvim, (np.ndarray, np.generic)):
            raise TypeError("Your input type is not a numpy array")
        planes = 1 if cvim.ndim < 3 else cvim.shape[2]
        own_type = f"{_DEPTH_NAMES[cvim.dtype.name]}C{planes}"
        if encoding != "passthrough" and _opencv_type(encoding) != own_type:
            raise CvBridgeError(
                f"encoding specified as {encoding}, but image has incompatible type {own_type}"
            )
        msg = Image()
        msg.height, msg.width = cvim.shape[:2]
        if header is not None:
            msg.header = header
        msg.encoding = own_type if encoding == "passthrough" else encoding
        msg.is_bigendian = cvim.dtype.byteorder == ">"
        msg.data.frombytes(cvim.tobytes())
        msg.step = len(msg.data) // msg.height
        return msg


def _opencv_type(encoding: str) -> str:
    name = _ENCODINGS.get(encoding, encoding)
    if _OPENCV_TYPE.fullmatch(name) is None:
        raise CvBridgeError(f"Unrecognized image encoding [{encoding}]")
    return name


def _pixel_type(encoding: str) -> tuple[np.dtype[Any], int]:
    depth, planes = _opencv_type(encoding).split("C")
    return _DEPTHS[depth], int(planes)


def _only_passthrough(desired_encoding: str) -> None:
    if desired_encoding != "passthrough":
        raise NotImplementedError(
            f"this stand-in for cv_bridge does not convert to {desired_encoding!r}; the real one of ROS does"
        )
