"""Figures counted as verdicts stream by agree with those over all of them at once."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from gas_fusion_ros.alarm.types import AlarmEvent, AlarmState
from gas_fusion_ros.base.observation import (
    PAPER_CHANNELS,
    PAPER_CLASSES,
    GasReading,
    Mode,
    Observation,
    RobotPose,
    Verdict,
)
from gas_fusion_ros.evaluation.schema import LeakVerdict
from gas_fusion_ros.evaluation.tally import Tally
from gas_fusion_ros.evaluation.thinning import MAX_POINTS
from gas_fusion_ros.model.classifier import Sample
from gas_fusion_ros.model.window import Window
from gas_fusion_ros.pipeline.offline import Decision
from gas_fusion_ros.ros.classifier_messages import Classification
from gas_fusion_ros.truth.scoring import (
    Interval,
    Leak,
    ScoreSettings,
    alarm_intervals,
    is_false,
    is_raised_outside,
    label_intervals,
    leaks_of,
    score,
)
from gas_fusion_ros.truth.track import LabelSource, Moments, TruthTrack

S = 1_000_000_000
START = 1_700_000_000 * S
GRACE = ScoreSettings(grace_ns=5 * S, min_leak_ns=6 * S)


def decision(
    stamp_ns: int,
    label: str = "NoGas",
    novelty: float | None = None,
    mode: Mode = Mode.GAS_ONLY,
    recorded_ns: int | None = None,
    confidence: float = 0.7,
) -> Decision:
    probabilities = np.full(4, (1 - confidence) / 3, dtype=np.float32)
    probabilities[PAPER_CLASSES.index(label)] = confidence
    reading = GasReading(stamp_ns, PAPER_CHANNELS, np.zeros(7, dtype=np.float32))
    blank = Window(np.zeros((1, 1, 7), dtype=np.float32), np.zeros((1, 1, 7), dtype=np.bool_))
    sample = Sample(Observation(reading, None), reading.counts, blank)
    verdict = Verdict(stamp_ns, "", mode, PAPER_CLASSES, probabilities, "made", novelty=novelty)
    return Decision(sample, verdict, stamp_ns if recorded_ns is None else recorded_ns, 1_000_000)


def event(
    stamp_ns: int,
    state: AlarmState,
    gas: str,
    previous: AlarmState,
    fault: bool = False,
    number: int = 1,
    pose: RobotPose | None = None,
) -> AlarmEvent:
    return AlarmEvent(stamp_ns, previous, state, gas, None, 0.5, 0.5, 0, fault, number, 1, pose=pose)


def tally() -> Tally:
    return Tally(PAPER_CLASSES, PAPER_CHANNELS, 100_000_000, GRACE)


@dataclass(frozen=True)
class Judgement:
    """What was said and what was true at one instant."""

    stamp_ns: int
    label: str
    truth: str


def accuracy(judgements: list[Judgement]) -> float | None:
    if not judgements:
        return None
    return sum(judgement.label == judgement.truth for judgement in judgements) / len(judgements)


def settled(judgements: list[Judgement], leaks: list[Leak], grace_ns: int) -> list[Judgement]:
    """The judgements made while the sensors did not follow a change of the air."""

    def follows_a_change(stamp_ns: int, leak: Leak) -> bool:
        return (
            leak.first_sign_ns <= stamp_ns < leak.start_ns + grace_ns
            or leak.end_ns <= stamp_ns < leak.recovered_ns + grace_ns
        )

    return [one for one in judgements if not any(follows_a_change(one.stamp_ns, leak) for leak in leaks)]


@dataclass(frozen=True)
class Step:
    """A second of a run: the verdict, the truth and the alarm's state."""

    said: str
    is_unknown: bool
    true: str
    state: AlarmState


STEPS = st.lists(
    st.builds(
        Step,
        st.sampled_from(PAPER_CLASSES),
        st.booleans(),
        st.sampled_from(["NoGas", "NoGas", "Smoke", "Perfume"]),
        st.sampled_from([AlarmState.CLEAR, AlarmState.ACTIVE, AlarmState.LATCHED]),
    ),
    min_size=1,
    max_size=40,
)


def stretched(steps: list[Step], times: int) -> list[Step]:
    """Each step so often, and the last once more: no leak begins as the run ends."""
    return [step for step in steps for _ in range(times)] + steps[-1:]


