"""Listens to everything that a robot tells an operator, and passes the operator's word on."""

from __future__ import annotations

import time
from collections.abc import Callable
from copy import copy
from dataclasses import dataclass
from typing import Any, Protocol

from diagnostic_msgs.msg import DiagnosticArray
from geometry_msgs.msg import PoseWithCovarianceStamped
from rclpy.node import Node
from rclpy.publisher import Publisher
from rclpy.qos import QoSProfile, ReliabilityPolicy
from rclpy.serialization import deserialize_message
from sensor_msgs.msg import CompressedImage, Image, PointCloud2
from std_msgs.msg import Bool, UInt32

from gas_fusion_ros.base.problems import Problems
from gas_fusion_ros.nodes.bounded_subscriber import BoundedSubscriber
from gas_fusion_ros.nodes.pose_source import POSE_TYPES
from gas_fusion_ros.nodes.qos import LATCHED, LATCHED_LEAKS, RELIABLE, SENSOR_DATA
from gas_fusion_ros.pipeline.settings import IMAGE_TOPICS
from gas_fusion_ros.ros.leak_pose import LEAK_POSE_TOPIC

_IMAGE_PERIOD_S = 0.2
_IMAGE_TYPES = {"raw": Image, "compressed": CompressedImage}
_ALARM = QoSProfile(depth=1, reliability=ReliabilityPolicy.RELIABLE)
"""Not latched: what a classifier said before it hung is no sign of life."""
_READINGS = QoSProfile(depth=10, reliability=ReliabilityPolicy.BEST_EFFORT)
"""Hears a publisher of either kind; a reading that is missed is none of the alarm's."""


class Ear(Protocol):
    """Takes in the messages of a robot. Its methods are called in the thread that spins the node."""

    def hear_alarm(self, message: Any) -> None:
        """A message of `gas/alarm` came."""

    def hear_state(self, message: Any) -> None:
        """A message of `gas/alarm_state` came."""

    def hear_classification(self, message: Any) -> None:
        """A message of `gas/classification` came."""

    def hear_reading(self, message: Any) -> None:
        """A message of `gas/readings` came."""

    def hear_pose(self, message: Any) -> None:
        """A message of the robot's pose came."""

    def hear_leak(self, message: Any) -> None:
        """A message of `gas/leak_pose` came."""

    def hear_image(self, message: Any) -> None:
        """A thermal image came; not each, where they come quickly."""


@dataclass(frozen=True)
class RobotTopics:
    """The topics that are not called the same on every robot.

    Attributes:
        pose: of the robot's pose; empty for none.
        pose_type: its type, of `POSE_TYPES`.
        image_transport: how images come, of `IMAGE_TOPICS`.
    """

    pose: str = "pose"
    pose_type: str = "PoseStamped"
    image_transport: str = "raw"


class RobotListener(Node):
    """Hears readings, verdicts, alarms, leaks, images and poses of the robot in its namespace.

    Args:
        topics: the topics that differ from robot to robot.
        ear: takes in what comes.
        problems: where messages that are too large are counted.
    """

    def __init__(
        self,
        topics: RobotTopics,
        ear: Ear,
        problems: Problems,
        node_name: str = "robot_listener",
        **node_arguments: Any,
    ) -> None:
        super().__init__(node_name, **node_arguments)
        self._ear = ear
        self._image_type = _IMAGE_TYPES[topics.image_transport]
        self._image_s = -_IMAGE_PERIOD_S
        self._acknowledge = self.create_publisher(UInt32, "gas/acknowledge", RELIABLE)
        self._shelve = self.create_publisher(UInt32, "gas/shelve", RELIABLE)

        def listen(kind: type[Any], topic: str, qos: QoSProfile, hear: Callable[[Any], None]) -> None:
            BoundedSubscriber(self, kind, topic, qos, problems, hear)

        listen(Bool, "gas/alarm", _ALARM, ear.hear_alarm)
        listen(DiagnosticArray, "gas/alarm_state", LATCHED, ear.hear_state)
        listen(DiagnosticArray, "gas/classification", RELIABLE, ear.hear_classification)
        listen(PointCloud2, "gas/readings", _READINGS, ear.hear_reading)
        listen(PoseWithCovarianceStamped, LEAK_POSE_TOPIC, LATCHED_LEAKS, ear.hear_leak)
        if topics.pose:
            listen(POSE_TYPES[topics.pose_type], topics.pose, SENSOR_DATA, ear.hear_pose)
        # Images are larger than what a bounded subscriber takes.
        self.create_subscription(
            self._image_type,
            IMAGE_TOPICS[topics.image_transport],
            self._hear_image,
            copy(SENSOR_DATA),
            raw=True,
        )

    def acknowledge(self, number: int) -> str:
        """Tell the classifier that an operator has seen an alarm.

        Returns:
            Why that could not be told; empty where it was.
        """
        return self._tell(self._acknowledge, number)

    def shelve(self, number: int) -> str:
        """Tell the classifier to mute an alarm for a time; returns as `acknowledge`."""
        return self._tell(self._shelve, number)

    def _tell(self, publisher: Publisher[UInt32], number: int) -> str:
        if publisher.get_subscription_count() == 0:
            return f"nobody listens on {publisher.topic_name}"
        publisher.publish(UInt32(data=number))
        return ""

    def _hear_image(self, data: bytes) -> None:
        now_s = time.monotonic()
        if now_s - self._image_s >= _IMAGE_PERIOD_S:
            self._image_s = now_s
            self._ear.hear_image(deserialize_message(data, self._image_type))
