"""replay.launch.py classifies what a bag's sensors said, again on each round of a looping bag."""

from __future__ import annotations

import tempfile
import unittest
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("launch_testing", reason="launch tests need a full ROS 2 installation (launch_testing)")

import launch_testing
from diagnostic_msgs.msg import DiagnosticArray
from launch import LaunchDescription
from launch_testing.actions import ReadyToTest
from rclpy.serialization import serialize_message
from std_msgs.msg import String
from workspace import GraphCase, include, is_installed, isolate, needs_build

from gas_fusion_ros.bags.writer import BagWriter
from gas_fusion_ros.base.observation import PAPER_CHANNELS, GasReading, ThermalFrame
from gas_fusion_ros.nodes.qos import RELIABLE
from gas_fusion_ros.ros import messages
from gas_fusion_ros.ros.messages import key_values, stamp_to_ns
from gas_fusion_ros.simulation.patrol import Patrol

PERIOD_NS = 500_000_000
START_NS = 1_000_000_000_000
READINGS = 12


def record(path: Path) -> None:
    """Readings with images of the same stamps on `thermal/image`, and an old verdict, recorded in /patrol."""
    patrol = Patrol(seed=0)
    with BagWriter(path) as bag:
        for index in range(READINGS):
            stamp_ns, time_s = START_NS + index * PERIOD_NS, index * PERIOD_NS / 1e9
            reading = GasReading(stamp_ns, PAPER_CHANNELS, patrol.reading(time_s))
            frame = ThermalFrame(stamp_ns, patrol.frame(time_s), "32FC1")
            for topic, type_name, message in (
                ("gas/readings", "sensor_msgs/msg/PointCloud2", messages.encode_reading(reading)),
                ("thermal/image", "sensor_msgs/msg/Image", messages.encode_frame(frame)),
                ("gas/class", "std_msgs/msg/String", String(data="recorded")),
            ):
                bag.write(f"/patrol/{topic}", type_name, serialize_message(message), stamp_ns)


@pytest.mark.launch_test
@needs_build
@pytest.mark.skipif(not is_installed("ros2bag"), reason="ros2bag is not installed")
def generate_test_description() -> LaunchDescription:
    isolate()
    bag = Path(tempfile.mkdtemp()) / "bag"
    record(bag)
    arguments = {
        "bag": str(bag),
        "bag_namespace": "patrol",
        "namespace": "again",
        "rate": "3.0",
        "loop": "true",
        "device": "cpu",
    }
    return LaunchDescription([include("replay.launch.py", arguments), ReadyToTest()])


class TestReplay(GraphCase):
    def test_each_round_is_classified(self) -> None:
        verdicts = self.graph.listen(DiagnosticArray, "/again/gas/classification", RELIABLE)
        self.graph.wait_for(lambda: len(verdicts) >= 2 * READINGS)
        stamps = [stamp_to_ns(one.header.stamp) for one in verdicts]
        assert set(stamps) <= {START_NS + index * PERIOD_NS for index in range(READINGS)}
        assert any(later < earlier for earlier, later in pairwise(stamps))
        assert "fusion" in {key_values(one.status[0])["mode"] for one in verdicts}

    def test_recorded_verdicts_stay_in_the_bag(self) -> None:
        classes = self.graph.listen(String, "/again/gas/class", RELIABLE)
        self.graph.wait_for(lambda: len(classes) >= READINGS)
        assert "recorded" not in {one.data for one in classes}
        assert self.graph.probe.count_publishers("/patrol/gas/class") == 0


@launch_testing.post_shutdown_test()
class TestEnd(unittest.TestCase):
    def test_classifier_ends_with_exit_code_0(self, proc_info: Any) -> None:
        (classifier,) = (one for one in proc_info if "gas_classifier" in one.process_name)
        assert classifier.returncode == 0
