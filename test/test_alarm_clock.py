"""The alarm on the time line of the stamps: silence has one date, whoever notices it and whenever."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gas_fusion_ros.alarm import AlarmEvent, AlarmSettings, AlarmState, AlarmStatus, Severity
from gas_fusion_ros.alarm_clock import AlarmClock
from gas_fusion_ros.alarm_defaults import (
    DEFAULT_SEVERITIES,
    AlarmChoice,
    default_alarm,
    default_classes,
    severities_of,
)
from gas_fusion_ros.inference import AlarmAdvice
from gas_fusion_ros.observation import PAPER_CLASSES, Mode, Verdict

S = 1_000_000_000
START = 1000 * S
SETTINGS = AlarmSettings(DEFAULT_SEVERITIES, on_delay_ns=3 * S, off_delay_ns=10 * S, timeout_ns=10 * S)


class Heard:
    """Keeps what a listener hears."""

    def __init__(self) -> None:
        self.events: list[AlarmEvent] = []
        self.began: list[int] = []

    def __call__(self, status: AlarmStatus, stamp_ns: int, event: AlarmEvent | None) -> None:
        if event is None:
            self.began.append(stamp_ns)
        else:
            assert (status.state, status.fault, stamp_ns) == (event.state, event.fault, event.stamp_ns)
            self.events.append(event)


def verdict(stamp_ns: int, smoke: float = 0.0, mode: Mode = Mode.FUSION) -> Verdict:
    probabilities = np.array([0.0, 1.0 - smoke, 0.0, smoke], dtype=np.float32)
    return Verdict(stamp_ns, "", mode, PAPER_CLASSES, probabilities, "made")


@pytest.fixture
def heard() -> Heard:
    return Heard()


@pytest.fixture
def clock(heard: Heard) -> AlarmClock:
    return AlarmClock(SETTINGS, heard)


def test_the_alarm_begins_with_the_clock_or_the_first_verdict(heard: Heard) -> None:
    ticked = AlarmClock(SETTINGS, heard)
    assert ticked.status is None
    ticked.tick(0)
    assert ticked.status is None
    ticked.tick(START)
    ticked.tick(START + S)
    told = AlarmClock(SETTINGS, heard)
    told.update(verdict(5 * S), 0)
    assert heard.began == [START, 5 * S]
    assert ticked.status is not None


def test_the_fault_is_dated_at_its_deadline(clock: AlarmClock, heard: Heard) -> None:
    clock.update(verdict(START), START + S)
    clock.tick(START + 11 * S)  # exactly the timeout since it was heard
    assert not heard.events
    clock.tick(START + 25 * S)
    clock.tick(START + 30 * S)
    assert [(event.state, event.stamp_ns) for event in heard.events] == [(AlarmState.FAULT, START + 10 * S)]


def test_the_next_verdict_notices_silence_before_it_ends_it(clock: AlarmClock, heard: Heard) -> None:
    clock.update(verdict(START), START)
    clock.update(verdict(START + 20 * S), START + 20 * S)
    assert [(event.state, event.stamp_ns) for event in heard.events] == [
        (AlarmState.FAULT, START + 10 * S),
        (AlarmState.CLEAR, START + 20 * S),
    ]


def test_images_alone_do_not_put_the_fault_off(clock: AlarmClock, heard: Heard) -> None:
    clock.update(verdict(START), START)
    clock.update(verdict(START + 6 * S, mode=Mode.THERMAL_ONLY), START + 6 * S)
    clock.tick(START + 12 * S)
    assert [event.stamp_ns for event in heard.events] == [START + 10 * S]


@pytest.mark.parametrize("skew", [-900 * S, -30 * S, 0])
def test_old_stamps_are_no_silence(clock: AlarmClock, heard: Heard, skew: int) -> None:
    clock.tick(START)
    for second in range(0, 60, 5):
        now = START + second * S
        clock.tick(now)
        clock.update(verdict(now + skew), now)
    assert not heard.events


def test_a_stamp_ahead_of_the_clock_counts_from_the_clock(clock: AlarmClock, heard: Heard) -> None:
    clock.update(verdict(START, smoke=1.0), START)
    clock.update(verdict(START + 4 * S, smoke=1.0), START + S)
    assert [event.state for event in heard.events] == [AlarmState.PENDING]
    clock.update(verdict(START + 7 * S, smoke=1.0), START + 3 * S)
    assert heard.events[-1].raises_alarm
    assert heard.events[-1].stamp_ns == START + 3 * S


def test_a_clock_that_goes_back_is_no_silence(clock: AlarmClock, heard: Heard) -> None:
    clock.update(verdict(START), START)
    clock.tick(START - 500 * S)
    clock.tick(START - 492 * S)
    assert not heard.events
    clock.tick(START - 489 * S)
    assert heard.events[-1].fault


def test_stopping_raises_the_fault_and_begins_anew(clock: AlarmClock, heard: Heard) -> None:
    clock.update(verdict(START, smoke=1.0), START)
    clock.stop(START + 2 * S)
    assert clock.status is None
    assert heard.events[-1].fault
    assert heard.events[-1].stamp_ns == START + 2 * S
    clock.stop(START + 3 * S)
    assert len(heard.events) == 2


def test_the_operator_is_heard_on_the_time_line_of_the_stamps(clock: AlarmClock, heard: Heard) -> None:
    assert not clock.acknowledge(START).success
    assert not clock.reset(START).success
    for second in range(4):
        clock.update(verdict(START + second * S, smoke=1.0), START + (5 + second) * S)
    assert clock.acknowledge(START + 10 * S).success
    assert (heard.events[-1].state, heard.events[-1].stamp_ns) == (AlarmState.ACKNOWLEDGED, START + 5 * S)
    assert not clock.reset(START + 10 * S).success


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
        clock.tick(START)
        now = START
        for since, delay, smoke, mode in moments:
            before, now = now, now + since
            for share in sorted(shares):
                clock.tick(before + round(share * since))
            clock.update(verdict(now - delay, smoke, mode), now)
        clock.tick(now + 60 * S)
        return heard.events

    assert play(ticks) == play([])


def test_what_is_not_chosen_is_as_the_model_advises() -> None:
    advice = AlarmAdvice(0.9, 0.3, 4 * S, 5 * S)
    assert default_alarm(advice) == AlarmSettings(DEFAULT_SEVERITIES, 0.9, 0.3, 4 * S, 5 * S)
    chosen = AlarmChoice({"Smoke": Severity.WARNING}, off_threshold=0.2, on_delay_ns=S, timeout_ns=7 * S)
    assert chosen.settings(advice) == AlarmSettings(
        {"Smoke": Severity.WARNING}, 0.9, 0.2, S, 5 * S, timeout_ns=7 * S
    )


def test_a_contradiction_names_what_the_model_advised() -> None:
    with pytest.raises(ValueError, match=r"as the model advises: alarm\.off_threshold, alarm\.on_delay, ala"):
        AlarmChoice(DEFAULT_SEVERITIES, on_threshold=0.1).settings(AlarmAdvice())
    chosen = AlarmChoice(DEFAULT_SEVERITIES, 0.1, 0.2, S, S)
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
        severities_of(default_classes(Severity.WARNING), default_classes(Severity.CRITICAL))
        == DEFAULT_SEVERITIES
    )


def test_a_stamp_is_told_on_the_clock(clock: AlarmClock, heard: Heard) -> None:
    clock.update(verdict(START), START + S)
    assert clock.clock_ns(START) == START + S
    clock.tick(START + 25 * S)
    (fault,) = heard.events
    assert clock.clock_ns(fault.stamp_ns) == START + 11 * S
