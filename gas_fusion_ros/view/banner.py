"""The state of the alarm in one line, which never says more than is known."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from gas_fusion_ros.alarm.types import AlarmState, AlarmStatus, reasons_text
from gas_fusion_ros.base.quoting import one_line

_MOST_LETTERS = 60


class Urgency(Enum):
    """How urgent what a line says is; it has a colour."""

    ALARM = "alarm"
    UNKNOWN = "unknown"
    """Nothing is known, or not enough: a fault, an inhibit, silence."""
    SUSPECTED = "suspected"
    NONE = "none"


@dataclass(frozen=True)
class Banner:
    """The line, and how urgent it is."""

    text: str
    urgency: Urgency


@dataclass(frozen=True)
class AlarmWord:
    """What has been heard of the alarm.

    Attributes:
        is_heard: whether `gas/alarm` is repeated; its silence means true.
        is_raised: what it said last.
        standing: what `gas/alarm_state` said last; None before the first.
    """

    is_heard: bool = False
    is_raised: bool = True
    standing: AlarmStatus | None = None


def banner(word: AlarmWord) -> Banner:
    """Say what stands; `no leak alarm` only where that is known."""
    standing = word.standing
    known = "" if standing is None else _alarms(standing)
    if not word.is_heard:
        remembered = f"; last known: {known}" if known else ""
        return Banner(f"NOTHING IS KNOWN: the classifier is silent{remembered}", Urgency.UNKNOWN)
    if known:
        return Banner(f"ALARM: {known}", Urgency.ALARM)
    if standing is None or (word.is_raised and not (standing.faults or standing.inhibits)):
        return Banner(
            "NOTHING IS KNOWN: gas/alarm is true, and gas/alarm_state does not say why", Urgency.UNKNOWN
        )
    if standing.faults:
        return Banner(_cut(f"FAULT: {reasons_text(standing.faults)}"), Urgency.UNKNOWN)
    if standing.inhibits:
        return Banner(_cut(f"INHIBITED: {reasons_text(standing.inhibits)}"), Urgency.UNKNOWN)
    if standing.state is AlarmState.PENDING:
        return Banner(_cut(f"a leak is suspected: {standing.gas}"), Urgency.SUSPECTED)
    return Banner("no leak alarm", Urgency.NONE)


def _alarms(standing: AlarmStatus) -> str:
    """How many stand, and the foremost; empty where none does."""
    count = len(standing.alarms) + standing.omitted
    if not count:
        return ""
    more = f" and {count - 1} more" if count > 1 else ""
    fault = "; and a fault" if standing.faults else ""
    return _cut(f"{standing.gas} {standing.state.value}{more}{fault}")


def _cut(text: str) -> str:
    return one_line(text) if len(text) <= _MOST_LETTERS else one_line(text[: _MOST_LETTERS - 3]) + "..."
