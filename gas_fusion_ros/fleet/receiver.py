"""Keeps a connection to the broker over which documents are heard, and none is sent."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Protocol

from gas_fusion_ros.base.closing import Closing
from gas_fusion_ros.fleet.broker import Broker, BrokerError, Incoming
from gas_fusion_ros.fleet.connection import Connection

_FIRST_PAUSE_S = 0.2
_LONGEST_PAUSE_S = 2.0
_CLOSING_S = 10.0
"""An attempt to connect takes half of it at most."""


class Audience(Protocol):
    """Whoever hears. Its methods are called from other threads, one at a time, and raise nothing."""

    def connected(self) -> None:
        """What comes from now on is heard."""

    def disconnected(self, why: str) -> None:
        """Nothing is heard any more."""

    def hear(self, document: Incoming) -> None:
        """A document came."""


class Receiver(Closing):
    """A thread that connects again and again until it is closed.

    Args:
        broker: whom to listen to.
        topics: what to subscribe to.
        audience: who hears.
    """

    def __init__(self, broker: Broker, topics: Sequence[str], audience: Audience) -> None:
        self._broker = broker
        self._topics = tuple(topics)
        self._audience = audience
        self._changed, self._ending = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, name="fleet_receiver", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Break off; safe to call twice."""
        self._ending.set()
        self._changed.set()
        self._thread.join(_CLOSING_S)

    def _run(self) -> None:
        pause_s = _FIRST_PAUSE_S
        while not self._ending.is_set():
            try:
                with Connection(self._broker, None, self._changed.set) as connection:
                    self._listen(connection)
                    why = connection.failure
                pause_s = _FIRST_PAUSE_S
            except BrokerError as error:
                why = str(error)
            except Exception as error:  # whatever a broker sends ends no watch
                why = f"{type(error).__name__}: {error}"
            self._audience.disconnected(why)
            self._ending.wait(pause_s)
            pause_s = min(2.0 * pause_s, _LONGEST_PAUSE_S)

    def _listen(self, connection: Connection) -> None:
        self._audience.connected()
        connection.subscribe(self._topics, self._audience.hear)
        while connection.is_open and not self._ending.is_set():
            self._changed.wait()
            self._changed.clear()
