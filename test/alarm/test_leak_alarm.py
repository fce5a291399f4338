"""The leak alarms against their rule by brute force, their fail-safe promises, and the documented table."""

from __future__ import annotations

import math
import random
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gas_fusion_ros.alarm.leak_alarm import (
    MAX_STANDING,
    AlarmEvent,
    AlarmSettings,
    AlarmState,
    LeakAlarm,
    Memory,
    Reason,
    Severity,
    StandingAlarm,
)
from gas_fusion_ros.base.observation import UNKNOWN, Mode, RobotPose, Verdict

CLEAR, PENDING, ACTIVE = AlarmState.CLEAR, AlarmState.PENDING, AlarmState.ACTIVE
ACKNOWLEDGED, LATCHED, FAULT = AlarmState.ACKNOWLEDGED, AlarmState.LATCHED, AlarmState.FAULT
INHIBITED = AlarmState.INHIBITED
START = 10_000_000_000_000_000
SETTINGS = AlarmSettings(
    severities={"Perfume": Severity.WARNING, "Smoke": Severity.CRITICAL},
    on_threshold=0.7,
    off_threshold=0.4,
    on_delay_ns=20,
    off_delay_ns=50,
    timeout_ns=100,
)
SILENCE = (Reason("silence", "no reading"),)
WARM_UP = (Reason("warming_up", "not yet"),)
CALIBRATION = (Reason("calibrating", "not now"),)
DOCUMENT = Path(__file__).parents[2] / "docs" / "alarm.md"


class Rig:
    """An alarm and the time of its evidence."""

    def __init__(self, settings: AlarmSettings = SETTINGS, memory: Memory | None = None) -> None:
        self.now = START
        self.alarm = LeakAlarm(settings, START, memory=memory)
        self.events: list[AlarmEvent] = []

    def see(self, probability: float, after: int = 10, gas: str = "Smoke") -> AlarmState:
        return self.see_gases({gas: probability}, after)

    def see_gases(self, probabilities: dict[str, float], after: int = 10) -> AlarmState:
        self.now += after
        self.events += self.alarm.update(self.now, probabilities)
        return self.alarm.status.state

    def watch(self, faults: tuple[Reason, ...] = (), inhibits: tuple[Reason, ...] = ()) -> AlarmState:
        self.events += self.alarm.watch(self.now, faults, inhibits)
        return self.alarm.status.state

    def command(self, name: str, number: int | None = None) -> bool:
        arguments = () if name == "reset" else (number,)
        result = getattr(self.alarm, name)(self.now, *arguments)
        self.events += result.events
        return bool(result.success)

    def raise_alarm(self, gas: str = "Smoke") -> Rig:
        for _ in range(3):
            self.see(0.9, gas=gas)
        assert self.alarm.status.state is ACTIVE
        return self

    def end_leak(self) -> Rig:
        for _ in range(6):
            self.see(0.1)
        return self

    @property
    def standing(self) -> list[tuple[int, str, AlarmState]]:
        return [(alarm.number, alarm.gas, alarm.state) for alarm in self.alarm.status.alarms]


# The rule, by brute force.


def oracle(history: list[tuple[int, float]], sensed: bool) -> str:
    """What the latest evidence does to one gas's leak, looking at the whole history anew."""
    now, latest = history[-1]
    falls = [n for n, (_, p) in enumerate(history) if p < SETTINGS.off_threshold]
    not_gone = [n for n, (_, p) in enumerate(history) if p >= SETTINGS.off_threshold]
    since_fall = history[falls[-1] + 1 :] if falls else history
    rises = [t for t, p in since_fall if p >= SETTINGS.on_threshold]
    gone = history[not_gone[-1] + 1 :] if not_gone else history
    is_gone = latest < SETTINGS.off_threshold
    if sensed:
        return "over" if is_gone and now - gone[0][0] >= SETTINGS.off_delay_ns else "sensed"
    if latest >= SETTINGS.on_threshold and now - rises[0] >= SETTINGS.on_delay_ns:
        return "raised"
    return "suspected" if rises else "nothing"


