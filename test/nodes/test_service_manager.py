"""What systemd is told of a node, over a real notify socket: as long as it works, and no longer."""

from __future__ import annotations

import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from rclpy.lifecycle import TransitionCallbackReturn
from scripted_runtime import ScriptedRuntime, windowed_bundle

from gas_fusion_ros.alarm.settings import AlarmAdvice
from gas_fusion_ros.drivers import DriverError
from gas_fusion_ros.model.bundle import Bundle
from gas_fusion_ros.nodes import gas_classifier, managed_node
from gas_fusion_ros.nodes.gas_classifier import GasClassifierNode
from gas_fusion_ros.nodes.managed_node import ManagedNode
from gas_fusion_ros.nodes.parameters import ParameterError
from gas_fusion_ros.nodes.service_manager import ServiceManager
from nodes.harness import TIMEOUT_S, Graph
from nodes.processes import NodeProcess
from nodes.test_alarm_survives import Array

SUCCESS = TransitionCallbackReturn.SUCCESS
PERIOD_S = 0.02


class NotifySocket:
    """The service manager's end of the socket."""

    def __init__(self, address: str) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(address)
        self._socket.settimeout(TIMEOUT_S)

    def hear(self) -> list[str]:
        """The lines of the next datagram."""
        return self._socket.recv(4096).decode().splitlines()

    def hear_until(self, line: str) -> list[str]:
        """All lines up to the one that begins so."""
        heard: list[str] = []
        while not any(one.startswith(line) for one in heard):
            heard += self.hear()
        return heard

    def forget(self) -> None:
        """Drop what waits."""
        self._socket.setblocking(False)
        try:
            while True:
                self._socket.recv(4096)
        except BlockingIOError:
            self._socket.settimeout(TIMEOUT_S)

    def close(self) -> None:
        self._socket.close()


@pytest.fixture
def place(tmp_path: Path) -> str:
    return str(tmp_path / "notify")


@pytest.fixture
def manager(place: str) -> Iterator[NotifySocket]:
    heard = NotifySocket(place)
    yield heard
    heard.close()


def attend(node: ManagedNode, place: str) -> None:
    ServiceManager(place, watchdog_s=3 * PERIOD_S).attend(node)


class Stubborn(ManagedNode):
    """Fails to configure for the reason it is given."""

    def __init__(self, reason: Exception | None, **arguments: object) -> None:
        self.reason = reason
        super().__init__("stubborn", **arguments)

    def configure(self) -> None:
        if self.reason is not None:
            raise self.reason


def create(graph: Graph, reason: Exception | None) -> Stubborn:
    return graph.create(lambda **arguments: Stubborn(reason, **arguments), autostart=True)


def test_a_node_is_ready_and_beats_once_it_is_active(graph: Graph, place: str, manager: NotifySocket) -> None:
    attend(create(graph, None), place)
    heard = manager.hear_until("READY=1")
    assert "STATUS=works" in heard
    assert "WATCHDOG=1" in heard
    assert manager.hear() == ["WATCHDOG=1"]


def test_a_node_whose_device_is_missing_asks_for_time_and_says_why(
    graph: Graph, place: str, manager: NotifySocket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(managed_node, "_FIRST_PAUSE_S", 0.1)
    node = create(graph, DriverError("/dev/gas_array does not exist"))
    attend(node, place)
    heard = manager.hear_until("STATUS=configure failed: /dev/gas_array does not exist")
    heard += manager.hear_until("EXTEND_TIMEOUT_USEC=30000000")
    assert not {"READY=1", "WATCHDOG=1"} & set(heard)
    node.reason = None
    manager.hear_until("READY=1")


def test_a_node_with_a_wrong_parameter_asks_for_no_time(
    graph: Graph, place: str, manager: NotifySocket
) -> None:
    node = create(graph, ParameterError("driver is not set"))
    graph.wait_for(lambda: bool(node.failure))
    attend(node, place)
    assert manager.hear() == ["STATUS=configure failed: driver is not set"]
    assert not node.tries_again


def test_a_node_that_is_deactivated_beats_no_more(graph: Graph, place: str, manager: NotifySocket) -> None:
    node = create(graph, None)
    attend(node, place)
    manager.hear_until("READY=1")
    assert node.trigger_deactivate() == SUCCESS
    manager.hear_until("STATUS=not active")
    assert node.trigger_activate() == SUCCESS
    assert "READY=1" not in manager.hear_until("STATUS=works")


def test_a_classifier_whose_network_hangs_beats_no_more(
    graph: Graph, place: str, manager: NotifySocket, monkeypatch: pytest.MonkeyPatch
) -> None:
    runtime = ScriptedRuntime()
    bundle = windowed_bundle(1, AlarmAdvice(0.6, 0.3, 300_000_000, 300_000_000, false_alarms_per_hour=0.1))
    monkeypatch.setattr(Bundle, "load", lambda _: bundle)
    monkeypatch.setattr(gas_classifier, "create_runtime", lambda *_: runtime)
    node = graph.create(GasClassifierNode, alarm__timeout=0.5, expect_images=False, state_file="none")
    assert node.trigger_configure() == SUCCESS
    assert node.trigger_activate() == SUCCESS
    attend(node, place)
    manager.hear_until("READY=1")
    runtime.may_answer.clear()
    array = Array(graph)
    heard = manager.hear_until("STATUS=the network has not answered for")
    manager.forget()
    runtime.may_answer.set()
    assert "WATCHDOG=1" in heard  # until then
    assert manager.hear_until("WATCHDOG=1")[-1] == "STATUS=works"
    array.close()


def test_a_node_as_a_process_tells_its_manager_from_start_to_end(
    graph: Graph, place: str, manager: NotifySocket
) -> None:
    parameters = {"driver": "simulated", "autostart": True}
    environment = {"NOTIFY_SOCKET": place, "WATCHDOG_USEC": "300000"}
    with NodeProcess(graph, "gas_sensor", parameters, environment) as process:
        manager.hear_until("READY=1")
        manager.hear_until("WATCHDOG=1")
        process.stop(signal.SIGTERM)
    manager.hear_until("STOPPING=1")


def test_a_name_in_the_abstract_namespace_is_reached(tmp_path: Path) -> None:
    name = f"gas_fusion_{tmp_path.name}"
    heard = NotifySocket(f"\0{name}")
    ServiceManager(f"@{name}").end()
    assert heard.hear() == ["STOPPING=1"]
    heard.close()


@pytest.mark.parametrize("environment", [{}, {"NOTIFY_SOCKET": ""}, {"NOTIFY_SOCKET": "vsock:2:1234"}])
def test_without_a_socket_there_is_no_manager(environment: dict[str, str]) -> None:
    assert ServiceManager.of(environment) is None


def test_who_does_not_listen_is_not_waited_for(place: str) -> None:
    manager = ServiceManager.of({"NOTIFY_SOCKET": place, "WATCHDOG_USEC": "no number"})
    assert manager is not None
    manager.end()
