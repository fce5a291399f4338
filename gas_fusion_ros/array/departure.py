"""How far an array departs from its own clean air: what tells of a gas that nobody taught."""

from __future__ import annotations

from collections import deque

import numpy as np

from gas_fusion_ros.array.description import Values

LATEST = 5
"""Readings of which the median counts: a single spike is none."""


def second_largest(distances: Values) -> Values:
    """Return of distances, shape (..., C), the second largest.

    One channel alone may wander, two tell of the air. NaN counts for nothing; of a single channel it is
    that one's.
    """
    ordered = np.sort(np.nan_to_num(distances), axis=-1)
    return ordered[..., -min(2, ordered.shape[-1])]


class DepartureWatch:
    """The departure of the latest readings. Not thread-safe."""

    def __init__(self) -> None:
        self._latest: deque[float] = deque(maxlen=LATEST)

    def add(self, deviations: Values) -> float | None:
        """Take in a reading's ln(Rs/R0), shape (C,), NaN where a channel has none.

        Returns:
            The median, over the latest readings, of the second largest |ln(Rs/R0)|; None of a reading without
            any value.
        """
        if not np.isfinite(deviations).any():
            return None
        self._latest.append(float(second_largest(np.abs(deviations))))
        return float(np.median(self._latest))

    def forget(self) -> None:
        """Begin anew: no reading so far is the past of what comes."""
        self._latest.clear()
