"""Makes thermal frames of images' messages: for the live node as for what reads bags."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from gas_fusion_ros.base.observation import ThermalFrame
from gas_fusion_ros.drivers.thermal.raw_frames import RawFrameError, RawReader, RawSettings
from gas_fusion_ros.ros.messages import MessageError, check_image, decode_frame
from gas_fusion_ros.ros.pending_frame import PendingFrame
from gas_fusion_ros.ros.pixel_formats import PIXEL_FORMATS

if TYPE_CHECKING:
    from sensor_msgs.msg import CompressedImage, Image

_LOOK_EVERY = 1024
"""Frames of counts that need nothing are looked at so often: what a camera sends seldom changes."""


class FrameDecoder:
    """Decodes images, and reads those of raw counts as `raw_frames` does.

    Args:
        settings: how frames of 16 bits are read.
        offset_ns: what is added to each stamp.

    Attributes:
        doubt: what is to be set, of counts whose unit nobody knows; empty where there are none.

    Raises:
        DriverError: the shutter's file cannot be used.
    """

    def __init__(self, settings: RawSettings, offset_ns: int = 0) -> None:
        self.doubt = ""
        self._offset_ns = offset_ns
        self._raw = RawReader(settings)
        self._as_they_are: dict[tuple[int, ...], int] = {}

    def decode(self, msg: Image | CompressedImage) -> ThermalFrame:
        """Read a sensor_msgs/Image or CompressedImage.

        Raises:
            MessageError: it cannot be used, or is a raw frame and no picture.
            ImportError: cv_bridge cannot be used.
        """
        return self.take(msg).frame

    def take(self, msg: Image | CompressedImage) -> PendingFrame:
        """Look for all that may be wrong with an image; its pixels are made where that takes them, or later.

        Later are those of images that are not compressed, but for the frames of counts that are looked at.

        Raises:
            MessageError: as `decode`.
            ImportError: likewise.
        """
        if hasattr(msg, "format"):
            return self._taken(self._stamped(decode_frame(msg)))
        stamp_ns, pixel_format = check_image(msg)
        if pixel_format.name == "mono16" and not self._is_known(int(msg.height), int(msg.width)):
            return self._taken(self._stamped(decode_frame(msg)))
        decoded = int(msg.height) * int(msg.width) * PIXEL_FORMATS[pixel_format.name].size
        return PendingFrame(
            stamp_ns + self._offset_ns,
            max(len(msg.data), decoded),
            lambda: self._stamped(decode_frame(msg)),
        )

    def _stamped(self, frame: ThermalFrame) -> ThermalFrame:
        return replace(frame, stamp_ns=frame.stamp_ns + self._offset_ns) if self._offset_ns else frame

    def _taken(self, frame: ThermalFrame) -> PendingFrame:
        return PendingFrame.of(self._read(frame) if frame.encoding == "mono16" else frame)

    def _is_known(self, height: int, width: int) -> bool:
        """Whether counts of that size need nothing, as far as was looked at lately."""
        left = self._as_they_are.get((height, width), 0)
        if left:
            self._as_they_are[height, width] = left - 1
        return left > 0

    def _read(self, frame: ThermalFrame) -> ThermalFrame:
        try:
            picture = self._raw.read(frame.pixels)
        except RawFrameError as error:
            raise MessageError(error.cause, error.detail) from None
        if picture is None:
            raise MessageError("raw_shutter", "a frame of the camera's closed shutter shows nothing")
        self.doubt = picture.doubt
        if picture.pixels is frame.pixels:
            self._as_they_are[frame.pixels.shape] = _LOOK_EVERY
            return frame
        return replace(frame, pixels=picture.pixels, encoding=picture.encoding)
