"""Converters on buses that are not there, as their data sheets describe them, and clocks that run as told."""

from __future__ import annotations

import errno
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt

from gas_fusion_ros.drivers import DriverError
from gas_fusion_ros.drivers.steady_clock import SteadyClock

Voltage = Callable[[float], float]
"""Volts at a time in seconds."""

_RANGES = (6.144, 4.096, 2.048, 1.024, 0.512, 0.256, 0.256, 0.256)
_RESET_CONFIG = 0x8583
_CONVERSION_NS = 1_163_000


def steady(volts: float) -> Voltage:
    return lambda _: volts


class StoppedTime:
    """Time that passes only while somebody sleeps."""

    def __init__(self) -> None:
        self.now_ns = 1_000_000_000
        self.clock = SteadyClock(lambda: self.now_ns, self._sleep)

    def _sleep(self, seconds: float) -> None:
        self.now_ns += round(seconds * 1e9)


def fast_clock(speed: int) -> SteadyClock:
    """The machine's time, so many times as fast."""
    return SteadyClock(lambda: time.monotonic_ns() * speed, lambda seconds: time.sleep(seconds / speed))


class EmulatedAds1115:
    """A chip with four voltages. A conversion takes its time, and shows its result only then."""

    def __init__(self, clock: SteadyClock, voltages: Sequence[Voltage]) -> None:
        self.voltages = list(voltages)
        self.is_plugged = True
        self.is_stuck = False
        """Whether conversions never end."""
        self.is_foreign = False
        """Whether it is another chip, which takes no settings."""
        self.results: list[int] = []
        self.unplug_at: int | None = None
        """After so many more transactions it is gone."""
        self.reset_at: int | None = None
        """After so many more transactions its supply fails for a moment."""
        self._clock = clock
        self.reset()

    def reset(self) -> None:
        self._config = _RESET_CONFIG
        self._conversion = 0
        self._done_ns: int | None = None
        self._next = 0

    def unplug(self) -> None:
        self.is_plugged = False

    def plug_in(self) -> None:
        self.reset()
        self.is_plugged = True

    def write(self, register: int, data: Sequence[int]) -> None:
        self._transact()
        assert register == 1, "only the config register may be written"
        config = int.from_bytes(bytes(data), "big")
        if self.is_foreign:
            return
        self._config = config & ~0x8000
        if config & 0x8000 and config & 0x0100:
            assert config & 0x4000, "differential inputs"
            assert config & 0x00E0 == 0x00E0, "not at 860 per second"
            full_scale = _RANGES[config >> 9 & 7]
            volts = self.voltages[config >> 12 & 3](self._clock.now_ns() / 1e9)
            self._next = max(-32768, min(32767, round(volts / full_scale * 32768)))
            self._done_ns = self._clock.now_ns() + _CONVERSION_NS

    def read(self, register: int, length: int) -> list[int]:
        assert length == 2
        self._transact()
        if self._done_ns is not None and not self.is_stuck and self._clock.now_ns() >= self._done_ns:
            self._conversion, self._done_ns = self._next, None
            self.results.append(self._conversion)
        idle = 0 if self._done_ns is not None else 0x8000
        value = (self._config & ~0x8000 | idle) if register == 1 else self._conversion & 0xFFFF
        return list(value.to_bytes(2, "big"))

    def _transact(self) -> None:
        if _counted_down(self, "unplug_at"):
            self.unplug()
        if _counted_down(self, "reset_at"):
            self.reset()
        if not self.is_plugged:
            raise OSError(errno.EREMOTEIO, "Remote I/O error")


class EmulatedChip(Protocol):
    """A chip on an I2C bus; each call is a transaction and raises OSError where nobody answers."""

    def write(self, register: int, data: Sequence[int]) -> None:
        """Take bytes into a register."""

    def read(self, register: int, length: int) -> list[int]:
        """Give bytes from a register on."""


