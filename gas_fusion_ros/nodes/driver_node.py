"""What the two sensor nodes have in common: a driver that is opened, polled and closed."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Generic, TypeVar

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from rclpy.timer import Timer

from gas_fusion_ros.alarm.source_watch import Source
from gas_fusion_ros.base.problems import Problems
from gas_fusion_ros.drivers import Driver, DriverState
from gas_fusion_ros.nodes.managed_node import ManagedNode
from gas_fusion_ros.nodes.parameters import MAX_TIME_S, ParameterSpec
from gas_fusion_ros.nodes.qos import LATCHED
from gas_fusion_ros.ros import messages
from gas_fusion_ros.ros.messages import Level

T = TypeVar("T")

_NO_SENSORS = ("simulated", "recorded")

POLL_SPECS = (
    ParameterSpec(
        "poll_period",
        0.02,
        "how often the driver is asked for what it has, s of a steady clock or of simulated time",
        minimum=0.001,
        maximum=10.0,
    ),
    ParameterSpec(
        "start_time",
        0.0,
        "time at which a recording or simulated patrol begins, s. Nodes that shall play in step take "
        "the same; 0 is the clock's epoch, or the first stamp of a recording played once",
        minimum=0.0,
        maximum=MAX_TIME_S,
    ),
)

SIMULATION_SPECS = (
    ParameterSpec("simulated.seed", 0, "which patrol is simulated", minimum=0, maximum=2**31 - 1),
    ParameterSpec(
        "simulated.duration",
        600.0,
        "length of the patrol, s; then it begins again",
        minimum=60.0,
        maximum=3600.0,
    ),
    ParameterSpec("simulated.leaks", 3, "leaks on the patrol", minimum=0, maximum=39),
)


class DriverNode(ManagedNode, Generic[T]):
    """A lifecycle node that publishes what its driver yields, and what kind of source that is.

    A node has the parameters `driver` and `frame_id`.

    Attributes:
        published: how many samples went out since configure.
    """

    SOURCE_TOPIC: ClassVar[str]
    """Where, latched, it is told what stands behind the samples."""

    def __init__(self, node_name: str, **node_arguments: Any) -> None:
        super().__init__(node_name, **node_arguments)
        self.published = 0
        self._driver: Driver[T] | None = None
        self._poll_timer: Timer | None = None
        self._source_publisher = self.create_lifecycle_publisher(DiagnosticArray, self.SOURCE_TOPIC, LATCHED)
        self._told_source: Source | None = None

    @abstractmethod
    def create_driver(self) -> Driver[T]:
        """Build the driver that the parameters name."""

    @abstractmethod
    def publish(self, sample: T) -> None:
        """Publish one sample of the driver."""

    def configure(self) -> None:
        """Open the driver's device or file."""
        self.published = 0
        self._driver = self.create_driver()
        self._driver.open()

    def activate(self) -> None:
        """Start polling."""
        period = self.parameters.number("poll_period")
        self._poll_timer = self.watch_timer(period, self._poll)
        self._tell_source()

    def deactivate(self) -> None:
        """Stop polling; the driver stays open."""
        if self._poll_timer is not None:
            self.destroy_timer(self._poll_timer)
            self._poll_timer = None
            self._tell_source()

    def cleanup(self) -> None:
        """Close the driver."""
        if self._driver is not None:
            self._driver.close()
            self._driver = None

    def tallies(self) -> list[Problems]:
        """The node's own problems and the driver's."""
        return [self.problems] if self._driver is None else [self.problems, self._driver.problems]

    def source(self) -> Source:
        """What stands behind the samples now."""
        driver = self.parameters.text("driver")
        return Source(driver, driver not in _NO_SENSORS, self._source_state())

    def _source_state(self) -> str:
        if self._poll_timer is None:
            return "inactive"
        return (self._driver.state if self._driver is not None else DriverState.CLOSED).value

    def _tell_source(self) -> None:
        source = self.source()
        if source == self._told_source:
            return
        self._told_source = source
        frame_id = self.parameters.text("frame_id")
        now_ns = self.get_clock().now().nanoseconds
        self._source_publisher.publish(
            messages.encode_source_status(source, now_ns, frame_id, self.diagnostic_name)
        )

    @property
    def driver_is_running(self) -> bool:
        """Whether the driver is there and yields samples."""
        return self._driver is not None and self._driver.state is DriverState.RUNNING

    def driver_status(self, extra: Mapping[str, object]) -> DiagnosticStatus:
        """How the driver does: the level tells of the time since the last publication, the values of all.

        Args:
            extra: joins the values.
        """
        warnings = list(self.new_problems())
        driver = self.parameters.text("driver")
        if driver in _NO_SENSORS:
            warnings.append(f"not a sensor: {driver}")
        state = self._driver.state if self._driver is not None else DriverState.CLOSED
        level, message = (Level.WARN, ", ".join(warnings)) if warnings else (Level.OK, state.value)
        if state is DriverState.DISCONNECTED:
            level, message = Level.ERROR, "disconnected"
        if self._poll_timer is None:
            level, message = Level.STALE, "not active"
        values = {
            "driver": driver,
            "state": state.value,
            "published": self.published,
            **extra,
            **self.problem_counts(),
        }
        return messages.diagnostic_status(f"{self.diagnostic_name}: driver", level, message, values)

    def _poll(self) -> None:
        # Neither a bad poll nor a bad sample may end the timer, and with it the node.
        for sample in self._due():
            try:
                self.publish(sample)
                self.published += 1
            except Exception as error:
                self.problems.add("publish_failed", f"{type(error).__name__}: {error}")
        self._tell_source()
        self.report_problems()

    def _due(self) -> Sequence[T]:
        assert self._driver is not None
        try:
            return self._driver.poll(self.get_clock().now().nanoseconds)
        except Exception as error:
            self.problems.add("poll_failed", f"{type(error).__name__}: {error}")
            return ()
