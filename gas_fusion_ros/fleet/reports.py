"""Reads a robot's documents at the broker, as whoever watches a fleet needs them; see docs/fleet.md.

What contradicts itself is refused: nobody is told `safe` by a document that also says otherwise.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gas_fusion_ros.alarm.types import AlarmState, Reason, StandingAlarm
from gas_fusion_ros.base.documents import DocumentError, parse_json
from gas_fusion_ros.base.leak_places import LeakPlace
from gas_fusion_ros.base.quoting import one_line, quoted
from gas_fusion_ros.fleet.documents import FORMAT_VERSION, alarm_from_json, leak_from_json
from gas_fusion_ros.fleet.robot_watch import STOPPED, UNKNOWN_STATE

MOST_DOCUMENT = 1 << 17
"""Bytes: twice what a relay writes at most."""
MOST_ALARMS = 100
MOST_LEAKS = 100

_MOST_REASONS = 16
_LONGEST_TEXT, _LONGEST_NAME = 300, 80
_STATES = frozenset({*(state.value for state in AlarmState), UNKNOWN_STATE})
_SAFE_STATES = frozenset({AlarmState.CLEAR.value, AlarmState.PENDING.value})
_LARGEST = 2**63 - 1


@dataclass(frozen=True)
class StateReport:
    """How a robot's alarm is, as its document `state` says.

    Attributes:
        stamp_ns: when it was said, by the robot's clock.
        online: whether the robot is there.
        has_left: whether it took leave in order; not where the broker speaks for it.
        state: the state's name, as in docs/alarm.md, or `unknown`.
        safe: whether it is known that no leak alarm stands.
        gas: of the foremost alarm or of what is suspected; empty without one.
        standing: how many alarms stand; None where that is not known.
        faults: why the alarm cannot be relied on.
        inhibits: why no alarm can be raised.
        warnings: what makes it less sure.
        valid_s: for how long after it was heard it may be believed; None for ever.
    """

    stamp_ns: int
    online: bool
    has_left: bool
    state: str
    safe: bool
    gas: str
    standing: int | None
    faults: tuple[Reason, ...]
    inhibits: tuple[Reason, ...]
    warnings: tuple[Reason, ...]
    valid_s: int | None


@dataclass(frozen=True)
class StandingReport:
    """What stood when it was last known, as a robot's document `alarms` says.

    Attributes:
        alarms: each alarm, in the order in which they were raised.
        leaks: where leaks are thought to be.
        omitted: alarms that stand besides.
    """

    alarms: tuple[StandingAlarm, ...]
    leaks: tuple[LeakPlace, ...]
    omitted: int


def read_state(robot: str, payload: bytes) -> StateReport:
    """Read the document `state` of a robot.

    Raises:
        DocumentError: it is none, of another robot, or contradicts itself.
    """
    content = _content(robot, payload)
    try:
        faults = _reasons(content["faults"])
        report = StateReport(
            stamp_ns=_whole(content, "stamp_ns"),
            online=_truth(content, "online"),
            has_left=faults[:1] != () and faults[0].code == STOPPED.code,
            state=_state(content["state"]),
            safe=_truth(content, "safe"),
            gas=_name(content["gas"] or ""),
            standing=None if content["standing"] is None else _whole(content, "standing"),
            faults=faults,
            inhibits=_reasons(content["inhibits"]),
            warnings=_reasons(content["warnings"]),
            valid_s=None if content["valid_s"] is None else max(1, _whole(content, "valid_s")),
        )
        _check_safe(report, _truth(content, "fault"))
    except DocumentError:
        raise
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise _no_document("state", error) from None
    return report


def read_standing(robot: str, payload: bytes) -> StandingReport:
    """Read the document `alarms` of a robot.

    Raises:
        DocumentError: it is none, or of another robot.
    """
    content = _content(robot, payload)
    try:
        alarms = [_alarm(one) for one in content["alarms"]]
        leaks = [leak_from_json(one) for one in content["leak_poses"]]
        omitted = _whole(content, "omitted")
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise _no_document("alarms", error) from None
    kept = tuple(alarms[:MOST_ALARMS])
    return StandingReport(kept, tuple(leaks[-MOST_LEAKS:]), omitted + len(alarms) - len(kept))


def _content(robot: str, payload: bytes) -> Mapping[str, Any]:
    if len(payload) > MOST_DOCUMENT:
        raise DocumentError(f"it has {len(payload)} bytes; expected {MOST_DOCUMENT} at most")
    content = parse_json(payload)
    if not isinstance(content, dict):
        raise DocumentError("it is no object; expected a document of docs/fleet.md")
    version = content.get("format_version")
    if version != FORMAT_VERSION:
        raise DocumentError(
            f"its format_version is {one_line(repr(version), _LONGEST_NAME)}; expected {FORMAT_VERSION}: "
            "update whichever of the two is older, the robot or what watches it"
        )
    if content.get("robot") != robot:
        raise DocumentError(
            f"its robot is {_quoted(content.get('robot'))}; expected {robot}, as its topic says"
        )
    return content


def _check_safe(report: StateReport, fault: bool) -> None:
    is_doubtful = (
        not report.online
        or report.state not in _SAFE_STATES
        or fault
        or report.faults
        or report.inhibits
        or report.standing != 0
    )
    if report.safe and is_doubtful:
        raise DocumentError("it says safe and, elsewhere, that something stands or is not known")


def _alarm(content: Mapping[str, Any]) -> StandingAlarm:
    alarm = alarm_from_json(content)
    pose = alarm.pose
    numbers = (alarm.peak, *(() if pose is None else (pose.x, pose.y)))
    is_whole = 0 < alarm.number <= _LARGEST and abs(alarm.since_ns) <= _LARGEST
    if not all(map(math.isfinite, numbers)) or not is_whole:
        raise ValueError("an alarm has a number, a time, a peak or a place that is none")
    return alarm


def _state(value: object) -> str:
    if value not in _STATES:
        raise DocumentError(f"its state is {_quoted(value)}; expected one of {', '.join(sorted(_STATES))}")
    return str(value)


def _reasons(value: Any) -> tuple[Reason, ...]:
    if not isinstance(value, list):
        raise TypeError("its reasons are no list")
    return tuple(
        Reason(_name(one["code"]), one_line(str(one["text"]), _LONGEST_TEXT)) for one in value[:_MOST_REASONS]
    )


def _truth(content: Mapping[str, Any], name: str) -> bool:
    if not isinstance(content[name], bool):
        raise TypeError(f"{name} is {_quoted(content[name])}, no truth")
    return bool(content[name])


def _whole(content: Mapping[str, Any], name: str) -> int:
    value = content[name]
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= _LARGEST:
        raise TypeError(f"{name} is {_quoted(value)}, no whole number")
    return value


def _name(text: object) -> str:
    if not isinstance(text, str):
        raise TypeError(f"{_quoted(text)} is no name")
    return one_line(text[:_LONGEST_NAME])


def _quoted(value: object) -> str:
    return quoted(value if isinstance(value, str) else repr(value)[: 4 * _LONGEST_NAME])


def _no_document(which: str, error: Exception) -> DocumentError:
    why = f"{error} is missing" if isinstance(error, KeyError) else str(error)
    return DocumentError(f"it is no document {which}: {one_line(why, _LONGEST_TEXT)}")
