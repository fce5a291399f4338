"""CameraInfo's content from a calibration file or from the field of view."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from gas_fusion_ros.drivers import DriverError
from gas_fusion_ros.drivers.thermal.calibration import from_field_of_view, load_calibration

FILE = """\
image_width: 206
image_height: 156
camera_name: seek
camera_matrix:
  rows: 3
  cols: 3
  data: [317.0, 0.0, 102.5, 0.0, 318.0, 77.5, 0.0, 0.0, 1.0]
distortion_model: plumb_bob
distortion_coefficients:
  rows: 1
  cols: 5
  data: [-0.1, 0.02, 0, 0, 0]
rectification_matrix:
  rows: 3
  cols: 3
  data: [1, 0, 0, 0, 1, 0, 0, 0, 1]
projection_matrix:
  rows: 3
  cols: 4
  data: [316.0, 0, 102.0, 0, 0, 317.0, 77.0, 0, 0, 0, 1, 0]
"""


def test_reads_what_camera_calibration_writes(tmp_path: Path) -> None:
    path = tmp_path / "seek.yaml"
    path.write_text(FILE)

    calibration = load_calibration(path)

    assert (calibration.name, calibration.width, calibration.height) == ("seek", 206, 156)
    assert calibration.distortion_model == "plumb_bob"
    assert calibration.d == (-0.1, 0.02, 0.0, 0.0, 0.0)
    assert calibration.k == (317.0, 0.0, 102.5, 0.0, 318.0, 77.5, 0.0, 0.0, 1.0)
    assert calibration.r == (1, 0, 0, 0, 1, 0, 0, 0, 1)
    assert calibration.p[:3] == (316.0, 0.0, 102.0)


@pytest.mark.parametrize(
    ("old", "new", "detail"),
    [
        ("image_width: 206", "", "the field 'image_width' is missing"),
        ("image_height: 156", "image_height: -1", "the field 'image_height' is -1"),
        ("77.5, 0.0, 0.0, 1.0]", "77.5]", "'camera_matrix.data' has 6 numbers; expected 9"),
        ("[-0.1, 0.02", "[-0.1, x", "'distortion_coefficients.data' holds something that is no number"),
        ("[-0.1, 0.02", "[-0.1, .inf", "'distortion_coefficients.data' holds a number that is not finite"),
        ("  data: [1, 0", "  values: [1, 0", "the field 'rectification_matrix' has no list 'data'"),
        (FILE, "- 1", "holds no mapping"),
        (FILE, "a: [", "cannot be read as YAML"),
    ],
)
def test_a_bad_file_is_refused_by_file_and_field(tmp_path: Path, old: str, new: str, detail: str) -> None:
    path = tmp_path / "bad.yaml"
    path.write_text(FILE.replace(old, new))

    with pytest.raises(DriverError) as raised:
        load_calibration(path)

    assert str(path) in str(raised.value)
    assert detail in str(raised.value)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DriverError, match=r"none.yaml cannot be read"):
        load_calibration(tmp_path / "none.yaml")


def test_the_field_of_view_spans_the_pictures_width() -> None:
    calibration = from_field_of_view(206, 156, 36.0)
    camera = np.array(calibration.k).reshape(3, 3)

    fov_x, _, _, middle, aspect = cv2.calibrationMatrixValues(camera, (206, 156), 206.0, 156.0)

    assert fov_x == pytest.approx(36.0, abs=0.01)
    assert aspect == pytest.approx(1.0)
    assert middle == pytest.approx((102.5, 77.5))
    np.testing.assert_array_equal(np.array(calibration.p).reshape(3, 4)[:, :3], camera)
    assert calibration.d == (0.0,) * 5


@pytest.mark.parametrize(
    ("width", "height", "angle", "detail"),
    [
        (0, 156, 36.0, "0 x 156"),
        (206, 156, 180.0, "horizontal_fov_deg is 180"),
        (206, 156, 0.0, "fov_deg is 0"),
    ],
)
def test_an_impossible_camera_is_refused(width: int, height: int, angle: float, detail: str) -> None:
    with pytest.raises(ValueError, match=detail):
        from_field_of_view(width, height, angle)
