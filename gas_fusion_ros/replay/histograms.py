"""Distributions of what streams by, in memory of constant size."""

from __future__ import annotations

import math

import numpy as np

from gas_fusion_ros.replay.evaluation import OffsetHistogram
from gas_fusion_ros.replay.evaluation_report import Percentiles

_LEAST = 1e-3
_FACTOR = 1.02
_BINS = 1200
_OFFSET_BINS = 40
_NS_PER_MS = 1e6


class LogHistogram:
    """Percentiles of values of 0 or more, to 1 %: bins grow by 2 % each, from 0.001 up to 10^7."""

    def __init__(self) -> None:
        # The first bin holds what is too small to tell from 0.
        self._counts = np.zeros(_BINS, dtype=np.int64)
        self._largest = 0.0

    def add(self, value: float) -> None:
        """Take a value in."""
        place = 0 if value <= _LEAST else 1 + int(math.log(value / _LEAST) / math.log(_FACTOR))
        self._counts[min(place, _BINS - 1)] += 1
        self._largest = max(self._largest, value)

    def percentiles(self) -> Percentiles:
        """The percentiles of what was taken in; None for each without values."""
        if not self._counts.any():
            return Percentiles()
        p50, p95, p99 = (round(self._percentile(share), 4) for share in (0.5, 0.95, 0.99))
        return Percentiles(p50, p95, p99, round(self._largest, 4))

    def _percentile(self, share: float) -> float:
        """The least value that so large a share does not exceed, but for the width of its bin."""
        totals = np.cumsum(self._counts)
        place = int(np.searchsorted(totals, math.ceil(share * totals[-1])))
        if place == 0:
            return 0.0
        return min(_LEAST * _FACTOR ** (place - 0.5), self._largest)


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
