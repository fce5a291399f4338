"""Scores a run's alarms against its ground truth: leaks found and missed, false alarms.

Pure: intervals in, figures out. Every time is in nanoseconds of the run's clock.

What counts as a false alarm: a camera sees a leak a little before its gas reaches the robot, and MQ
sensors recover for tens of seconds after the gas has gone. A leak therefore has signs from
`first_sign_ns` to `recovered_ns`, and the alarm may take `grace_ns` more to let go (its off-delay, the
readings' period). An alarm that stands outside of that, at any moment, is false.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from gas_fusion_ros.base.observation import CLEAN_AIR
from gas_fusion_ros.base.units import NANOSECONDS_PER_SECOND, SECONDS_PER_HOUR

_SPARE_NS = 10 * NANOSECONDS_PER_SECOND
"""What the grace period grants beyond the alarm's off-delay: probabilities take some readings to fall."""
RELIABILITY_BINS = 15
"""Bins of equal width for the expected calibration error, as in Guo et al. (2017)."""


@dataclass(frozen=True)
class Interval:
    """A stretch of time with one label: a class, or the gas of a leak or an alarm.

    Attributes:
        label: the class or gas.
        start_ns: its first instant.
        end_ns: its last instant.
    """

    label: str
    start_ns: int
    end_ns: int

    def __post_init__(self) -> None:
        if self.end_ns < self.start_ns:
            raise ValueError(f"end_ns {self.end_ns} of {self.label} lies before start_ns {self.start_ns}")

    @property
    def duration_s(self) -> float:
        """Length, seconds."""
        return (self.end_ns - self.start_ns) / NANOSECONDS_PER_SECOND

    def shifted(self, by_ns: int) -> Interval:
        """Return the same stretch on a clock that is ahead by `by_ns`."""
        return replace(self, start_ns=self.start_ns + by_ns, end_ns=self.end_ns + by_ns)


@dataclass(frozen=True)
class Leak(Interval):
    """A stretch of time with gas at the robot.

    Attributes:
        first_sign_ns: when a sensor can first notice it.
        recovered_ns: when no sensor notices it any more.
        place: x and y of where it is, metres in the map; None where nobody knows.
    """

    first_sign_ns: int
    recovered_ns: int
    place: tuple[float, float] | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.first_sign_ns > self.start_ns or self.recovered_ns < self.end_ns:
            raise ValueError(
                f"first_sign_ns {self.first_sign_ns} and recovered_ns {self.recovered_ns} of {self.label} "
                f"must enclose start_ns {self.start_ns} and end_ns {self.end_ns}"
            )

    def shifted(self, by_ns: int) -> Leak:
        """Return the same leak, with its signs, on a clock that is ahead by `by_ns`."""
        return replace(
            self,
            start_ns=self.start_ns + by_ns,
            end_ns=self.end_ns + by_ns,
            first_sign_ns=self.first_sign_ns + by_ns,
            recovered_ns=self.recovered_ns + by_ns,
        )

    @classmethod
    def without_aftermath(cls, interval: Interval) -> Leak:
        """A leak that the sensors notice exactly while it lasts."""
        start_ns, end_ns = interval.start_ns, interval.end_ns
        return cls(interval.label, start_ns, end_ns, first_sign_ns=start_ns, recovered_ns=end_ns)


@dataclass(frozen=True)
class ScoreSettings:
    """How a run is scored.

    Attributes:
        grace_ns: how long after a leak's last sign an alarm may still stand.
        min_leak_ns: leaks shorter than this need not raise an alarm.
    """

    grace_ns: int = 20 * NANOSECONDS_PER_SECOND
    min_leak_ns: int = 30 * NANOSECONDS_PER_SECOND

    @classmethod
    def for_alarm(cls, off_delay_ns: int) -> ScoreSettings:
        """How to score runs of an alarm that takes `off_delay_ns` to let go."""
        return cls(grace_ns=off_delay_ns + _SPARE_NS)

    def __post_init__(self) -> None:
        for name in ("grace_ns", "min_leak_ns"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} is {getattr(self, name)}; it must not be negative")


@dataclass(frozen=True)
class Score:
    """What became of a run's leaks and alarms.

    Attributes:
        leaks: leaks in the truth.
        alarms: alarms raised.
        missed_leaks: leaks of at least the minimum duration during which no alarm stood.
        leaks_under_standing_alarm: numbers, from 1, of the leaks during which an earlier alarm stood and
            none was raised: neither found nor missed.
        leaks_too_short: numbers, from 1, of the leaks below the minimum duration without an alarm.
        false_alarms: alarms that stood, at any moment, outside every leak's signs and grace period.
        misnamed_alarms: alarms raised on a leak that name another gas than the leak's.
        detection_delays_s: per leak, start to alarm, seconds; None where none was raised.
    """

    leaks: int
    alarms: int
    missed_leaks: int
    false_alarms: int
    misnamed_alarms: int
    leaks_under_standing_alarm: tuple[int, ...]
    leaks_too_short: tuple[int, ...]
    detection_delays_s: tuple[float | None, ...]


