"""The nodes as processes: they end quietly, and the classifier does without torch."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import pairwise
from pathlib import Path

import pytest
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from lifecycle_msgs.srv import GetState
from sensor_msgs.msg import PointCloud2
from std_msgs.msg import String

from gas_fusion_ros.nodes.qos import LATCHED, RELIABLE
from gas_fusion_ros.ros.messages import key_values, stamp_to_ns
from nodes.clock_shim import ShiftedClock
from nodes.harness import TIMEOUT_S, Graph
from nodes.processes import QUIET_END_S, NodeProcess


def environment(graph: Graph) -> dict[str, str]:
    return {**os.environ, "ROS_DOMAIN_ID": str(graph.context.get_domain_id())}


def finished(graph: Graph, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run Python in the graph's domain until it ends."""
    return subprocess.run(
        [sys.executable, *arguments], env=environment(graph), capture_output=True, text=True, timeout=60
    )


STOPS = (signal.SIGINT, signal.SIGTERM)
SENSOR = {"driver": "simulated", "autostart": True, "period": 0.1}


def wait_for_services(graph: Graph, name: str) -> None:
    client = graph.probe.create_client(GetState, f"/{name}/get_state")
    assert client.wait_for_service(TIMEOUT_S)


@pytest.mark.parametrize("name", ["gas_adapter", "gas_sensor", "thermal_camera", "gas_classifier"])
@pytest.mark.parametrize("stop", STOPS)
def test_node_ends_quietly(graph: Graph, name: str, stop: signal.Signals) -> None:
    with NodeProcess(graph, name) as process:
        wait_for_services(graph, name)
        process.stop(stop)


@pytest.mark.parametrize("name", ["gas_sensor", "gas_classifier"])
@pytest.mark.parametrize("stop", STOPS)
def test_node_ends_quietly_at_any_moment_of_its_start(graph: Graph, name: str, stop: signal.Signals) -> None:
    """While its libraries are loaded, while it is made, configured and activated."""
    parameters = SENSOR if name == "gas_sensor" else {"autostart": True}
    for _ in range(3):
        with NodeProcess(graph, name, parameters) as process:
            with suppress(subprocess.TimeoutExpired):
                process.wait(random.uniform(0.2, 2.5))
            process.stop(stop)


@pytest.mark.parametrize("gap_s", [0.0, 0.02, 0.05, 0.1])
def test_second_interrupt_changes_nothing(graph: Graph, gap_s: float) -> None:
    with NodeProcess(graph, "gas_sensor") as process:
        wait_for_services(graph, "gas_sensor")
        process.send(signal.SIGINT)
        with suppress(subprocess.TimeoutExpired):
            process.wait(gap_s)
        process.stop(signal.SIGINT)


@pytest.mark.parametrize("stop", STOPS)
def test_a_node_that_was_held_hears_what_it_was_sent_meanwhile(graph: Graph, stop: signal.Signals) -> None:
    told = graph.listen(DiagnosticArray, "gas/array_info", LATCHED)
    for _ in range(3):
        before = len(told)
        with NodeProcess(graph, "gas_sensor", SENSOR) as process:
            graph.wait_for(lambda before=before: len(told) > before)
            process.send(signal.SIGSTOP)
            process.send(stop)
            process.stop(signal.SIGCONT)


@pytest.mark.parametrize("stop", STOPS)
def test_the_last_word_of_a_latched_topic_reaches_its_subscriber(graph: Graph, stop: signal.Signals) -> None:
    told = graph.listen(DiagnosticArray, "gas/array_info", LATCHED)
    with NodeProcess(graph, "gas_sensor", SENSOR) as process:
        graph.wait_for(lambda: bool(told))
        process.stop(stop)
    graph.wait_for(lambda: key_values(told[-1].status[0])["state"] == "inactive")


ODD_NODE = """
import time
from rclpy.timer import Timer
from gas_fusion_ros.nodes.managed_node import ManagedNode
from gas_fusion_ros.nodes.qos import LATCHED
from gas_fusion_ros.nodes.runner import run
from std_msgs.msg import String

class OddNode(ManagedNode):
    def activate(self):
        self._words = self.create_publisher(String, "words", LATCHED)
        self._words.publish(String(data="hello"))
        self._timer = self.steady_timer(0.01, self.work)

    def deactivate(self):
        self._words.publish(String(data="bye"))

    def work(self):
        if self._words.get_subscription_count():
            {work}

run(lambda: OddNode("odd"))
"""