levels = st.sampled_from([0.0, 0.1, 0.39, 0.4, 0.55, 0.69, 0.7, 0.9, 1.0])


@given(
    st.lists(
        st.tuples(st.integers(0, 99), levels, st.sampled_from(["see"] * 6 + ["acknowledge"])), max_size=60
    )
)
def test_every_leak_of_one_gas_follows_the_rule(steps: list[tuple[int, float, str]]) -> None:
    rig, history, standing = Rig(), [], []
    last_leak, raised, pending = 0, 0, False
    for after, probability, what in steps:
        if what == "acknowledge":
            rig.command("acknowledge")
            standing = [
                (number, ACKNOWLEDGED if state is ACTIVE else state)
                for number, state in standing
                if state is not LATCHED
            ]
        else:
            rig.see(probability, after)
            history.append((rig.now, probability))
            sensed = [number for number, state in standing if state is not LATCHED]
            # A leak that is over leaves no suspicion behind: the next one begins with what comes then.
            said = oracle(history[last_leak:] if not sensed else history, bool(sensed))
            pending = said == "suspected"
            if said == "raised":
                raised += 1
                standing.append((raised, ACTIVE))
            elif said == "over":
                last_leak = len(history)
                standing = [(n, LATCHED if s is ACTIVE else s) for n, s in standing if s is not ACKNOWLEDGED]
        assert [(number, state) for number, _, state in rig.standing] == standing
        assert (rig.alarm.status.watch is PENDING) is pending


actions = st.one_of(
    st.tuples(st.just("see"), st.integers(-3_000_000_000, 150), levels),
    st.tuples(st.just("see"), st.integers(0, 30), levels),
    st.tuples(st.just("perfume"), st.integers(0, 30), levels),
    st.tuples(st.sampled_from(["silence", "inhibit", "ready"]), st.integers(0, 60), st.just(0.0)),
    st.tuples(st.just("nan"), st.integers(0, 60), st.just(math.nan)),
    st.tuples(
        st.sampled_from(["acknowledge", "reset", "shelve", "unshelve"]), st.integers(0, 60), st.just(0.0)
    ),
)


@given(st.lists(actions, max_size=80))
def test_whatever_comes_the_alarm_fails_safe(steps: list[tuple[str, int, float]]) -> None:
    rig = Rig()
    for what, after, probability in steps:
        before, rig.events = rig.alarm.status, []
        if what in ("see", "perfume", "nan"):
            rig.see(probability, after, "Perfume" if what == "perfume" else "Smoke")
        elif what in ("acknowledge", "reset", "shelve", "unshelve"):
            rig.command(what)
        else:
            faults = SILENCE if what == "silence" else ()
            rig.watch(faults, WARM_UP if what == "inhibit" else ())
        status = rig.alarm.status

        assert status.is_safe is not (bool(status.alarms) or status.fault or bool(status.inhibits))
        is_muted = all(alarm.shelved for alarm in status.alarms)
        assert status.sounding is (not is_muted or status.fault or bool(status.inhibits))
        assert (status.watch is FAULT) is status.fault
        assert all(0.0 <= alarm.peak <= 1.0 for alarm in status.alarms)
        numbers = [alarm.number for alarm in status.alarms]
        assert numbers == sorted(set(numbers))
        assert status.raised == before.raised + sum(event.raises_alarm for event in rig.events)
        assert [event.sequence for event in rig.events] == list(
            range(before.sequence + 1, status.sequence + 1)
        )
        now = {alarm.number: alarm for alarm in status.alarms}
        for alarm in before.alarms:
            if alarm.number not in now:
                over = alarm.state is ACKNOWLEDGED and what in ("see", "perfume")
                assert over or (alarm.state is LATCHED and what in ("acknowledge", "reset"))
            elif what not in ("see", "perfume", "acknowledge"):
                assert now[alarm.number].state is alarm.state
        if before.inhibits and status.inhibits:
            assert status.raised == before.raised
        for event in rig.events:
            assert event.duration_ns >= 0
            assert (event.alarm > 0) is (event.state.is_leak or event.previous.is_leak)