def score(
    leaks: Sequence[Leak],
    alarms: Sequence[Interval],
    settings: ScoreSettings,
) -> Score:
    """Compare a run with its truth.

    Args:
        leaks: when gas was really there.
        alarms: when the leak alarm had evidence, see `AlarmIntervals`.
        settings: grace period and minimum duration.
    """
    delays = tuple(detection_delay_s(leak, alarms) for leak in leaks)
    silent = [
        (number, leak)
        for number, (leak, delay) in enumerate(zip(leaks, delays, strict=True), start=1)
        if delay is None
    ]
    standing = tuple(number for number, leak in silent if any(_overlap(leak, alarm) for alarm in alarms))
    too_short = tuple(
        number
        for number, leak in silent
        if number not in standing and leak.end_ns - leak.start_ns < settings.min_leak_ns
    )
    return Score(
        leaks=len(leaks),
        alarms=len(alarms),
        missed_leaks=len(silent) - len(standing) - len(too_short),
        false_alarms=sum(is_false(alarm, leaks, settings.grace_ns) for alarm in alarms),
        misnamed_alarms=misnamed_alarms(leaks, alarms, settings.grace_ns),
        leaks_under_standing_alarm=standing,
        leaks_too_short=too_short,
        detection_delays_s=delays,
    )


def detection_delay_s(leak: Leak, alarms: Iterable[Interval]) -> float | None:
    """Seconds from the leak's start to the first alarm that was raised on its signs.

    Negative where the camera saw the leak before its gas was there; None where no alarm was raised, be
    it that an earlier one still stood.
    """
    starts = [
        alarm.start_ns for alarm in alarms if alarm.start_ns >= leak.first_sign_ns and _overlap(leak, alarm)
    ]
    return (min(starts) - leak.start_ns) / NANOSECONDS_PER_SECOND if starts else None


def _overlap(one: Interval, other: Interval) -> bool:
    return one.start_ns <= other.end_ns and other.start_ns <= one.end_ns


def is_false(alarm: Interval, leaks: Iterable[Leak], grace_ns: int) -> bool:
    """Whether any moment of the alarm lies outside every leak's signs and the grace period after them."""
    covered_until: int | None = None
    for leak in sorted(leaks, key=lambda leak: leak.first_sign_ns):
        if leak.first_sign_ns <= (alarm.start_ns if covered_until is None else covered_until):
            last_ns = leak.recovered_ns + grace_ns
            if last_ns >= alarm.start_ns:
                covered_until = last_ns if covered_until is None else max(covered_until, last_ns)
    return covered_until is None or covered_until < alarm.end_ns


def is_raised_outside(alarm: Interval, leaks: Iterable[Leak], grace_ns: int) -> bool:
    """Whether the alarm began outside every leak and the grace period after it.

    For leaks of which nobody knows how long sensors notice them: an alarm may outlast these.
    """
    return not any(leak.start_ns <= alarm.start_ns <= leak.end_ns + grace_ns for leak in leaks)


def misnamed_alarms(leaks: Sequence[Leak], alarms: Iterable[Interval], grace_ns: int) -> int:
    """How many alarms were raised on a leak and name another gas than the leak's."""
    found = ((alarm, leak_of(alarm, leaks, grace_ns)) for alarm in alarms)
    return sum(index is not None and leaks[index].label != alarm.label for alarm, index in found)


class AlarmIntervals:
    """When each alarm sensed its gas, from what is told of the alarms as it comes.

    An alarm that only remembers its leak (`latched`) senses none.
    """

    def __init__(self) -> None:
        # Gas, begin and end of each, in the order in which they were raised; those that are open by number.
        self._all: list[tuple[str, int, int | None]] = []
        self._open: dict[int, int] = {}

    def __len__(self) -> int:
        """How many were raised so far."""
        return len(self._all)

    def begin(self, stamp_ns: int, number: int, gas: str) -> None:
        """Alarm `number` senses its gas from `stamp_ns` on; told again it changes nothing."""
        if number not in self._open:
            self._open[number] = len(self._all)
            self._all.append((gas, stamp_ns, None))

    def end(self, stamp_ns: int, number: int) -> None:
        """Alarm `number` senses nothing any more."""
        if number in self._open:
            place = self._open.pop(number)
            gas, since_ns, _ = self._all[place]
            self._all[place] = (gas, since_ns, stamp_ns)

    def show(self, stamp_ns: int, sensed: Mapping[int, str]) -> None:
        """From `stamp_ns` on these alarms, by number, sense their gas, and no others."""
        for number, place in list(self._open.items()):
            if sensed.get(number) != self._all[place][0]:
                self.end(stamp_ns, number)
        for number, gas in sensed.items():
            self.begin(stamp_ns, number, gas)

    def until(self, end_ns: int) -> list[Interval]:
        """Those so far, in the order in which they were raised; one that is still open ends with `end_ns`."""
        return [
            Interval(gas, since_ns, max(since_ns, end_ns if until_ns is None else until_ns))
            for gas, since_ns, until_ns in self._all
        ]


