"""The alarms that stood while somebody watched, also those that are over: what an operator may judge."""

from __future__ import annotations

from dataclasses import dataclass, replace

from gas_fusion_ros.alarm.types import AlarmStatus, StandingAlarm
from gas_fusion_ros.site.verdicts import AlarmKey, alarm_key

MOST_REMEMBERED = 50
"""Beyond it the one heard of longest ago gives way."""


@dataclass(frozen=True)
class RememberedAlarm:
    """An alarm.

    Attributes:
        alarm: as it was last heard.
        until_ns: stamp up to which its gas was sensed, as far as that is known by now; None where it was over
            when it was first heard of.
        is_sensed: whether that goes on.
    """

    alarm: StandingAlarm
    until_ns: int | None
    is_sensed: bool


class AlarmHistory:
    """Remembers alarms. Not thread-safe.

    Args:
        robot: whose, as in `AlarmKey`.
    """

    def __init__(self, robot: str) -> None:
        self._robot = robot
        self._alarms: dict[AlarmKey, RememberedAlarm] = {}

    @property
    def alarms(self) -> dict[AlarmKey, RememberedAlarm]:
        """Each, the one heard of longest ago first."""
        return self._alarms

    def hear(self, standing: AlarmStatus, stamp_ns: int) -> dict[AlarmKey, RememberedAlarm]:
        """Take in what stands.

        Args:
            standing: what the alarm says.
            stamp_ns: of the latest reading.

        Returns:
            The alarms whose gas is sensed no more from now on.
        """
        over: dict[AlarmKey, RememberedAlarm] = {}
        heard = {alarm_key(self._robot, one.number, one.since_ns): one for one in standing.alarms}
        for key, alarm in heard.items():
            known = self._alarms.pop(key, None)
            self._alarms[key] = _heard(alarm, known, stamp_ns)
            if known is not None and known.is_sensed and not alarm.state.is_sensed:
                over[key] = self._alarms[key]
        if not standing.omitted:  # else an alarm that is not listed may stand
            over.update(self._end_all_but(heard, stamp_ns))
        while len(self._alarms) > MOST_REMEMBERED:
            del self._alarms[next(iter(self._alarms))]
        return over

    def end(self, stamp_ns: int) -> dict[AlarmKey, RememberedAlarm]:
        """Nothing more will come; return the alarms whose gas was sensed until now."""
        return self._end_all_but({}, stamp_ns)

    def _end_all_but(
        self, heard: dict[AlarmKey, StandingAlarm], stamp_ns: int
    ) -> dict[AlarmKey, RememberedAlarm]:
        over = {
            key: replace(one, until_ns=max(one.alarm.since_ns, stamp_ns), is_sensed=False)
            for key, one in self._alarms.items()
            if one.is_sensed and key not in heard
        }
        self._alarms.update(over)
        return over


def _heard(alarm: StandingAlarm, known: RememberedAlarm | None, stamp_ns: int) -> RememberedAlarm:
    is_sensed = alarm.state.is_sensed
    if is_sensed or (known is not None and known.is_sensed):
        return RememberedAlarm(alarm, max(alarm.since_ns, stamp_ns), is_sensed)
    return RememberedAlarm(alarm, None if known is None else known.until_ns, False)
