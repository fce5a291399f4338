"""Relays one robot's alarm to a broker: what is heard becomes events in the outbox, and the state for now."""

from __future__ import annotations

import json
import math
from collections import deque
from dataclasses import dataclass, replace
from typing import Any

from gas_fusion_ros.alarm.types import AlarmStatus, Reason, StandingAlarm
from gas_fusion_ros.base.closing import Closing
from gas_fusion_ros.base.problems import Problems
from gas_fusion_ros.base.units import NANOSECONDS_PER_SECOND
from gas_fusion_ros.fleet import documents
from gas_fusion_ros.fleet.broker import Broker, Outgoing
from gas_fusion_ros.fleet.changes import alarm_changes
from gas_fusion_ros.fleet.documents import LeakPose, encode
from gas_fusion_ros.fleet.names import RobotTopics
from gas_fusion_ros.fleet.outbox import Outbox
from gas_fusion_ros.fleet.robot_watch import STOPPED, UNKNOWN_STATE, RobotState, RobotWatch
from gas_fusion_ros.fleet.sender import Link, Sender
from gas_fusion_ros.fleet.settings import RelaySettings

_MOST_LEAKS = 8
"""Places of leaks that are relayed at once; beyond them the oldest give way."""
_LEAST_VALID_S = 5


@dataclass(frozen=True)
class Told:
    """What the events so far have told; kept with them, so that a restart tells nothing twice.

    Attributes:
        state: the state's name.
        reasons: codes of faults and inhibits.
        alarms: what stands.
        omitted: how many alarms stand besides.
        leak: the latest place of a leak; None before the first.
        alarms_ns: when alarms or place last changed; 0 before anything of them was known.
    """

    state: str = UNKNOWN_STATE
    reasons: tuple[str, ...] = ()
    alarms: tuple[StandingAlarm, ...] = ()
    omitted: int = 0
    leak: LeakPose | None = None
    alarms_ns: int = 0


