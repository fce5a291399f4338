"""Reads back what the classifier publishes on `gas/classification`.

Works on messages of rclpy and of the library rosbags alike.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gas_fusion_ros.base.observation import CLEAN_AIR, Mode
from gas_fusion_ros.ros.messages import required_values, stamp_to_ns

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
    """

    stamp_ns: int
    label: str
    probabilities: Mapping[str, float]
    mode: Mode
    latency_ms: float

    @property
    def leak_probability(self) -> float:
        """That it is no clean air, 0..1; 1 of a model that knows none."""
        return 1.0 - self.probabilities.get(CLEAN_AIR, 0.0)


def decode_classification(msg: DiagnosticArray) -> Classification:
    """Read a message of `gas/classification`.

    Raises:
        ValueError: it lacks a status or one of the values it must have.
    """
    topic = "gas/classification"
    if not msg.status:
        raise ValueError(f"a message of {topic} has a status, this one has none")
    values = required_values(msg.status[0], ("mode", "latency_ms"), topic)
    probabilities = {
        key[2:-1]: float(value) for key, value in values.items() if key.startswith("p(") and key.endswith(")")
    }
    return Classification(
        stamp_ns=stamp_to_ns(msg.header.stamp),
        label=str(msg.status[0].message),
        probabilities=probabilities,
        mode=Mode(values["mode"]),
        latency_ms=float(values["latency_ms"]),
    )
