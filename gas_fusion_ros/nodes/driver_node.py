"""What the two sensor nodes have in common: a driver that is opened, polled and closed."""

from __future__ import annotations

from typing import Generic, TypeVar

from rclpy.timer import Timer

from gas_fusion_ros.drivers import Driver
from gas_fusion_ros.nodes.managed_node import ManagedNode
from gas_fusion_ros.problems import Problems

T = TypeVar("T")


class DriverNode(ManagedNode, Generic[T]):
    """A lifecycle node that publishes what its driver yields.

    Attributes:
        published: how many samples went out since configure.
    """

    def __init__(self, node_name: str, **node_arguments: object) -> None:
        super().__init__(node_name, **node_arguments)
        self.published = 0
        self._driver: Driver[T] | None = None
        self._poll_timer: Timer | None = None

    def create_driver(self) -> Driver[T]:
        """Build the driver that the parameters name."""
        raise NotImplementedError

    def publish(self, sample: T) -> None:
        """Publish one sample of the driver."""
        raise NotImplementedError

    def configure(self) -> None:
        """Open the driver's device or file."""
        self.published = 0
        driver = self.create_driver()
        driver.open()
        self._driver = driver

    def activate(self) -> None:
        """Start polling."""
        period = self.parameters.number("poll_period")
        self._poll_timer = self.create_timer(period, self._poll)

    def deactivate(self) -> None:
        """Stop polling; the driver stays open."""
        if self._poll_timer is not None:
            self.destroy_timer(self._poll_timer)
            self._poll_timer = None

    def cleanup(self) -> None:
        """Close the driver."""
        if self._driver is not None:
            self._driver.close()
            self._driver = None

    def tallies(self) -> list[Problems]:
        """The node's own problems and the driver's."""
        return [self.problems] if self._driver is None else [self.problems, self._driver.problems]

    def _poll(self) -> None:
        assert self._driver is not None
        for sample in self._driver.poll(self.get_clock().now().nanoseconds):
            self.publish(sample)
            self.published += 1
        self.report_problems()
