"""How well what comes on a topic fits what it may be taken for, by one of its messages and by its name."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from gas_fusion_ros.base.mq import sensor_column
from gas_fusion_ros.base.quoting import listed, quoted, shown
from gas_fusion_ros.ros.messages import channel_names

_OF_A_SCANNER = re.compile(
    "intensity|reflectivity|ambient|range|ring|line|tag|channel|label|t|time|timestamp|offset_time|rgba?|"
    "curvature|normal_[xyz]|velocity|doppler.*|snr|power.*|noise|rcs|azimuth|elevation|(class|object)?_?id|score|"
    "confidence|[rgba]"
)
"""Fields that the points of lidars, radars and depth cameras have beside their place."""
_INFRARED = re.compile("ir|infrared")
"""Near infrared as well, as depth cameras see it."""
_THERMAL = re.compile(
    "thermal|thermo|thermography|lwir|temperature|radiometric|lepton|flir|boson|tau|seek|p2pro|"
    "infiray|mlx90640|amg8833|optris"
)
_COLOUR = re.compile("rgbd?|bgr|colou?r|visible|vis")
_DEPTH = re.compile("depth|disparity|compresseddepth|confidence|mask")
_COUNTS = ("mono16", "16UC1", "32FC1")
_GREY = ("mono8", "8UC1")
_WORD = re.compile(r"[a-z0-9]+")


@dataclass(frozen=True)
class Fit:
    """How well a topic fits.

    Attributes:
        rank: the lower the better.
        is_fit: whether it may be taken at all without being asked for.
        is_doubtful: whether it is taken for want of a better one.
        told: what comes on it, for a sentence.
    """

    rank: int = 0
    is_fit: bool = True
    is_doubtful: bool = False
    told: str = ""


def fit_of_readings(_: str, message: Any) -> Fit:
    """Judge a sensor_msgs/PointCloud2: a gas reading is one point with a float32 field for each channel."""
    points = int(message.width) * int(message.height)
    names = channel_names(message)
    is_array = points == 1 and any(not _OF_A_SCANNER.fullmatch(name.lower()) for name in names)
    has_sensor = is_array and any(sensor_column(name) is not None for name in names)
    fields = listed(str(field.name) for field in message.fields)
    return Fit(
        0 if has_sensor else 1 if is_array else 2,
        is_array,
        told=f"{points} point{'' if points == 1 else 's'} of {fields}",
    )


def fit_of_images(topic: str, message: Any) -> Fit:
    """Judge a sensor_msgs/Image or CompressedImage.

    By topic and frame named after a thermal camera first; then counts or temperatures, grey, colours. Maps of
    depth do not fit.
    """
    words = _WORD.findall(f"{topic} {message.header.frame_id}".lower())
    if hasattr(message, "format"):
        told = str(message.format).strip()
        encoding = told.partition(";")[0].strip() if ";" in told else ""
        shown_as = quoted(told)
    else:
        encoding = str(message.encoding)
        shown_as = f"{shown(encoding)} {message.width}x{message.height}"
    if _any_is(_DEPTH, words):
        return Fit(9, is_fit=False, told=f"{shown_as}, a map of depth")
    is_colour = _any_is(_COLOUR, words)
    is_thermal = _any_is(_THERMAL, words) and not is_colour
    is_named = is_thermal or (_any_is(_INFRARED, words) and not is_colour)
    kind = 0 if encoding in _COUNTS else 1 if encoding in _GREY else 2
    return Fit(
        (0 if is_thermal else 3 if is_named else 6) + kind,
        is_doubtful=not is_named and kind == 2,
        told=shown_as,
    )


def _any_is(kind: re.Pattern[str], words: Iterable[str]) -> bool:
    return any(kind.fullmatch(word) for word in words)
