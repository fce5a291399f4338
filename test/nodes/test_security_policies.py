"""The SROS2 policies allow what the nodes use, and nothing else."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from xml.etree import ElementTree

import pytest
from checkout_scripts import load_script
from rclpy.lifecycle import TransitionCallbackReturn
from rclpy.node import Node

from gas_fusion_ros.base.shipped_files import PACKAGE
from gas_fusion_ros.nodes.gas_sensor import GasSensorNode
from nodes.harness import Graph

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "scripts" / "write_security_policies.py"
ROBOTS = sorted((ROOT / "config" / "robots").glob("*.yaml"))
SUCCESS = TransitionCallbackReturn.SUCCESS

pytestmark = pytest.mark.skipif(not SCRIPT.exists(), reason="runs from a checkout only")


@pytest.fixture(scope="module")
def script() -> ModuleType:
    return load_script(SCRIPT.stem)


def allowed(policy: Path, node: str, right: str) -> set[str]:
    """Full names that a policy allows a node to `publish`, `subscribe`, `reply` or `request`."""
    (profile,) = ElementTree.parse(policy).getroot().iterfind(f".//profile[@node='{node}']")
    names = {name.text or "" for rule in profile if rule.get(right) == "ALLOW" for name in rule}
    below = profile.attrib["ns"].rstrip("/")
    return {name if name.startswith("/") else f"{below}/{re.sub('^~', node, name)}" for name in names}


@pytest.mark.parametrize("robot", ROBOTS, ids=lambda path: path.stem)
@pytest.mark.usefixtures("ros_domain")
def test_the_policy_of_a_robot_is_what_its_nodes_use(script: ModuleType, robot: Path) -> None:
    assert script.path_of(robot).read_text(encoding="utf-8") == script.render(robot), f"run {SCRIPT}"


def test_every_executable_has_a_policy(script: ModuleType) -> None:
    assert script.robots() == ROBOTS
    assert {path.name for path in script.FOLDER.iterdir()} == {script.path_of(one).name for one in ROBOTS}


def test_an_executable_without_one_is_told_with_the_remedy(
    script: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    classes: Callable[[], dict[str, object]] = script.node_classes
    monkeypatch.setattr(script, "node_classes", lambda: {**classes(), "pump": Node})
    with pytest.raises(script.PolicyError, match="no file of config/robots has a section for pump"):
        script.robots()


def test_another_participant_sees_what_is_allowed(script: ModuleType, graph: Graph) -> None:
    policy = script.path_of(ROOT / "config" / "robots" / "arduino_lepton.yaml")
    node = graph.create(GasSensorNode, driver="simulated")
    assert node.trigger_configure() == SUCCESS
    assert node.trigger_activate() == SUCCESS
    for right, seen in (
        ("publish", graph.probe.get_publisher_names_and_types_by_node),
        ("subscribe", graph.probe.get_subscriber_names_and_types_by_node),
        ("reply", graph.probe.get_service_names_and_types_by_node),
        ("request", graph.probe.get_client_names_and_types_by_node),
    ):
        expected = allowed(policy, "gas_sensor", right)
        graph.wait_for(
            lambda seen=seen, expected=expected: {n for n, _ in seen("gas_sensor", "/")} == expected
        )


@pytest.mark.parametrize("robot", ROBOTS, ids=lambda path: path.stem)
def test_nobody_may_do_everything(script: ModuleType, robot: Path) -> None:
    policy = ElementTree.parse(script.path_of(robot)).getroot()
    names = [one.text or "" for kind in ("topic", "service") for one in policy.iter(kind)]
    assert names
    assert not [name for name in names if "*" in name or "?" in name]
    assert policy.findall(".//*[@publish='DENY']") == []
    for enclave in policy.iter("enclave"):
        (profile,) = enclave.iter("profile")
        assert enclave.get("path") == f"/{PACKAGE}/{profile.get('node')}"


def test_an_operator_hears_the_alarm_and_commands_it(script: ModuleType) -> None:
    policy = script.path_of(ROOT / "config" / "robots" / "arduino_lepton.yaml")
    assert {"/gas/alarm", "/gas/alarm_state"} <= allowed(policy, "operator", "subscribe")
    assert "/gas/acknowledge_alarm" in allowed(policy, "operator", "request")
    assert allowed(policy, "operator", "reply") == set()
    assert "/gas/alarm" not in allowed(policy, "operator", "publish")
