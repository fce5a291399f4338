"""Reads back what the classifier publishes: its verdicts and its alarms.

Works on messages of rclpy and of the library rosbags alike.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from gas_fusion_ros.alarm.types import AlarmState
from gas_fusion_ros.base.observation import CLEAN_AIR, UNKNOWN, Mode
from gas_fusion_ros.ros.messages import key_values, stamp_to_ns

if TYPE_CHECKING:
    from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus

_SENSED = {state.value for state in AlarmState if state.is_sensed}


@dataclass(frozen=True)
class Classification:
    """What one message on `gas/classification` says.

    Attributes:
        stamp_ns: the observation's stamp.
        label: the class, or `Unknown`.
        probabilities: by class.
        mode: what it was made from.
        latency_ms: from the later message's arrival to the published class.
        departure: from the array's clean air, 1 at the limit; None where that is not known.
    """

    stamp_ns: int
    label: str
    probabilities: Mapping[str, float]
    mode: Mode
    latency_ms: float
    departure: float | None = None

    @property
    def leak_probability(self) -> float | None:
        """That the array is in no clean air, 0..1; 1 of a model that knows none.

        None where nobody knows: of `Unknown`, and of a picture alone.
        """
        probability = 1.0 - self.probabilities.get(CLEAN_AIR, 0.0)
        is_known = self.label != UNKNOWN and self.mode is not Mode.THERMAL_ONLY
        return probability if is_known and 0.0 <= probability <= 1.0 else None


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


def decode_classification(msg: DiagnosticArray) -> Classification:
    """Read a message of `gas/classification`.

    Raises:
        ValueError: it lacks a status or one of the values it must have.
    """
    values = _values(msg, ("mode", "latency_ms"), "gas/classification")
    probabilities = {
        key[2:-1]: float(value) for key, value in values.items() if key.startswith("p(") and key.endswith(")")
    }
    departure = float(values.get("departure", "nan"))
    return Classification(
        stamp_ns=stamp_to_ns(msg.header.stamp),
        label=str(msg.status[0].message),
        probabilities=probabilities,
        mode=Mode(values["mode"]),
        latency_ms=float(values["latency_ms"]),
        departure=departure if math.isfinite(departure) else None,
    )


def decode_alarm_state(msg: DiagnosticArray) -> AlarmReport:
    """Read a message of `gas/alarm_state`: one of today, or one of old with a single alarm and status.

    Raises:
        ValueError: it lacks a status or one of the values it must have.
    """
    topic = "gas/alarm_state"
    values = _values(msg, ("state", "gas", "fault"), topic)
    if "standing" in values:
        alarms = [_required(status, ("number", "state", "gas"), topic) for status in msg.status[1:]]
    else:
        alarms = [{**values, "number": values.get("alarm", "1")}]
    return AlarmReport(
        stamp_ns=stamp_to_ns(msg.header.stamp),
        state=values["state"],
        gas=values["gas"],
        fault=values["fault"] == "true",
        sensed={int(alarm["number"]): alarm["gas"] for alarm in alarms if alarm["state"] in _SENSED},
    )


def _values(msg: DiagnosticArray, required: tuple[str, ...], topic: str) -> dict[str, str]:
    if not msg.status:
        raise ValueError(f"a message of {topic} has a status, this one has none")
    return _required(msg.status[0], required, topic)


def _required(status: DiagnosticStatus, required: tuple[str, ...], topic: str) -> dict[str, str]:
    values = key_values(status)
    missing = [key for key in required if key not in values]
    if missing:
        raise ValueError(f"a message of {topic} has no value {', '.join(missing)}")
    return values
