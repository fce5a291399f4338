"""Thermal frames of a Panasonic Grid-EYE AMG8833, 8 x 8, on an I2C bus.

Registers after Panasonic's specification of the AMG88 family (Grid-EYE, ADI8000C66).
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass

import numpy as np

from gas_fusion_ros.base.closing import closed_on_failure
from gas_fusion_ros.base.units import NANOSECONDS_PER_SECOND
from gas_fusion_ros.drivers import DriverError
from gas_fusion_ros.drivers.buses import I2cBus, open_i2c
from gas_fusion_ros.drivers.registry import DriverEntry
from gas_fusion_ros.drivers.steady_clock import SteadyClock
from gas_fusion_ros.drivers.thermal.grid_array import (
    LONGEST_WAIT_NS,
    Celsius,
    GridArrayDriver,
    GridArraySettings,
    GridChip,
    bus_errors_told,
)
from gas_fusion_ros.settings.fields import setting

SIDE = 8
ADDRESSES = ("0x68", "0x69")
_FRAME_RATES = {10.0: 0x00, 1.0: 0x01}
"""Values of the frame rate register by frames per second."""

_POWER, _RESET, _FRAME_RATE, _INTERRUPTS = 0x00, 0x01, 0x02, 0x03
_UPPER_LEVEL, _HYSTERESIS = 0x08, 0x0C
_PIXELS = 0x80
_NORMAL = 0x00
_POWER_STATES = (_NORMAL, 0x10, 0x20, 0x21)
"""Normal, asleep, and two kinds of stand-by."""
_INITIAL_RESET, _FLAG_RESET = 0x3F, 0x30
_MARKS = ((_UPPER_LEVEL, 0xA5), (_HYSTERESIS, 0x5A))
"""Written to registers that only the interrupts use, which are off: a chip that was reset has lost them."""

_WAKE_S, _RESET_S = 0.05, 0.002
_SETTLING_FRAMES = 2
"""After a reset the first frames are not yet true."""
_BLOCK = 32
"""The most bytes that an SMBus block read gives: two rows."""
_DEGREES_PER_STEP = np.float32(0.25)
_SIGN = 0x800
_REMEDY = "its supply of 3.3 V, its wires, and amg8833.address (0x68 or 0x69 by its AD pin)"


@dataclass(frozen=True)
class Amg8833ThermalSettings(GridArraySettings):
    """Which chip to read.

    Raises:
        ValueError: a setting is none that the chip has; the message names the parameter.
    """

    device: str = setting("/dev/i2c-1", "the I2C bus that the chip is on")
    address: str = setting("0x69", "the chip's address", choices=ADDRESSES)
    rate_hz: float = setting(10.0, "frames per second: 10 or, with less noise, 1", minimum=1.0, maximum=10.0)

    def __post_init__(self) -> None:
        if self.address not in ADDRESSES:
            raise ValueError(f"amg8833.address is {self.address!r}; expected one of {', '.join(ADDRESSES)}")
        if self.rate_hz not in _FRAME_RATES:
            raise ValueError(f"amg8833.rate is {self.rate_hz:g}; the chip has 10 and 1")

    def __str__(self) -> str:
        """Where the chip is."""
        return f"{self.device} at {self.address}"


class Amg8833:
    """A chip that is set up, and when its next frame is due."""

    def __init__(self, bus: I2cBus, settings: Amg8833ThermalSettings, clock: SteadyClock) -> None:
        """Look whether it is one, wake it up, reset it and set it up.

        Raises:
            DriverError: nobody answers, or the answer is not that of such a chip.
        """
        self._bus = bus
        self._settings = settings
        self._address = int(settings.address, 16)
        self._clock = clock
        self._period_ns = round(NANOSECONDS_PER_SECOND / settings.rate_hz)
        with self._told():
            self._identify()
            self._set_up()
        self._due_ns = clock.now_ns() + _SETTLING_FRAMES * self._period_ns

    def read(self) -> tuple[Celsius, int] | None:
        """Return the next frame, shape (8, 8), degC, in the order of the chip's pixels; see `GridChip`."""
        wait_ns = self._due_ns - self._clock.now_ns()
        if wait_ns > 0:
            self._clock.sleep_s(min(wait_ns, LONGEST_WAIT_NS) / NANOSECONDS_PER_SECOND)
        if wait_ns > LONGEST_WAIT_NS:
            return None
        at_ns = self._clock.now_ns()
        with self._told():
            data = bytes(
                byte
                for start in range(0, 2 * SIDE * SIDE, _BLOCK)
                for byte in self._bus.read_i2c_block_data(self._address, _PIXELS + start, _BLOCK)
            )
            # Bytes that nobody sends read as ones, without an error: only who still answers was there before.
            marks = [(register, self._read(register)) for register, _ in _MARKS]
        if tuple(marks) != _MARKS:
            raise DriverError(f"{self._told_as} was reset: its supply failed, or somebody else uses it")
        self._due_ns = max(self._due_ns + self._period_ns, self._clock.now_ns())
        return decoded(data), at_ns

    def close(self) -> None:
        """Close the bus."""
        self._bus.close()

    @property
    def _told_as(self) -> str:
        return f"the AMG8833 at {self._settings.address}"

    def _identify(self) -> None:
        """Read before anything is written: clocks (DS3231) and motion sensors have the same addresses."""
        power, rate, interrupts = (self._read(one) for one in (_POWER, _FRAME_RATE, _INTERRUPTS))
        if power in _POWER_STATES and rate in _FRAME_RATES.values() and not interrupts & ~0x03:
            return
        raise DriverError(
            f"the chip at {self._settings.address} on {self._settings.device} is no AMG8833 (its registers "
            f"0, 2, 3 read 0x{power:02x}, 0x{rate:02x}, 0x{interrupts:02x}); set amg8833.address to the "
            "array's; clocks and motion sensors are often at 0x68"
        )

    def _set_up(self) -> None:
        self._write(_POWER, _NORMAL)
        self._clock.sleep_s(_WAKE_S)
        self._write(_RESET, _INITIAL_RESET)
        self._clock.sleep_s(_RESET_S)
        self._write(_RESET, _FLAG_RESET)
        self._write(_FRAME_RATE, _FRAME_RATES[self._settings.rate_hz])
        for register, mark in _MARKS:
            self._write(register, mark)

    def _read(self, register: int) -> int:
        (value,) = self._bus.read_i2c_block_data(self._address, register, 1)
        return value

    def _write(self, register: int, value: int) -> None:
        self._bus.write_i2c_block_data(self._address, register, [value])

    def _told(self) -> AbstractContextManager[None]:
        return bus_errors_told(f"{self._told_as} on {self._settings.device}", _REMEDY)


