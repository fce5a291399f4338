"""What sensor_msgs/CameraInfo says of a camera, from a file or from its field of view."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gas_fusion_ros.base.documents import DocumentError, read_yaml
from gas_fusion_ros.base.quoting import one_line, quoted, shown
from gas_fusion_ros.drivers import DriverError

_LONGEST_NAME = 80
_LARGEST_SIDE = 65_536
_MOST_NUMBERS = 64
_IDENTITY = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0)


@dataclass(frozen=True)
class CameraCalibration:
    """The content of a sensor_msgs/CameraInfo, matrices row by row.

    Attributes:
        name: the camera's name.
        width: columns, pixels.
        height: rows, pixels.
        distortion_model: such as `plumb_bob` or `equidistant`.
        d: distortion coefficients; five for plumb_bob.
        k: camera matrix, 9 numbers, pixels.
        r: rectification matrix, 9 numbers.
        p: projection matrix, 12 numbers, pixels.
    """

    name: str
    width: int
    height: int
    distortion_model: str
    d: tuple[float, ...]
    k: tuple[float, ...]
    r: tuple[float, ...]
    p: tuple[float, ...]


def from_field_of_view(width: int, height: int, horizontal_fov_deg: float) -> CameraCalibration:
    """Compute the calibration of an ideal camera with square pixels.

    Args:
        width: columns, pixels.
        height: rows, pixels.
        horizontal_fov_deg: angle between the left and the right edge of the picture.

    Raises:
        ValueError: a size is not positive or the angle not between 0 and 180.
    """
    if width <= 0 or height <= 0:
        raise ValueError(f"the image size is {width} x {height}; expected positive numbers of pixels")
    if not 0.0 < horizontal_fov_deg < 180.0:
        raise ValueError(f"horizontal_fov_deg is {horizontal_fov_deg}; expected more than 0, less than 180")
    focal = width / 2 / math.tan(math.radians(horizontal_fov_deg) / 2)
    # Pixel centres have whole coordinates, so the picture's middle is half a pixel before width / 2.
    x, y = (width - 1) / 2, (height - 1) / 2
    return CameraCalibration(
        name="thermal_camera",
        width=width,
        height=height,
        distortion_model="plumb_bob",
        d=(0.0,) * 5,
        k=(focal, 0.0, x, 0.0, focal, y, 0.0, 0.0, 1.0),
        r=_IDENTITY,
        p=(focal, 0.0, x, 0.0, 0.0, focal, y, 0.0, 0.0, 0.0, 1.0, 0.0),
    )


def load_calibration(path: str | Path) -> CameraCalibration:
    """Read a YAML file as the ROS package camera_calibration writes it.

    Raises:
        DriverError: the file cannot be read, or a field is missing or wrong.
    """
    file = Path(path).expanduser()
    try:
        content = read_yaml(file)
    except OSError as error:
        raise DriverError(f"{shown(file)} cannot be read as YAML: {error.strerror}") from None
    except DocumentError as error:
        raise DriverError(f"{shown(file)} cannot be read as YAML: {one_line(str(error))}") from None
    if not isinstance(content, dict):
        raise DriverError(f"{shown(file)} holds no mapping; expected a file written by camera_calibration")
    try:
        return CameraCalibration(
            name=_name(content, "camera_name", "thermal_camera"),
            width=_size(content, "image_width"),
            height=_size(content, "image_height"),
            distortion_model=_name(content, "distortion_model"),
            d=_numbers(content, "distortion_coefficients"),
            k=_matrix(content, "camera_matrix", 9),
            r=_matrix(content, "rectification_matrix", 9),
            p=_matrix(content, "projection_matrix", 12),
        )
    except ValueError as error:
        raise DriverError(f"{shown(file)}: {one_line(str(error))}") from None


def _field(content: Mapping[str, Any], name: str) -> Any:
    if name not in content:
        raise ValueError(f"the field '{name}' is missing")
    return content[name]


def _name(content: Mapping[str, Any], name: str, default: str | None = None) -> str:
    value = str(_field(content, name) if default is None else content.get(name, default))
    if len(value) > _LONGEST_NAME or not value.isprintable():
        raise ValueError(
            f"the field '{name}' is {quoted(value)}; expected {_LONGEST_NAME} printable characters at most"
        )
    return value


def _size(content: Mapping[str, Any], name: str) -> int:
    value = _field(content, name)
    if not isinstance(value, int) or not 0 < value <= _LARGEST_SIDE:
        raise ValueError(f"the field '{name}' is {shown(value)}; expected 1 to {_LARGEST_SIDE} pixels")
    return value


def _matrix(content: Mapping[str, Any], name: str, count: int) -> tuple[float, ...]:
    numbers = _numbers(content, name)
    if len(numbers) != count:
        raise ValueError(f"the field '{name}.data' has {len(numbers)} numbers; expected {count}")
    return numbers


def _numbers(content: Mapping[str, Any], name: str) -> tuple[float, ...]:
    field = _field(content, name)
    data = field.get("data") if isinstance(field, dict) else None
    if not isinstance(data, list):
        raise ValueError(f"the field '{name}' has no list 'data'")
    if len(data) > _MOST_NUMBERS:
        raise ValueError(f"the field '{name}.data' has {len(data)} numbers; expected {_MOST_NUMBERS} at most")
    try:
        numbers = tuple(float(value) for value in data)
    except (TypeError, ValueError, OverflowError):
        raise ValueError(f"the field '{name}.data' holds something that is no number") from None
    if not all(map(math.isfinite, numbers)):
        raise ValueError(f"the field '{name}.data' holds a number that is not finite")
    return numbers
