"""What the lifecycle nodes have in common: parameters, transitions, diagnostics."""

from __future__ import annotations

import socket
import time
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, ClassVar

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from rclpy.clock import Clock, ClockType, ROSClock
from rclpy.duration import Duration
from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn
from rclpy.qos import DurabilityPolicy
from rclpy.timer import Timer

from gas_fusion_ros.base.problems import Growth, Problems
from gas_fusion_ros.nodes.parameters import ParameterError, ParameterTable
from gas_fusion_ros.nodes.qos import NO_EVENTS, RELIABLE
from gas_fusion_ros.ros.messages import Level
from gas_fusion_ros.settings.parameter_spec import MANAGED_SPECS, ParameterSpec

_DIAGNOSTICS_PERIOD_S = 1.0
_DELIVERY_S = 1.0
_AT_ONCE_S = 0.001
_FIRST_PAUSE_S = 1.0
_LONGEST_PAUSE_S = 30.0


class ManagedNode(LifecycleNode):
    """A lifecycle node whose parameters are one table and whose problems are said once per cause.

    A subclass opens files and devices in `configure`, starts timers and subscriptions in
    `activate`, and undoes each in `deactivate` and `cleanup`, both safe to call twice. What these
    raise is logged with its reason and fails the transition: the node stays in the state it was in.

    Attributes:
        problems: what went wrong since configure, by cause.
    """

    SPECS: ClassVar[Sequence[ParameterSpec]] = ()

    _configured = False
    _active = False

    failure = ""
    """Why the last transition that failed did; empty where none has."""

    def __init__(self, node_name: str, **node_arguments: Any) -> None:
        super().__init__(node_name, **node_arguments)
        self.parameters = ParameterTable(self, (*MANAGED_SPECS, *self.SPECS))
        self.problems = Problems()
        self._problem_growth = Growth()
        self._steady_clock = Clock(clock_type=ClockType.STEADY_TIME)
        self._diagnostics_publisher = self.create_publisher(
            DiagnosticArray, "/diagnostics", RELIABLE, event_callbacks=NO_EVENTS
        )
        self._diagnostics_timer: Timer | None = None
        self._autostart_timer: Timer | None = None
        self._autostart_pause_s = _FIRST_PAUSE_S
        self._starts_itself = False
        self._is_worth_another_try = False
        for refusal in self.parameters.refusals:
            self.get_logger().error(refusal)
        if self.parameters.value("autostart"):
            self._autostart_timer = self.steady_timer(_AT_ONCE_S, self._start_itself)
        else:
            self.get_logger().info(
                f"unconfigured: `ros2 lifecycle set {self.get_fully_qualified_name()} configure`, then "
                "activate; the launch files do both"
            )

    @property
    def diagnostic_name(self) -> str:
        """What its statuses begin with; namespace included, for all robots share /diagnostics."""
        return str(self.get_fully_qualified_name()).lstrip("/")

    @property
    def robot(self) -> str:
        """The robot's name: the node's namespace, or without one that of this machine."""
        return str(self.get_namespace()).strip("/") or socket.gethostname()

    @property
    def hardware(self) -> str:
        """What its statuses are told to be of where no parameter says it."""
        return socket.gethostname()

    @property
    def hindrance(self) -> str:
        """Why the node does not do its work now; empty where it does. A watchdog goes by it."""
        return "" if self._active else self.failure or "not active"

    @property
    def tries_again(self) -> bool:
        """Whether it will start by itself, now or after a pause."""
        return self._autostart_timer is not None

    def steady_timer(self, period_s: float, callback: Callable[[], None]) -> Timer:
        """Call `callback` every `period_s` of a steady clock, whatever becomes of the node's.

        A timer on the node's clock stands while that catches up after it was set back, or while nobody
        publishes /clock.
        """
        return self.create_timer(period_s, callback, clock=self._steady_clock)

    def watch_timer(self, period_s: float, callback: Callable[[], None]) -> Timer:
        """Call `callback` every `period_s` of the time that `watch_ns` tells."""
        return self.create_timer(period_s, callback, clock=self._watch_clock)

    def steady_ns(self) -> int:
        """The time of a steady clock, nanoseconds, also while simulated time stands or goes back."""
        return int(self._steady_clock.now().nanoseconds)

    def watch_ns(self) -> int:
        """The time by which silence and waiting are measured, nanoseconds.

        It is a steady clock's, which no step of the system clock moves, and under `use_sim_time` the node's.
        """
        return int(self._watch_clock.now().nanoseconds)

    @property
    def _watch_clock(self) -> Clock:
        clock = self.get_clock()
        is_simulated = isinstance(clock, ROSClock) and clock.ros_time_is_active
        return clock if is_simulated else self._steady_clock

    def configure(self) -> None:
        """Open files and devices; create publishers and services."""

    def activate(self) -> None:
        """Start publishing."""

    def deactivate(self) -> None:
        """Stop publishing."""

    def cleanup(self) -> None:
        """Close what `configure` opened."""

    def diagnostics(self) -> list[DiagnosticStatus]:
        """The node's health, published on /diagnostics at 1 Hz from configure to cleanup.

        While the node cannot start by itself they are published with the reason as message.
        """
        return []

    def tallies(self) -> list[Problems]:
        """Every tally whose new causes are to be logged."""
        return [self.problems]

    def problem_counts(self) -> dict[str, int]:
        """How often each cause occurred since configure, over all tallies."""
        counts: Counter[str] = Counter()
        for tally in self.tallies():
            counts.update(tally.counts())
        return dict(counts)

    def new_problems(self) -> dict[str, int]:
        """How often each cause occurred since the last call; made once for each publication."""
        return self._problem_growth.since_last(self.problem_counts())

    def report_problems(self) -> None:
        """Log each new cause once."""
        for tally in self.tallies():
            for problem in tally.take_unreported():
                self.get_logger().warning(f"{problem.cause}: {problem.detail}")

    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Check the parameters, then configure."""
        self._heed_hand()
        if not self._attempt("configure", self._configure):
            self.cleanup()
            return TransitionCallbackReturn.FAILURE
        self.get_logger().info("configured")
        return super().on_configure(state)

    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Enable the publishers, then start."""
        self._heed_hand()
        result = super().on_activate(state)
        if not self._attempt("activate", self.activate):
            self.deactivate()
            super().on_deactivate(state)
            return TransitionCallbackReturn.FAILURE
        self._active = True
        self.get_logger().info("active")
        return result

    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Stop, then disable the publishers."""
        self._stop()
        return super().on_deactivate(state)

    def on_cleanup(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Close everything; the parameters may change again."""
        self.report_problems()
        self._release()
        return super().on_cleanup(state)

    def on_shutdown(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Stop and close everything, from whatever state."""
        self._heed_hand()
        self._stop()
        self._release()
        return super().on_shutdown(state)

    def on_error(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Close everything and go back to unconfigured."""
        self._stop()
        self._release()
        return super().on_error(state)

    def destroy_node(self) -> None:
        """Say the last words and have them delivered, close everything, then the node.

        A context that shuts down calls this even on a node that is still being constructed.
        """
        if self._configured:
            self._attempt("deactivate", self.deactivate)
            if self.context.ok():
                self._deliver()
            self._attempt("cleanup", self._release)
        super().destroy_node()

    def _stop(self) -> None:
        self._active = False
        self.deactivate()

    def _deliver(self) -> None:
        """Give every subscriber of a latched topic a bounded moment to get what was said last."""
        deadline_s = time.monotonic() + _DELIVERY_S
        for publisher in self.publishers:
            if publisher.qos_profile.durability == DurabilityPolicy.TRANSIENT_LOCAL:
                left_s = max(0.0, deadline_s - time.monotonic())
                publisher.wait_for_all_acked(Duration(seconds=left_s))

    def _start_itself(self) -> None:
        self._end_autostart()
        self._starts_itself = True
        if not self._configured:
            self.trigger_configure()
        is_active = self._configured and self.trigger_activate() == TransitionCallbackReturn.SUCCESS
        self._starts_itself = False
        if is_active or not self._is_worth_another_try:
            return
        self._start_diagnostics()
        self._autostart_timer = self.steady_timer(self._autostart_pause_s, self._start_itself)
        self._autostart_pause_s = min(2.0 * self._autostart_pause_s, _LONGEST_PAUSE_S)

    def _heed_hand(self) -> None:
        """Whoever asks for a transition from outside goes before the autostart."""
        if not self._starts_itself:
            self._end_autostart()

    def _end_autostart(self) -> None:
        if self._autostart_timer is not None:
            self.destroy_timer(self._autostart_timer)
            self._autostart_timer = None

    def _configure(self) -> None:
        self.problems.clear()
        self._problem_growth = Growth()
        self.parameters.require_valid()
        self.configure()
        self._configured = self.parameters.locked = True
        self._start_diagnostics()

    def _start_diagnostics(self) -> None:
        if self._diagnostics_timer is None:
            self._diagnostics_timer = self.steady_timer(_DIAGNOSTICS_PERIOD_S, self._publish_diagnostics)

    def _release(self) -> None:
        if self._diagnostics_timer is not None:
            self.destroy_timer(self._diagnostics_timer)
            self._diagnostics_timer = None
        self.cleanup()
        self._configured = self.parameters.locked = False

    def _publish_diagnostics(self) -> None:
        self.report_problems()
        message = DiagnosticArray(status=self.diagnostics())
        hardware_id = self.parameters.value("hardware_id") or self.hardware
        for status in message.status:
            status.hardware_id = status.hardware_id or hardware_id
        if not self._configured:
            for status in message.status:
                status.level, status.message = bytes([Level.ERROR]), self.failure
        message.header.stamp = self.get_clock().now().to_msg()
        self._diagnostics_publisher.publish(message)

    def _attempt(self, transition: str, action: Callable[[], None]) -> bool:
        try:
            action()
        except Exception as error:
            failure = f"{transition} failed: {error}"
            # What is tried again and again is told when its reason changes.
            if not self._starts_itself or failure != self.failure:
                self.get_logger().error(failure)
            self.failure = failure
            self._is_worth_another_try = not isinstance(error, ParameterError)
            return False
        return True
