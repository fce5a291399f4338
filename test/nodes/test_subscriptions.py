"""Readings are heard of either reliability, images raw and compressed, and QoS can be overridden."""

from __future__ import annotations

from array import array
from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
import pytest
from diagnostic_msgs.msg import DiagnosticArray
from rclpy.lifecycle import TransitionCallbackReturn
from rclpy.qos import HistoryPolicy, QoSProfile, ReliabilityPolicy
from rclpy.serialization import serialize_message
from sensor_msgs.msg import CompressedImage, Image, PointCloud2

from gas_fusion_ros.base.observation import PAPER_CHANNELS, GasReading, ThermalFrame
from gas_fusion_ros.base.problems import Problems
from gas_fusion_ros.nodes.bounded_subscriber import BoundedSubscriber, ReadingSubscriber
from gas_fusion_ros.nodes.gas_classifier import GasClassifierNode
from gas_fusion_ros.nodes.qos import RELIABLE, SENSOR_DATA
from gas_fusion_ros.ros.messages import encode_frame, encode_reading, key_values, stamp_to_ns
from nodes.harness import Graph

SUCCESS = TransitionCallbackReturn.SUCCESS
MANY = 1000
COUNTS = np.array([593.0, 419.0, 500.0, 376.0, 460.0, 300.0, 450.0], dtype=np.float32)
PICTURE = np.full((60, 80), 29_515, np.uint16)


def message_of(stamp_ns: int) -> PointCloud2:
    return encode_reading(GasReading(stamp_ns, PAPER_CHANNELS, COUNTS))


class Ear:
    """A subscription as the classifier has it, and the stamps of what it heard."""

    def __init__(self, graph: Graph) -> None:
        self.problems = Problems()
        self.stamps: list[int] = []
        self.subscriber = ReadingSubscriber(graph.probe, PointCloud2, "gas/readings", RELIABLE, self.problems)
        self.subscriber.registerCallback(
            lambda message: self.stamps.append(stamp_to_ns(message.header.stamp))
        )

    @property
    def reliability(self) -> ReliabilityPolicy:
        return self.subscriber.sub.qos_profile.reliability

    def matched(self, wanted: ReliabilityPolicy) -> bool:
        self.subscriber.match_publishers()
        return self.reliability is wanted


def test_best_effort_readings_are_heard_and_said_and_reliable_ones_again(graph: Graph) -> None:
    ear = Ear(graph)
    assert ear.reliability is ReliabilityPolicy.RELIABLE
    publisher = graph.probe.create_publisher(PointCloud2, "gas/readings", SENSOR_DATA)
    graph.wait_for(lambda: ear.matched(ReliabilityPolicy.BEST_EFFORT))
    graph.wait_for(lambda: publisher.get_subscription_count() > 0)
    publisher.publish(message_of(1))
    graph.wait_for(lambda: ear.stamps == [1])
    assert ear.problems.counts() == {"readings_best_effort": 1}
    graph.probe.destroy_publisher(publisher)
    graph.wait_for(lambda: ear.matched(ReliabilityPolicy.RELIABLE))
    reliable = graph.talk(PointCloud2, "gas/readings", RELIABLE)
    reliable.publish(message_of(2))
    graph.wait_for(lambda: ear.stamps == [1, 2])


def test_nothing_is_lost_of_a_reliable_publisher(graph: Graph) -> None:
    ear = Ear(graph)
    everything = QoSProfile(depth=1, history=HistoryPolicy.KEEP_ALL, reliability=ReliabilityPolicy.RELIABLE)
    publisher = graph.talk(PointCloud2, "gas/readings", everything)
    for number in range(1, MANY + 1):
        publisher.publish(message_of(number))
        if number % 5 == 0:  # as fast as they are heard, within the subscription's depth
            ear.subscriber.match_publishers()
            graph.wait_for(lambda sent=number: len(ear.stamps) == sent)
    assert ear.stamps == list(range(1, MANY + 1))
    assert ear.reliability is ReliabilityPolicy.RELIABLE


