"""The classifier over DDS with a reproduction beside cameras: real, simulated, and changing."""

from __future__ import annotations

from typing import Any

import pytest
from diagnostic_msgs.msg import DiagnosticArray

from gas_fusion_ros.nodes.qos import LATCHED
from gas_fusion_ros.ros.messages import key_values
from nodes.harness import Graph
from nodes.test_gas_classifier import MS, Station, source

TOPIC = "thermal/camera_status"


class Beside:
    """A station beside a camera that tells of itself."""

    def __init__(self, graph: Graph, driver: str, is_sensor: bool, **parameters: Any) -> None:
        self._graph = graph
        self._publisher = graph.probe.create_publisher(DiagnosticArray, TOPIC, LATCHED)
        self.camera(driver, is_sensor)
        self.station = Station(graph, pairing__wait=5.0, **parameters)

    def camera(self, driver: str, is_sensor: bool) -> None:
        self._publisher.publish(source(driver, "running", is_sensor=is_sensor))

    def wait_for_warning(self, code: str, stands: bool = True) -> None:
        self._graph.wait_for(lambda: bool(self.station.states) and (code in self.warnings) is stands)

    @property
    def warnings(self) -> str:
        return key_values(self.station.states[-1].status[0])["warnings"]

    def mode(self) -> str:
        """Which network takes a reading of smoke with its picture."""
        before = len(self.station.classifications)
        stamp_ns = self.station.read("Smoke")
        self.station.show("Smoke", stamp_ns + 20 * MS)
        self._graph.wait_for(lambda: len(self.station.classifications) > before)
        return self.station.last()["mode"]


def test_a_real_cameras_pictures_are_not_used_and_the_readings_go_on_alone(
    graph: Graph, capfd: pytest.CaptureFixture[str]
) -> None:
    beside = Beside(graph, "v4l2", True, alarm__on_delay=0.0)
    beside.wait_for_warning("pictures_refused")
    assert "set allow_reproduction to true" in beside.warnings
    assert "pictures_refused: model 'fusion1' is a reproduction" in capfd.readouterr().err
    assert beside.mode() == "gas_only"
    beside.station.wait_for_state("active")
    assert beside.station.alarms[-1].data is True


def test_where_it_is_allowed_they_are_used(graph: Graph) -> None:
    beside = Beside(graph, "v4l2", True, allow_reproduction=True)
    assert beside.mode() == "fusion"
    assert "pictures_refused" not in beside.warnings


def test_a_simulated_camera_is_refused_nothing(graph: Graph) -> None:
    beside = Beside(graph, "simulated", False)
    beside.wait_for_warning("camera_not_a_sensor")
    assert beside.mode() == "fusion"
    assert "pictures_refused" not in beside.warnings


def test_it_goes_by_what_the_camera_told_last_that_can_be_understood(graph: Graph) -> None:
    beside = Beside(graph, "v4l2", True)
    beside.wait_for_warning("pictures_refused")
    beside._publisher.publish(DiagnosticArray())
    graph.wait_for(lambda: beside.station.node.problem_counts().get("source_wrong") == 1)
    assert beside.mode() == "gas_only"
    beside.camera("simulated", False)
    beside.wait_for_warning("pictures_refused", stands=False)
    assert beside.mode() == "fusion"


def test_a_silent_array_beside_refused_pictures_is_no_all_clear(graph: Graph) -> None:
    beside = Beside(
        graph, "v4l2", True, alarm__timeout=0.3, pairing__silence=0.2, pairing__thermal_only_period=0.0
    )
    beside.wait_for_warning("pictures_refused")
    station = beside.station

    def is_passed_over() -> bool:
        station.show("NoGas")
        return station.node.problem_counts().get("unusable_observation", 0) > 0

    graph.wait_for(is_passed_over)
    assert station.classifications == []
    station.wait_for_state("fault")
    assert all(message.data for message in station.alarms)
