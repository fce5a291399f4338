"""What is heard of a run gives the figures, the live view's snapshot and the picture's data."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from gas_fusion_ros.alarm.types import AlarmState, AlarmStatus, Reason, Severity, StandingAlarm
from gas_fusion_ros.base.observation import GasReading, Mode
from gas_fusion_ros.demo.heard import Heard
from gas_fusion_ros.demo.snapshot import HISTORY
from gas_fusion_ros.ros.classifier_messages import Classification
from gas_fusion_ros.truth.ground_truth import GroundTruth
from gas_fusion_ros.truth.scoring import Interval, Leak, ScoreSettings

S = 1_000_000_000
CLASSES = ("NoGas", "Smoke")
CHANNELS = ("mq2", "mq3")
LEAK = Leak("Smoke", 41 * S, 81 * S, 41 * S, 81 * S)
AIR = (
    Interval("NoGas", S, 41 * S),
    Interval("Smoke", 41 * S, 81 * S + 1),
    Interval("NoGas", 81 * S + 1, 200 * S),
)
TRUTH = GroundTruth(AIR, (LEAK,))
SCORING = ScoreSettings(grace_ns=20 * S)


FAULTS = (Reason("silence", "no reading"),)


def sensed(second: int) -> AlarmStatus:
    """One alarm stands, and its gas is sensed."""
    alarm = StandingAlarm(1, "Smoke", Severity.CRITICAL, AlarmState.ACTIVE, second * S, 0.9)
    return AlarmStatus(AlarmState.CLEAR, second * S, (alarm,))


def empty(truth: GroundTruth | None = TRUTH) -> Heard:
    return Heard(CLASSES, CHANNELS, truth, S, SCORING)


def classification(second: int, label: str, mode: Mode = Mode.FUSION) -> Classification:
    other = "NoGas" if label == "Smoke" else "Smoke"
    return Classification(second * S, label, {label: 0.9, other: 0.1}, mode, latency_ms=float(second))


def played(until: int) -> Heard:
    """A run of a reading a second, each classified five seconds late."""
    heard = empty()
    for second in range(1, until + 1):
        counts = np.array([second, 2 * second], dtype=np.float32)
        heard.add_reading(GasReading(second * S, CHANNELS, counts))
        heard.add_image()
        label = TRUTH.label((second - 5) * S)
        heard.add_classification(
            classification(second, label, Mode.GAS_ONLY if second % 10 == 0 else Mode.FUSION)
        )
    return heard


@pytest.fixture
def heard() -> Heard:
    heard = played(100)
    heard.add_alarm_state(AlarmStatus(AlarmState.CLEAR, S))
    heard.add_alarm_state(sensed(50))
    heard.add_alarm_state(AlarmStatus(AlarmState.CLEAR, 95 * S))
    return heard


def test_the_counts(heard: Heard) -> None:
    heard.add_classification(classification(500, "Smoke", Mode.THERMAL_ONLY))
    assert (heard.readings, heard.images) == (100, 100)
    modes = heard.tally.modes
    assert (modes[Mode.FUSION], modes[Mode.GAS_ONLY], heard.classified_readings) == (90, 10, 100)
    assert heard.newest_classified_ns == 100 * S, "a verdict from an image alone classifies no reading"
    latency = heard.tally.latency_ms()
    expected = np.percentile([*range(1, 101), 500], (50, 95, 99))
    assert (latency.p50, latency.p95, latency.p99) == pytest.approx(tuple(expected), rel=0.01)


def test_the_score(heard: Heard) -> None:
    heard.tally.pass_time(101 * S)
    score = heard.tally.score(heard.track)
    assert score is not None
    assert (score.leaks, score.alarms, score.missed_leaks, score.false_alarms) == (1, 1, 0, 0)
    assert score.detection_delays_s == (9.0,)
    assert heard.tally.class_accuracy() == pytest.approx(0.90)
    assert heard.tally.settled_accuracy() == 1.0


def test_the_accuracy_of_each_mode(heard: Heard) -> None:
    heard.add_classification(classification(500, "Smoke", Mode.THERMAL_ONLY))
    # Wrong from 41 to 45 and from 82 to 86 s, each reading of a full ten seconds without an image.
    assert heard.tally.accuracy_by_mode() == {"fusion": pytest.approx(80 / 90), "gas_only": 1.0}


def test_a_run_cut_short_is_scored_as_far_as_it_went() -> None:
    heard = played(41)
    score = heard.tally.score(heard.track)
    assert score is not None
    assert score.leaks == 0
    assert heard.track.leaks(60 * S, 0) == [Leak("Smoke", 41 * S, 60 * S, 41 * S, 81 * S)]


def test_the_snapshot_shows_the_newest(heard: Heard) -> None:
    shown = heard.snapshot(now_ns=61 * S, end_ns=101 * S, speed=10.0)
    assert (shown.elapsed_s, shown.duration_s) == (60.0, 100.0)
    assert shown.history.shape == (HISTORY, 2)
    assert shown.history[-1].tolist() == [100.0, 200.0]
    assert (shown.truth, shown.alarm, shown.label) == ("Smoke", "clear", "NoGas")


def test_a_fault_without_a_leak_is_shown_as_a_fault(heard: Heard) -> None:
    heard.add_alarm_state(AlarmStatus(AlarmState.FAULT, 96 * S, faults=FAULTS))
    assert heard.snapshot(97 * S, 101 * S, 1.0).alarm == "fault"
    heard.add_alarm_state(replace(sensed(97), faults=FAULTS))
    assert heard.snapshot(97 * S, 101 * S, 1.0).alarm == "active"


def test_the_timeline_is_in_stamp_order(heard: Heard) -> None:
    heard.add_classification(classification(2, "Smoke"))
    heard.tally.pass_time(101 * S)
    timeline = heard.timeline("title")
    assert timeline.counts.shape == (100, 2)
    assert timeline.probabilities.shape == (101, 2)
    assert (np.diff(timeline.verdict_stamps_ns) >= 0).all()
    assert timeline.truth == (*AIR[:2], Interval("NoGas", 81 * S + 1, 101 * S))
    assert timeline.alarms == (Interval("Smoke", 50 * S, 95 * S),)


def test_an_empty_run() -> None:
    heard = empty()
    heard.tally.pass_time(2 * S)
    score = heard.tally.score(heard.track)
    assert score is not None
    assert heard.tally.class_accuracy() is None
    timeline = heard.timeline("empty")
    assert timeline.probabilities.shape == (0, 2)
    assert (timeline.start_ns, timeline.end_ns) == (S, 2 * S)
    shown = heard.snapshot(S, 2 * S, 1.0)
    assert (shown.readings, shown.history.shape) == (0, (0, 2))


def test_without_a_truth_nothing_is_compared() -> None:
    heard = empty(truth=None)
    heard.add_classification(classification(2, "Smoke"))
    heard.add_alarm_state(sensed(3))
    heard.tally.pass_time(9 * S)
    assert heard.tally.score(heard.track) is None
    assert heard.tally.accuracy_by_mode() == {}
    assert heard.timeline("title").truth is None
    assert heard.snapshot(5 * S, 9 * S, 1.0).truth == ""
    assert heard.tally.alarms() == [Interval("Smoke", 3 * S, 9 * S)]


def test_unknown_verdicts_are_verdicts_of_their_own(heard: Heard) -> None:
    assert heard.tally.unknown_share() == 0.0
    probabilities = {"Smoke": 0.8, "NoGas": 0.2}
    for second in range(101, 126):
        heard.add_classification(Classification(second * S, "Unknown", probabilities, Mode.GAS_ONLY, 1.0))
    heard.add_classification(Classification(126 * S, "Unknown", probabilities, Mode.THERMAL_ONLY, 1.0))
    assert heard.classified_readings == 125
    assert heard.tally.unknown_share() == pytest.approx(25 / 125)
    assert heard.tally.class_accuracy() == pytest.approx(90 / 125)
    assert heard.snapshot(126 * S, 127 * S, 1.0).label == "Unknown"
    timeline = heard.timeline("title")
    assert timeline.unknown == (Interval("Unknown", 101 * S, 126 * S),)
    assert timeline.classes == CLASSES
