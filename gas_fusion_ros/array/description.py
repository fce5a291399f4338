"""What an array says of itself: how its readings become resistances, and its baseline in clean air.

The sensing layer Rs and the load resistor RL divide the supply (MQ data sheets, Hanwei and Winsen). With the
output over RL, `load_low`, the usual way,

    Rs/RL = full_scale/reading - 1

and with the output over Rs, `load_high`, its inverse: load resistor, supply, converter and bits cancel. Data
sheets draw ln Rs over ln ppm as straight lines: what gases change is ln(Rs/RL) less its value in clean air.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum

import numpy as np
import numpy.typing as npt

from gas_fusion_ros.base.observation import MOST_COUNTS, check_channel_names
from gas_fusion_ros.base.quoting import listed

Values = npt.NDArray[np.float32]

_VOLT_STEPS = 50_000


class Unit(str, Enum):
    """What a reading is."""

    COUNTS = "counts"
    VOLT = "volt"
    OHM = "ohm"
    """Rs itself; then nothing is known of a divider."""


class Divider(str, Enum):
    """Over which resistor the output is taken."""

    LOAD_LOW = "load_low"
    """Over the load resistor: more gas, more counts."""
    LOAD_HIGH = "load_high"
    """Over the sensing layer: more gas, fewer counts."""


@dataclass(frozen=True)
class ArrayChannel:
    """One sensor of an array.

    Attributes:
        name: the channel's name in the readings.
        sensor: the sensor's type, such as `MQ-135`; empty where unknown.
        baseline: mean of ln(Rs/RL) in clean air, of ln(Rs in ohm) for the unit `ohm`; None where not
            calibrated.
        spread: standard deviation of the same; None where not calibrated.
        load_ohm: the load resistor, which cancels: told for whoever mends the board; None where unknown.
    """

    name: str
    sensor: str = ""
    baseline: float | None = None
    spread: float | None = None
    load_ohm: float | None = None


@dataclass(frozen=True)
class ArrayCalibration:
    """When and how baselines were measured.

    Attributes:
        date: day and time, UTC, ISO 8601.
        readings: readings of clean air that they are the mean of.
        duration_s: seconds over which they were taken; None where the readings have no times.
        temperature_c: of that air, degC; None where nobody measured it.
        humidity_percent: relative, of that air, 0 to 100; None where nobody measured it.
    """

    date: str
    readings: int
    duration_s: float | None = None
    temperature_c: float | None = None
    humidity_percent: float | None = None


@dataclass(frozen=True)
class ArrayDescription:
    """An array; C channels.

    Attributes:
        channels: its sensors, in the order of a reading.
        unit: what a reading is.
        full_scale: the reading at the supply voltage, counts or volt; of no meaning for `ohm`.
        divider: over which resistor the output is taken.
        serial_id: which specimen it is; empty where nobody says.
        calibration: when its baselines were measured; None where they were not.

    Raises:
        ValueError: names that channels cannot have, or a full scale that is not above 0.
    """

    channels: tuple[ArrayChannel, ...]
    unit: Unit = Unit.COUNTS
    full_scale: float = 1023.0
    divider: Divider = Divider.LOAD_LOW
    serial_id: str = ""
    calibration: ArrayCalibration | None = None

    def __post_init__(self) -> None:
        check_channel_names(self.names)
        if not (np.isfinite(self.full_scale) and self.full_scale > 0):
            raise ValueError(f"full_scale must be a number above 0, not {self.full_scale!r}")

    @property
    def names(self) -> tuple[str, ...]:
        """The channels' names."""
        return tuple(channel.name for channel in self.channels)

    def of_channels(self, names: Sequence[str]) -> ArrayDescription:
        """Return the description of these channels, in this order.

        Raises:
            ValueError: it lacks one; the message names it.
        """
        known = {channel.name: channel for channel in self.channels}
        missing = [name for name in names if name not in known]
        if missing:
            raise ValueError(f"it has no channel {listed(missing)}; it has {listed(known)}")
        return replace(self, channels=tuple(known[name] for name in names))

    @property
    def plausible(self) -> tuple[float, float]:
        """The least and the greatest reading of a working sensor; see `plausible_readings`."""
        return plausible_readings(self.unit, self.full_scale)

    @property
    def uncalibrated(self) -> ArrayDescription:
        """The array without what was measured of it."""
        channels = tuple(replace(one, baseline=None, spread=None) for one in self.channels)
        return replace(self, channels=channels, calibration=None)

    def log_resistances(self, readings: npt.ArrayLike) -> Values:
        """Return ln(Rs/RL), or ln(Rs in ohm), of readings, shape (..., C); NaN where none can give it."""
        values = np.asarray(readings, dtype=np.float64)
        with np.errstate(divide="ignore", invalid="ignore"):
            if self.unit is Unit.OHM:
                ratio = values
            elif self.divider is Divider.LOAD_LOW:
                ratio = self.full_scale / values - 1.0
            else:
                ratio = values / (self.full_scale - values)
            logarithm = np.log(np.where((ratio > 0) & np.isfinite(ratio), ratio, np.nan))
        return logarithm.astype(np.float32)

    def with_baseline_of(self, readings: npt.ArrayLike) -> ArrayDescription:
        """Return the array with the baseline that readings of clean air, shape (N, C), give it.

        A channel without any valid reading keeps what it had. Nothing is refused, unlike by
        `calibration.calibrate`.
        """
        logarithms = self.log_resistances(readings).astype(np.float64)
        return replace(
            self,
            channels=tuple(
                replace(one, baseline=_rounded(np.mean(mine)), spread=_rounded(np.std(mine)))
                if len(mine := column[np.isfinite(column)])
                else one
                for one, column in zip(self.channels, logarithms.T, strict=True)
            ),
        )

    def deviations(self, readings: npt.ArrayLike) -> Values:
        """Return how far readings, shape (..., C), lie from clean air: ln Rs/R0; NaN without a baseline."""
        baselines = [np.nan if one.baseline is None else one.baseline for one in self.channels]
        return self.log_resistances(readings) - np.asarray(baselines, dtype=np.float32)

    def deviations_by_name(self, channels: Sequence[str], reading: Values) -> dict[str, float]:
        """Return ln(Rs/R0) of a reading, shape (C,), by name: of those `channels` that the array has.

        NaN where the reading is invalid or the channel has no baseline.
        """
        by_name = dict(zip(channels, reading.tolist(), strict=True))
        readings = [by_name.get(one.name, np.nan) for one in self.channels]
        return dict(zip(self.names, self.deviations(readings).tolist(), strict=True))

    def readings_of(self, deviations: npt.ArrayLike) -> Values:
        """Return the readings, not rounded, that lie so far from clean air: the inverse of `deviations`."""
        baselines = [np.nan if one.baseline is None else one.baseline for one in self.channels]
        with np.errstate(over="ignore", invalid="ignore"):
            ratio = np.exp(np.asarray(deviations, dtype=np.float64) + np.asarray(baselines))
            if self.unit is Unit.OHM:
                readings = ratio
            elif self.divider is Divider.LOAD_LOW:
                readings = self.full_scale / (1.0 + ratio)
            else:
                readings = self.full_scale / (1.0 + 1.0 / ratio)
        return readings.astype(np.float32)


def plausible_readings(
    unit: Unit = ArrayDescription.unit, full_scale: float = ArrayDescription.full_scale
) -> tuple[float, float]:
    """Return the least and the greatest reading of a working sensor.

    At the ends of a divider stand a broken wire and a short circuit: this is one `reading_step` above the
    lower one, and a count or a 1023rd of the full scale below the upper one. Of resistances nothing is known
    but what a reading can be.
    """
    if unit is Unit.OHM:
        return 1.0, MOST_COUNTS
    return reading_step(unit, full_scale), full_scale - reading_step(Unit.COUNTS, full_scale)


def reading_step(unit: Unit, full_scale: float) -> float:
    """Return the least difference that readings of a divider are trusted to tell.

    One count, or a 1023rd of the full scale where that is less. Volts come of converters of 16 bits and more,
    whose sensors in clean air may read millivolts: a 50,000th of the full scale.
    """
    return full_scale / _VOLT_STEPS if unit is Unit.VOLT else min(1.0, full_scale / 1023.0)


def _rounded(value: np.floating) -> float:
    return round(float(value), 5)
