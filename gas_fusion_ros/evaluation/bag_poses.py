"""Where the robot of a bag is: by its pose topic, or by the transforms of tf2 where a frame is asked for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from gas_fusion_ros.bags.reader import BagMessage, BagTopic
from gas_fusion_ros.bags.topics import BagTopics
from gas_fusion_ros.base.observation import RobotPose
from gas_fusion_ros.base.problems import Problems
from gas_fusion_ros.base.quoting import shown
from gas_fusion_ros.evaluation.poses import PoseTrail, place_of
from gas_fusion_ros.pipeline.mapper_settings import LeakMapperSettings
from gas_fusion_ros.ros.messages import MessageError, decode_pose
from gas_fusion_ros.ros.transforms import TF_STATIC_TOPIC, TF_TYPE, TransformTree


class BagPoses:
    """Takes in messages that tell of it.

    Args:
        pose_topic: topic of the robot's pose; None without one.
        topics: of the bag.
        mapping: says whether transforms tell the pose, and of which frames.
        reach_ns: how long after a reading or image something may fall due by time alone.
        problems: where poses and transforms that are none, and transforms that are missing, are counted.

    Attributes:
        topics: those whose messages `hear` takes.
        trail: the poses so far.
    """

    def __init__(
        self,
        pose_topic: str | None,
        topics: Sequence[BagTopic],
        mapping: LeakMapperSettings,
        reach_ns: int,
        problems: Problems,
    ) -> None:
        self._mapping = mapping
        self._problems = problems
        self._transforms = TransformTree() if mapping.robot_frame else None
        # Names of transforms differ between robots; their type is tf2's own.
        if mapping.robot_frame:
            self.topics = frozenset(topic.name for topic in topics if topic.type_name == TF_TYPE)
        else:
            self.topics = frozenset(() if pose_topic is None else (pose_topic,))
        self.trail = PoseTrail(reach_ns)
        self._tells = False

    def named_with(self, topics: BagTopics) -> set[str]:
        """Return the names of a bag's topics that are read, these in the place of that of the pose."""
        return {name for name in vars(replace(topics, pose=None)).values() if name is not None} | self.topics

    def hear(self, message: BagMessage) -> RobotPose | None:
        """Take in a message of `topics`, and return the pose that it tells; None where it tells none.

        As in the live node a pose of no numbers replaces the one before.
        """
        pose = self._pose_of(message)
        if pose is None:
            return None
        if place_of(pose) is None:
            self._problems.add(
                "pose_unusable",
                f"a message of {shown(message.topic)} has x {pose.x} and y {pose.y}; expected metres",
            )
        self.trail.hear(message.stamp_ns, pose)
        self._tells = True
        return pose

    def finish(self) -> None:
        """Once the bag is over: count it where transforms were asked for, and none led to the robot."""
        frame = self._mapping.robot_frame
        if frame and not self._tells:
            self._problems.add(
                "transforms_missing",
                f"the bag has no transforms from {shown(self._mapping.map_frame)} to {shown(frame)}, so "
                "nobody knows where the robot was; unset robot_frame of leak_mapper to use the pose topic",
            )

    def _pose_of(self, message: BagMessage) -> RobotPose | None:
        if self._transforms is None:
            return decode_pose(message.message)
        try:
            self._transforms.hear(message.message, is_static=message.topic.endswith(TF_STATIC_TOPIC))
        except MessageError as error:
            self._problems.add(error.cause, f"a message of {shown(message.topic)}: {error.detail}")
        return self._transforms.pose(self._mapping.robot_frame, self._mapping.map_frame)
