"""What relays write, for tests of what shows it."""

from __future__ import annotations

from typing import Any

from gas_fusion_ros.alarm.types import AlarmState, AlarmStatus, Reason, Severity, StandingAlarm
from gas_fusion_ros.base.leak_places import LeakPlace
from gas_fusion_ros.base.observation import RobotPose
from gas_fusion_ros.fleet.broker import Incoming
from gas_fusion_ros.fleet.documents import (
    QueueState,
    alarms_document,
    encode,
    gone_document,
    state_document,
)
from gas_fusion_ros.fleet.robot_watch import CONNECTION_LOST, RobotState

STAMP_NS = 1_700_000_000_123_456_789
CLEAR = AlarmStatus(AlarmState.CLEAR, STAMP_NS)
FAULT = AlarmStatus(AlarmState.FAULT, STAMP_NS, faults=(Reason("silence", "no reading"),))
LEAK = LeakPlace(9.0, 1.0, 1.0, 0.0, 0.5, "map", STAMP_NS)


def alarm(
    number: int = 1, severity: Severity = Severity.CRITICAL, state: AlarmState = AlarmState.ACTIVE
) -> StandingAlarm:
    return StandingAlarm(number, "Smoke", severity, state, STAMP_NS, 0.9, RobotPose(4.0, -2.0))


def standing(*alarms: StandingAlarm) -> AlarmStatus:
    return AlarmStatus(AlarmState.CLEAR, STAMP_NS, alarms, raised=len(alarms))


def state(name: str, status: AlarmStatus = CLEAR, valid_s: int = 5, **changed: Any) -> bytes:
    known = RobotState(status, (), safe=status.is_safe)
    document = state_document(name, known, QueueState("0" * 16, 0, 0, 0), (), STAMP_NS, valid_s)
    return encode({**document, **changed})


def gone(robot: str, why: Reason = CONNECTION_LOST) -> bytes:
    return encode(gone_document(robot, why, "0" * 16, STAMP_NS))


def alarms(robot: str, *listed: StandingAlarm, leaks: tuple[LeakPlace, ...] = (), omitted: int = 0) -> bytes:
    return encode(alarms_document(robot, listed, omitted, leaks, STAMP_NS))


def on_state(robot: str, payload: bytes, is_kept: bool = False) -> Incoming:
    return Incoming(f"gas_fusion/{robot}/state", payload, is_kept)


def on_alarms(robot: str, payload: bytes, is_kept: bool = False) -> Incoming:
    return Incoming(f"gas_fusion/{robot}/alarms", payload, is_kept)
