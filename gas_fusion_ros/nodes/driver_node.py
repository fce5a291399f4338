"""What the sensor nodes have in common: a driver that is opened, polled and closed."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, ClassVar, Generic, TypeVar

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from rclpy.timer import Timer

from gas_fusion_ros.alarm.source_watch import Source
from gas_fusion_ros.base.problems import Problems
from gas_fusion_ros.base.units import MAX_TIME_S
from gas_fusion_ros.drivers import Driver, DriverState
from gas_fusion_ros.drivers.registry import FoundDrivers
from gas_fusion_ros.nodes.managed_node import ManagedNode
from gas_fusion_ros.nodes.qos import LATCHED
from gas_fusion_ros.ros import messages, source_messages
from gas_fusion_ros.ros.messages import Level
from gas_fusion_ros.settings.fields import setting, specs_of
from gas_fusion_ros.settings.parameter_spec import ParameterSpec

T = TypeVar("T")
S = TypeVar("S", bound="DriverNodeSettings")


@dataclass(frozen=True)
class DriverNodeSettings:
    """What every node with a driver takes; a node says which drivers it has, its frame and its period.

    Attributes:
        driver: name of the driver.
        frame_id: coordinate frame of the samples; with `frame_prefix` once the node has taken its settings.
        period_ns: time between the samples of a recording or simulation.
    """

    driver: str
    frame_id: str
    period_ns: int
    frame_prefix: str = setting(
        "",
        "what frame_id begins with, as the parameter of this name has it in robot_state_publisher: such as "
        "robot1/",
        read_only=True,
    )
    poll_period_s: float = setting(
        0.02,
        "how often the driver is asked for what it has, s of a steady clock or of simulated time",
        minimum=0.001,
        maximum=10.0,
    )
    start_ns: int = setting(
        0,
        "time at which a recording or simulated patrol begins, s. Nodes that shall play in step take "
        "the same; 0 is the clock's epoch, or the first stamp of a recording played once",
        minimum=0.0,
        maximum=MAX_TIME_S,
        name="start_time",
    )


def driver_specs(settings: type[DriverNodeSettings], drivers: FoundDrivers) -> tuple[ParameterSpec, ...]:
    """Return the parameters of a node with these settings: its own, then those of each of its drivers."""
    return (
        *specs_of(settings),
        *(spec for entry in drivers.entries.values() for spec in specs_of(entry.settings, f"{entry.name}.")),
    )


class DriverNode(ManagedNode, Generic[T, S]):
    """A lifecycle node that publishes what its driver yields, and what kind of source that is.

    Attributes:
        published: how many samples went out since configure.
        settings: the node's parameters, taken at configure.
    """

    SOURCE_TOPIC: ClassVar[str]
    """Where, latched, it is told what stands behind the samples."""
    DRIVERS: ClassVar[FoundDrivers]
    """The drivers to choose from."""
    SETTINGS: type[S]
    """What its parameters are declared from."""
    settings: S

    def __init__(self, node_name: str, **node_arguments: Any) -> None:
        super().__init__(node_name, **node_arguments)
        self.published = 0
        self._driver: Driver[T] | None = None
        self._poll_timer: Timer | None = None
        self._source_publisher = self.create_lifecycle_publisher(DiagnosticArray, self.SOURCE_TOPIC, LATCHED)
        self._told_source: Source | None = None
        for failure in self.DRIVERS.failures:
            self.get_logger().error(failure)

    @property
    def driver_name(self) -> str:
        """What the driver is called, before it is made too."""
        return str(self.parameters.value("driver"))

    @property
    def driver_is_sensor(self) -> bool:
        """Whether real air or a real scene is behind the driver."""
        entry = self.DRIVERS.entries.get(self.driver_name)
        return entry is None or entry.is_sensor

    @property
    def hardware(self) -> str:
        """This machine and what is read there."""
        return f"{super().hardware}: {self.driver_name}"

    def read_settings(self) -> S:
        """Take the settings from the parameters.

        Raises:
            ParameterError: one that must be given is not, or they contradict each other.
        """
        return self.parameters.settings(self.SETTINGS)

    def create_driver(self) -> Driver[T]:
        """Build the driver that the parameters name."""
        entry = self.DRIVERS.entries[self.settings.driver]
        node_given = {one.name: getattr(self.settings, one.name) for one in fields(self.settings)}
        return entry.make(self.parameters.settings(entry.settings, f"{entry.name}.", **node_given))

    @abstractmethod
    def publish(self, sample: T) -> None:
        """Publish one sample of the driver."""

    def prepare(self) -> None:
        """Make what the node needs beside its driver, of its settings; before the driver is opened."""

    def configure(self) -> None:
        """Take the settings and open the driver's device or file."""
        self.published = 0
        settings = self.read_settings()
        self.settings = replace(settings, frame_id=settings.frame_prefix + settings.frame_id)
        self.prepare()
        self._driver = self.create_driver()
        self._driver.open()

    def activate(self) -> None:
        """Start polling."""
        self._poll_timer = self.watch_timer(self.settings.poll_period_s, self._poll)
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
        return Source(self.driver_name, self.driver_is_sensor, self._source_state())

    def _source_state(self) -> str:
        if self._poll_timer is None:
            return "inactive"
        return (self._driver.state if self._driver is not None else DriverState.CLOSED).value

    def tell_source_anew(self) -> None:
        """Tell of the source at once, though nothing of it seems to have changed."""
        self._told_source = None
        self._tell_source()

    def _tell_source(self) -> None:
        source = self.source()
        if source == self._told_source:
            return
        self._told_source = source
        now_ns = self.get_clock().now().nanoseconds
        self._source_publisher.publish(self.source_message(source, now_ns, self.settings.frame_id))

    def source_message(self, source: Source, stamp_ns: int, frame_id: str) -> DiagnosticArray:
        """What is told of a source on `SOURCE_TOPIC`."""
        return source_messages.encode_source_status(source, stamp_ns, frame_id, self.diagnostic_name)

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
        if not self.driver_is_sensor:
            warnings.append(f"not a sensor: {self.driver_name}")
        state = self._driver.state if self._driver is not None else DriverState.CLOSED
        level, message = (Level.WARN, ", ".join(warnings)) if warnings else (Level.OK, state.value)
        if state is DriverState.DISCONNECTED:
            level, message = Level.ERROR, "disconnected"
        if self._poll_timer is None:
            level, message = Level.STALE, "not active"
        values = {
            "driver": self.driver_name,
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