@given(STEPS, st.sampled_from(["csv", "topic", "told"]), st.sampled_from([1, 4]))
@examples(max_examples=150, deadline=None)
def test_figures_are_those_of_the_score_over_everything(drawn: list[Step], source: str, times: int) -> None:
    steps = stretched(drawn, times)
    stamps = [START + number * S for number in range(len(steps))]
    labels = [(stamp, step.true) for stamp, step in zip(stamps, steps, strict=True)]
    intervals = label_intervals(labels)
    counted = tally()
    truth = TruthTrack(intervals if source == "csv" else None, GRACE.grace_ns)
    if source == "told":
        truth.hear_leaks(leaks_of(intervals))
    states, previous, number = [], AlarmState.CLEAR, 0
    for stamp, step in zip(stamps, steps, strict=True):
        if source != "csv":
            truth.hear_label(stamp, step.true)
        counted.add_decision(decision(stamp, step.said, 2.0 if step.is_unknown else 0.5), truth)
        if step.state is not previous:
            # Each leak is an alarm of its own: none comes back from latched.
            number += step.state is AlarmState.ACTIVE
            before = AlarmState.CLEAR if step.state is AlarmState.ACTIVE else previous
            counted.add_alarm(event(stamp, step.state, "Smoke", before, number=number))
            states.append((stamp, {number: "Smoke"} if step.state is AlarmState.ACTIVE else {}))
            previous = step.state
    end_ns = stamps[-1]
    leaks = [leak for leak in leaks_of(intervals) if leak.start_ns < end_ns]
    alarms = alarm_intervals(states, end_ns)
    said = ["Unknown" if step.is_unknown else step.said for step in steps]
    judgements = [
        Judgement(stamp, label, step.true) for stamp, label, step in zip(stamps, said, steps, strict=True)
    ]
    expected = score(leaks, alarms, GRACE)
    assert counted.class_accuracy() == pytest.approx(accuracy(judgements))
    assert counted.score(truth) == expected
    # On a topic a leak that holds to the end has not ended with the last reading.
    going_on = {leak: replace(leak, end_ns=end_ns + 1, recovered_ns=end_ns + 1) for leak in leaks}
    known = [going_on[leak] if source == "topic" and leak.end_ns == end_ns else leak for leak in leaks]
    in_settled_air = accuracy(settled(judgements, known, GRACE.grace_ns))
    assert counted.settled_accuracy() == pytest.approx(in_settled_air)
    assert counted.unknown_share() == said.count("Unknown") / len(said)
    assert counted.alarms() == alarms
    outcomes = counted.leak_outcomes(truth)
    assert outcomes is not None
    assert tuple(leak.delay_s for leak in outcomes) == expected.detection_delays_s
    numbers = {
        verdict: [place for place, leak in enumerate(outcomes, 1) if leak.verdict is verdict]
        for verdict in LeakVerdict
    }
    assert len(numbers[LeakVerdict.MISSED]) == expected.missed_leaks
    assert tuple(numbers[LeakVerdict.ALARM_STOOD]) == expected.leaks_under_standing_alarm
    assert tuple(numbers[LeakVerdict.TOO_SHORT]) == expected.leaks_too_short
    false = [alarm.false for alarm in counted.alarm_outcomes(truth)]
    # Only leaks told on a topic say how long their signs last.
    is_wrong = is_false if source == "told" else is_raised_outside
    assert false == [is_wrong(alarm, leaks, GRACE.grace_ns) for alarm in alarms]
    clean = sum(one.duration_s for one in intervals if one.label == "NoGas")
    assert counted.clean_air_s(truth) == pytest.approx(clean)


def test_accuracy_counts_every_verdict_and_the_settled_one_skips_the_changes() -> None:
    counted = Tally(PAPER_CLASSES, PAPER_CHANNELS, 0, ScoreSettings(grace_ns=20 * S))
    truth = TruthTrack(
        [
            Interval("NoGas", 0, 100 * S),
            Interval("Smoke", 100 * S, 200 * S),
            Interval("NoGas", 200 * S, 300 * S),
        ],
        grace_ns=20 * S,
    )
    truth.hear_leaks([Leak("Smoke", 100 * S, 200 * S, first_sign_ns=95 * S, recovered_ns=230 * S)])
    for second, label in (
        (90, "NoGas"),
        (95, "Smoke"),
        (100, "NoGas"),
        (119, "NoGas"),
        (120, "NoGas"),
        (199, "Smoke"),
        (200, "Smoke"),
        (249, "Smoke"),
        (250, "NoGas"),
    ):
        before = counted.settled.total()
        counted.add_decision(decision(second * S, label), truth)
        assert (counted.settled.total() > before) == (second in (90, 120, 199, 250))
    assert counted.class_accuracy() == pytest.approx(3 / 9)
    assert counted.settled_accuracy() == pytest.approx(3 / 4)


