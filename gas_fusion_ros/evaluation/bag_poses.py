"""Where the robot was, from a bag's messages: by its topic of poses or, where a frame is given, by tf2."""

from __future__ import annotations

from gas_fusion_ros.bags.reader import BagMessage, BagReader
from gas_fusion_ros.base.observation import RobotPose
from gas_fusion_ros.base.problems import Problems
from gas_fusion_ros.base.quoting import shown
from gas_fusion_ros.evaluation.poses import PoseTrail, place_of
from gas_fusion_ros.pipeline.mapper_settings import LeakMapperSettings
from gas_fusion_ros.ros.messages import MessageError, decode_pose
from gas_fusion_ros.ros.transforms import TF_STATIC_TOPIC, TF_TYPE, TransformTree


class BagPoses:
    """Decodes the messages that tell where the robot is, and remembers.

    Args:
        reader: the bag.
        topic: of poses; None where there is none. Passed over where the mapping names the robot's frame.
        mapping: tells whose transforms are asked for.
        reach_ns: as of `PoseTrail`.
        problems: where what could not be used is counted.

    Attributes:
        topics: names of the topics to be heard.
    """

    def __init__(
        self,
        reader: BagReader,
        topic: str | None,
        mapping: LeakMapperSettings,
        reach_ns: int,
        problems: Problems,
    ) -> None:
        self._mapping = mapping
        self._problems = problems
        self._trail = PoseTrail(reach_ns)
        self._transforms = TransformTree() if mapping.robot_frame else None
        if self._transforms is None:
            self.topics = frozenset(() if topic is None else (topic,))
        else:  # Their names differ between robots; their type is tf2's own.
            self.topics = frozenset(one.name for one in reader.topics if one.type_name == TF_TYPE)

    def hear(self, message: BagMessage) -> RobotPose | None:
        """Take in a message of one of the topics; None where it tells of no pose of the robot.

        As in the live node a pose of no numbers replaces the one before.
        """
        pose = self._pose(message)
        if pose is None:
            return None
        if place_of(pose) is None:
            self._problems.add(
                "pose_unusable",
                f"a message of {shown(message.topic)} has x {pose.x} and y {pose.y}; expected metres",
            )
        self._trail.hear(message.stamp_ns, pose)
        return pose

    def settle(self, now_ns: int) -> None:
        """Nothing before `now_ns` will be asked for any more."""
        self._trail.settle(now_ns)

    def at(self, moment_ns: int) -> RobotPose | None:
        """The last pose recorded up to a moment; None before the first."""
        return self._trail.at(moment_ns)

    def _pose(self, message: BagMessage) -> RobotPose | None:
        transforms = self._transforms
        if transforms is None:
            return decode_pose(message.message)
        try:
            transforms.hear(message.message, is_static=message.topic.endswith(TF_STATIC_TOPIC))
        except MessageError as error:
            self._problems.add(error.cause, f"a message of {shown(message.topic)}: {error.detail}")
        return transforms.pose(self._mapping.robot_frame, self._mapping.map_frame)
