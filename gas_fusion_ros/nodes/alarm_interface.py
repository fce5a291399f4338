"""The leak alarm's face to ROS: parameters, topics, services and the event log."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from diagnostic_msgs.msg import DiagnosticArray
from rclpy.timer import Timer
from std_msgs.msg import Bool, UInt32
from std_srvs.srv import SetBool, Trigger

from gas_fusion_ros.alarm.clock import AlarmClock, Conditions, Instant
from gas_fusion_ros.alarm.event_log import EventLog, format_start, format_stop
from gas_fusion_ros.alarm.leak_alarm import (
    AlarmEvent,
    AlarmSettings,
    AlarmState,
    AlarmStatus,
    CommandResult,
    Memory,
    Reason,
    Severity,
)
from gas_fusion_ros.alarm.memory import AlarmMemory, AlarmMemoryError
from gas_fusion_ros.base.observation import UNKNOWN, Mode, RobotPose, Verdict
from gas_fusion_ros.base.quoting import shown
from gas_fusion_ros.model.bundle import Bundle
from gas_fusion_ros.nodes.managed_node import ManagedNode
from gas_fusion_ros.nodes.parameters import ParameterError
from gas_fusion_ros.nodes.pose_source import PoseSource
from gas_fusion_ros.nodes.qos import HEARTBEAT, LATCHED, NO_EVENTS, RELIABLE
from gas_fusion_ros.pipeline.settings import NO_STATE_FILE, ClassifierSettings, SettingsError
from gas_fusion_ros.ros import messages

T = TypeVar("T")
R = TypeVar("R", SetBool.Response, Trigger.Response)

_HEARTBEAT_PERIOD_S = 1.0
_INACTIVE = CommandResult(False, "the classifier is not active")


class AlarmInterface:
    """Feeds the alarms, publishes what they say and answers the operator.

    Verdicts come from the worker's thread, ticks and services from the executor: one lock keeps
    them, and the order of what they publish, apart.

    Args:
        node: the node whose topics and services these are.
        test: runs a known leak through model and alarm and says what came out.
        plan: called after an operator's command, for `due_ns` may be another one.
    """

    def __init__(
        self, node: ManagedNode, test: Callable[[], CommandResult], plan: Callable[[], None]
    ) -> None:
        self._node = node
        self._problems = node.problems
        self._lock = threading.Lock()
        self._alarm: AlarmClock | None = None
        self._settings: AlarmSettings | None = None
        self._chosen = ClassifierSettings()
        self._event_log: EventLog | None = None
        self._file: AlarmMemory | None = None
        self._memory: Memory | None = None
        self._is_unsaved = False
        self._told = Conditions()
        self._own_faults: tuple[Reason, ...] = ()
        self._own_warnings: tuple[Reason, ...] = ()
        self._pose = PoseSource(node)
        self._heartbeat: Timer | None = None
        self._bool_publisher = node.create_lifecycle_publisher(
            Bool, "gas/alarm", HEARTBEAT, event_callbacks=NO_EVENTS
        )
        self._state_publisher = node.create_lifecycle_publisher(
            DiagnosticArray, "gas/alarm_state", LATCHED, event_callbacks=NO_EVENTS
        )
        self._test = test
        self._plan = plan
        node.create_service(Trigger, "gas/acknowledge_alarm", self._acknowledge)
        node.create_service(Trigger, "gas/reset_alarm", self._reset)
        node.create_service(Trigger, "gas/self_test", self._run_test)
        node.create_service(SetBool, "gas/shelve_alarms", self._shelve)
        node.create_subscription(UInt32, "gas/acknowledge", self._acknowledge_one, RELIABLE)
        node.create_subscription(UInt32, "gas/shelve", self._shelve_one, RELIABLE)

    @property
    def status(self) -> AlarmStatus | None:
        """What stands now; None while the node is not active."""
        with self._lock:
            return self._alarm.status if self._alarm is not None else None

    @property
    def lag_ns(self) -> int:
        """For how long the oldest reading that still waits for its class has been heard; 0 without one."""
        with self._lock:
            return self._alarm.lag_ns if self._alarm is not None else 0

    @property
    def due_ns(self) -> int | None:
        """When, on the watch, the alarm is to be ticked next; None while the node is not active."""
        with self._lock:
            return self._alarm.due_ns if self._alarm is not None else None

    @property
    def settings(self) -> AlarmSettings:
        """What the alarm is set with; to be asked for after `configure`."""
        assert self._settings is not None
        return self._settings

    def configure(self, bundle: Bundle, settings: ClassifierSettings) -> None:
        """Take what the settings leave to the model from its advice, and open the files.

        Raises:
            ParameterError: thresholds contradict each other, or no gas is named that the model knows.
            EventLogError: the event log cannot be written.
            AlarmMemoryError: the state file cannot be written.
        """
        try:
            self._settings = settings.alarm_settings(bundle)
        except SettingsError as error:
            raise ParameterError(str(error)) from None
        if self._settings.novelty_is_evidence and bundle.false_reject_rate is None:
            self._node.get_logger().warning(
                f"{UNKNOWN} is to raise an alarm and never will: model {bundle.name} cannot tell what is "
                "unlike its training"
            )
        if Mode.FUSION in bundle.networks and Mode.GAS_ONLY not in bundle.networks:
            self._node.get_logger().warning(
                f"model {bundle.name} has no network for readings alone: its pictures may overrule calm "
                "readings"
            )
        self._chosen = settings
        self._open_memory(settings.state_file)
        path, size = settings.event_log, round(settings.event_log_mb * 1e6)
        self._event_log = EventLog(Path(path), self._problems, size, self._node.robot) if path else None

    def _open_memory(self, place: str) -> None:
        """Read which alarms stand; what cannot be read is a fault until an operator has acknowledged it."""
        self._own_faults = self._own_warnings = ()
        if place == NO_STATE_FILE:
            self._file = None
            return
        self._file = AlarmMemory(Path(place) if place else _state_path(self._node))
        self._file.claim()
        is_new = not self._file.path.exists()
        try:
            memory = self._file.load()
        except AlarmMemoryError as error:
            self._doubt(str(error))
            return
        if self._file.aside.exists():
            self._doubt(f"{self._file.aside} could not be read, and nobody has acknowledged that")
        standing = f"has {len(memory.alarms)} standing alarms"
        known = "is new: no alarm from before is known" if is_new else standing
        self._node.get_logger().info(f"state file {self._file.path} {known}")
        if not self._is_unsaved:  # else what this process knows is newer
            self._memory = memory

    def _doubt(self, why: str) -> None:
        self._node.get_logger().error(f"{why}; acknowledge the alarm once it is known that no leak stands")
        self._own_faults = (Reason("alarms_unknown", f"{why}: which alarms stood is not known"),)

    def activate(self) -> None:
        """Say that nothing is known yet, and which alarms stand; listen to the pose."""
        self._pose.subscribe(self._chosen.pose_topic, self._chosen.pose_type)
        with self._lock:
            memory = self._memory if self._memory is not None else Memory()
            instant = self._instant()
            if self._event_log is not None:
                for line in format_start(instant.now_ns, memory):
                    self._event_log.write_line(line)
            for alarm in memory.alarms:
                self._node.get_logger().error(
                    f"alarm {alarm.number} ({alarm.gas}) stands from before the start: {alarm.state.value}"
                )
            self._alarm = AlarmClock(self.settings, self._publish_change, memory, lambda _: self._pose.latest)
            self._told = Conditions()
            self._alarm.begin(instant)
            self._alarm.set_conditions(self._conditions(), instant)
        self._heartbeat = self._node.steady_timer(_HEARTBEAT_PERIOD_S, self._repeat)

    def deactivate(self) -> None:
        """Leave a fault behind: nobody watches until the next activate, at which the alarms stand again."""
        if self._heartbeat is not None:
            self._node.destroy_timer(self._heartbeat)
            self._heartbeat = None
        with self._lock:
            if self._alarm is not None:
                instant = self._instant()
                self._alarm.stop(instant, "the classifier has been stopped")
                self._memory = self._alarm.memory
                if self._event_log is not None:
                    self._event_log.write_line(format_stop(instant.now_ns, self._memory))
            self._alarm = None
        self._pose.unsubscribe()

    def cleanup(self) -> None:
        """Close event log and state file."""
        if self._file is not None:
            self._file.close()
        if self._event_log is not None:
            self._event_log.close()
            self._event_log = None

    def hear(self, stamp_ns: int) -> None:
        """A valid reading has arrived."""
        with self._lock:
            if self._alarm is not None:
                self._alarm.hear(stamp_ns, self._instant())

    def observe(self, stamp_ns: int) -> None:
        """An image has gone on alone."""
        with self._lock:
            if self._alarm is not None:
                self._alarm.observe(stamp_ns, self._instant())

    def update(self, verdict: Verdict) -> None:
        """Take in the evidence of one verdict."""
        with self._lock:
            if self._alarm is not None:
                self._alarm.update(verdict, self._instant())

    def tick(self, conditions: Conditions) -> None:
        """Let time pass, and say what else is known: this raises faults."""
        with self._lock:
            if self._alarm is None:
                return
            instant = self._instant()
            self._alarm.tick(instant)
            self._told = conditions
            self._alarm.set_conditions(self._conditions(), instant)

    def _conditions(self) -> Conditions:
        told = self._told
        return Conditions(self._own_faults + told.faults, told.inhibits, self._own_warnings + told.warnings)

    def _acknowledge(self, _: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        result = self._command(AlarmClock.acknowledge)
        if self._own_faults and self._alarm is not None:
            with self._lock:
                self._own_faults = ()
                self._settle()
                self._alarm.set_conditions(self._conditions(), self._instant())
            result = CommandResult(True, "acknowledged: no alarm from before the start is known to stand")
        return _answered(response, result)

    def _settle(self) -> None:
        if self._file is None:
            return
        try:
            self._file.settle()
        except OSError as error:
            self._count_unsaved(f"{self._file.aside}: {error.strerror or error}; the fault comes again")

    def _reset(self, _: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        return _answered(response, self._command(AlarmClock.reset))

    def _shelve(self, request: SetBool.Request, response: SetBool.Response) -> SetBool.Response:
        return _answered(response, self._command(self._shelving if request.data else AlarmClock.unshelve))

    def _run_test(self, _: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        return _answered(response, self._test() if self._alarm is not None else _INACTIVE)

    def _acknowledge_one(self, message: UInt32) -> None:
        result = self._command(lambda alarm, instant: alarm.acknowledge(instant, message.data))
        self._node.get_logger().info(f"gas/acknowledge {message.data}: {result.message}")

    def _shelve_one(self, message: UInt32) -> None:
        result = self._command(
            lambda alarm, instant: alarm.shelve(instant, self._chosen.alarm.shelve_ns, message.data)
        )
        self._node.get_logger().info(f"gas/shelve {message.data}: {result.message}")

    def _shelving(self, alarm: AlarmClock, instant: Instant) -> CommandResult:
        return alarm.shelve(instant, self._chosen.alarm.shelve_ns)

    def _command(self, command: Callable[[AlarmClock, Instant], CommandResult]) -> CommandResult:
        with self._lock:
            result = _INACTIVE if self._alarm is None else command(self._alarm, self._instant())
        self._plan()
        return result

    def _publish_change(self, status: AlarmStatus, stamp_ns: int, events: tuple[AlarmEvent, ...]) -> None:
        # What is published stands also where the process is killed in the next moment.
        self._remember()
        for event in events:
            if self._event_log is not None:
                self._event_log.write(event)
        self._bool_publisher.publish(messages.encode_alarm(status))
        self._state_publisher.publish(
            messages.encode_alarm_state(status, stamp_ns, self._node.diagnostic_name)
        )
        for event in events:
            self._log(event, status)

    def _remember(self) -> None:
        if self._alarm is None or self._file is None:
            return
        try:
            self._file.save(self._alarm.memory)
            self._is_unsaved = False
        except OSError as error:
            self._is_unsaved = True
            self._count_unsaved(
                f"state file {self._file.path}: {error.strerror or error}; alarms would not survive a restart"
            )

    def _count_unsaved(self, detail: str) -> None:
        self._problems.add("state_file_write", detail)
        self._own_warnings = (Reason("state_file", detail),)

    def _log(self, event: AlarmEvent, status: AlarmStatus) -> None:
        logger = self._node.get_logger()
        told = f"{event.previous.value} -> {event.state.value}"
        if event.alarm:
            if event.previous is event.state:
                told = "shelved" if event.shelved else "no longer shelved"
            text = f"alarm {event.alarm} ({event.gas}): {told}{_at(event.pose)}"
            if event.raises_alarm and event.severity is Severity.CRITICAL:
                logger.error(text)
            elif event.raises_alarm:
                logger.warning(text)
            else:
                logger.info(text)
            return
        reasons = "; ".join(reason.text for reason in (*status.faults, *status.inhibits))
        standing = len(status.alarms) + status.omitted
        told = f"{told}, {standing} alarm{'' if standing == 1 else 's'} standing"
        text = f"watch: {told}: {reasons or event.gas}".removesuffix(": ")
        if event.state is AlarmState.FAULT:
            logger.error(text)
        elif event.state is AlarmState.INHIBITED:
            logger.warning(text)
        else:
            logger.info(text)

    def _repeat(self) -> None:
        """Say again what stands, so that a subscriber can tell a quiet alarm from a dead one."""
        with self._lock:
            if self._alarm is None:
                return
            # After a stall this may come before the tick that would notice the silence.
            self._alarm.tick(self._instant())
            status = self._alarm.status
            if status is not None:
                self._bool_publisher.publish(messages.encode_alarm(status))

    def _instant(self) -> Instant:
        return Instant(int(self._node.get_clock().now().nanoseconds), self._node.watch_ns())


def _state_path(node: ManagedNode) -> Path:
    """Where the alarms of a node are kept that was told no other place; a namespace is a folder."""
    home = os.environ.get("ROS_HOME") or Path.home() / ".ros"
    return Path(home) / "gas_fusion_ros" / "alarms" / f"{node.diagnostic_name}.json"


def _at(pose: RobotPose | None) -> str:
    return "" if pose is None else f" at x {pose.x:.1f}, y {pose.y:.1f} in {shown(pose.frame_id)}"


def _answered(response: R, result: CommandResult) -> R:
    response.success = result.success
    response.message = result.message
    return response
