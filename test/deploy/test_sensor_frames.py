"""The frames of the robot's description are those that the nodes stamp."""

from __future__ import annotations

import math
from pathlib import Path
from xml.etree import ElementTree

import pytest

from gas_fusion_ros.nodes.gas_adapter import GasAdapterNode
from gas_fusion_ros.nodes.gas_sensor import GasSensorNode
from gas_fusion_ros.nodes.thermal_camera import ThermalCameraNode

DESCRIPTION = Path(__file__).parents[2] / "urdf" / "gas_fusion_sensors.urdf.xacro"
ROBOT = """<robot name="patrol" xmlns:xacro="http://www.ros.org/wiki/xacro">
  <xacro:include filename="{file}"/>
  <link name="base_link"/>
  <xacro:gas_fusion_sensors parent="base_link">
    <origin xyz="0.20 0.00 0.10" rpy="0 0 0"/>
    <origin xyz="0.25 0.00 0.30" rpy="0 0 0"/>
  </xacro:gas_fusion_sensors>
</robot>
"""


@pytest.fixture(scope="module")
def robot(tmp_path_factory: pytest.TempPathFactory) -> ElementTree.Element:
    """A robot with the sensors, as xacro makes it."""
    xacro = pytest.importorskip("xacro", reason="expands the robot's description")
    path = tmp_path_factory.mktemp("urdf") / "robot.urdf.xacro"
    path.write_text(ROBOT.format(file=DESCRIPTION), encoding="utf-8")
    return ElementTree.fromstring(xacro.process_file(str(path)).toxml())


def test_the_nodes_default_frames_are_links(robot: ElementTree.Element) -> None:
    links = {link.get("name") for link in robot.findall("link")}
    for node in (GasSensorNode, GasAdapterNode, ThermalCameraNode):
        (frame,) = (spec.default for spec in node.SPECS if spec.name == "frame_id")
        assert frame in links


def test_every_link_hangs_on_the_robot(robot: ElementTree.Element) -> None:
    above = {
        joint.find("child").get("link"): joint.find("parent").get("link")  # type: ignore[union-attr]
        for joint in robot.findall("joint")
    }
    links = {link.get("name") for link in robot.findall("link")}
    assert set(above) == links - {"base_link"}
    assert set(above.values()) <= links
    origins = {
        joint.find("child").get("link"): joint.find("origin").get("xyz")  # type: ignore[union-attr]
        for joint in robot.findall("joint")
    }
    assert origins["gas_sensor_link"] == "0.20 0.00 0.10"
    assert origins["thermal_camera_link"] == "0.25 0.00 0.30"


def test_the_optical_frame_looks_where_the_camera_does(robot: ElementTree.Element) -> None:
    (joint,) = (one for one in robot.findall("joint") if one.get("name") == "thermal_camera_optical_joint")
    origin = joint.find("origin")
    assert origin is not None
    roll, pitch, yaw = (float(angle) for angle in (origin.get("rpy") or "").split())
    # REP-103: z of the optical frame is x of the camera, x its -y, y its -z.
    assert (roll, pitch, yaw) == pytest.approx((-math.pi / 2, 0.0, -math.pi / 2))
