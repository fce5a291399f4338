"""Gas readings from one to four ADS1115 converters on an I2C bus, without a microcontroller.

Registers and bits after the data sheet of the ADS1115 (Texas Instruments, SBAS444).
"""

from __future__ import annotations

import errno
import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

from gas_fusion_ros.base.closing import closed_on_failure
from gas_fusion_ros.base.problems import Problems
from gas_fusion_ros.base.units import NANOSECONDS_PER_SECOND
from gas_fusion_ros.drivers import DriverError
from gas_fusion_ros.drivers.buses import I2cBus, open_i2c
from gas_fusion_ros.drivers.gas.sampled import (
    Converter,
    Sample,
    SampledGasDriver,
    SampledGasSettings,
)
from gas_fusion_ros.drivers.registry import DriverEntry
from gas_fusion_ros.drivers.steady_clock import SteadyClock
from gas_fusion_ros.settings.fields import setting

RANGES = ("6.144", "4.096", "2.048", "1.024", "0.512", "0.256")
"""Ranges of the amplifier, V, in the order of its bits."""
COUNTS_RANGE_V = 6.144
"""The range whose counts are published, whatever the range of an input: 0.1875 mV each."""

_ADDRESSES = range(0x48, 0x4C)
_INPUTS_OF_CHIP = 4
_INPUT = re.compile(r"^0x([0-9a-f]{2}):(\d)$", re.IGNORECASE)

_CONVERSION_REGISTER, _CONFIG_REGISTER = 0, 1
_START = 0x8000
"""Written: begin a conversion. Read: no conversion is under way."""
_SINGLE_ENDED, _SINGLE_SHOT, _860_PER_SECOND, _NO_COMPARATOR = 0x4000, 0x0100, 0x00E0, 0x0003
_LARGEST = 0x7FFF
_CONVERSION_S = 0.0013
"""At 860 per second, 10 % slow, and the time to wake up."""
_LOOK_S = 0.0003
_BUSY_NS = 20_000_000
_RETRY_NS = NANOSECONDS_PER_SECOND
"""How long a lost chip is left alone: each attempt may hold up the others."""
_CAUSES = {
    errno.EREMOTEIO: "no answer; see its supply, its wires and its ADDR pin",
    errno.ENXIO: "no answer; see its supply, its wires and its ADDR pin",
    errno.EBUSY: "a driver of the kernel holds it: unload ti-ads1015, or read it through Industrial I/O",
}


@dataclass(frozen=True)
class Ads1115Input:
    """What a channel is connected to.

    Attributes:
        channel: its index in a reading.
        address: of the chip.
        number: of the chip's input, 0 to 3.
        range_bits: index in RANGES.
    """

    channel: int
    address: int
    number: int
    range_bits: int

    def __str__(self) -> str:
        """As in the parameter `inputs`, with the range."""
        return f"0x{self.address:02x}:{self.number} (0 to {RANGES[self.range_bits]} V)"

    @property
    def config(self) -> int:
        """What to write to the chip's config register to convert this input once."""
        mode = _SINGLE_ENDED | _SINGLE_SHOT | _860_PER_SECOND | _NO_COMPARATOR
        return _START | self.number << 12 | self.range_bits << 9 | mode

    def counts(self, raw: int) -> float:
        """Return what is published for a result of the chip; NaN at an end of the range.

        A heated sensor never gives 0 V, and a chip that has lost its supply reads just that.
        """
        return raw * float(RANGES[self.range_bits]) / COUNTS_RANGE_V if 0 < raw < _LARGEST else math.nan


