"""Devices, recordings and simulations behind one Protocol per kind. No ROS.

`gas` yields GasReading, `thermal` yields ThermalFrame. The caller opens a driver, polls it
with its own clock's time and closes it; a driver never blocks in `poll` and never reads a clock
for its stamps: they derive from the time it is polled with.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from typing import Protocol, TypeVar

from gas_fusion_ros.base.observation import GasReading, ThermalFrame
from gas_fusion_ros.base.problems import Problems

T_co = TypeVar("T_co", covariant=True)


class DriverError(RuntimeError):
    """A device or file cannot be opened; the message names it and says what would be right."""


class DriverState(str, Enum):
    """Whether samples are to be expected."""

    CLOSED = "closed"
    RUNNING = "running"
    DISCONNECTED = "disconnected"
    FINISHED = "finished"


class Driver(Protocol[T_co]):
    """A source of samples.

    Attributes:
        problems: what went wrong so far, by cause.
    """

    problems: Problems

    @property
    def state(self) -> DriverState:
        """Whether samples are to be expected: not from an unplugged device, nor after a recording's end."""

    def open(self) -> None:
        """Open the device or file.

        Raises:
            DriverError: it cannot be opened.
        """

    def poll(self, now_ns: int) -> Sequence[T_co]:
        """Return the samples acquired since the last poll, oldest first, none stamped after `now_ns`."""

    def close(self) -> None:
        """Release the device; safe to call twice."""


GasDriver = Driver[GasReading]
"""A source of gas readings."""

ThermalDriver = Driver[ThermalFrame]
"""A source of thermal frames."""
