"""Reads back what stands from `gas/alarm_state`, and where a leak is from `gas/leak_pose`.

Works on messages of rclpy and of the library rosbags alike.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gas_fusion_ros.alarm.types import AlarmState, Severity, StandingAlarm
from gas_fusion_ros.base.observation import RobotPose
from gas_fusion_ros.base.units import NANOSECONDS_PER_SECOND
from gas_fusion_ros.ros.messages import MessageError, required_values

if TYPE_CHECKING:
    from diagnostic_msgs.msg import DiagnosticArray

_TOPIC = "gas/alarm_state"
_OF_THE_SUM = ("state", "gas", "standing", "faults", "inhibits")
_OF_AN_ALARM = ("number", "state", "gas", "severity", "since", "peak", "shelved")


@dataclass(frozen=True)
class Standing:
    """What one message on `gas/alarm_state` says of now.

    Attributes:
        state: of the foremost alarm; where none stands, of the watch.
        gas: of the foremost alarm, else the one that is suspected; empty without a leak.
        count: how many alarms stand.
        faults: why a fault stands, as `code: text; code: text`; empty without one.
        inhibits: why no alarm can be raised, likewise.
        alarms: those that stand, first-out first; fewer than `count` where there are too many to tell.
    """

    state: AlarmState
    gas: str
    count: int
    faults: str
    inhibits: str
    alarms: tuple[StandingAlarm, ...]


def decode_standing(msg: DiagnosticArray) -> Standing:
    """Read a message of `gas/alarm_state`.

    Raises:
        MessageError: it lacks a status or a value, or one is not what it must be.
    """
    if not msg.status:
        raise MessageError("alarm_state_unusable", f"a message of {_TOPIC} has a status, this one has none")
    try:
        values = required_values(msg.status[0], _OF_THE_SUM, _TOPIC)
        return Standing(
            state=AlarmState(values["state"]),
            gas=values["gas"],
            count=int(values["standing"]),
            faults=values["faults"],
            inhibits=values["inhibits"],
            alarms=tuple(_alarm(required_values(status, _OF_AN_ALARM, _TOPIC)) for status in msg.status[1:]),
        )
    except ValueError as error:
        raise MessageError("alarm_state_unusable", f"{_TOPIC}: {error}") from None


def _alarm(values: Mapping[str, str]) -> StandingAlarm:
    since_s = _finite(values["since"], "since")
    return StandingAlarm(
        number=int(values["number"]),
        gas=values["gas"],
        severity=Severity(values["severity"]),
        state=AlarmState(values["state"]),
        since_ns=round(since_s * NANOSECONDS_PER_SECOND),
        peak=_finite(values["peak"], "peak"),
        pose=_place(values),
        shelved=values["shelved"] == "true",
    )


def _place(values: Mapping[str, str]) -> RobotPose | None:
    if not {"x", "y", "frame_id"} <= values.keys():
        return None
    return RobotPose(_finite(values["x"], "x"), _finite(values["y"], "y"), frame_id=values["frame_id"])


def _finite(text: str, name: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{name} is {text}; it must be a finite number")
    return value
