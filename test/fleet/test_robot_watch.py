"""When a robot's alarm counts, and when it does not."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from gas_fusion_ros.alarm.types import AlarmState, AlarmStatus, Reason
from gas_fusion_ros.fleet.robot_watch import RobotWatch

SECOND = 1_000_000_000
CLEAR = AlarmStatus(AlarmState.CLEAR, 0)
FAULT = AlarmStatus(AlarmState.FAULT, 0, faults=(Reason("silence", "no reading"),))


def test_nothing_is_known_before_both_topics_have_been_heard() -> None:
    watch = RobotWatch(3 * SECOND)
    assert watch.state(0).name == "unknown"
    watch.hear_word(False, 0)
    assert watch.state(0).name == "unknown"
    watch.hear_status(CLEAR)
    assert watch.state(0).name == "clear"
    assert watch.state(0).safe


def test_silence_is_told_as_unknown_until_the_alarm_is_heard_again() -> None:
    watch = RobotWatch(3 * SECOND)
    watch.hear_status(CLEAR)
    watch.hear_word(False, 0)
    assert watch.state(3 * SECOND).safe
    late = watch.state(3 * SECOND + 1)
    assert (late.name, late.safe, [reason.code for reason in late.faults]) == ("unknown", False, ["silent"])
    watch.hear_word(False, 4 * SECOND)
    assert watch.state(4 * SECOND).safe


def test_the_word_goes_before_an_older_state() -> None:
    watch = RobotWatch(3 * SECOND)
    watch.hear_status(CLEAR)
    watch.hear_word(True, 0)
    assert not watch.state(0).safe


STEPS = st.one_of(st.sampled_from([CLEAR, FAULT]), st.booleans(), st.integers(0, 5 * SECOND))


@given(st.lists(STEPS))
def test_safe_is_only_what_both_have_said_not_long_ago(steps: list[Any]) -> None:
    watch = RobotWatch(3 * SECOND)
    now_ns, status, word, word_ns = 0, None, True, 0
    for step in steps:
        if isinstance(step, bool):
            watch.hear_word(step, now_ns)
            word, word_ns = step, now_ns
        elif isinstance(step, int):
            now_ns += step
        else:
            watch.hear_status(step)
            status = step
        state = watch.state(now_ns)
        if state.safe:
            assert status is CLEAR
            assert not word
            assert now_ns - word_ns <= 3 * SECOND
            assert state.name == "clear"
            assert not state.faults
        if state.name == "unknown":
            assert state.faults
