"""Publishes the images of a thermal camera, a recording or a simulation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from diagnostic_msgs.msg import DiagnosticStatus
from rclpy.lifecycle import LifecyclePublisher
from sensor_msgs.msg import CameraInfo, Image

from gas_fusion_ros.base.observation import ThermalFrame
from gas_fusion_ros.drivers import ThermalDriver
from gas_fusion_ros.drivers.thermal.calibration import (
    CameraCalibration,
    from_field_of_view,
    load_calibration,
)
from gas_fusion_ros.drivers.thermal.recorded import RecordedThermalDriver, RecordedThermalSettings
from gas_fusion_ros.drivers.thermal.simulated import SimulatedThermalDriver, SimulatedThermalSettings
from gas_fusion_ros.drivers.thermal.v4l2 import V4l2ThermalDriver, V4l2ThermalSettings
from gas_fusion_ros.model.thermal import raw_counts
from gas_fusion_ros.nodes.driver_node import POLL_SPECS, SIMULATION_SPECS, DriverNode
from gas_fusion_ros.nodes.parameters import ParameterError, ParameterSpec
from gas_fusion_ros.nodes.qos import SENSOR_DATA
from gas_fusion_ros.nodes.runner import run
from gas_fusion_ros.ros import messages

SPECS = (
    ParameterSpec(
        "driver",
        "",
        "where the images come from; must be given",
        choices=("simulated", "recorded", "v4l2"),
    ),
    ParameterSpec("frame_id", "thermal_camera_optical_frame", "optical frame of the camera", read_only=True),
    ParameterSpec(
        "period",
        0.125,
        "time between images of the drivers simulated and recorded, s",
        minimum=0.001,
        maximum=3600.0,
    ),
    ParameterSpec(
        "recorded.path",
        "",
        "what the driver recorded plays: a folder in the data set's layout, a folder of images, a video",
    ),
    ParameterSpec("recorded.loop", True, "begin again after the last image"),
    ParameterSpec("v4l2.device", "/dev/video0", "the camera's device file"),
    ParameterSpec("v4l2.width", 0, "columns to ask for; 0 leaves the camera's", minimum=0, maximum=8192),
    ParameterSpec("v4l2.height", 0, "rows to ask for; 0 leaves the camera's", minimum=0, maximum=8192),
    ParameterSpec(
        "v4l2.rate", 0.0, "images per second to ask for; 0 leaves the camera's", minimum=0.0, maximum=1000.0
    ),
    ParameterSpec(
        "calibration_file",
        "",
        "YAML as camera_calibration writes it; empty computes the camera's model from horizontal_fov",
    ),
    ParameterSpec("horizontal_fov", 36.0, "horizontal field of view, degrees", minimum=0.1, maximum=179.0),
)


class ThermalCameraNode(DriverNode[ThermalFrame]):
    """Publishes `thermal/image_raw` and `thermal/camera_info`, and `thermal/image` where radiometric.

    A radiometric frame (32FC1, degC) goes out as it is and, as raw counts of 0.01 K, on
    `thermal/image_raw` as well, so that a subscriber of the raw topic works with every camera.
    `thermal/camera_status` tells, latched, what camera that is: driver and state.
    """

    SOURCE_TOPIC = "thermal/camera_status"
    SPECS = (*SPECS, *POLL_SPECS, *SIMULATION_SPECS)

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

    def create_driver(self) -> ThermalDriver:
        """Build the driver that the parameters name."""
        parameters = self.parameters
        frame_id = parameters.text("frame_id")
        match parameters.required_text("driver"):
            case "recorded":
                return RecordedThermalDriver(
                    RecordedThermalSettings(
                        path=parameters.required_text("recorded.path"),
                        period_ns=parameters.nanoseconds("period"),
                        loop=parameters.flag("recorded.loop"),
                        start_ns=parameters.nanoseconds("start_time"),
                        frame_id=frame_id,
                    )
                )
            case "v4l2":
                return V4l2ThermalDriver(
                    V4l2ThermalSettings(
                        device=parameters.text("v4l2.device"),
                        width=parameters.integer("v4l2.width"),
                        height=parameters.integer("v4l2.height"),
                        rate_hz=parameters.number("v4l2.rate"),
                        frame_id=frame_id,
                    )
                )
            case "simulated":
                return SimulatedThermalDriver(
                    SimulatedThermalSettings(
                        seed=parameters.integer("simulated.seed"),
                        duration_s=parameters.number("simulated.duration"),
                        leaks=parameters.integer("simulated.leaks"),
                        period_ns=parameters.nanoseconds("period"),
                        start_ns=parameters.nanoseconds("start_time"),
                        frame_id=frame_id,
                    )
                )
            case unknown:
                raise ParameterError(f"driver is '{unknown}', which this node does not have")

    def configure(self) -> None:
        """Read the calibration and open the driver."""
        path = self.parameters.text("calibration_file")
        self._calibration = load_calibration(path) if path else None
        super().configure()

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
            return from_field_of_view(width, height, self.parameters.number("horizontal_fov"))
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
