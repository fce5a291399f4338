"""Which robot and which device it is: in frames, in /diagnostics, in the log's lines and events."""

from __future__ import annotations

import json
import socket
from pathlib import Path

import pytest
from diagnostic_msgs.msg import DiagnosticArray
from rclpy.lifecycle import TransitionCallbackReturn
from sensor_msgs.msg import CameraInfo, Image, PointCloud2

from gas_fusion_ros.nodes import managed_node
from gas_fusion_ros.nodes.gas_classifier import GasClassifierNode
from gas_fusion_ros.nodes.gas_sensor import GasSensorNode
from gas_fusion_ros.nodes.managed_node import ManagedNode
from gas_fusion_ros.nodes.qos import LATCHED, RELIABLE, SENSOR_DATA
from gas_fusion_ros.nodes.thermal_camera import ThermalCameraNode
from nodes.harness import Graph

SUCCESS = TransitionCallbackReturn.SUCCESS
HOST = socket.gethostname()


def start(node: ManagedNode) -> None:
    assert node.trigger_configure() == SUCCESS, node.failure
    assert node.trigger_activate() == SUCCESS, node.failure


def test_frames_have_the_robots_prefix(graph: Graph) -> None:
    readings = graph.listen(PointCloud2, "gas/readings", RELIABLE)
    told = graph.listen(DiagnosticArray, "gas/array_info", LATCHED)
    images = graph.listen(Image, "thermal/image_raw", SENSOR_DATA)
    infos = graph.listen(CameraInfo, "thermal/camera_info", SENSOR_DATA)
    for node_class in (GasSensorNode, ThermalCameraNode):
        start(graph.create(node_class, driver="simulated", period=0.05, frame_prefix="robot1/"))
    graph.wait_for(lambda: all((readings, told, images, infos)))
    assert {one[0].header.frame_id for one in (readings, told)} == {"robot1/gas_sensor_link"}
    assert {one[0].header.frame_id for one in (images, infos)} == {"robot1/thermal_camera_optical_frame"}


def test_every_status_says_which_hardware_it_is_of(graph: Graph, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(managed_node, "_DIAGNOSTICS_PERIOD_S", 0.02)
    diagnostics = graph.listen(DiagnosticArray, "/diagnostics", RELIABLE)
    start(graph.create(GasSensorNode, driver="simulated", array_file="simulated"))
    start(graph.create(ThermalCameraNode, driver="simulated", hardware_id="lepton 42"))

    def of(name: str) -> set[str]:
        heard = [status for message in list(diagnostics) for status in message.status]
        return {status.hardware_id for status in heard if status.name.startswith(name)}

    graph.wait_for(lambda: bool(of("gas_sensor: mq2") and of("thermal_camera: driver")))
    assert of("gas_sensor: ") == {f"{HOST}: simulated"}
    assert of("thermal_camera: ") == {"lepton 42"}


@pytest.mark.parametrize(("namespace", "robot"), [("", HOST), ("/site/robot1", "site/robot1")])
def test_events_and_log_lines_name_the_robot(
    graph: Graph,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    namespace: str,
    robot: str,
) -> None:
    log = tmp_path / "events.jsonl"
    node = graph.create(GasClassifierNode, namespace=namespace, event_log=str(log), state_file="none")
    start(node)
    assert node.trigger_deactivate() == SUCCESS
    events = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]
    assert {event["robot"] for event in events} == {robot}
    assert [event["event"] for event in events][:: len(events) - 1] == ["start", "stop"]
    logger = f"{namespace}/gas_classifier".strip("/").replace("/", ".")
    assert f"[{logger}]: configured" in capfd.readouterr().err
