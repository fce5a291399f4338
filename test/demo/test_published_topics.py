"""Every topic that the nodes publish is recorded by the demo and told of in README."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

pytest.importorskip("rclpy", reason="needs ROS 2")

from nodes.harness import Graph

from gas_fusion_ros.demo.stage import LATCHED_TOPICS, TOPICS
from gas_fusion_ros.nodes.gas_classifier import GasClassifierNode
from gas_fusion_ros.nodes.gas_sensor import GasSensorNode
from gas_fusion_ros.nodes.managed_node import ManagedNode
from gas_fusion_ros.nodes.thermal_camera import ThermalCameraNode

README = Path(__file__).parents[2] / "README.md"
OF_EVERY_NODE = {"/rosout", "/parameter_events"}


@pytest.fixture(params=[GasSensorNode, ThermalCameraNode, GasClassifierNode])
def published(request: pytest.FixtureRequest, graph: Graph) -> dict[str, bool]:
    """Whether each topic of a node is latched."""
    node: ManagedNode = graph.create(request.param)
    latched = {
        publisher.topic_name: publisher.qos_profile.durability.name == "TRANSIENT_LOCAL"
        for publisher in node.publishers
        if not publisher.topic_name.endswith("/transition_event")
    }
    return {name: value for name, value in latched.items() if name not in OF_EVERY_NODE}


def test_the_demo_records_it(published: dict[str, bool]) -> None:
    assert published.keys() <= {f"/{topic.name.lstrip('/')}" for topic in TOPICS}
    assert {name for name, is_latched in published.items() if is_latched} <= LATCHED_TOPICS


@pytest.mark.skipif(not README.exists(), reason="runs from a checkout only")
def test_readme_tells_of_it(published: dict[str, bool]) -> None:
    rows = [line for line in README.read_text(encoding="utf-8").splitlines() if line.startswith("| `")]
    told = set(re.findall(r"`(/?[\w/]+)`", "\n".join(row.split("|")[1] for row in rows)))
    assert {name.removeprefix("/") for name in published} <= {name.removeprefix("/") for name in told}
