"""The alarm on the time line of the stamps: silence has one date, whoever notices it and whenever."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gas_fusion_ros.alarm.clock import NO_READING, SILENCE, SLOW, STOPPED, AlarmClock, Conditions, Instant
from gas_fusion_ros.alarm.leak_alarm import (
    AlarmEvent,
    AlarmSettings,
    AlarmState,
    AlarmStatus,
    CommandResult,
    Reason,
    Severity,
)
from gas_fusion_ros.alarm.settings import (
    DEFAULT_SEVERITIES,
    AlarmAdvice,
    AlarmChoice,
    default_alarm,
    gases_of,
    severities_of,
)
from gas_fusion_ros.base.observation import PAPER_CLASSES, Mode, Verdict

S = 1_000_000_000
START = 1000 * S
SETTINGS = AlarmSettings(DEFAULT_SEVERITIES, on_delay_ns=3 * S, off_delay_ns=10 * S, timeout_ns=10 * S)


class Heard:
    """Keeps what a listener hears."""

    def __init__(self) -> None:
        self.events: list[AlarmEvent] = []
        self.statuses: list[AlarmStatus] = []

    def __call__(self, status: AlarmStatus, stamp_ns: int, events: tuple[AlarmEvent, ...]) -> None:
        assert not events or events[-1].stamp_ns == stamp_ns
        self.events += events
        self.statuses.append(status)

    @property
    def changes(self) -> list[tuple[AlarmState, int]]:
        return [(event.state, (event.stamp_ns - START) // S) for event in self.events]


def verdict(stamp_ns: int, smoke: float = 0.0, mode: Mode = Mode.FUSION) -> Verdict:
    probabilities = np.array([0.0, 1.0 - smoke, 0.0, smoke], dtype=np.float32)
    return Verdict(stamp_ns, "", mode, PAPER_CLASSES, probabilities, "made")


class Rig:
    """An alarm's clock, its listener, and both clocks, which only the rig moves."""

    def __init__(self, settings: AlarmSettings = SETTINGS) -> None:
        self.heard = Heard()
        self.clock = AlarmClock(settings, self.heard)
        self.now, self.watch = START, 5000 * S

    @property
    def instant(self) -> Instant:
        return Instant(self.now, self.watch)

    def wait(self, seconds: float) -> None:
        self.now += round(seconds * S)
        self.watch += round(seconds * S)

    def tick(self, seconds: float = 0.0) -> None:
        self.wait(seconds)
        self.clock.tick(self.instant)

    def hear(self, seconds: float = 0.0, skew_s: float = 0.0) -> int:
        """A reading arrives; return its stamp."""
        self.wait(seconds)
        stamp_ns = self.now + round(skew_s * S)
        self.clock.hear(stamp_ns, self.instant)
        return stamp_ns

    def say(self, stamp_ns: int, smoke: float = 0.0) -> None:
        """Its verdict comes."""
        self.clock.update(verdict(stamp_ns, smoke), self.instant)

    def see(self, seconds: float = 0.0, smoke: float = 0.0, skew_s: float = 0.0) -> None:
        """A reading arrives and is classified at once."""
        self.say(self.hear(seconds, skew_s), smoke)

    def command(self, result: CommandResult) -> bool:
        return result.success

    @property
    def reasons(self) -> list[str]:
        status = self.clock.status
        assert status is not None
        return [reason.code for reason in (*status.faults, *status.inhibits)]


@pytest.fixture
def rig() -> Rig:
    return Rig()


def test_nothing_is_safe_before_the_first_verdict_on_a_valid_reading(rig: Rig) -> None:
    rig.clock.begin(rig.instant)
    assert rig.heard.statuses[0].sounding
    assert rig.reasons == [NO_READING]
    stamp_ns = rig.hear(1)
    rig.clock.update(verdict(stamp_ns, mode=Mode.THERMAL_ONLY), rig.instant)
    assert rig.reasons == [NO_READING]
    rig.say(stamp_ns)
    assert rig.reasons == []
    assert rig.heard.changes == [(AlarmState.CLEAR, 1)]


