"""The nodes as processes: they end quietly, and the classifier does without torch."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest
from lifecycle_msgs.srv import GetState

from nodes.harness import TIMEOUT_S, Graph


def environment(graph: Graph) -> dict[str, str]:
    return {**os.environ, "ROS_DOMAIN_ID": str(graph.context.get_domain_id())}


def start(graph: Graph, name: str) -> subprocess.Popen[str]:
    """Start a node as a process and wait until it has its services."""
    process = subprocess.Popen(
        [sys.executable, "-m", f"gas_fusion_ros.nodes.{name}"],
        env=environment(graph),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    client = graph.probe.create_client(GetState, f"/{name}/get_state")
    assert client.wait_for_service(TIMEOUT_S)
    return process


def finished(graph: Graph, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run Python in the graph's domain until it ends."""
    return subprocess.run(
        [sys.executable, *arguments], env=environment(graph), capture_output=True, text=True, timeout=60
    )


@pytest.mark.parametrize("name", ["gas_sensor", "thermal_camera", "gas_classifier"])
@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
def test_node_ends_quietly(graph: Graph, name: str, stop: signal.Signals) -> None:
    process = start(graph, name)
    process.send_signal(stop)
    output, _ = process.communicate(timeout=TIMEOUT_S)
    assert process.returncode == 0, output
    assert "Traceback" not in output


@pytest.mark.parametrize("gap_s", [0.0, 0.02, 0.05, 0.1])
def test_second_interrupt_changes_nothing(graph: Graph, gap_s: float) -> None:
    process = start(graph, "gas_sensor")
    process.send_signal(signal.SIGINT)
    with suppress(subprocess.TimeoutExpired):
        process.wait(gap_s)
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate(timeout=TIMEOUT_S)
    assert process.returncode == 0, output
    assert "Traceback" not in output


def test_second_interrupt_during_construction_changes_nothing(graph: Graph) -> None:
    """The first comes while the node is made, the second just as the context shuts down."""
    script = (
        "import os, signal, time, rclpy\n"
        "from gas_fusion_ros.nodes.runner import run\n"
        "def interrupt(): os.kill(os.getpid(), signal.SIGINT)\n"
        "shut_down = rclpy.try_shutdown\n"
        "def interrupted(): interrupt(); shut_down()\n"
        "rclpy.try_shutdown = interrupted\n"
        "def create():\n"
        "    interrupt()\n"
        "    while True: time.sleep(0.01)\n"
        "run(create)\n"
    )
    result = finished(graph, "-c", script)
    assert result.returncode == 0, result.stderr
    assert "Traceback" not in result.stderr


def test_a_missing_parameter_file_is_one_line(graph: Graph, tmp_path: Path) -> None:
    missing = tmp_path / "nothere.yaml"
    node = ("-m", "gas_fusion_ros.nodes.gas_sensor")
    result = finished(graph, *node, "--ros-args", "--params-file", str(missing))
    assert result.returncode == 1
    assert "Traceback" not in result.stderr
    # The other lines are the log of rcl.
    (line,) = [line for line in result.stderr.splitlines() if not line.startswith("[ERROR]")]
    assert line.startswith("gas_sensor: ROS cannot start with these arguments: ")
    assert str(missing) in line
    assert ", at /" not in line


def test_classifier_does_not_import_torch(graph: Graph) -> None:
    script = (
        "import sys, numpy, rclpy; rclpy.init();"
        "from gas_fusion_ros.nodes.gas_classifier import GasClassifierNode;"
        "node = GasClassifierNode(); print(node.trigger_configure(), node.trigger_activate());"
        "node.destroy_node(); rclpy.shutdown(); sys.exit('torch' in sys.modules)"
    )
    result = finished(graph, "-c", script)
    assert result.returncode == 0, result.stdout + result.stderr
    assert result.stdout.count("SUCCESS") == 2
