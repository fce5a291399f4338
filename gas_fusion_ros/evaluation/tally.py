"""Counts what is said of a bag or a live run, beside the truth, in memory that does not grow with it.

Alarms and leaks are the exception: each is kept, for each is reported.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from gas_fusion_ros.alarm.types import AlarmEvent, AlarmStatus
from gas_fusion_ros.base.observation import UNKNOWN, GasReading, Mode
from gas_fusion_ros.base.units import NANOSECONDS_PER_SECOND
from gas_fusion_ros.evaluation.class_figures import accuracy_of, share_of
from gas_fusion_ros.evaluation.histograms import LogHistogram, OffsetCounts
from gas_fusion_ros.evaluation.poses import place_of
from gas_fusion_ros.evaluation.schema import (
    AlarmOutcome,
    LeakOutcome,
    LeakPose,
    LeakVerdict,
    Percentiles,
    Place,
)
from gas_fusion_ros.evaluation.thinning import Thinned
from gas_fusion_ros.evaluation.timeline import Timeline
from gas_fusion_ros.pipeline.offline import Decision
from gas_fusion_ros.ros.classifier_messages import Classification
from gas_fusion_ros.truth.scoring import (
    AlarmIntervals,
    Interval,
    Leak,
    Reliability,
    Score,
    ScoreSettings,
    is_false,
    is_raised_outside,
    label_intervals,
    leak_of,
    score,
)
from gas_fusion_ros.truth.track import Moments, TruthTrack

_NS_PER_MS = 1e6


@dataclass(frozen=True)
class _Said:
    """One verdict, as the timeline shows it."""

    probabilities: npt.NDArray[np.float32]
    label: str


class Tally:
    """Everything that a report is made of.

    Args:
        classes: the model's classes, length K.
        channels: names of the readings' channels, length C.
        slop_ns: greatest offset of a pair.
        score_settings: grace period and least duration of leaks.
        start_ns: moment that times count from; None for that of the first reading.

    Attributes:
        classes: as given.
        confusion: shape (K, K + 1), readings by truth and verdict; the last column is `Unknown`.
        reliability: of all judged readings, by their most probable class.
        offsets: of the pairs.
        modes: verdicts by mode.
        judged_by: judged readings by mode and whether they were called by their class.
        settled: judged readings made in settled air, and how many of them were right.
        unknown: classified readings whose verdict is `Unknown`.
        faults: how often a fault came.
    """

    def __init__(
        self,
        classes: tuple[str, ...],
        channels: tuple[str, ...],
        slop_ns: int,
        score_settings: ScoreSettings,
        start_ns: int | None = None,
    ) -> None:
        self.classes = classes
        self._channels = channels
        self._score_settings = score_settings
        self._moments = Moments()
        self._start_ns = start_ns
        self._end_ns = 0
        self.confusion = np.zeros((len(classes), len(classes) + 1), dtype=np.int64)
        self.reliability = Reliability()
        self.offsets = OffsetCounts(slop_ns)
        self.modes: Counter[Mode] = Counter()
        self.judged_by: Counter[tuple[Mode, bool]] = Counter()
        self.settled: Counter[bool] = Counter()
        self.unknown = 0
        self.faults = 0
        self._fault_stands = False
        self._latency = LogHistogram()
        self._alarms = AlarmIntervals()
        # Where the robot was at an alarm, by its place in the order in which they were raised.
        self._places: dict[int, Place | None] = {}
        self._numbers: dict[int, int] = {}
        self._leak_poses: dict[int, LeakPose] = {}
        self._readings: Thinned[npt.NDArray[np.float32]] = Thinned()
        self._verdicts: Thinned[_Said] = Thinned()

    @property
    def start_ns(self) -> int:
        """The moment given, or of the first reading, or of the first verdict on an image alone; 0 before."""
        return self._start_ns or 0

    @property
    def end_ns(self) -> int:
        """The latest moment so far."""
        return max(self._end_ns, self.start_ns)

    def pass_time(self, moment_ns: int) -> None:
        """The recording or run goes on up to this moment."""
        self._end_ns = max(self._end_ns, moment_ns)

    def add_reading(self, reading: GasReading, recorded_ns: int) -> int:
        """Take in a reading, which may lack channels or have others besides; return its moment."""
        moment_ns = self._reach(reading.stamp_ns, recorded_ns)
        by_name = dict(zip(reading.channels, reading.counts, strict=True))
        counts = np.array([by_name.get(name, np.nan) for name in self._channels], dtype=np.float32)
        self._readings.add(moment_ns, counts)
        return moment_ns

    def add_decision(self, decision: Decision, truth: TruthTrack) -> str | None:
        """Take in what the pipeline decided; return the class that was true, None where nobody knows."""
        offset_ns = decision.sample.observation.pair_offset_ns
        if offset_ns is not None:
            self.offsets.add(offset_ns)
        verdict, cost_ms = decision.verdict, decision.cost_ns / _NS_PER_MS
        said = Classification(verdict.stamp_ns, verdict.label, verdict.by_class, verdict.mode, cost_ms)
        return self.add_classification(said, decision.recorded_ns, truth)

    def add_classification(self, said: Classification, recorded_ns: int, truth: TruthTrack) -> str | None:
        """Take in a verdict as it is published; return the class that was true, None where nobody knows."""
        moment_ns = self._reach(said.stamp_ns, recorded_ns)
        self.modes[said.mode] += 1
        if math.isfinite(said.latency_ms):
            self._latency.add(said.latency_ms)
        probabilities = np.array([said.probabilities.get(name, 0.0) for name in self.classes], np.float32)
        self._verdicts.add(moment_ns, _Said(probabilities, said.label))
        true = truth.at(moment_ns, said.stamp_ns)
        if said.mode is not Mode.THERMAL_ONLY:
            self.unknown += said.label == UNKNOWN
            if true in self.classes:
                is_settled = truth.is_settled(moment_ns, said.stamp_ns)
                self._judge(said.mode, said.label, probabilities, true, is_settled)
        return true

    def add_alarm(self, event: AlarmEvent) -> None:
        """Take in a change of an alarm or of the watch."""
        self.faults += event.fault and not self._fault_stands
        self._fault_stands = event.fault
        moment_ns = event.stamp_ns + self._moments.shift_ns
        if event.raises_alarm:
            self._places[len(self._alarms)] = place_of(event.pose)
            self._numbers[len(self._alarms)] = event.alarm
            self._alarms.begin(moment_ns, event.alarm, event.gas)
        elif not event.state.is_sensed:
            self._alarms.end(moment_ns, event.alarm)

    def add_leak_pose(self, alarm: int, pose: LeakPose) -> None:
        """The leak of an alarm, by its number, is there."""
        self._leak_poses[alarm] = pose

    @property
    def alarm_numbers(self) -> tuple[int, ...]:
        """Numbers of the alarms that `add_alarm` told of, in the order in which they were raised."""
        return tuple(self._numbers.values())

    def add_alarm_state(self, status: AlarmStatus) -> None:
        """Take in the state of the alarms as it is published; it has no places."""
        self._alarms.show(status.since_ns + self._moments.shift_ns, status.sensed)

    def alarms(self) -> list[Interval]:
        """When each alarm sensed its gas, in the order in which they were raised."""
        return self._alarms.until(self.end_ns)

    def latency_ms(self) -> Percentiles:
        """Percentiles of the wall time per verdict, milliseconds."""
        return self._latency.percentiles()

    @property
    def classified_readings(self) -> int:
        """Readings with a verdict, with an image or alone."""
        return self.modes[Mode.FUSION] + self.modes[Mode.GAS_ONLY]

    def unknown_share(self) -> float | None:
        """Share of the classified readings whose verdict is `Unknown`; None without any."""
        return share_of(self.unknown, self.classified_readings)

    def class_accuracy(self) -> float | None:
        """Share of the judged readings that were called by their class; None without any."""
        return accuracy_of(self.confusion)

    def settled_accuracy(self) -> float | None:
        """The same in settled air."""
        return share_of(self.settled[True], self.settled.total())

    def accuracy_by_mode(self) -> dict[str, float]:
        """The same of each mode that has judged readings."""
        shares = {mode: share_of(self.judged_by[mode, True], self._judged(mode)) for mode in Mode}
        return {mode.value: part for mode, part in shares.items() if part is not None}

    def score(self, truth: TruthTrack) -> Score | None:
        """What became of the leaks and alarms; None where the truth is not known."""
        if not truth.is_known:
            return None
        leaks = truth.leaks(self.end_ns, self._moments.shift_ns)
        return score(leaks, self.alarms(), self._score_settings)

    def leak_outcomes(self, truth: TruthTrack) -> tuple[LeakOutcome, ...] | None:
        """Each leak and what became of it; None where the truth is not known."""
        found = self.score(truth)
        if found is None:
            return None
        leaks = truth.leaks(self.end_ns, self._moments.shift_ns)
        grace_ns = self._score_settings.grace_ns
        raised_on = [(alarm, leak_of(alarm, leaks, grace_ns)) for alarm in self.alarms()]
        outcomes = []
        for number, (leak, delay_s) in enumerate(zip(leaks, found.detection_delays_s, strict=True), start=1):
            verdict = LeakVerdict.MISSED if delay_s is None else LeakVerdict.FOUND
            if number in found.leaks_under_standing_alarm:
                verdict = LeakVerdict.ALARM_STOOD
            elif number in found.leaks_too_short:
                verdict = LeakVerdict.TOO_SHORT
            start_s, end_s = self._seconds(leak)
            named = next((alarm.label for alarm, of in raised_on if of == number - 1), None)
            outcomes.append(
                LeakOutcome(leak.label, start_s, end_s, delay_s is not None, delay_s, verdict, named)
            )
        return tuple(outcomes)

    def alarm_outcomes(self, truth: TruthTrack) -> tuple[AlarmOutcome, ...]:
        """Each alarm and whether it was false."""
        shift_ns = self._moments.shift_ns
        leaks = truth.leaks(self.end_ns, shift_ns)
        gaps = truth.unlabelled(self.start_ns, self.end_ns, shift_ns)
        # Where nobody knows there may have been a leak, with its aftermath.
        leaks_or_gaps = [*leaks, *(Leak.without_aftermath(gap) for gap in gaps)]
        grace_ns = self._score_settings.grace_ns
        is_wrong = is_false if truth.knows_signs else is_raised_outside
        outcomes = []
        for number, alarm in enumerate(self.alarms()):
            place = self._places.get(number)
            leak_pose = self._leak_poses.get(self._numbers.get(number, 0))
            false: bool | None = None
            if truth.is_known and is_wrong(alarm, leaks_or_gaps, grace_ns):
                false = True
            elif truth.is_known and not is_wrong(alarm, leaks, grace_ns):
                false = False
            index = leak_of(alarm, leaks, grace_ns)
            leak = leaks[index] if index is not None else None
            outcomes.append(
                AlarmOutcome(
                    alarm.label,
                    *self._seconds(alarm),
                    false,
                    place,
                    leak=index + 1 if index is not None else None,
                    names_leak=alarm.label == leak.label if leak is not None else None,
                    distance_m=_distance_m(place, leak),
                    leak_pose=leak_pose,
                    leak_pose_distance_m=_distance_m(leak_pose, leak),
                )
            )
        return tuple(outcomes)

    def clean_air_s(self, truth: TruthTrack) -> float | None:
        """Seconds of clean air; None where the truth is not known."""
        return truth.clean_air_s(self.start_ns, self.end_ns, self._moments.shift_ns)

    def timeline(self, title: str, truth: TruthTrack) -> Timeline:
        """What the picture shows, thinned."""
        readings, said = self._readings.in_time_order(), self._verdicts.in_time_order()
        counts = [row for _, row in readings]
        probabilities = [one.probabilities for _, one in said]
        return Timeline(
            title=title,
            start_ns=self.start_ns,
            end_ns=self.end_ns,
            channels=self._channels,
            reading_stamps_ns=np.array([stamp for stamp, _ in readings], dtype=np.int64),
            counts=np.array(counts, dtype=np.float32).reshape(len(counts), len(self._channels)),
            classes=self.classes,
            verdict_stamps_ns=np.array([stamp for stamp, _ in said], dtype=np.int64),
            probabilities=np.array(probabilities, dtype=np.float32).reshape(len(said), len(self.classes)),
            truth=self._true_intervals(truth),
            alarms=tuple(self.alarms()),
            unknown=tuple(
                interval
                for interval in label_intervals((stamp, one.label) for stamp, one in said)
                if interval.label == UNKNOWN
            ),
        )

    def _true_intervals(self, truth: TruthTrack) -> tuple[Interval, ...] | None:
        if not truth.is_known:
            return None
        shift_ns = self._moments.shift_ns
        return tuple(truth.intervals(self.end_ns, shift_ns) or truth.leaks(self.end_ns, shift_ns))

    def _judged(self, mode: Mode) -> int:
        return self.judged_by[mode, True] + self.judged_by[mode, False]

    def _judge(
        self, mode: Mode, label: str, probabilities: npt.NDArray[np.float32], true: str, is_settled: bool
    ) -> None:
        row = self.classes.index(true)
        column = len(self.classes) if label == UNKNOWN else self.classes.index(label)
        self.confusion[row, column] += 1
        self.judged_by[mode, row == column] += 1
        if is_settled:
            self.settled[row == column] += 1
        confidence, best = min(float(probabilities.max()), 1.0), int(probabilities.argmax())
        self.reliability.add(np.array([confidence]), np.array([row == best]))

    def _reach(self, stamp_ns: int, recorded_ns: int) -> int:
        moment_ns = self._moments.of(stamp_ns, recorded_ns)
        if self._start_ns is None:
            self._start_ns = moment_ns
        self.pass_time(moment_ns)
        return moment_ns

    def _seconds(self, interval: Interval) -> tuple[float, float]:
        return (
            round((interval.start_ns - self.start_ns) / NANOSECONDS_PER_SECOND, 6),
            round((interval.end_ns - self.start_ns) / NANOSECONDS_PER_SECOND, 6),
        )


def _distance_m(place: Place | LeakPose | None, leak: Leak | None) -> float | None:
    """From a place to the leak; None where either is not known."""
    if place is None or leak is None or leak.place is None:
        return None
    x, y = leak.place
    return round(math.hypot(place.x - x, place.y - y), 2)