@given(st.lists(st.tuples(st.integers(1, 40), levels), min_size=1, max_size=30), st.data())
def test_stamps_that_go_back_again_and_again_change_no_state(
    steps: list[tuple[int, float]], data: st.DataObject
) -> None:
    steady, looping = Rig(), Rig()
    for after, probability in steps:
        if data.draw(st.booleans()):
            looping.now -= 10_000_000_000 + after
            looping.see_gases({"Smoke": math.nan}, 0)  # a jump alone is no evidence
            looping.now += after
            looping.alarm._advance(looping.now)
        assert steady.see(probability, after) is looping.see(probability, after)
    assert [event.state for event in steady.events] == [event.state for event in looping.events]
    assert [event.duration_ns for event in steady.events] == [event.duration_ns for event in looping.events]


@given(st.lists(st.integers(2_000_000_000, 9_000_000_000), min_size=1, max_size=6))
def test_late_evidence_however_often_shortens_no_delay(lateness: list[int]) -> None:
    rig = Rig()
    rig.see(0.9)
    for late_ns in sorted(lateness):  # each goes back further, so that none is the start of a new round
        rig.alarm.update(rig.now - late_ns, {"Smoke": 0.9})
    assert [rig.see(0.9, after=19), rig.see(0.9, after=1)] == [PENDING, ACTIVE]


# The documented table.


def documented() -> set[tuple[str, str]]:
    text = DOCUMENT.read_text(encoding="utf-8").partition("\n## Transitions\n")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| (\w+) \|.*\| (\w+) \|$", text, flags=re.M)
    return {row for row in rows if row != ("from", "to")}


def walk(seed: int) -> set[tuple[str, str]]:
    """Every transition of a long random walk through all that can happen to the alarms."""
    chance = random.Random(seed)
    rig = Rig(replace(SETTINGS, on_delay_ns=chance.choice([0, 20])))
    for _ in range(2000):
        gas, level = chance.choice(["Smoke", "Smoke", "Perfume"]), chance.choice([0.1, 0.5, 0.9])
        for _ in range(chance.choice([1, 2, 3, 8])):
            rig.see(level, gas=gas)
        faults = chance.choice([(), (), SILENCE, (Reason("slow", "late"),)])
        inhibits = chance.choice([(), (), (), WARM_UP, CALIBRATION])
        what = chance.choice(["watch", "watch", "", "acknowledge", "reset", "shelve", "unshelve"])
        if what == "watch":
            rig.watch(faults, inhibits)
        elif what:
            rig.command(what)
    return {(event.previous.value, event.state.value) for event in rig.events}


def test_the_documented_table_has_every_transition_and_no_other() -> None:
    walked = set().union(*(walk(seed) for seed in range(6)))
    assert walked == documented()


# Each promise by itself.


def test_a_leak_goes_through_its_states() -> None:
    rig = Rig()
    assert [rig.see(0.9) for _ in range(3)] == [PENDING, PENDING, ACTIVE]
    assert [rig.see(0.1) for _ in range(6)] == [ACTIVE] * 5 + [LATCHED]
    assert rig.alarm.status.sounding
    assert rig.command("acknowledge")
    event = rig.events[-1]
    assert (event.previous, event.state, event.alarm) == (LATCHED, CLEAR, 1)
    assert (event.gas, event.severity) == ("Smoke", Severity.CRITICAL)
    assert (event.peak, event.duration_ns) == (0.9, 80)
    assert rig.alarm.status.state is CLEAR
    assert not rig.alarm.status.sounding


def test_an_acknowledged_leak_sounds_until_it_is_over() -> None:
    rig = Rig().raise_alarm()
    assert rig.command("acknowledge")
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
    assert rig.events[1].gas == "Smoke"  # what has ended is named


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


