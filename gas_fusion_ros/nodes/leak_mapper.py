"""Tells where the gas is: a map along the route, and the place of each leak that an alarm stands for."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from geometry_msgs.msg import PoseWithCovarianceStamped
from nav_msgs.msg import OccupancyGrid
from rclpy.timer import Timer
from sensor_msgs.msg import PointCloud2

from gas_fusion_ros.base.observation import Mode, RobotPose
from gas_fusion_ros.mapping.gas_map import GasMap
from gas_fusion_ros.mapping.leak_places import LeakPlaces, PlacedLeak, PlacedReading, evidence_of, is_usable
from gas_fusion_ros.nodes.bounded_subscriber import BoundedSubscriber
from gas_fusion_ros.nodes.managed_node import ManagedNode
from gas_fusion_ros.nodes.pose_source import PoseSource, transform_message_type
from gas_fusion_ros.nodes.qos import LATCHED, LATCHED_LEAKS, RELIABLE
from gas_fusion_ros.nodes.runner import run
from gas_fusion_ros.pipeline.mapper_settings import LeakMapperSettings
from gas_fusion_ros.ros import messages
from gas_fusion_ros.ros.alarm_status import decode_alarm_status
from gas_fusion_ros.ros.classifier_messages import decode_classification
from gas_fusion_ros.ros.leak_pose import LEAK_POSE_TOPIC
from gas_fusion_ros.ros.map_messages import encode_leak_pose, encode_map, encode_map_points
from gas_fusion_ros.ros.messages import Level
from gas_fusion_ros.settings.fields import specs_of
from gas_fusion_ros.site.leak_database import LeakDatabase, Sighting
from gas_fusion_ros.site.site_file import SiteError

_PERIOD_S = 1.0


class LeakMapperNode(ManagedNode):
    """`gas/classification`, `gas/alarm_state` and the robot's pose in; `gas/leak_pose` and `gas/map` out.

    All places go out once a second where one has changed; the map, while somebody listens.
    """

    SPECS = specs_of(LeakMapperSettings)

    def __init__(self, node_name: str = "leak_mapper", **node_arguments: Any) -> None:
        super().__init__(node_name, **node_arguments)
        self._leak_publisher = self.create_lifecycle_publisher(
            PoseWithCovarianceStamped, LEAK_POSE_TOPIC, LATCHED_LEAKS
        )
        self._map_publisher = self.create_lifecycle_publisher(OccupancyGrid, "gas/map", LATCHED)
        self._points_publisher = self.create_lifecycle_publisher(PointCloud2, "gas/map_points", LATCHED)
        self._settings = LeakMapperSettings()
        self._poses = PoseSource(self)
        self._places = LeakPlaces(self._settings)
        self._map = GasMap(self._settings)
        self._sensed: frozenset[int] = frozenset()
        self._told: list[PlacedLeak] = []
        self._latest: tuple[RobotPose, int] | None = None
        self._site: LeakDatabase | None = None
        self._subscribers: list[BoundedSubscriber] = []
        self._timer: Timer | None = None

    def configure(self) -> None:
        """Begin with an empty map; look into the site's file."""
        self._settings = self.parameters.settings(LeakMapperSettings)
        self._places = LeakPlaces(self._settings)
        self._map = GasMap(self._settings)
        self._sensed, self._told, self._latest = frozenset(), [], None
        if self._settings.robot_frame:
            transform_message_type()  # refuses where there is none
        named = self._settings.site_file
        self._site = LeakDatabase(Path(named).expanduser()) if named else None
        if self._site is not None:
            self._site.leaks()  # refuses what is no such file

    def activate(self) -> None:
        """Listen to pose, verdicts and alarms."""
        settings = self._settings
        if settings.robot_frame:
            self._poses.subscribe_transforms(settings.robot_frame, settings.map_frame, self.problems)
        else:
            self._poses.subscribe(settings.pose_topic, settings.pose_type)
        self._subscribers = [
            BoundedSubscriber(
                self, DiagnosticArray, "gas/classification", RELIABLE, self.problems, self._hear
            ),
            BoundedSubscriber(
                self, DiagnosticArray, "gas/alarm_state", LATCHED, self.problems, self._hear_alarms
            ),
        ]
        self._timer = self.steady_timer(_PERIOD_S, self._tell)

    def deactivate(self) -> None:
        """Listen no more; map and places stay until cleanup."""
        if self._timer is not None:
            self.destroy_timer(self._timer)
            self._timer = None
        self._poses.unsubscribe()
        while self._subscribers:
            self.destroy_subscription(self._subscribers.pop().sub)

    def diagnostics(self) -> list[DiagnosticStatus]:
        """How much is mapped, and what had no place."""
        problems = self.new_problems()
        level, message = (Level.WARN, ", ".join(problems)) if problems else (Level.OK, "mapping")
        if self._latest is None and not problems:
            level, message = Level.WARN, "no reading has had a place yet"
        if self._timer is None:
            level, message = Level.STALE, "not active"
        values = {
            "leaks": len(self._places.alarms),
            "map_mb": f"{self._map.memory_mb:.1f}",
            **self.problem_counts(),
        }
        return [messages.diagnostic_status(f"{self.diagnostic_name}: mapping", level, message, values)]

    def _hear(self, message: DiagnosticArray) -> None:
        try:
            said = decode_classification(message)
        except ValueError as error:
            self.problems.add("classification_unusable", str(error))
            return
        evidence = evidence_of(said.probabilities, said.departure)
        if math.isnan(evidence):
            self.problems.add("classification_unusable", "gas/classification has a probability that is NaN")
            return
        pose = self._pose_of(said.stamp_ns)
        if said.mode is Mode.THERMAL_ONLY or pose is None:
            return
        self._places.add(PlacedReading(said.stamp_ns, pose, evidence, said.departure))
        if self._latest is not None and self._latest[0].frame_id != pose.frame_id:
            self._map = GasMap(self._settings)
        self._latest = (pose, said.stamp_ns)
        self._map.add(pose.x, pose.y, evidence)

    def _pose_of(self, stamp_ns: int) -> RobotPose | None:
        """Where the robot was at a reading; None, and counted why, where that is not known."""
        pose, source = self._poses.latest, self._settings.pose_source
        if pose is None:
            self.problems.add("pose_missing", f"{source} has not come yet: readings have no place")
            return None
        if not is_usable(pose):
            self.problems.add("pose_unusable", f"{source} has x {pose.x} and y {pose.y}; expected metres")
            return None
        off_ns = abs(stamp_ns - pose.stamp_ns)
        if pose.stamp_ns and off_ns > self._settings.pose_max_age_ns:
            self.problems.add(
                "pose_stale",
                f"the latest of {source} is {off_ns / 1e9:.1f} s off the reading; expected "
                f"pose_max_age = {self._settings.pose_max_age_ns / 1e9:g} s at most",
            )
            return None
        return pose

    def _hear_alarms(self, message: DiagnosticArray) -> None:
        try:
            status = decode_alarm_status(message)
        except ValueError as error:
            self.problems.add("alarm_state_unusable", str(error))
            return
        for alarm, gas in status.sensed.items():
            self._places.begin(alarm, gas, status.since_ns)
        for alarm in self._sensed - status.sensed.keys():
            self._places.end(alarm)
            self._remember(alarm)
        self._sensed = frozenset(status.sensed)

    def _remember(self, alarm: int) -> None:
        """Keep a leak whose gas is over in the site's file."""
        place = self._places.place(alarm)
        if self._site is None or place is None:
            return
        try:
            leak = self._site.see(Sighting(place.gas, place, place.strength))
        except SiteError as error:
            self.problems.add("site_file", str(error))
            return
        self.get_logger().info(
            f"alarm {alarm} is leak {leak.number} of the site, seen {leak.sightings} times"
        )

    def _tell(self) -> None:
        self.report_problems()
        found = [self._places.place(alarm) for alarm in self._places.alarms]
        places = [place for place in found if place is not None]
        if places != self._told:
            self._told = places
            # Each: of one that sharpens alone the topic would keep the last messages, and of others none.
            for place in places:
                self._leak_publisher.publish(encode_leak_pose(place))
        self._tell_map()

    def _tell_map(self) -> None:
        listeners = [
            (publisher, encode)
            for publisher, encode in (
                (self._map_publisher, encode_map),
                (self._points_publisher, encode_map_points),
            )
            if publisher.get_subscription_count()
        ]
        if self._latest is None or not listeners:
            return
        pose, stamp_ns = self._latest
        window = self._map.window(pose.x, pose.y, self._settings.map_reach_m)
        for publisher, encode in listeners:
            publisher.publish(encode(window, stamp_ns, pose.frame_id))


def main(args: Sequence[str] | None = None) -> None:
    """Run the node."""
    run(LeakMapperNode, args)


if __name__ == "__main__":
    main()
