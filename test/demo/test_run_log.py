"""A run's log gives the figures, the live view's snapshot and the picture's data."""

from __future__ import annotations

import numpy as np
import pytest

from gas_fusion_ros.base.observation import Mode
from gas_fusion_ros.demo.report import Latency
from gas_fusion_ros.demo.run_log import RunLog
from gas_fusion_ros.demo.snapshot import HISTORY
from gas_fusion_ros.truth.decoding import AlarmReport, Classification
from gas_fusion_ros.truth.ground_truth import GroundTruth
from gas_fusion_ros.truth.scoring import Interval, Leak, ScoreSettings

S = 1_000_000_000
CHANNELS = ("mq2", "mq3")
LEAK = Leak("Smoke", 41 * S, 81 * S, 41 * S, 81 * S)


def truth_label(stamp_ns: int) -> str:
    return "Smoke" if LEAK.start_ns <= stamp_ns <= LEAK.end_ns else "NoGas"


def classification(second: int, label: str, mode: Mode = Mode.FUSION) -> Classification:
    other = "NoGas" if label == "Smoke" else "Smoke"
    return Classification(second * S, label, {label: 0.9, other: 0.1}, mode, latency_ms=float(second))


@pytest.fixture
def log() -> RunLog:
    log = RunLog(CHANNELS, GroundTruth(truth_label, (LEAK,)), start_ns=S)
    for second in range(1, 101):
        log.add_reading(second * S, np.array([second, 2 * second], dtype=np.float32))
        log.add_image()
        label = truth_label((second - 5) * S)
        log.add_classification(
            classification(second, label, Mode.GAS_ONLY if second % 10 == 0 else Mode.FUSION)
        )
    log.add_alarm_state(AlarmReport(S, "clear"))
    log.add_alarm_state(AlarmReport(50 * S, "active", "Smoke", sensed={1: "Smoke"}))
    log.add_alarm_state(AlarmReport(95 * S, "clear"))
    return log


def test_the_counts(log: RunLog) -> None:
    log.add_classification(classification(500, "Smoke", Mode.THERMAL_ONLY))
    assert (log.readings, log.images) == (100, 100)
    assert (log.classified(Mode.FUSION), log.classified(Mode.GAS_ONLY), log.classified_readings) == (
        90,
        10,
        100,
    )
    assert log.newest_classified_ns == 100 * S, "a verdict from an image alone classifies no reading"
    assert log.latency() == Latency.of([*range(1, 101), 500])


def test_the_score(log: RunLog) -> None:
    score = log.score(101 * S, ScoreSettings(grace_ns=20 * S))
    assert score is not None
    assert (score.leaks, score.alarms, score.missed_leaks, score.false_alarms) == (1, 1, 0, 0)
    assert score.detection_delays_s == (9.0,)
    assert score.class_accuracy == pytest.approx(0.90)
    assert score.settled_accuracy == 1.0


def test_the_accuracy_of_each_mode(log: RunLog) -> None:
    log.add_classification(classification(500, "Smoke", Mode.THERMAL_ONLY))
    # Wrong from 41 to 45 and from 82 to 86 s, each reading of a full ten seconds without an image.
    assert log.accuracy_by_mode() == {"fusion": pytest.approx(80 / 90), "gas_only": 1.0}


def test_a_run_cut_short_is_scored_as_far_as_it_went(log: RunLog) -> None:
    score = log.score(41 * S, ScoreSettings())
    assert score is not None
    assert score.leaks == 0
    assert log.leaks(60 * S) == [Leak("Smoke", 41 * S, 60 * S, 41 * S, 81 * S)]


def test_the_snapshot_shows_the_newest(log: RunLog) -> None:
    shown = log.snapshot(now_ns=61 * S, end_ns=101 * S, speed=10.0)
    assert (shown.elapsed_s, shown.duration_s) == (60.0, 100.0)
    assert shown.history.shape == (HISTORY, 2)
    assert shown.history[-1].tolist() == [100.0, 200.0]
    assert (shown.truth, shown.alarm, shown.label) == ("Smoke", "clear", "NoGas")


def test_a_fault_without_a_leak_is_shown_as_a_fault(log: RunLog) -> None:
    log.add_alarm_state(AlarmReport(96 * S, "clear", fault=True))
    assert log.snapshot(97 * S, 101 * S, 1.0).alarm == "fault"
    log.add_alarm_state(AlarmReport(97 * S, "active", "Smoke", fault=True))
    assert log.snapshot(97 * S, 101 * S, 1.0).alarm == "active"


def test_the_timeline_is_in_stamp_order(log: RunLog) -> None:
    log.add_classification(classification(2, "Smoke"))
    timeline = log.timeline("title", 101 * S)
    assert timeline.counts.shape == (100, 2)
    assert timeline.probabilities.shape == (101, 2)
    assert (np.diff(timeline.verdict_stamps_ns) >= 0).all()
    assert timeline.truth == (LEAK,)
    assert timeline.alarms == (Interval("Smoke", 50 * S, 95 * S),)


def test_an_empty_run() -> None:
    log = RunLog(CHANNELS, GroundTruth(truth_label, (LEAK,)), start_ns=S)
    score = log.score(2 * S, ScoreSettings())
    assert score is not None
    assert score.class_accuracy is None
    assert log.timeline("empty", 2 * S).probabilities.shape == (0, 0)
    assert log.snapshot(S, 2 * S, 1.0).readings == 0


def test_without_a_truth_nothing_is_compared() -> None:
    log = RunLog(CHANNELS, None, start_ns=S)
    log.add_classification(classification(2, "Smoke"))
    log.add_alarm_state(AlarmReport(3 * S, "active", "Smoke", sensed={1: "Smoke"}))
    assert log.score(9 * S, ScoreSettings()) is None
    assert log.accuracy_by_mode() == {}
    assert log.timeline("title", 9 * S).truth is None
    assert log.snapshot(5 * S, 9 * S, 1.0).truth == ""
    assert log.alarms(9 * S) == [Interval("Smoke", 3 * S, 9 * S)]


def test_unknown_verdicts_are_verdicts_of_their_own(log: RunLog) -> None:
    assert log.unknown_share() == 0.0
    probabilities = {"Smoke": 0.8, "NoGas": 0.2}
    for second in range(101, 126):
        log.add_classification(Classification(second * S, "Unknown", probabilities, Mode.GAS_ONLY, 1.0))
    log.add_classification(Classification(126 * S, "Unknown", probabilities, Mode.THERMAL_ONLY, 1.0))
    assert log.classified_readings == 125
    assert log.unknown_share() == pytest.approx(25 / 125)
    score = log.score(126 * S, ScoreSettings())
    assert score is not None
    assert score.class_accuracy == pytest.approx(90 / 125)
    assert log.snapshot(126 * S, 127 * S, 1.0).label == "Unknown"
    timeline = log.timeline("title", 127 * S)
    assert timeline.unknown == (Interval("Unknown", 101 * S, 126 * S),)
    assert timeline.classes == ("NoGas", "Smoke")


def test_without_verdicts_there_is_no_share_of_unknown() -> None:
    assert RunLog(CHANNELS, None, start_ns=S).unknown_share() is None
