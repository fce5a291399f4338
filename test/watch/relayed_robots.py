"""A robot's relay without ROS, that says again and again how its alarm is."""

from __future__ import annotations

import threading
import time
from pathlib import Path

from gas_fusion_ros.alarm.types import AlarmStatus
from gas_fusion_ros.base.closing import Closing
from gas_fusion_ros.base.leak_places import LeakPlace
from gas_fusion_ros.base.problems import Problems
from gas_fusion_ros.fleet.broker import Broker
from gas_fusion_ros.fleet.names import robot_topics
from gas_fusion_ros.fleet.outbox import Outbox
from gas_fusion_ros.fleet.relay import Relay
from gas_fusion_ros.fleet.settings import RelaySettings

SECOND = 1_000_000_000


class RelayedRobot(Closing):
    """Relays from a thread of its own.

    Attributes:
        status: what its alarm says.
    """

    def __init__(self, folder: Path, host: str, port: int, name: str, status: AlarmStatus) -> None:
        self.status = status
        settings = RelaySettings(host=host, port=port, keep_alive_ns=SECOND)
        self._outbox = Outbox(folder / f"{name}.sqlite3", 100)
        broker = Broker(host, port, name, SECOND)
        topics = robot_topics("gas_fusion", name, "")
        self._relay = Relay(settings, topics, broker, self._outbox, Problems(), time.time_ns())
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def find(self, leak: LeakPlace) -> None:
        """Estimate where a leak is."""
        self._relay.hear_leak(leak)

    def hang(self) -> None:
        """Say nothing any more; the connection stays."""
        self._ending.set()
        self._thread.join()

    def close(self) -> None:
        """Take leave in order."""
        self.hang()
        self._relay.end(time.time_ns())
        self._outbox.close()

    def _run(self) -> None:
        while not self._ending.is_set():
            self._relay.hear_status(self.status)
            self._relay.hear_word(not self.status.is_safe, time.monotonic_ns())
            self._relay.say(time.time_ns(), time.monotonic_ns())
            self._ending.wait(0.3)