def test_after_forgotten_delays_they_start_anew() -> None:
    rig = Rig()
    rig.see(0.9)
    rig.alarm.forget_delays()
    assert rig.see(0.9, after=100) is PENDING
    assert rig.see(0.9, after=19) is PENDING
    assert rig.see(0.9, after=1) is ACTIVE
    rig.see(0.1)
    rig.alarm.forget_delays()
    assert [rig.see(0.1, after=after) for after in (49, 49, 1)] == [ACTIVE, ACTIVE, LATCHED]


def test_a_second_leak_is_an_alarm_of_its_own_under_its_own_gas() -> None:
    rig = Rig().raise_alarm("Perfume").end_leak()
    states = [rig.see(0.9) for _ in range(3)]
    assert states == [LATCHED, LATCHED, ACTIVE]
    assert rig.standing == [(1, "Perfume", LATCHED), (2, "Smoke", ACTIVE)]
    rig.end_leak().raise_alarm()
    assert rig.standing == [(1, "Perfume", LATCHED), (2, "Smoke", LATCHED), (3, "Smoke", ACTIVE)]
    assert rig.command("acknowledge")
    assert rig.standing == [(3, "Smoke", ACKNOWLEDGED)]


def test_gas_that_comes_back_before_the_off_delay_is_the_same_leak() -> None:
    rig = Rig().raise_alarm()
    for _ in range(3):
        rig.see(0.1)
        rig.see(0.9)
    assert rig.standing == [(1, "Smoke", ACTIVE)]


def test_another_gas_that_leads_for_the_on_delay_is_another_alarm() -> None:
    rig = Rig().raise_alarm("Perfume")
    assert rig.command("acknowledge")
    assert [rig.see(0.9) for _ in range(3)] == [ACKNOWLEDGED, ACKNOWLEDGED, ACTIVE]
    assert rig.standing == [(1, "Perfume", ACKNOWLEDGED), (2, "Smoke", ACTIVE)]
    assert rig.events[-1].raises_alarm
    for _ in range(6):
        rig.see(0.9)
    assert rig.standing == [(2, "Smoke", ACTIVE)]  # gone for the off-delay, and acknowledged


def test_an_unacknowledged_alarm_whose_gas_another_took_over_latches() -> None:
    rig = Rig().raise_alarm("Perfume")
    for _ in range(8):
        rig.see(0.9)
    assert rig.standing == [(1, "Perfume", LATCHED), (2, "Smoke", ACTIVE)]


def test_a_gas_that_takes_the_lead_back_in_time_is_the_same_leak() -> None:
    rig = Rig().raise_alarm("Perfume").raise_alarm("Smoke")
    for _ in range(3):
        rig.see(0.9, gas="Perfume")
    assert rig.standing == [(1, "Perfume", ACTIVE), (2, "Smoke", ACTIVE)]
    for _ in range(6):
        rig.see(0.9, gas="Perfume")
    assert rig.standing == [(1, "Perfume", ACTIVE), (2, "Smoke", LATCHED)]


def test_gases_that_take_turns_are_one_leak() -> None:
    rig = Rig().raise_alarm("Perfume")
    for gas in ["Smoke", "Perfume"] * 20:
        rig.see(0.9, gas=gas)
    assert rig.standing == [(1, "Perfume", ACTIVE)]


def test_the_foremost_alarm_is_unacknowledged_then_critical_then_first() -> None:
    def alarm(number: int, state: AlarmState, severity: Severity) -> StandingAlarm:
        return StandingAlarm(number, "Smoke", severity, state, START, 0.9)

    warning, critical = Severity.WARNING, Severity.CRITICAL
    alarms = [
        alarm(1, ACKNOWLEDGED, critical),
        alarm(2, LATCHED, warning),
        alarm(3, LATCHED, critical),
        alarm(4, LATCHED, critical),
        alarm(5, ACTIVE, warning),
    ]
    foremost = []
    while alarms:
        found = Rig(memory=Memory(tuple(alarms), 5)).alarm.status.foremost
        assert found is not None
        foremost.append(found.number)
        alarms.remove(found)
    assert foremost == [5, 3, 4, 2, 1]


