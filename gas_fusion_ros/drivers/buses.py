"""The I2C and SPI buses of Linux: opened by a library that is there only where one is used, or refused.

Every refusal is a DriverError that names the device and the remedy.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

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


class I2cWords(Protocol):
    """A bus with chips whose registers have addresses and values of 16 bits, the high byte first.

    Every call raises OSError where no chip answers.
    """

    def read_words(self, address: int, register: int, count: int, /) -> list[int]:
        """Read so many registers of a chip, from one on."""

    def write_word(self, address: int, register: int, word: int, /) -> None:
        """Write a register of a chip."""

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


def open_i2c_words(device: str, parameter: str) -> I2cWords:
    """Open an I2C bus for chips with registers of 16 bits; arguments and refusals as of `open_i2c`."""
    return SmbusWords(open_i2c(device, parameter))


class SmbusWords:
    """Registers of 16 bits through smbus2."""

    def __init__(self, bus: Any) -> None:
        """Take an open smbus2.SMBus, which `close` closes."""
        from smbus2 import i2c_msg

        self._bus = bus
        self._message = i2c_msg

    def read_words(self, address: int, register: int, count: int, /) -> list[int]:
        """See `I2cWords`: one transfer, with a repeated start between its two messages."""
        answer = self._message.read(address, 2 * count)
        self._bus.i2c_rdwr(self._message.write(address, register.to_bytes(2, "big")), answer)
        data = bytes(answer)
        return [int.from_bytes(data[place : place + 2], "big") for place in range(0, len(data), 2)]

    def write_word(self, address: int, register: int, word: int, /) -> None:
        """See `I2cWords`."""
        data = register.to_bytes(2, "big") + word.to_bytes(2, "big")
        self._bus.i2c_rdwr(self._message.write(address, data))

    def close(self) -> None:
        """Close the bus."""
        self._bus.close()


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
