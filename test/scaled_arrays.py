"""The data set's array behind other converters, supplies and resistors, and what should be told of each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from gas_fusion_ros.array.description import ArrayChannel, ArrayDescription, Divider, Unit
from gas_fusion_ros.base.observation import PAPER_CHANNELS
from gas_fusion_ros.simulation.mq_response import to_adc, wander

Floats = npt.NDArray[np.float64]

CHANNELS = tuple(ArrayChannel(name) for name in PAPER_CHANNELS)
FULL_SCALE = 1023.0


@dataclass(frozen=True)
class Case:
    """An array that is not as a model expects.

    Attributes:
        name: of the test.
        readings: makes its readings, shape (N, C), of the data set's counts.
        told: what must be among the causes.
        remedy: what must stand in the text.
        array: as its file should describe it.
    """

    name: str
    readings: Callable[[Floats], Floats]
    told: str
    remedy: str
    array: ArrayDescription


def _converter(name: str, full_scale: float, told: str, remedy: str, unit: Unit = Unit.COUNTS) -> Case:
    array = ArrayDescription(CHANNELS, unit, full_scale)
    return Case(name, lambda counts: counts * (full_scale / FULL_SCALE), told, remedy, array)


def _resistances(name: str, factors: npt.ArrayLike, told: str) -> Case:
    """Rs/RL of each channel times a factor."""
    array = ArrayDescription(CHANNELS)

    def readings(counts: Floats) -> Floats:
        return FULL_SCALE / (1.0 + (FULL_SCALE / counts - 1.0) * np.asarray(factors))

    return Case(name, readings, told, "gas-fusion calibrate", array)


def _inverted() -> Case:
    array = ArrayDescription(CHANNELS, divider=Divider.LOAD_HIGH)
    return Case("inverted", lambda counts: FULL_SCALE - counts, "the other resistor", "--inverted", array)


def _reference() -> Case:
    """5 V under a reference of 3.3 V: beyond it the converter clips, and the driver says NaN."""
    array = ArrayDescription(CHANNELS, full_scale=FULL_SCALE / 0.66)

    def readings(counts: Floats) -> Floats:
        scaled = counts / 0.66
        return np.where(scaled < FULL_SCALE, scaled, np.nan)

    return Case("reference_3v3", readings, "a reference of 3.3 V", "--full-scale 1550", array)


ANOTHER = np.array([0.21, 3.1, 4.6, 0.7, 2.2, 0.3, 4.1])
"""Factors of Rs that another specimen of each sensor may have."""

CASES = (
    _converter("12_bit", 4095.0, "a 12-bit converter", "--full-scale 4095"),
    _converter("14_bit", 16383.0, "a 14-bit converter", "--full-scale 16383"),
    _converter("16_bit", 65535.0, "a 16-bit converter", "--full-scale 65535"),
    _converter("ads1115", 26667.0, "an ADS1115", "--full-scale 26667"),
    _converter("volts", 5.0, "volts", "--unit volt --full-scale 5", Unit.VOLT),
    _converter("millivolts", 5000.0, "millivolts", "--full-scale 5000"),
    _converter("share", 1.0, "shares of the supply", "--full-scale 1"),
    _converter("percent", 100.0, "percent of the supply", "--full-scale 100"),
    _converter("supply_3v3", FULL_SCALE * 0.66, "a supply of 3.3 V", "--full-scale 675"),
    _reference(),
    _inverted(),
    _resistances("load_x3", np.full(7, 1.0 / 3.0), "other load resistors"),
    _resistances("load_third", np.full(7, 3.0), "other load resistors"),
    _resistances("another_array", ANOTHER, "another array"),
)


def simulated_counts(gas: str, seed: int, readings: int = 120) -> Floats:
    """A simulated series of the data set's array in a gas, one reading every 2 s, shape (readings, C)."""
    rng = np.random.default_rng(seed)
    return to_adc(wander(gas, np.arange(readings) * 2.0, rng)).astype(np.float64)
