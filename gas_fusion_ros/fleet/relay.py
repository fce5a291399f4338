"""Relays one robot's alarm to a broker: what is heard becomes events in the outbox, and the state for now."""

from __future__ import annotations

import math
from collections import deque

from gas_fusion_ros.alarm.types import AlarmStatus, Reason
from gas_fusion_ros.base.leak_places import LeakPlace
from gas_fusion_ros.base.problems import Problems
from gas_fusion_ros.base.units import NANOSECONDS_PER_SECOND
from gas_fusion_ros.fleet import documents
from gas_fusion_ros.fleet.broker import Broker, Outgoing
from gas_fusion_ros.fleet.documents import encode
from gas_fusion_ros.fleet.journal import Journal
from gas_fusion_ros.fleet.names import RobotTopics
from gas_fusion_ros.fleet.outbox import Outbox
from gas_fusion_ros.fleet.robot_watch import CONNECTION_LOST, STOPPED, RobotState, RobotWatch
from gas_fusion_ros.fleet.sender import Link, Sender
from gas_fusion_ros.fleet.settings import RelaySettings

_MOST_LEAKS = 16
"""Places of leaks that are relayed at once; beyond them the oldest give way."""
_LEAST_VALID_S = 5


class Relay:
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
        self._leaks: deque[LeakPlace] = deque(maxlen=_MOST_LEAKS)
        self._journal = Journal(topics.robot, outbox)
        self._said: RobotState | None = None
        self._sender = Sender(
            broker,
            self._gone(CONNECTION_LOST, stamp_ns),
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

    def hear_leak(self, leak: LeakPlace) -> None:
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
        state = self._said = self._watch.state(watch_ns)
        troubles = self._queue(state, stamp_ns)
        told = self._journal.told
        if told.alarms_ns:
            standing = documents.alarms_document(
                self._topics.robot, told.alarms, told.omitted, told.leaks, told.alarms_ns
            )
            self._sender.tell(Outgoing(self._topics.alarms, encode(standing), retain=True))
        now = documents.state_document(
            self._topics.robot, state, self._outbox.state, troubles, stamp_ns, self._valid_s
        )
        self._sender.tell(Outgoing(self._topics.state, encode(now), retain=True, expiry_s=self._valid_s))
        return state

    def end(self, stamp_ns: int) -> None:
        """Tell that nobody says any more how the alarm is, and take leave, within a bounded time."""
        self._queue(RobotState(None, (STOPPED,), safe=False), stamp_ns)
        self._sender.tell(self._gone(STOPPED, stamp_ns))
        self._sender.close()

    def _queue(self, state: RobotState, stamp_ns: int) -> tuple[Reason, ...]:
        """Tell in events what is new, and return what keeps them from it."""
        try:
            if self._journal.add(state, self._leaks, stamp_ns):
                self._sender.wake()
            self._leaks.clear()
        except OSError as error:
            # What it has not taken counts as new, so the next call tries again.
            self._problems.add("queue", str(error))
            return (Reason("queue", str(error)),)
        return ()

    def _gone(self, why: Reason, stamp_ns: int) -> Outgoing:
        gone = documents.gone_document(self._topics.robot, why, self._outbox.name, stamp_ns)
        return Outgoing(self._topics.state, encode(gone), retain=True)
