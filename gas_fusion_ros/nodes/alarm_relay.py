"""Tells an MQTT 5 broker how the robot's alarm is, so that one place sees a whole fleet."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from geometry_msgs.msg import PoseWithCovarianceStamped
from rclpy.subscription import Subscription
from rclpy.timer import Timer
from std_msgs.msg import Bool

from gas_fusion_ros.base.units import NANOSECONDS_PER_SECOND
from gas_fusion_ros.fleet.broker import Broker
from gas_fusion_ros.fleet.client_library import require_client
from gas_fusion_ros.fleet.credentials import (
    Credentials,
    CredentialsError,
    is_open_to_others,
    read_credentials,
    tls_context,
)
from gas_fusion_ros.fleet.names import RobotTopics, robot_topics
from gas_fusion_ros.fleet.outbox import Outbox, open_outbox
from gas_fusion_ros.fleet.robot_watch import UNKNOWN_STATE
from gas_fusion_ros.fleet.settings import RelaySettings
from gas_fusion_ros.nodes.bounded_subscriber import BoundedSubscriber
from gas_fusion_ros.nodes.managed_node import ManagedNode
from gas_fusion_ros.nodes.parameters import ParameterError
from gas_fusion_ros.nodes.qos import LATCHED_CHANGES, LATCHED_LEAKS, RELIABLE
from gas_fusion_ros.nodes.runner import run
from gas_fusion_ros.ros import messages
from gas_fusion_ros.ros.alarm_status import decode_alarm_status
from gas_fusion_ros.ros.leak_pose import LEAK_POSE_TOPIC, decode_leak_pose
from gas_fusion_ros.ros.messages import Level, MessageError
from gas_fusion_ros.settings.fields import specs_of

if TYPE_CHECKING:
    from gas_fusion_ros.fleet.relay import Relay


class AlarmRelayNode(ManagedNode):
    """Hears `gas/alarm`, `gas/alarm_state` and `gas/leak_pose`, and tells the broker that `host` names."""

    SPECS = specs_of(RelaySettings)

    def __init__(self, node_name: str = "alarm_relay", **node_arguments: Any) -> None:
        super().__init__(node_name, **node_arguments)
        self._settings: RelaySettings | None = None
        self._topics: RobotTopics | None = None
        self._broker: Broker | None = None
        self._outbox: Outbox | None = None
        self._relay: Relay | None = None
        self._subscriptions: list[Subscription[Any]] = []
        self._timer: Timer | None = None
        self._state_name = UNKNOWN_STATE
        self._said = ""

    def configure(self) -> None:
        """Read what the broker is to be told with, and open the queue; nothing is sent yet.

        Raises:
            ParameterError: no broker is named, or a parameter or the file that it names cannot be used.
            ClientMissingError: the MQTT client is not installed.
            OutboxError: the queue cannot be opened.
        """
        settings = self.parameters.settings(RelaySettings)
        require_client()
        try:
            topics = robot_topics(settings.topic_prefix, settings.robot, self.get_namespace())
            self._broker = Broker(
                host=settings.host,
                port=settings.port,
                client=f"gas_fusion_{topics.robot}",
                keep_alive_ns=settings.keep_alive_ns,
                tls=tls_context(settings.tls),
                credentials=self._credentials(settings),
            )
        except (CredentialsError, ValueError) as error:
            raise ParameterError(str(error)) from None
        place = settings.queue.file
        path = Path(place) if place else self._usual_queue()
        self._outbox, doubt = open_outbox(path, settings.queue.most_events)
        if doubt:
            self.problems.add("queue", doubt)
        self._settings, self._topics = settings, topics
        self.get_logger().info(
            f"robot {topics.robot} tells {self._broker} by the topic {topics.state} and those beside it; "
            f"{self._outbox.state.waiting} events wait in {self._outbox.path}"
        )

    def activate(self) -> None:
        """Connect, and listen."""
        from gas_fusion_ros.fleet.relay import Relay

        settings = self._settings
        assert settings is not None
        assert self._topics is not None
        assert self._broker is not None
        assert self._outbox is not None
        self._relay = Relay(
            settings, self._topics, self._broker, self._outbox, self.problems, self._stamp_ns()
        )
        self._subscriptions = [
            BoundedSubscriber(
                self, DiagnosticArray, "gas/alarm_state", LATCHED_CHANGES, self.problems, self._hear_status
            ).sub,
            # Not what was said before: a node that hangs would say it still.
            self.create_subscription(Bool, "gas/alarm", self._hear_word, RELIABLE),
            BoundedSubscriber(
                self,
                PoseWithCovarianceStamped,
                LEAK_POSE_TOPIC,
                LATCHED_LEAKS,
                self.problems,
                self._hear_leak,
            ).sub,
        ]
        self._timer = self.steady_timer(settings.period_ns / NANOSECONDS_PER_SECOND, self._say)
        self._say()

    def deactivate(self) -> None:
        """Tell the broker that nobody knows any more how the alarm is, and take leave."""
        if self._timer is not None:
            self.destroy_timer(self._timer)
            self._timer = None
        while self._subscriptions:
            self.destroy_subscription(self._subscriptions.pop())
        if self._relay is not None:
            self._relay.end(self._stamp_ns())
            self._relay = None

    def cleanup(self) -> None:
        """Close the queue; what waits in it is sent after the next start."""
        if self._outbox is not None:
            self._outbox.close()
            self._outbox = None

    def diagnostics(self) -> list[DiagnosticStatus]:
        """The connection, and how many events wait."""
        link = self._relay.link if self._relay is not None else None
        queue = self._outbox.state if self._outbox is not None else None
        if link is None:
            level, said = Level.WARN, "not active"
        elif link.is_up and not link.trouble:
            level, said = Level.OK, "connected"
        else:
            level, said = Level.WARN, link.trouble or "not connected"
        values: dict[str, object] = {
            "broker": str(self._broker or ""),
            "robot": self._topics.robot if self._topics is not None else "",
            "state": self._state_name,
            "connections": link.connections if link is not None else 0,
            "events_sent": link.events if link is not None else 0,
            "events_waiting": queue.waiting if queue is not None else 0,
            "events_dropped": queue.dropped if queue is not None else 0,
            **self.problem_counts(),
        }
        return [messages.diagnostic_status(f"{self.diagnostic_name}: broker", level, said, values)]

    def _say(self) -> None:
        relay = self._relay
        if relay is None:
            return
        self._state_name = relay.say(self._stamp_ns(), self.steady_ns()).name
        link = relay.link
        said = f"connected to {self._broker}" if link.is_up else f"not connected: {link.trouble}"
        if said == self._said:
            return
        self._said = said
        if link.is_up:
            self.get_logger().info(said)
        elif link.trouble:
            self.get_logger().warning(said)

    def _say_news(self, relay: Relay) -> None:
        if relay.has_news(self.steady_ns()):
            self._say()

    def _hear_status(self, message: DiagnosticArray) -> None:
        try:
            status = decode_alarm_status(message)
        except MessageError as error:
            self.problems.add(error.cause, error.detail)
            return
        if self._relay is not None:
            self._relay.hear_status(status)
            self._say_news(self._relay)

    def _hear_word(self, message: Bool) -> None:
        if self._relay is not None:
            self._relay.hear_word(message.data, self.steady_ns())
            self._say_news(self._relay)

    def _hear_leak(self, message: PoseWithCovarianceStamped) -> None:
        try:
            leak = decode_leak_pose(message)
        except MessageError as error:
            self.problems.add(error.cause, error.detail)
            return
        if self._relay is not None:
            self._relay.hear_leak(leak)

    def _credentials(self, settings: RelaySettings) -> Credentials | None:
        if not settings.credentials_file:
            return None
        path = Path(settings.credentials_file)
        credentials = read_credentials(path)
        if is_open_to_others(path):
            self.get_logger().warning(f"credentials_file {path} may be read by other users: chmod 600 {path}")
        if not settings.tls.enabled:
            self.get_logger().warning("tls.enabled is false: the password goes over the network in the clear")
        return credentials

    def _usual_queue(self) -> Path:
        """Where events wait for a node that was told no other place; a namespace is a folder."""
        home = os.environ.get("ROS_HOME") or Path.home() / ".ros"
        return Path(home) / "gas_fusion_ros" / "relay" / f"{self.diagnostic_name}.sqlite3"

    def _stamp_ns(self) -> int:
        return int(self.get_clock().now().nanoseconds)


def main(args: Sequence[str] | None = None) -> None:
    """Run the node."""
    run(AlarmRelayNode, args)


if __name__ == "__main__":
    main()
