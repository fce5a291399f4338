"""How the sensors of an array are in the clean air of a patrol: medians, of bounded memory."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from gas_fusion_ros.array.description import ArrayDescription
from gas_fusion_ros.base.observation import CLEAN_AIR, GasReading, Verdict
from gas_fusion_ros.evaluation.thinning import Thinned
from gas_fusion_ros.site.patrol_log import SensorState

_SURE = 0.9
"""Probability of clean air from which on a reading counts."""


class CleanAirStates:
    """Takes in readings with their verdicts."""

    def __init__(self) -> None:
        self._channels: tuple[str, ...] = ()
        self._readings: Thinned[npt.NDArray[np.float32]] = Thinned()

    def hear(self, reading: GasReading, verdict: Verdict) -> None:
        """Take in a reading; it counts where the verdict leaves no doubt that the air is clean."""
        if verdict.label != CLEAN_AIR or verdict.by_class.get(CLEAN_AIR, 0.0) < _SURE:
            return
        if reading.channels != self._channels:
            self._channels, self._readings = reading.channels, Thinned()
        self._readings.add(reading.stamp_ns, reading.counts)

    def states(self, array: ArrayDescription | None) -> tuple[SensorState, ...]:
        """How each channel was; none without a reading of clean air.

        Args:
            array: how readings become resistances, and their baseline; None where nobody says.
        """
        rows = [counts for _, counts in self._readings.in_time_order()]
        if not rows:
            return ()
        readings = np.stack(rows)
        known = {} if array is None else {channel.name: channel for channel in array.channels}
        ratios = _log_ratios(array, self._channels, readings)
        calibrated = None if array is None or array.calibration is None else array.calibration.date
        return tuple(
            SensorState(
                name,
                counts,
                ratio,
                known[name].baseline if name in known else None,
                calibrated if name in known and known[name].baseline is not None else None,
                int(np.isfinite(column).sum()),
            )
            for name, column, counts, ratio in zip(
                self._channels, readings.T, _medians(readings), ratios, strict=True
            )
            if counts is not None
        )


def _log_ratios(
    array: ArrayDescription | None, channels: Sequence[str], readings: npt.NDArray[np.float32]
) -> list[float | None]:
    if array is None:
        return [None] * len(channels)
    try:
        return _medians(array.of_channels(channels).log_resistances(readings))
    except ValueError:  # it lacks a channel: then it is not the array of these readings
        return [None] * len(channels)


def _medians(values: npt.NDArray[np.float32]) -> list[float | None]:
    """The median of each column; None of one without a number."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # a column of NaN alone
        medians = np.nanmedian(np.where(np.isfinite(values), values, np.nan), axis=0)
    return [round(float(one), 5) if np.isfinite(one) else None for one in medians]
