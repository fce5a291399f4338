"""Reads back what the alarm tells on `gas/alarm_state`, of rclpy and of the library rosbags alike."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

from gas_fusion_ros.alarm.leak_alarm import MAX_STANDING
from gas_fusion_ros.alarm.types import AlarmState, AlarmStatus, Reason, Severity, StandingAlarm
from gas_fusion_ros.base.observation import RobotPose
from gas_fusion_ros.base.quoting import listed, quoted
from gas_fusion_ros.base.units import NANOSECONDS_PER_SECOND
from gas_fusion_ros.ros.messages import MessageError, key_values, stamp_to_ns

if TYPE_CHECKING:
    from diagnostic_msgs.msg import DiagnosticArray

_SUM = ("state", "gas", "standing", "raised", "sequence", "faults", "inhibits", "warnings")
_SUM_OF_OLD = ("state", "gas", "fault")
_ALARM = ("number", "gas", "severity", "state", "since", "peak", "shelved")
_NEXT_REASON = re.compile(r"; (?=\w+: )")
_LARGEST = 2**53


def decode_alarm_status(msg: DiagnosticArray) -> AlarmStatus:
    """Read a message of `gas/alarm_state`, as `messages.encode_alarm_state` writes it.

    Times of alarms come in milliseconds, and the latest leak probability is not told. The state of the watch
    beside alarms that stand is told as far as it is a fault or an inhibit. A message of old, of one alarm and
    status, does not tell its alarm's severity, time or peak: it is critical, of now, and 0.

    Raises:
        MessageError: it lacks a status or a value, has one that cannot be, or too many statuses.
    """
    if not 1 <= len(msg.status) <= MAX_STANDING + 1:
        raise MessageError(
            "alarm_state_size",
            f"a message of gas/alarm_state has {len(msg.status)} statuses; expected 1 to {MAX_STANDING + 1}",
        )
    total, *each = (key_values(status) for status in msg.status)
    if not each and "standing" not in total:
        return _of_old(total, stamp_to_ns(msg.header.stamp))
    _require(total, _SUM)
    alarms = tuple(map(_alarm, each))
    numbers = [alarm.number for alarm in alarms]
    if numbers != sorted(set(numbers)):
        raise MessageError("alarm_state_numbers", f"the numbers of its alarms do not rise: {listed(numbers)}")
    faults, inhibits = _reasons(total["faults"]), _reasons(total["inhibits"])
    shown = _state(total["state"])
    if not alarms:
        watch = shown
    elif faults:
        watch = AlarmState.FAULT
    else:
        watch = AlarmState.INHIBITED if inhibits else AlarmState.CLEAR
    return AlarmStatus(
        watch=watch,
        since_ns=stamp_to_ns(msg.header.stamp),
        alarms=alarms,
        omitted=max(0, _count(total, "standing") - len(alarms)),
        faults=faults,
        inhibits=inhibits,
        warnings=_reasons(total["warnings"]),
        suspected="" if alarms else total["gas"],
        raised=_count(total, "raised"),
        sequence=_count(total, "sequence"),
    )


def _of_old(values: Mapping[str, str], stamp_ns: int) -> AlarmStatus:
    _require(values, _SUM_OF_OLD)
    state, gas = _state(values["state"]), values["gas"]
    is_fault = values["fault"] == "true" or state is AlarmState.FAULT
    faults = (Reason("fault", ""),) if is_fault else ()
    inhibits = (Reason("inhibited", ""),) if state is AlarmState.INHIBITED else ()
    if not state.is_leak:
        return AlarmStatus(state, stamp_ns, faults=faults, inhibits=inhibits, suspected=gas)
    number = _count({"alarm": "1", **values}, "alarm")
    alarm = StandingAlarm(number, gas, Severity.CRITICAL, state, stamp_ns, peak=0.0)
    watch = AlarmState.FAULT if is_fault else AlarmState.CLEAR
    return AlarmStatus(watch, stamp_ns, (alarm,), faults=faults)


def _alarm(values: Mapping[str, str]) -> StandingAlarm:
    _require(values, _ALARM)
    state = _state(values["state"])
    if not state.is_leak:
        raise _wrong("state", values["state"], "that of an alarm that stands")
    peak = _number(values, "peak")
    if not 0.0 <= peak <= 1.0:
        raise _wrong("peak", values["peak"], "a probability")
    try:
        severity = Severity(values["severity"])
    except ValueError:
        raise _wrong("severity", values["severity"], "warning or critical") from None
    return StandingAlarm(
        number=_count(values, "number"),
        gas=values["gas"],
        severity=severity,
        state=state,
        since_ns=round(_number(values, "since") * 1000) * (NANOSECONDS_PER_SECOND // 1000),
        peak=peak,
        pose=_pose(values),
        shelved=values["shelved"] == "true",
    )


def _pose(values: Mapping[str, str]) -> RobotPose | None:
    if not {"x", "y", "frame_id"} <= values.keys():
        return None
    try:
        return RobotPose(_number(values, "x"), _number(values, "y"), frame_id=values["frame_id"])
    except MessageError:  # a robot that was nowhere: the alarm stands all the same
        return None


def _state(text: str) -> AlarmState:
    try:
        return AlarmState(text)
    except ValueError:
        raise _wrong("state", text, f"one of {', '.join(state.value for state in AlarmState)}") from None


def _reasons(text: str) -> tuple[Reason, ...]:
    parts = (part.partition(": ") for part in _NEXT_REASON.split(text) if part)
    return tuple(Reason(code, said) for code, _, said in parts)


def _count(values: Mapping[str, str], key: str) -> int:
    number = _number(values, key)
    if number < 0 or number != int(number):
        raise _wrong(key, values[key], "a whole number from 0 on")
    return int(number)


def _number(values: Mapping[str, str], key: str) -> float:
    try:
        number = float(values[key])
    except ValueError:
        number = math.nan
    if not abs(number) <= _LARGEST:
        raise _wrong(key, values[key], "a number")
    return number


def _require(values: Mapping[str, str], keys: tuple[str, ...]) -> None:
    missing = [key for key in keys if key not in values]
    if missing:
        raise MessageError(
            "alarm_state_values", f"a status of gas/alarm_state has no value {listed(missing)}"
        )


def _wrong(key: str, value: str, expected: str) -> MessageError:
    return MessageError(
        "alarm_state_values", f"{key} of gas/alarm_state is {quoted(value)}; it must be {expected}"
    )