class Relay(Closing):
    """Tells the broker of one robot. For one thread.

    Args:
        settings: what the relay takes.
        topics: where its documents go.
        broker: whom to tell.
        outbox: where its events wait; whoever opened it closes it.
        problems: where troubles are counted.
        stamp_ns: now, by the robot's clock.
    """

    def __init__(
        self,
        settings: RelaySettings,
        topics: RobotTopics,
        broker: Broker,
        outbox: Outbox,
        problems: Problems,
        stamp_ns: int,
    ) -> None:
        self._topics = topics
        self._outbox = outbox
        self._problems = problems
        self._watch = RobotWatch(settings.patience_ns)
        self._valid_s = max(_LEAST_VALID_S, math.ceil(3 * settings.period_ns / NANOSECONDS_PER_SECOND))
        self._leaks: deque[LeakPose] = deque(maxlen=_MOST_LEAKS)
        self._told = _parse(outbox.memory())
        self._said: RobotState | None = None
        will = encode(documents.gone_document(topics.robot, stamp_ns, outbox.name))
        self._sender = Sender(
            broker,
            Outgoing(topics.state, will, retain=True),
            topics.events,
            outbox,
            settings.longest_pause_ns,
            problems,
        )

    @property
    def link(self) -> Link:
        """How the connection to the broker is."""
        return self._sender.link

    def hear_status(self, status: AlarmStatus) -> None:
        """The alarm has told all that stands."""
        self._watch.hear_status(status)

    def hear_word(self, is_alarm: bool, watch_ns: int) -> None:
        """The alarm has said, at a time of a steady clock, whether anything stands."""
        self._watch.hear_word(is_alarm, watch_ns)

    def hear_leak(self, leak: LeakPose) -> None:
        """The place of a leak was estimated."""
        self._leaks.append(leak)

    def has_news(self, watch_ns: int) -> bool:
        """Whether the alarm is otherwise, at a time of the steady clock, than was last told."""
        return self._watch.state(watch_ns) != self._said

    def say(self, stamp_ns: int, watch_ns: int) -> RobotState:
        """Tell what is new, and how the alarm is now; to be called at each change and again and again.

        Args:
            stamp_ns: now, by the robot's clock.
            watch_ns: now, by the steady clock.
        """
        state = self._watch.state(watch_ns)
        self._say(state, stamp_ns)
        return state

    def end(self, stamp_ns: int) -> None:
        """Tell that nobody knows how the alarm is any more, and take leave, within a bounded time."""
        self._say(RobotState(None, (STOPPED,), safe=False), stamp_ns)
        self._sender.close()

    def close(self) -> None:
        """Take leave without a word more; safe to call twice."""
        self._sender.close()

    def _say(self, state: RobotState, stamp_ns: int) -> None:
        self._said = state
        troubles: tuple[Reason, ...] = ()
        try:
            self._queue(state, stamp_ns)
        except OSError as error:
            # Nothing of it counts as told, so the next call tries again.
            self._problems.add("queue", str(error))
            troubles = (Reason("queue", str(error)),)
        robot, told = self._topics.robot, self._told
        if told.alarms_ns:
            standing = documents.alarms_document(robot, told.alarms, told.omitted, told.leak, told.alarms_ns)
            self._sender.tell(Outgoing(self._topics.alarms, encode(standing), retain=True))
        now = documents.state_document(robot, state, self._outbox.state, troubles, stamp_ns, self._valid_s)
        self._sender.tell(Outgoing(self._topics.state, encode(now), retain=True, expiry_s=self._valid_s))

    def _queue(self, state: RobotState, stamp_ns: int) -> None:
        robot, before = self._topics.robot, self._told
        reasons = tuple(reason.code for reason in (*state.faults, *state.inhibits))
        told = replace(before, state=state.name, reasons=reasons)
        events: list[documents.Document] = []
        status = state.status
        if status is not None:
            changes = alarm_changes(before.alarms, status.alarms, status.omitted)
            events += [documents.alarm_event(robot, change, stamp_ns) for change in changes]
            is_new = bool(changes) or status.omitted != before.omitted or not before.alarms_ns
            since_ns = stamp_ns if is_new else before.alarms_ns
            told = replace(told, alarms=status.alarms, omitted=status.omitted, alarms_ns=since_ns)
        if (told.state, told.reasons) != (before.state, before.reasons):
            events.append(documents.state_event(robot, before.state, state, stamp_ns))
        if events:
            self._outbox.append(events, False, _format(told))
        self._told = told
        leaks = [leak for leak in self._leaks if leak != told.leak]
        if leaks:
            told = replace(told, leak=leaks[-1], alarms_ns=stamp_ns)
            self._outbox.append(
                [documents.leak_event(robot, leak, stamp_ns) for leak in leaks], True, _format(told)
            )
            self._told = told
        self._leaks.clear()
        if events or leaks:
            self._sender.wake()


def _format(told: Told) -> str:
    content = {
        "state": told.state,
        "reasons": list(told.reasons),
        "alarms": [documents.alarm_to_json(alarm) for alarm in told.alarms],
        "omitted": told.omitted,
        "leak": documents.leak_to_json(told.leak) if told.leak is not None else None,
        "alarms_ns": told.alarms_ns,
    }
    return json.dumps(content, allow_nan=False)


def _parse(text: str) -> Told:
    """What `_format` wrote; nothing told where it wrote nothing."""
    if not text:
        return Told()
    content: Any = json.loads(text)
    leak = content["leak"]
    return Told(
        state=str(content["state"]),
        reasons=tuple(map(str, content["reasons"])),
        alarms=tuple(map(documents.alarm_from_json, content["alarms"])),
        omitted=int(content["omitted"]),
        leak=documents.leak_from_json(leak) if leak is not None else None,
        alarms_ns=int(content["alarms_ns"]),
    )
