"""The robot's latest pose, from whichever topic type the robot has, or from the transforms of tf2."""

from __future__ import annotations

from copy import copy
from typing import Any

from geometry_msgs.msg import PoseStamped, PoseWithCovarianceStamped
from nav_msgs.msg import Odometry
from rclpy.node import Node
from rclpy.subscription import Subscription

from gas_fusion_ros.base.observation import RobotPose
from gas_fusion_ros.base.problems import Problems
from gas_fusion_ros.nodes.bounded_subscriber import BoundedSubscriber
from gas_fusion_ros.nodes.parameters import ParameterError
from gas_fusion_ros.nodes.qos import OVERRIDABLE, SENSOR_DATA, STATIC_TRANSFORMS, TRANSFORMS
from gas_fusion_ros.ros.messages import MessageError, decode_pose
from gas_fusion_ros.ros.transforms import TF_STATIC_TOPIC, TF_TOPIC, TransformTree

POSE_TYPES = {
    "PoseStamped": PoseStamped,
    "PoseWithCovarianceStamped": PoseWithCovarianceStamped,
    "Odometry": Odometry,
}


class PoseSource:
    """Keeps the last pose heard."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._subscriptions: list[Subscription[Any]] = []
        self._heard: RobotPose | None = None
        self._transforms: _Transforms | None = None

    @property
    def latest(self) -> RobotPose | None:
        """The pose; None before the first, after `unsubscribe` and where no topic is given."""
        return self._heard if self._transforms is None else self._transforms.pose

    def subscribe(self, topic: str, type_name: str) -> None:
        """Listen to `topic` of the type `type_name`; an empty topic means none."""
        if topic:
            self._subscriptions.append(
                self._node.create_subscription(
                    POSE_TYPES[type_name],
                    topic,
                    self._keep,
                    copy(SENSOR_DATA),
                    qos_overriding_options=OVERRIDABLE,
                )
            )

    def subscribe_transforms(self, frame: str, within: str, problems: Problems) -> None:
        """Listen to the transforms of tf2, for the pose of `frame` in the frame `within`.

        Args:
            frame: of the robot.
            within: fixed to the site.
            problems: where transforms that cannot be used are counted.

        Raises:
            ParameterError: tf2_msgs is not installed.
        """
        message_type = transform_message_type()
        self._transforms = transforms = _Transforms(frame, within, problems)
        for topic, profile, hear in (
            (TF_TOPIC, TRANSFORMS, transforms.hear),
            (TF_STATIC_TOPIC, STATIC_TRANSFORMS, transforms.hear_static),
        ):
            self._subscriptions.append(
                BoundedSubscriber(self._node, message_type, topic, profile, problems, hear).sub
            )

    def unsubscribe(self) -> None:
        """Stop listening, and forget where the robot was: it may have moved when listening goes on."""
        self._heard = self._transforms = None
        while self._subscriptions:
            self._node.destroy_subscription(self._subscriptions.pop())

    def _keep(self, message: PoseStamped | PoseWithCovarianceStamped | Odometry) -> None:
        self._heard = decode_pose(message)


class _Transforms:
    """Follows one frame in another."""

    def __init__(self, frame: str, within: str, problems: Problems) -> None:
        self._frame, self._within, self._problems = frame, within, problems
        self._tree = TransformTree()

    @property
    def pose(self) -> RobotPose | None:
        return self._tree.pose(self._frame, self._within)

    def hear(self, message: Any) -> None:
        self._take(message, is_static=False)

    def hear_static(self, message: Any) -> None:
        self._take(message, is_static=True)

    def _take(self, message: Any, *, is_static: bool) -> None:
        try:
            self._tree.hear(message, is_static=is_static)
        except MessageError as error:
            self._problems.add(error.cause, error.detail)


def transform_message_type() -> type[Any]:
    """Return tf2_msgs/TFMessage.

    Raises:
        ParameterError: it is not installed.
    """
    try:
        from tf2_msgs.msg import TFMessage
    except ImportError:
        raise ParameterError(
            "robot_frame needs tf2_msgs, which is not installed: apt install ros-$ROS_DISTRO-tf2-msgs, or "
            "publish the robot's pose and name its topic in pose_topic"
        ) from None
    return TFMessage
