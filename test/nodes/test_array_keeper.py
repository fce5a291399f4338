"""`gas/calibrate` over DDS, and what a node warns of about its array: real lines through a real port."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from rclpy.lifecycle import TransitionCallbackReturn
from std_srvs.srv import Trigger

from gas_fusion_ros.array.array_file import load_array, write_array
from gas_fusion_ros.array.description import ArrayCalibration, ArrayChannel, ArrayDescription
from gas_fusion_ros.nodes.gas_sensor import GasSensorNode
from gas_fusion_ros.nodes.qos import LATCHED, RELIABLE
from gas_fusion_ros.ros.messages import key_values
from nodes.harness import TIMEOUT_S, Graph

SUCCESS = TransitionCallbackReturn.SUCCESS
LEVELS = np.array([400.0, 300.0])


class Array:
    """An array of two channels behind a port: a line each 4 ms, at `levels` with a count of noise."""

    def __init__(self, controller: int, port: str) -> None:
        self.levels = LEVELS
        self.port = port
        self._controller = controller
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._write, daemon=True)
        self._thread.start()

    def _write(self) -> None:
        rng = np.random.default_rng(0)
        while not self._ended.wait(0.004):
            counts = np.clip(self.levels + rng.integers(-1, 2, 2), 0, 1023)
            os.write(self._controller, f"{counts[0]:.0f},{counts[1]:.0f}\n".encode())

    def end(self) -> None:
        self._ended.set()
        self._thread.join()


@contextmanager
def connected() -> Iterator[Array]:
    controller, device = os.openpty()
    array = Array(controller, os.ttyname(device))
    try:
        yield array
    finally:
        array.end()
        os.close(device)
        os.close(controller)


@pytest.fixture
def array() -> Iterator[Array]:
    with connected() as array:
        yield array


def start(graph: Graph, array: Array, **parameters: Any) -> GasSensorNode:
    given = {
        "driver": "serial",
        "serial__port": array.port,
        "channels": ["mq2", "mq3"],
        "poll_period": 0.005,
        "health__warm_up": 0.0,
        "calibration__duration": 2.0,
    }
    node = graph.create(GasSensorNode, **(given | parameters))
    assert node.trigger_configure() == SUCCESS
    assert node.trigger_activate() == SUCCESS
    return node


def called(graph: Graph, holds: Callable[[Trigger.Response], bool]) -> Trigger.Response:
    """Call until the answer is the one that is waited for."""
    answers: list[Trigger.Response] = []

    def is_so() -> bool:
        answers.append(graph.call(Trigger, "gas/calibrate"))
        return holds(answers[-1])

    for _ in range(round(TIMEOUT_S / 0.05)):
        if is_so():
            return answers[-1]
        threading.Event().wait(0.05)
    raise AssertionError(answers[-1].message)


def info(messages: list[DiagnosticArray]) -> dict[str, str]:
    return key_values(messages[-1].status[0])


def warned(messages: list[DiagnosticArray]) -> str:
    return info(messages).get("warnings", "")


def status(messages: list[DiagnosticArray]) -> DiagnosticStatus:
    """The latest of the array; IndexError where there is none yet."""
    found = [one for message in messages for one in message.status if one.name == "gas_sensor: array"]
    return found[-1]


def test_clean_air_becomes_a_file_that_is_told_at_once(graph: Graph, array: Array, tmp_path: Path) -> None:
    path = tmp_path / "array.yaml"
    infos = graph.listen(DiagnosticArray, "gas/array_info", LATCHED)
    diagnostics = graph.listen(DiagnosticArray, "/diagnostics", RELIABLE)
    start(graph, array, array_file=str(path))
    graph.wait_for(lambda: "does not exist" in warned(infos))
    graph.wait_for(lambda: status(diagnostics).level == DiagnosticStatus.WARN)
    early = graph.call(Trigger, "gas/calibrate")
    assert not early.success
    assert "s more of clean air are needed" in early.message
    assert "calibration.duration is 2 s" in early.message
    assert not path.exists()

    answer = called(graph, lambda one: one.success)
    assert "readings as counts, full scale 1023, load_low; ln(Rs/RL) mq2 0.44, mq3 0.88" in answer.message
    assert "previous" not in answer.message
    found = load_array(path)
    assert found.channels[0].baseline == pytest.approx(np.log(1023 / 400 - 1), abs=0.01)
    assert found.calibration is not None
    assert found.calibration.readings >= 60
    assert found.calibration.duration_s == pytest.approx(2.0, abs=0.3)
    age = datetime.now(timezone.utc) - datetime.fromisoformat(found.calibration.date)
    assert abs(age) < timedelta(minutes=5)
    graph.wait_for(lambda: info(infos).get("calibration.date") == found.calibration.date)
    assert not warned(infos)
    graph.wait_for(lambda: (status(diagnostics).level, status(diagnostics).message) == (b"\0", "calibrated"))


def test_the_file_before_is_kept_and_what_it_says_of_the_array_stays(
    graph: Graph, array: Array, tmp_path: Path
) -> None:
    path = tmp_path / "array.yaml"
    channels = (ArrayChannel("mq3", "MQ-3", 9.0, 1.0), ArrayChannel("mq9", "MQ-9", 9.0), ArrayChannel("mq2"))
    write_array(path, ArrayDescription(channels, full_scale=2046.0, serial_id="7"))
    before = path.read_text()
    start(graph, array, array_file=str(path))
    answer = called(graph, lambda one: one.success)
    assert answer.message.endswith(f"; the file before is kept as {path}.previous")
    assert Path(f"{path}.previous").read_text() == before
    found = load_array(path)
    assert (found.full_scale, found.serial_id) == (2046.0, "7")
    sensors = {one.name: one.sensor for one in found.channels}
    assert sensors == {"mq3": "MQ-3", "mq9": "MQ-9", "mq2": ""}
    assert found.channels[0].baseline == pytest.approx(np.log(2046 / 300 - 1), abs=0.01)
    assert found.channels[1].baseline is None, "the node does not read it"


def test_another_air_is_refused_as_the_command_refuses_it(graph: Graph, array: Array, tmp_path: Path) -> None:
    path = tmp_path / "array.yaml"
    start(graph, array, array_file=str(path))
    called(graph, lambda one: one.success)
    array.levels = LEVELS * 2.0
    drifts = called(graph, lambda one: "drifts" in one.message or "another air" in one.message)
    assert not drifts.success
    before = path.read_text()
    array.levels = np.array([1023.0, 300.0])
    saturated = called(graph, lambda one: "saturated" in one.message)
    assert "mq2" in saturated.message
    assert path.read_text() == before
    array.end()
    silent = called(graph, lambda one: "more of clean air" in one.message or "saturated" in one.message)
    assert not silent.success


def test_without_a_file_to_write_the_parameter_is_named(graph: Graph, array: Array) -> None:
    start(graph, array)
    answer = graph.call(Trigger, "gas/calibrate")
    assert (answer.success, answer.message) == (
        False,
        "not calibrated: the parameter array_file names no file to write; set it, and configure again",
    )


def test_a_file_that_cannot_be_written_is_named(graph: Graph, array: Array, tmp_path: Path) -> None:
    path = tmp_path / "nowhere" / "array.yaml"
    node = start(graph, array, array_file=str(path))
    answer = called(graph, lambda one: "cannot be written" in one.message)
    assert f"array_file {path} cannot be written: No such file or directory" in answer.message
    assert node.driver_is_running


def test_while_the_channels_warm_up_nothing_is_measured(graph: Graph, array: Array, tmp_path: Path) -> None:
    start(graph, array, array_file=str(tmp_path / "array.yaml"), health__warm_up=3600.0)
    answer = graph.call(Trigger, "gas/calibrate")
    assert answer.message == (
        "not calibrated: the channels warm up, for health.warm_up = 3600 s after the first reading"
    )


@pytest.mark.parametrize("driver", ["simulated", "recorded"])
def test_what_is_no_sensor_is_not_calibrated(graph: Graph, tmp_path: Path, driver: str) -> None:
    rows = tmp_path / "readings.csv"
    rows.write_text("Serial Number,MQ2,Gas\n0,555,NoGas\n")
    node = graph.create(
        GasSensorNode,
        driver=driver,
        recorded__path=str(rows),
        channels=["mq2"],
        array_file=str(tmp_path / "array.yaml"),
    )
    assert graph.call(Trigger, "gas/calibrate").message == "not calibrated: the node is not active"
    assert node.trigger_configure() == SUCCESS
    assert graph.call(Trigger, "gas/calibrate").message == "not calibrated: the node is not active"
    assert node.trigger_activate() == SUCCESS
    assert f"the driver {driver} is no sensor" in graph.call(Trigger, "gas/calibrate").message


def test_a_shipped_array_is_taken_by_its_name_and_never_written(graph: Graph, array: Array) -> None:
    infos = graph.listen(DiagnosticArray, "gas/array_info", LATCHED)
    start(graph, array, array_file="arduino_10bit_5v")
    graph.wait_for(lambda: infos and info(infos)["full_scale"] == "1023.0")
    called(graph, lambda one: "names a shipped array; name a file of your own" in one.message)


def test_an_unplugged_array_is_not_calibrated(graph: Graph, tmp_path: Path) -> None:
    with connected() as array:
        port = tmp_path / "port"
        port.symlink_to(array.port)
        array.port = str(port)
        start(graph, array, array_file=str(tmp_path / "array.yaml"))
        port.unlink()
    called(graph, lambda one: one.message == "not calibrated: the driver is disconnected")


@pytest.mark.parametrize(
    ("days", "said"), [(45.5, "was calibrated 45 days ago"), (-3.0, "lies ahead of this machine's clock")]
)
def test_an_old_calibration_is_warned_of_and_one_of_tomorrow(
    graph: Graph, array: Array, tmp_path: Path, capfd: pytest.CaptureFixture[str], days: float, said: str
) -> None:
    path = tmp_path / "array.yaml"
    date = (datetime.now(timezone.utc) - timedelta(days=days)).isoformat(timespec="seconds")
    channels = (ArrayChannel("mq2"), ArrayChannel("mq3"))
    write_array(path, ArrayDescription(channels, calibration=ArrayCalibration(date, 300)))
    infos = graph.listen(DiagnosticArray, "gas/array_info", LATCHED)
    diagnostics = graph.listen(DiagnosticArray, "/diagnostics", RELIABLE)
    node = start(graph, array, array_file=str(path))
    graph.wait_for(lambda: said in warned(infos))
    assert infos[-1].status[0].level == DiagnosticStatus.WARN
    assert info(infos)["state"] == "running", "which inhibits nothing"
    graph.wait_for(lambda: said in status(diagnostics).message)
    assert status(diagnostics).level == DiagnosticStatus.WARN
    graph.wait_for(lambda: node.published > 50)
    assert capfd.readouterr().err.count(said) == 1


def test_a_calibration_of_any_age_will_do_where_that_is_switched_off(
    graph: Graph, array: Array, tmp_path: Path
) -> None:
    path = tmp_path / "array.yaml"
    channels = (ArrayChannel("mq2"), ArrayChannel("mq3"))
    write_array(path, ArrayDescription(channels, calibration=ArrayCalibration("2001-01-01", 300)))
    infos = graph.listen(DiagnosticArray, "gas/array_info", LATCHED)
    start(graph, array, array_file=str(path), calibration__max_age_days=0.0)
    graph.wait_for(lambda: info(infos)["state"] == "running")
    assert not warned(infos)


def test_a_baseline_that_has_moved_is_warned_of_until_it_is_back(
    graph: Graph, array: Array, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "array.yaml"
    baselines = np.log(1023.0 / LEVELS - 1).tolist()
    channels = (ArrayChannel("mq2", baseline=baselines[0]), ArrayChannel("mq3", baseline=baselines[1]))
    write_array(path, ArrayDescription(channels))
    infos = graph.listen(DiagnosticArray, "gas/array_info", LATCHED)
    diagnostics = graph.listen(DiagnosticArray, "/diagnostics", RELIABLE)
    array.levels = LEVELS * 1.8
    start(graph, array, array_file=str(path), calibration__watch_window=2.0)
    graph.wait_for(lambda: "the baseline has moved" in warned(infos))
    assert "mq2 by -1.3" in warned(infos)
    assert "mq3 by -0.9" in warned(infos)
    assert info(infos)["state"] == "running"
    graph.wait_for(lambda: "the baseline has moved" in status(diagnostics).message)
    array.levels = LEVELS
    graph.wait_for(lambda: not warned(infos))
    said = capfd.readouterr().err
    assert said.count("the baseline has moved") == 2
    assert "over: the baseline has moved" in said
