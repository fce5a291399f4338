"""The thermal camera node over DDS."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from diagnostic_msgs.msg import DiagnosticArray
from rclpy.lifecycle import TransitionCallbackReturn
from sensor_msgs.msg import CameraInfo, Image

from gas_fusion_ros.model.thermal import to_field
from gas_fusion_ros.nodes.qos import LATCHED, SENSOR_DATA
from gas_fusion_ros.nodes.thermal_camera import ThermalCameraNode
from gas_fusion_ros.ros.messages import decode_frame, key_values, stamp_to_ns
from nodes.harness import Graph

SUCCESS = TransitionCallbackReturn.SUCCESS
FAILURE = TransitionCallbackReturn.FAILURE


def start(node: ThermalCameraNode) -> None:
    assert node.trigger_configure() == SUCCESS
    assert node.trigger_activate() == SUCCESS


def test_radiometric_frame_goes_out_in_both_forms_with_one_stamp(graph: Graph) -> None:
    raw = graph.listen(Image, "thermal/image_raw", SENSOR_DATA)
    celsius = graph.listen(Image, "thermal/image", SENSOR_DATA)
    info = graph.listen(CameraInfo, "thermal/camera_info", SENSOR_DATA)
    start(graph.create(ThermalCameraNode, driver="simulated", period=0.1))
    graph.wait_for(lambda: min(len(raw), len(celsius), len(info)) >= 3)
    stamp = stamp_to_ns(raw[-1].header.stamp)
    graph.wait_for(lambda: stamp in {stamp_to_ns(message.header.stamp) for message in celsius})
    [degrees] = [message for message in celsius if stamp_to_ns(message.header.stamp) == stamp]
    counts, degrees_field = decode_frame(raw[-1]), decode_frame(degrees)
    assert counts.encoding == "mono16"
    assert degrees_field.encoding == "32FC1"
    assert counts.pixels.shape == (156, 206)
    np.testing.assert_allclose(counts.pixels * 0.01 - 273.15, degrees_field.pixels, atol=0.006)
    np.testing.assert_allclose(
        to_field(counts.pixels, "mono16"), to_field(degrees_field.pixels, "32FC1"), atol=0.01
    )


def test_camera_info_is_computed_from_the_field_of_view(graph: Graph) -> None:
    info = graph.listen(CameraInfo, "thermal/camera_info", SENSOR_DATA)
    start(graph.create(ThermalCameraNode, driver="simulated", period=0.1, horizontal_fov=90.0))
    graph.wait_for(lambda: bool(info))
    assert (info[0].width, info[0].height) == (206, 156)
    assert info[0].k[0] == pytest.approx(103.0)
    assert info[0].header.frame_id == "thermal_camera_optical_frame"


def test_camera_info_follows_the_size_of_the_images(graph: Graph, tmp_path: Path) -> None:
    info = graph.listen(CameraInfo, "thermal/camera_info", SENSOR_DATA)
    cv2.imwrite(str(tmp_path / "1.png"), np.full((20, 30), 29_315, dtype=np.uint16))
    cv2.imwrite(str(tmp_path / "2.png"), np.full((40, 60), 29_315, dtype=np.uint16))
    node = graph.create(ThermalCameraNode, driver="recorded", recorded__path=str(tmp_path), period=0.05)
    start(node)
    graph.wait_for(lambda: {(30, 20), (60, 40)} <= {(one.width, one.height) for one in info})
    assert node.problem_counts() == {}


def test_folder_of_images_is_played_and_a_corrupt_one_skipped(graph: Graph, tmp_path: Path) -> None:
    raw = graph.listen(Image, "thermal/image_raw", SENSOR_DATA)
    cv2.imwrite(str(tmp_path / "1.png"), np.full((20, 30), 1000, dtype=np.uint16))
    (tmp_path / "2.png").write_bytes(b"no picture")
    cv2.imwrite(str(tmp_path / "3.png"), np.full((20, 30), 3000, dtype=np.uint16))
    node = graph.create(ThermalCameraNode, driver="recorded", recorded__path=str(tmp_path), period=0.05)
    start(node)
    graph.wait_for(lambda: {1000, 3000} <= {int(decode_frame(message).pixels[0, 0]) for message in raw})
    graph.wait_for(lambda: node.problem_counts().get("unreadable_image", 0) >= 1)
    assert {message.encoding for message in raw} == {"mono16"}


def test_calibration_of_another_size_is_said(graph: Graph, tmp_path: Path) -> None:
    calibration = tmp_path / "camera.yaml"
    identity = "{rows: 3, cols: 3, data: [1, 0, 0, 0, 1, 0, 0, 0, 1]}"
    calibration.write_text(
        "image_width: 640\nimage_height: 480\ncamera_name: seek\ndistortion_model: plumb_bob\n"
        f"camera_matrix: {identity}\nrectification_matrix: {identity}\n"
        "distortion_coefficients: {rows: 1, cols: 5, data: [0, 0, 0, 0, 0]}\n"
        "projection_matrix: {rows: 3, cols: 4, data: [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0]}\n",
        encoding="utf-8",
    )
    node = graph.create(ThermalCameraNode, driver="simulated", period=0.05, calibration_file=str(calibration))
    start(node)
    graph.wait_for(lambda: "calibration_size" in node.problem_counts())


@pytest.mark.parametrize(
    ("parameters", "reason"),
    [
        ({"driver": "recorded"}, "recorded.path is not set"),
        ({}, "driver is not set; it must be one of: amg8833, mlx90640, recorded, simulated, v4l2"),
        ({"driver": "recorded", "recorded__path": "/nowhere"}, "/nowhere does not exist"),
        ({"driver": "v4l2", "v4l2__device": "/dev/video99"}, "/dev/video99"),
        ({"driver": "simulated", "calibration_file": "/nowhere.yaml"}, "/nowhere.yaml"),
    ],
)
def test_configure_fails_with_the_reason(
    graph: Graph, capfd: pytest.CaptureFixture[str], parameters: dict[str, object], reason: str
) -> None:
    assert graph.create(ThermalCameraNode, **parameters).trigger_configure() == FAILURE
    assert reason in capfd.readouterr().err


def test_what_camera_it_is_is_told_to_whoever_comes_later(graph: Graph) -> None:
    start(graph.create(ThermalCameraNode, driver="simulated"))
    told = graph.listen(DiagnosticArray, "thermal/camera_status", LATCHED)
    graph.wait_for(lambda: bool(told))
    [status] = told[0].status
    assert status.name == "thermal_camera: source"
    assert key_values(status) == {"driver": "simulated", "is_sensor": "false", "state": "running"}
    assert told[0].header.frame_id == "thermal_camera_optical_frame"