def test_without_verdicts_there_is_no_accuracy() -> None:
    counted = tally()
    assert counted.class_accuracy() is None
    assert counted.unknown_share() is None


def test_an_unknown_verdict_is_never_right() -> None:
    counted = tally()
    truth = TruthTrack([Interval("NoGas", START, START + S), Interval("Smoke", START + S, START + 9 * S)], 0)
    for second in range(2):
        counted.add_decision(decision(START + second * S, novelty=2.0), truth)
    assert counted.class_accuracy() == 0.0


@given(st.lists(st.sampled_from(["NoGas", "Smoke", "Unknown"])))
def test_the_share_of_unknown_is_that_of_the_verdicts(labels: list[str]) -> None:
    counted, truth = tally(), TruthTrack(None, 0)
    for second, label in enumerate(labels):
        said = Classification(START + second * S, label, {"NoGas": 0.7, "Smoke": 0.3}, Mode.FUSION, 1.0)
        counted.add_classification(said, said.stamp_ns, truth)
    share = counted.unknown_share()
    if labels:
        assert share == pytest.approx(sum(label == "Unknown" for label in labels) / len(labels))
    else:
        assert share is None


def test_latency_percentiles() -> None:
    counted, truth = tally(), TruthTrack(None, 0)
    for latency_ms in (*range(101), float("nan")):
        counted.add_classification(Classification(START, "NoGas", {}, Mode.FUSION, latency_ms), START, truth)
    found = counted.latency_ms()
    assert (found.p50, found.p95, found.p99) == (50.0, 95.0, 99.0)


def test_nothing_is_judged_without_a_truth() -> None:
    counted, truth = tally(), TruthTrack(None, GRACE.grace_ns)
    counted.add_decision(decision(START, "Smoke"), truth)
    counted.add_alarm(event(START, AlarmState.ACTIVE, "Smoke", AlarmState.CLEAR))
    assert truth.source is LabelSource.NONE
    assert not counted.confusion.any()
    assert counted.leak_outcomes(truth) is None
    assert [alarm.false for alarm in counted.alarm_outcomes(truth)] == [None]
    assert counted.clean_air_s(truth) is None
    assert counted.timeline("made", truth).truth is None


def test_images_alone_and_labels_of_no_class_are_not_judged() -> None:
    counted = tally()
    truth = TruthTrack([Interval("Smoke", START, START + S), Interval("Tea", START + S, START + 9 * S)], 0)
    assert counted.add_decision(decision(START, mode=Mode.THERMAL_ONLY), truth) == "Smoke"
    assert counted.add_decision(decision(START + 2 * S), truth) == "Tea"
    assert counted.add_decision(decision(START + 10 * S), truth) is None
    assert not counted.confusion.any()
    assert counted.modes == {Mode.THERMAL_ONLY: 1, Mode.GAS_ONLY: 2}


@pytest.mark.parametrize(
    ("start", "end", "false"),
    [
        (12, 14, False),  # at the leak
        (25, 28, True),  # in clean air
        (40, 45, None),  # where nobody knows
        (27, 45, True),  # begins in clean air
        (33, 36, None),  # in the aftermath of what nobody knows
    ],
)
def test_an_alarm_where_nobody_knows_is_neither_right_nor_false(
    start: int, end: int, false: bool | None
) -> None:
    counted = tally()
    truth = TruthTrack(
        [
            Interval("Smoke", START + 10 * S, START + 15 * S),
            Interval("NoGas", START + 15 * S, START + 30 * S),
        ],
        GRACE.grace_ns,
    )
    for second in range(61):
        counted.add_decision(decision(START + second * S), truth)
        if second == start:
            counted.add_alarm(event(START + second * S, AlarmState.ACTIVE, "Smoke", AlarmState.PENDING))
        if second == end:
            counted.add_alarm(event(START + second * S, AlarmState.LATCHED, "Smoke", AlarmState.ACTIVE))
    assert [alarm.false for alarm in counted.alarm_outcomes(truth)] == [false]


