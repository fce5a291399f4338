"""The JSON documents that a robot has at the broker; config/fleet.schema.json is their schema."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gas_fusion_ros.alarm.types import AlarmState, Reason, Severity, StandingAlarm
from gas_fusion_ros.base.leak_places import LeakPlace
from gas_fusion_ros.base.observation import RobotPose
from gas_fusion_ros.base.quoting import one_line
from gas_fusion_ros.fleet.changes import AlarmChange
from gas_fusion_ros.fleet.robot_watch import UNKNOWN_STATE, RobotState

FORMAT_VERSION = 1

Document = Mapping[str, Any]

_MOST_REASONS = 16
_LONGEST_TEXT = 300
_LONGEST_NAME = 80


@dataclass(frozen=True)
class QueueState:
    """How the queue of events is.

    Attributes:
        name: of the queue: another one begins its numbers anew.
        last_event: number of the latest event; 0 before the first.
        waiting: how many events the broker has not taken yet.
        dropped: how many gave way to newer ones before it took them.
    """

    name: str
    last_event: int
    waiting: int
    dropped: int


def encode(document: Document) -> bytes:
    """A document as it goes out: strict JSON in UTF-8."""
    return json.dumps(document, allow_nan=False, separators=(",", ":")).encode()


def state_document(
    robot: str,
    state: RobotState,
    queue: QueueState,
    troubles: tuple[Reason, ...],
    stamp_ns: int,
    valid_s: int,
) -> dict[str, Any]:
    """How the robot's alarm is.

    Args:
        robot: the robot's name.
        state: what is known of its alarm.
        queue: how its events wait.
        troubles: what the relay itself warns of.
        stamp_ns: now, by the robot's clock.
        valid_s: for how long after it was heard the document may be believed.
    """
    status = state.known
    foremost = status.foremost if status is not None else None
    return {
        **_head(robot, stamp_ns),
        "online": True,
        "state": state.name,
        "safe": state.safe,
        "fault": bool(state.faults),
        "sounding": status.sounding if status is not None else True,
        "gas": _name(status.gas) if status is not None and status.gas else None,
        "severity": foremost.severity.value if foremost is not None else None,
        "standing": len(status.alarms) + status.omitted if status is not None else None,
        "faults": _reasons(state.faults),
        "inhibits": _reasons(state.inhibits),
        "warnings": _reasons((status.warnings if status is not None else ()) + troubles),
        "queue": queue.name,
        "last_event": queue.last_event,
        "waiting": queue.waiting,
        "dropped": queue.dropped,
        "valid_s": valid_s,
    }


def gone_document(robot: str, why: Reason, queue: str, stamp_ns: int) -> dict[str, Any]:
    """The state of a robot that tells nothing any more: its last word, and what the broker says for it.

    Args:
        robot: the robot's name.
        why: why it is gone.
        queue: the name of its queue.
        stamp_ns: when it said so, by its clock.
    """
    return {
        **_head(robot, stamp_ns),
        "online": False,
        "state": UNKNOWN_STATE,
        "safe": False,
        "fault": True,
        "sounding": True,
        "gas": None,
        "severity": None,
        "standing": None,
        "faults": _reasons((why,)),
        "inhibits": [],
        "warnings": [],
        "queue": queue,
        "last_event": None,
        "waiting": None,
        "dropped": None,
        "valid_s": None,
    }


def alarms_document(
    robot: str, alarms: Sequence[StandingAlarm], omitted: int, leaks: Sequence[LeakPlace], stamp_ns: int
) -> dict[str, Any]:
    """What stood when it was last known, in the order in which it was raised, and where leaks are."""
    return {
        **_head(robot, stamp_ns),
        "alarms": [alarm_to_json(alarm) for alarm in alarms],
        "omitted": omitted,
        "leak_poses": [leak_to_json(leak) for leak in leaks],
    }


def alarm_event(robot: str, change: AlarmChange, stamp_ns: int) -> dict[str, Any]:
    """An alarm was raised, has changed or is gone."""
    return {**_event(robot, change.change.value, stamp_ns), "alarm": alarm_to_json(change.alarm)}


def state_event(robot: str, previous: str, state: RobotState, stamp_ns: int) -> dict[str, Any]:
    """The robot's state, or why it is so, has changed."""
    return {
        **_event(robot, "state", stamp_ns),
        "state": state.name,
        "previous": previous,
        "safe": state.safe,
        "faults": _reasons(state.faults),
        "inhibits": _reasons(state.inhibits),
    }


def leak_event(robot: str, leak: LeakPlace, stamp_ns: int) -> dict[str, Any]:
    """The place of a leak was estimated."""
    return {**_event(robot, "leak_pose", stamp_ns), "leak_pose": leak_to_json(leak)}


def alarm_to_json(alarm: StandingAlarm) -> dict[str, Any]:
    """An alarm that stands, or stood."""
    pose = alarm.pose
    return {
        "number": alarm.number,
        "gas": _name(alarm.gas),
        "severity": alarm.severity.value,
        "state": alarm.state.value,
        "since_ns": alarm.since_ns,
        "peak": alarm.peak,
        "shelved": alarm.shelved,
        "pose": None if pose is None else {"x": pose.x, "y": pose.y, "frame_id": pose.frame_id},
    }


def alarm_from_json(content: Document) -> StandingAlarm:
    """Return the alarm that `alarm_to_json` wrote.

    Raises:
        KeyError, TypeError, ValueError: it wrote nothing like that.
    """
    pose = content["pose"]
    return StandingAlarm(
        number=int(content["number"]),
        gas=str(content["gas"]),
        severity=Severity(content["severity"]),
        state=AlarmState(content["state"]),
        since_ns=int(content["since_ns"]),
        peak=float(content["peak"]),
        pose=None
        if pose is None
        else RobotPose(float(pose["x"]), float(pose["y"]), frame_id=str(pose["frame_id"])),
        shelved=bool(content["shelved"]),
    )


def leak_to_json(leak: LeakPlace) -> dict[str, Any]:
    """Where a leak is thought to be."""
    return {
        "stamp_ns": leak.stamp_ns,
        "frame_id": leak.frame_id,
        "x": leak.x,
        "y": leak.y,
        "covariance": [leak.xx, leak.xy, leak.xy, leak.yy],
    }


def leak_from_json(content: Document) -> LeakPlace:
    """Return the place that `leak_to_json` wrote.

    Raises:
        KeyError, TypeError, ValueError: it wrote nothing like that.
    """
    xx, xy, _, yy = map(float, content["covariance"])
    return LeakPlace(
        float(content["x"]),
        float(content["y"]),
        xx,
        xy,
        yy,
        frame_id=str(content["frame_id"]),
        stamp_ns=int(content["stamp_ns"]),
    )


def _head(robot: str, stamp_ns: int) -> dict[str, Any]:
    return {"format_version": FORMAT_VERSION, "robot": robot, "stamp_ns": stamp_ns}


def _event(robot: str, what: str, stamp_ns: int) -> dict[str, Any]:
    return {**_head(robot, stamp_ns), "event": what}


def _reasons(reasons: Sequence[Reason]) -> list[dict[str, str]]:
    return [
        {"code": _name(reason.code), "text": one_line(reason.text, _LONGEST_TEXT)}
        for reason in reasons[:_MOST_REASONS]
    ]


def _name(text: str) -> str:
    return text[:_LONGEST_NAME]
