"""What gas_fusion_ros expects of `message_filters`."""

from __future__ import annotations

import os
import random
import time
from typing import Any

import message_filters
import pytest
import rclpy
from rclpy.executors import SingleThreadedExecutor
from std_msgs.msg import String


class RecordingNode:
    """Takes down how a subscription is asked for."""

    def __init__(self) -> None:
        self.arguments: tuple[Any, ...] = ()
        self.options: dict[str, Any] = {}

    def create_subscription(self, *arguments: Any, **options: Any) -> Any:
        self.arguments, self.options = arguments, options
        return self

    topic_name = "/ns/topic"


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
    subscriber = message_filters.Subscriber(node, String, "topic")
    assert node.arguments == (String, "topic", subscriber.callback)
    assert node.options == {"qos_profile": 10}


def test_a_subscriber_hands_on_what_else_is_asked_for() -> None:
    node = RecordingNode()
    message_filters.Subscriber(node, String, "topic", qos_profile=3, callback_group="group", raw=True)
    assert node.options == {"qos_profile": 3, "callback_group": "group", "raw": True}


def test_a_subscriber_is_a_filter_with_the_attributes_of_its_subscription() -> None:
    node = RecordingNode()
    subscriber = message_filters.Subscriber(node, String, "topic")
    assert isinstance(subscriber, message_filters.SimpleFilter)
    assert subscriber.getTopic() == subscriber.topic == "topic"
    assert subscriber.node is node
    assert subscriber.sub is node
    assert subscriber.topic_name == "/ns/topic"
    with pytest.raises(AttributeError):
        _ = subscriber.nothing_of_that_name


@pytest.mark.parametrize(
    ("arguments", "error"),
    [((), IndexError), ((RecordingNode(), String), IndexError)],
)
def test_a_subscriber_needs_node_type_and_topic(arguments: tuple[Any, ...], error: type[Exception]) -> None:
    with pytest.raises(error):
        message_filters.Subscriber(*arguments)


def test_messages_come_through_a_real_subscription(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")
    context = rclpy.Context()
    rclpy.init(context=context, domain_id=random.randint(1, 100))
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
