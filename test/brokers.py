"""A real MQTT broker on this machine alone, a link to it that can be cut, and somebody who listens."""

from __future__ import annotations

import json
import socket
import socketserver
import threading
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("paho.mqtt.enums", reason="paho-mqtt>=2 is not installed")

from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from benchmarks.mosquitto import HOST, Mosquitto, NoMosquittoError
from gas_fusion_ros.base.closing import Closing


def running_broker(folder: Path, lines: Sequence[str] = ("allow_anonymous true",)) -> Mosquitto:
    """A broker of its own; skips the test where there is no mosquitto."""
    try:
        return Mosquitto(folder, lines)
    except NoMosquittoError as error:
        pytest.skip(str(error))


class Cable(Closing):
    """A TCP link to a port of this machine, which can be cut and mended.

    Attributes:
        port: where it begins.
    """

    def __init__(self, port: int) -> None:
        cable = self
        self._target = port
        self._lock = threading.Lock()
        self._ends: set[socket.socket] = set()
        self._is_cut = self._is_stalled = False

        class Handler(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                cable._join(self.request)

        class Server(socketserver.ThreadingTCPServer):
            allow_reuse_address = daemon_threads = True

        self._server = Server((HOST, 0), Handler)
        self.port = int(self._server.server_address[1])
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def cut(self) -> None:
        """Break every connection, wherever a document just is, and let none come about."""
        with self._lock:
            self._is_cut = True
            while self._ends:
                _broken(self._ends.pop())

    def stall(self) -> None:
        """Let everything vanish on the way, without a sign to either side."""
        self._is_stalled = True

    def mend(self) -> None:
        self._is_cut = self._is_stalled = False

    def close(self) -> None:
        self.cut()
        self._server.shutdown()
        self._server.server_close()

    def _join(self, near: socket.socket) -> None:
        far = socket.create_connection((HOST, self._target))
        with self._lock:
            if self._is_cut:
                _broken(near)
                _broken(far)
                return
            self._ends |= {near, far}
        back = threading.Thread(target=self._carry, args=(far, near), daemon=True)
        back.start()
        self._carry(near, far)
        back.join()

    def _carry(self, source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(4096):
                if not self._is_stalled:
                    sink.sendall(data)
        _broken(source)
        _broken(sink)


def _broken(end: socket.socket) -> None:
    with suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)
    end.close()


class Listener(Closing):
    """Hears everything below `gas_fusion` at a broker.

    Attributes:
        heard: topic and document of each message, in the order in which they came.
        retained: whether each was kept from before.
    """

    def __init__(self, port: int) -> None:
        self.heard: list[tuple[str, Any]] = []
        self.retained: list[bool] = []
        subscribed = threading.Event()
        self._client = Client(CallbackAPIVersion.VERSION2, protocol=MQTTProtocolVersion.MQTTv5)
        self._client.on_message = lambda _, __, message: self._hear(message)
        self._client.on_subscribe = lambda *_: subscribed.set()
        self._client.connect(HOST, port)
        self._client.loop_start()
        self._client.subscribe("gas_fusion/#", 1)
        assert subscribed.wait(10.0)

    def states(self, robot: str = "robot1") -> list[Any]:
        return self._on(f"gas_fusion/{robot}/state")

    def alarms(self, robot: str = "robot1") -> list[Any]:
        return self._on(f"gas_fusion/{robot}/alarms")

    def events(self, robot: str = "robot1") -> list[Any]:
        """The events, as they came: some perhaps twice."""
        return self._on(f"gas_fusion/{robot}/events")

    def events_once(self, robot: str = "robot1") -> list[Any]:
        """The events without those that came again, told by their number."""
        return list({(event["queue"], event["number"]): event for event in self.events(robot)}.values())

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def _on(self, topic: str) -> list[Any]:
        return [document for heard_on, document in list(self.heard) if heard_on == topic]

    def _hear(self, message: Any) -> None:
        self.retained.append(bool(message.retain))
        self.heard.append((message.topic, json.loads(message.payload)))
