"""Follows the times of a stream, in memory of constant size."""

from __future__ import annotations

from gas_fusion_ros.base.units import NANOSECONDS_PER_SECOND
from gas_fusion_ros.evaluation.histograms import LogHistogram
from gas_fusion_ros.inspection.schema import StampFigures, TopicFigures
from gas_fusion_ros.pairing.types import PairingSettings

_GAP_PERIODS = 3
"""Two messages further apart than this many periods have a gap between them."""


class StampFollower:
    """Follows the header stamps of a stream."""

    def __init__(self) -> None:
        self._messages = 0
        self._zero = 0
        self._duplicates = 0
        self._out_of_order = 0
        self._jumps_back = 0
        self._largest_jump_ns = 0
        self._newest_ns: int | None = None
        self._previous_ns: int | None = None
        self._periods = LogHistogram()
        self._offsets = LogHistogram()

    def add(self, stamp_ns: int, recorded_ns: int) -> None:
        """Take in a stamp and the time of its recording."""
        self._messages += 1
        if stamp_ns <= 0:
            self._zero += 1
            return
        self._offsets.add((recorded_ns - stamp_ns) / NANOSECONDS_PER_SECOND)
        newest_ns, previous_ns = self._newest_ns, self._previous_ns
        self._previous_ns = stamp_ns
        if newest_ns is None or stamp_ns > newest_ns:
            if newest_ns is not None:
                self._periods.add((stamp_ns - newest_ns) / NANOSECONDS_PER_SECOND)
            self._newest_ns = stamp_ns
        elif stamp_ns == previous_ns:
            self._duplicates += 1
        elif newest_ns - stamp_ns > PairingSettings.reset_jump_ns:
            self._jumps_back += 1
            self._largest_jump_ns = max(self._largest_jump_ns, newest_ns - stamp_ns)
            self._newest_ns = stamp_ns
        else:
            self._out_of_order += 1

    def figures(self) -> StampFigures:
        """What was found so far."""
        period_s = self._periods.percentile(0.5)
        return StampFigures(
            messages=self._messages,
            zero=self._zero,
            duplicates=self._duplicates,
            out_of_order=self._out_of_order,
            jumps_back=self._jumps_back,
            largest_jump_back_s=self._largest_jump_ns / NANOSECONDS_PER_SECOND,
            period_s=period_s,
            gaps=0 if period_s is None else self._periods.above(_GAP_PERIODS * period_s),
            largest_gap_s=self._periods.greatest,
            offset_s=self._offsets.percentile(0.5),
            least_offset_s=self._offsets.least,
            greatest_offset_s=self._offsets.greatest,
        )


class ArrivalFollower:
    """Follows the times of recording of a topic."""

    def __init__(self, name: str, type_name: str) -> None:
        self._name = name
        self._type_name = type_name
        self._messages = 0
        self._first_ns = 0
        self._last_ns = 0
        self._largest_ns = 0

    def add(self, recorded_ns: int) -> None:
        """Take in the time of a recording."""
        if self._messages == 0:
            self._first_ns = recorded_ns
        else:
            self._largest_ns = max(self._largest_ns, recorded_ns - self._last_ns)
        self._last_ns = recorded_ns
        self._messages += 1

    def figures(self) -> TopicFigures:
        """What was found so far."""
        several = self._messages > 1
        span_s = (self._last_ns - self._first_ns) / NANOSECONDS_PER_SECOND
        return TopicFigures(
            name=self._name,
            type_name=self._type_name,
            messages=self._messages,
            rate_hz=(self._messages - 1) / span_s if several and span_s > 0 else None,
            largest_gap_s=self._largest_ns / NANOSECONDS_PER_SECOND if several else None,
        )
