"""A node that starts itself: it tries again what may yet succeed, and heeds whoever asks by hand."""

from __future__ import annotations

import pytest
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from rclpy.lifecycle import TransitionCallbackReturn

from gas_fusion_ros.drivers import DriverError
from gas_fusion_ros.nodes import managed_node
from gas_fusion_ros.nodes.managed_node import ManagedNode
from gas_fusion_ros.nodes.parameters import ParameterError
from gas_fusion_ros.nodes.qos import RELIABLE
from gas_fusion_ros.ros.messages import Level, diagnostic_status
from nodes.harness import Graph

SUCCESS = TransitionCallbackReturn.SUCCESS


class Stubborn(ManagedNode):
    """Fails to configure with each of `refusals` in turn, then does."""

    def __init__(self, *refusals: Exception, **arguments: object) -> None:
        self.refusals = list(refusals)
        self.attempts = 0
        self.is_active = False
        super().__init__("stubborn", **arguments)

    def configure(self) -> None:
        self.attempts += 1
        if self.refusals:
            raise self.refusals.pop(0)

    def activate(self) -> None:
        self.is_active = True

    def deactivate(self) -> None:
        self.is_active = False

    def diagnostics(self) -> list[DiagnosticStatus]:
        return [diagnostic_status("stubborn: driver", Level.OK, "running", {})]


def create(graph: Graph, *refusals: Exception) -> Stubborn:
    return graph.create(lambda **arguments: Stubborn(*refusals, **arguments), autostart=True)


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(managed_node, "_FIRST_PAUSE_S", 0.02)


def test_it_is_active_without_a_hand(graph: Graph) -> None:
    node = create(graph)
    graph.wait_for(lambda: node.is_active)
    assert node.attempts == 1


def test_a_missing_device_is_tried_again_and_told_when_the_reason_changes(
    graph: Graph, capfd: pytest.CaptureFixture[str]
) -> None:
    node = create(graph, *(DriverError("not there") for _ in range(3)), DriverError("busy"))
    graph.wait_for(lambda: node.is_active)
    assert node.attempts == 5
    log = capfd.readouterr().err
    assert (log.count("not there"), log.count("busy")) == (1, 1)


def test_until_then_its_diagnostics_are_an_error_with_the_reason(
    graph: Graph, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(managed_node, "_DIAGNOSTICS_PERIOD_S", 0.02)
    diagnostics = graph.listen(DiagnosticArray, "/diagnostics", RELIABLE)
    node = create(graph, *(DriverError("not there") for _ in range(4)))
    graph.wait_for(lambda: bool(diagnostics))
    status = diagnostics[0].status[0]
    assert (status.level, status.message) == (DiagnosticStatus.ERROR, "configure failed: not there")
    graph.wait_for(lambda: node.is_active)
    graph.wait_for(lambda: diagnostics[-1].status[0].level == DiagnosticStatus.OK)


def test_a_parameter_is_not_tried_again(graph: Graph, capfd: pytest.CaptureFixture[str]) -> None:
    node = create(graph, ParameterError("driver is not set"))
    graph.wait_for(lambda: node.attempts == 1 and "driver is not set" in capfd.readouterr().err)
    assert node.trigger_configure() == SUCCESS
    assert node.attempts == 2


def test_what_is_deactivated_by_hand_stays_inactive(graph: Graph) -> None:
    node = create(graph)
    graph.wait_for(lambda: node.is_active)
    assert node.trigger_deactivate() == SUCCESS
    assert node.trigger_cleanup() == SUCCESS
    assert node.attempts == 1
    assert not node.is_active


def test_what_is_asked_by_hand_ends_the_tries(graph: Graph, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(managed_node, "_FIRST_PAUSE_S", 1000.0)
    node = create(graph, DriverError("not there"))
    graph.wait_for(lambda: node.attempts == 1)
    assert node.trigger_configure() == SUCCESS
    assert not node.is_active
    assert node.trigger_activate() == SUCCESS
