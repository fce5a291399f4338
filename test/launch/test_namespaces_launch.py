"""Two pipelines in namespaces of their own run side by side without mixing."""

from __future__ import annotations

import tempfile
import unittest
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("launch_testing", reason="launch tests need a full ROS 2 installation (launch_testing)")

import launch_testing
from diagnostic_msgs.msg import DiagnosticArray
from launch import LaunchDescription
from launch.actions import GroupAction
from launch_testing.actions import ReadyToTest
from launch_testing.asserts import assertExitCodes
from workspace import GraphCase, include, isolate, needs_build

from gas_fusion_ros.nodes.qos import RELIABLE

ROBOTS = ("robot1", "robot2")
PARAMETERS = """
/**/gas_sensor:
  ros__parameters: {{driver: simulated, period: 0.1, frame_id: {robot}_gas}}
/**/thermal_camera:
  ros__parameters: {{driver: simulated, period: 0.1, frame_id: {robot}_camera}}
/**/gas_classifier:
  ros__parameters: {{model: temporal_fusion}}
"""


def pipeline(robot: str) -> GroupAction:
    parameters = Path(tempfile.mkdtemp()) / f"{robot}.yaml"
    parameters.write_text(PARAMETERS.format(robot=robot), encoding="utf-8")
    arguments = {"namespace": robot, "params_file": str(parameters), "device": "cpu"}
    return GroupAction([include("pipeline.launch.py", arguments)])


@pytest.mark.launch_test
@needs_build
def generate_test_description() -> LaunchDescription:
    isolate()
    return LaunchDescription([*(pipeline(robot) for robot in ROBOTS), ReadyToTest()])


class TestNamespaces(GraphCase):
    def test_each_classifies_only_its_own_readings(self) -> None:
        verdicts = {
            robot: self.graph.listen(DiagnosticArray, f"/{robot}/gas/classification", RELIABLE)
            for robot in ROBOTS
        }
        self.graph.wait_for(lambda: all(len(received) >= 5 for received in verdicts.values()))
        for robot, received in verdicts.items():
            assert {one.header.frame_id for one in received} == {f"{robot}_gas"}
            assert self.graph.probe.count_publishers(f"/{robot}/gas/classification") == 1
        assert self.graph.probe.count_publishers("/gas/classification") == 0


@launch_testing.post_shutdown_test()
class TestEnd(unittest.TestCase):
    def test_all_end_with_exit_code_0(self, proc_info: Any) -> None:
        assertExitCodes(proc_info)
