"""A launch that is killed leaves no node behind: each ends with its last word said."""

from __future__ import annotations

import signal
import subprocess

import psutil
import pytest

pytest.importorskip("launch_testing", reason="launch tests need a full ROS 2 installation (launch_testing)")

from std_msgs.msg import Bool
from workspace import GraphCase, config, isolate, launch_command, needs_build

from gas_fusion_ros.nodes.qos import HEARTBEAT

END_S = 15.0


@needs_build
class TestOrphans(GraphCase):
    def setUp(self) -> None:
        isolate()
        super().setUp()

    def test_nodes_end_with_the_launch(self) -> None:
        for number, sent in enumerate((signal.SIGTERM, signal.SIGKILL)):
            robot = f"robot{number}"
            said: list[Bool] = self.graph.listen(Bool, f"/{robot}/gas/alarm", HEARTBEAT)
            arguments = {"params_file": config("simulation.yaml"), "namespace": robot}
            launch = subprocess.Popen(
                launch_command("pipeline.launch.py", arguments),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            # Until the classifier has said that all is well.
            self.graph.wait_for(lambda said=said: bool(said) and not said[-1].data)
            nodes = psutil.Process(launch.pid).children(recursive=True)
            assert len(nodes) == 3
            launch.send_signal(sent)
            launch.wait(END_S)
            _, left = psutil.wait_procs(nodes, END_S)
            for node in left:
                node.kill()
            assert not left
            self.graph.wait_for(lambda said=said: said[-1].data)
