"""Measures an array's baseline in clean air, and refuses air or sensors that are not settled."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timezone

import numpy as np
import numpy.typing as npt

from gas_fusion_ros.array.calibration_age import FIRST_REAL_YEAR
from gas_fusion_ros.array.departure import second_largest
from gas_fusion_ros.array.description import ArrayCalibration, ArrayDescription, Unit, Values, reading_step
from gas_fusion_ros.base.quoting import shown
from gas_fusion_ros.base.units import NANOSECONDS_PER_SECOND

LEAST_READINGS = 60
MOST_READINGS = 100_000
MOST_DRIFT = 0.2
"""How far ln(Rs/RL) may move, of the second worst channel, from the first third of the recording to its last.

Of 118 recordings of 15 minutes of real clean air by an array that was on all day, 95 % moved by at most 0.14;
six arrays that had just been switched on moved by 0.29 to 0.92 within 100 readings."""

MOST_DEPARTURE = 0.4
"""How far ln(Rs/RL) may lie, of the second worst channel, from its median.

Within recordings of 15 minutes of real clean air it lay at most 0.18 away, in methane at least 2.6."""

_LEAST_VALID = 0.9
_MOST_DEPARTED = 0.01
_RAIL_STEPS = 5
"""Steps of the reading from 0 within which it says little of a resistance: a step is a fifth of it."""
_RAIL = 0.005
"""Share of the full scale below it within which a reading says nothing of a resistance."""
_MOST_AT_RAIL = 0.01
_DOUBTFUL_SHARE = 0.05
"""Of the full scale: where no reading is above, it is likely that of another converter."""


class CalibrationError(ValueError):
    """An array cannot be calibrated in such readings; the message says why and what would be right."""


class DriftError(CalibrationError):
    """The array drifts more than is allowed."""


def calibrate(
    array: ArrayDescription,
    readings: npt.ArrayLike,
    date: datetime,
    stamps_ns: npt.NDArray[np.int64] | None = None,
    temperature_c: float | None = None,
    humidity_percent: float | None = None,
    most_drift: float = MOST_DRIFT,
) -> ArrayDescription:
    """Return an array with baselines from readings of clean air.

    A channel without any valid reading is dead and stays uncalibrated.

    Args:
        array: the array, as far as it is known.
        readings: shape (N, C), in the array's unit; NaN where invalid.
        date: when they were taken, with its time zone.
        stamps_ns: shape (N,), acquisition times; None where they are not known.
        temperature_c: of the air, degC; kept with the date.
        humidity_percent: relative, of the air, 0 to 100; likewise.
        most_drift: how far the second worst channel may move in ln(Rs/RL); the baseline is as uncertain.

    Raises:
        DriftError: the array drifts.
        CalibrationError: there are too few, a channel is saturated or often invalid, or the readings depart
            from one air.
    """
    values = np.atleast_2d(np.asarray(readings, dtype=np.float64))
    if len(values) < LEAST_READINGS:
        raise CalibrationError(
            f"{len(values)} readings are too few; record at least {LEAST_READINGS}, better ten minutes"
        )
    is_alive: npt.NDArray[np.bool_] = np.asarray(np.isfinite(values).any(axis=0))
    names = [name for name, alive in zip(array.names, is_alive, strict=True) if alive]
    if not names:
        raise CalibrationError("no channel has a valid reading; is the array powered and its unit right?")
    _check_rails(array, values)
    logarithms = array.log_resistances(values)[:, is_alive]
    _check_valid(names, logarithms)
    _check_drift(names, logarithms, most_drift)
    # Where it may drift it may be as far from its median.
    _check_departure(logarithms, max(MOST_DEPARTURE, most_drift))
    duration_s = None
    if stamps_ns is not None:
        duration_s = round(float(stamps_ns[-1] - stamps_ns[0]) / NANOSECONDS_PER_SECOND, 3)
    record = ArrayCalibration(
        date.isoformat(timespec="seconds"), len(values), duration_s, temperature_c, humidity_percent
    )
    return replace(array.with_baseline_of(values), calibration=record)


def calibration_date(stamp_ns: int | None) -> datetime:
    """Return the moment of the last reading, UTC: now, where nobody knows or its time is simulated."""
    return recorded_date(stamp_ns) or datetime.now(timezone.utc)


def recorded_date(stamp_ns: int | None) -> datetime | None:
    """Return the moment of the last reading, UTC; None where nobody knows or its time is simulated."""
    if stamp_ns is None:
        return None
    date = datetime.fromtimestamp(stamp_ns / NANOSECONDS_PER_SECOND, timezone.utc)
    return date if date.year >= FIRST_REAL_YEAR else None


def full_scale_doubt(array: ArrayDescription, readings: npt.ArrayLike) -> str:
    """Say that readings, shape (N, C), are far below the full scale; empty where they are not.

    A converter of 24 bits may honestly give such: so it is a doubt and no error.
    """
    share = float(np.nanmax(np.asarray(readings, dtype=np.float64))) / array.full_scale
    if array.unit is Unit.OHM or share >= _DOUBTFUL_SHARE:
        return ""
    percent = math.floor(share * 100) + 1
    return f"all readings lie below {percent} % of the full scale {array.full_scale:g}: is it right?"


def summary(array: ArrayDescription) -> str:
    """Say as what the readings of a calibrated array were taken, and what came out."""
    baselines = ", ".join(
        f"{one.name} {one.baseline:.2f}" for one in array.channels if one.baseline is not None
    )
    dead = [one.name for one in array.channels if one.baseline is None]
    told = (
        f"as {array.unit.value}, full scale {array.full_scale:g}, {array.divider.value}; "
        f"ln(Rs/RL) {baselines}"
    )
    return told + (f"; without any valid reading, so not calibrated: {', '.join(dead)}" if dead else "")


def saturated_shares(array: ArrayDescription, readings: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Return the share of readings, shape (N, C), at an end of the array's range, by channel, shape (C,)."""
    values = np.asarray(readings, dtype=np.float64)
    if array.unit is Unit.OHM:
        return np.zeros(values.shape[1])
    least = _RAIL_STEPS * reading_step(array.unit, array.full_scale)
    stuck = (values <= least) | (values >= (1.0 - _RAIL) * array.full_scale)
    return np.asarray(stuck.mean(axis=0))