def test_the_sum_over_all_gases_counts_and_the_most_probable_is_named() -> None:
    rig = Rig()
    for _ in range(3):
        rig.see_gases({"Perfume": 0.5, "Smoke": 0.3, "NoGas": 0.2})
    assert rig.standing == [(1, "Perfume", ACTIVE)]


def test_another_gas_in_a_suspicion_is_no_event() -> None:
    rig = Rig(replace(SETTINGS, on_delay_ns=1000))
    for gas in ["Perfume", "Smoke", "Smoke"]:
        rig.see(0.9, gas=gas)
    assert rig.alarm.status.gas == "Smoke"
    assert [event.state for event in rig.events] == [PENDING]


def test_other_classes_raise_nothing() -> None:
    rig = Rig()
    assert [rig.see(1.0, gas="Mixture") for _ in range(5)] == [CLEAR] * 5


def test_an_alarm_has_the_place_and_time_of_its_raising() -> None:
    alarm = LeakAlarm(SETTINGS, START, where=lambda stamp_ns: RobotPose(float(stamp_ns - START), 0.0))
    for step in (10, 20, 30, 40):
        alarm.update(START + step, {"Smoke": 0.9})
    (standing,) = alarm.status.alarms
    assert (standing.since_ns, standing.pose and standing.pose.x) == (START + 30, 30.0)


# Faults and inhibits.


def test_a_fault_stands_from_the_beginning_where_it_is_given() -> None:
    alarm = LeakAlarm(SETTINGS, START, SILENCE)
    assert (alarm.status.state, alarm.status.sounding) == (FAULT, True)
    (event,) = alarm.watch(START + 40, (), ())
    assert (event.previous, event.state, event.duration_ns, event.fault) == (FAULT, CLEAR, 40, False)


def test_a_fault_beside_a_leak_is_told_and_replaces_nothing() -> None:
    rig = Rig().raise_alarm()
    assert rig.watch(SILENCE) is ACTIVE
    assert (rig.events[-1].previous, rig.events[-1].state, rig.events[-1].fault) == (CLEAR, FAULT, True)
    assert rig.events[-1].reasons == ("silence",)
    assert rig.watch() is ACTIVE
    assert not rig.events[-1].fault


def test_another_reason_is_an_event_and_the_same_is_none() -> None:
    rig = Rig()
    rig.watch(SILENCE)
    rig.watch(SILENCE)
    rig.watch((Reason("slow", "late"),))
    assert [(event.previous, event.state, event.reasons) for event in rig.events] == [
        (CLEAR, FAULT, ("silence",)),
        (FAULT, FAULT, ("slow",)),
    ]


def test_evidence_raises_an_alarm_while_a_fault_stands() -> None:
    rig = Rig()
    rig.watch(SILENCE)
    assert [rig.see(0.9) for _ in range(3)] == [FAULT, FAULT, ACTIVE]
    assert rig.alarm.status.fault
    assert rig.events[-1].raises_alarm


def test_while_inhibited_no_alarm_is_raised_and_none_lets_go() -> None:
    rig = Rig().raise_alarm()
    rig.watch(inhibits=WARM_UP)
    for _ in range(20):
        rig.see(0.1)
    assert rig.standing == [(1, "Smoke", ACTIVE)]
    quiet = Rig()
    quiet.see(0.9)
    assert quiet.watch(inhibits=WARM_UP) is INHIBITED
    assert [quiet.see(1.0) for _ in range(5)] == [INHIBITED] * 5
    assert quiet.alarm.status.sounding
    quiet.watch()
    assert [quiet.see(0.9) for _ in range(3)] == [PENDING, PENDING, ACTIVE]


@pytest.mark.parametrize("bad", [math.nan, math.inf, -0.5, 1.5])
def test_evidence_that_is_no_probability_is_refused(bad: float) -> None:
    rig = Rig()
    assert not rig.alarm.accepts({"Smoke": bad})
    assert [rig.see(bad) for _ in range(2)] == [CLEAR, CLEAR]
    assert rig.alarm.status.rejected == 2


