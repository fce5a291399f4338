"""The I2C and SPI buses of Linux: opened by a library that is there only where one is used, or refused.

Every refusal is a DriverError that names the device and the remedy.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from gas_fusion_ros.drivers import DriverError

B = TypeVar("B")

_SPI_DEVICE = re.compile(r"^/dev/spidev(\d+)\.(\d+)$")


class I2cBus(Protocol):
    """What is used of smbus2.SMBus; every call raises OSError where no chip answers."""

    def write_i2c_block_data(self, i2c_addr: int, register: int, data: Sequence[int], /) -> None:
        """Write bytes to a chip's register."""

    def read_i2c_block_data(self, i2c_addr: int, register: int, length: int, /) -> list[int]:
        """Read bytes from a chip's register."""

    def close(self) -> None:
        """Close the bus."""


class SpiBus(Protocol):
    """What is used of spidev.SpiDev."""

    mode: int
    max_speed_hz: int

    def open(self, bus: int, device: int, /) -> None:
        """Open the chip select `device` of a bus."""

    def xfer2(self, values: Sequence[int], /) -> Sequence[int]:
        """Send bytes and return as many that came meanwhile."""

    def close(self) -> None:
        """Close the bus."""


def open_i2c(device: str, parameter: str) -> I2cBus:
    """Open an I2C bus.

    Args:
        device: its file, such as `/dev/i2c-1`.
        parameter: name of the parameter that says so, for refusals.

    Raises:
        DriverError: it cannot be opened, or smbus2 is not installed.
    """
    try:
        from smbus2 import SMBus
    except ImportError:
        raise _missing(device, "smbus2") from None
    return _opened(_Bus(device, parameter, "I2C", "i2c_arm", "i2c"), lambda: SMBus(device))


def open_spi(device: str, parameter: str, speed_hz: int) -> SpiBus:
    """Open a chip select of an SPI bus, in mode 0.

    Args:
        device: its file, such as `/dev/spidev0.0`.
        parameter: name of the parameter that says so, for refusals.
        speed_hz: clock.

    Raises:
        DriverError: it cannot be opened, or spidev is not installed.
    """
    match = _SPI_DEVICE.match(device)
    if match is None:
        raise DriverError(f"{parameter} is {device!r}; expected a file such as /dev/spidev0.0")
    try:
        from spidev import SpiDev
    except ImportError:
        raise _missing(device, "spidev") from None
    bus: SpiBus = SpiDev()
    number, chip_select = int(match[1]), int(match[2])
    _opened(_Bus(device, parameter, "SPI", "spi", "spi"), lambda: bus.open(number, chip_select))
    bus.mode = 0
    bus.max_speed_hz = speed_hz
    return bus


@dataclass(frozen=True)
class _Bus:
    """What a refusal says of a bus."""

    device: str
    parameter: str
    kind: str
    overlay: str
    group: str


def _opened(bus: _Bus, open_bus: Callable[[], B]) -> B:
    try:
        return open_bus()
    except FileNotFoundError:
        raise DriverError(
            f"{bus.device} does not exist; enable {bus.kind} (on a Raspberry Pi: dtparam={bus.overlay}=on in "
            f"config.txt) or set {bus.parameter} to the bus that the chip is on"
        ) from None
    except PermissionError:
        raise DriverError(
            f"{bus.device} may not be opened by this user; add it to the group that owns the file "
            f"(often {bus.group}: sudo usermod -aG {bus.group} $USER) and log in again"
        ) from None
    except OSError as error:
        raise DriverError(f"{bus.device} cannot be opened: {error.strerror or error}") from None


def _missing(device: str, library: str) -> DriverError:
    return DriverError(
        f"{device} is read with the Python library {library}, which is not installed: "
        f"pip install {library} (rosdep key python3-{library}-pip)"
    )
