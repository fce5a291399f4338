"""Stand-in for ROS 2's `message_filters` (Python): the two filters that gas_fusion_ros uses.

Names are those of the original.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rclpy.node import Node
    from rclpy.qos import QoSProfile


class SimpleFilter:
    """A filter with output: it calls every registered callback with each message it lets through."""

    def __init__(self) -> None:
        self.callbacks: dict[int, tuple[Callable[..., Any], tuple[Any, ...]]] = {}

    def registerCallback(self, cb: Callable[..., Any], *args: Any) -> int:  # noqa: N802
        """Call `cb` with the filter's output followed by `args`; return the connection's number."""
        connection = len(self.callbacks)
        self.callbacks[connection] = (cb, args)
        return connection

    def signalMessage(self, *msg: Any) -> None:  # noqa: N802
        """Hand `msg` to every callback, in the order they were registered."""
        for cb, args in self.callbacks.values():
            cb(*(msg + args))


class Subscriber(SimpleFilter):
    """A subscription whose messages are the filter's output.

    The subscription is `sub`; its attributes can be read from the filter as well.

    Args:
        node: the node that subscribes.
        msg_type: type of the messages.
        topic: name of the topic.
        qos_profile: quality of service, or the depth of the history; by keyword only, because
            older releases of the original take it no other way.
        options: further keywords of `Node.create_subscription`.
    """

    def __init__(
        self, node: Node, msg_type: type, topic: str, *, qos_profile: QoSProfile | int = 10, **options: Any
    ) -> None:
        super().__init__()
        self.node = node
        self.topic = topic
        self.sub = node.create_subscription(msg_type, topic, self.callback, qos_profile, **options)

    def callback(self, msg: Any) -> None:
        """Let `msg` through."""
        self.signalMessage(msg)

    def getTopic(self) -> str:  # noqa: N802
        """The topic's name as it was given."""
        return self.topic

    def __getattr__(self, key: str) -> Any:
        return getattr(self.sub, key)
