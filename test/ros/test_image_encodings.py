"""The encodings and formats in which cameras send: all become the picture that was sent, or are refused."""

from __future__ import annotations

from array import array
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from rclpy.serialization import serialize_message
from rosbags.typesys import Stores, get_typestore
from sensor_msgs.msg import CompressedImage, Image

from gas_fusion_ros.ros.messages import MAX_PIXELS, MessageError, decode_frame

BAGS = get_typestore(Stores.ROS2_KILTED)
HEIGHT, WIDTH = 48, 64
_ROWS, _COLUMNS = np.mgrid[0:HEIGHT, 0:WIDTH]
RGB = np.stack([60 + 3 * _ROWS, 40 + 2 * _COLUMNS, 200 - 2 * _ROWS], axis=2).astype(np.uint8)
"""Smooth, and different in each channel: neither a mosaic nor shared colours lose much of it."""
GRAY = (50 + 2 * _COLUMNS + _ROWS).astype(np.uint8)
COUNTS = (29_000 + 40 * _COLUMNS + 25 * _ROWS).astype(np.uint16)
CELSIUS = (COUNTS / 100 - 273.15).astype(np.float32)


def image(pixels: npt.NDArray[Any], encoding: str) -> Image:
    message = Image(height=HEIGHT, width=WIDTH, encoding=encoding, step=pixels.nbytes // HEIGHT)
    message.header.stamp.sec = 1
    message.data = array("B", pixels.tobytes())
    return message


def compressed(content: bytes, format_name: str) -> CompressedImage:
    message = CompressedImage(format=format_name, data=array("B", content))
    message.header.stamp.sec = 1
    return message


def encoded(suffix: str, pixels: npt.NDArray[Any]) -> bytes:
    done, content = cv2.imencode(suffix, pixels)
    assert done
    return content.tobytes()


def uyvy() -> npt.NDArray[np.uint8]:
    """RGB as a UVC camera sends it: U and V of two neighbours in turn before each one's brightness."""
    yuv = cv2.cvtColor(RGB, cv2.COLOR_RGB2YUV).astype(float)
    luma = 16 + yuv[..., 0] * 219 / 255
    blue = 128 + (RGB[..., 2] - yuv[..., 0]) * 0.564 * 224 / 255
    red = 128 + (RGB[..., 0] - yuv[..., 0]) * 0.713 * 224 / 255
    colour = np.where(_COLUMNS % 2 == 0, blue, np.roll(red, 1, axis=1))
    return np.stack([colour, luma], axis=2).round().astype(np.uint8)


def mosaic(first_rows: str) -> npt.NDArray[np.uint8]:
    """RGB through the colour filters of two rows of two pixels, such as `rggb`."""
    channels = np.array(["rgb".index(letter) for letter in first_rows]).reshape(2, 2)
    chosen = channels[_ROWS % 2, _COLUMNS % 2]
    return np.take_along_axis(RGB, chosen[..., np.newaxis], axis=2)[..., 0]


@pytest.mark.parametrize(
    ("pixels", "name", "encoding", "expected", "tolerance"),
    [
        (RGB, "rgb8", "rgb8", RGB, 0),
        (RGB[..., ::-1], "bgr8", "rgb8", RGB, 0),
        (RGB[..., ::-1], "8UC3", "rgb8", RGB, 0),
        (np.dstack([RGB, GRAY]), "rgba8", "rgb8", RGB, 0),
        (np.dstack([RGB[..., ::-1], GRAY]), "bgra8", "rgb8", RGB, 0),
        (np.dstack([RGB[..., ::-1], GRAY]), "8UC4", "rgb8", RGB, 0),
        (uyvy(), "yuv422", "rgb8", RGB, 6),
        (uyvy(), "uyvy", "rgb8", RGB, 6),
        (uyvy()[..., ::-1], "yuv422_yuy2", "rgb8", RGB, 6),
        (uyvy()[..., ::-1], "yuyv", "rgb8", RGB, 6),
        (mosaic("rggb"), "bayer_rggb8", "rgb8", RGB, 6),
        (mosaic("bggr"), "bayer_bggr8", "rgb8", RGB, 6),
        (mosaic("gbrg"), "bayer_gbrg8", "rgb8", RGB, 6),
        (mosaic("grbg"), "bayer_grbg8", "rgb8", RGB, 6),
        (GRAY, "mono8", "mono8", GRAY, 0),
        (GRAY, "8UC1", "mono8", GRAY, 0),
        (COUNTS, "mono16", "mono16", COUNTS, 0),
        (COUNTS, "16UC1", "mono16", COUNTS, 0),
        (CELSIUS, "32FC1", "32FC1", CELSIUS, 0),
    ],
)
@pytest.mark.parametrize("is_from_bag", [False, True], ids=["live", "bag"])
def test_each_encoding_gives_the_picture_that_was_sent(
    pixels: npt.NDArray[Any],
    name: str,
    encoding: str,
    expected: npt.NDArray[Any],
    tolerance: int,
    is_from_bag: bool,
) -> None:
    message = image(np.ascontiguousarray(pixels), name)
    if is_from_bag:
        message = BAGS.deserialize_cdr(serialize_message(message), "sensor_msgs/msg/Image")
    frame = decode_frame(message)
    assert (frame.encoding, frame.pixels.dtype) == (encoding, expected.dtype)
    inside = (slice(2, -2), slice(2, -2)) if tolerance else (slice(None), slice(None))
    far = np.abs(frame.pixels[inside].astype(float) - expected[inside].astype(float)).max()
    assert far <= tolerance


@pytest.mark.parametrize("name", ["mono16", "16UC1"])
def test_counts_come_in_either_order_of_bytes(name: str) -> None:
    message = image(COUNTS.astype(">u2"), name)
    message.is_bigendian = 1
    np.testing.assert_array_equal(decode_frame(message).pixels, COUNTS)


@pytest.mark.parametrize(
    ("content", "format_name", "encoding", "expected", "tolerance"),
    [
        (encoded(".png", COUNTS), "mono16; png compressed ", "mono16", COUNTS, 0),
        (encoded(".png", COUNTS), "16UC1; png compressed ", "mono16", COUNTS, 0),
        (encoded(".png", GRAY), "mono8; png compressed ", "mono8", GRAY, 0),
        (encoded(".png", RGB[..., ::-1]), "rgb8; png compressed bgr8", "rgb8", RGB, 0),
        (encoded(".jpg", RGB[..., ::-1]), "rgb8; jpeg compressed bgr8", "rgb8", RGB, 6),
        (encoded(".jpg", RGB[..., ::-1]), "bgr8; jpeg compressed bgr8", "rgb8", RGB, 6),
        (encoded(".jpg", RGB[..., ::-1]), "jpeg", "rgb8", RGB, 6),
        (encoded(".jpg", GRAY), "mono8; jpeg compressed ", "mono8", GRAY, 4),
        (encoded(".png", mosaic("grbg")), "bayer_grbg8; png compressed ", "rgb8", RGB, 6),
        (encoded(".tiff", CELSIUS), "32FC1; tiff compressed ", "32FC1", CELSIUS, 0),
    ],
)
@pytest.mark.parametrize("is_from_bag", [False, True], ids=["live", "bag"])
def test_each_compressed_format_gives_the_picture_that_was_sent(
    content: bytes,
    format_name: str,
    encoding: str,
    expected: npt.NDArray[Any],
    tolerance: int,
    is_from_bag: bool,
) -> None:
    message = compressed(content, format_name)
    if is_from_bag:
        message = BAGS.deserialize_cdr(serialize_message(message), "sensor_msgs/msg/CompressedImage")
    frame = decode_frame(message)
    assert (frame.encoding, frame.pixels.dtype) == (encoding, expected.dtype)
    far = np.abs(frame.pixels[2:-2, 2:-2].astype(float) - expected[2:-2, 2:-2].astype(float)).max()
    assert far <= tolerance


def header_of(width: int, height: int) -> bytes:
    """A PNG of a few hundred bytes that says it is so large."""
    small = bytearray(encoded(".png", np.zeros((8, 8), np.uint8)))
    small[16:24] = width.to_bytes(4, "big") + height.to_bytes(4, "big")
    import zlib

    small[29:33] = zlib.crc32(small[12:29]).to_bytes(4, "big")
    return bytes(small)


@pytest.mark.parametrize(
    ("content", "format_name", "cause", "said"),
    [
        (encoded(".png", COUNTS), "16UC1; compressedDepth png", "image_compressed_depth", "topic raw"),
        (b"\x00" * 12, "32FC1; compressedDepth rvl", "image_compressed_depth", "'compressed' as png"),
        (b"", "jpeg", "image_undecodable", "no header of a PNG, JPEG, TIFF"),
        (b"\x00\x00\x00\x01\x67", "h264", "image_undecodable", "'h264'"),
        (encoded(".png", COUNTS)[:200], "mono16; png compressed ", "image_undecodable", "cannot be decoded"),
        (encoded(".jpg", GRAY), "mono16; jpeg compressed ", "image_depth_lost", "format to png"),
        (encoded(".png", GRAY), "32FC1; png compressed ", "image_depth_lost", "32FC1 was cut to 8 bits"),
        (header_of(2049, 2048), "mono8; png compressed ", "image_undecodable", "2049x2048"),
        (header_of(60_000, 60_000), "mono8; png compressed ", "image_undecodable", f"{MAX_PIXELS} at most"),
        (
            encoded(".png", np.zeros((8, 8, 3), np.uint16)),
            "rgb16; png compressed bgr16",
            "image_undecodable",
            "uint16",
        ),
    ],
)
def test_what_cannot_be_a_picture_is_refused_with_the_remedy(
    content: bytes, format_name: str, cause: str, said: str
) -> None:
    with pytest.raises(MessageError) as refused:
        decode_frame(compressed(content, format_name))
    assert refused.value.cause == cause
    assert said in refused.value.detail


def test_a_picture_of_more_pixels_than_a_camera_has_is_never_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cv2, "imdecode", lambda *_: pytest.fail("decoded"))
    with pytest.raises(MessageError, match="expected"):
        decode_frame(compressed(header_of(4000, 4000), "mono8; png compressed "))