def test_probabilities_rounded_beyond_one_are_taken() -> None:
    rig = Rig()
    rig.see(1.00001)
    assert (rig.alarm.status.state, rig.alarm.status.confidence) == (PENDING, 1.0)


# Commands.


@pytest.mark.parametrize("command", ["acknowledge", "reset", "shelve"])
def test_a_fault_can_be_neither_acknowledged_nor_reset_nor_shelved(command: str) -> None:
    rig = Rig()
    rig.watch(SILENCE)
    result = getattr(rig.alarm, command)(rig.now)
    assert not result.success
    assert "no reading" in result.message
    assert rig.alarm.status.sounding


def test_reset_clears_only_what_is_over() -> None:
    rig = Rig().raise_alarm()
    assert not rig.command("reset")
    rig.end_leak()
    assert rig.command("reset")
    assert rig.alarm.status.state is CLEAR
    assert rig.command("reset")


def test_acknowledging_twice_is_no_error_and_without_a_leak_it_is_one() -> None:
    rig = Rig()
    assert not rig.command("acknowledge")
    rig.raise_alarm()
    first, second = rig.alarm.acknowledge(rig.now), rig.alarm.acknowledge(rig.now)
    assert first.events
    assert (second.success, second.events) == (True, ())


def test_one_alarm_is_acknowledged_by_its_number() -> None:
    rig = Rig().raise_alarm("Perfume").end_leak().raise_alarm()
    assert not rig.command("acknowledge", 3)
    assert "no leak alarm 3 stands" in rig.alarm.acknowledge(rig.now, 3).message
    assert rig.command("acknowledge", 1)
    assert rig.standing == [(2, "Smoke", ACTIVE)]


def test_a_shelved_alarm_is_silent_and_a_new_leak_is_not() -> None:
    rig = Rig().raise_alarm("Perfume").end_leak()
    assert rig.command("shelve")
    assert not rig.alarm.status.sounding
    assert rig.events[-1].shelved
    rig.raise_alarm()
    assert rig.alarm.status.sounding
    assert rig.command("shelve", 2)
    assert not rig.alarm.status.sounding
    assert rig.watch(SILENCE) is ACTIVE
    assert rig.alarm.status.sounding
    rig.watch()
    assert rig.command("unshelve")
    assert rig.alarm.status.sounding


# Memory.


def test_alarms_stand_again_as_they_were_and_numbers_go_on() -> None:
    before = Rig().raise_alarm("Perfume").end_leak().raise_alarm()
    before.command("shelve")
    again = Rig(memory=before.alarm.memory)
    assert again.standing == [(1, "Perfume", LATCHED), (2, "Smoke", ACTIVE)]
    assert again.alarm.status.sounding  # nothing is shelved after a restart
    for _ in range(3):
        again.see(0.9)
    assert again.standing == before.standing  # the leak goes on: the same alarm
    again.end_leak().raise_alarm()
    assert again.standing[-1] == (3, "Smoke", ACTIVE)


def test_an_acknowledged_leak_from_before_is_over_after_the_off_delay() -> None:
    before = Rig().raise_alarm()
    before.command("acknowledge")
    again = Rig(memory=before.alarm.memory)
    assert again.alarm.status.state is ACKNOWLEDGED
    again.end_leak()
    assert again.alarm.status.state is CLEAR


def test_standing_alarms_are_bounded_and_the_first_and_latest_stay() -> None:
    rig = Rig()
    for _ in range(MAX_STANDING + 5):
        rig.raise_alarm().end_leak()
    numbers = [number for number, _, _ in rig.standing]
    assert (len(numbers), numbers[0], numbers[-1]) == (MAX_STANDING, 1, MAX_STANDING + 5)
    assert rig.alarm.status.omitted == 5
    again = Rig(memory=rig.alarm.memory)
    again.command("shelve")
    assert again.alarm.status.sounding  # what is only counted cannot be shelved
    assert again.command("acknowledge")
    assert not again.alarm.status.sounding


