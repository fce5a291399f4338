"""Stand-in for ROS 2's `message_filters` (Python): the two filters that gas_fusion_ros uses.

Names are those of the original.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


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

    Takes the node and then the arguments of `Node.create_subscription` but the callback; the
    subscription is `sub`, and its attributes can be read from the filter.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__()
        self.node = args[0]
        self.topic = args[2]
        kwargs.setdefault("qos_profile", 10)
        self.sub = self.node.create_subscription(*args[1:], self.callback, **kwargs)

    def callback(self, msg: Any) -> None:
        """Let `msg` through."""
        self.signalMessage(msg)

    def getTopic(self) -> str:  # noqa: N802
        """The topic's name as it was given."""
        return str(self.topic)

    def __getattr__(self, key: str) -> Any:
        return getattr(self.sub, key)