def test_before_simulated_time_begins_the_fault_stands_and_no_time_passes() -> None:
    rig = Rig()
    rig.now = rig.watch = 0
    rig.clock.begin(rig.instant)
    rig.tick()
    assert rig.reasons == [NO_READING]
    rig.now = rig.watch = START
    rig.tick()
    rig.tick(9)
    assert rig.reasons == [NO_READING]
    rig.tick(2)
    assert rig.reasons == [SILENCE]


def test_the_fault_is_dated_at_its_deadline_whoever_notices_it(rig: Rig) -> None:
    rig.see()
    rig.tick(10)  # exactly the timeout
    assert len(rig.heard.events) == 0 or rig.heard.changes == [(AlarmState.CLEAR, 0)]
    rig.tick(15)
    rig.tick(5)
    assert rig.heard.changes[1:] == [(AlarmState.FAULT, 10)]
    assert rig.reasons == [SILENCE]


def test_the_next_reading_notices_silence_before_its_verdict_ends_it(rig: Rig) -> None:
    rig.see()
    rig.see(20)
    assert rig.heard.changes[1:] == [(AlarmState.FAULT, 10), (AlarmState.CLEAR, 20)]


def test_a_late_reading_does_not_put_the_fault_off(rig: Rig) -> None:
    """One whose stamp was seconds old used to: the fault came up to twice the timeout after it."""
    rig.see()
    rig.see(2, skew_s=-8.2)
    rig.tick(10.01)
    assert rig.reasons == [SILENCE]


@pytest.mark.parametrize("jump_s", [-3600, -15, 15, 3600])
def test_a_step_of_the_system_clock_is_neither_silence_nor_hides_one(rig: Rig, jump_s: int) -> None:
    rig.see()
    rig.now += jump_s * S
    for _ in range(8):
        rig.see(1)
        assert rig.reasons == []
    rig.now += jump_s * S
    rig.tick(10)
    assert rig.reasons == []
    rig.tick(0.01)
    assert rig.reasons == [SILENCE]


@pytest.mark.parametrize("jump_s", [-500, -5])
def test_simulated_time_that_goes_back_keeps_the_silence_that_had_passed(rig: Rig, jump_s: int) -> None:
    rig.see()
    rig.tick(6)
    rig.now += jump_s * S
    rig.watch += jump_s * S
    rig.tick()
    rig.tick(4)
    assert rig.reasons == []
    rig.tick(0.01)
    assert rig.reasons == [SILENCE]


def test_images_alone_do_not_put_the_fault_off(rig: Rig) -> None:
    rig.see()
    rig.wait(6)
    rig.clock.observe(rig.now, rig.instant)
    rig.clock.update(verdict(rig.now, mode=Mode.THERMAL_ONLY), rig.instant)
    rig.tick(6)
    assert rig.heard.changes[1:] == [(AlarmState.FAULT, 10)]


@pytest.mark.parametrize("skew_s", [-900, -30, 0, 900])
def test_stamps_of_another_clock_are_no_silence(rig: Rig, skew_s: int) -> None:
    for _ in range(12):
        rig.see(5, skew_s=skew_s)
        assert rig.reasons == []


def test_a_stamp_ahead_of_the_clock_counts_from_the_clock(rig: Rig) -> None:
    rig.see(smoke=1.0)
    rig.see(1, smoke=1.0, skew_s=3)
    assert [state for state, _ in rig.heard.changes] == [AlarmState.CLEAR, AlarmState.PENDING]
    rig.see(2, smoke=1.0, skew_s=4)
    assert rig.heard.events[-1].raises_alarm
    assert rig.heard.events[-1].stamp_ns == START + 3 * S


def test_silence_between_two_spikes_makes_no_leak_of_them(rig: Rig) -> None:
    rig.see(smoke=1.0)
    rig.see(10, smoke=1.0)
    rig.see(2.9, smoke=1.0)
    assert not any(event.raises_alarm for event in rig.heard.events)
    rig.see(0.1, smoke=1.0)
    assert rig.heard.events[-1].raises_alarm


