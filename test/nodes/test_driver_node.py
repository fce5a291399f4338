"""What both sensor nodes do with a driver that fails."""

from __future__ import annotations

from collections.abc import Sequence

from rclpy.lifecycle import TransitionCallbackReturn

from gas_fusion_ros.drivers import Driver, DriverState
from gas_fusion_ros.nodes.driver_node import POLL_SPECS, DriverNode
from gas_fusion_ros.problems import Problems
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


class NumberNode(DriverNode[int]):
    """Publishes numbers but 13."""

    SPECS = POLL_SPECS

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


def test_a_bad_sample_costs_no_other_and_a_failed_poll_no_later_one(graph: Graph) -> None:
    driver = ScriptedDriver([1, 13, 2], [], [3])
    node = graph.create(lambda **arguments: NumberNode(driver, **arguments), poll_period=0.01)
    assert node.trigger_configure() == SUCCESS
    assert node.trigger_activate() == SUCCESS
    graph.wait_for(lambda: len(node.sent) > 3)
    assert node.sent[:4] == [1, 2, 3, 0]
    assert node.problem_counts() == {"publish_failed": 1, "poll_failed": 1}
    assert node.published >= 4
