"""Keeps a connection to the broker, and gives it what is new: the state at once, events in their order."""

from __future__ import annotations

import random
import threading
import time
from dataclasses import dataclass, replace

from gas_fusion_ros.base.closing import Closing
from gas_fusion_ros.base.problems import Problems
from gas_fusion_ros.base.units import NANOSECONDS_PER_SECOND
from gas_fusion_ros.fleet.broker import Broker, BrokerError, Outgoing
from gas_fusion_ros.fleet.connection import Connection
from gas_fusion_ros.fleet.outbox import Outbox
from gas_fusion_ros.fleet.session import Session

_FIRST_PAUSE_S = 0.2
_LOOK_S = 1.0
_LAST_WORD_S = 2.0


@dataclass(frozen=True)
class Link:
    """How the connection to the broker is.

    Attributes:
        is_up: whether there is one.
        trouble: why there is none, or what the broker refuses; empty before that is known.
        connections: how many there have been.
        events: how many events the broker has taken.
    """

    is_up: bool = False
    trouble: str = ""
    connections: int = 0
    events: int = 0


class Sender(Closing):
    """A thread that has the broker know the latest of each retained document, and every event of an outbox.

    Of a retained document only the latest is kept and sent. An event is removed from the outbox once the
    broker has taken it, and sent again where that is not known.

    Args:
        broker: whom to tell.
        will: what the broker is to say once it hears no more.
        events_topic: where events go.
        outbox: where they wait.
        longest_pause_ns: before the broker is tried again.
        problems: where troubles are counted.
    """

    def __init__(
        self,
        broker: Broker,
        will: Outgoing,
        events_topic: str,
        outbox: Outbox,
        longest_pause_ns: int,
        problems: Problems,
    ) -> None:
        self._broker = broker
        self._will = will
        self._events_topic = events_topic
        self._outbox = outbox
        self._longest_pause_s = longest_pause_ns / NANOSECONDS_PER_SECOND
        self._problems = problems
        self._lock = threading.Lock()
        self._latest: dict[str, tuple[Outgoing, float]] = {}
        self._link = Link()
        self._changed = threading.Event()
        self._last_word_until_s: float | None = None
        self._thread = threading.Thread(target=self._run, name="fleet_sender", daemon=True)
        self._thread.start()

    @property
    def link(self) -> Link:
        """How the connection is."""
        with self._lock:
            return self._link

    def tell(self, document: Outgoing) -> None:
        """Have the broker know a retained document, in the place of the last one of its topic."""
        with self._lock:
            self._latest[document.topic] = (document, time.monotonic())
        self._changed.set()

    def wake(self) -> None:
        """Look into the outbox."""
        self._changed.set()

    def close(self) -> None:
        """Give the broker what was told last, for a bounded time, and take leave; safe to call twice."""
        if self._last_word_until_s is None:
            self._last_word_until_s = time.monotonic() + _LAST_WORD_S
        self._changed.set()
        self._thread.join(_LAST_WORD_S + 1.0)

    def _run(self) -> None:
        pause_s = _FIRST_PAUSE_S
        while self._last_word_until_s is None:
            try:
                with Connection(self._broker, self._will, self._changed.set) as connection:
                    if self._serve(connection):
                        pause_s = _FIRST_PAUSE_S
                    trouble = connection.failure
            except BrokerError as error:
                trouble = str(error)
            except Exception as error:  # whatever a broker sends may end no relay
                trouble = f"{type(error).__name__}: {error}"
            if self._last_word_until_s is None:
                self._problems.add("broker", trouble)
            self._note(is_up=False, trouble=trouble)
            self._rest(pause_s)
            pause_s = min(2.0 * pause_s, self._longest_pause_s)

    def _serve(self, connection: Connection) -> bool:
        """Send until the connection ends or the last word is said; return whether anything was taken."""
        before = self.link
        session = Session(connection, self._events_topic, self._outbox, self._problems)
        while connection.is_open:
            self._changed.clear()
            until_s = self._last_word_until_s
            session.advance(self._retained())
            self._note(
                is_up=True,
                trouble=session.trouble,
                connections=before.connections + 1,
                events=before.events + session.events,
            )
            if until_s is not None and (session.is_idle or time.monotonic() > until_s):
                break
            self._changed.wait(_LOOK_S)
        if self._last_word_until_s is not None and session.is_idle:
            connection.leave()
        return session.taken > 0

    def _retained(self) -> list[Outgoing]:
        """The latest of each retained document, but for what is too old to be believed."""
        now_s = time.monotonic()
        with self._lock:
            return [
                document
                for document, told_s in self._latest.values()
                if document.expiry_s is None or now_s - told_s < document.expiry_s
            ]

    def _rest(self, pause_s: float) -> None:
        """Wait before the next attempt; not all robots of a fleet at the same time."""
        until_s = time.monotonic() + pause_s * random.uniform(0.5, 1.0)
        while self._last_word_until_s is None and (left_s := until_s - time.monotonic()) > 0.0:
            self._changed.wait(left_s)
            self._changed.clear()

    def _note(self, **news: object) -> None:
        with self._lock:
            self._link = replace(self._link, **news)  # type: ignore[arg-type]
