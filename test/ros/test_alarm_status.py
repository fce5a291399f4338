"""What the alarm publishes comes back."""

from __future__ import annotations

from typing import Any

import pytest

pytest.importorskip("diagnostic_msgs.msg", reason="needs the ROS message packages")

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from hypothesis import given
from hypothesis import strategies as st

from gas_fusion_ros.alarm.types import AlarmState, AlarmStatus, Reason, Severity, StandingAlarm
from gas_fusion_ros.base.observation import RobotPose
from gas_fusion_ros.ros.alarm_status import decode_alarm_status
from gas_fusion_ros.ros.messages import MessageError, encode_alarm_state

STAMP_NS = 1_700_000_000_123_456_789
MILLISECOND = 1_000_000
THOUSANDTHS = st.integers(-1_000_000, 1_000_000).map(lambda number: number / 1000)
REASONS = st.lists(
    st.builds(Reason, st.from_regex(r"[a-z_]+", fullmatch=True), st.sampled_from(["", "a; b", "why: so"])),
    max_size=3,
).map(tuple)
RAISED = st.lists(
    st.builds(
        StandingAlarm,
        st.just(1),
        st.text(max_size=5),
        st.sampled_from(Severity),
        st.sampled_from([state for state in AlarmState if state.is_leak]),
        st.integers(0, 2_000_000_000_000).map(lambda ms: ms * MILLISECOND),
        st.integers(0, 1_000_000).map(lambda millionths: millionths / 1_000_000),
        st.none() | st.builds(RobotPose, THOUSANDTHS, THOUSANDTHS, frame_id=st.text(max_size=5)),
        st.booleans(),
    ),
    max_size=3,
).map(lambda alarms: tuple(_numbered(alarm, 2 * number + 1) for number, alarm in enumerate(alarms)))


def _numbered(alarm: StandingAlarm, number: int) -> StandingAlarm:
    return StandingAlarm(number, *[getattr(alarm, name) for name in list(vars(alarm))[1:]])


@st.composite
def statuses(draw: Any) -> AlarmStatus:
    """What the alarm can say: the watch is in fault or inhibited where there is a reason."""
    alarms, faults, inhibits = draw(RAISED), draw(REASONS), draw(REASONS)
    calm = AlarmState.CLEAR if alarms else draw(st.sampled_from([AlarmState.CLEAR, AlarmState.PENDING]))
    return AlarmStatus(
        watch=AlarmState.FAULT if faults else AlarmState.INHIBITED if inhibits else calm,
        since_ns=STAMP_NS,
        alarms=alarms,
        omitted=draw(st.integers(0, 3)) if alarms else 0,
        faults=faults,
        inhibits=inhibits,
        warnings=draw(REASONS),
        suspected="" if alarms else draw(st.sampled_from(["", "Smoke"])),
        raised=draw(st.integers(0, 9)),
        sequence=draw(st.integers(0, 9)),
    )


@given(statuses())
def test_a_status_comes_back(status: AlarmStatus) -> None:
    decoded = decode_alarm_status(encode_alarm_state(status, STAMP_NS, "gas_classifier"))
    assert decoded == status
    assert (decoded.state, decoded.is_safe) == (status.state, status.is_safe)


ALARM = StandingAlarm(3, "Smoke", Severity.CRITICAL, AlarmState.ACTIVE, STAMP_NS, 0.9, RobotPose(1.0, 2.0))
STANDING = AlarmStatus(AlarmState.CLEAR, 0, alarms=(ALARM,))


@pytest.mark.parametrize(
    ("of", "key", "value", "said"),
    [
        (0, "state", "calm", "state of gas/alarm_state is 'calm'"),
        (0, "standing", "-1", "standing .* a whole number from 0 on"),
        (1, "state", "clear", "that of an alarm that stands"),
        (1, "severity", "grave", "warning or critical"),
        (1, "peak", "nan", "peak .* a number"),
        (1, "peak", "1.5", "a probability"),
        (1, "number", "1e300", "number .* a number"),
        (1, "number", "", "number .* a number"),
        (1, "since", "inf", "since .* a number"),
        (0, "faults", None, "has no value faults"),
    ],
)
def test_what_cannot_be_is_refused_and_named(of: int, key: str, value: str | None, said: str) -> None:
    message = encode_alarm_state(STANDING, STAMP_NS, "gas_classifier")
    pair = next(pair for pair in message.status[of].values if pair.key == key)
    if value is None:
        message.status[of].values.remove(pair)
    else:
        pair.value = value
    with pytest.raises(MessageError, match=said):
        decode_alarm_status(message)


def test_alarms_twice_or_none_at_all_are_refused() -> None:
    message = encode_alarm_state(STANDING, STAMP_NS, "gas_classifier")
    message.status.append(message.status[1])
    with pytest.raises(MessageError, match="do not rise"):
        decode_alarm_status(message)
    message.status = []
    with pytest.raises(MessageError, match="has 0 statuses"):
        decode_alarm_status(message)


def test_an_alarm_at_no_place_stands_all_the_same() -> None:
    message = encode_alarm_state(STANDING, STAMP_NS, "gas_classifier")
    next(pair for pair in message.status[1].values if pair.key == "x").value = "nan"
    assert decode_alarm_status(message).alarms[0].pose is None


OLD = {"gas": "Smoke", "fault": "false", "alarm": "2"}


def of_old(**values: str) -> DiagnosticArray:
    """A message from before an alarm had a status of its own."""
    pairs = [KeyValue(key=key, value=value) for key, value in {**OLD, **values}.items()]
    return DiagnosticArray(status=[DiagnosticStatus(name="gas_classifier: alarm", values=pairs)])


@pytest.mark.parametrize(
    ("state", "sensed", "is_safe"),
    [
        ("acknowledged", {2: "Smoke"}, False),
        ("latched", {}, False),
        ("clear", {}, True),
        ("fault", {}, False),
        ("inhibited", {}, False),
    ],
)
def test_a_message_of_old_has_one_alarm_and_is_never_safe_by_what_it_lacks(
    state: str, sensed: dict[int, str], is_safe: bool
) -> None:
    decoded = decode_alarm_status(of_old(state=state))
    assert (decoded.state.value, decoded.sensed, decoded.is_safe) == (state, sensed, is_safe)


def test_a_message_of_old_may_have_a_fault_beside_its_alarm() -> None:
    decoded = decode_alarm_status(of_old(state="active", fault="true"))
    assert (decoded.state, decoded.fault, decoded.gas) == (AlarmState.ACTIVE, True, "Smoke")
    with pytest.raises(MessageError, match="has no value gas"):
        decode_alarm_status(
            DiagnosticArray(status=[DiagnosticStatus(values=[KeyValue(key="state", value="clear")])])
        )
