"""Reads back what the ground truth publishes.

Works on messages of rclpy and of the library rosbags alike.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gas_fusion_ros.base.quoting import quoted
from gas_fusion_ros.ros.messages import key_values
from gas_fusion_ros.truth.scoring import Leak

if TYPE_CHECKING:
    from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus


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