@pytest.mark.parametrize("skew_s", [-900, -15, 15, 900])
@pytest.mark.parametrize("silence_s", [0, 20])
def test_a_second_source_on_another_clock_keeps_no_leak_from_the_alarm(
    rig: Rig, skew_s: int, silence_s: int
) -> None:
    rig.see()
    rig.see(0.1, skew_s=skew_s)
    rig.see(silence_s)
    for _ in range(40):
        rig.see(0.1, smoke=1.0)
        rig.see(0.1, smoke=1.0, skew_s=skew_s)
    (event,) = [event for event in rig.heard.events if event.raises_alarm]
    assert rig.now - 8 * S + 3 * S <= event.stamp_ns <= rig.now - 8 * S + round(3.5 * S)


def test_slow_inference_is_a_fault_and_keeps_no_leak_from_the_alarm(rig: Rig) -> None:
    """Each verdict takes 13 s, and the readings between are skipped."""
    waiting = rig.hear()
    reasons = []
    for second in range(1, 120):
        stamp_ns = rig.hear(1)
        if second % 13 == 0:
            rig.say(waiting, smoke=1.0)
            waiting = stamp_ns
        rig.tick()
        reasons.append(rig.reasons)
    assert reasons[:9] == [[NO_READING]] * 9
    assert reasons[11:] == [[SLOW]] * len(reasons[11:])
    assert any(event.raises_alarm for event in rig.heard.events)


def test_a_verdict_that_comes_too_late_ends_no_fault_and_one_in_time_does(rig: Rig) -> None:
    first, second = rig.hear(), rig.hear(6)
    rig.hear(6)
    rig.say(first)
    assert rig.reasons == [SLOW]
    rig.say(second)
    assert rig.reasons == []


def test_a_verdict_on_a_reading_from_before_the_silence_does_not_end_it(rig: Rig) -> None:
    rig.see()
    last = rig.hear(1)
    rig.tick(10.01)
    rig.say(last)
    assert rig.reasons == [SILENCE]


def test_readings_that_are_never_classified_take_no_more_and_more_memory(rig: Rig) -> None:
    rig.watch = rig.now = START * 2
    for step in range(11_000):  # while simulated time stands
        rig.clock.hear(START * 2 - step, rig.instant)
    assert len(rig.clock._waiting) <= 10_001


def test_after_silence_the_readings_have_time_to_be_classified(rig: Rig) -> None:
    rig.see()
    rig.tick(30)
    stamp_ns = rig.hear()
    rig.tick(1)
    assert rig.reasons == [SILENCE]
    rig.say(stamp_ns)
    assert rig.reasons == []


@pytest.mark.parametrize("period_s", [2.0, 5.0, 9.9])
def test_a_slow_pace_of_readings_is_no_slow_inference(rig: Rig, period_s: float) -> None:
    for _ in range(6):
        stamp_ns = rig.hear(period_s)
        rig.tick(0.3)
        rig.say(stamp_ns)
        assert rig.reasons == []
        assert rig.clock.lag_ns == 0
    rig.hear(period_s - 0.3)
    rig.tick(4)
    assert rig.reasons == []
    assert rig.clock.lag_ns == 4 * S


def test_evidence_that_is_no_probability_ends_no_fault(rig: Rig) -> None:
    rig.clock.begin(rig.instant)
    rig.say(rig.hear(), smoke=float("nan"))
    assert rig.reasons == [NO_READING]


def test_stopping_raises_the_fault_and_the_alarms_stand_at_the_next_begin(rig: Rig) -> None:
    for _ in range(4):
        rig.see(1, smoke=1.0)
    rig.clock.stop(rig.instant, "stopped")
    assert rig.clock.status is None
    assert rig.heard.events[-1].reasons == (STOPPED,)
    assert rig.heard.statuses[-1].sounding
    rig.clock.stop(rig.instant, "stopped")
    rig.clock.begin(rig.instant)
    assert rig.reasons == [NO_READING]
    assert [alarm.gas for alarm in rig.heard.statuses[-1].alarms] == ["Smoke"]


