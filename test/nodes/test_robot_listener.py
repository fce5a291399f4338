"""A robot is heard over DDS as a page shows it, and an operator's word reaches its classifier."""

from __future__ import annotations

import numpy as np
import pytest
from diagnostic_msgs.msg import DiagnosticArray
from geometry_msgs.msg import PoseStamped, PoseWithCovarianceStamped
from sensor_msgs.msg import Image, PointCloud2
from std_msgs.msg import Bool, UInt32

from gas_fusion_ros.alarm.types import AlarmState, AlarmStatus, Severity, StandingAlarm
from gas_fusion_ros.base.observation import (
    PAPER_CHANNELS,
    PAPER_CLASSES,
    GasReading,
    Mode,
    RobotPose,
    ThermalFrame,
    Verdict,
)
from gas_fusion_ros.nodes.listening import ListeningError, listening
from gas_fusion_ros.nodes.qos import HEARTBEAT, LATCHED, RELIABLE, SENSOR_DATA
from gas_fusion_ros.nodes.robot_listener import RobotListener, RobotTopics
from gas_fusion_ros.ros import messages
from gas_fusion_ros.watch.robot_ear import RobotEar
from gas_fusion_ros.watch.watched import Cursor, Watched
from nodes.harness import Graph

SECOND = 1_000_000_000
ALARM = StandingAlarm(7, "Smoke", Severity.CRITICAL, AlarmState.ACTIVE, 9 * SECOND, 0.9, RobotPose(4.0, -2.0))
LEAK = AlarmStatus(AlarmState.CLEAR, 9 * SECOND, (ALARM,), raised=7)


@pytest.fixture
def watched() -> Watched:
    return Watched("robot")


def listen(graph: Graph, watched: Watched, namespace: str = "") -> RobotListener:
    return graph.add(
        RobotListener(
            RobotTopics(), RobotEar(watched), watched.problems, context=graph.context, namespace=namespace
        )
    )


def test_everything_that_a_robot_tells_is_shown(graph: Graph, watched: Watched) -> None:
    listen(graph, watched, "robot1")
    reading = GasReading(9 * SECOND, PAPER_CHANNELS, np.arange(7, dtype=np.float32))
    frame = ThermalFrame(9 * SECOND, np.arange(64, dtype=np.uint8).reshape(8, 8), "mono8")
    verdict = Verdict(
        9 * SECOND, "map", Mode.FUSION, PAPER_CLASSES, np.array([0, 0.25, 0, 0.75], np.float32), "m"
    )
    leak = PoseWithCovarianceStamped()
    leak.header.frame_id = "map"
    leak.pose.covariance[0] = leak.pose.covariance[7] = 1.0
    states = graph.talk(DiagnosticArray, "robot1/gas/alarm_state", LATCHED)
    alarms = graph.talk(Bool, "robot1/gas/alarm", HEARTBEAT)
    for kind, topic, qos, message in (
        (PointCloud2, "gas/readings", RELIABLE, messages.encode_reading(reading)),
        (PoseStamped, "pose", RELIABLE, messages.encode_pose(RobotPose(3.0, 1.0))),
        (DiagnosticArray, "gas/classification", RELIABLE, messages.encode_classification(verdict, 1.0, "c")),
        (PoseWithCovarianceStamped, "gas/leak_pose", LATCHED, leak),
        (Image, "thermal/image_raw", SENSOR_DATA, messages.encode_frame(frame)),
    ):
        graph.talk(kind, f"robot1/{topic}", qos).publish(message)
    states.publish(messages.encode_alarm_state(LEAK, 9 * SECOND, "gas_classifier"))
    alarms.publish(Bool(data=True))
    graph.wait_for(lambda: watched.news(Cursor())["word"] is not None and _is_whole(watched))
    news = watched.news(Cursor())
    assert news["word"]["text"] == "ALARM: Smoke active"
    assert news["alarms"][0]["x"] == 4.0
    assert news["channels"] == list(PAPER_CHANNELS)
    assert news["class"]["probabilities"]["Smoke"] == 0.75
    assert news["pose"]["x"] == 3.0
    assert news["problems"] == {}


def _is_whole(watched: Watched) -> bool:
    news = watched.news(Cursor())
    there = [news["class"], news["pose"], news["leaks"], news["frames"], news["readings"]["items"]]
    return all(there)


def test_what_an_alarm_said_before_is_no_sign_of_life(graph: Graph, watched: Watched) -> None:
    alarms = graph.probe.create_publisher(Bool, "gas/alarm", HEARTBEAT)
    alarms.publish(Bool(data=True))
    states = graph.probe.create_publisher(DiagnosticArray, "gas/alarm_state", LATCHED)
    states.publish(messages.encode_alarm_state(LEAK, 0, "gas_classifier"))
    listen(graph, watched)
    # The state is latched and comes; so is the alarm's last word, and it must not.
    graph.wait_for(lambda: watched.standing_numbers == {7} and alarms.get_subscription_count() == 1)
    assert watched.is_silent
    alarms.publish(Bool(data=True))
    graph.wait_for(lambda: not watched.is_silent)


def test_an_operator_is_heard_where_anybody_listens(graph: Graph, watched: Watched) -> None:
    listener = listen(graph, watched)
    assert listener.acknowledge(7) == "nobody listens on /gas/acknowledge"
    told = {name: graph.listen(UInt32, f"gas/{name}", RELIABLE) for name in ("acknowledge", "shelve")}
    graph.wait_for(lambda: listener.acknowledge(7) == "" and listener.shelve(8) == "")
    graph.wait_for(lambda: told["acknowledge"][-1].data == 7 and told["shelve"][-1].data == 8)


def test_messages_that_cannot_be_read_are_counted(graph: Graph, watched: Watched) -> None:
    listen(graph, watched)
    for kind, topic in (
        (DiagnosticArray, "gas/alarm_state"),
        (DiagnosticArray, "gas/classification"),
        (PointCloud2, "gas/readings"),
    ):
        graph.talk(kind, topic, RELIABLE if topic != "gas/alarm_state" else LATCHED).publish(kind())
    causes = {"alarm_state_size", "classification_unusable", "reading_zero_stamp"}
    graph.wait_for(lambda: set(watched.problems.counts()) == causes)


def test_it_is_spun_for_as_long_as_a_block_lasts(graph: Graph, watched: Watched) -> None:
    def create(context: object) -> RobotListener:
        return RobotListener(RobotTopics(""), RobotEar(watched), watched.problems, context=context)

    with listening(create):
        graph.talk(Bool, "gas/alarm", HEARTBEAT).publish(Bool(data=True))
        graph.wait_for(lambda: not watched.is_silent)


@pytest.mark.usefixtures("ros_domain")
def test_a_name_that_is_none_is_refused(watched: Watched) -> None:
    def create(context: object) -> RobotListener:
        topics = RobotTopics("no topic")
        return RobotListener(topics, RobotEar(watched), watched.problems, context=context)

    with pytest.raises(ListeningError, match="no topic"), listening(create):
        raise AssertionError
