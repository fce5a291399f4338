"""The leak alarm against its rule by brute force, its fail-safe promises, and each transition by itself."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gas_fusion_ros.alarm import AlarmEvent, AlarmSettings, AlarmState, LeakAlarm, Severity
from gas_fusion_ros.observation import UNKNOWN, Mode, Verdict

CLEAR, PENDING, ACTIVE = AlarmState.CLEAR, AlarmState.PENDING, AlarmState.ACTIVE
ACKNOWLEDGED, LATCHED, FAULT = AlarmState.ACKNOWLEDGED, AlarmState.LATCHED, AlarmState.FAULT
LEAKS = {ACTIVE, ACKNOWLEDGED, LATCHED}
START = 10_000_000_000_000_000
SETTINGS = AlarmSettings(
    severities={"Perfume": Severity.WARNING, "Smoke": Severity.CRITICAL},
    on_threshold=0.7,
    off_threshold=0.4,
    on_delay_ns=20,
    off_delay_ns=50,
    timeout_ns=100,
)


def smoke(probability: float) -> dict[str, float]:
    return {"Smoke": probability, "NoGas": 1.0 - probability}


class Rig:
    """An alarm and its clock."""

    def __init__(self, settings: AlarmSettings = SETTINGS) -> None:
        self.now = START
        self.alarm = LeakAlarm(settings, START)
        self.events: list[AlarmEvent] = []

    def see(self, probability: float, after: int = 10, valid: bool = True, gas: str = "Smoke") -> AlarmState:
        self.now += after
        event = self.alarm.update(self.now, {gas: probability, "NoGas": 1.0 - probability}, valid)
        self.events += [event] if event else []
        return self.alarm.status.state

    def wait(self, after: int) -> AlarmState:
        self.now += after
        event = self.alarm.tick(self.now)
        self.events += [event] if event else []
        return self.alarm.status.state

    def raise_alarm(self) -> Rig:
        for _ in range(3):
            self.see(0.9)
        assert self.alarm.status.state is ACTIVE
        return self

    def end_leak(self) -> Rig:
        for _ in range(6):
            self.see(0.1)
        return self


def oracle(history: list[tuple[int, float]], phase: AlarmState) -> AlarmState:
    """The next state by the rule, looking at the whole history of (time, probability) anew."""
    now, latest = history[-1]
    recent = [history[-1]]
    for earlier in reversed(history[:-1]):
        if recent[0][0] - earlier[0] >= SETTINGS.timeout_ns:
            break
        recent.insert(0, earlier)
    cut = len(recent) < len(history)
    falls = [n for n, (_, p) in enumerate(recent) if p < SETTINGS.off_threshold]
    not_gone = [n for n, (_, p) in enumerate(recent) if p >= SETTINGS.off_threshold]
    since_fall = recent[falls[-1] + 1 :] if falls else recent
    rises = [t for t, p in since_fall if p >= SETTINGS.on_threshold]
    gone = recent[not_gone[-1] + 1 :] if not_gone else recent
    sure = latest >= SETTINGS.on_threshold and now - rises[0] >= SETTINGS.on_delay_ns
    is_gone = latest < SETTINGS.off_threshold
    over = is_gone and now - gone[0][0] >= SETTINGS.off_delay_ns
    if phase is PENDING and cut and len(recent) == 1:
        phase = CLEAR
    if phase in (CLEAR, PENDING):
        if sure:
            return ACTIVE
        if latest >= SETTINGS.on_threshold:
            return PENDING
        return CLEAR if is_gone else phase
    if phase is ACTIVE and over:
        return LATCHED
    if phase is ACKNOWLEDGED and over:
        return CLEAR
    return ACTIVE if phase is LATCHED and sure else phase


levels = st.sampled_from([0.0, 0.1, 0.39, 0.4, 0.55, 0.69, 0.7, 0.9, 1.0])


@given(
    st.lists(
        st.tuples(st.integers(0, 120), levels, st.sampled_from(["see"] * 6 + ["acknowledge"])), max_size=60
    )
)
def test_every_leak_state_follows_the_rule(steps: list[tuple[int, float, str]]) -> None:
    rig, history, phase = Rig(), [], CLEAR
    for after, probability, what in steps:
        if what == "see":
            rig.see(probability, after)
            history.append((rig.now, probability))
            phase = oracle(history, phase)
        else:
            rig.alarm.acknowledge(rig.now)
            if phase in (ACTIVE, LATCHED):
                over = phase is LATCHED and history[-1][1] < SETTINGS.off_threshold
                phase = CLEAR if over else ACKNOWLEDGED
        assert rig.alarm.status.state is phase


actions = st.one_of(
    st.tuples(st.just("see"), st.integers(-3_000_000_000, 150), levels),
    st.tuples(st.just("see"), st.integers(0, 30), levels),
    st.tuples(st.just("image"), st.integers(0, 60), levels),
    st.tuples(st.just("tick"), st.integers(-20, 300), st.just(0.0)),
    st.tuples(st.just("nan"), st.integers(0, 60), st.just(math.nan)),
    st.tuples(st.sampled_from(["acknowledge", "reset"]), st.integers(0, 60), st.just(0.0)),
)


@given(st.lists(actions, max_size=60))
def test_whatever_comes_the_alarm_fails_safe(steps: list[tuple[str, int, float]]) -> None:
    rig = Rig()
    for what, after, probability in steps:
        before = rig.alarm.status
        rig.now += after
        event = None
        if what in ("see", "image", "nan"):
            event = rig.alarm.update(rig.now, smoke(probability), what != "image")
        elif what == "tick":
            event = rig.alarm.tick(rig.now)
        else:
            event = getattr(rig.alarm, what)(rig.now).event
        status = rig.alarm.status

        assert status.sounding is (status.state in LEAKS | {FAULT})
        assert status.fault or status.state is not FAULT
        assert status.acknowledged is (status.state is ACKNOWLEDGED)
        assert (status.severity is None) == (status.state in (CLEAR, FAULT))
        assert 0.0 <= status.peak <= 1.0
        changed = (before.state, before.fault) != (status.state, status.fault)
        assert (event is not None) is changed
        assert status.sequence == before.sequence + changed
        if event is not None:
            assert (event.previous, event.state, event.fault) == (before.state, status.state, status.fault)
            assert (event.sequence, event.stamp_ns) == (
                status.sequence,
                status.since_ns,
            ) or event.previous is event.state
            assert event.duration_ns >= 0
            assert status.alarm == before.alarm + event.raises_alarm
        if before.fault and not status.fault:
            assert what == "see"
        if before.state is LATCHED and status.state not in LEAKS:
            assert what in ("acknowledge", "reset")
        if before.state is ACTIVE:
            assert status.state in LEAKS
        if what in ("tick", "nan") and before.state in LEAKS:
            assert status.state is before.state


@given(st.lists(st.tuples(st.integers(1, 40), levels), min_size=1, max_size=30), st.integers(1, 29))
def test_a_looping_clock_changes_no_state(steps: list[tuple[int, float]], jump_at: int) -> None:
    steady, looping = Rig(), Rig()
    for number, (after, probability) in enumerate(steps):
        if number == jump_at:
            looping.now -= 10_000_000_000
            looping.wait(0)
        assert steady.see(probability, after) is looping.see(probability, after)
    assert [event.state for event in steady.events] == [event.state for event in looping.events]
    assert [event.duration_ns for event in steady.events] == [event.duration_ns for event in looping.events]


def test_a_leak_goes_through_its_states() -> None:
    rig = Rig()
    assert [rig.see(0.9) for _ in range(3)] == [PENDING, PENDING, ACTIVE]
    assert [rig.see(0.1) for _ in range(6)] == [ACTIVE] * 5 + [LATCHED]
    assert rig.alarm.status.sounding
    result = rig.alarm.acknowledge(rig.now)
    assert result.success
    assert result.event is not None
    assert (result.event.previous, result.event.state) == (LATCHED, CLEAR)
    assert (result.event.gas, result.event.severity) == ("Smoke", Severity.CRITICAL)
    assert (result.event.peak, result.event.duration_ns) == (0.9, 80)
    assert rig.alarm.status.state is CLEAR
    assert not rig.alarm.status.sounding


def test_an_acknowledged_leak_sounds_until_it_is_over() -> None:
    rig = Rig().raise_alarm()
    assert rig.alarm.acknowledge(rig.now).success
    assert rig.alarm.status.state is ACKNOWLEDGED
    assert rig.alarm.status.sounding
    rig.end_leak()
    assert rig.alarm.status.state is CLEAR


def test_between_the_thresholds_a_suspicion_goes_on() -> None:
    rig = Rig()
    assert [rig.see(p) for p in (0.7, 0.5, 0.5, 0.7)] == [PENDING, PENDING, PENDING, ACTIVE]


def test_one_reading_below_the_off_threshold_ends_a_suspicion() -> None:
    rig = Rig()
    assert [rig.see(p) for p in (0.9, 0.9, 0.39, 0.9)] == [PENDING, PENDING, CLEAR, PENDING]


def test_between_the_thresholds_a_leak_is_not_over() -> None:
    rig = Rig().raise_alarm()
    assert [rig.see(p, after=30) for p in (0.1, 0.4, 0.1, 0.1, 0.1)] == [
        ACTIVE,
        ACTIVE,
        ACTIVE,
        ACTIVE,
        LATCHED,
    ]


def test_without_delay_one_piece_of_evidence_is_enough() -> None:
    rig = Rig(replace(SETTINGS, on_delay_ns=0))
    assert rig.see(0.7) is ACTIVE
    assert rig.events[0].raises_alarm


def test_time_alone_raises_no_leak_and_ends_none() -> None:
    rig = Rig()
    rig.see(0.9)
    assert rig.wait(60) is PENDING
    rig.raise_alarm().see(0.1)
    assert rig.wait(60) is ACTIVE


def test_two_spikes_with_silence_between_are_no_leak() -> None:
    rig = Rig()
    rig.see(0.9)
    assert rig.see(0.9, after=100) is PENDING
    assert rig.see(0.9, after=19) is PENDING
    assert rig.see(0.9, after=1) is ACTIVE


def test_a_latched_leak_that_comes_back_is_the_same_alarm() -> None:
    rig = Rig().raise_alarm().end_leak()
    assert [rig.see(0.9) for _ in range(3)] == [LATCHED, LATCHED, ACTIVE]
    assert rig.alarm.status.alarm == 1


def test_acknowledging_a_latched_leak_while_it_comes_back_does_not_clear_it() -> None:
    rig = Rig().raise_alarm().end_leak()
    rig.see(0.5)
    rig.alarm.acknowledge(rig.now)
    assert rig.alarm.status.state is ACKNOWLEDGED


def test_the_sum_over_all_gases_counts_and_the_most_probable_is_named() -> None:
    rig = Rig()
    for _ in range(3):
        rig.now += 10
        rig.alarm.update(rig.now, {"Perfume": 0.5, "Smoke": 0.3, "NoGas": 0.2}, True)
    assert rig.alarm.status.state is ACTIVE
    assert (rig.alarm.status.gas, rig.alarm.status.severity) == ("Perfume", Severity.WARNING)


def test_another_gas_in_a_suspicion_is_no_event() -> None:
    rig = Rig(replace(SETTINGS, on_delay_ns=1000))
    for gas in ["Perfume", "Smoke", "Smoke"]:
        rig.see(0.9, gas=gas)
    assert rig.alarm.status.gas == "Smoke"
    assert [event.state for event in rig.events] == [PENDING]


def test_other_classes_raise_nothing() -> None:
    rig = Rig()
    assert [rig.see(1.0, gas="Mixture") for _ in range(5)] == [CLEAR] * 5


def test_a_more_severe_gas_takes_over_and_is_to_be_acknowledged_anew() -> None:
    rig = Rig()
    for _ in range(3):
        rig.see(0.9, gas="Perfume")
    rig.alarm.acknowledge(rig.now)
    assert [rig.see(0.9) for _ in range(3)] == [ACKNOWLEDGED, ACKNOWLEDGED, ACTIVE]
    assert rig.alarm.status.severity is Severity.CRITICAL
    assert not rig.events[-1].raises_alarm
    assert [rig.see(0.9, gas="Perfume") for _ in range(5)] == [ACTIVE] * 5
    assert rig.alarm.status.gas == "Smoke"


def test_a_more_severe_gas_in_an_active_alarm_is_an_event() -> None:
    rig = Rig()
    for gas in ["Perfume"] * 3 + ["Smoke"] * 3:
        rig.see(0.9, gas=gas)
    last = rig.events[-1]
    assert (last.previous, last.state, last.severity) == (ACTIVE, ACTIVE, Severity.CRITICAL)
    assert rig.alarm.status.since_ns == START + 30


def test_no_reading_from_the_start_is_a_fault() -> None:
    rig = Rig()
    assert rig.wait(99) is CLEAR
    assert rig.wait(1) is FAULT
    assert rig.alarm.status.sounding
    assert rig.wait(30) is FAULT
    assert rig.see(0.0) is CLEAR
    assert (rig.events[-1].previous, rig.events[-1].duration_ns) == (FAULT, 40)


def test_images_alone_keep_the_fault_and_still_raise_the_alarm() -> None:
    rig = Rig()
    assert [rig.see(0.1, after=30, valid=False) for _ in range(4)] == [CLEAR, CLEAR, CLEAR, FAULT]
    assert [rig.see(0.9, valid=False) for _ in range(3)] == [FAULT, FAULT, ACTIVE]
    assert rig.alarm.status.fault
    assert rig.events[-1].raises_alarm
    rig.alarm.acknowledge(rig.now)
    for _ in range(6):
        rig.see(0.1, valid=False)
    assert rig.alarm.status.state is FAULT


def test_a_stopped_alarm_leaves_a_fault_and_no_leak_is_forgotten() -> None:
    quiet = Rig()
    quiet.see(0.1)
    event = quiet.alarm.stop(quiet.now)
    assert event is not None
    assert (event.state, event.fault) == (FAULT, True)
    assert quiet.alarm.status.sounding
    assert quiet.alarm.stop(quiet.now) is None
    leaking = Rig().raise_alarm()
    leaking.alarm.stop(leaking.now)
    assert (leaking.alarm.status.state, leaking.alarm.status.fault) == (ACTIVE, True)


def test_a_fault_in_a_leak_is_an_event_beside_it() -> None:
    rig = Rig().raise_alarm()
    assert rig.wait(100) is ACTIVE
    assert (rig.events[-1].previous, rig.events[-1].state, rig.events[-1].fault) == (ACTIVE, ACTIVE, True)
    assert rig.see(0.9) is ACTIVE
    assert not rig.events[-1].fault


@pytest.mark.parametrize("bad", [math.nan, math.inf, -0.5, 1.5])
def test_evidence_that_is_no_probability_is_refused_and_leads_to_the_fault(bad: float) -> None:
    rig = Rig()
    assert [rig.see(bad, after=50) for _ in range(2)] == [CLEAR, FAULT]
    assert rig.alarm.status.rejected == 2


def test_probabilities_rounded_beyond_one_are_taken() -> None:
    rig = Rig()
    rig.see(1.00001)
    assert (rig.alarm.status.state, rig.alarm.status.peak) == (PENDING, 1.0)


def test_a_fault_can_be_neither_acknowledged_nor_reset() -> None:
    rig = Rig()
    rig.wait(100)
    for command in (rig.alarm.acknowledge, rig.alarm.reset):
        result = command(rig.now)
        assert not result.success
        assert "no valid gas reading" in result.message
    assert rig.alarm.status.state is FAULT


def test_reset_clears_only_what_is_over() -> None:
    rig = Rig().raise_alarm()
    assert not rig.alarm.reset(rig.now).success
    rig.end_leak()
    assert rig.alarm.status.state is LATCHED
    assert rig.alarm.reset(rig.now).success
    assert rig.alarm.status.state is CLEAR
    assert rig.alarm.reset(rig.now).success


def test_acknowledging_twice_is_no_error_and_without_a_leak_it_is_one() -> None:
    rig = Rig()
    assert not rig.alarm.acknowledge(rig.now).success
    rig.raise_alarm()
    first, second = rig.alarm.acknowledge(rig.now), rig.alarm.acknowledge(rig.now)
    assert first.event is not None
    assert (second.success, second.event) == (True, None)


def test_the_start_of_a_simulated_clock_is_no_silence() -> None:
    alarm = LeakAlarm(SETTINGS, 0)
    assert alarm.tick(START) is None
    assert alarm.tick(START + 99) is None
    assert alarm.tick(START + 100) is not None


@pytest.mark.parametrize("offset", [-3_600_000_000_000, 3_600_000_000_000])
def test_a_second_source_with_another_clock_keeps_no_leak_from_the_alarm(offset: int) -> None:
    rig = Rig()
    states = []
    for _ in range(6):
        states.append(rig.see(0.9))
        rig.alarm.update(rig.now + offset, smoke(0.9), True)
    assert ACTIVE in states
    assert rig.alarm.status.state is ACTIVE


def test_one_late_piece_of_evidence_shortens_no_delay() -> None:
    rig = Rig()
    rig.see(0.9)
    rig.alarm.update(rig.now - 5_000_000_000, smoke(0.9), True)
    assert [rig.see(0.9, after=19), rig.see(0.9, after=1)] == [PENDING, ACTIVE]


def test_times_out_of_order_do_not_make_the_clock_run_faster() -> None:
    alarm = LeakAlarm(SETTINGS, START)
    for step in range(40):
        assert alarm.tick(START + step) is None
        assert alarm.tick(START + step - 30) is None


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"severities": {}}, "severities"),
        ({"severities": {"Smoke": "loud"}}, "loud"),
        ({"off_threshold": 0.8}, "off_threshold"),
        ({"off_threshold": 0.0}, "off_threshold"),
        ({"on_threshold": 1.1}, "on_threshold"),
        ({"on_threshold": math.nan}, "on_threshold"),
        ({"on_delay_ns": -1}, "on_delay_ns"),
        ({"off_delay_ns": 0.5}, "off_delay_ns"),
        ({"timeout_ns": 0}, "timeout_ns"),
    ],
)
def test_a_bad_setting_is_refused_by_name(changes: dict[str, object], named: str) -> None:
    with pytest.raises(ValueError, match=named):
        replace(SETTINGS, **changes)  # type: ignore[arg-type]


def test_a_gas_the_model_does_not_know_is_refused_by_name() -> None:
    SETTINGS.check_classes(("NoGas", "Perfume", "Smoke"))
    with pytest.raises(ValueError, match="Smoke"):
        SETTINGS.check_classes(("NoGas", "Perfume"))


UNKNOWN_WARNS = replace(SETTINGS, severities={**SETTINGS.severities, UNKNOWN: Severity.WARNING})


def verdict(smoke_probability: float, novelty: float | None) -> Verdict:
    probabilities = np.array([1.0 - smoke_probability, 0.0, smoke_probability], dtype=np.float32)
    classes = ("NoGas", "Perfume", "Smoke")
    return Verdict(START, "link", Mode.FUSION, classes, probabilities, "m", novelty=novelty)


def test_unknown_passes_beside_the_classes_of_the_model() -> None:
    UNKNOWN_WARNS.check_classes(("NoGas", "Perfume", "Smoke"))
    with pytest.raises(ValueError, match="Smoke is no class"):
        UNKNOWN_WARNS.check_classes(("NoGas", "Perfume"))


@given(
    smoke_probability=st.floats(0, 1),
    novelty=st.none() | st.floats(0, 1e6),
    settings=st.sampled_from([SETTINGS, UNKNOWN_WARNS]),
)
def test_an_unknown_verdict_is_evidence_of_unknown_only_where_that_raises_an_alarm(
    smoke_probability: float, novelty: float | None, settings: AlarmSettings
) -> None:
    given_verdict = verdict(smoke_probability, novelty)
    evidence = settings.evidence(given_verdict)
    if novelty is not None and novelty > 1.0 and settings is UNKNOWN_WARNS:
        assert evidence == {UNKNOWN: 1.0}
    else:
        assert evidence == given_verdict.by_class


def test_unknown_verdicts_raise_an_alarm_of_their_own_severity() -> None:
    alarm = LeakAlarm(UNKNOWN_WARNS, START)
    for step in range(1, 4):
        alarm.update(START + step * 10, UNKNOWN_WARNS.evidence(verdict(0.0, novelty=3.0)), True)
    assert (alarm.status.state, alarm.status.gas, alarm.status.severity) == (
        ACTIVE,
        UNKNOWN,
        Severity.WARNING,
    )


def test_unknown_verdicts_keep_no_leak_from_the_alarm() -> None:
    alarm = LeakAlarm(SETTINGS, START)
    for step in range(1, 4):
        alarm.update(START + step * 10, SETTINGS.evidence(verdict(0.9, novelty=3.0)), True)
    assert (alarm.status.state, alarm.status.gas) == (ACTIVE, "Smoke")


@given(
    st.lists(
        st.tuples(
            st.integers(-2_500_000_000, 2_500_000_000), st.sampled_from([0.0, 0.5, 0.9]), st.booleans()
        ),
        max_size=10,
    )
)
def test_the_fault_is_due_exactly_when_it_comes(steps: list[tuple[int, float, bool]]) -> None:
    settings = replace(SETTINGS, timeout_ns=3_000_000_000)
    alarms = [LeakAlarm(settings, START) for _ in range(2)]
    now = START
    for step, probability, valid in steps:
        now += step
        for alarm in alarms:
            alarm.update(now, smoke(probability), valid)
    early, due = alarms
    due_ns = due.fault_due_ns
    if due.status.fault:
        assert due_ns is None
        return
    assert due_ns is not None
    early.tick(due_ns - 1)
    assert not early.status.fault
    event = due.tick(due_ns)
    assert event is not None
    assert event.fault
    assert event.stamp_ns == due_ns
