"""What a robot's alarm says, and whether that still counts."""

from __future__ import annotations

from dataclasses import dataclass

from gas_fusion_ros.alarm.types import AlarmStatus, Reason
from gas_fusion_ros.base.units import NANOSECONDS_PER_SECOND

UNKNOWN_STATE = "unknown"
"""The state of a robot whose alarm is not heard."""

NOT_HEARD = Reason("not_heard", "the robot's alarm has not been heard yet; is gas_classifier active?")
STOPPED = Reason("stopped", "the relay was stopped: nobody says how the robot's alarm is")
CONNECTION_LOST = Reason("connection_lost", "the robot has lost its connection to the broker, or died")


@dataclass(frozen=True)
class RobotState:
    """How a robot's alarm is, as far as it is known.

    Attributes:
        status: what the alarm last said; None before it has said anything.
        doubts: why that does not count; empty where it does.
        safe: whether it is known that no leak alarm stands.
    """

    status: AlarmStatus | None
    doubts: tuple[Reason, ...]
    safe: bool

    @property
    def known(self) -> AlarmStatus | None:
        """What the alarm says, where that counts."""
        return None if self.doubts else self.status

    @property
    def name(self) -> str:
        """The state's name."""
        return UNKNOWN_STATE if self.known is None else self.known.state.value

    @property
    def faults(self) -> tuple[Reason, ...]:
        """Why the alarm cannot be relied on."""
        return self.doubts if self.known is None else self.known.faults

    @property
    def inhibits(self) -> tuple[Reason, ...]:
        """Why no alarm can be raised, as far as that is known."""
        return () if self.known is None else self.known.inhibits


class RobotWatch:
    """Keeps what `gas/alarm_state` and `gas/alarm` say.

    The first is published when something changes, the second every second. So the first has the content, and
    the second says that somebody still stands for it.

    Args:
        patience_ns: how long `gas/alarm` may be silent.
    """

    def __init__(self, patience_ns: int) -> None:
        self._patience_ns = patience_ns
        self._status: AlarmStatus | None = None
        self._is_alarm = True
        self._heard_ns: int | None = None

    def hear_status(self, status: AlarmStatus) -> None:
        """The alarm has told all that stands."""
        self._status = status

    def hear_word(self, is_alarm: bool, now_ns: int) -> None:
        """The alarm has said, at a time of a steady clock, whether anything stands."""
        self._is_alarm, self._heard_ns = is_alarm, now_ns

    def state(self, now_ns: int) -> RobotState:
        """How the alarm is at a time of that clock."""
        status = self._status
        if status is None or self._heard_ns is None:
            return RobotState(status, (NOT_HEARD,), safe=False)
        age_ns = now_ns - self._heard_ns
        if age_ns > self._patience_ns:
            limit_s = self._patience_ns / NANOSECONDS_PER_SECOND
            text = f"gas/alarm has been silent for more than {limit_s:g} s; gas_classifier is gone or hangs"
            return RobotState(status, (Reason("silent", text),), safe=False)
        return RobotState(status, (), safe=status.is_safe and not self._is_alarm)
