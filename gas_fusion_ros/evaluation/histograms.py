"""Distributions of what streams by, in memory of constant size."""

from __future__ import annotations

import math

import numpy as np

from gas_fusion_ros.evaluation.evaluated_bag import OffsetHistogram
from gas_fusion_ros.evaluation.schema import Percentiles

_FINEST = 1e-6
_RATIO = 1.005
_OFFSET_BINS = 40
_NS_PER_MS = 1e6


class LogHistogram:
    """Percentiles and extremes of values of either sign: to 0.5 %, and exact where they are all equal.

    Attributes:
        least: the least value; None without values.
        greatest: the greatest value; None without values.
    """

    def __init__(self) -> None:
        # Count and sum by bin; a bin's values differ by 0.5 %, those of the bin 0 cannot be told from 0.
        self._bins: dict[int, tuple[int, float]] = {}
        self.least: float | None = None
        self.greatest: float | None = None

    def add(self, value: float) -> None:
        """Take a value in."""
        size = abs(value)
        number = 0 if size < _FINEST else 1 + int(math.log(size / _FINEST) / math.log(_RATIO))
        key = -number if value < 0 else number
        count, total = self._bins.get(key, (0, 0.0))
        self._bins[key] = count + 1, total + value
        self.least = value if self.least is None else min(self.least, value)
        self.greatest = value if self.greatest is None else max(self.greatest, value)

    def percentile(self, share: float) -> float | None:
        """The least value that so large a share does not exceed, but for its bin; None without values."""
        wanted = share * sum(count for count, _ in self._bins.values())
        seen = 0
        for key in sorted(self._bins):
            count, total = self._bins[key]
            seen += count
            if seen >= wanted:
                return total / count
        return None

    def percentiles(self) -> Percentiles:
        """The percentiles of what was taken in; None for each without values."""
        figures = (*(self.percentile(share) for share in (0.5, 0.95, 0.99)), self.greatest)
        return Percentiles(*(None if figure is None else round(figure, 4) for figure in figures))

    def above(self, value: float) -> int:
        """How many were greater, to the width of a bin."""
        return sum(count for count, total in self._bins.values() if total / count > value)


class OffsetCounts:
    """How far images lay from their readings, in bins of equal width within the greatest offset.

    Args:
        greatest_ns: the greatest offset that pairs, the pairing's `slop_ns`.
    """

    def __init__(self, greatest_ns: int) -> None:
        # Pairs of equal stamps alone have no width; a millisecond shows them.
        widest_ms = max(greatest_ns / _NS_PER_MS, 1.0)
        # Whole nanoseconds, as offsets are: else one that lies on an edge may fall on its wrong side.
        self._edges = (np.linspace(-1, 1, _OFFSET_BINS + 1) * widest_ms).round(6)
        self._counts = np.zeros(_OFFSET_BINS, dtype=np.int64)
        self._distances = LogHistogram()

    def add(self, offset_ns: int) -> None:
        """Take the offset of a pair in: image stamp minus reading stamp."""
        offset_ms = offset_ns / _NS_PER_MS
        place = int(np.searchsorted(self._edges, offset_ms, side="right")) - 1
        self._counts[min(max(place, 0), _OFFSET_BINS - 1)] += 1
        self._distances.add(abs(offset_ms))

    def histogram(self) -> OffsetHistogram:
        """The counts by bin."""
        return OffsetHistogram(tuple(self._edges.tolist()), tuple(self._counts.tolist()))

    def distances_ms(self) -> Percentiles:
        """Percentiles of the distance, milliseconds, whichever came first."""
        return self._distances.percentiles()