def _check_rails(array: ArrayDescription, values: npt.NDArray[np.float64]) -> None:
    shares = saturated_shares(array, values)
    saturated = [
        f"{shown(name)} (median {np.nanmedian(values[:, index]):g})"
        for index, name in enumerate(array.names)
        if shares[index] > _MOST_AT_RAIL
    ]
    if saturated:
        raise CalibrationError(
            f"saturated, at an end of 0 ... {array.full_scale:g} {array.unit.value}: {', '.join(saturated)}; "
            "a loose or shorted sensor, or another full scale than the array's? Leave out a dead channel"
        )


def _check_valid(names: Sequence[str], logarithms: Values) -> None:
    shares = np.isfinite(logarithms).mean(axis=0)
    torn = [
        f"{shown(name)} ({share:.0%})"
        for name, share in zip(names, shares, strict=True)
        if share < _LEAST_VALID
    ]
    if torn:
        raise CalibrationError(
            f"too few valid readings of {', '.join(torn)}; mend the sensor, or leave the channel out"
        )


def _check_drift(names: Sequence[str], logarithms: Values, most: float) -> None:
    third = len(logarithms) // 3
    moved = np.nanmedian(logarithms[-third:], axis=0) - np.nanmedian(logarithms[:third], axis=0)
    if second_largest(np.abs(moved)) > most:
        told = [
            f"{shown(names[index])} by {moved[index]:+.2f}"
            for index in np.argsort(-np.abs(moved))
            if abs(moved[index]) > most
        ]
        raise DriftError(
            f"the array drifts: ln(Rs/RL) of {', '.join(told)} from the first third to the last, at most "
            f"{most:g} may be; let it warm up, in clean air, and record again"
        )


def _check_departure(logarithms: Values, most: float) -> None:
    apart = np.abs(logarithms - np.nanmedian(logarithms, axis=0))
    departed = second_largest(apart) > most
    if departed.mean() > _MOST_DEPARTED:
        first = int(np.flatnonzero(departed)[0]) + 1
        raise CalibrationError(
            f"{departed.mean():.0%} of the readings, the first of them number {first}, are of another air: "
            f"two channels or more lie {most:g} and more from their median in ln(Rs/RL); record "
            "clean air alone, for the minute after a gas counts as another air"
        )
