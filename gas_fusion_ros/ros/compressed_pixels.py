"""The pixels of a sensor_msgs/CompressedImage, as `image_transport` and web cameras fill it."""

from __future__ import annotations

import re

import numpy as np

from gas_fusion_ros.base.quoting import one_line, quoted
from gas_fusion_ros.drivers.thermal.image_file import UnreadableImageError, as_frame, decode_bytes
from gas_fusion_ros.ros.pixel_formats import PIXEL_FORMATS, Pixels

_DEPTH = "compressedDepth"
_MORE_THAN_8_BITS = re.compile(r"mono16|(rgb|bgr|rgba|bgra)16|bayer_....16|(16|32|64)[USF]C\d")


class CompressedError(ValueError):
    """A compressed image cannot be used.

    Attributes:
        cause: short stable key, one per kind of fault.
        detail: a sentence that says what would be right.
    """

    def __init__(self, cause: str, detail: str) -> None:
        super().__init__(detail)
        self.cause = cause
        self.detail = detail


def decode_compressed(content: bytes, format_name: str, most_pixels: int) -> tuple[Pixels, str]:
    """Decode a PNG, JPEG or TIFF to the pixels and encoding of a ThermalFrame.

    Args:
        content: the file.
        format_name: the message's `format`, such as `mono16; png compressed ` or `jpeg`: what was compressed
            and how. The file's own header goes before what it says of the kind of file.
        most_pixels: width times height that it may have.

    Raises:
        CompressedError: it is none of these files, damaged or too large, a quantised depth map, or of deeper
            pixels than were kept.
    """
    if _DEPTH in format_name:
        raise CompressedError(
            "image_compressed_depth",
            f"format {quoted(format_name)} is a depth map in steps of its own; send or record the topic raw, "
            "or by the transport 'compressed' as png",
        )
    try:
        pixels, encoding = as_frame(decode_bytes(content, most_pixels))
    except UnreadableImageError as error:
        raise CompressedError(
            "image_undecodable", f"a compressed image of format {quoted(format_name)} {one_line(str(error))}"
        ) from None
    before = format_name.partition(";")[0].strip()
    if _MORE_THAN_8_BITS.fullmatch(before) and pixels.dtype == np.uint8:
        raise CompressedError(
            "image_depth_lost",
            f"format {quoted(format_name)}: {before} was cut to 8 bits when it was compressed; set the "
            "transport's format to png",
        )
    mosaic = PIXEL_FORMATS.get(before) if before.startswith("bayer_") and encoding == "mono8" else None
    if mosaic is None or mosaic.convert is None:
        return pixels, encoding
    return mosaic.convert(pixels), mosaic.name
