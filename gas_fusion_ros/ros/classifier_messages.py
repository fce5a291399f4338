"""Reads back what the classifier publishes: its verdicts.

Works on messages of rclpy and of the library rosbags alike.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gas_fusion_ros.base.observation import CLEAN_AIR, UNKNOWN, Mode
from gas_fusion_ros.ros.messages import key_values, stamp_to_ns

if TYPE_CHECKING:
    from diagnostic_msgs.msg import DiagnosticArray


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


def decode_classification(msg: DiagnosticArray) -> Classification:
    """Read a message of `gas/classification`.

    Raises:
        ValueError: it lacks a status or one of the values it must have.
    """
    values = _values(msg)
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


def _values(msg: DiagnosticArray) -> dict[str, str]:
    if not msg.status:
        raise ValueError("a message of gas/classification has a status, this one has none")
    values = key_values(msg.status[0])
    missing = [key for key in ("mode", "latency_ms") if key not in values]
    if missing:
        raise ValueError(f"a message of gas/classification has no value {', '.join(missing)}")
    return values
