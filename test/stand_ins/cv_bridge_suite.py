"""What gas_fusion_ros expects of `cv_bridge`."""

from __future__ import annotations

import os
import sys
from array import array
from typing import Any

import cv_bridge
import numpy as np
import numpy.typing as npt
import pytest
from sensor_msgs.msg import Image
from std_msgs.msg import Header

IS_REAL = hasattr(cv_bridge, "__path__")


def ramp(dtype: str, *shape: int) -> npt.NDArray[Any]:
    return np.arange(1, np.prod(shape) + 1).reshape(shape).astype(dtype)


def image(encoding: str, pixels: npt.NDArray[Any], step: int | None = None) -> Image:
    return Image(
        height=pixels.shape[0],
        width=pixels.shape[1],
        encoding=encoding,
        step=step if step is not None else pixels.nbytes // pixels.shape[0],
        data=array("B", pixels.tobytes()),
    )


def test_the_implementation_is_the_one_meant() -> None:
    assert os.path.realpath(cv_bridge.__file__).startswith(os.environ["GAS_FUSION_SUITE_FOLDER"])


@pytest.mark.parametrize(
    ("encoding", "pixels"),
    [
        ("mono8", ramp("uint8", 5, 7)),
        ("mono16", ramp("uint16", 5, 7)),
        ("rgb8", ramp("uint8", 5, 7, 3)),
        ("bgr8", ramp("uint8", 5, 7, 3)),
        ("rgba8", ramp("uint8", 5, 7, 4)),
        ("rgb16", ramp("uint16", 5, 7, 3)),
        ("8UC1", ramp("uint8", 5, 7)),
        ("16UC1", ramp("uint16", 5, 7)),
        ("16SC1", ramp("int16", 5, 7)),
        ("32SC1", ramp("int32", 5, 7)),
        ("32FC1", ramp("float32", 5, 7)),
        ("32FC2", ramp("float32", 5, 7, 2)),
        ("64FC1", ramp("float64", 5, 7)),
    ],
)
def test_images_survive_a_round_trip(encoding: str, pixels: npt.NDArray[Any]) -> None:
    bridge = cv_bridge.CvBridge()
    header = Header(frame_id="camera")
    message = bridge.cv2_to_imgmsg(pixels, encoding=encoding, header=header)
    decoded = bridge.imgmsg_to_cv2(message, "passthrough")
    assert (message.height, message.width, message.encoding) == (5, 7, encoding)
    assert message.step * 5 == len(message.data) == pixels.nbytes
    assert message.header is header
    assert not message.is_bigendian
    assert decoded.dtype == pixels.dtype
    assert decoded.dtype.isnative
    np.testing.assert_array_equal(decoded, pixels)


@pytest.mark.parametrize(
    ("pixels", "encoding"),
    [
        (ramp("uint8", 2, 3), "8UC1"),
        (ramp("uint16", 2, 3), "16UC1"),
        (ramp("float32", 2, 3), "32FC1"),
        (ramp("uint8", 2, 3, 3), "8UC3"),
        (ramp("uint16", 2, 3, 1), "16UC1"),
    ],
)
def test_passthrough_names_the_array_type(pixels: npt.NDArray[Any], encoding: str) -> None:
    assert cv_bridge.CvBridge().cv2_to_imgmsg(pixels).encoding == encoding


def test_data_are_an_array_of_bytes_and_the_header_is_empty_by_default() -> None:
    message = cv_bridge.CvBridge().cv2_to_imgmsg(ramp("uint16", 2, 3))
    assert isinstance(message.data, array)
    assert message.data.typecode == "B"
    assert message.header == Header()


def test_pixels_not_in_order_are_put_in_order() -> None:
    pixels = ramp("uint16", 4, 6)[::2, ::3]
    message = cv_bridge.CvBridge().cv2_to_imgmsg(pixels)
    assert message.step == 4
    np.testing.assert_array_equal(cv_bridge.CvBridge().imgmsg_to_cv2(message), pixels)


def test_packed_pixels_are_not_copied() -> None:
    message = image("mono16", ramp("uint16", 4, 6))
    pixels = cv_bridge.CvBridge().imgmsg_to_cv2(message)
    message.data[0] = 77
    assert pixels[0, 0] == 77


