"""The line never says that no leak alarm stands where that is not known."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gas_fusion_ros.alarm.types import AlarmState, AlarmStatus, Reason, Severity, StandingAlarm
from gas_fusion_ros.view.banner import AlarmWord, Urgency, banner

CLEAR = AlarmStatus(AlarmState.CLEAR, 0)
SILENCE = (Reason("silence", "no reading"),)
REASONS = st.lists(
    st.builds(Reason, st.sampled_from(["silence", "scale"]), st.sampled_from(["", "forged\nline " * 20])),
    max_size=2,
).map(tuple)
SMOKE = StandingAlarm(1, "Smoke", Severity.CRITICAL, AlarmState.ACTIVE, 0, 0.9)
LEAK = replace(CLEAR, alarms=(SMOKE,), omitted=1)


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
            AlarmWord(True, True, replace(CLEAR, watch=AlarmState.FAULT, faults=SILENCE)),
            "FAULT: silence: no reading",
            Urgency.UNKNOWN,
        ),
        (
            AlarmWord(
                True,
                True,
                replace(CLEAR, watch=AlarmState.INHIBITED, inhibits=(Reason("warming_up", "wait"),)),
            ),
            "INHIBITED: warming_up: wait",
            Urgency.UNKNOWN,
        ),
        (
            AlarmWord(True, False, replace(CLEAR, watch=AlarmState.PENDING, suspected="Smoke")),
            "a leak is suspected: Smoke",
            Urgency.SUSPECTED,
        ),
        (
            AlarmWord(True, True, replace(LEAK, omitted=0, faults=SILENCE)),
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
        AlarmStatus,
        st.sampled_from([state for state in AlarmState if not state.is_leak]),
        st.just(0),
        st.sampled_from([(), (replace(SMOKE, gas="forged\nline " * 20),)]),
        st.integers(0, 2),
        REASONS,
        REASONS,
        suspected=st.sampled_from(["", "forged\nline " * 20]),
    ),
)
def test_no_leak_alarm_is_said_only_where_it_is_known(
    is_heard: bool, is_raised: bool, standing: AlarmStatus | None
) -> None:
    line = banner(AlarmWord(is_heard, is_raised, standing))
    assert "\n" not in line.text
    assert len(line.text) < 250
    if line.urgency is Urgency.NONE:
        assert is_heard
        assert not is_raised
        assert standing is not None
        assert standing.is_safe