class EmulatedAmg8833:
    """A chip that sees a scene of 8 x 8 degC, in frames of its own clock from its reset on.

    It takes what is written to the registers that may be written, and only these.
    """

    _WRITABLE = (0x00, 0x01, 0x02, 0x03, 0x05, 0x07, *range(0x08, 0x0E))

    def __init__(self, clock: SteadyClock, scene: npt.NDArray[np.float64]) -> None:
        self.scene = scene
        self.is_plugged = True
        self.unplug_at: int | None = None
        """After so many more transactions it is gone."""
        self.unplug_within_at: int | None = None
        """After so many more transactions it is gone in the middle of the next: the rest reads as ones."""
        self.reset_at: int | None = None
        """After so many more transactions its supply fails for a moment."""
        self.writes: list[tuple[int, int]] = []
        self._clock = clock
        self.reset()

    def reset(self) -> None:
        self.registers = [0] * 128
        self._reset_ns = self._clock.now_ns()

    def unplug(self) -> None:
        self.is_plugged = False

    def plug_in(self) -> None:
        self.reset()
        self.is_plugged = True

    def write(self, register: int, data: Sequence[int]) -> None:
        self._transact()
        (value,) = data
        assert register in self._WRITABLE
        self.writes.append((register, value))
        if register == 0x01:
            assert value in (0x30, 0x3F)
            if value == 0x3F:
                self.reset()
            return
        self.registers[register] = value

    def read(self, register: int, length: int) -> list[int]:
        assert length <= 32, "more than an SMBus block"
        self._transact()
        answer = [*self.registers, *self._pixels()][register : register + length]
        if _counted_down(self, "unplug_within_at"):
            self.unplug()
            answer[length // 3 :] = [0xFF] * len(answer[length // 3 :])
        return answer

    def _pixels(self) -> list[int]:
        """128 bytes; zeros until a frame was taken."""
        period_ns = 1_000_000_000 if self.registers[0x02] & 1 else 100_000_000
        if self.registers[0x00] or self._clock.now_ns() - self._reset_ns < period_ns:
            return [0] * 128
        steps = np.rint(self.scene / 0.25).astype(np.int16) & 0x0FFF
        return list(steps.astype("<u2").tobytes())

    def _transact(self) -> None:
        if _counted_down(self, "unplug_at"):
            self.unplug()
        if _counted_down(self, "reset_at"):
            self.reset()
        if not self.is_plugged:
            raise OSError(errno.EREMOTEIO, "Remote I/O error")


def _counted_down(chip: object, name: str) -> bool:
    """Whether a count of transactions has come to its end; it is None from then on."""
    left = getattr(chip, name)
    if left is None:
        return False
    setattr(chip, name, left - 1 if left else None)
    return not left


class EmulatedI2c:
    """A bus with chips by address, which may be missing altogether; counts who opens and closes it."""

    def __init__(self, chips: Mapping[int, EmulatedChip]) -> None:
        self.chips = chips
        self.is_there = True
        self.opened = 0
        self.closed = 0
        self.hangs: threading.Event | None = None
        """While it is there and not set, every transaction waits for it."""

    def open(self, device: str, parameter: str) -> EmulatedI2c:
        if not self.is_there:
            raise DriverError(f"{device} does not exist; set {parameter}")
        self.opened += 1
        return self

    def write_i2c_block_data(self, i2c_addr: int, register: int, data: Sequence[int], /) -> None:
        self._chip(i2c_addr).write(register, data)

    def read_i2c_block_data(self, i2c_addr: int, register: int, length: int, /) -> list[int]:
        return self._chip(i2c_addr).read(register, length)

    def close(self) -> None:
        self.closed += 1

    def _chip(self, address: int) -> EmulatedChip:
        if self.hangs is not None:
            self.hangs.wait(60.0)
        if not self.is_there:
            raise OSError(errno.ENODEV, "No such device")
        if address not in self.chips:
            raise OSError(errno.EREMOTEIO, "Remote I/O error")
        return self.chips[address]


class EmulatedMcp3008:
    """A chip with eight voltages that answers in the protocol of three bytes; counts who opens it."""

    mode = 3
    max_speed_hz = 0

    def __init__(self, clock: SteadyClock, voltages: Sequence[Voltage], reference: float) -> None:
        self.voltages = list(voltages)
        self.is_plugged = True
        self.floats_to = 0xFF
        """What is read from a line that nobody drives."""
        self.unplug_at: int | None = None
        self.opened = 0
        self.closed = 0
        self._clock = clock
        self._reference = reference

    def open_bus(self, device: str, parameter: str, speed_hz: int) -> EmulatedMcp3008:
        assert (device, parameter, speed_hz) == ("/dev/spidev0.0", "mcp3008.device", 1_000_000)
        self.opened += 1
        return self

    def open(self, bus: int, device: int, /) -> None:
        assert (bus, device) == (0, 0)

    def xfer2(self, values: Sequence[int], /) -> list[int]:
        start, command, _ = values
        assert start == 1
        assert command & 0x80, "differential inputs"
        if self.unplug_at is not None:
            self.unplug_at -= 1
            if self.unplug_at < 0:
                self.unplug_at, self.is_plugged = None, False
        if not self.is_plugged:
            return [self.floats_to] * 3
        volts = self.voltages[command >> 4 & 7](self._clock.now_ns() / 1e9)
        code = max(0, min(1023, int(volts / self._reference * 1024)))
        # What comes before the null bit is not driven.
        return [0xFF, 0xF8 | code >> 8, code & 0xFF]

    def close(self) -> None:
        self.closed += 1