@contextmanager
def odd_node(graph: Graph, work: str) -> Iterator[subprocess.Popen[str]]:
    """A node whose timer does `work` as soon as somebody listens."""
    process = subprocess.Popen(
        [sys.executable, "-c", ODD_NODE.format(work=work), "--ros-args", "-p", "autostart:=true"],
        env=environment(graph),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
            process.communicate()


def test_an_exception_in_a_callback_is_one_line_after_the_last_word(graph: Graph) -> None:
    words = graph.listen(String, "words", LATCHED)
    with odd_node(graph, "raise ValueError('two\\nlines')") as process:
        _, errors = process.communicate(timeout=TIMEOUT_S)
        assert process.returncode == 1
        assert "Traceback" not in errors
        assert errors.splitlines()[-1].endswith("ended by ValueError: two lines")
        graph.wait_for(lambda: [word.data for word in words][-1:] == ["bye"])


@pytest.mark.parametrize("stop", STOPS)
def test_a_callback_that_never_returns_is_left_behind(graph: Graph, stop: signal.Signals) -> None:
    words = graph.listen(String, "words", LATCHED)
    with odd_node(graph, "print('stuck', flush=True); time.sleep(1000)") as process:
        assert process.stdout is not None
        while "stuck" not in process.stdout.readline():
            assert process.poll() is None
        process.send_signal(stop)
        _, errors = process.communicate(timeout=QUIET_END_S)
        assert process.returncode == 0, errors
        assert "Traceback" not in errors
        assert "a callback has not returned for 3 s" in errors
        graph.wait_for(lambda: [word.data for word in words][-1:] == ["bye"])


def test_a_node_that_cannot_be_made_is_one_line(graph: Graph) -> None:
    node = "from gas_fusion_ros.nodes.executables import sim_clock; sim_clock()"
    result = finished(graph, "-c", node, "--ros-args", "-p", "speed:=-1.0")
    assert result.returncode == 1
    assert "Traceback" not in result.stderr
    assert "ended by ParameterError: speed" in result.stderr.splitlines()[-1]


def test_a_missing_device_that_appears_is_used_without_a_hand(graph: Graph, tmp_path: Path) -> None:
    told = graph.listen(DiagnosticArray, "gas/array_info", LATCHED)
    diagnostics = graph.listen(DiagnosticArray, "/diagnostics", RELIABLE)
    port = tmp_path / "array"
    parameters = {"driver": "serial", "serial.port": port, "autostart": True}
    with NodeProcess(graph, "gas_sensor", parameters) as process:
        graph.wait_for(
            lambda: any(
                status.name == "gas_sensor: driver"
                and status.level == DiagnosticStatus.ERROR
                and f"{port} cannot be opened" in status.message
                for message in diagnostics
                for status in message.status
            )
        )
        assert not told
        ends = os.openpty()
        port.symlink_to(os.ttyname(ends[1]))
        graph.wait_for(lambda: bool(told))
        assert key_values(told[-1].status[0])["is_sensor"] == "true"
        process.stop(signal.SIGTERM)
        # Tried several times, told once.
        assert process.output.count("configure failed") == 1
    for end in ends:
        os.close(end)


@pytest.mark.parametrize("steps_s", [(-3600.0, 3600.0), (-15.0, 15.0)])
def test_readings_go_on_whatever_the_system_clock_does(
    graph: Graph, tmp_path: Path, steps_s: tuple[float, ...]
) -> None:
    clock = ShiftedClock(tmp_path)
    heard_s: list[float] = []
    stamps_s: list[float] = []

    def hear(message: PointCloud2) -> None:
        heard_s.append(time.monotonic())
        stamps_s.append(stamp_to_ns(message.header.stamp) / 1e9)

    graph.probe.create_subscription(PointCloud2, "gas/readings", hear, RELIABLE)
    diagnostics = graph.listen(DiagnosticArray, "/diagnostics", RELIABLE)
    parameters = {"driver": "simulated", "autostart": True}
    with NodeProcess(graph, "gas_sensor", parameters, clock.environment) as process:
        graph.wait_for(lambda: len(heard_s) > 1)
        for step_s in steps_s:
            clock.step(step_s)
            before, diagnosed = len(heard_s), len(diagnostics)
            graph.wait_for(lambda before=before: len(heard_s) > before + 3)
            graph.wait_for(lambda diagnosed=diagnosed: len(diagnostics) > diagnosed + 1)
            assert abs(stamps_s[-1] - time.time() - clock.shift_s) < 2.0
        process.stop(signal.SIGTERM)
    assert max(later - earlier for earlier, later in pairwise(heard_s)) < 1.5


def test_a_serial_array_goes_on_whatever_the_system_clock_does(graph: Graph, tmp_path: Path) -> None:
    clock = ShiftedClock(tmp_path)
    received = graph.listen(PointCloud2, "gas/readings", RELIABLE)
    told = graph.listen(DiagnosticArray, "gas/array_info", LATCHED)
    controller, device = os.openpty()
    parameters = {
        "driver": "serial",
        "serial.port": os.ttyname(device),
        "channels": "[mq2]",
        "autostart": True,
        "health.warm_up": 1000.0,
    }
    with NodeProcess(graph, "gas_sensor", parameters, clock.environment) as process:
        graph.wait_for(lambda: bool(told))
        os.write(controller, b"\n")
        for index, step_s in enumerate((0.0, -3600.0, -15.0, 15.0, 3600.0, 3600.0)):
            clock.step(step_s)
            os.write(controller, f"{500 + index}\n".encode())
            graph.wait_for(lambda count=index + 1: len(received) >= count)
            stamp_s = stamp_to_ns(received[-1].header.stamp) / 1e9
            assert abs(stamp_s - time.time() - clock.shift_s) < 2.0
        process.stop(signal.SIGTERM)
    # An hour that the clock leapt warms no heater.
    states = [key_values(message.status[0])["state"] for message in told]
    assert states == ["warming_up", "inactive"]
    for end in (controller, device):
        os.close(end)


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