def test_alarms_that_are_only_counted_are_acknowledged_without_others_and_told_of() -> None:
    rig = Rig()
    for _ in range(MAX_STANDING + 2):
        rig.raise_alarm().end_leak()
    for number, _, _ in rig.standing:
        assert rig.command("acknowledge", number)
    assert (rig.standing, rig.alarm.status.sounding) == ([], True)
    told = len(rig.events)
    assert rig.command("acknowledge")
    assert not rig.alarm.status.sounding
    assert len(rig.events) == told + 1, "else nobody would publish and keep it"
    assert not rig.command("acknowledge")


# Settings.


@pytest.mark.parametrize("offset", [-3_600_000_000_000, 3_600_000_000_000])
def test_a_second_source_with_another_clock_keeps_no_leak_from_the_alarm(offset: int) -> None:
    rig = Rig()
    states = []
    for _ in range(6):
        states.append(rig.see(0.9))
        rig.alarm.update(rig.now + offset, {"Smoke": 0.9})
    assert ACTIVE in states
    assert rig.alarm.status.state is ACTIVE


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


@pytest.mark.parametrize(
    ("settings", "smoke", "gas"), [(UNKNOWN_WARNS, 0.0, UNKNOWN), (SETTINGS, 0.9, "Smoke")]
)
def test_an_unknown_input_raises_an_alarm_of_its_own_or_of_the_leak(
    settings: AlarmSettings, smoke: float, gas: str
) -> None:
    rig = Rig(settings)
    for _ in range(3):
        rig.see_gases(dict(settings.evidence(verdict(smoke, novelty=3.0))))
    assert rig.standing == [(1, gas, ACTIVE)]


DEPARTURE_WARNS = replace(
    UNKNOWN_WARNS,
    novelty_is_evidence=False,
    unidentified_on_delay_ns=80,
    unidentified_off_delay_ns=300,
)


@given(
    smoke_probability=st.floats(0, 1),
    novelty=st.none() | st.floats(0, 5),
    departure=st.none() | st.floats(0, 5),
)
def test_a_departure_is_evidence_of_unknown_where_no_gas_explains_it(
    smoke_probability: float, novelty: float | None, departure: float | None
) -> None:
    given_verdict = replace(verdict(smoke_probability, novelty), departure=departure)
    explained = given_verdict.by_class["Smoke"] >= DEPARTURE_WARNS.on_threshold
    evidence = DEPARTURE_WARNS.evidence(given_verdict)
    if departure is not None and departure > 1.0 and not explained:
        assert evidence == {UNKNOWN: 1.0}
    else:
        assert evidence == given_verdict.by_class
    assert SETTINGS.evidence(given_verdict) == given_verdict.by_class


def test_the_alarm_of_an_unidentified_gas_has_delays_of_its_own() -> None:
    rig = Rig(DEPARTURE_WARNS)
    gone = dict(DEPARTURE_WARNS.evidence(replace(verdict(0.0, None), departure=2.0)))
    calm = dict(DEPARTURE_WARNS.evidence(verdict(0.0, None)))
    seen = 0
    while not rig.standing:
        rig.see_gases(gone)
        seen += 1
    assert rig.standing == [(1, UNKNOWN, ACTIVE)]
    assert seen - 1 == 8  # readings are 10 ns apart
    seen = 0
    while rig.standing[0][2] is ACTIVE:
        rig.see_gases(calm)
        seen += 1
    assert seen - 1 == 30


def test_a_gas_that_is_half_known_and_half_not_raises_an_alarm_all_the_same() -> None:
    rig = Rig(DEPARTURE_WARNS)
    for index in range(12):
        seen = replace(verdict(0.9 * (index % 2), None), departure=2.0)
        rig.see_gases(dict(DEPARTURE_WARNS.evidence(seen)))
    assert [gas for _, gas, _ in rig.standing] == [UNKNOWN]
