"""Watches whether the air an array breathes for long is still that of its calibration."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from gas_fusion_ros.array.departure import second_largest
from gas_fusion_ros.array.description import ArrayDescription
from gas_fusion_ros.array.recent_readings import RecentReadings
from gas_fusion_ros.base.quoting import shown

MOST_READINGS = 600
_LOOKS = 20
"""How often the median is taken while the stretch passes once."""
_LEAST_VALID = 0.5
_BACK = 0.8
"""Share of the limit below which the baseline counts as back, so that the warning does not flutter."""


class BaselineWatch:
    """Warns where the median of ln(Rs/R0) over a long stretch lies beyond a limit on two channels or more.

    One channel alone may wander, but where the array has but one. A channel without a baseline, or without a
    value half of the time, is not judged. Gas that is there for less than half of the stretch moves no
    median. Not thread-safe.

    Args:
        array: its channels and baselines, C channels.
        duration_ns: length of the stretch, above 0.
        limit: the limit, above 0.
    """

    def __init__(self, array: ArrayDescription, duration_ns: int, limit: float) -> None:
        self._array = array
        self._limit = limit
        self._recent = RecentReadings(duration_ns, MOST_READINGS)
        self._is_calibrated = np.array([one.baseline is not None for one in array.channels])
        self._looked_ns: int | None = None
        self._moved: dict[str, float] = {}

    @property
    def moved(self) -> dict[str, float]:
        """By how much each channel has moved that is beyond the limit, ln(Rs/R0); empty where all is well."""
        return self._moved

    @property
    def warning(self) -> str:
        """What has moved and what to do, in words; empty where all is well."""
        if not self._moved:
            return ""
        told = ", ".join(f"{shown(name)} by {amount:+.2f}" for name, amount in self._moved.items())
        minutes = self._recent.duration_ns / 60e9
        return (
            f"the baseline has moved, or gas has been there all the time: ln(Rs/R0) of {told} over "
            f"{minutes:.3g} min, at most {self._limit:g} may be; calibrate again in clean air"
        )

    def add(self, at_ns: int, reading: npt.NDArray[np.float32]) -> None:
        """Take in a reading.

        Args:
            at_ns: when it came, nanoseconds of any clock; where that goes back the stretch begins anew.
            reading: shape (C,), in the array's unit; NaN where invalid.
        """
        if not self._is_calibrated.any():
            return
        self._recent.add(at_ns, reading)
        if self._recent.missing_ns > 0:
            return
        elapsed_ns = None if self._looked_ns is None else at_ns - self._looked_ns
        if elapsed_ns is None or not 0 <= elapsed_ns * _LOOKS < self._recent.duration_ns:
            self._looked_ns = at_ns
            self._moved = self._look()

    def _look(self) -> dict[str, float]:
        deviations = self._array.deviations(self._recent.readings)[:, self._is_calibrated]
        is_judged = np.isfinite(deviations).mean(axis=0) >= _LEAST_VALID
        medians = np.zeros(deviations.shape[1], dtype=np.float32)
        medians[is_judged] = np.nanmedian(deviations[:, is_judged], axis=0)
        limit = self._limit * (_BACK if self._moved else 1.0)
        if second_largest(np.abs(medians)) <= limit:
            return {}
        names = [one.name for one in self._array.channels if one.baseline is not None]
        return {
            name: round(float(moved), 2)
            for name, moved in zip(names, medians, strict=True)
            if abs(moved) > limit
        }
