"""What both sensor nodes do with a driver that fails."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pytest
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from rclpy.lifecycle import TransitionCallbackReturn

from gas_fusion_ros.base.problems import Problems
from gas_fusion_ros.drivers import Driver, DriverState
from gas_fusion_ros.drivers.registry import FoundDrivers
from gas_fusion_ros.nodes.driver_node import DriverNode, DriverNodeSettings, driver_specs
from gas_fusion_ros.nodes.qos import RELIABLE
from gas_fusion_ros.ros.messages import key_values
from gas_fusion_ros.settings.fields import setting
from nodes.harness import Graph

SUCCESS = TransitionCallbackReturn.SUCCESS


class ScriptedDriver:
    """Gives out one batch per poll; an empty batch is a poll that fails."""

    state = DriverState.RUNNING

    def __init__(self, *batches: list[int]) -> None:
        self.problems = Problems()
        self._batches = list(batches)

    def open(self) -> None:
        """Open nothing."""

    def poll(self, _: int) -> Sequence[int]:
        batch = self._batches.pop(0) if self._batches else [0]
        if not batch:
            raise OSError("unplugged")
        return batch

    def close(self) -> None:
        """Close nothing."""


@dataclass(frozen=True)
class NumberSettings(DriverNodeSettings):
    driver: str = setting("scripted", "where the numbers come from")
    frame_id: str = setting("numbers_link", "coordinate frame")
    period_ns: int = 0


class NumberNode(DriverNode[int, NumberSettings]):
    """Publishes numbers but 13."""

    SOURCE_TOPIC = "numbers/source"
    DRIVERS = FoundDrivers({}, ("the driver at 'elsewhere:DRIVER' cannot be used: it is no driver",))
    SETTINGS = NumberSettings
    SPECS = driver_specs(NumberSettings, DRIVERS)

    def __init__(self, driver: Driver[int], **arguments: object) -> None:
        super().__init__("numbers", **arguments)
        self.sent: list[int] = []
        self._scripted = driver

    def create_driver(self) -> Driver[int]:
        return self._scripted

    def publish(self, sample: int) -> None:
        if sample == 13:
            raise ValueError("bad luck")
        self.sent.append(sample)

    def diagnostics(self) -> list[DiagnosticStatus]:
        return [self.driver_status({})]


def create(graph: Graph, *batches: list[int]) -> NumberNode:
    driver = ScriptedDriver(*batches)
    return graph.create(lambda **arguments: NumberNode(driver, **arguments), poll_period=0.01)


def start(node: NumberNode) -> None:
    assert node.trigger_configure() == SUCCESS
    assert node.trigger_activate() == SUCCESS


def test_a_bad_sample_costs_no_other_and_a_failed_poll_no_later_one(graph: Graph) -> None:
    node = create(graph, [1, 13, 2], [], [3])
    start(node)
    graph.wait_for(lambda: node.published > 3)
    assert node.sent[:4] == [1, 2, 3, 0]
    assert node.problem_counts() == {"publish_failed": 1, "poll_failed": 1}


def test_the_status_recovers_and_keeps_the_count(graph: Graph) -> None:
    diagnostics = graph.listen(DiagnosticArray, "/diagnostics", RELIABLE)
    start(create(graph, [13]))
    graph.wait_for(lambda: len(diagnostics) >= 2)
    first, second = (message.status[0] for message in diagnostics[:2])
    assert (first.level, first.message) == (DiagnosticStatus.WARN, "publish_failed")
    assert (second.level, second.message) == (DiagnosticStatus.OK, "running")
    assert key_values(second)["publish_failed"] == "1"


def test_a_cause_is_said_anew_after_configure(graph: Graph, capfd: pytest.CaptureFixture[str]) -> None:
    node = create(graph, [13, 13], [1], [13])
    start(node)
    graph.wait_for(lambda: node.problem_counts() == {"publish_failed": 3})
    for transition in (node.trigger_deactivate, node.trigger_cleanup):
        assert transition() == SUCCESS
    assert capfd.readouterr().err.count("publish_failed:") == 1
    assert node.trigger_configure() == SUCCESS
    assert node.problem_counts() == {}
    node.problems.add("publish_failed", "again")
    assert node.trigger_cleanup() == SUCCESS
    assert capfd.readouterr().err.count("publish_failed:") == 1