def test_the_classifier_hears_a_best_effort_array(graph: Graph) -> None:
    found = graph.listen(DiagnosticArray, "gas/classification", RELIABLE)
    node = graph.create(GasClassifierNode, model="fusion1", expect_images=False)
    publisher = graph.probe.create_publisher(PointCloud2, "gas/readings", SENSOR_DATA)
    assert (node.trigger_configure(), node.trigger_activate()) == (SUCCESS, SUCCESS)
    graph.wait_for(lambda: publisher.get_subscription_count() > 0)
    publisher.publish(message_of(int(graph.probe.get_clock().now().nanoseconds)))
    graph.wait_for(lambda: key_values(found[-1].status[0])["mode"] == "gas_only")
    assert node.problems.counts()["readings_best_effort"] == 1


def sent_as(transport: str, stamp_ns: int) -> Any:
    raw = encode_frame(ThermalFrame(stamp_ns, PICTURE, "mono16"))
    if transport == "raw":
        return raw
    content = cv2.imencode(".png", PICTURE)[1].tobytes()
    return CompressedImage(header=raw.header, format="mono16; png compressed ", data=array("B", content))


@pytest.mark.parametrize(
    ("transport", "kind", "topic"),
    [
        ("raw", Image, "thermal/image_raw"),
        ("compressed", CompressedImage, "thermal/image_raw/compressed"),
    ],
)
def test_images_come_by_either_transport(graph: Graph, transport: str, kind: type, topic: str) -> None:
    found = graph.listen(DiagnosticArray, "gas/classification", RELIABLE)
    node = graph.create(GasClassifierNode, model="fusion1", image_transport=transport, pairing__wait=5.0)
    assert (node.trigger_configure(), node.trigger_activate()) == (SUCCESS, SUCCESS)
    gas = graph.talk(PointCloud2, "gas/readings", RELIABLE)
    image = graph.talk(kind, topic, SENSOR_DATA)
    stamp_ns = int(graph.probe.get_clock().now().nanoseconds)
    gas.publish(message_of(stamp_ns))
    image.publish(sent_as(transport, stamp_ns))
    graph.wait_for(lambda: key_values(found[-1].status[0])["mode"] == "fusion")


def test_the_quality_of_service_of_subscriptions_can_be_overridden(graph: Graph) -> None:
    overrides = {
        "qos_overrides./gas/readings.subscription.depth": 77,
        "qos_overrides./thermal/image_raw.subscription.reliability": "reliable",
    }
    node = graph.create(GasClassifierNode, **overrides)
    for _ in range(2):  # the second time they are known already
        assert (node.trigger_configure(), node.trigger_activate()) == (SUCCESS, SUCCESS)
        profiles = {sub.topic_name: sub.qos_profile for sub in node.subscriptions}
        assert profiles["/gas/readings"].depth == 77
        assert profiles["/thermal/image_raw"].reliability is ReliabilityPolicy.RELIABLE
        assert (node.trigger_deactivate(), node.trigger_cleanup()) == (SUCCESS, SUCCESS)
    assert SENSOR_DATA.reliability is ReliabilityPolicy.BEST_EFFORT


def test_images_whose_quality_of_service_does_not_fit_are_told_from_silent_ones(graph: Graph) -> None:
    overrides = {"qos_overrides./thermal/image_raw.subscription.reliability": "reliable"}
    found = graph.listen(DiagnosticArray, "/diagnostics", RELIABLE)
    node = graph.create(GasClassifierNode, model="fusion1", **overrides)
    graph.probe.create_publisher(Image, "thermal/image_raw", SENSOR_DATA)
    assert (node.trigger_configure(), node.trigger_activate()) == (SUCCESS, SUCCESS)
    graph.wait_for(lambda: "images_qos: " in warnings_of(found[-1]))


def warnings_of(message: DiagnosticArray) -> str:
    """What a message of the classifier's diagnostics warns of."""
    return "".join(key_values(status).get("warnings", "") for status in message.status)


class AtOnce:
    """A node whose subscriptions hear a message before they have been returned, as a latched one may come."""

    def create_subscription(
        self, _type: type, _topic: str, callback: Callable[[bytes], None], *_: object, **__: object
    ) -> None:
        callback(serialize_message(message_of(5)))


def test_what_is_there_at_once_is_not_missed() -> None:
    heard: list[int] = []

    def hear(message: PointCloud2) -> None:
        heard.append(stamp_to_ns(message.header.stamp))

    BoundedSubscriber(AtOnce(), PointCloud2, "gas/readings", RELIABLE, Problems(), hear)  # type: ignore[arg-type]
    assert heard == [5]
