"""Thermal frames of a Melexis MLX90640, 32 x 24, on an I2C bus.

Registers after the data sheet of the MLX90640 (Melexis, revision 12), section 10.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass

import numpy as np

from gas_fusion_ros.base.closing import closed_on_failure
from gas_fusion_ros.base.problems import Problems
from gas_fusion_ros.base.units import NANOSECONDS_PER_SECOND
from gas_fusion_ros.drivers import DriverError
from gas_fusion_ros.drivers.buses import I2cWords, open_i2c_words
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
from gas_fusion_ros.drivers.thermal.mlx90640_calibration import (
    COLUMNS,
    EEPROM_WORDS,
    PATTERN,
    RAM_WORDS,
    ROWS,
    Calibration,
    CalibrationError,
    Reals,
    Words,
    read_calibration,
    temperatures,
)
from gas_fusion_ros.settings.fields import setting

_RAM, _EEPROM, _STATUS, _CONTROL = 0x0400, 0x2400, 0x8000, 0x800D
_NEW_DATA, _PAGE = 0x0008, 0x0007
_TAKEN = 0x0030
"""Written to the status: the data were taken, and may be overwritten."""
_CHESS, _SUBPAGES = 0x1000, 0x0001
_RESOLUTION = 2
"""Of the converter: 18 bits."""
_RATES = {1.0: 1, 4.0: 3, 8.0: 4, 16.0: 5}
"""Sub-pages per second and their bits. Not 2: it is what a chip has after a reset, which then nobody saw."""
_LOOK_S = 0.004
_SETTLING_PAGES = 2
_MOST_SILENT_PERIODS = 4
_ADDRESS = re.compile(r"^0x[0-7][0-9a-f]$", re.IGNORECASE)
_REMEDY = "its supply of 3.3 V, its wires, and mlx90640.address (0x33 unless it was changed)"


@dataclass(frozen=True)
class Mlx90640ThermalSettings(GridArraySettings):
    """Which chip to read.

    Raises:
        ValueError: a setting is none that the chip has; the message names the parameter.
    """

    device: str = setting("/dev/i2c-1", "the I2C bus that the chip is on")
    address: str = setting("0x33", "the chip's address")
    rate_hz: float = setting(
        4.0,
        "halves of a frame per second: 1, 4, 8 or 16; 8 and more take a bus of 400 kHz",
        minimum=1.0,
        maximum=16.0,
    )
    emissivity: float = setting(0.95, "of the scene's surfaces", minimum=0.1, maximum=1.0)

    def __post_init__(self) -> None:
        if not _ADDRESS.match(self.address):
            raise ValueError(f"mlx90640.address is {self.address!r}; expected such as 0x33")
        if self.rate_hz not in _RATES:
            raise ValueError(f"mlx90640.rate is {self.rate_hz:g}; expected 1, 4, 8 or 16")

    def __str__(self) -> str:
        """Where the chip is."""
        return f"{self.device} at {self.address}"

    @property
    def control(self) -> int:
        """What the control register must hold."""
        return _CHESS | _RESOLUTION << 10 | _RATES[self.rate_hz] << 7 | _SUBPAGES


class Mlx90640:
    """A chip that is set up, its calibration, and the halves of the frame to come."""

    def __init__(
        self, bus: I2cWords, settings: Mlx90640ThermalSettings, clock: SteadyClock, problems: Problems
    ) -> None:
        """Set the chip up and read its EEPROM.

        Raises:
            DriverError: nobody answers, or the answer is not that of such a chip.
        """
        self._bus = bus
        self._settings = settings
        self._address = int(settings.address, 16)
        self._clock = clock
        self._problems = problems
        self._period_ns = round(NANOSECONDS_PER_SECOND / settings.rate_hz)
        with self._told():
            self._calibration = self._calibrated()
        self._celsius = np.full((ROWS, COLUMNS), np.nan)
        self._seen: set[int] = set()
        self._skip = _SETTLING_PAGES
        self._last_ns = clock.now_ns()

    def read(self) -> tuple[Celsius, int] | None:
        """Return the next frame, shape (24, 32), degC, once both its halves are new; see `GridChip`."""
        with self._told():
            page = self._next_page()
            if page is None:
                return None
            at_ns = self._clock.now_ns()
            self._bus.write_word(self._address, _STATUS, _TAKEN)
            ram = np.array(self._bus.read_words(self._address, _RAM, RAM_WORDS), dtype=np.uint16)
            # Bytes that nobody sends read as ones, without an error: only who still answers was there before.
            self._check_control()
            if self._register(_STATUS) & _NEW_DATA:
                self._problems.add(
                    "slow_bus",
                    f"{self._settings}: the chip measured again while it was read; lower mlx90640.rate or "
                    "speed up the bus",
                )
                self._seen.clear()
                return None
        if self._skip:
            self._skip -= 1
            return None
        return self._joined(ram, page, at_ns)

    def close(self) -> None:
        """Close the bus."""
        self._bus.close()

    def _next_page(self) -> int | None:
        """Wait a short while for new data; return of which half they are."""
        until_ns = self._clock.now_ns() + LONGEST_WAIT_NS
        while not (status := self._register(_STATUS)) & _NEW_DATA:
            now_ns = self._clock.now_ns()
            if now_ns - self._last_ns > _MOST_SILENT_PERIODS * self._period_ns:
                raise DriverError(f"{self._told_as} measures nothing any more")
            if now_ns > until_ns:
                return None
            self._clock.sleep_s(_LOOK_S)
        self._last_ns = self._clock.now_ns()
        return status & _PAGE & 1

    def _joined(self, ram: Words, page: int, at_ns: int) -> tuple[Celsius, int] | None:
        seen = temperatures(self._calibration, ram, _RESOLUTION, page, self._settings.emissivity)
        self._celsius[page == PATTERN] = seen[page == PATTERN]
        self._seen.add(page)
        if len(self._seen) < 2:
            return None
        self._seen.clear()
        return filled(self._celsius, self._calibration), at_ns

    def _calibrated(self) -> Calibration:
        self._bus.write_word(self._address, _CONTROL, self._settings.control)
        words = np.array(self._bus.read_words(self._address, _EEPROM, EEPROM_WORDS), dtype=np.uint16)
        try:
            calibration = read_calibration(words)
        except CalibrationError as error:
            raise DriverError(
                f"the chip at {self._settings.address} on {self._settings.device} is no MLX90640 ({error}); "
                "set mlx90640.address to the array's"
            ) from None
        self._check_control()
        return calibration

    def _check_control(self) -> None:
        if self._register(_CONTROL) != self._settings.control:
            raise DriverError(f"{self._told_as} was reset: its supply failed, or somebody else uses it")

    def _register(self, register: int) -> int:
        (word,) = self._bus.read_words(self._address, register, 1)
        return word

    @property
    def _told_as(self) -> str:
        return f"the MLX90640 at {self._settings.address}"

    def _told(self) -> AbstractContextManager[None]:
        return bus_errors_told(f"{self._told_as} on {self._settings.device}", _REMEDY)


def filled(celsius: Reals, calibration: Calibration) -> Celsius:
    """Return a frame whose pixels that the maker marked as broken are the mean of those around."""
    whole = celsius.astype(np.float32)
    usable = np.where(calibration.is_broken, np.nan, celsius)
    for row, column in np.argwhere(calibration.is_broken):
        around = usable[max(row - 1, 0) : row + 2, max(column - 1, 0) : column + 2]
        known = around[np.isfinite(around)]
        whole[row, column] = known.mean() if known.size else np.nan
    return whole


class Mlx90640ThermalDriver(GridArrayDriver):
    """Reads an MLX90640. Halves that the chip overwrote while they were read are counted as `slow_bus`."""

    def __init__(
        self,
        settings: Mlx90640ThermalSettings,
        open_bus: Callable[[str, str], I2cWords] = open_i2c_words,
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
        bus = self._open_bus(self._chip_settings.device, "mlx90640.device")
        with closed_on_failure(bus):
            return Mlx90640(bus, self._chip_settings, self._clock, self.problems)


DRIVER = DriverEntry("mlx90640", Mlx90640ThermalSettings, Mlx90640ThermalDriver)
