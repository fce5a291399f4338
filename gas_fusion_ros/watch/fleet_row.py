"""What a robot's row on the page of a fleet says, and which row comes first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from functools import cached_property
from typing import Any

from gas_fusion_ros.alarm.types import URGENCY, AlarmState, Severity, StandingAlarm, reasons_text
from gas_fusion_ros.fleet.reports import StandingReport, StateReport
from gas_fusion_ros.view.banner import Urgency
from gas_fusion_ros.watch.page_json import alarm_json, cut, leak_json

MOST_SHOWN = 20
"""Alarms and leaks of one robot."""
NOTHING_STANDS = StandingReport((), (), 0)
"""Before anything was heard."""


class Condition(Enum):
    """Whether a robot is heard."""

    ALIVE = "alive"
    SILENT = "silent"
    """It says nothing any more, and the broker does not say why."""
    DIED = "died"
    """The broker says that it is gone."""
    STOPPED = "stopped"
    """It took leave in order."""
    UNHEARD = "not heard yet"
    """Since the broker can be heard; before that nothing is known of anybody."""


@dataclass(frozen=True)
class Since:
    """When a condition began, by the clock of the machine that watches.

    Attributes:
        wall_s: seconds since 1970.
        is_earlier: whether it is only known that it was no later.
    """

    wall_s: float
    is_earlier: bool


@dataclass(frozen=True)
class RobotFacts:
    """What is known of a robot.

    Attributes:
        robot: its name.
        condition: whether it is heard.
        since: from when on; None where that is not known.
        state: what it said last of its alarm; None where that was never heard.
        standing: what it said last of what stands.
        broken: why its last document could not be read; empty where it could.
    """

    robot: str
    condition: Condition
    since: Since | None
    state: StateReport | None
    standing: StandingReport
    broken: str

    @cached_property
    def rank(self) -> int:
        """The place of the row: the lower, the sooner a person is needed."""
        unseen = [alarm for alarm in self.standing.alarms if alarm.state is not AlarmState.ACKNOWLEDGED]
        if any(alarm.severity is Severity.CRITICAL for alarm in unseen):
            return 0
        if unseen:
            return 1
        if self.condition is Condition.STOPPED:
            return 5
        state = self.state
        is_known = self.condition is Condition.ALIVE and state is not None and not self.broken
        if not is_known or state is None or (not state.safe and not state.standing and not state.inhibits):
            return 2
        if state.inhibits or state.standing:
            return 3
        return 4 if state.state == AlarmState.PENDING.value else 6

    @property
    def urgency(self) -> Urgency:
        """The row's colour."""
        if self.rank <= 1 or (self.condition is Condition.ALIVE and self.state and self.state.standing):
            return Urgency.ALARM
        if self.rank == 4:
            return Urgency.SUSPECTED
        return Urgency.NONE if self.rank == 6 else Urgency.UNKNOWN

    @property
    def word(self) -> str:
        """What is known in a line; `no leak alarm` only where the robot says so now."""
        if self.condition is not Condition.ALIVE or self.state is None:
            return _LOST[self.condition]
        return _state_word(self.state)

    @property
    def reasons(self) -> str:
        """Why it is so, as far as somebody said."""
        if self.state is None or self.condition in (Condition.SILENT, Condition.UNHEARD):
            return ""
        return cut(reasons_text(self.state.faults + self.state.inhibits + self.state.warnings))


def row_json(facts: RobotFacts, silent_after_s: float) -> dict[str, Any]:
    """A row as the page takes it."""
    alarms = sorted(facts.standing.alarms, key=_foremost_first)
    leaks = facts.standing.leaks[::-1]
    told = facts.state.standing if facts.state is not None and facts.condition is Condition.ALIVE else None
    count = max(len(alarms) + facts.standing.omitted, told or 0)
    return {
        "robot": facts.robot,
        "condition": facts.condition.value,
        "since_s": None if facts.since is None else round(facts.since.wall_s, 1),
        "is_earlier": facts.since is not None and facts.since.is_earlier,
        "silent_after_s": round(silent_after_s, 3),
        "word": facts.word,
        "urgency": facts.urgency.value,
        "reasons": facts.reasons,
        "alarms": [_alarm(one) for one in alarms[:MOST_SHOWN]],
        "more_alarms": count - min(len(alarms), MOST_SHOWN),
        "leaks": [leak_json(one) for one in leaks[:MOST_SHOWN]],
        "more_leaks": max(0, len(leaks) - MOST_SHOWN),
        "broken": cut(facts.broken),
    }


def foremost_first(rows: Sequence[RobotFacts]) -> list[RobotFacts]:
    """Rows in the order in which they need a person."""
    return sorted(rows, key=lambda facts: (facts.rank, facts.robot))


_LOST = {
    Condition.ALIVE: "NOTHING IS KNOWN",
    Condition.SILENT: "NOTHING IS KNOWN: the robot is silent",
    Condition.DIED: "NOTHING IS KNOWN: the robot died, or lost its connection",
    Condition.STOPPED: "NOTHING IS KNOWN: its relay was stopped",
    Condition.UNHEARD: "NOTHING IS KNOWN: the robot has not been heard yet",
}


def _state_word(state: StateReport) -> str:
    if state.standing:
        more = f" and {state.standing - 1} more" if state.standing > 1 else ""
        return f"ALARM: {cut(state.gas)} {state.state}{more}"
    if state.faults:
        return "FAULT"
    if state.inhibits:
        return "INHIBITED"
    if not state.safe:
        return "NOTHING IS KNOWN: the alarm is raised, and the robot does not say why"
    if state.state == AlarmState.PENDING.value:
        return f"a leak is suspected: {cut(state.gas)}"
    return "no leak alarm"


def _foremost_first(alarm: StandingAlarm) -> tuple[int, bool, int]:
    return URGENCY.index(alarm.state), alarm.severity is not Severity.CRITICAL, alarm.number


def _alarm(alarm: StandingAlarm) -> dict[str, Any]:
    return {**alarm_json(alarm), "frame_id": "" if alarm.pose is None else cut(alarm.pose.frame_id)}