@pytest.mark.parametrize("kind", [bytes, array, np.ndarray])
def test_pixels_come_from_any_buffer(kind: type) -> None:
    pixels = ramp("uint16", 4, 6)
    raw = pixels.tobytes()
    buffers = {bytes: raw, array: array("B", raw), np.ndarray: np.frombuffer(raw, np.uint8)}

    class Fields:
        height, width, encoding, step, is_bigendian, data = 4, 6, "mono16", 12, 0, buffers[kind]

    np.testing.assert_array_equal(cv_bridge.CvBridge().imgmsg_to_cv2(Fields()), pixels)


def test_padding_by_whole_pixels_is_cut_off() -> None:
    padded = ramp("uint16", 4, 8)
    message = image("mono16", padded)
    message.width = 6
    pixels = cv_bridge.CvBridge().imgmsg_to_cv2(message)
    assert pixels.flags.c_contiguous
    np.testing.assert_array_equal(pixels, padded[:, :6])


def test_more_data_than_the_image_needs_are_ignored() -> None:
    message = image("mono8", ramp("uint8", 4, 6))
    message.data.append(1)
    np.testing.assert_array_equal(cv_bridge.CvBridge().imgmsg_to_cv2(message), ramp("uint8", 4, 6))


def test_big_endian_pixels_are_marked_and_come_back_native() -> None:
    if IS_REAL and int(np.__version__.split(".")[0]) >= 2:
        pytest.skip("the real cv_bridge cannot swap bytes beside NumPy 2")
    pixels = ramp(">u2", 4, 6)
    message = cv_bridge.CvBridge().cv2_to_imgmsg(pixels, "mono16")
    decoded = cv_bridge.CvBridge().imgmsg_to_cv2(message)
    assert message.is_bigendian
    assert bytes(message.data[:2]) == b"\x00\x01"
    assert decoded.dtype.isnative or sys.byteorder == "big"
    np.testing.assert_array_equal(decoded, pixels)


def test_the_error_is_a_type_error() -> None:
    assert issubclass(cv_bridge.CvBridgeError, TypeError)


@pytest.mark.parametrize("encoding", ["", "nonsense", "mono32", "16UC", "8UC1 "])
def test_an_unknown_encoding_is_refused_both_ways(encoding: str) -> None:
    bridge = cv_bridge.CvBridge()
    with pytest.raises(cv_bridge.CvBridgeError, match="Unrecognized image encoding"):
        bridge.imgmsg_to_cv2(image(encoding, ramp("uint8", 2, 3)))
    with pytest.raises(cv_bridge.CvBridgeError, match="Unrecognized image encoding"):
        bridge.cv2_to_imgmsg(ramp("uint8", 2, 3), encoding=encoding)


@pytest.mark.parametrize(
    ("encoding", "pixels"),
    [
        ("mono16", ramp("uint8", 2, 3)),
        ("rgb8", ramp("uint8", 2, 3)),
        ("32FC1", ramp("float64", 2, 3)),
        ("mono8", ramp("uint8", 2, 3, 3)),
    ],
)
def test_an_encoding_that_is_not_the_array_type_is_refused(encoding: str, pixels: npt.NDArray[Any]) -> None:
    with pytest.raises(cv_bridge.CvBridgeError, match="incompatible type"):
        cv_bridge.CvBridge().cv2_to_imgmsg(pixels, encoding=encoding)


@pytest.mark.parametrize("dtype", ["int64", "float16", "bool"])
def test_an_array_type_unknown_to_opencv_is_a_key_error(dtype: str) -> None:
    with pytest.raises(KeyError):
        cv_bridge.CvBridge().cv2_to_imgmsg(np.zeros((2, 3), dtype=dtype))


def test_something_else_than_an_array_is_a_plain_type_error() -> None:
    rows: Any = [[1, 2], [3, 4]]
    with pytest.raises(TypeError, match="not a numpy array") as raised:
        cv_bridge.CvBridge().cv2_to_imgmsg(rows)
    assert not isinstance(raised.value, cv_bridge.CvBridgeError)


def test_an_array_without_rows_is_refused() -> None:
    with pytest.raises(ZeroDivisionError):
        cv_bridge.CvBridge().cv2_to_imgmsg(np.zeros((0, 3), dtype=np.uint8))


def test_truncated_data_are_a_plain_type_error() -> None:
    message = image("mono16", ramp("uint16", 4, 6))
    message.data.pop()
    with pytest.raises(TypeError) as raised:
        cv_bridge.CvBridge().imgmsg_to_cv2(message)
    assert not isinstance(raised.value, cv_bridge.CvBridgeError)
