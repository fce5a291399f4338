"""pipeline.launch.py without autostart: the nodes wait to be configured, and then to be activated."""

from __future__ import annotations

import unittest
from typing import Any

import pytest

pytest.importorskip("launch_testing", reason="launch tests need a full ROS 2 installation (launch_testing)")

import launch_testing
from launch import LaunchDescription
from launch_testing.actions import ReadyToTest
from launch_testing.asserts import assertExitCodes
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState
from rcl_interfaces.srv import GetParameters
from workspace import GraphCase, config, include, isolate, needs_build


@pytest.mark.launch_test
@needs_build
def generate_test_description() -> LaunchDescription:
    isolate()
    arguments = {
        "params_file": config("simulation.yaml"),
        "autostart": "false",
        "model": "elsewhere",
        "use_sim_time": "true",
    }
    return LaunchDescription([include("pipeline.launch.py", arguments), ReadyToTest()])


class TestWithoutAutostart(GraphCase):
    def test_nodes_start_step_by_step(self) -> None:
        for node in ("/gas_sensor", "/thermal_camera", "/gas_classifier"):
            assert self.state(node) == "unconfigured"
        configure = ChangeState.Request(transition=Transition(id=Transition.TRANSITION_CONFIGURE))
        assert self.graph.call(ChangeState, "/gas_sensor/change_state", configure).success
        assert self.state("/gas_sensor") == "inactive"

    def test_arguments_go_before_the_parameter_file(self) -> None:
        names = ["model", "device", "use_sim_time", "pairing.wait"]
        request = GetParameters.Request(names=names)
        values = self.graph.call(GetParameters, "/gas_classifier/get_parameters", request).values
        assert values[0].string_value == "elsewhere"
        assert values[1].string_value == "auto"
        assert values[2].bool_value
        assert values[3].double_value == 2.5


@launch_testing.post_shutdown_test()
class TestEnd(unittest.TestCase):
    def test_all_end_with_exit_code_0(self, proc_info: Any) -> None:
        assertExitCodes(proc_info)
