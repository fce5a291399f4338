"""The leak alarm's face to ROS: parameters, topics, services and the event log."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar

from diagnostic_msgs.msg import DiagnosticArray
from rclpy.timer import Timer
from std_msgs.msg import Bool
from std_srvs.srv import Trigger

from gas_fusion_ros import messages
from gas_fusion_ros.alarm import AlarmEvent, AlarmSettings, AlarmStatus, CommandResult, Severity
from gas_fusion_ros.alarm_clock import AlarmClock
from gas_fusion_ros.alarm_defaults import MODEL_ADVISES, AlarmChoice, severities_of
from gas_fusion_ros.event_log import EventLog
from gas_fusion_ros.inference import Bundle
from gas_fusion_ros.nodes.managed_node import ManagedNode
from gas_fusion_ros.nodes.parameters import ParameterError
from gas_fusion_ros.nodes.pose_source import PoseSource
from gas_fusion_ros.nodes.qos import LATCHED
from gas_fusion_ros.observation import UNKNOWN, Verdict

T = TypeVar("T")

_HEARTBEAT_PERIOD_S = 1.0
_INACTIVE = CommandResult(False, "the classifier is not active")


class AlarmInterface:
    """Feeds the alarm, publishes what it says and answers the operator.

    Verdicts come from the worker's thread, ticks and services from the executor: one lock keeps
    them, and the order of what they publish, apart.
    """

    def __init__(self, node: ManagedNode) -> None:
        self._node = node
        self._parameters = node.parameters
        self._problems = node.problems
        self._lock = threading.Lock()
        self._alarm: AlarmClock | None = None
        self._settings: AlarmSettings | None = None
        self._event_log: EventLog | None = None
        self._pose = PoseSource(node)
        self._heartbeat: Timer | None = None
        self._bool_publisher = node.create_lifecycle_publisher(Bool, "gas/alarm", LATCHED)
        self._state_publisher = node.create_lifecycle_publisher(DiagnosticArray, "gas/alarm_state", LATCHED)
        node.create_service(Trigger, "gas/acknowledge_alarm", self._acknowledge)
        node.create_service(Trigger, "gas/reset_alarm", self._reset)

    @property
    def status(self) -> AlarmStatus | None:
        """What stands now; None while the node is not active."""
        with self._lock:
            return self._alarm.status if self._alarm is not None else None

    def configure(self, bundle: Bundle) -> None:
        """Read the parameters, take what they leave to the model from its advice, and open the event log.

        Raises:
            ParameterError: thresholds contradict each other, or no gas is named that the model knows.
            EventLogError: the event log cannot be written.
        """
        severities = self._severities()
        try:
            self._settings = self._choice(severities).settings(bundle.alarm)
            self._settings.check_classes(bundle.classes)
        except ValueError as error:
            raise ParameterError(f"alarm: {error}") from None
        if UNKNOWN in severities and bundle.false_reject_rate is None:
            self._node.get_logger().warning(
                f"{UNKNOWN} is to raise an alarm and never will: model {bundle.name} cannot tell what is "
                "unlike its training"
            )
        path = self._parameters.text("event_log")
        self._event_log = EventLog(Path(path), self._problems) if path else None

    def _severities(self) -> dict[str, Severity]:
        warning, critical = (
            self._parameters.texts(f"alarm.{severity.value}_classes") for severity in Severity
        )
        try:
            return severities_of(warning, critical)
        except ValueError as error:
            raise ParameterError(str(error)) from None

    def _choice(self, severities: Mapping[str, Severity]) -> AlarmChoice:
        return AlarmChoice(
            severities,
            on_threshold=self._given("alarm.on_threshold", self._parameters.number),
            off_threshold=self._given("alarm.off_threshold", self._parameters.number),
            on_delay_ns=self._given("alarm.on_delay", self._parameters.nanoseconds),
            off_delay_ns=self._given("alarm.off_delay", self._parameters.nanoseconds),
            timeout_ns=self._parameters.nanoseconds("alarm.timeout"),
        )

    def _given(self, name: str, read: Callable[[str], T]) -> T | None:
        return read(name) if self._parameters.number(name) != MODEL_ADVISES else None

    def activate(self) -> None:
        """Listen to the pose; the alarm's time starts with the node's clock."""
        self._pose.subscribe(self._parameters.text("pose_topic"), self._parameters.text("pose_type"))
        self._heartbeat = self._node.create_timer(_HEARTBEAT_PERIOD_S, self._repeat)
        assert self._settings is not None
        with self._lock:
            self._alarm = AlarmClock(self._settings, self._publish_change)
        self.tick()

    def deactivate(self) -> None:
        """Forget the alarm, and leave a fault behind: nobody watches until the next activate."""
        self._pose.unsubscribe()
        if self._heartbeat is not None:
            self._node.destroy_timer(self._heartbeat)
            self._heartbeat = None
        with self._lock:
            # After a signal nothing can be published any more; only the heartbeat's end tells then.
            if self._alarm is not None and self._node.context.ok():
                self._alarm.stop(self._now_ns())
            self._alarm = None

    def cleanup(self) -> None:
        """Close the event log."""
        if self._event_log is not None:
            self._event_log.close()
            self._event_log = None

    def update(self, verdict: Verdict) -> None:
        """Take in the evidence of one verdict."""
        with self._lock:
            if self._alarm is not None:
                self._alarm.update(verdict, self._now_ns())

    def tick(self) -> None:
        """Let time pass: this raises the fault once readings have been missing for too long."""
        with self._lock:
            if self._alarm is not None:
                self._alarm.tick(self._now_ns())

    def _acknowledge(self, _: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        return self._command(AlarmClock.acknowledge, response)

    def _reset(self, _: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        return self._command(AlarmClock.reset, response)

    def _command(
        self, command: Callable[[AlarmClock, int], CommandResult], response: Trigger.Response
    ) -> Trigger.Response:
        with self._lock:
            result = _INACTIVE if self._alarm is None else command(self._alarm, self._now_ns())
        response.success = result.success
        response.message = result.message
        return response

    def _publish_change(self, status: AlarmStatus, stamp_ns: int, event: AlarmEvent | None) -> None:
        self._bool_publisher.publish(messages.encode_alarm(status))
        self._state_publisher.publish(
            messages.encode_alarm_state(status, stamp_ns, self._node.diagnostic_name)
        )
        if event is None:
            return
        self._node.get_logger().info(
            f"alarm: {event.previous.value} -> {event.state.value} {event.gas}".rstrip()
        )
        if self._event_log is not None:
            self._event_log.write(event, self._pose.latest)

    def _repeat(self) -> None:
        """Say again what stands, so that a subscriber can tell a quiet alarm from a dead one."""
        with self._lock:
            status = self._alarm.status if self._alarm is not None else None
            if status is not None:
                self._bool_publisher.publish(messages.encode_alarm(status))

    def _now_ns(self) -> int:
        return int(self._node.get_clock().now().nanoseconds)
