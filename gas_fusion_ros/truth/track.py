"""The truth beside an evaluation as it streams: labels and leaks, and how far they reach.

Times of a CSV and of leaks told are stamps; a label on a topic has none but its time of recording. Together
they stand on the evaluation's time line, see `Moments`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from enum import Enum

import numpy as np
import numpy.typing as npt

from gas_fusion_ros.base.observation import CLEAN_AIR, UNKNOWN
from gas_fusion_ros.base.units import NANOSECONDS_PER_SECOND
from gas_fusion_ros.truth.label_track import LabelTrack
from gas_fusion_ros.truth.labels import gaps_between
from gas_fusion_ros.truth.scoring import Interval, Leak

SAME_CLOCK_NS = 10 * NANOSECONDS_PER_SECOND
"""No message takes longer than this from acquisition to recording: more is another clock."""
_REMEMBERED_CHANGES = 64


def clock_shift_ns(stamp_ns: int, recorded_ns: int) -> int:
    """From stamps to times of recording, by one of each; 0 where they are of the same clock."""
    shift_ns = recorded_ns - stamp_ns
    return 0 if abs(shift_ns) <= SAME_CLOCK_NS else shift_ns


class LabelSource(str, Enum):
    """Where the truth comes from."""

    CSV = "csv"
    TOPIC = "topic"
    NONE = "none"


class Moments:
    """Puts stamps on one time line, that of the recording.

    A moment is the stamp itself, as long as it lies near the time of recording. Stamps of another clock (a
    simulation recorded in wall time, a bag that was looping while recorded) would not compare with labels,
    so there the time of recording stands in.
    """

    def __init__(self) -> None:
        self._shift_ns = 0

    @property
    def shift_ns(self) -> int:
        """What the last stamp was moved by."""
        return self._shift_ns

    def of(self, stamp_ns: int, recorded_ns: int) -> int:
        """The moment of a stamp that was recorded at `recorded_ns`."""
        self._shift_ns = clock_shift_ns(stamp_ns, recorded_ns)
        return stamp_ns + self._shift_ns


class TruthTrack:
    """What was really there, from a CSV or from the bag's topics; nothing is known unless told.

    Args:
        intervals: what is known from the start; None where it streams from topics.
        grace_ns: how long after a change of the air a verdict is not settled.
    """

    def __init__(self, intervals: Sequence[Interval] | None, grace_ns: int) -> None:
        self._grace_ns = grace_ns
        self._track = LabelTrack() if intervals is None else LabelTrack.of_intervals(intervals)
        self._from_csv = intervals is not None
        self._label: str | None = None
        # Begin or end of a leak, as labels stream.
        self._changes: deque[int] = deque(maxlen=_REMEMBERED_CHANGES)
        self._told = False
        self._times = _leak_times(self._track.leaks(_FOREVER_NS) if self._from_csv else ())

    @property
    def source(self) -> LabelSource:
        """Where the truth comes from; none as long as nothing was told."""
        if self._from_csv:
            return LabelSource.CSV
        return LabelSource.TOPIC if self._told or self._label is not None else LabelSource.NONE

    @property
    def is_known(self) -> bool:
        """Whether anything is known."""
        return self.source is not LabelSource.NONE

    @property
    def knows_signs(self) -> bool:
        """Whether it is known when the sensors notice a leak, beside when there was gas."""
        return self._told

    def hear_label(self, recorded_ns: int, label: str) -> None:
        """From its recording on `label` holds.

        Raises:
            ValueError: it is no class's name, or lies before the last one.
        """
        if not label or label == UNKNOWN:
            raise ValueError(f"the label '{label}' is no class; leave the topic silent where nobody knows")
        self._track.add(recorded_ns, label)
        if label != self._label:
            if self._label is not None or label != CLEAN_AIR:
                self._changes.append(recorded_ns)
            self._label = label

    def hear_leaks(self, leaks: Iterable[Leak]) -> None:
        """Leaks with their signs; their times are stamps."""
        self._track.add_leaks(leaks)
        self._told = True
        self._times = _leak_times(self._track.leaks(_FOREVER_NS))

    def at(self, moment_ns: int, stamp_ns: int) -> str | None:
        """The class at a moment, which has this stamp; None where nobody knows."""
        return self._track.at(stamp_ns if self._from_csv else moment_ns)

    def is_settled(self, moment_ns: int, stamp_ns: int) -> bool:
        """Whether the sensors do not follow a change of the air, as far as is known by now."""
        if self._has_stamps:
            first_sign, start, end, recovered = self._times
            follows = (first_sign <= stamp_ns) & (stamp_ns < start + self._grace_ns)
            follows |= (end <= stamp_ns) & (stamp_ns < recovered + self._grace_ns)
            return not follows.any()
        return not any(0 <= moment_ns - change < self._grace_ns for change in self._changes)

    def intervals(self, end_ns: int, shift_ns: int) -> list[Interval]:
        """What was said up to the moment `end_ns`.

        Args:
            end_ns: end of the evaluation.
            shift_ns: from stamps to moments.
        """
        if not self._from_csv:
            return self._track.intervals(end_ns)
        return [one.shifted(shift_ns) for one in self._track.intervals(end_ns - shift_ns)]

    def leaks(self, end_ns: int, shift_ns: int) -> list[Leak]:
        """The leaks that had begun by the moment `end_ns`, cut there; arguments as for `intervals`."""
        if not self._has_stamps:
            return self._track.leaks(end_ns)
        return [leak.shifted(shift_ns) for leak in self._track.leaks(end_ns - shift_ns)]

    def unlabelled(self, start_ns: int, end_ns: int, shift_ns: int) -> list[Interval]:
        """Where nobody knows whether there was a leak; the ends are moments."""
        if self._told:
            return []
        return gaps_between(self.intervals(end_ns, shift_ns), "", start_ns, end_ns)

    def clean_air_s(self, start_ns: int, end_ns: int, shift_ns: int) -> float | None:
        """Seconds of clean air; None where nobody knows."""
        if not self.is_known:
            return None
        intervals = self.intervals(end_ns, shift_ns)
        if intervals or self._from_csv:
            clean = [_length(one, start_ns, end_ns) for one in intervals if one.label == CLEAN_AIR]
            return sum(clean) / NANOSECONDS_PER_SECOND
        gas = sum(_length(leak, start_ns, end_ns) for leak in self.leaks(end_ns, shift_ns))
        return max(0, end_ns - start_ns - gas) / NANOSECONDS_PER_SECOND

    @property
    def _has_stamps(self) -> bool:
        return self._from_csv or self._told


_FOREVER_NS = 2**62


def _leak_times(leaks: Iterable[Leak]) -> npt.NDArray[np.int64]:
    """First sign, start, end and recovery of each leak; shape (4, number of leaks)."""
    times = [(leak.first_sign_ns, leak.start_ns, leak.end_ns, leak.recovered_ns) for leak in leaks]
    return np.array(times, dtype=np.int64).reshape(-1, 4).T


def _length(one: Interval, start_ns: int, end_ns: int) -> int:
    return max(0, min(one.end_ns, end_ns) - max(one.start_ns, start_ns))
