"""What RViz, Foxglove and PlotJuggler are told to show exists: every topic, type, frame, field and key."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

pytest.importorskip("rclpy", reason="needs ROS 2")

import numpy as np
import yaml
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from geometry_msgs.msg import PoseStamped
from nav_msgs.msg import OccupancyGrid
from nodes.harness import Graph
from rclpy.node import Node
from rclpy.qos import (
    DurabilityPolicy,
    QoSCompatibility,
    QoSProfile,
    ReliabilityPolicy,
    qos_check_compatible,
)
from sensor_msgs.msg import Image, PointCloud2
from std_msgs.msg import Bool, String
from std_srvs.srv import Trigger
from visualization_msgs.msg import MarkerArray

from gas_fusion_ros.alarm.types import AlarmState, AlarmStatus, Severity, StandingAlarm
from gas_fusion_ros.base.observation import Mode, RobotPose, Verdict
from gas_fusion_ros.base.shipped_files import DEFAULT_MODEL, find_bundle
from gas_fusion_ros.model.bundle import Bundle
from gas_fusion_ros.nodes.gas_classifier import GasClassifierNode
from gas_fusion_ros.nodes.gas_sensor import GasSensorNode
from gas_fusion_ros.nodes.leak_mapper import LeakMapperNode
from gas_fusion_ros.nodes.operator_markers import NAMESPACES
from gas_fusion_ros.nodes.operator_view import OperatorViewNode
from gas_fusion_ros.nodes.thermal_camera import ThermalCameraNode
from gas_fusion_ros.ros.messages import encode_alarm_state, encode_classification, key_values

CONFIG = Path(__file__).parents[2] / "config"
PAGE = CONFIG.parent / "docs" / "operator.md"
TYPES = {
    "diagnostic_msgs/msg/DiagnosticArray": DiagnosticArray,
    "geometry_msgs/msg/PoseStamped": PoseStamped,
    "nav_msgs/msg/OccupancyGrid": OccupancyGrid,
    "sensor_msgs/msg/Image": Image,
    "sensor_msgs/msg/PointCloud2": PointCloud2,
    "std_msgs/msg/Bool": Bool,
    "std_msgs/msg/String": String,
    "visualization_msgs/msg/MarkerArray": MarkerArray,
}
RVIZ_DISPLAYS = {
    "rviz_default_plugins/Image": Image,
    "rviz_default_plugins/Map": OccupancyGrid,
    "rviz_default_plugins/MarkerArray": MarkerArray,
    "rviz_default_plugins/PointCloud2": PointCloud2,
    "rviz_default_plugins/Pose": PoseStamped,
}
FRAMES = {RobotPose(0.0, 0.0).frame_id}


@dataclass(frozen=True)
class Running:
    """What the nodes of a robot have.

    Attributes:
        topics: each with its type.
        services: each with its type.
        offered: quality of service of what is published.
        statuses: samples of what diagnostic messages hold, by topic.
    """

    topics: Mapping[str, type[Any]]
    services: Mapping[str, str]
    offered: Mapping[str, QoSProfile]
    statuses: Mapping[str, list[Any]] = field(default_factory=dict)


@pytest.fixture
def running(graph: Graph) -> Running:
    """The nodes of a robot, with an operator's view that hears a pose."""
    sensor = graph.create(GasSensorNode, driver="simulated")
    view = graph.create(OperatorViewNode, pose_topic="pose")
    for node in (sensor, view):
        node.trigger_configure()
        node.trigger_activate()
    graph.create(GasClassifierNode)
    graph.create(ThermalCameraNode)
    graph.create(LeakMapperNode)
    # As a localisation would.
    graph.probe.create_publisher(PoseStamped, "pose", QoSProfile(depth=1))
    wanted = {"/gas/alarm", "/thermal/annotated", "/thermal/camera_info", "/pose", "/gas/map"}
    wanted |= {"/gas/map_points", "/gas/acknowledge_alarm"}
    probe = graph.probe
    graph.wait_for(lambda: wanted <= {*_names(probe.get_topic_names_and_types()), *_services(probe)})
    topics = {
        name: TYPES[kind] for name, kind in _names(probe.get_topic_names_and_types()).items() if kind in TYPES
    }
    offered = {name: info.qos_profile for name in topics for info in probe.get_publishers_info_by_topic(name)}
    graph.wait_for(lambda: any(status.name == "gas_sensor: mq2" for status in sensor.diagnostics()))
    bundle = Bundle.load(find_bundle(DEFAULT_MODEL))
    shares = np.full(len(bundle.classes), 1 / len(bundle.classes), dtype=np.float32)
    verdict = Verdict(1, "", Mode.FUSION, bundle.classes, shares, bundle.name, novelty=0.0)
    alarm = StandingAlarm(1, "Smoke", Severity.CRITICAL, AlarmState.ACTIVE, 1, 1.0, RobotPose(0.0, 0.0))
    status = AlarmStatus(AlarmState.CLEAR, 1, (alarm,))
    return Running(
        topics,
        _services(probe),
        offered,
        {
            "/gas/classification": encode_classification(verdict, 1.0, "gas_classifier").status,
            "/gas/alarm_state": encode_alarm_state(status, 1, "gas_classifier").status,
            "/diagnostics": sensor.diagnostics(),
        },
    )


