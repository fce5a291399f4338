"""Gas readings from an MCP3008 converter on an SPI bus, without a microcontroller.

Protocol after the data sheet of the MCP3004/3008 (Microchip, DS21295), in three bytes.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

from gas_fusion_ros.base.closing import closed_on_failure
from gas_fusion_ros.drivers import DriverError
from gas_fusion_ros.drivers.buses import SpiBus, open_spi
from gas_fusion_ros.drivers.gas.sampled import (
    Converter,
    Sample,
    SampledGasDriver,
    SampledGasSettings,
    samples_setting,
)
from gas_fusion_ros.drivers.registry import DriverEntry
from gas_fusion_ros.drivers.steady_clock import SteadyClock
from gas_fusion_ros.settings.fields import setting

_INPUTS = tuple("01234567")
_START, _SINGLE_ENDED, _NULL_BIT = 0x01, 0x80, 0x04
_LARGEST = 1023


@dataclass(frozen=True)
class Mcp3008GasSettings(SampledGasSettings):
    """Which chip to read, and which input is which channel."""

    DRIVER_NAME: ClassVar[str] = "mcp3008"

    # Ten bits gain from more samples, and one takes 50 microseconds.
    samples: int = samples_setting(29)
    device: str = setting("/dev/spidev0.0", "the SPI bus and chip select that the chip is on")
    speed_hz: int = setting(
        1_000_000, "clock of the bus, Hz; the chip takes 1350000 at 2.7 V", minimum=10_000, maximum=3_600_000
    )
    inputs: tuple[str, ...] = setting(
        (), "input of each channel, in the order of channels, 0 to 7; empty for 0, 1, 2 and so on"
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        self.wired()

    def wired(self) -> tuple[int, ...]:
        """Return the number of each channel's input, in the order of the channels.

        Raises:
            ValueError: one is none or is named twice, or there are too few or too many.
        """
        inputs = self.inputs or _INPUTS[: len(self.channels)]
        if len(inputs) != len(self.channels):
            raise ValueError(
                f"mcp3008.inputs has {len(inputs)} entries for {len(self.channels)} channels "
                f"({', '.join(self.channels)}); expected one for each, at most {len(_INPUTS)}"
            )
        if len(set(inputs)) != len(inputs) or not set(inputs) <= set(_INPUTS):
            raise ValueError(
                f"mcp3008.inputs is {', '.join(inputs)}; expected different numbers from 0 to 7, as texts"
            )
        return tuple(map(int, inputs))


class Mcp3008:
    """An open chip: one step samples every channel, within a fraction of a millisecond."""

    steps = 1

    def __init__(self, bus: SpiBus, settings: Mcp3008GasSettings, clock: SteadyClock) -> None:
        """See whether the chip answers.

        Raises:
            DriverError: it does not.
        """
        self._bus = bus
        self._clock = clock
        self._device = settings.device
        self._numbers = settings.wired()
        self.inputs = [f"{settings.device} input {number}" for number in self._numbers]
        self.convert(0)

    def convert(self, _: int) -> Sequence[Sample]:
        """Sample every channel; see `Converter`."""
        samples = [self._sample(channel, number) for channel, number in enumerate(self._numbers)]
        if all(sample.counts == 0 for sample in samples):
            raise DriverError(
                f"every input of {self._device} reads 0: no MCP3008 answers (see its supply, wires and chip "
                "select), or no sensor has its supply"
            )
        # At its ends the chip does not tell how far beyond the voltage is, so that a mean would look true.
        return [one if 0 < one.counts < _LARGEST else replace(one, counts=math.nan) for one in samples]

    def close(self) -> None:
        """Close the bus."""
        self._bus.close()

    def _sample(self, channel: int, number: int) -> Sample:
        _, high, low = self._bus.xfer2([_START, _SINGLE_ENDED | number << 4, 0])
        # The chip pulls the line low for one bit before its result.
        if high & _NULL_BIT:
            raise DriverError(f"no MCP3008 answers on {self._device}; see its supply, wires and chip select")
        return Sample(channel, (high & 0x03) << 8 | low, self._clock.now_ns())


class Mcp3008GasDriver(SampledGasDriver):
    """Samples one chip."""

    def __init__(
        self,
        settings: Mcp3008GasSettings,
        open_bus: Callable[[str, str, int], SpiBus] = open_spi,
        clock: SteadyClock | None = None,
    ) -> None:
        """Prepare to read.

        Args:
            settings: which chip.
            open_bus: opens a bus, given its file, the name of the parameter that says so and the clock, Hz.
            clock: by which samples are taken; None for the machine's.
        """
        self._chip_settings = settings
        self._open_bus = open_bus
        super().__init__(settings.device, settings, clock or SteadyClock())

    def open_converter(self) -> Converter:
        """Open the bus and see whether the chip answers.

        Raises:
            DriverError: the bus cannot be opened, or the chip does not answer.
        """
        settings = self._chip_settings
        bus = self._open_bus(settings.device, "mcp3008.device", settings.speed_hz)
        with closed_on_failure(bus):
            return Mcp3008(bus, settings, self._clock)


DRIVER = DriverEntry("mcp3008", Mcp3008GasSettings, Mcp3008GasDriver)
