"""Reads back what the alarm and the ground truth publish.

Works on messages of rclpy and of the library rosbags alike.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from gas_fusion_ros.alarm.types import AlarmState
from gas_fusion_ros.base.quoting import quoted
from gas_fusion_ros.ros.messages import key_values, required_values, stamp_to_ns
from gas_fusion_ros.truth.scoring import Leak

if TYPE_CHECKING:
    from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus


_SENSED = {state.value for state in AlarmState if state.is_sensed}


@dataclass(frozen=True)
class AlarmReport:
    """What one message on `gas/alarm_state` says.

    Attributes:
        stamp_ns: since when.
        state: the state shown.
        gas: the gas shown.
        fault: whether a fault stands.
        sensed: the gas of each alarm, by its number, whose leak is not over.
    """

    stamp_ns: int
    state: str
    gas: str = ""
    fault: bool = False
    sensed: Mapping[int, str] = field(default_factory=dict)


def decode_alarm_state(msg: DiagnosticArray) -> AlarmReport:
    """Read a message of `gas/alarm_state`: one of today, or one of old with a single alarm and status.

    Raises:
        ValueError: it lacks a status or one of the values it must have.
    """
    topic = "gas/alarm_state"
    if not msg.status:
        raise ValueError(f"a message of {topic} has a status, this one has none")
    values = required_values(msg.status[0], ("state", "gas", "fault"), topic)
    if "standing" in values:
        alarms = [required_values(status, ("number", "state", "gas"), topic) for status in msg.status[1:]]
    else:
        alarms = [{**values, "number": values.get("alarm", "1")}]
    return AlarmReport(
        stamp_ns=stamp_to_ns(msg.header.stamp),
        state=values["state"],
        gas=values["gas"],
        fault=values["fault"] == "true",
        sensed={int(alarm["number"]): alarm["gas"] for alarm in alarms if alarm["state"] in _SENSED},
    )


def decode_leaks(msg: DiagnosticArray) -> tuple[Leak, ...]:
    """Read a message of `truth/leaks`.

    Raises:
        ValueError: a status lacks a value, or its times are no whole nanoseconds or contradict one another.
    """
    return tuple(
        _leak(status, f"leak {number} on truth/leaks") for number, status in enumerate(msg.status, 1)
    )


def _leak(status: DiagnosticStatus, place: str) -> Leak:
    values = key_values(status)
    times: dict[str, int] = {}
    for name in ("start_ns", "end_ns", "first_sign_ns", "recovered_ns"):
        if name not in values:
            raise ValueError(f"{place} has no value {name}")
        try:
            times[name] = int(values[name])
        except ValueError:
            raise ValueError(
                f"{name} of {place} is {quoted(values[name])}; expected whole nanoseconds"
            ) from None
    try:
        at = (float(values["x"]), float(values["y"])) if {"x", "y"} <= values.keys() else None
        return Leak(str(status.message), **times, place=at)
    except ValueError as error:
        raise ValueError(f"{place}: {error}") from None
