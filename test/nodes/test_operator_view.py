"""The operator's view over DDS: what stands is on the map, late or not; pictures cost nothing unwatched."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from builtin_interfaces.msg import Time
from diagnostic_msgs.msg import DiagnosticArray
from geometry_msgs.msg import PoseStamped, PoseWithCovarianceStamped
from rclpy.lifecycle import TransitionCallbackReturn
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import Image
from std_msgs.msg import Bool
from visualization_msgs.msg import Marker, MarkerArray

from gas_fusion_ros.alarm.types import AlarmState, AlarmStatus, Reason, Severity, StandingAlarm
from gas_fusion_ros.base.observation import PAPER_CLASSES, Mode, RobotPose, ThermalFrame, Verdict
from gas_fusion_ros.nodes.operator_markers import ALARM_TEXTS, ALARMS, LEAKS, NAMESPACES, STATE, TRAIL
from gas_fusion_ros.nodes.operator_view import OperatorViewNode
from gas_fusion_ros.nodes.qos import HEARTBEAT, LATCHED, LATCHED_LEAKS, RELIABLE, SENSOR_DATA
from gas_fusion_ros.ros.messages import (
    encode_alarm,
    encode_alarm_state,
    encode_classification,
    encode_frame,
    encode_pose,
)
from gas_fusion_ros.view.annotated_picture import PICTURE_HEIGHT
from nodes.harness import Graph

SUCCESS = TransitionCallbackReturn.SUCCESS
SECOND = 1_000_000_000
ALARM = StandingAlarm(
    7, "Smoke", Severity.CRITICAL, AlarmState.ACTIVE, 3_723 * SECOND, 0.9, RobotPose(4.0, -2.0)
)
LEAK = AlarmStatus(AlarmState.CLEAR, 3_723 * SECOND, (ALARM,), raised=7)
CLEAR = AlarmStatus(AlarmState.CLEAR, 0)


def verdict(leak_probability: float) -> Verdict:
    shares = {"NoGas": 1 - leak_probability, "Smoke": leak_probability}
    probabilities = np.array([shares.get(name, 0.0) for name in PAPER_CLASSES], dtype=np.float32)
    return Verdict(SECOND, "gas_sensor_link", Mode.FUSION, PAPER_CLASSES, probabilities, "fusion1")


class View:
    """A node that shows, with somebody who plays the robot to it and looks at its markers."""

    def __init__(self, graph: Graph, **parameters: Any) -> None:
        self.graph = graph
        self.markers = graph.listen(MarkerArray, "gas/markers", LATCHED)
        self.node = graph.create(OperatorViewNode, pose_topic="pose", **parameters)
        assert self.node.trigger_configure() == SUCCESS
        assert self.node.trigger_activate() == SUCCESS
        self._poses = graph.talk(PoseStamped, "pose", RELIABLE)
        self._classifications = graph.talk(DiagnosticArray, "gas/classification", RELIABLE)
        self._alarms = graph.talk(Bool, "gas/alarm", HEARTBEAT)
        self._states = graph.talk(DiagnosticArray, "gas/alarm_state", LATCHED)
        self._leaks = graph.talk(PoseWithCovarianceStamped, "gas/leak_pose", LATCHED_LEAKS)

    def stand(self, status: AlarmStatus) -> None:
        self._alarms.publish(encode_alarm(status))
        self._states.publish(encode_alarm_state(status, SECOND, "gas_classifier"))

    def go(self, x: float) -> None:
        """Go to x; returns when the trail has it."""
        self._poses.publish(encode_pose(RobotPose(x, 0.0, stamp_ns=SECOND)))
        self.graph.wait_for(lambda: self.node.trail.points[-1].x == x)

    def walk(self, x: float, leak_probability: float) -> None:
        """Go to x and sense something there; returns when the trail has it."""
        self.go(x)
        self._classifications.publish(encode_classification(verdict(leak_probability), 1.0, "gas_classifier"))
        sensed = float(np.float32(leak_probability))
        self.graph.wait_for(
            lambda: self.node.trail.points[-1].leak_probability == pytest.approx(sensed, abs=1e-5)
        )

    def estimate(self, x: float, y: float, covariance: tuple[float, float, float, float]) -> None:
        message = PoseWithCovarianceStamped()
        message.header.frame_id = "map"
        message.pose.pose.position.x, message.pose.pose.position.y = x, y
        values = np.zeros((6, 6))
        values[:2, :2] = np.reshape(covariance, (2, 2))
        message.pose.covariance = values.ravel()
        self._leaks.publish(message)

    def named(self, namespace: str) -> list[Marker]:
        """The markers of a kind in the latest message."""
        return [marker for marker in self.markers[-1].markers if marker.ns == namespace]

    def say(self) -> str:
        """The state as it is written beside the robot."""
        return str(self.named(STATE)[0].text)


def test_a_standing_alarm_is_on_the_map_with_gas_and_time(graph: Graph) -> None:
    view = View(graph)
    view.walk(0.0, 0.0)
    view.stand(LEAK)
    graph.wait_for(lambda: len(view.named(ALARMS)) == 1 and view.say().startswith("ALARM: Smoke active"))
    (sphere,), (text,) = view.named(ALARMS), view.named(ALARM_TEXTS)
    assert (sphere.pose.position.x, sphere.pose.position.y) == (4.0, -2.0)
    assert sphere.header.frame_id == "map"
    assert text.text == "7 Smoke 01:02:03Z active"
    view.stand(CLEAR)
    graph.wait_for(lambda: not view.named(ALARMS) and view.say() == "no leak alarm")


def test_the_trail_has_the_colour_of_what_was_sensed(graph: Graph) -> None:
    view = View(graph)
    view.walk(0.0, 0.0)
    view.walk(1.0, 1.0)
    graph.wait_for(lambda: len(view.named(TRAIL)) == 1 and view.named(TRAIL)[0].colors[-1].r > 0.8)
    (line,) = view.named(TRAIL)
    assert [point.x for point in line.points] == [0.0, 1.0]
    assert line.colors[0].b > line.colors[0].r
    assert line.header.frame_id == "map"


def test_a_verdict_is_not_fresh_because_simulated_time_went_back(graph: Graph) -> None:
    view = View(graph, use_sim_time=True)
    ticks = graph.talk(Clock, "/clock", RELIABLE)

    def tick(second: int) -> None:
        ticks.publish(Clock(clock=Time(sec=second)))
        graph.wait_for(lambda: view.node.watch_ns() == second * SECOND)

    tick(7200)
    view.walk(0.0, 0.9)
    tick(3600)
    view.go(5.0)
    assert view.node.trail.points[-1].leak_probability is None


def test_a_leak_is_drawn_as_its_ellipse_once_however_often_it_is_estimated(graph: Graph) -> None:
    view = View(graph)
    view.estimate(10.0, 3.0, (4.0, 0.0, 0.0, 9.0))
    view.estimate(11.0, 3.0, (1.0, 0.0, 0.0, 4.0))
    graph.wait_for(lambda: len(view.named(LEAKS)) == 1 and view.named(LEAKS)[0].pose.position.x == 11.0)
    (disc,) = view.named(LEAKS)
    # 90 % of a normal distribution in a plane lie within 2.146 standard deviations.
    assert disc.scale.x == pytest.approx(2 * 2.146 * 2.0, rel=1e-3)
    assert disc.scale.y == pytest.approx(2 * 2.146 * 1.0, rel=1e-3)
    assert 2 * math.atan2(disc.pose.orientation.z, disc.pose.orientation.w) == pytest.approx(math.pi / 2)


def test_what_is_no_leak_pose_is_counted_and_draws_nothing(graph: Graph) -> None:
    view = View(graph)
    view.estimate(10.0, 3.0, (1.0, 5.0, 5.0, 1.0))
    graph.wait_for(lambda: view.node.problem_counts() == {"leak_pose_unusable": 1})
    assert view.named(LEAKS) == []


def test_a_late_subscriber_gets_everything(graph: Graph) -> None:
    view = View(graph)
    view.walk(0.0, 0.0)
    view.walk(1.0, 0.5)
    view.estimate(10.0, 3.0, (4.0, 0.0, 0.0, 9.0))
    view.stand(LEAK)
    graph.wait_for(lambda: {one.ns for one in view.markers[-1].markers} >= set(NAMESPACES))
    late = graph.listen(MarkerArray, "gas/markers", LATCHED)
    graph.wait_for(lambda: bool(late))
    assert late[0].markers[0].action == Marker.DELETEALL
    assert {one.ns for one in late[0].markers} >= set(NAMESPACES)


def test_silence_and_faults_are_never_shown_as_clear(graph: Graph) -> None:
    view = View(graph)
    view.walk(0.0, 0.0)
    graph.wait_for(lambda: view.say() == "NOTHING IS KNOWN: the classifier is silent")
    view.stand(AlarmStatus(AlarmState.FAULT, 0, faults=(Reason("silence", "no reading for 10 s"),)))
    graph.wait_for(lambda: view.say() == "FAULT: silence: no reading for 10 s")
    view.stand(CLEAR)
    graph.wait_for(lambda: view.say() == "no leak alarm")
    # Nothing repeats it.
    graph.wait_for(lambda: view.say() == "NOTHING IS KNOWN: the classifier is silent")
    assert view.named(STATE)[0].lifetime.sec > 0


def test_what_is_shown_is_deleted_at_the_end(graph: Graph) -> None:
    view = View(graph)
    view.stand(LEAK)
    graph.wait_for(lambda: len(view.named(ALARMS)) == 1)
    view.node.trigger_deactivate()
    graph.wait_for(lambda: [one.action for one in view.markers[-1].markers] == [Marker.DELETEALL])


def test_images_are_heard_and_drawn_only_while_somebody_looks(graph: Graph) -> None:
    view = View(graph, rate=60.0)
    images = graph.probe.create_publisher(Image, "thermal/image_raw", SENSOR_DATA)
    view.walk(0.0, 0.9)
    view.stand(LEAK)
    graph.wait_for(lambda: bool(view.named(ALARMS)))
    assert images.get_subscription_count() == 0
    watching = graph.probe.create_subscription(Image, "thermal/annotated", lambda _: None, RELIABLE)
    seen = graph.listen(Image, "thermal/annotated", RELIABLE)
    graph.wait_for(lambda: images.get_subscription_count() == 1)
    celsius = np.random.default_rng(0).normal(20.0, 5.0, (60, 80)).astype(np.float32)
    images.publish(encode_frame(ThermalFrame(5 * SECOND, celsius, "32FC1", "camera")))
    graph.wait_for(lambda: bool(seen))
    assert (seen[0].encoding, seen[0].header.frame_id, seen[0].header.stamp.sec) == ("rgb8", "camera", 5)
    assert seen[0].height > PICTURE_HEIGHT
    graph.wait_for(lambda: view.node.drawn == 1)
    graph.probe.destroy_subscription(watching)
    for subscription in list(graph.probe.subscriptions):
        if subscription.topic_name == "/thermal/annotated":
            graph.probe.destroy_subscription(subscription)
    graph.wait_for(lambda: images.get_subscription_count() == 0)
    assert not view.node.hears_images


def test_an_image_that_cannot_be_used_is_counted(graph: Graph) -> None:
    view = View(graph, rate=60.0)
    graph.listen(Image, "thermal/annotated", RELIABLE)
    images = graph.talk(Image, "thermal/image_raw", SENSOR_DATA)
    images.publish(Image(encoding="32FC1", height=60, width=80, step=320))
    graph.wait_for(lambda: view.node.problem_counts() == {"image_zero_stamp": 1})


def test_the_map_of_what_spoke_stands_beside_the_picture(graph: Graph) -> None:
    pytest.importorskip("onnx", reason="Grad-CAM needs onnx")
    view = View(graph, rate=60.0, evidence=True, model="fusion1")
    seen = graph.listen(Image, "thermal/annotated", RELIABLE)
    images = graph.talk(Image, "thermal/image_raw", SENSOR_DATA)
    celsius = np.random.default_rng(0).normal(20.0, 5.0, (60, 80)).astype(np.float32)
    images.publish(encode_frame(ThermalFrame(5 * SECOND, celsius, "32FC1")))
    graph.wait_for(lambda: bool(seen))
    assert seen[0].width == 2 * round(PICTURE_HEIGHT * 80 / 60)
    assert view.node.problem_counts() == {}


def test_a_model_without_a_network_for_pictures_makes_no_map(graph: Graph, tmp_path: Any) -> None:
    node = graph.create(OperatorViewNode, evidence=True, model=str(tmp_path / "missing"))
    assert node.trigger_configure() == TransitionCallbackReturn.FAILURE
    assert "missing" in node.failure
