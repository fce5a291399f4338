"""Scores a run against its ground truth: leaks found and missed, false alarms, class accuracy.

Pure: intervals and verdicts in, figures out. Every time is in nanoseconds of the run's clock.

The grace period: MQ sensors recover within tens of seconds after the gas has gone (their T90), the
alarm's off-delay follows, and the label of the truth changes at once. For `grace_ns` after a leak an
alarm is therefore neither false nor late to end; what stands longer, or starts elsewhere, is false.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from gas_fusion_ros.observation import CLEAN_AIR

_SECOND_NS = 1_000_000_000

EVIDENCE_STATES = frozenset({"active", "acknowledged"})
"""States of the leak alarm in which gas is being sensed; `latched` only remembers it."""


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
        return (self.end_ns - self.start_ns) / _SECOND_NS


@dataclass(frozen=True)
class Judgement:
    """What was said and what was true at one instant.

    Attributes:
        stamp_ns: the reading's acquisition time.
        label: the class of the verdict.
        truth: the class of the ground truth.
    """

    stamp_ns: int
    label: str
    truth: str


@dataclass(frozen=True)
class ScoreSettings:
    """How a run is scored.

    Attributes:
        grace_ns: how long after a leak the sensors may still smell it.
        min_leak_ns: leaks shorter than this need not raise an alarm.
    """

    grace_ns: int = 60 * _SECOND_NS
    min_leak_ns: int = 30 * _SECOND_NS

    def __post_init__(self) -> None:
        for name in ("grace_ns", "min_leak_ns"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} is {getattr(self, name)}; it must not be negative")


@dataclass(frozen=True)
class Score:
    """The figures of a run.

    Attributes:
        leaks: leaks in the truth.
        alarms: alarms raised.
        missed_leaks: leaks of at least the minimum duration during which no alarm stood.
        false_alarms: alarms that stood, at any moment, outside every leak and its grace period.
        detection_delays_s: per leak, start to alarm, seconds; None where no alarm stood.
        class_accuracy: share of the verdicts that name the class that was true at their stamp;
            None without verdicts.
        settled_accuracy: the same without the verdicts within the grace period after a change of
            the truth.
    """

    leaks: int
    alarms: int
    missed_leaks: int
    false_alarms: int
    detection_delays_s: tuple[float | None, ...]
    class_accuracy: float | None
    settled_accuracy: float | None


def score(
    leaks: Sequence[Interval],
    alarms: Sequence[Interval],
    judgements: Sequence[Judgement],
    settings: ScoreSettings | None = None,
) -> Score:
    """Compare a run with its truth.

    Args:
        leaks: when gas was really there.
        alarms: when the leak alarm had evidence, see `alarm_intervals`.
        judgements: verdicts beside the truth, in stamp order.
        settings: grace period and minimum duration.
    """
    settings = settings or ScoreSettings()
    delays = tuple(detection_delay_s(leak, alarms) for leak in leaks)
    long_enough = [leak.end_ns - leak.start_ns >= settings.min_leak_ns for leak in leaks]
    return Score(
        leaks=len(leaks),
        alarms=len(alarms),
        missed_leaks=sum(needed and delay is None for needed, delay in zip(long_enough, delays, strict=True)),
        false_alarms=sum(is_false(alarm, leaks, settings.grace_ns) for alarm in alarms),
        detection_delays_s=delays,
        class_accuracy=_accuracy(judgements),
        settled_accuracy=_accuracy(settled(judgements, settings.grace_ns)),
    )


def detection_delay_s(leak: Interval, alarms: Iterable[Interval]) -> float | None:
    """Seconds from the leak's start to the first alarm that stood during it; 0 if one stood already."""
    starts = [
        max(alarm.start_ns, leak.start_ns)
        for alarm in alarms
        if alarm.start_ns <= leak.end_ns and alarm.end_ns >= leak.start_ns
    ]
    return (min(starts) - leak.start_ns) / _SECOND_NS if starts else None


def is_false(alarm: Interval, leaks: Iterable[Interval], grace_ns: int) -> bool:
    """Whether any moment of the alarm lies outside every leak and the grace period after it."""
    covered_until = alarm.start_ns
    for leak in sorted(leaks, key=lambda leak: leak.start_ns):
        if leak.start_ns <= covered_until:
            covered_until = max(covered_until, leak.end_ns + grace_ns)
    inside_any = any(leak.start_ns <= alarm.start_ns <= leak.end_ns + grace_ns for leak in leaks)
    return not inside_any or covered_until < alarm.end_ns


def settled(judgements: Sequence[Judgement], grace_ns: int) -> list[Judgement]:
    """The judgements that are not within `grace_ns` after a change of the truth."""
    kept: list[Judgement] = []
    changed_ns: int | None = None
    previous: str | None = None
    for judgement in judgements:
        if previous is not None and judgement.truth != previous:
            changed_ns = judgement.stamp_ns
        previous = judgement.truth
        if changed_ns is None or judgement.stamp_ns - changed_ns > grace_ns:
            kept.append(judgement)
    return kept


def alarm_intervals(states: Iterable[tuple[int, str, str]], end_ns: int) -> list[Interval]:
    """When the alarm had evidence of gas, from the states it published.

    Args:
        states: (stamp_ns, state, gas) in time order, as on `gas/alarm_state`; repeated states are
            one interval.
        end_ns: end of the run, which closes an interval that is still open.
    """
    intervals: list[Interval] = []
    open_since: tuple[int, str] | None = None
    for stamp_ns, state, gas in states:
        if state in EVIDENCE_STATES and open_since is None:
            open_since = (stamp_ns, gas)
        elif state not in EVIDENCE_STATES and open_since is not None:
            intervals.append(Interval(open_since[1], open_since[0], stamp_ns))
            open_since = None
    if open_since is not None:
        intervals.append(Interval(open_since[1], open_since[0], max(end_ns, open_since[0])))
    return intervals


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


def leaks_of(intervals: Iterable[Interval]) -> list[Interval]:
    """The intervals in which there is gas."""
    return [interval for interval in intervals if interval.label != CLEAN_AIR]


def _accuracy(judgements: Sequence[Judgement]) -> float | None:
    if not judgements:
        return None
    return sum(judgement.label == judgement.truth for judgement in judgements) / len(judgements)
