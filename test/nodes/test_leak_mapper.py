"""The leak mapper over real DDS: places with their uncertainty, and a map while somebody listens."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from diagnostic_msgs.msg import DiagnosticArray
from geometry_msgs.msg import PoseStamped, PoseWithCovarianceStamped
from nav_msgs.msg import OccupancyGrid
from rclpy.lifecycle import TransitionCallbackReturn
from sensor_msgs.msg import PointCloud2

from gas_fusion_ros.alarm.types import AlarmState, AlarmStatus, Severity, StandingAlarm
from gas_fusion_ros.base.observation import Mode, RobotPose, Verdict
from gas_fusion_ros.mapping.leak_places import MOST_LEAKS
from gas_fusion_ros.nodes.leak_mapper import LeakMapperNode
from gas_fusion_ros.nodes.qos import LATCHED, LATCHED_LEAKS, RELIABLE
from gas_fusion_ros.ros import messages
from gas_fusion_ros.ros.leak_pose import decode_leak_pose
from gas_fusion_ros.site.leak_database import LeakDatabase
from nodes.harness import Graph

SECOND = 10**9
START = 1000 * SECOND


def verdict(second: float) -> DiagnosticArray:
    """Gas is sensed from 40 to 60 s; the robot walks at 1 m/s."""
    smoke = 0.97 if 40.0 <= second <= 60.0 else 0.03
    said = Verdict(
        START + round(second * SECOND),
        "gas_sensor_link",
        Mode.GAS_ONLY,
        ("NoGas", "Smoke"),
        np.array([1.0 - smoke, smoke], dtype=np.float32),
        "model",
    )
    return messages.encode_classification(said, 1.0, "gas_classifier")


def alarm_state(second: float, state: AlarmState, number: int = 3) -> DiagnosticArray:
    alarm = StandingAlarm(number, "Smoke", Severity.CRITICAL, state, START, 0.97)
    status = AlarmStatus(AlarmState.CLEAR, START, (alarm,))
    return messages.encode_alarm_state(status, START + round(second * SECOND), "gas_classifier")


class Robot:
    """What the mapper hears."""

    def __init__(self, graph: Graph, node: LeakMapperNode) -> None:
        self._graph, self._node = graph, node
        self._poses = graph.talk(PoseStamped, "pose", RELIABLE)
        self.verdicts = graph.talk(DiagnosticArray, "gas/classification", RELIABLE)
        self.alarms = graph.talk(DiagnosticArray, "gas/alarm_state", LATCHED)

    def walk(self, first: int, last: int) -> None:
        """Go on, a reading and a pose each two seconds; each pose is heard before its reading."""
        for second in range(first, last, 2):
            stamp_ns = START + second * SECOND
            self._poses.publish(messages.encode_pose(RobotPose(float(second), 5.0, stamp_ns=stamp_ns)))
            self._graph.wait_for(lambda stamp_ns=stamp_ns: self._stamp_of_pose() == stamp_ns)
            self.verdicts.publish(verdict(float(second)))
            self._graph.wait_for(lambda stamp_ns=stamp_ns: self._stamp_of_reading() == stamp_ns)

    def say(self, second: float) -> None:
        self.verdicts.publish(verdict(second))

    def _stamp_of_pose(self) -> int | None:
        pose = self._node._poses.latest
        return None if pose is None else pose.stamp_ns

    def _stamp_of_reading(self) -> int | None:
        latest = self._node._latest
        return None if latest is None else latest[1]


def mapper(graph: Graph, **parameters: Any) -> LeakMapperNode:
    node = graph.create(LeakMapperNode, autostart=True, **parameters)
    graph.wait_for(lambda: node._timer is not None)
    return node


@pytest.fixture
def walked(graph: Graph, tmp_path: Path) -> tuple[Robot, list[PoseWithCovarianceStamped]]:
    """A robot that has passed a leak, and what was told of it."""
    site_file = str(tmp_path / "site.db")
    node = mapper(graph, pipe__side="left", pipe__nearest=2.0, pipe__farthest=2.0, site_file=site_file)
    told = graph.listen(PoseWithCovarianceStamped, "gas/leak_pose", LATCHED_LEAKS)
    robot = Robot(graph, node)
    robot.walk(0, 50)
    robot.alarms.publish(alarm_state(50, AlarmState.ACTIVE))
    graph.wait_for(lambda: bool(node._places.alarms))
    robot.walk(50, 90)
    return robot, told


def test_leak_is_placed_kept_and_map_drawn(
    graph: Graph, tmp_path: Path, walked: tuple[Robot, list[PoseWithCovarianceStamped]]
) -> None:
    robot, told = walked
    graph.wait_for(lambda: told[-1].header.stamp.sec == 1088)
    pose, covariance = told[-1].pose.pose, np.array(told[-1].pose.covariance).reshape(6, 6)
    assert told[-1].header.frame_id == "map"
    # Gas from 40 m on; when the verdicts say that it is over they are late, by how much they do not tell.
    assert abs(pose.position.x - 46.0) < 2.0 * covariance[0, 0] ** 0.5 < 20.0
    assert pose.position.y == pytest.approx(7.0)
    assert np.linalg.eigvalsh(covariance).min() > 0.0
    robot.alarms.publish(alarm_state(90, AlarmState.LATCHED))
    database = LeakDatabase(tmp_path / "site.db")
    graph.wait_for(lambda: len(database.leaks()) == 1)
    (leak,) = database.leaks()
    assert (leak.gas, leak.x, leak.sightings) == ("Smoke", pytest.approx(pose.position.x), 1)
    grids = graph.listen(OccupancyGrid, "gas/map", LATCHED)
    clouds = graph.listen(PointCloud2, "gas/map_points", LATCHED)
    graph.wait_for(lambda: bool(grids[0] and clouds[0]))
    cells = np.array(grids[0].data, dtype=int).reshape(grids[0].info.height, grids[0].info.width)
    info = grids[0].info
    row = round((5.0 - info.origin.position.y) / info.resolution)
    columns = [round((x - info.origin.position.x) / info.resolution) for x in (52.0, 80.0)]
    assert cells[row, columns[0]] > 2 * cells[row, columns[1]] >= 0
    assert cells[0, 0] == -1
    assert clouds[0].width == (cells >= 0).sum()
    assert [field.name for field in clouds[0].fields][3:5] == ["rgb", "mean"]


def test_late_subscriber_hears_each_leak_that_view_and_relay_hear(
    graph: Graph, walked: tuple[Robot, list[PoseWithCovarianceStamped]]
) -> None:
    robot, told = walked
    robot.alarms.publish(alarm_state(90, AlarmState.ACTIVE, number=4))
    graph.wait_for(lambda: [one.header.stamp.sec for one in told[-2:]] == [1088, 1088])
    late = graph.listen(PoseWithCovarianceStamped, "gas/leak_pose", LATCHED_LEAKS)
    graph.wait_for(lambda: [one.header.stamp.sec for one in late[-2:]] == [1088, 1088])
    places = [[decode_leak_pose(one) for one in heard[-2:]] for heard in (late, told)]
    assert places[0] == places[1]
    assert LATCHED_LEAKS.depth == MOST_LEAKS


def test_file_that_is_no_sites_is_refused_at_configure(graph: Graph, tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("buy milk" * 1000)
    node = graph.create(LeakMapperNode, site_file=str(path))
    assert node.trigger_configure() == TransitionCallbackReturn.FAILURE
    assert "cannot be used as the file of a site" in node.failure
    assert path.read_text().startswith("buy milk")


def test_reading_without_a_place_is_counted(graph: Graph) -> None:
    node = mapper(graph)
    health = graph.listen(DiagnosticArray, "/diagnostics", RELIABLE)
    robot = Robot(graph, node)
    robot.say(0.0)
    graph.wait_for(lambda: node.problems.counts() == {"pose_missing": 1})
    robot.walk(1, 2)
    robot.say(30.0)
    graph.wait_for(lambda: node.problems.counts() == {"pose_missing": 1, "pose_stale": 1})
    graph.wait_for(lambda: "pose_stale" in str([one.status[0].values for one in health]))


def test_message_that_says_nothing_is_counted(graph: Graph) -> None:
    node = mapper(graph)
    robot = Robot(graph, node)
    robot.alarms.publish(DiagnosticArray())
    robot.verdicts.publish(DiagnosticArray())
    graph.wait_for(
        lambda: node.problems.counts() == {"alarm_state_unusable": 1, "classification_unusable": 1}
    )
    no_number = verdict(0.0)
    next(one for one in no_number.status[0].values if one.key == "p(Smoke)").value = "nan"
    robot.verdicts.publish(no_number)
    graph.wait_for(lambda: node.problems.counts()["classification_unusable"] == 2)
