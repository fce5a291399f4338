"""The line never says that no leak alarm stands where that is not known."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gas_fusion_ros.alarm.types import AlarmState
from gas_fusion_ros.ros.standing_alarms import Standing
from gas_fusion_ros.view.banner import AlarmWord, Urgency, banner

CLEAR = Standing(AlarmState.CLEAR, "", 0, "", "", ())
TEXTS = ("", "silence: no reading", "forged\nline " * 20)
LEAK = Standing(AlarmState.ACTIVE, "Smoke", 2, "", "", ())


@pytest.mark.parametrize(
    ("word", "said", "urgency"),
    [
        (AlarmWord(True, False, CLEAR), "no leak alarm", Urgency.NONE),
        (AlarmWord(True, True, LEAK), "ALARM: Smoke active and 1 more", Urgency.ALARM),
        (
            AlarmWord(False, False, CLEAR),
            "NOTHING IS KNOWN: the classifier is silent",
            Urgency.UNKNOWN,
        ),
        (
            AlarmWord(False, True, LEAK),
            "NOTHING IS KNOWN: the classifier is silent; last known: Smoke active and 1 more",
            Urgency.UNKNOWN,
        ),
        (
            AlarmWord(True, True, replace(CLEAR, state=AlarmState.FAULT, faults="silence: no reading")),
            "FAULT: silence: no reading",
            Urgency.UNKNOWN,
        ),
        (
            AlarmWord(True, True, replace(CLEAR, state=AlarmState.INHIBITED, inhibits="warming_up: wait")),
            "INHIBITED: warming_up: wait",
            Urgency.UNKNOWN,
        ),
        (
            AlarmWord(True, False, replace(CLEAR, state=AlarmState.PENDING, gas="Smoke")),
            "a leak is suspected: Smoke",
            Urgency.SUSPECTED,
        ),
        (
            AlarmWord(True, True, replace(LEAK, count=1, faults="silence: no reading")),
            "ALARM: Smoke active; and a fault",
            Urgency.ALARM,
        ),
    ],
)
def test_the_line_says_what_stands(word: AlarmWord, said: str, urgency: Urgency) -> None:
    line = banner(word)
    assert (line.text, line.urgency) == (said, urgency)


@given(
    st.booleans(),
    st.booleans(),
    st.none()
    | st.builds(
        Standing,
        st.sampled_from(AlarmState),
        st.sampled_from(TEXTS),
        st.integers(0, 3),
        st.sampled_from(TEXTS),
        st.sampled_from(TEXTS),
        st.just(()),
    ),
)
def test_no_leak_alarm_is_said_only_where_it_is_known(
    is_heard: bool, is_raised: bool, standing: Standing | None
) -> None:
    line = banner(AlarmWord(is_heard, is_raised, standing))
    assert "\n" not in line.text
    assert len(line.text) < 250
    if line.urgency is Urgency.NONE:
        assert is_heard
        assert not is_raised
        assert standing is not None
        assert (standing.count, standing.faults, standing.inhibits) == (0, "", "")