def decoded(data: bytes) -> Celsius:
    """Return the temperatures of 128 bytes of pixel registers, degC, shape (8, 8).

    Each pixel is two bytes, the lower first: two's complement of 12 bits in steps of 0.25 K.
    """
    steps = np.frombuffer(data, "<u2").astype(np.int32) & 0xFFF
    signed = (steps ^ _SIGN) - _SIGN
    return (signed.astype(np.float32) * _DEGREES_PER_STEP).reshape(SIDE, SIDE)


class Amg8833ThermalDriver(GridArrayDriver):
    """Reads an AMG8833."""

    def __init__(
        self,
        settings: Amg8833ThermalSettings,
        open_bus: Callable[[str, str], I2cBus] = open_i2c,
        clock: SteadyClock | None = None,
    ) -> None:
        """Prepare to read.

        Args:
            settings: which chip.
            open_bus: opens a bus, given its file and the name of the parameter that says so.
            clock: by which frames are taken; None for the machine's.
        """
        self._chip_settings = settings
        self._open_bus = open_bus
        super().__init__(str(settings), settings, clock or SteadyClock())

    def open_chip(self) -> GridChip:
        """Open the bus and set the chip up.

        Raises:
            DriverError: the bus cannot be opened, or no such chip answers.
        """
        bus = self._open_bus(self._chip_settings.device, "amg8833.device")
        with closed_on_failure(bus):
            return Amg8833(bus, self._chip_settings, self._clock)


DRIVER = DriverEntry("amg8833", Amg8833ThermalSettings, Amg8833ThermalDriver)