def _names(found: list[tuple[str, list[str]]]) -> dict[str, str]:
    return {name: kinds[0] for name, kinds in found}


def _services(probe: Node) -> dict[str, str]:
    return _names(probe.get_service_names_and_types())


def mistakes_in_rviz(text: str, running: Running) -> Iterator[str]:
    manager = yaml.safe_load(text)["Visualization Manager"]
    if manager["Global Options"]["Fixed Frame"] not in FRAMES:
        yield f"frame {manager['Global Options']['Fixed Frame']}"
    for display in manager["Displays"]:
        if "Topic" not in display:
            continue
        name, topic = display["Topic"]["Value"], f"/{display['Topic']['Value']}"
        if name.startswith("/"):
            yield f"{name} is absolute: it would be shown of the wrong robot"
        elif running.topics.get(topic) is not RVIZ_DISPLAYS[display["Class"]]:
            yield f"{name} is no topic for {display['Class']}"
        elif not _is_heard(running.offered[topic], display["Topic"]):
            yield f"{name} is not heard with that quality of service"
        unknown = set(display.get("Namespaces", {})) - set(NAMESPACES)
        if unknown:
            yield f"markers have no namespace {unknown}"


def _is_heard(offered: QoSProfile, asked: Mapping[str, Any]) -> bool:
    durabilities = {
        "Transient Local": DurabilityPolicy.TRANSIENT_LOCAL,
        "Volatile": DurabilityPolicy.VOLATILE,
    }
    reliabilities = {"Reliable": ReliabilityPolicy.RELIABLE, "Best Effort": ReliabilityPolicy.BEST_EFFORT}
    wanted = QoSProfile(
        depth=int(asked["Depth"]),
        durability=durabilities[asked["Durability Policy"]],
        reliability=reliabilities[asked["Reliability Policy"]],
    )
    return qos_check_compatible(offered, wanted)[0] != QoSCompatibility.ERROR


def mistakes_in_foxglove(text: str, running: Running) -> Iterator[str]:
    layout = json.loads(text)
    panels = layout["configById"]
    shown = set(re.findall(r'"(\w+!\w+)"', json.dumps(layout["layout"])))
    if shown != set(panels):
        yield f"panels {shown ^ set(panels)} are shown or described, not both"
    for name, panel in panels.items():
        if name.startswith("3D!"):
            yield from (f"frame {panel['followTf']}" for _ in range(panel["followTf"] not in FRAMES))
            yield from (f"{topic} is no topic" for topic in panel["topics"] if topic not in running.topics)
        elif name.startswith("Image!"):
            topic = panel["imageMode"]["imageTopic"]
            yield from (f"{topic} is no image" for _ in range(running.topics.get(topic) is not Image))
        elif name.startswith("DiagnosticSummary!"):
            topic = panel["topicToRender"]
            is_right = running.topics.get(topic) is DiagnosticArray
            yield from (f"{topic} is no diagnostics" for _ in range(not is_right))
        elif name.startswith("CallService!"):
            kind = running.services.get(panel["serviceName"])
            is_right = kind == "std_srvs/srv/Trigger" and json.loads(panel["requestPayload"]) == {}
            yield from (f"{panel['serviceName']} is no {Trigger.__name__}" for _ in range(not is_right))
        else:
            yield from mistakes_in_paths([path["value"] for path in panel["paths"]], running)


def mistakes_in_paths(paths: list[str], running: Running) -> Iterator[str]:
    """Message paths of Foxglove: /topic.field[:]{key=="value"}.field."""
    for path in paths:
        topic, _, rest = path.partition(".")
        if topic not in running.topics:
            yield f"{topic} is no topic"
        elif rest.startswith("status"):
            yield from (f"{path} finds nothing" for _ in range(not _finds(rest, running.statuses[topic])))
        elif rest not in running.topics[topic].get_fields_and_field_types():
            yield f"{topic} has no field {rest}"


def _finds(rest: str, statuses: list[Any]) -> bool:
    """Whether a path into a DiagnosticArray leads to something in a sample."""
    named = re.fullmatch(r'status\[:\]\{name=="([^"]+)"\}\.values\[:\]\{key=="([^"]+)"\}\.value', rest)
    if named is not None:
        name, key = named.groups()
        return any(status.name == name and key in key_values(status) for status in statuses)
    of_first = re.fullmatch(r"status\[0\]\.(\w+)", rest)
    return of_first is not None and of_first[1] in statuses[0].get_fields_and_field_types()


def mistakes_in_plotjuggler(text: str, running: Running) -> Iterator[str]:
    root = ElementTree.fromstring(text)
    (selected,) = root.iter("selected_topics")
    topics = selected.attrib["value"].split(";")
    yield from (f"{topic} is no topic" for topic in topics if topic not in running.topics)
    for curve in root.iter("curve"):
        names = [curve.attrib.get("curve_x", curve.attrib["name"]), curve.attrib.get("curve_y", "")]
        for name in filter(None, names):
            if name not in curves(topics, running):
                yield f"there is no curve {name}"
    for splitter in root.iter("DockSplitter"):
        if not len(splitter) == int(splitter.attrib["count"]) == len(splitter.attrib["sizes"].split(";")):
            yield f"a splitter has {len(splitter)} parts"