@pytest.mark.parametrize("told", [False, True])
def test_an_alarm_may_outlast_a_leak_whose_aftermath_nobody_knows(told: bool) -> None:
    counted = tally()
    smoke = Interval("Smoke", START + 10 * S, START + 15 * S)
    truth = TruthTrack([smoke, Interval("NoGas", START + 15 * S, START + 60 * S)], GRACE.grace_ns)
    if told:
        truth = TruthTrack(None, GRACE.grace_ns)
        truth.hear_leaks([Leak.without_aftermath(smoke)])
    for second in range(61):
        counted.add_decision(decision(START + second * S), truth)
    counted.add_alarm(event(START + 12 * S, AlarmState.ACTIVE, "Smoke", AlarmState.PENDING))
    counted.add_alarm(event(START + 50 * S, AlarmState.LATCHED, "Smoke", AlarmState.ACTIVE))
    assert [alarm.false for alarm in counted.alarm_outcomes(truth)] == [told]


def test_leaks_told_are_known_everywhere() -> None:
    counted, truth = tally(), TruthTrack(None, GRACE.grace_ns)
    leak = Leak("Smoke", START + 10 * S, START + 20 * S, START + 8 * S, START + 26 * S)
    truth.hear_leaks([leak])
    truth.hear_leaks([leak])  # told again
    for second in range(40):
        counted.add_decision(decision(START + second * S), truth)
    counted.add_alarm(event(START + 9 * S, AlarmState.ACTIVE, "Smoke", AlarmState.PENDING))
    counted.add_alarm(event(START + 30 * S, AlarmState.LATCHED, "Smoke", AlarmState.ACTIVE))
    (outcome,) = counted.leak_outcomes(truth) or ()
    assert (outcome.verdict, outcome.delay_s, outcome.start_s) == (LeakVerdict.FOUND, -1.0, 10.0)
    assert [alarm.false for alarm in counted.alarm_outcomes(truth)] == [False]
    assert counted.clean_air_s(truth) == 29.0
    assert [truth.is_settled(0, START + second * S) for second in (7, 8, 14, 15, 19, 20, 30, 31)] == [
        True,
        False,
        False,
        True,
        True,
        False,
        False,
        True,
    ]


def test_stamps_of_another_clock_stand_at_their_recording() -> None:
    moments = Moments()
    assert moments.of(1000 * S, START) == START
    assert moments.shift_ns == START - 1000 * S
    assert moments.of(START, START + 9 * S) == START
    assert moments.shift_ns == 0


@pytest.mark.parametrize("told", ["csv", "topic", "leaks"])
def test_truth_and_alarms_of_another_clock_come_together(told: str) -> None:
    counted = tally()
    in_stamps = [Interval("NoGas", 1000 * S, 1010 * S), Interval("Smoke", 1010 * S, 1030 * S)]
    truth = TruthTrack(in_stamps if told == "csv" else None, GRACE.grace_ns)
    if told == "leaks":
        truth.hear_leaks(leaks_of(in_stamps))
    for second in range(30):
        if told == "topic":
            truth.hear_label(START + second * S, "NoGas" if second < 10 else "Smoke")
        label = "NoGas" if second < 12 else "Smoke"
        counted.add_decision(decision((1000 + second) * S, label, recorded_ns=START + second * S), truth)
        if second == 12:
            counted.add_alarm(event(1012 * S, AlarmState.ACTIVE, "Smoke", AlarmState.PENDING))
    (outcome,) = counted.leak_outcomes(truth) or ()
    assert (outcome.start_s, outcome.delay_s, outcome.verdict) == (10.0, 2.0, LeakVerdict.FOUND)
    assert counted.alarms() == [Interval("Smoke", START + 12 * S, START + 29 * S)]
    assert counted.start_ns == START
    if told != "leaks":
        assert counted.confusion.sum() == 30
        assert np.trace(counted.confusion) == 28


@pytest.mark.parametrize("label", ["", "Unknown"])
def test_a_label_that_is_no_class_is_refused(label: str) -> None:
    truth = TruthTrack(None, 0)
    with pytest.raises(ValueError, match="is no class"):
        truth.hear_label(START, label)
    assert truth.source is LabelSource.NONE


def test_labels_out_of_order_are_refused_and_what_held_goes_on() -> None:
    truth = TruthTrack(None, 0)
    truth.hear_label(START, "NoGas")
    with pytest.raises(ValueError, match="before"):
        truth.hear_label(START - S, "Smoke")
    assert truth.at(START + S, START + S) == "NoGas"


