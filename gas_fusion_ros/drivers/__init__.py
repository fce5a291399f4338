"""Devices, recordings and simulations behind one Protocol per kind. No ROS.

`gas` yields GasReading, `thermal` yields ThermalFrame. The caller opens a driver, polls it
with its own clock's time and closes it; a driver never blocks in `poll` and never reads a clock
for its stamps: they derive from the time it is polled with.
"""

from __future__ import annotations

from typing import Protocol

from gas_fusion_ros.observation import GasReading, ThermalFrame
from gas_fusion_ros.problems import Problems


class DriverError(RuntimeError):
    """A device or file cannot be opened; the message names it and says what would be right."""


class GasDriver(Protocol):
    """A source of gas readings."""

    channels: tuple[str, ...]
    problems: Problems

    def open(self) -> None:
        """Open the device or file.

        Raises:
            DriverError: it cannot be opened.
        """

    def poll(self, now_ns: int) -> list[GasReading]:
        """Return the readings acquired since the last poll, oldest first, stamped before `now_ns`."""

    def close(self) -> None:
        """Release the device; safe to call twice."""


class ThermalDriver(Protocol):
    """A source of thermal frames."""

    problems: Problems

    def open(self) -> None:
        """Open the device or file.

        Raises:
            DriverError: it cannot be opened.
        """

    def poll(self, now_ns: int) -> list[ThermalFrame]:
        """Return the frames acquired since the last poll, oldest first, stamped before `now_ns`."""

    def close(self) -> None:
        """Release the device; safe to call twice."""
