"""What has been told of a robot's alarm in events, and which events tell the rest."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from gas_fusion_ros.alarm.types import StandingAlarm
from gas_fusion_ros.base.leak_places import HeardLeaks, LeakPlace
from gas_fusion_ros.fleet import documents
from gas_fusion_ros.fleet.changes import alarm_changes
from gas_fusion_ros.fleet.outbox import Outbox
from gas_fusion_ros.fleet.robot_watch import UNKNOWN_STATE, RobotState


@dataclass(frozen=True)
class Told:
    """What the events so far have told; kept with them, so that a restart tells nothing twice.

    Attributes:
        state: the state's name.
        reasons: codes of faults and inhibits.
        alarms: what stands.
        omitted: how many alarms stand besides.
        leaks: the latest place of each leak.
        alarms_ns: when alarms or places last changed; 0 before anything of them was known.
    """

    state: str = UNKNOWN_STATE
    reasons: tuple[str, ...] = ()
    alarms: tuple[StandingAlarm, ...] = ()
    omitted: int = 0
    leaks: tuple[LeakPlace, ...] = ()
    alarms_ns: int = 0


class Journal:
    """Puts into an outbox what is new of a robot's alarm, each change once, also over a restart.

    Args:
        robot: the robot's name.
        outbox: where events wait.

    Attributes:
        told: what the events so far have told.
    """

    def __init__(self, robot: str, outbox: Outbox) -> None:
        self._robot = robot
        self._outbox = outbox
        self.told = _parse(outbox.memory())

    def add(self, state: RobotState, leaks: Sequence[LeakPlace], stamp_ns: int) -> bool:
        """Tell in events what is new.

        Args:
            state: how the alarm is.
            leaks: places of leaks that were estimated since the last call, oldest first.
            stamp_ns: now, by the robot's clock.

        Returns:
            Whether there was anything.

        Raises:
            OSError: the outbox does not take it; it counts as new at the next call.
        """
        events = self._changes(state, stamp_ns)
        # The same place may be heard again, as a latched one is.
        heard = HeardLeaks(self.told.leaks)
        new_leaks = [leak for leak in leaks if heard.add(leak)]
        if new_leaks:
            told = replace(self.told, leaks=heard.places, alarms_ns=stamp_ns)
            places = [documents.leak_event(self._robot, leak, stamp_ns) for leak in new_leaks]
            self._outbox.append(places, True, _format(told))
            self.told = told
        return bool(events or new_leaks)

    def _changes(self, state: RobotState, stamp_ns: int) -> list[documents.Document]:
        before, status = self.told, state.status
        reasons = tuple(reason.code for reason in (*state.faults, *state.inhibits))
        told = replace(before, state=state.name, reasons=reasons)
        events: list[documents.Document] = []
        if status is not None:
            changes = alarm_changes(before.alarms, status.alarms, status.omitted)
            events += [documents.alarm_event(self._robot, change, stamp_ns) for change in changes]
            is_new = bool(changes) or status.omitted != before.omitted or not before.alarms_ns
            since_ns = stamp_ns if is_new else before.alarms_ns
            told = replace(told, alarms=status.alarms, omitted=status.omitted, alarms_ns=since_ns)
        if (told.state, told.reasons) != (before.state, before.reasons):
            events.append(documents.state_event(self._robot, before.state, state, stamp_ns))
        if events:
            self._outbox.append(events, False, _format(told))
        self.told = told
        return events


def _format(told: Told) -> str:
    content = {
        "state": told.state,
        "reasons": list(told.reasons),
        "alarms": [documents.alarm_to_json(alarm) for alarm in told.alarms],
        "omitted": told.omitted,
        "leaks": [documents.leak_to_json(leak) for leak in told.leaks],
        "alarms_ns": told.alarms_ns,
    }
    return json.dumps(content, allow_nan=False)


def _parse(text: str) -> Told:
    """What `_format` wrote; nothing told where it wrote nothing."""
    if not text:
        return Told()
    content: Any = json.loads(text)
    return Told(
        state=str(content["state"]),
        reasons=tuple(map(str, content["reasons"])),
        alarms=tuple(map(documents.alarm_from_json, content["alarms"])),
        omitted=int(content["omitted"]),
        leaks=tuple(map(documents.leak_from_json, content["leaks"])),
        alarms_ns=int(content["alarms_ns"]),
    )
