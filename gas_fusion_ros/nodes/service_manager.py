"""How a node tells systemd that it works: readiness, heartbeat and a line for `systemctl status`.

The protocol is sd_notify(3): datagrams of lines to the socket that NOTIFY_SOCKET names. The heartbeat comes
from the executor's thread, and only while the node does its work: one that hangs, or does nothing, is started
again.
"""

from __future__ import annotations

import socket
from collections.abc import Mapping
from contextlib import suppress

from rclpy.clock import Clock, ClockType
from rclpy.node import Node

from gas_fusion_ros.base.quoting import one_line
from gas_fusion_ros.nodes.managed_node import ManagedNode

_LONGEST_PERIOD_S = 1.0
_START_S = 30
"""How long a start may take from when the node has last said that it tries again."""
_STATUS_CHARACTERS = 200


class ServiceManager:
    """Systemd, as the unit of one node has it.

    Args:
        place: NOTIFY_SOCKET: the socket's path, or its name in the abstract namespace behind an @.
        watchdog_s: WatchdogSec of the unit; 0 for none.
    """

    def __init__(self, place: str, watchdog_s: float = 0.0) -> None:
        self._address = "\0" + place[1:] if place.startswith("@") else place
        self._period_s = min(_LONGEST_PERIOD_S, watchdog_s / 3 or _LONGEST_PERIOD_S)
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
        self._socket.setblocking(False)
        self._is_ready = False
        self._status = ""

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> ServiceManager | None:
        """Return the one that started this process; None where none did, or one that wants no word."""
        place = environment.get("NOTIFY_SOCKET", "")
        if not place.startswith(("/", "@")):
            return None
        microseconds = environment.get("WATCHDOG_USEC", "")
        return cls(place, int(microseconds) / 1e6 if microseconds.isdecimal() else 0.0)

    def attend(self, node: Node) -> None:
        """Tell of a node from now on, as long as it is spun."""
        steady = Clock(clock_type=ClockType.STEADY_TIME)
        node.create_timer(self._period_s, lambda: self._look(node), clock=steady)

    def end(self) -> None:
        """Say that the node ends."""
        self._tell("STOPPING=1")

    def _look(self, node: Node) -> None:
        hindrance = node.hindrance if isinstance(node, ManagedNode) else ""
        said: list[str] = []
        if not hindrance:
            said += ["WATCHDOG=1"] if self._is_ready else ["READY=1", "WATCHDOG=1"]
            self._is_ready = True
        elif not self._is_ready and isinstance(node, ManagedNode) and node.tries_again:
            said.append(f"EXTEND_TIMEOUT_USEC={_START_S * 1_000_000}")
        status = one_line(hindrance or "works", _STATUS_CHARACTERS)
        if status != self._status:
            self._status = status
            said.append(f"STATUS={status}")
        if said:
            self._tell(*said)

    def _tell(self, *lines: str) -> None:
        # Whoever does not listen is not waited for, and what is lost comes again.
        with suppress(OSError):
            self._socket.sendto("\n".join(lines).encode(), self._address)
