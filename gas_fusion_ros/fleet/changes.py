"""What is new in what stands: the difference of two looks at a robot's alarms."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from gas_fusion_ros.alarm.types import StandingAlarm


class Change(str, Enum):
    """What became of an alarm."""

    RAISED = "raised"
    CHANGED = "changed"
    CLEARED = "cleared"
    UNLISTED = "unlisted"
    """It may stand still: so many stand that the robot only counts it."""


@dataclass(frozen=True)
class AlarmChange:
    """An alarm and what became of it.

    Attributes:
        alarm: as it is now; as it last was where it is gone.
    """

    change: Change
    alarm: StandingAlarm


def alarm_changes(
    before: Sequence[StandingAlarm], after: Sequence[StandingAlarm], omitted: int
) -> list[AlarmChange]:
    """Return what became of each alarm, in the order of their numbers; nothing of those that are as before.

    Args:
        before: what stood at the last look, each number once.
        after: what stands now.
        omitted: how many more stand now and are only counted.
    """
    old = {alarm.number: alarm for alarm in before}
    new = {alarm.number: alarm for alarm in after}
    gone = Change.UNLISTED if omitted else Change.CLEARED
    changes = [AlarmChange(gone, alarm) for number, alarm in old.items() if number not in new]
    for number, alarm in new.items():
        if number not in old:
            changes.append(AlarmChange(Change.RAISED, alarm))
        elif _told(alarm) != _told(old[number]):
            changes.append(AlarmChange(Change.CHANGED, alarm))
    return sorted(changes, key=lambda one: one.alarm.number)


def _told(alarm: StandingAlarm) -> tuple[object, ...]:
    """What of an alarm is told anew: its peak grows all the time, its gas and place never change."""
    return (alarm.state, alarm.shelved)