def test_faults_are_counted_as_they_come() -> None:
    counted = tally()
    clear, fault = AlarmState.CLEAR, AlarmState.FAULT
    counted.add_alarm(event(START, fault, "", clear, fault=True))
    counted.add_alarm(event(START + S, AlarmState.ACTIVE, "Smoke", fault, fault=True))
    counted.add_alarm(event(START + 2 * S, AlarmState.ACTIVE, "Smoke", AlarmState.ACTIVE))
    counted.add_alarm(event(START + 3 * S, AlarmState.ACTIVE, "Smoke", AlarmState.ACTIVE, fault=True))
    assert counted.faults == 2


def test_an_alarm_has_its_leak_its_name_and_the_place_of_its_raising() -> None:
    counted, truth = tally(), TruthTrack(None, GRACE.grace_ns)
    active, latched, clear = AlarmState.ACTIVE, AlarmState.LATCHED, AlarmState.CLEAR
    smoke = Leak("Smoke", START, START + 8 * S, START, START + 8 * S, place=(3.0, 4.0))
    perfume = Leak("Perfume", START + 19 * S, START + 26 * S, START + 19 * S, START + 26 * S)
    truth.hear_leaks([smoke, perfume])
    counted.pass_time(START + 60 * S)
    steps = [
        (0, active, "Smoke", clear, 1),
        (2, active, "Mixture", clear, 2),  # another gas leads: another alarm
        (5, latched, "Smoke", active, 1),
        (9, clear, "Mixture", active, 2),
        (20, active, "Perfume", clear, 3),
        (25, clear, "Perfume", active, 3),
        (40, active, "Smoke", clear, 4),
    ]
    for second, state, gas, previous, number in steps:
        pose = None if second == 20 else RobotPose(float(second), 0.0)
        counted.add_alarm(event(START + second * S, state, gas, previous, number=number, pose=pose))
    alarms = counted.alarm_outcomes(truth)
    assert [alarm.gas for alarm in alarms] == ["Smoke", "Mixture", "Perfume", "Smoke"]
    assert [alarm.pose and alarm.pose.x for alarm in alarms] == [0.0, 2.0, None, 40.0]
    assert [alarm.leak for alarm in alarms] == [1, 1, 2, None]
    assert [alarm.names_leak for alarm in alarms] == [True, False, True, None]
    assert [alarm.distance_m for alarm in alarms] == [5.0, 4.12, None, None]
    assert [leak.alarm_gas for leak in counted.leak_outcomes(truth) or ()] == ["Smoke", "Perfume"]


def test_alarms_of_the_same_stamp_keep_their_places() -> None:
    """A bag that looped: in its second round the same stamps come again."""
    counted, truth = tally(), TruthTrack(None, GRACE.grace_ns)
    for loop in (1, 2):
        for second, state, previous in (
            (1, AlarmState.ACTIVE, AlarmState.CLEAR),
            (3, AlarmState.CLEAR, AlarmState.ACTIVE),
        ):
            pose = RobotPose(float(loop), 0.0)
            counted.add_alarm(event(START + second * S, state, "Smoke", previous, number=loop, pose=pose))
    assert [alarm.pose and alarm.pose.x for alarm in counted.alarm_outcomes(truth)] == [1.0, 2.0]


def test_the_timeline_is_bounded_and_whole() -> None:
    counted, truth = tally(), TruthTrack([Interval("NoGas", START, START + 10**6 * S)], 0)
    count = 3 * MAX_POINTS
    for second in range(count):
        stamp = START + second * S
        counted.add_reading(GasReading(stamp, PAPER_CHANNELS, np.full(7, second, np.float32)), stamp)
        counted.add_decision(decision(stamp, novelty=2.0), truth)
    timeline = counted.timeline("made", truth)
    for stamps in (timeline.reading_stamps_ns, timeline.verdict_stamps_ns):
        assert MAX_POINTS / 2 <= len(stamps) <= MAX_POINTS
        assert stamps[0] == START
        assert stamps[-1] >= START + (count - 8) * S
    assert timeline.counts.shape == (len(timeline.reading_stamps_ns), 7)
    assert timeline.end_ns == START + (count - 1) * S
    assert timeline.truth == (Interval("NoGas", START, timeline.end_ns),)
    assert [one.label for one in timeline.unknown] == ["Unknown"]
