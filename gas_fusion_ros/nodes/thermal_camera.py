"""Publishes the images of a thermal camera, a recording or a simulation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from diagnostic_msgs.msg import DiagnosticStatus
from rclpy.lifecycle import LifecyclePublisher
from sensor_msgs.msg import CameraInfo, Image

from gas_fusion_ros.base.observation import ThermalFrame
from gas_fusion_ros.base.units import NANOSECONDS_PER_SECOND
from gas_fusion_ros.drivers.registry import find_drivers
from gas_fusion_ros.drivers.thermal.calibration import (
    CameraCalibration,
    from_field_of_view,
    load_calibration,
)
from gas_fusion_ros.model.thermal import raw_counts
from gas_fusion_ros.nodes.driver_node import DriverNode, DriverNodeSettings, driver_specs
from gas_fusion_ros.nodes.qos import SENSOR_DATA
from gas_fusion_ros.nodes.runner import run
from gas_fusion_ros.ros import messages
from gas_fusion_ros.settings.fields import setting

_DRIVERS = find_drivers("thermal")


@dataclass(frozen=True)
class ThermalCameraSettings(DriverNodeSettings):
    """What the node of a thermal camera takes besides its driver's own."""

    driver: str = setting("", "where the images come from; must be given", choices=tuple(_DRIVERS.entries))
    frame_id: str = setting("thermal_camera_optical_frame", "optical frame of the camera", read_only=True)
    period_ns: int = setting(
        NANOSECONDS_PER_SECOND // 8,
        "time between images of the drivers simulated and recorded, s",
        minimum=0.001,
        maximum=3600.0,
    )
    calibration_file: str = setting(
        "",
        "YAML as camera_calibration writes it; empty computes the camera's model from horizontal_fov",
    )
    horizontal_fov: float = setting(36.0, "horizontal field of view, degrees", minimum=0.1, maximum=179.0)


class ThermalCameraNode(DriverNode[ThermalFrame, ThermalCameraSettings]):
    """Publishes `thermal/image_raw` and `thermal/camera_info`, and `thermal/image` where radiometric.

    A radiometric frame (32FC1, degC) goes out as it is and, as raw counts of 0.01 K, on
    `thermal/image_raw` as well, so that a subscriber of the raw topic works with every camera.
    `thermal/camera_status` tells, latched, what camera that is: driver and state.
    """

    SOURCE_TOPIC = "thermal/camera_status"
    DRIVERS = _DRIVERS
    SETTINGS = ThermalCameraSettings
    SPECS = driver_specs(ThermalCameraSettings, _DRIVERS)

    def __init__(self, node_name: str = "thermal_camera", **node_arguments: Any) -> None:
        super().__init__(node_name, **node_arguments)
        self._raw_publisher: LifecyclePublisher[Image] = self.create_lifecycle_publisher(
            Image, "thermal/image_raw", SENSOR_DATA
        )
        self._image_publisher: LifecyclePublisher[Image] = self.create_lifecycle_publisher(
            Image, "thermal/image", SENSOR_DATA
        )
        self._info_publisher: LifecyclePublisher[CameraInfo] = self.create_lifecycle_publisher(
            CameraInfo, "thermal/camera_info", SENSOR_DATA
        )
        self._calibration: CameraCalibration | None = None
        self._last_size = ""

    def prepare(self) -> None:
        """Read the calibration."""
        path = self.settings.calibration_file
        self._calibration = load_calibration(path) if path else None

    def publish(self, sample: ThermalFrame) -> None:
        """Publish one frame with its camera model, all with the frame's stamp."""
        raw = sample
        if sample.encoding == "32FC1":
            self._image_publisher.publish(messages.encode_frame(sample))
            raw = raw_counts(sample)
        self._raw_publisher.publish(messages.encode_frame(raw))
        calibration = self._calibration_for(sample)
        info = messages.encode_camera_info(calibration, sample.stamp_ns, sample.frame_id)
        self._info_publisher.publish(info)

    def diagnostics(self) -> list[DiagnosticStatus]:
        """The state of the driver and the size of its images."""
        return [self.driver_status({"image_size": self._last_size})]

    def _calibration_for(self, frame: ThermalFrame) -> CameraCalibration:
        height, width = frame.pixels.shape[:2]
        self._last_size = f"{width}x{height}"
        calibration = self._calibration
        if calibration is None:
            return from_field_of_view(width, height, self.settings.horizontal_fov)
        if (calibration.width, calibration.height) != (width, height):
            self.problems.add(
                "calibration_size",
                f"an image has {width}x{height} pixels, the calibration is for "
                f"{calibration.width}x{calibration.height}; set calibration_file to this camera's",
            )
        return calibration


def main(args: Sequence[str] | None = None) -> None:
    """Run the node."""
    run(ThermalCameraNode, args)


if __name__ == "__main__":
    main()
