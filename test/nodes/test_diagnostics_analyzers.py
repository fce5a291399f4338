"""The configuration of diagnostic_aggregator sorts every status of every node, and nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from checkout_scripts import FOLDER, load_script
from diagnostic_msgs.msg import DiagnosticArray
from rclpy.lifecycle import TransitionCallbackReturn

from gas_fusion_ros.nodes import managed_node
from gas_fusion_ros.nodes.managed_node import ManagedNode
from gas_fusion_ros.nodes.qos import RELIABLE
from nodes.harness import Graph

PATH = Path(__file__).parents[2] / "config" / "diagnostics" / "analyzers.yaml"
PARAMETERS: dict[str, dict[str, Any]] = {
    "alarm_relay": {"host": "127.0.0.1"},
    "gas_adapter": {"sources": ["mq2=/adc/mq2", "mq3=/adc/mq3"]},
    "gas_classifier": {"state_file": "none"},
    "gas_sensor": {"driver": "simulated", "array_file": "simulated"},
    "thermal_camera": {"driver": "simulated"},
}
"""What each node needs to be configured."""


def analyzers() -> dict[str, dict[str, Any]]:
    (content,) = yaml.safe_load(PATH.read_text(encoding="utf-8")).values()
    return {name: one for name, one in content["ros__parameters"].items() if isinstance(one, dict)}


def matching(status: str) -> list[str]:
    """The analyzers that take a status, as GenericAnalyzer does it by `contains`."""
    return [name for name, one in analyzers().items() if any(part in status for part in one["contains"])]


@pytest.fixture(scope="module")
def managed() -> list[tuple[str, type[ManagedNode]]]:
    """Every executable that publishes /diagnostics."""
    if not FOLDER.exists():
        pytest.skip("runs from a checkout only")
    classes = load_script("write_security_policies").node_classes()
    return [(name, one) for name, one in classes.items() if issubclass(one, ManagedNode)]


def test_analyzers_are_of_the_aggregator_and_sort_by_nodes(managed: list[tuple[str, type]]) -> None:
    assert {one["type"] for one in analyzers().values()} == {"diagnostic_aggregator/GenericAnalyzer"}
    for one in analyzers().values():
        assert set(one) == {"type", "path", "contains", "timeout"}
        assert isinstance(one["timeout"], float)
    named = sorted(part for one in analyzers().values() for part in one["contains"])
    nodes = sorted(f"{name}: " for name, _ in managed)
    assert named == nodes, f"each node that publishes /diagnostics belongs in one analyzer of {PATH}"


def test_every_status_that_nodes_publish_is_of_one_analyzer(
    graph: Graph, managed: list[tuple[str, type[ManagedNode]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(managed_node, "_DIAGNOSTICS_PERIOD_S", 0.02)
    heard = graph.listen(DiagnosticArray, "/diagnostics", RELIABLE)
    for name, node_class in managed:
        node = graph.create(node_class, namespace="/robot1", **PARAMETERS.get(name, {}))
        assert node.trigger_configure() == TransitionCallbackReturn.SUCCESS, (
            f"{name}: {node.failure}; give it in PARAMETERS what it needs"
        )

    def names() -> set[str]:
        return {status.name for message in list(heard) for status in message.status}

    graph.wait_for(lambda: all(any(f"{one}: " in told for told in names()) for one, _ in managed))
    for status in names():
        assert status.startswith("robot1/")
        assert len(matching(status)) == 1, status