def test_what_else_is_known_is_told_once(rig: Rig) -> None:
    rig.see()
    before = len(rig.heard.statuses)
    warned = Conditions(warnings=(Reason("images_silent", "no image"),))
    rig.clock.set_conditions(warned, rig.instant)
    rig.clock.set_conditions(warned, rig.instant)
    assert len(rig.heard.statuses) == before + 1
    assert not rig.heard.statuses[-1].sounding
    assert rig.heard.statuses[-1].warnings == warned.warnings
    rig.clock.set_conditions(Conditions(inhibits=(Reason("warming_up", "not yet"),)), rig.instant)
    assert rig.reasons == ["warming_up"]
    assert rig.heard.statuses[-1].sounding


def test_the_operator_is_heard_on_the_time_line_of_the_stamps(rig: Rig) -> None:
    assert not rig.clock.acknowledge(rig.instant).success
    for _ in range(4):
        rig.see(1, smoke=1.0, skew_s=-5)
    rig.wait(2)
    assert rig.clock.acknowledge(rig.instant).success
    assert rig.heard.changes[-1] == (AlarmState.ACKNOWLEDGED, 4 - 5 + 2)
    assert not rig.clock.reset(rig.instant).success


def test_shelving_ends_by_itself(rig: Rig) -> None:
    for _ in range(4):
        rig.see(1, smoke=1.0)
    assert rig.clock.shelve(rig.instant, 6 * S).success
    rig.see(5, smoke=1.0)
    assert not rig.heard.statuses[-1].sounding
    rig.now -= 3600 * S  # the system clock has no say in it
    rig.see(1, smoke=1.0)
    assert rig.heard.statuses[-1].sounding


