"""Takes messages of a robot's topics, as rclpy or the library rosbags has them, into what is watched."""

from __future__ import annotations

from typing import Any

from gas_fusion_ros.ros.alarm_status import decode_alarm_status
from gas_fusion_ros.ros.classifier_messages import decode_classification
from gas_fusion_ros.ros.leak_pose import decode_leak_pose
from gas_fusion_ros.ros.messages import (
    MessageError,
    channel_names,
    decode_frame,
    decode_pose,
    decode_reading,
)
from gas_fusion_ros.watch.watched import Watched


class RobotEar:
    """Reads messages; one that cannot be read is counted in the problems of what is watched.

    Args:
        watched: takes in what they say.
    """

    def __init__(self, watched: Watched) -> None:
        self._watched = watched

    def hear_alarm(self, message: Any) -> None:
        """Take in a std_msgs/Bool of `gas/alarm`."""
        self._watched.hear_alarm(bool(message.data))

    def hear_state(self, message: Any) -> None:
        """Take in a diagnostic_msgs/DiagnosticArray of `gas/alarm_state`."""
        try:
            self._watched.hear_standing(decode_alarm_status(message))
        except MessageError as error:
            self._watched.hear_standing(None)  # what stood before is not known to stand now
            self._count(error)

    def hear_classification(self, message: Any) -> None:
        """Take in a diagnostic_msgs/DiagnosticArray of `gas/classification`."""
        try:
            self._watched.hear_classification(decode_classification(message))
        except ValueError as error:
            self._watched.problems.add("classification_unusable", f"gas/classification: {error}")

    def hear_reading(self, message: Any) -> None:
        """Take in a sensor_msgs/PointCloud2 of `gas/readings`."""
        try:
            self._watched.hear_reading(decode_reading(message, channel_names(message)))
        except MessageError as error:
            self._count(error)

    def hear_pose(self, message: Any) -> None:
        """Take in the robot's pose, of any of the three usual types."""
        self._watched.hear_pose(decode_pose(message))

    def hear_leak(self, message: Any) -> None:
        """Take in a geometry_msgs/PoseWithCovarianceStamped of `gas/leak_pose`."""
        try:
            self._watched.hear_leak(decode_leak_pose(message))
        except MessageError as error:
            self._count(error)

    def hear_image(self, message: Any) -> None:
        """Take in a sensor_msgs/Image or CompressedImage."""
        try:
            self._watched.hear_frame(decode_frame(message))
        except MessageError as error:
            self._count(error)

    def _count(self, error: MessageError) -> None:
        self._watched.problems.add(error.cause, error.detail)
