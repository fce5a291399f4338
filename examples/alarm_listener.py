"""How a robot's behaviour listens to `gas/alarm`: it is safe only while the alarm keeps saying so.

    python3 alarm_listener.py --ros-args -r __ns:=/robot1

Silence is not safety: a node that was killed or hangs says nothing any more, and its last word may have
been false. So the subscription asks for a deadline and for liveliness, and a timer looks besides.
"""

from __future__ import annotations

import time
from typing import Any

import rclpy
from rclpy.duration import Duration
from rclpy.event_handler import QoSLivelinessChangedInfo, SubscriptionEventCallbacks
from rclpy.executors import ExternalShutdownException
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, LivelinessPolicy, QoSProfile, ReliabilityPolicy
from std_msgs.msg import Bool

PATIENCE_S = 2.5  # the alarm is repeated every second

QOS = QoSProfile(
    depth=1,
    reliability=ReliabilityPolicy.RELIABLE,
    durability=DurabilityPolicy.TRANSIENT_LOCAL,
    deadline=Duration(seconds=PATIENCE_S),
    liveliness=LivelinessPolicy.MANUAL_BY_TOPIC,
    liveliness_lease_duration=Duration(seconds=3.0),
)


class AlarmListener(Node):
    """Keeps whether people may stand beside the robot, and why not.

    Attributes:
        why_unsafe: empty while it is safe.
    """

    def __init__(self, **node_arguments: Any) -> None:
        super().__init__("alarm_listener", **node_arguments)
        self.why_unsafe = ""
        self._tell("the alarm has not been heard yet")
        self._heard_s = time.monotonic()
        self._alive = 0
        events = SubscriptionEventCallbacks(
            deadline=lambda _: self._doubt("the alarm was not repeated in time"),
            liveliness=self._count_publishers,
        )
        self.create_subscription(Bool, "gas/alarm", self._hear, QOS, event_callbacks=events)
        self.create_timer(0.5, self._look)

    def _hear(self, message: Bool) -> None:
        self._heard_s = time.monotonic()
        if message.data:
            self._tell("a leak alarm or a fault stands: see gas/alarm_state")
        elif self._alive <= 1:
            self._tell("")

    def _count_publishers(self, change: QoSLivelinessChangedInfo) -> None:
        self._alive = change.alive_count
        if self._alive != 1:
            self._doubt(f"{self._alive} nodes publish the alarm; one must")

    def _look(self) -> None:
        if time.monotonic() - self._heard_s > PATIENCE_S:
            self._doubt("the alarm is silent")

    def _doubt(self, why_unsafe: str) -> None:
        if not self.why_unsafe:  # the first reason is the telling one
            self._tell(why_unsafe)

    def _tell(self, why_unsafe: str) -> None:
        if why_unsafe != self.why_unsafe:
            self.why_unsafe = why_unsafe
            self.get_logger().info(f"unsafe: {why_unsafe}" if why_unsafe else "safe")


def main() -> None:
    """Listen until Ctrl-C."""
    rclpy.init()
    try:
        rclpy.spin(AlarmListener())
    except (KeyboardInterrupt, ExternalShutdownException):
        rclpy.try_shutdown()


if __name__ == "__main__":
    main()
