"""A subscription that makes nothing of messages which are larger than any sensor's."""

from __future__ import annotations

from collections.abc import Callable
from copy import copy
from typing import Any, ClassVar

from message_filters import SimpleFilter
from rclpy.node import Node
from rclpy.qos import QoSProfile, ReliabilityPolicy
from rclpy.qos_overriding_options import QoSOverridingOptions
from rclpy.serialization import deserialize_message
from rclpy.subscription import Subscription

from gas_fusion_ros.base.problems import Problems
from gas_fusion_ros.nodes.qos import OVERRIDABLE, OVERRIDABLE_BUT_RELIABILITY, RELIABLE

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
        callback: hears from the first message on. One that is registered afterwards may miss what is there
            at once, as a latched message is; None for none.

    Attributes:
        sub: the subscription.
    """

    OVERRIDABLE: ClassVar[QoSOverridingOptions] = OVERRIDABLE
    """What the parameters `qos_overrides.<topic>.subscription.*` may change."""

    def __init__(
        self,
        node: Node,
        message_type: type[Any],
        topic: str,
        qos_profile: QoSProfile,
        problems: Problems,
        callback: Callable[[Any], None] | None = None,
    ) -> None:
        super().__init__()
        self._node = node
        self._type = message_type
        self._topic = topic
        self._problems = problems
        if callback is not None:
            self.registerCallback(callback)
        self.sub = self._subscribe(qos_profile)

    def _subscribe(self, profile: QoSProfile) -> Subscription[Any]:
        # A copy: overriding changes the profile that it is given.
        return self._node.create_subscription(
            self._type,
            self._topic,
            self._hear,
            copy(profile),
            raw=True,
            qos_overriding_options=self.OVERRIDABLE,
        )

    def _hear(self, data: bytes) -> None:
        if len(data) > MOST_BYTES:
            self._problems.add(
                "message_too_large",
                f"a message of {self._topic} has {len(data)} bytes; expected {MOST_BYTES} at most",
            )
            return
        self.signalMessage(deserialize_message(data, self._type))


class ReadingSubscriber(BoundedSubscriber):
    """A subscription that hears publishers of either reliability and loses nothing of reliable ones.

    A reliable subscription never hears a best-effort publisher. So it is reliable until `match_publishers`
    finds one, and again once that is gone.
    """

    OVERRIDABLE = OVERRIDABLE_BUT_RELIABILITY

    def match_publishers(self) -> None:
        """Subscribe anew where the graph has other publishers than this subscription hears; call it often."""
        infos = self._node.get_publishers_info_by_topic(self.sub.topic_name)
        found = {info.qos_profile.reliability for info in infos}
        is_best_effort = ReliabilityPolicy.BEST_EFFORT in found
        wanted = ReliabilityPolicy.BEST_EFFORT if is_best_effort else ReliabilityPolicy.RELIABLE
        if self.sub.qos_profile.reliability is wanted:
            return
        self._node.destroy_subscription(self.sub)
        profile = copy(RELIABLE)
        profile.reliability = wanted
        self.sub = self._subscribe(profile)
        if is_best_effort:
            self._problems.add(
                "readings_best_effort",
                f"{self._topic} is published best effort: readings that are lost on the way are not sent "
                "again; publish it reliable",
            )
