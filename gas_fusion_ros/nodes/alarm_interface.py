"""The leak alarm's face to ROS: parameters, topics, services and the event log."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from diagnostic_msgs.msg import DiagnosticArray
from rcl_interfaces.msg import ParameterDescriptor
from rclpy.timer import Timer
from std_msgs.msg import Bool
from std_srvs.srv import Trigger

from gas_fusion_ros import messages
from gas_fusion_ros.alarm import AlarmEvent, AlarmSettings, AlarmStatus, CommandResult, LeakAlarm, Severity
from gas_fusion_ros.event_log import EventLog
from gas_fusion_ros.inference import AlarmAdvice, Bundle
from gas_fusion_ros.nodes.managed_node import ManagedNode
from gas_fusion_ros.nodes.parameters import ParameterError, ParameterSpec
from gas_fusion_ros.nodes.pose_source import POSE_TYPES, PoseSource
from gas_fusion_ros.nodes.qos import LATCHED
from gas_fusion_ros.observation import UNKNOWN, Verdict
from gas_fusion_ros.units import NANOSECONDS_PER_SECOND

_HEARTBEAT_PERIOD_S = 1.0
_MODEL_ADVISES = -1.0
"""Value of a parameter that takes what the model advises."""
DEFAULT_SEVERITIES: Mapping[str, Severity] = {
    "Mixture": Severity.CRITICAL,
    "Smoke": Severity.CRITICAL,
    "Perfume": Severity.WARNING,
}


def default_alarm(advice: AlarmAdvice) -> AlarmSettings:
    """Return the alarm that the parameters' defaults set, with a model that advises so."""
    return AlarmSettings(
        DEFAULT_SEVERITIES,
        on_threshold=advice.on_threshold,
        off_threshold=advice.off_threshold,
        on_delay_ns=advice.on_delay_ns,
        off_delay_ns=advice.off_delay_ns,
    )


@dataclass(frozen=True)
class AdvisedSpec(ParameterSpec):
    """A number that the model advises unless one is given: -1 takes the advice, and is its default.

    Attributes:
        least: smallest number that may be given; `minimum` makes room for -1.
    """

    least: float = 0.0

    @classmethod
    def within(cls, name: str, description: str, least: float, maximum: float) -> AdvisedSpec:
        """Return the row of a parameter that may be given from `least` to `maximum`."""
        return cls(
            name,
            _MODEL_ADVISES,
            f"{description}; {_MODEL_ADVISES}: as the model advises",
            minimum=_MODEL_ADVISES,
            maximum=maximum,
            least=least,
        )

    def descriptor(self) -> ParameterDescriptor:
        """The row as ROS tells it, with the gap in its range."""
        descriptor = super().descriptor()
        descriptor.additional_constraints = f"{_MODEL_ADVISES}, or at least {self.least:g}"
        return descriptor

    def refusal(self, value: object) -> str | None:
        """Refuse what is neither the advice nor a number that may be given."""
        if isinstance(value, float) and value != _MODEL_ADVISES and not value >= self.least:
            return (
                f"{self.name} is {value}; it must be within {self.least:g} ... {self.maximum:g}, "
                f"or {_MODEL_ADVISES} to take what the model advises"
            )
        return super().refusal(value)


def _gases(severity: Severity) -> list[str]:
    return [gas for gas, its_severity in DEFAULT_SEVERITIES.items() if its_severity is severity]


