"""What goes over one connection: the latest of each retained document, and events in their order."""

from __future__ import annotations

import time
from collections.abc import Collection
from dataclasses import dataclass

from gas_fusion_ros.base.problems import Problems
from gas_fusion_ros.fleet.broker import BrokerError, Outgoing
from gas_fusion_ros.fleet.connection import MOST_IN_FLIGHT, Answer, Connection
from gas_fusion_ros.fleet.outbox import Outbox

_PATIENCE_S = 10.0
"""How long an answer may take: a connection over which none comes is no use."""
_PAUSE_S = 10.0
"""How long events rest after the broker has refused one, or the disk has."""
_EVENTS_IN_FLIGHT = MOST_IN_FLIGHT - 2


@dataclass(frozen=True)
class _Flight:
    """A document that the broker has not answered yet.

    Attributes:
        topic: where it goes.
        number: of the event; 0 where it is a retained document.
        since_s: when it was sent, by a steady clock.
    """

    topic: str
    number: int
    since_s: float


class Session:
    """Sends over a connection, and takes the answers. For one thread.

    Attributes:
        taken: how many documents the broker has taken.
        events: how many of them were events.
    """

    def __init__(self, connection: Connection, events_topic: str, outbox: Outbox, problems: Problems) -> None:
        self.taken = self.events = 0
        self._connection = connection
        self._events_topic = events_topic
        self._outbox = outbox
        self._problems = problems
        self._flights: dict[int, _Flight] = {}
        self._sent: dict[str, Outgoing] = {}
        self._last_number = 0
        self._resting_until_s = 0.0
        self._troubles: dict[str, str] = {}

    @property
    def trouble(self) -> str:
        """What the broker or the disk refuses; empty where all is taken."""
        return "; ".join(self._troubles.values())

    @property
    def is_idle(self) -> bool:
        """Whether the broker has answered all that was sent."""
        return not self._flights

    def advance(self, retained: Collection[Outgoing]) -> None:
        """Take the answers, then send what is new and has room.

        Args:
            retained: the latest of each retained document.

        Raises:
            BrokerError: it does not answer any more.
        """
        now_s = time.monotonic()
        self._settle(self._connection.take_answers(), now_s)
        oldest_s = min((flight.since_s for flight in self._flights.values()), default=now_s)
        if now_s - oldest_s > _PATIENCE_S:
            raise BrokerError(f"the broker has not answered for {_PATIENCE_S:g} s")
        busy = {flight.topic for flight in self._flights.values()}
        for document in retained:
            if document.topic not in busy and self._sent.get(document.topic) != document:
                self._send(document, 0, now_s)
                self._sent[document.topic] = document
        if now_s >= self._resting_until_s:
            self._send_events(now_s)

    def _send_events(self, now_s: float) -> None:
        room = _EVENTS_IN_FLIGHT - sum(flight.number > 0 for flight in self._flights.values())
        if room <= 0 or self._outbox.state.last_event <= self._last_number:
            return
        try:
            events = self._outbox.after(self._last_number, room)
        except OSError as error:
            self._rest(self._events_topic, str(error), now_s)
            return
        for event in events:
            self._send(Outgoing(self._events_topic, event.document), event.number, now_s)
            self._last_number = event.number

    def _send(self, document: Outgoing, number: int, now_s: float) -> None:
        self._flights[self._connection.send(document)] = _Flight(document.topic, number, now_s)

    def _settle(self, answers: Collection[Answer], now_s: float) -> None:
        done: list[int] = []
        for answer in answers:
            flight = self._flights.pop(answer.token, None)
            if flight is None:
                continue
            if answer.refusal:
                if flight.number:
                    self._last_number = min(self._last_number, flight.number - 1)
                self._rest(flight.topic, f"the broker refuses {flight.topic}: {answer.refusal}", now_s)
                continue
            self.taken += 1
            self._troubles.pop(flight.topic, None)
            if flight.number:
                done.append(flight.number)
        if not done:
            return
        self.events += len(done)
        try:
            self._outbox.remove(done)
        except OSError as error:
            self._rest(self._events_topic, str(error), now_s)

    def _rest(self, topic: str, trouble: str, now_s: float) -> None:
        """Let events wait: what was refused once would be again, and a full disk stays full for a while."""
        self._troubles[topic] = trouble
        self._problems.add("broker", trouble)
        self._resting_until_s = now_s + _PAUSE_S
