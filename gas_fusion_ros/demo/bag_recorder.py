"""Subscribes to topics and hands every message, serialized, to a bag and to whoever listens."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from rclpy.node import Node
from rclpy.qos import QoSProfile
from rclpy.serialization import deserialize_message

from gas_fusion_ros.bags.writer import BagError, BagWriter
from gas_fusion_ros.base.problems import Problems

Listener = Callable[[Any, int], None]
"""Takes a message and the time of its receipt in nanoseconds."""


@dataclass(frozen=True)
class RecordedTopic:
    """A topic to record.

    Attributes:
        name: its name, relative to the node's namespace or absolute.
        type: class of its messages.
        qos: reliability and durability that its publishers offer; the depth bounds what waits.
    """

    name: str
    type: type
    qos: QoSProfile

    @property
    def type_name(self) -> str:
        """The interface's name, such as `std_msgs/msg/String`."""
        return f"{self.type.__module__.split('.', maxsplit=1)[0]}/msg/{self.type.__name__}"


class BagRecorderNode(Node):
    """Records topics as they come, stamped with the node's clock, which may be simulated.

    A bag that fails is counted as `bag` in `problems`, once per message; the listeners go on.

    Args:
        topics: what to record.
        bag: where to.
        listeners: by topic name as given in `topics`; their messages are deserialized.
        earliest_ns: stamp of the messages that come before simulated time begins, when the clock says 0.
    """

    def __init__(
        self,
        topics: Sequence[RecordedTopic],
        bag: BagWriter,
        listeners: Mapping[str, Listener],
        earliest_ns: int = 0,
        node_name: str = "bag_recorder",
        **node_arguments: Any,
    ) -> None:
        super().__init__(node_name, **node_arguments)
        self.problems = Problems()
        self._bag = bag
        self._earliest_ns = earliest_ns
        for topic in topics:
            record = partial(
                self._record, self.resolve_topic_name(topic.name), topic, listeners.get(topic.name)
            )
            self.create_subscription(topic.type, topic.name, record, topic.qos, raw=True)

    def write(self, name: str, type_name: str, cdr: bytes, stamp_ns: int) -> None:
        """Put a message into the bag that did not come over a topic, or not at its time.

        Args:
            name: the topic, relative to the node's namespace or absolute.
            type_name: the interface's name.
            cdr: the message, serialized.
            stamp_ns: the time at which it counts as recorded.
        """
        try:
            self._bag.write(self.resolve_topic_name(name), type_name, cdr, stamp_ns)
        except BagError as error:
            self.problems.add("bag", str(error))

    def _record(self, name: str, topic: RecordedTopic, listener: Listener | None, cdr: bytes) -> None:
        now_ns = max(self.get_clock().now().nanoseconds, self._earliest_ns)
        self.write(name, topic.type_name, cdr, now_ns)
        if listener is not None:
            listener(deserialize_message(cdr, topic.type), now_ns)