ALARM_SPECS = (
    ParameterSpec(
        "alarm.critical_classes",
        _gases(Severity.CRITICAL),
        "gases whose leak is critical, Unknown among them or not; [''] for none",
    ),
    ParameterSpec(
        "alarm.warning_classes",
        _gases(Severity.WARNING),
        "gases whose leak is a warning, Unknown among them or not; [''] for none",
    ),
    AdvisedSpec.within(
        "alarm.on_threshold", "leak probability from which a leak is suspected", least=0.001, maximum=1.0
    ),
    AdvisedSpec.within(
        "alarm.off_threshold", "leak probability below which a leak counts as gone", least=0.001, maximum=1.0
    ),
    AdvisedSpec.within(
        "alarm.on_delay", "how long a leak is suspected before the alarm, s", least=0.0, maximum=600.0
    ),
    AdvisedSpec.within(
        "alarm.off_delay",
        "how long a leak must be gone before the alarm lets go, s",
        least=0.0,
        maximum=3600.0,
    ),
    ParameterSpec(
        "alarm.timeout",
        AlarmSettings.timeout_ns / NANOSECONDS_PER_SECOND,
        "without a valid reading for this long, a fault stands, s",
        minimum=0.1,
        maximum=3600.0,
    ),
    ParameterSpec("event_log", "", "file that gets a JSON line for each alarm event; empty for none"),
    ParameterSpec("pose_topic", "", "topic of the robot's pose, for the event log; empty for none"),
    ParameterSpec("pose_type", "PoseStamped", "type of the pose topic", choices=tuple(POSE_TYPES)),
)


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
        self._alarm: LeakAlarm | None = None
        self._settings: AlarmSettings | None = None
        # Stamp of the last evidence, and what the clock said when it came.
        self._evidence_ns = 0
        self._heard_ns = 0
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
            return self._alarm.status if self._alarm else None

    def configure(self, bundle: Bundle) -> None:
        """Read the parameters, take what they leave to the model from its advice, and open the event log.

        Raises:
            ParameterError: thresholds contradict each other, or no gas is named that the model knows.
            EventLogError: the event log cannot be written.
        """
        severities = self._severities()
        self._settings = self._read_settings(severities, bundle.alarm)
        try:
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

    def _read_settings(self, severities: Mapping[str, Severity], advice: AlarmAdvice) -> AlarmSettings:
        try:
            return AlarmSettings(
                severities=severities,
                on_threshold=self._given_number("alarm.on_threshold", advice.on_threshold),
                off_threshold=self._given_number("alarm.off_threshold", advice.off_threshold),
                on_delay_ns=self._given_nanoseconds("alarm.on_delay", advice.on_delay_ns),
                off_delay_ns=self._given_nanoseconds("alarm.off_delay", advice.off_delay_ns),
                timeout_ns=self._parameters.nanoseconds("alarm.timeout"),
            )
        except ValueError as error:
            raise ParameterError(f"alarm: {error}{self._advised()}") from None

    def _given_number(self, name: str, advised: float) -> float:
        return self._parameters.number(name) if self._is_given(name) else advised

    def _given_nanoseconds(self, name: str, advised_ns: int) -> int:
        return self._parameters.nanoseconds(name) if self._is_given(name) else advised_ns

    def _is_given(self, name: str) -> bool:
        return self._parameters.number(name) != _MODEL_ADVISES

    def _advised(self) -> str:
        """Name, for an error, the parameters whose values the model advised; empty where none was."""
        names = [
            spec.name
            for spec in ALARM_SPECS
            if isinstance(spec, AdvisedSpec) and not self._is_given(spec.name)
        ]
        return f" (as the model advises: {', '.join(names)})" if names else ""

    def activate(self) -> None:
        """Listen to the pose; the alarm's time starts with the node's clock."""
        self._pose.subscribe(self._parameters.text("pose_topic"), self._parameters.text("pose_type"))
        self._heartbeat = self._node.create_timer(_HEARTBEAT_PERIOD_S, self._repeat)
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
                self._publish_event(self._alarm.stop(self._alarm_time_ns()))
            self._alarm = None

    def cleanup(self) -> None:
        """Close the event log."""
        if self._event_log is not None:
            self._event_log.close()
            self._event_log = None

    def update(self, verdict: Verdict) -> None:
        """Take in the evidence of one verdict."""
        with self._lock:
            now_ns = self._now_ns()
            # A reading from the future must not carry the alarm's delays ahead of the clock.
            stamp_ns = min(verdict.stamp_ns, now_ns or verdict.stamp_ns)
            alarm = self._started_alarm(stamp_ns)
            self._evidence_ns, self._heard_ns = stamp_ns, now_ns
            evidence = alarm.settings.evidence(verdict)
            self._publish_event(alarm.update(stamp_ns, evidence, verdict.has_reading))

    def tick(self) -> None:
        """Raise the fault once readings have been missing for too long.

        The alarm runs on the readings' stamps, as it does when a bag is evaluated. Only in their
        absence does the clock drive it, by the time passed since the last one was heard: so old or
        skewed stamps are no silence.
        """
        now_ns = self._now_ns()
        with self._lock:
            if now_ns == 0:
                return  # simulated time has not begun
            alarm = self._started_alarm(now_ns)
            self._heard_ns = min(self._heard_ns, now_ns) or now_ns
            quiet_ns = now_ns - self._heard_ns
            if quiet_ns > alarm.settings.timeout_ns:
                self._publish_event(alarm.tick(self._evidence_ns + quiet_ns))

    def _started_alarm(self, now_ns: int) -> LeakAlarm:
        if self._alarm is None:
            assert self._settings is not None
            self._alarm = LeakAlarm(self._settings, now_ns)
            self._evidence_ns = self._heard_ns = now_ns
            self._publish_status(now_ns)
        return self._alarm

    def _severities(self) -> dict[str, Severity]:
        warning, critical = (
            self._parameters.texts(f"alarm.{severity.value}_classes") for severity in Severity
        )
        severities = {
            **{name: Severity.WARNING for name in warning if name},
            **{name: Severity.CRITICAL for name in critical if name},
        }
        if not severities:
            raise ParameterError(
                "alarm.critical_classes and alarm.warning_classes name no gas; one of them must"
            )
        return severities

    def _acknowledge(self, _: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        with self._lock:
            if self._alarm is None:
                return _inactive(response)
            return self._answer(self._alarm.acknowledge(self._alarm_time_ns()), response)

    def _reset(self, _: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        with self._lock:
            if self._alarm is None:
                return _inactive(response)
            return self._answer(self._alarm.reset(self._alarm_time_ns()), response)

    def _answer(self, result: CommandResult, response: Trigger.Response) -> Trigger.Response:
        self._publish_event(result.event)
        response.success = result.success
        response.message = result.message
        return response

    def _publish_event(self, event: AlarmEvent | None) -> None:
        if event is None:
            return
        self._publish_status(event.stamp_ns)
        self._node.get_logger().info(
            f"alarm: {event.previous.value} -> {event.state.value} {event.gas}".rstrip()
        )
        if self._event_log is not None:
            self._event_log.write(event, self._pose.latest)

    def _publish_status(self, stamp_ns: int) -> None:
        assert self._alarm is not None
        status = self._alarm.status
        self._bool_publisher.publish(messages.encode_alarm(status))
        self._state_publisher.publish(
            messages.encode_alarm_state(status, stamp_ns, self._node.diagnostic_name)
        )

    def _repeat(self) -> None:
        """Say again what stands, so that a subscriber can tell a quiet alarm from a dead one."""
        with self._lock:
            if self._alarm is not None:
                self._bool_publisher.publish(messages.encode_alarm(self._alarm.status))

    def _alarm_time_ns(self) -> int:
        """Now, on the time line of the readings' stamps."""
        return self._evidence_ns + max(0, self._now_ns() - self._heard_ns)

    def _now_ns(self) -> int:
        return int(self._node.get_clock().now().nanoseconds)


def _inactive(response: Trigger.Response) -> Trigger.Response:
    response.success = False
    response.message = "the classifier is not active"
    return response
