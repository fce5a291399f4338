"""Publishes /clock at a chosen speed, for simulated patrols without a simulator."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from rclpy.clock import Clock, ClockType
from rclpy.node import Node
from rosgraph_msgs.msg import Clock as ClockMessage

from gas_fusion_ros.base.units import MAX_TIME_S, NANOSECONDS_PER_SECOND
from gas_fusion_ros.nodes.parameters import ParameterTable
from gas_fusion_ros.nodes.qos import RELIABLE
from gas_fusion_ros.nodes.runner import run
from gas_fusion_ros.ros.messages import ns_to_stamp
from gas_fusion_ros.settings.fields import setting, specs_of


@dataclass(frozen=True)
class SimClockSettings:
    """How fast the clock runs, and from when on."""

    speed: float = setting(1.0, "simulated seconds per second of wall time", minimum=0.01, maximum=1000.0)
    start_ns: int = setting(
        NANOSECONDS_PER_SECOND,
        "first time published, in seconds; above 0",
        minimum=1e-3,
        maximum=MAX_TIME_S,
        name="start_time",
    )
    rate_hz: float = setting(100.0, "messages per second of wall time", minimum=1.0, maximum=1000.0)


SPECS = specs_of(SimClockSettings)


class SimClockNode(Node):
    """A clock that runs at `speed` from `start_time` on, from the moment the node exists.

    Raises:
        ParameterError: a parameter is out of range.
    """

    def __init__(self, node_name: str = "sim_clock", **node_arguments: Any) -> None:
        super().__init__(node_name, **node_arguments)
        parameters = ParameterTable(self, SPECS)
        parameters.require_valid()
        parameters.locked = True
        settings = parameters.settings(SimClockSettings)
        self._speed = settings.speed
        self._start_ns = settings.start_ns
        self._publisher = self.create_publisher(ClockMessage, "/clock", RELIABLE)
        self._began_ns = time.monotonic_ns()
        self.create_timer(
            1.0 / settings.rate_hz, self._publish, clock=Clock(clock_type=ClockType.STEADY_TIME)
        )

    @property
    def now_ns(self) -> int:
        """The simulated time, nanoseconds."""
        return self._start_ns + round((time.monotonic_ns() - self._began_ns) * self._speed)

    def _publish(self) -> None:
        self._publisher.publish(ClockMessage(clock=ns_to_stamp(self.now_ns)))


def main(args: Sequence[str] | None = None) -> None:
    """Run the node."""
    run(SimClockNode, args)


if __name__ == "__main__":
    main()