@dataclass(frozen=True)
class Ads1115GasSettings(SampledGasSettings):
    """Which chips to read, and which input is which channel."""

    DRIVER_NAME: ClassVar[str] = "ads1115"

    device: str = setting("/dev/i2c-1", "the I2C bus that the chips are on")
    inputs: tuple[str, ...] = setting(
        (),
        "address and input of each channel, in the order of channels, such as 0x48:0; empty for 0x48:0 to "
        "0x48:3, then 0x49:0 and so on",
    )
    ranges: tuple[str, ...] = setting(
        (),
        f"range of each channel's input, V: one of {', '.join(RANGES)}; a single one for all; empty for "
        "6.144. Readings are counts of 0.1875 mV whatever the range",
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        self.wired()

    def wired(self) -> tuple[Ads1115Input, ...]:
        """Return the input of each channel, in the order of the channels.

        Raises:
            ValueError: an input or a range is none, or there are too few or too many.
        """
        texts = self.inputs or self._inputs_in_order()
        ranges = self._range_of_each()
        self._check_number("inputs", texts)
        self._check_number("ranges", ranges)
        wired = tuple(
            Ads1115Input(channel, *self._parsed(text), self._range_bits(volts))
            for channel, (text, volts) in enumerate(zip(texts, ranges, strict=True))
        )
        places = [(one.address, one.number) for one in wired]
        twice = [text for text, place in zip(texts, places, strict=True) if places.count(place) > 1]
        if twice:
            raise ValueError(f"ads1115.inputs names {twice[0]} twice; each channel has an input of its own")
        return wired

    def _inputs_in_order(self) -> tuple[str, ...]:
        every = [f"0x{address:02x}:{number}" for address in _ADDRESSES for number in range(_INPUTS_OF_CHIP)]
        return tuple(every[: len(self.channels)])

    def _range_of_each(self) -> tuple[str, ...]:
        ranges = self.ranges or RANGES[:1]
        return ranges * len(self.channels) if len(ranges) == 1 else ranges

    def _check_number(self, name: str, values: Sequence[str]) -> None:
        if len(values) != len(self.channels):
            raise ValueError(
                f"ads1115.{name} has {len(values)} entries for {len(self.channels)} channels "
                f"({', '.join(self.channels)}); expected one for each, at most {len(_ADDRESSES) * 4}"
            )

    @staticmethod
    def _parsed(text: str) -> tuple[int, int]:
        match = _INPUT.match(text)
        place = (int(match[1], 16), int(match[2])) if match else (0, 0)
        if place[0] not in _ADDRESSES or place[1] >= _INPUTS_OF_CHIP:
            raise ValueError(
                f"ads1115.inputs has {text!r}; expected an address from 0x48 to 0x4b and an input from 0 to "
                "3, such as 0x48:0"
            )
        return place

    @staticmethod
    def _range_bits(volts: str) -> int:
        if volts not in RANGES:
            raise ValueError(f"ads1115.ranges has {volts!r}; expected one of {', '.join(RANGES)}")
        return RANGES.index(volts)


@dataclass
class _Chip:
    """A chip, and until when it is left alone because it did not answer."""

    address: int
    inputs: list[Ads1115Input]
    silent_until_ns: int = 0


class Ads1115Array:
    """Open chips: in each step every one of them converts one of its inputs, all at the same time.

    A chip that does not answer is counted as `chip_lost_<address>` and asked again after a second; its
    channels are missing until then.
    """

    def __init__(
        self, bus: I2cBus, settings: Ads1115GasSettings, clock: SteadyClock, problems: Problems
    ) -> None:
        """Look which chips answer.

        Raises:
            DriverError: none does.
        """
        self._bus = bus
        self._settings = settings
        self._clock = clock
        self._problems = problems
        wired = settings.wired()
        self.inputs = [f"{settings.device} {one}" for one in wired]
        self._chips = [
            _Chip(address, [one for one in wired if one.address == address])
            for address in sorted({one.address for one in wired})
        ]
        self.steps = max(len(chip.inputs) for chip in self._chips)
        for chip, error in [(chip, self._refusal(chip)) for chip in self._chips]:
            if error is not None:
                self._lose(chip, error)

    def convert(self, step: int) -> Sequence[Sample]:
        """Convert an input of each chip that answers; see `Converter`."""
        now_ns = self._clock.now_ns()
        chips = [one for one in self._chips if one.silent_until_ns <= now_ns and step < len(one.inputs)]
        started: list[tuple[_Chip, int]] = []
        for chip in chips:
            try:
                self._write_config(chip.inputs[step])
                started.append((chip, self._clock.now_ns()))
            except OSError as error:
                self._lose(chip, error)
        self._clock.sleep_s(_CONVERSION_S)
        samples = []
        for chip, at_ns in started:
            one = chip.inputs[step]
            try:
                samples.append(Sample(one.channel, one.counts(self._result(one)), at_ns))
            except OSError as error:
                self._lose(chip, error)
        return samples

    def close(self) -> None:
        """Close the bus."""
        self._bus.close()

    def _refusal(self, chip: _Chip) -> OSError | None:
        try:
            self._read(chip.address, _CONFIG_REGISTER)
        except OSError as error:
            return error
        return None

    def _write_config(self, one: Ads1115Input) -> None:
        data = list(one.config.to_bytes(2, "big"))
        self._bus.write_i2c_block_data(one.address, _CONFIG_REGISTER, data)

    def _result(self, one: Ads1115Input) -> int:
        """Wait for the conversion that was begun, and return it, -32768 to 32767."""
        deadline_ns = self._clock.now_ns() + _BUSY_NS
        while True:
            config = self._read(one.address, _CONFIG_REGISTER)
            # A chip that lost its supply meanwhile has its own settings again, and 0 for a result.
            if (config ^ one.config) & ~_START:
                raise OSError(
                    errno.EIO,
                    f"its settings read 0x{config:04x}, not 0x{one.config:04x}: it was reset, somebody else "
                    "uses it, or it is no ADS1115",
                )
            if config & _START:
                break
            if self._clock.now_ns() > deadline_ns:
                raise OSError(errno.ETIMEDOUT, "its conversion does not end")
            self._clock.sleep_s(_LOOK_S)
        raw = self._read(one.address, _CONVERSION_REGISTER)
        return raw - 0x10000 if raw > _LARGEST else raw

    def _read(self, address: int, register: int) -> int:
        return int.from_bytes(bytes(self._bus.read_i2c_block_data(address, register, 2)), "big")

    def _lose(self, chip: _Chip, error: OSError) -> None:
        now_ns = self._clock.now_ns()
        chip.silent_until_ns = now_ns + _RETRY_NS
        reason = _CAUSES.get(error.errno or 0, error.strerror or str(error))
        names = ", ".join(self._settings.channels[one.channel] for one in chip.inputs)
        said = f"the chip at 0x{chip.address:02x} ({names}): {reason}"
        if all(one.silent_until_ns > now_ns for one in self._chips):
            raise DriverError(f"no ADS1115 answers on {self._settings.device}; the last was {said}")
        self._problems.add(
            f"chip_lost_0x{chip.address:02x}",
            f"{self._settings.device}: {said}; its channels are NaN until it answers",
        )


class Ads1115GasDriver(SampledGasDriver):
    """Samples the chips of a bus; a chip that is lost costs its own channels only."""

    def __init__(
        self,
        settings: Ads1115GasSettings,
        open_bus: Callable[[str, str], I2cBus] = open_i2c,
        clock: SteadyClock | None = None,
    ) -> None:
        """Prepare to read.

        Args:
            settings: which chips.
            open_bus: opens a bus, given its file and the name of the parameter that says so.
            clock: by which samples are taken; None for the machine's.
        """
        self._chip_settings = settings
        self._open_bus = open_bus
        super().__init__(settings.device, settings, clock or SteadyClock())

    def open_converter(self) -> Converter:
        """Open the bus and look which chips answer.

        Raises:
            DriverError: it cannot be opened, or no chip answers.
        """
        bus = self._open_bus(self._chip_settings.device, "ads1115.device")
        with closed_on_failure(bus):
            return Ads1115Array(bus, self._chip_settings, self._clock, self.problems)


DRIVER = DriverEntry("ads1115", Ads1115GasSettings, Ads1115GasDriver)
