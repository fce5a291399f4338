"""A node that is killed is started, configured and active again without a hand."""

from __future__ import annotations

import unittest
from typing import Any

import psutil
import pytest

pytest.importorskip("launch_testing", reason="launch tests need a full ROS 2 installation (launch_testing)")

import launch_testing
from launch import LaunchDescription
from launch_testing.actions import ReadyToTest
from sensor_msgs.msg import PointCloud2
from workspace import GraphCase, config, include, isolate, needs_build

from gas_fusion_ros.nodes.qos import RELIABLE
from gas_fusion_ros.ros.messages import stamp_to_ns

ROBOT = "killed_robot"


@pytest.mark.launch_test
@needs_build
def generate_test_description() -> LaunchDescription:
    isolate()
    arguments = {"params_file": config("simulation.yaml"), "namespace": ROBOT}
    return LaunchDescription([include("sensors.launch.py", arguments), ReadyToTest()])


def gas_sensor() -> psutil.Process:
    (process,) = (
        process
        for process in psutil.Process().children(recursive=True)
        if any("/gas_sensor" in part for part in process.cmdline()) and f"__ns:=/{ROBOT}" in process.cmdline()
    )
    return process


class TestRespawn(GraphCase):
    def test_readings_go_on_after_a_kill(self) -> None:
        received = self.graph.listen(PointCloud2, f"/{ROBOT}/gas/readings", RELIABLE)
        for _ in range(3):
            self.wait_for_readings_after(received, 0)
            killed = gas_sensor()
            killed.kill()
            killed.wait(10)
            self.wait_for_readings_after(received, stamp_to_ns(received[-1].header.stamp) + 1_000_000_000)
            assert gas_sensor().pid != killed.pid

    def wait_for_readings_after(self, received: list[PointCloud2], stamp_ns: int) -> None:
        self.graph.wait_for(lambda: bool(received) and stamp_to_ns(received[-1].header.stamp) > stamp_ns)


@launch_testing.post_shutdown_test()
class TestEnd(unittest.TestCase):
    def test_the_camera_ends_with_exit_code_0(self, proc_info: Any) -> None:
        (camera,) = (one for one in proc_info if "thermal_camera" in one.process_name)
        assert camera.returncode == 0