def curves(topics: list[str], running: Running) -> set[str]:
    """Names of the numbers of the topics selected, as PlotJuggler's parser of ROS messages makes them."""
    found: set[str] = set()
    for topic in topics:
        for status in running.statuses.get(topic, []):
            device = f"{status.hardware_id}/" if status.hardware_id else ""
            found |= {
                f"{topic}/{device}{status.name}/{key}"
                for key, value in key_values(status).items()
                if _is_number(value)
            }
        if running.topics.get(topic) is Bool:
            found.add(f"{topic}/data")
        elif running.topics.get(topic) is PoseStamped:
            found |= {f"{topic}/pose/position/{axis}" for axis in "xyz"}
    return found


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


CHECKS = {
    "rviz/operator.rviz": mistakes_in_rviz,
    "foxglove/operator.json": mistakes_in_foxglove,
    "plotjuggler/operator.xml": mistakes_in_plotjuggler,
}
BROKEN = {
    "rviz/operator.rviz": [
        ("Value: gas/markers", "Value: gas/marker"),
        ("Value: gas/map\n", "Value: gas/maps\n"),
        ("Value: gas/map\n", "Value: gas/map_points\n"),
        ("Value: gas/map_points", "Value: gas/map_point"),
        ("Value: thermal/annotated", "Value: gas/markers"),
        ("Value: gas/markers", "Value: /gas/markers"),
        ("Fixed Frame: map", "Fixed Frame: maps"),
        ("leak_texts: true", "leak_text: true"),
        (
            "Durability Policy: Volatile\n        History Policy: Keep Last\n"
            "        Reliability Policy: Reliable",
            "Durability Policy: Transient Local\n        History Policy: Keep Last\n"
            "        Reliability Policy: Reliable",
        ),
    ],
    "foxglove/operator.json": [
        ("/gas/markers", "/gas/marker"),
        ('"/gas/map"', '"/gas/maps"'),
        ("/gas/map_points", "/gas/map_point"),
        ("/thermal/annotated", "/gas/alarm"),
        ("p(Smoke)", "p(Methane)"),
        ("gas_sensor: mq8", "gas_sensor: mq9"),
        ("/gas/alarm.data", "/gas/alarm.value"),
        ("status[0].message", "status[0].text"),
        ("/gas/acknowledge_alarm", "/gas/acknowledge"),
        ('"topicToRender": "/diagnostics"', '"topicToRender": "/gas/alarm"'),
        ('"followTf": "map"', '"followTf": "maps"'),
    ],
    "plotjuggler/operator.xml": [
        ("p(Smoke)", "p(Methane)"),
        ("/pose/pose/position/x", "/pose/pose/position/w"),
        ("/gas/alarm/data", "/gas/alarm/value"),
        (";/diagnostics;", ";/diagnostic;"),
        ('count="2"', 'count="3"'),
    ],
}


def test_every_layout_names_what_exists_and_a_wrong_name_is_found(running: Running) -> None:
    for name, check in CHECKS.items():
        text = (CONFIG / name).read_text(encoding="utf-8")
        assert list(check(text, running)) == [], name
        for right, wrong in BROKEN[name]:
            assert right in text, right
            assert list(check(text.replace(right, wrong), running)), f"{name}: {wrong} is not found out"


@pytest.mark.skipif(not PAGE.exists(), reason="runs from a checkout only")
def test_layouts_become_those_of_a_robot_in_a_namespace_as_the_page_says(running: Running) -> None:
    (script,) = re.findall(r"^    sed -E '(.+)' FILE$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    robot = in_namespace(running)
    for name in ("foxglove/operator.json", "plotjuggler/operator.xml"):
        command = ["sed", "-E", script, str(CONFIG / name)]
        text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        assert list(CHECKS[name](text, robot)) == [], name


def in_namespace(running: Running) -> Running:
    """The same robot as `/robot1`; all robots share `/diagnostics`."""

    def moved(name: str) -> str:
        return name if name == "/diagnostics" else f"/robot1{name}"

    def of_robot(status: DiagnosticStatus) -> DiagnosticStatus:
        return DiagnosticStatus(
            name=f"robot1/{status.name}", hardware_id=status.hardware_id, values=status.values
        )

    return Running(
        {moved(name): kind for name, kind in running.topics.items()},
        {moved(name): kind for name, kind in running.services.items()},
        {moved(name): profile for name, profile in running.offered.items()},
        {moved(name): [*map(of_robot, statuses)] for name, statuses in running.statuses.items()},
    )


def test_every_layout_is_checked() -> None:
    files = {
        str(path.relative_to(CONFIG))
        for folder in ("rviz", "foxglove", "plotjuggler")
        for path in (CONFIG / folder).iterdir()
    }
    assert files == CHECKS.keys()
