"""Follows the thermal images of a bag, in memory of constant size."""

from __future__ import annotations

from binascii import crc32
from collections import Counter
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from gas_fusion_ros.base.problems import Problems
from gas_fusion_ros.base.quoting import shown
from gas_fusion_ros.drivers.thermal.raw_frames import RawSettings
from gas_fusion_ros.inspection.schema import ImageFigures, PixelFigures
from gas_fusion_ros.inspection.times import StampFollower
from gas_fusion_ros.pipeline.frame_decoder import FrameDecoder
from gas_fusion_ros.ros.messages import MessageError, stamp_to_ns

if TYPE_CHECKING:
    from sensor_msgs.msg import CompressedImage, Image

_UNITS = {"32FC1": "degC", "mono16": "counts"}
_LEVELS = "grey levels"
_MOST_SIZES = 100


class ImageFollower:
    """Follows the images of one topic.

    Args:
        topic: full topic name.
        problems: where unreadable images are counted.
    """

    def __init__(self, topic: str, problems: Problems) -> None:
        self._topic = topic
        self._problems = problems
        self._stamps = StampFollower()
        self._sizes: Counter[str] = Counter()
        self._encodings: dict[str, _Pixels] = {}
        self._frames = FrameDecoder(RawSettings())
        self._frozen = 0
        self._last_crc: int | None = None
        self._unreadable: Counter[str] = Counter()

    def add(self, msg: Image | CompressedImage, recorded_ns: int) -> int:
        """Take in a message; return its stamp, nanoseconds.

        Raises:
            ImportError: cv_bridge cannot be used.
        """
        stamp_ns = stamp_to_ns(msg.header.stamp)
        self._stamps.add(stamp_ns, recorded_ns)
        try:
            frame = self._frames.decode(msg)
        except MessageError as error:
            self._unreadable[error.cause] += 1
            self._problems.add(error.cause, f"{shown(self._topic)}: {error.detail}")
            return stamp_ns
        size = f"{frame.pixels.shape[1]}x{frame.pixels.shape[0]}"
        if size in self._sizes or len(self._sizes) < _MOST_SIZES:
            self._sizes[size] += 1
        self._encodings.setdefault(frame.encoding, _Pixels(_UNITS.get(frame.encoding, _LEVELS))).add(
            frame.pixels
        )
        crc = crc32(frame.pixels.tobytes())
        self._frozen += crc == self._last_crc
        self._last_crc = crc
        return stamp_ns

    def figures(self) -> ImageFigures:
        """What was found so far."""
        return ImageFigures(
            topic=self._topic,
            stamps=self._stamps.figures(),
            sizes=dict(self._sizes),
            encodings={name: pixels.figures() for name, pixels in self._encodings.items()},
            frozen=self._frozen,
            unreadable=dict(self._unreadable),
            doubt=self._frames.doubt,
        )


class _Pixels:
    """Follows the values of the pixels of one encoding."""

    def __init__(self, unit: str) -> None:
        self._unit = unit
        self._images = 0
        self._pixels = 0
        self._finite = 0
        self._least: float | None = None
        self._greatest: float | None = None

    def add(self, pixels: npt.NDArray[Any]) -> None:
        self._images += 1
        self._pixels += pixels.size
        finite = pixels[np.isfinite(pixels)] if pixels.dtype.kind == "f" else pixels
        self._finite += finite.size
        if finite.size:
            least, greatest = float(finite.min()), float(finite.max())
            self._least = least if self._least is None else min(self._least, least)
            self._greatest = greatest if self._greatest is None else max(self._greatest, greatest)

    def figures(self) -> PixelFigures:
        return PixelFigures(
            images=self._images,
            least=self._least,
            greatest=self._greatest,
            unit=self._unit,
            nan_share=1 - self._finite / max(self._pixels, 1),
        )
