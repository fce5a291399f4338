"""The robot's latest pose, from whichever topic type the robot has."""

from __future__ import annotations

from copy import copy

from geometry_msgs.msg import PoseStamped, PoseWithCovarianceStamped
from nav_msgs.msg import Odometry
from rclpy.node import Node
from rclpy.subscription import Subscription

from gas_fusion_ros.base.observation import RobotPose
from gas_fusion_ros.nodes.qos import OVERRIDABLE, SENSOR_DATA
from gas_fusion_ros.ros.messages import decode_pose

POSE_TYPES = {
    "PoseStamped": PoseStamped,
    "PoseWithCovarianceStamped": PoseWithCovarianceStamped,
    "Odometry": Odometry,
}


class PoseSource:
    """Keeps the last pose heard.

    Attributes:
        latest: the pose; None before the first, after `unsubscribe` and where no topic is given.
    """

    def __init__(self, node: Node) -> None:
        self._node = node
        self._subscription: Subscription | None = None
        self.latest: RobotPose | None = None

    def subscribe(self, topic: str, type_name: str) -> None:
        """Listen to `topic` of the type `type_name`; an empty topic means none."""
        if topic:
            self._subscription = self._node.create_subscription(
                POSE_TYPES[type_name],
                topic,
                self._keep,
                copy(SENSOR_DATA),
                qos_overriding_options=OVERRIDABLE,
            )

    def unsubscribe(self) -> None:
        """Stop listening, and forget where the robot was: it may have moved when listening goes on."""
        self.latest = None
        if self._subscription is not None:
            self._node.destroy_subscription(self._subscription)
            self._subscription = None

    def _keep(self, message: PoseStamped | PoseWithCovarianceStamped | Odometry) -> None:
        self.latest = decode_pose(message)
