"""demo.launch.py brings the nodes up by themselves, publishes verdicts of its patrol and ends cleanly."""

from __future__ import annotations

import unittest
from typing import Any

import pytest

pytest.importorskip("launch_testing", reason="launch tests need a full ROS 2 installation (launch_testing)")

import launch_testing
from diagnostic_msgs.msg import DiagnosticArray
from launch import LaunchDescription
from launch_testing.actions import ReadyToTest
from launch_testing.asserts import assertExitCodes
from std_msgs.msg import Bool, String
from workspace import GraphCase, include, isolate, needs_build

from gas_fusion_ros.base.observation import PAPER_CLASSES
from gas_fusion_ros.nodes.qos import LATCHED, RELIABLE
from gas_fusion_ros.ros.messages import key_values, stamp_to_ns

START_NS = 1_000_000_000_000


@pytest.mark.launch_test
@needs_build
def generate_test_description() -> LaunchDescription:
    isolate()
    return LaunchDescription([include("demo.launch.py", {"speed": "5.0", "device": "cpu"}), ReadyToTest()])


class TestDemo(GraphCase):
    def test_nodes_become_active(self) -> None:
        for node in ("/gas_sensor", "/thermal_camera", "/gas_classifier"):
            self.wait_for_state(node, "active")

    def test_verdicts_of_pairs_carry_simulated_time(self) -> None:
        classes = self.graph.listen(String, "/gas/class", RELIABLE)
        verdicts = self.graph.listen(DiagnosticArray, "/gas/classification", RELIABLE)
        self.graph.wait_for(lambda: len(classes) >= 5 and len(verdicts) >= 5)
        assert {one.data for one in classes} <= set(PAPER_CLASSES)
        assert {key_values(one.status[0])["mode"] for one in verdicts} == {"fusion"}
        assert all(stamp_to_ns(one.header.stamp) >= START_NS for one in verdicts)

    def test_late_subscribers_get_the_alarm(self) -> None:
        alarms = self.graph.listen(Bool, "/gas/alarm", LATCHED)
        states = self.graph.listen(DiagnosticArray, "/gas/alarm_state", LATCHED)
        self.graph.wait_for(lambda: bool(alarms and states))


@launch_testing.post_shutdown_test()
class TestEnd(unittest.TestCase):
    def test_all_end_with_exit_code_0(self, proc_info: Any) -> None:
        assertExitCodes(proc_info)
