"""What gas_fusion_ros expects of `message_filters`."""

from __future__ import annotations

import os
import time
from typing import Any

import message_filters
import pytest
import rclpy
from rclpy.executors import SingleThreadedExecutor
from rclpy.qos import QoSProfile
from std_msgs.msg import String


class RecordingNode:
    """Takes down how a subscription is asked for, and is the subscription itself."""

    topic_name = "/ns/topic"

    def create_subscription(
        self, msg_type: type, topic: str, callback: object, qos_profile: object, **_: object
    ) -> RecordingNode:
        self.asked_for = (msg_type, topic, callback)
        self.depth = getattr(qos_profile, "depth", qos_profile)
        return self


def subscriber_on(node: Any, **options: Any) -> message_filters.Subscriber:
    return message_filters.Subscriber(node, String, "topic", **options)


def test_the_implementation_is_the_one_meant() -> None:
    assert os.path.realpath(message_filters.__file__).startswith(os.environ["GAS_FUSION_SUITE_FOLDER"])


def test_callbacks_get_the_output_and_their_own_arguments_in_order() -> None:
    calls: list[tuple[Any, ...]] = []
    source = message_filters.SimpleFilter()
    connections = [
        source.registerCallback(lambda *args: calls.append(("first", *args)), "extra", 1),
        source.registerCallback(lambda *args: calls.append(("second", *args))),
    ]
    source.signalMessage("message", "another")
    assert connections == [0, 1]
    assert calls == [("first", "message", "another", "extra", 1), ("second", "message", "another")]


def test_callbacks_can_be_looked_up_by_connection() -> None:
    source = message_filters.SimpleFilter()
    connection = source.registerCallback(print, "extra")
    assert source.callbacks[connection] == (print, ("extra",))


def test_an_exception_reaches_the_caller_and_keeps_later_callbacks_from_running() -> None:
    calls: list[str] = []

    def fail(message: str) -> None:
        raise LookupError(message)

    source = message_filters.SimpleFilter()
    source.registerCallback(fail)
    source.registerCallback(calls.append)
    with pytest.raises(LookupError, match="lost"):
        source.signalMessage("lost")
    assert calls == []


def test_a_subscriber_subscribes_with_depth_10_by_default() -> None:
    node = RecordingNode()
    subscriber = subscriber_on(node)
    assert node.asked_for == (String, "topic", subscriber.callback)
    assert node.depth == 10


@pytest.mark.parametrize("qos_profile", [3, QoSProfile(depth=3)])
def test_a_subscriber_takes_a_depth_or_a_profile(qos_profile: QoSProfile | int) -> None:
    node = RecordingNode()
    subscriber_on(node, qos_profile=qos_profile)
    assert node.depth == 3


def test_a_subscriber_is_a_filter_with_the_attributes_of_its_subscription() -> None:
    node = RecordingNode()
    subscriber = subscriber_on(node)
    assert isinstance(subscriber, message_filters.SimpleFilter)
    assert subscriber.getTopic() == subscriber.topic == "topic"
    assert subscriber.node is node
    assert subscriber.sub is node
    assert subscriber.topic_name == "/ns/topic"
    with pytest.raises(AttributeError):
        _ = subscriber.nothing_of_that_name


def test_messages_come_through_a_real_subscription(ros_domain: int) -> None:
    context = rclpy.Context()
    rclpy.init(context=context, domain_id=ros_domain)
    node = rclpy.create_node("stand_in_suite", context=context)
    executor = SingleThreadedExecutor(context=context)
    executor.add_node(node)
    try:
        received: list[str] = []
        subscriber = message_filters.Subscriber(node, String, "topic", qos_profile=5)
        subscriber.registerCallback(lambda message, suffix: received.append(message.data + suffix), "!")
        publisher = node.create_publisher(String, "topic", 5)
        deadline = time.monotonic() + 20
        while not received and time.monotonic() < deadline:
            if publisher.get_subscription_count():
                publisher.publish(String(data="hello"))
            executor.spin_once(timeout_sec=0.1)
        assert received[0] == "hello!"
        node.destroy_subscription(subscriber.sub)
        assert not list(node.subscriptions)
    finally:
        node.destroy_node()
        executor.shutdown()
        rclpy.shutdown(context=context)
