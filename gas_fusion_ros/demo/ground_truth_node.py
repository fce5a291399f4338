"""Publishes what a simulation or recording really holds: label, leaks, pose, and markers for RViz."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from diagnostic_msgs.msg import DiagnosticArray
from geometry_msgs.msg import Point, Pose, PoseStamped
from rclpy.node import Node
from std_msgs.msg import ColorRGBA, String
from visualization_msgs.msg import Marker, MarkerArray

from gas_fusion_ros.base.units import NANOSECONDS_PER_SECOND
from gas_fusion_ros.nodes.qos import LATCHED, RELIABLE
from gas_fusion_ros.ros.messages import encode_label, encode_leaks, encode_pose, ns_to_stamp
from gas_fusion_ros.simulation.patrol import Encounter, Patrol
from gas_fusion_ros.simulation.patrol import Pose as PatrolPose
from gas_fusion_ros.truth.ground_truth import MAP_FRAME, GroundTruth, patrol_pose

_PIPE_STEP_S = 2.0
_PIPE_WIDTH_M = 0.3
_LEAK_SIZE_M = 1.0
_PIPE_COLOUR = ColorRGBA(r=0.55, g=0.58, b=0.62, a=1.0)
_LEAK_COLOUR = ColorRGBA(r=0.84, g=0.37, b=0.0, a=0.8)


class GroundTruthNode(Node):
    """Publishes `truth/label` and, once, `truth/leaks`; for a patrol `pose` and `truth/markers` as well.

    Args:
        truth: the class at each time, and the leaks.
        patrol: the patrol; None for a recording, which has no place.
        start_ns: the clock's time at which the patrol begins.
        period_s: time between messages, seconds of the node's clock.
    """

    def __init__(
        self,
        truth: GroundTruth,
        patrol: Patrol | None,
        start_ns: int,
        period_s: float,
        node_name: str = "ground_truth",
        **node_arguments: Any,
    ) -> None:
        super().__init__(node_name, **node_arguments)
        self._truth = truth
        self._patrol = patrol
        self._start_ns = start_ns
        self._label_publisher = self.create_publisher(String, "truth/label", RELIABLE)
        self._leaks_publisher = self.create_publisher(DiagnosticArray, "truth/leaks", LATCHED)
        self._pose_publisher = self.create_publisher(PoseStamped, "pose", RELIABLE)
        self._marker_publisher = self.create_publisher(MarkerArray, "truth/markers", LATCHED)
        self._leaks_publisher.publish(encode_leaks(truth.leaks, start_ns))
        if patrol is not None:
            self._marker_publisher.publish(markers(patrol, start_ns))
        self.create_timer(period_s, self._publish)

    def _publish(self) -> None:
        now_ns = self.get_clock().now().nanoseconds
        if now_ns < self._start_ns:
            return
        self._label_publisher.publish(encode_label(self._truth.label(now_ns)))
        if self._patrol is not None:
            elapsed_s = (now_ns - self._start_ns) / NANOSECONDS_PER_SECOND
            self._pose_publisher.publish(encode_pose(patrol_pose(self._patrol, elapsed_s, now_ns)))


def markers(patrol: Patrol, stamp_ns: int) -> MarkerArray:
    """The pipe as a line, each leak as a sphere with its gas written above."""
    array = MarkerArray(markers=[_pipe(patrol)])
    for index, encounter in enumerate(patrol.encounters):
        array.markers += [_leak(index, encounter), _caption(index, encounter)]
    for marker in array.markers:
        marker.header.frame_id = MAP_FRAME
        marker.header.stamp = ns_to_stamp(stamp_ns)
    return array


def _pipe(patrol: Patrol) -> Marker:
    marker = Marker(ns="pipe", type=Marker.LINE_STRIP, action=Marker.ADD, color=_PIPE_COLOUR)
    marker.scale.x = _PIPE_WIDTH_M
    marker.pose.orientation.w = 1.0
    steps = math.ceil(patrol.duration_s / _PIPE_STEP_S) + 1
    marker.points = _beside([patrol.pose(step * _PIPE_STEP_S) for step in range(steps)], patrol)
    return marker


def _beside(poses: Sequence[PatrolPose], patrol: Patrol) -> list[Point]:
    """Points on the pipe, which runs to the left of the robot's path."""
    distance = patrol.settings.pipe_distance_m
    return [Point(x=at.x - distance * math.sin(at.yaw), y=at.y + distance * math.cos(at.yaw)) for at in poses]


def _leak(index: int, encounter: Encounter) -> Marker:
    marker = Marker(ns="leaks", id=index, type=Marker.SPHERE, action=Marker.ADD, color=_LEAK_COLOUR)
    marker.pose = _place(encounter)
    marker.scale.x = marker.scale.y = marker.scale.z = _LEAK_SIZE_M
    return marker


def _caption(index: int, encounter: Encounter) -> Marker:
    marker = Marker(ns="gases", id=index, type=Marker.TEXT_VIEW_FACING, action=Marker.ADD, color=_LEAK_COLOUR)
    marker.pose = _place(encounter)
    marker.pose.position.z = 1.5 * _LEAK_SIZE_M
    marker.scale.z = _LEAK_SIZE_M
    marker.text = encounter.gas
    return marker


def _place(encounter: Encounter) -> Pose:
    pose = Pose()
    pose.position.x = encounter.x
    pose.position.y = encounter.y
    pose.orientation.w = 1.0
    return pose
