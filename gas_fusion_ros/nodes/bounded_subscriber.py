"""A subscription that makes nothing of messages which are larger than any sensor's."""

from __future__ import annotations

from typing import Any

from message_filters import SimpleFilter
from rclpy.node import Node
from rclpy.qos import QoSProfile
from rclpy.serialization import deserialize_message

from gas_fusion_ros.base.problems import Problems

MOST_BYTES = 1 << 20
"""Of a reading or of what a sensor node says of its device: each has a few kilobytes."""


class BoundedSubscriber(SimpleFilter):
    """A filter of message_filters whose output is the messages of a topic, but for those too large.

    These are counted and stay bytes: to make objects of a hundred thousand fields or statuses takes seconds.

    Args:
        node: the node that subscribes.
        message_type: type of the messages.
        topic: name of the topic.
        qos_profile: quality of service.
        problems: where messages that are too large are counted.
    """

    def __init__(
        self, node: Node, message_type: type[Any], topic: str, qos_profile: QoSProfile, problems: Problems
    ) -> None:
        super().__init__()
        self._type = message_type
        self._topic = topic
        self._problems = problems
        self.sub = node.create_subscription(message_type, topic, self._hear, qos_profile, raw=True)

    def _hear(self, data: bytes) -> None:
        if len(data) > MOST_BYTES:
            self._problems.add(
                "message_too_large",
                f"a message of {self._topic} has {len(data)} bytes; expected {MOST_BYTES} at most",
            )
            return
        self.signalMessage(deserialize_message(data, self._type))