def alarm_intervals(states: Iterable[tuple[int, Mapping[int, str]]], end_ns: int) -> list[Interval]:
    """When each alarm sensed its gas, from the states that were published.

    Args:
        states: stamp and sensed alarms, see `AlarmIntervals.show`, in time order.
        end_ns: end of the run, which closes an interval that is still open.
    """
    intervals = AlarmIntervals()
    for stamp_ns, sensed in states:
        intervals.show(stamp_ns, sensed)
    return intervals.until(end_ns)


def one_at_a_time(intervals: Iterable[Interval]) -> list[Interval]:
    """Each interval, in the order of their begins, up to where the next one begins."""
    ordered = sorted(intervals, key=lambda one: one.start_ns)
    return [
        replace(one, end_ns=min(one.end_ns, following.start_ns) if following is not None else one.end_ns)
        for one, following in zip(ordered, [*ordered[1:], None], strict=True)
    ]


def leak_of(alarm: Interval, leaks: Sequence[Leak], grace_ns: int) -> int | None:
    """Index of the leak that an alarm was raised on: the latest one that it began on; None without one."""
    found = [
        index
        for index, leak in enumerate(leaks)
        if leak.first_sign_ns <= alarm.start_ns <= leak.recovered_ns + grace_ns
    ]
    return max(found, key=lambda index: leaks[index].first_sign_ns, default=None)


def label_intervals(labels: Iterable[tuple[int, str]]) -> list[Interval]:
    """Runs of equal labels, each from its first stamp to the first stamp of the next.

    Args:
        labels: (stamp_ns, label) in time order.
    """
    intervals: list[Interval] = []
    start_ns = last_ns = 0
    current: str | None = None
    for stamp_ns, label in labels:
        if label != current:
            if current is not None:
                intervals.append(Interval(current, start_ns, stamp_ns))
            start_ns, current = stamp_ns, label
        last_ns = stamp_ns
    if current is not None:
        intervals.append(Interval(current, start_ns, last_ns))
    return intervals


def leaks_of(intervals: Iterable[Interval]) -> list[Leak]:
    """The intervals in which there is gas, as leaks without an aftermath."""
    return [Leak.without_aftermath(interval) for interval in intervals if interval.label != CLEAN_AIR]


def per_hour(count: int | None, seconds: float | None) -> float | None:
    """`count` per hour; None where either is not known or no time passed."""
    if count is None or not seconds:
        return None
    return count * SECONDS_PER_HOUR / seconds


@dataclass(frozen=True)
class ReliabilityBin:
    """The verdicts whose confidence lies in one of `RELIABILITY_BINS` bins of equal width.

    Attributes:
        count: number of verdicts.
        confidence: their mean confidence, 0..1; 0 without any.
        accuracy: share of them that is right; 0 without any.
    """

    count: int
    confidence: float
    accuracy: float


class Reliability:
    """Tells how far confidence can be trusted, from verdicts as they come; of constant size."""

    def __init__(self) -> None:
        # Rows: verdicts, the sum of their confidence, right verdicts.
        self._sums = np.zeros((3, RELIABILITY_BINS))

    def add(self, confidence: npt.NDArray[np.float64], correct: npt.NDArray[np.bool_]) -> None:
        """Take verdicts in.

        Args:
            confidence: shape (N,), 0..1.
            correct: shape (N,), whether the most probable class is the right one.
        """
        # Guo et al. count a bin's upper limit as in it.
        place = np.maximum(np.ceil(confidence * RELIABILITY_BINS).astype(np.int64) - 1, 0)
        for row, weights in enumerate((np.ones(len(place)), confidence, correct)):
            self._sums[row] += np.bincount(place, weights=weights, minlength=RELIABILITY_BINS)

    def bins(self) -> tuple[ReliabilityBin, ...]:
        """The bins, by ascending confidence; empty ones too."""
        counts = self._sums[0]
        means = self._sums[1:] / np.maximum(counts, 1)
        return tuple(
            ReliabilityBin(int(count), float(confidence), float(accuracy))
            for count, confidence, accuracy in zip(counts, *means, strict=True)
        )


def expected_calibration_error(bins: Iterable[ReliabilityBin]) -> float | None:
    """Mean distance between confidence and accuracy over all verdicts; None without any.

    Source: Guo et al. (2017), On Calibration of Modern Neural Networks, equation 3.
    """
    filled = [one for one in bins if one.count]
    if not filled:
        return None
    weighted = sum(abs(one.confidence - one.accuracy) * one.count for one in filled)
    return weighted / sum(one.count for one in filled)