MOMENTS = st.lists(
    st.tuples(
        st.integers(1, 25 * S),  # since the verdict before
        st.one_of(st.integers(0, S // 2), st.integers(-40 * S, 40 * S)),  # from its stamp to its arrival
        st.sampled_from([0.0, 0.5, 1.0]),
        st.sampled_from([Mode.FUSION, Mode.FUSION, Mode.THERMAL_ONLY]),
    ),
    min_size=1,
    max_size=12,
)


@given(MOMENTS, st.lists(st.floats(0, 1), max_size=40))
def test_what_happens_does_not_depend_on_the_ticks(
    moments: list[tuple[int, int, float, Mode]], ticks: list[float]
) -> None:
    def play(shares: list[float]) -> list[AlarmEvent]:
        heard = Heard()
        clock = AlarmClock(SETTINGS, heard)
        clock.tick(Instant.of(START))
        now = START
        for since, delay, smoke, mode in moments:
            before, now = now, now + since
            for share in sorted(shares):
                clock.tick(Instant.of(before + round(share * since)))
            hear = clock.observe if mode is Mode.THERMAL_ONLY else clock.hear
            clock.tick(Instant.of(now))
            hear(now - delay, Instant.of(now))
            clock.update(verdict(now - delay, smoke, mode), Instant.of(now))
        clock.tick(Instant.of(now + 60 * S))
        return heard.events

    assert play(ticks) == play([])


@given(MOMENTS)
def test_ticks_at_the_moments_it_asks_for_notice_all_and_soon(
    moments: list[tuple[int, int, float, Mode]],
) -> None:
    def play(asked: bool) -> tuple[list[AlarmEvent], list[int]]:
        heard, noticed = Heard(), list[int]()
        clock = AlarmClock(SETTINGS, heard)
        clock.tick(Instant.of(START))
        now = START

        def pass_until(end: int) -> None:
            while asked and (due_ns := clock.due_ns) is not None and due_ns < end:
                before = len(heard.events)
                clock.tick(Instant.of(due_ns))
                noticed.extend(due_ns - event.stamp_ns for event in heard.events[before:])
            clock.tick(Instant.of(end))

        for since, delay, smoke, mode in moments:
            now += since
            pass_until(now)
            hear = clock.observe if mode is Mode.THERMAL_ONLY else clock.hear
            hear(now - delay, Instant.of(now))
            clock.update(verdict(now - delay, smoke, mode), Instant.of(now))
        pass_until(now + 60 * S)
        return heard.events, noticed

    events, noticed = play(asked=True)
    assert events == play(asked=False)[0]
    if all(delay == 0 for _, delay, _, _ in moments):
        assert all(late_ns <= 1 for late_ns in noticed)


def test_the_end_of_shelving_is_a_moment_that_is_asked_for(rig: Rig) -> None:
    assert rig.clock.due_ns is None
    rig.see(1, smoke=1.0)
    rig.see(4, smoke=1.0)
    assert rig.clock.due_ns == rig.watch + 10 * S + 1
    assert rig.clock.shelve(rig.instant, 6 * S).success
    assert rig.clock.due_ns == rig.watch + 6 * S


def test_a_stamp_is_told_on_the_clock() -> None:
    rig = Rig()
    told: list[int] = []
    rig.clock = AlarmClock(SETTINGS, rig.heard, where=lambda stamp: told.append(rig.clock.clock_ns(stamp)))
    rig.see(1, skew_s=-1)
    rig.tick(25)
    # The verdict as it came, and the silence as it became too long.
    assert told == [START + S, START + 11 * S]


def test_what_is_not_chosen_is_as_the_model_advises() -> None:
    advice = AlarmAdvice(0.9, 0.3, 4 * S, 5 * S)
    assert default_alarm(advice) == AlarmSettings(
        DEFAULT_SEVERITIES, 0.9, 0.3, 4 * S, 5 * S, novelty_is_evidence=False
    )
    chosen = AlarmChoice((), ("Smoke",), off_threshold=0.2, on_delay_ns=S, timeout_ns=7 * S)
    assert chosen.settings(advice) == AlarmSettings(
        {"Smoke": Severity.WARNING},
        0.9,
        0.2,
        S,
        5 * S,
        timeout_ns=7 * S,
        novelty_is_evidence=False,
    )


def test_a_contradiction_names_what_the_model_advised() -> None:
    with pytest.raises(ValueError, match=r"as the model advises: alarm\.off_threshold, alarm\.on_delay, ala"):
        AlarmChoice(on_threshold=0.1).settings(AlarmAdvice())
    chosen = AlarmChoice(on_threshold=0.1, off_threshold=0.2, on_delay_ns=S, off_delay_ns=S)
    with pytest.raises(ValueError, match="off_threshold <= on_threshold") as caught:
        chosen.settings(AlarmAdvice())
    assert "advises" not in str(caught.value)


def test_a_gas_named_twice_is_critical() -> None:
    assert severities_of(["A", "B", ""], ["B", "C"]) == {
        "A": Severity.WARNING,
        "B": Severity.CRITICAL,
        "C": Severity.CRITICAL,
    }
    with pytest.raises(ValueError, match="name no gas"):
        severities_of([""], [""])


def test_the_default_classes_are_the_default_severities() -> None:
    assert (
        severities_of(*(gases_of(one, DEFAULT_SEVERITIES) for one in (Severity.WARNING, Severity.CRITICAL)))
        == DEFAULT_SEVERITIES
    )


def test_a_gas_of_the_model_that_raises_no_alarm_is_told() -> None:
    classes = ("Ammonia", "NoGas", "Smoke")
    chosen = AlarmChoice(critical_classes=("Smoke",), warning_classes=("Unknown",))
    assert chosen.with_gases_of(classes).settings(AlarmAdvice()).gases_without_alarm(classes) == ("Ammonia",)
    assert AlarmChoice().with_gases_of(classes).settings(AlarmAdvice()).gases_without_alarm(classes) == ()
