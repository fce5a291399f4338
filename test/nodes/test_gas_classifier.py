"""The classifier node over DDS with the shipped bundle: pairs, modes, alarm, bad input, namespaces."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from geometry_msgs.msg import PoseStamped
from rclpy.lifecycle import TransitionCallbackReturn
from rclpy.parameter import Parameter
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import Image, PointCloud2
from std_msgs.msg import Bool, String, UInt32
from std_srvs.srv import SetBool, Trigger

from gas_fusion_ros.alarm.event_log import read_events
from gas_fusion_ros.alarm.source_watch import Source
from gas_fusion_ros.array.array_file import write_array
from gas_fusion_ros.array.description import ArrayCalibration, ArrayChannel, ArrayDescription
from gas_fusion_ros.base.observation import PAPER_CHANNELS, GasReading, ThermalFrame
from gas_fusion_ros.base.shipped_files import find_bundle
from gas_fusion_ros.nodes.gas_classifier import GasClassifierNode
from gas_fusion_ros.nodes.qos import LATCHED, RELIABLE, SENSOR_DATA
from gas_fusion_ros.ros.messages import (
    encode_frame,
    encode_reading,
    key_values,
    ns_to_stamp,
    stamp_to_ns,
)
from gas_fusion_ros.ros.source_messages import encode_source_status
from gas_fusion_ros.simulation.mq_response import steady_readings
from gas_fusion_ros.simulation.renderer import random_scene, render
from nodes.harness import Graph

SUCCESS = TransitionCallbackReturn.SUCCESS
FAILURE = TransitionCallbackReturn.FAILURE
MS = 1_000_000
SECOND = 1000 * MS


def counts_of(gas: str) -> np.ndarray:
    return steady_readings(gas, 1, np.random.default_rng(1))[0]


def picture_of(gas: str) -> np.ndarray:
    rng = np.random.default_rng(3)
    return render(random_scene(gas, rng), rng)


class Station:
    """A classifier with somebody who publishes to it and listens to it."""

    def __init__(self, graph: Graph, namespace: str = "", **parameters: Any) -> None:
        self.graph = graph
        prefix = f"{namespace}/" if namespace else ""
        self.classes = graph.listen(String, f"{prefix}gas/class", RELIABLE)
        self.classifications = graph.listen(DiagnosticArray, f"{prefix}gas/classification", RELIABLE)
        self.alarms = graph.listen(Bool, f"{prefix}gas/alarm", LATCHED)
        self.states = graph.listen(DiagnosticArray, f"{prefix}gas/alarm_state", LATCHED)
        # One reading is enough for fusion1, and most tests are about one.
        self.node = graph.create(GasClassifierNode, namespace=namespace, **{"model": "fusion1", **parameters})
        assert self.node.trigger_configure() == SUCCESS
        assert self.node.trigger_activate() == SUCCESS
        self._gas = graph.talk(PointCloud2, f"{prefix}gas/readings", RELIABLE)
        self._image = graph.talk(Image, f"{prefix}thermal/image_raw", SENSOR_DATA)
        graph.wait_for(lambda: self._counted(graph, f"{prefix}gas/class"))

    @staticmethod
    def _counted(graph: Graph, topic: str) -> bool:
        return graph.probe.count_publishers(topic) > 0

    def now_ns(self) -> int:
        return int(self.graph.probe.get_clock().now().nanoseconds)

    def read(self, gas: str, stamp_ns: int | None = None, factor: float = 1.0) -> int:
        """Publish a reading of `gas`, stamped now by default, times a factor."""
        stamp_ns = self.now_ns() if stamp_ns is None else stamp_ns
        self._gas.publish(encode_reading(GasReading(stamp_ns, PAPER_CHANNELS, counts_of(gas) * factor)))
        return stamp_ns

    def show(self, gas: str, stamp_ns: int | None = None) -> int:
        """Publish a picture of `gas`, stamped now by default."""
        stamp_ns = self.now_ns() if stamp_ns is None else stamp_ns
        self._image.publish(encode_frame(ThermalFrame(stamp_ns, picture_of(gas), "32FC1")))
        return stamp_ns

    def listening(self) -> int:
        """How many nodes hear the readings."""
        return int(self._gas.get_subscription_count())

    def publish_reading(self, message: PointCloud2) -> None:
        self._gas.publish(message)

    def publish_image(self, message: Image) -> None:
        self._image.publish(message)

    def last(self) -> dict[str, str]:
        """The values of the latest classification."""
        return key_values(self.classifications[-1].status[0])

    def wait_for_state(self, state: str) -> None:
        self.graph.wait_for(lambda: bool(self.states) and self.states[-1].status[0].message == state)

    def expose(self, gas: str, until: Callable[[], bool], step_ns: int = 200 * MS) -> None:
        """Publish readings of `gas` with stamps ahead of one another until something holds."""
        stamp_ns = self.now_ns() - 60 * SECOND if not hasattr(self, "_stamp_ns") else self._stamp_ns
        for _ in range(100):
            stamp_ns += step_ns
            seen = len(self.classes)
            self.read(gas, stamp_ns)
            self.graph.wait_for(lambda before=seen: len(self.classes) > before)
            self._stamp_ns = stamp_ns
            if until():
                return
        raise AssertionError(f"100 readings of {gas} changed nothing")


def test_reading_and_image_become_one_fused_verdict(graph: Graph) -> None:
    station = Station(graph)
    stamp_ns = station.now_ns()
    station.read("Smoke", stamp_ns)
    station.show("Smoke", stamp_ns + 20 * MS)
    graph.wait_for(lambda: bool(station.classifications))
    message, values = station.classifications[0], station.last()
    assert stamp_to_ns(message.header.stamp) == stamp_ns
    assert message.header.frame_id == "gas_sensor_link"
    assert message.status[0].message == "Smoke"
    assert values["mode"] == "fusion"
    assert values["model"] == "fusion1"
    assert float(values["pair_offset_ms"]) == pytest.approx(20.0)
    assert sum(float(values[f"p({name})"]) for name in ("Mixture", "NoGas", "Perfume", "Smoke")) == (
        pytest.approx(1.0, abs=1e-4)
    )
    assert float(values["latency_ms"]) > 0
    graph.wait_for(lambda: bool(station.classes))
    assert station.classes[0].data == "Smoke"


def test_reading_without_image_goes_on_alone(graph: Graph) -> None:
    station = Station(graph, pairing__wait=0.05)
    station.read("NoGas")
    graph.wait_for(lambda: bool(station.classifications))
    assert station.last()["mode"] == "gas_only"
    assert station.node.pairing_counters.gas_only == 1


def test_image_far_from_the_reading_is_not_its_image(graph: Graph) -> None:
    station = Station(graph, pairing__slop=0.05)
    stamp_ns = station.now_ns() - SECOND
    station.show("Smoke", stamp_ns - 200 * MS)
    station.read("NoGas", stamp_ns)
    station.show("Smoke", stamp_ns + 200 * MS)
    graph.wait_for(lambda: bool(station.classifications))
    assert station.last()["mode"] == "gas_only"


def test_silent_array_raises_the_fault_and_images_go_on_alone(graph: Graph) -> None:
    station = Station(graph, alarm__timeout=0.3, pairing__silence=0.2, pairing__thermal_only_period=0.0)
    station.wait_for_state("fault")
    graph.wait_for(lambda: station.alarms[-1].data is True)

    def shown() -> bool:
        station.show("Smoke")
        return bool(station.classifications)

    graph.wait_for(shown)
    assert station.last()["mode"] == "thermal_only"
    assert station.states[-1].status[0].message == "fault"
    assert key_values(station.states[-1].status[0])["fault"] == "true"


def test_leak_is_raised_acknowledged_and_ends(graph: Graph, tmp_path: Path) -> None:
    log = tmp_path / "events.jsonl"
    station = Station(
        graph,
        pairing__wait=0.0,
        alarm__on_delay=1.0,
        alarm__off_delay=1.0,
        alarm__timeout=3600.0,
        event_log=str(log),
        pose_topic="pose",
    )
    poses = graph.talk(PoseStamped, "pose", RELIABLE)
    pose = PoseStamped()
    pose.header.frame_id = "map"
    pose.pose.position.x = 4.5
    pose.pose.orientation.w = 1.0
    poses.publish(pose)
    station.expose("NoGas", lambda: len(station.classes) >= 3)
    station.wait_for_state("clear")
    station.expose("Smoke", lambda: station.states[-1].status[0].message == "active")
    graph.wait_for(lambda: station.alarms[-1].data is True)
    assert key_values(station.states[-1].status[0])["gas"] == "Smoke"
    assert graph.call(Trigger, "gas/acknowledge_alarm").success
    station.wait_for_state("acknowledged")
    assert station.alarms[-1].data is True
    station.expose("NoGas", lambda: station.states[-1].status[0].message == "clear")
    graph.wait_for(lambda: station.alarms[-1].data is False)
    graph.wait_for(lambda: log.read_text(encoding="utf-8").count("\n") == 6)
    start, *events = read_events(log)
    assert (start["event"], start["standing"]) == ("start", 0)
    states = ["clear", "pending", "active", "acknowledged", "clear"]
    assert [event["state"] for event in events] == states
    assert events[2]["gas"] == "Smoke"
    assert events[2]["pose"]["x"] == 4.5
    alarm = next(state for state in station.states if state.status[0].message == "active").status[1]
    assert (key_values(alarm)["number"], key_values(alarm)["x"]) == ("1", "4.500")


def test_alarm_latches_until_acknowledged(graph: Graph) -> None:
    station = Station(
        graph, pairing__wait=0.0, alarm__on_delay=0.4, alarm__off_delay=0.4, alarm__timeout=3600.0
    )
    station.expose("Smoke", lambda: station.states[-1].status[0].message == "active")
    station.expose("NoGas", lambda: station.states[-1].status[0].message == "latched")
    assert station.alarms[-1].data is True
    assert graph.call(Trigger, "gas/reset_alarm").success
    station.wait_for_state("clear")


def test_each_leak_is_an_alarm_of_its_own(graph: Graph) -> None:
    station = Station(
        graph, pairing__wait=0.0, alarm__on_delay=0.4, alarm__off_delay=0.4, alarm__timeout=3600.0
    )

    def standing() -> list[tuple[str, str, str]]:
        alarms = [key_values(status) for status in station.states[-1].status[1:]]
        return [(alarm["number"], alarm["gas"], alarm["state"]) for alarm in alarms]

    station.expose("Perfume", lambda: station.states[-1].status[0].message == "active")
    station.expose("NoGas", lambda: station.states[-1].status[0].message == "latched")
    station.expose("Smoke", lambda: station.states[-1].status[0].message == "active")
    assert standing() == [("1", "Perfume", "latched"), ("2", "Smoke", "active")]
    graph.talk(UInt32, "gas/acknowledge", RELIABLE).publish(UInt32(data=1))
    graph.wait_for(lambda: standing() == [("2", "Smoke", "active")])


def test_a_shelved_alarm_is_muted_and_shown(graph: Graph) -> None:
    station = Station(graph, pairing__wait=0.0, alarm__on_delay=0.4, alarm__timeout=3600.0)
    assert not graph.call(SetBool, "gas/shelve_alarms", SetBool.Request(data=True)).success
    station.expose("Smoke", lambda: station.states[-1].status[0].message == "active")
    graph.talk(UInt32, "gas/shelve", RELIABLE).publish(UInt32(data=1))

    def sounding() -> str:
        return key_values(station.states[-1].status[0])["sounding"]

    graph.wait_for(lambda: sounding() == "false")
    assert key_values(station.states[-1].status[1])["shelved"] == "true"
    # What is muted is not safe.
    heard = len(station.alarms)
    graph.wait_for(lambda: len(station.alarms) > heard)
    assert all(message.data for message in station.alarms[heard - 1 :])
    assert graph.call(SetBool, "gas/shelve_alarms", SetBool.Request(data=False)).success
    graph.wait_for(lambda: sounding() == "true")


def test_the_self_test_says_what_came_and_touches_nothing(graph: Graph) -> None:
    station = Station(graph, pairing__wait=0.0, alarm__timeout=3600.0, model="temporal_fusion")
    station.read("NoGas")
    station.wait_for_state("clear")
    before = len(station.states)
    response = graph.call(Trigger, "gas/self_test")
    assert response.success
    assert "known leak of Mixture was found" in response.message
    assert len(station.states) == before


def test_alarms_stand_again_after_a_restart(graph: Graph) -> None:
    parameters = {"pairing__wait": 0.0, "alarm__on_delay": 0.4, "alarm__timeout": 3600.0}
    station = Station(graph, **parameters)
    station.expose("Smoke", lambda: station.states[-1].status[0].message == "active")
    assert station.node.trigger_deactivate() == SUCCESS
    assert station.node.trigger_cleanup() == SUCCESS
    states = graph.listen(DiagnosticArray, "again/gas/alarm_state", LATCHED)
    again = graph.create(GasClassifierNode, state_file=str(state_file()), namespace="/again", **parameters)
    assert again.trigger_configure() == SUCCESS
    assert again.trigger_activate() == SUCCESS
    graph.wait_for(lambda: bool(states))
    alarm = key_values(states[0].status[1])
    assert (alarm["number"], alarm["gas"], alarm["state"]) == ("1", "Smoke", "active")


def test_alarms_that_cannot_be_read_are_a_fault_until_acknowledged(graph: Graph) -> None:
    state_file().parent.mkdir(parents=True)
    state_file().write_text('{"format_version": 1, "alarms": [{"num')
    station = Station(graph, pairing__wait=0.0, alarm__timeout=3600.0)
    station.read("NoGas")
    graph.wait_for(
        lambda: (
            bool(station.states)
            and key_values(station.states[-1].status[0])["faults"].startswith("alarms_unknown")
        )
    )
    assert state_file().with_name("gas_classifier.json.damaged").exists()
    assert graph.call(Trigger, "gas/acknowledge_alarm").success
    station.wait_for_state("clear")


def test_a_state_file_that_cannot_be_written_is_told(graph: Graph, tmp_path: Path) -> None:
    file = tmp_path / "gone" / "alarms.json"
    station = Station(
        graph, pairing__wait=0.0, alarm__on_delay=0.0, alarm__timeout=3600.0, state_file=str(file)
    )
    shutil.rmtree(file.parent)
    station.expose("Smoke", lambda: station.states[-1].status[0].message == "active")
    graph.wait_for(lambda: "alarms would not survive a restart" in warnings_of(station))


def state_file() -> Path:
    return Path(os.environ["ROS_HOME"]) / "gas_fusion_ros" / "alarms" / "gas_classifier.json"


def source(
    driver: str, state: str, is_sensor: bool = True, array: ArrayDescription | None = None
) -> DiagnosticArray:
    told = Source(driver, is_sensor, state)
    return encode_source_status(told, 1, "gas_sensor_link", "gas_sensor", array=array)


ARRAY = ArrayDescription(tuple(map(ArrayChannel, PAPER_CHANNELS)), serial_id="7")


def array_in_diagnostics(messages: list[DiagnosticArray]) -> str:
    """What the newest diagnostics of the classification tell of the array."""
    found = [status for message in messages for status in message.status]
    last = [status for status in found if status.name == "gas_classifier: classification"][-1]
    return key_values(last)["array"]


def test_readings_are_taken_for_those_of_the_array_that_is_told_and_of_the_one_after_it(
    graph: Graph, capfd: pytest.CaptureFixture[str]
) -> None:
    diagnostics = graph.listen(DiagnosticArray, "/diagnostics", RELIABLE)
    array = graph.probe.create_publisher(DiagnosticArray, "gas/array_info", LATCHED)
    Station(graph, pairing__wait=0.0)
    graph.wait_for(lambda: array_in_diagnostics(diagnostics) == "the model's own")
    array.publish(source("serial", "running", array=ARRAY))
    seven = "gas/array_info: serial id 7, counts, full scale 1023, calibrated not known when"
    graph.wait_for(lambda: array_in_diagnostics(diagnostics) == seven)
    assert f"readings are taken for those of this array: {seven}" in capfd.readouterr().err
    calibrated = replace(ARRAY, calibration=ArrayCalibration("2026-01-02T03:04:05+00:00", 300))
    array.publish(source("serial", "running", array=calibrated))
    graph.wait_for(lambda: "calibrated on 2026-01-02" in array_in_diagnostics(diagnostics))
    array.publish(source("serial", "running"))
    graph.wait_for(lambda: array_in_diagnostics(diagnostics) == "the model's own")


def test_an_array_that_describes_itself_wrongly_is_counted_and_its_state_heard(graph: Graph) -> None:
    array = graph.probe.create_publisher(DiagnosticArray, "gas/array_info", LATCHED)
    wrong = source("serial", "running", array=ARRAY)
    wrong.status[0].values[4].value = "much"  # the full scale
    array.publish(wrong)
    station = Station(graph, pairing__wait=0.0)
    graph.wait_for(lambda: station.node.problem_counts().get("array_wrong") == 1)
    station.read("NoGas")
    station.wait_for_state("clear")


def test_the_array_of_a_file_stays_whatever_is_told(graph: Graph, tmp_path: Path) -> None:
    path = tmp_path / "array.yaml"
    write_array(path, replace(ARRAY, serial_id="mine"))
    diagnostics = graph.listen(DiagnosticArray, "/diagnostics", RELIABLE)
    station = Station(graph, pairing__wait=0.0, array_file=str(path))
    array = graph.talk(DiagnosticArray, "gas/array_info", LATCHED)
    array.publish(source("serial", "warming_up", array=ARRAY))
    graph.wait_for(lambda: "warming_up" in key_values(station.states[-1].status[0])["inhibits"])
    diagnostics.clear()
    graph.wait_for(
        lambda: array_in_diagnostics(diagnostics).startswith(f"file {path}: serial id mine, counts")
    )


def test_an_array_file_that_cannot_be_read_is_refused(
    graph: Graph, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    node = graph.create(GasClassifierNode, array_file=str(tmp_path / "none.yaml"))
    assert node.trigger_configure() == FAILURE
    assert "none.yaml cannot be read" in capfd.readouterr().err


def test_while_the_array_warms_up_the_alarm_is_inhibited(graph: Graph) -> None:
    array = graph.probe.create_publisher(DiagnosticArray, "gas/array_info", LATCHED)
    array.publish(source("serial", "warming_up"))
    station = Station(graph, pairing__wait=0.0, alarm__on_delay=0.0, alarm__timeout=3600.0)
    for _ in range(5):
        seen = len(station.classes)
        station.read("Smoke")
        graph.wait_for(lambda least=seen: len(station.classes) > least)
    station.wait_for_state("inhibited")
    assert all(message.data for message in station.alarms)
    array.publish(source("serial", "running"))
    station.wait_for_state("clear")
    station.read("Smoke")
    station.wait_for_state("active")


def test_a_simulated_array_is_shown_as_such(graph: Graph) -> None:
    array = graph.probe.create_publisher(DiagnosticArray, "gas/array_info", LATCHED)
    array.publish(source("simulated", "running", is_sensor=False))
    station = Station(graph, pairing__wait=0.0)
    graph.wait_for(
        lambda: (
            bool(station.states)
            and "array_not_a_sensor" in key_values(station.states[-1].status[0])["warnings"]
        )
    )


def warnings_of(station: Station) -> str:
    return key_values(station.states[-1].status[0])["warnings"] if station.states else ""


def test_a_camera_on_another_clock_is_named_with_the_offset(
    graph: Graph, capfd: pytest.CaptureFixture[str]
) -> None:
    station = Station(graph, pairing__wait=0.0, alarm__timeout=1.0, pairing__reset_jump=3600.0)

    def told() -> bool:
        now_ns = station.now_ns()
        station.read("NoGas", now_ns)
        station.show("NoGas", now_ns - 3000 * SECOND)
        return "images_unpaired" in warnings_of(station)

    graph.wait_for(told)
    assert "differ by -3000.0" in warnings_of(station)
    assert "images_unpaired:" in capfd.readouterr().err


def test_a_constant_offset_of_the_cameras_clock_is_corrected(graph: Graph) -> None:
    station = Station(graph, pairing__wait=1.0, pairing__reset_jump=3600.0, pairing__image_offset=3000.0)

    def told() -> bool:
        now_ns = station.now_ns()
        station.read("NoGas", now_ns)
        station.show("NoGas", now_ns - 3000 * SECOND)
        return station.node.pairing_counters.pairs > 0

    graph.wait_for(told)


def test_images_that_stop_are_named(graph: Graph) -> None:
    station = Station(graph, pairing__wait=0.0, alarm__timeout=1.0)

    def told() -> bool:
        station.read("NoGas")
        return "images_silent" in warnings_of(station)

    graph.wait_for(told)
    assert station.states[-1].status[0].message == "clear"


def test_readings_without_a_valid_channel_are_named_and_a_fault(graph: Graph) -> None:
    station = Station(graph, pairing__wait=0.0, alarm__timeout=1.0)
    blank = np.full(len(PAPER_CHANNELS), np.nan, dtype=np.float32)

    def told() -> bool:
        station.publish_reading(encode_reading(GasReading(station.now_ns(), PAPER_CHANNELS, blank)))
        return "readings_invalid" in warnings_of(station)

    graph.wait_for(told)
    station.wait_for_state("fault")


def test_readings_of_another_scale_are_a_fault_of_their_own_until_they_fit(graph: Graph) -> None:
    diagnostics = graph.listen(DiagnosticArray, "/diagnostics", RELIABLE)
    station = Station(graph, pairing__wait=0.0, alarm__timeout=3600.0)
    first_ns = station.now_ns() - 60 * SECOND

    def read(count: int, factor: float) -> None:
        for _ in range(count):
            seen = len(station.classes)
            station.read("NoGas", first_ns + seen * 200 * MS, factor)
            graph.wait_for(lambda before=seen: len(station.classes) > before)

    def classification() -> DiagnosticStatus:
        found = [status for message in diagnostics for status in message.status]
        return [status for status in found if status.name.endswith(": classification")][-1]

    read(10, 4.003)
    station.wait_for_state("fault")
    graph.wait_for(lambda: key_values(station.states[-1].status[0])["faults"].startswith("scale: "))
    text = key_values(station.states[-1].status[0])["faults"].removeprefix("scale: ")
    assert "a 12-bit converter (--full-scale 4095)" in text
    assert station.alarms[-1].data is True
    graph.wait_for(lambda: classification().level == DiagnosticStatus.ERROR)
    assert classification().message == text
    read(40, 1.0)
    station.wait_for_state("clear")
    graph.wait_for(lambda: classification().level == DiagnosticStatus.OK)
    graph.wait_for(lambda: station.alarms[-1].data is False)


def test_readings_that_nobody_publishes_are_named(graph: Graph) -> None:
    node = graph.create(GasClassifierNode, alarm__timeout=0.5)
    states = graph.listen(DiagnosticArray, "gas/alarm_state", LATCHED)
    assert node.trigger_configure() == SUCCESS
    assert node.trigger_activate() == SUCCESS
    graph.wait_for(lambda: "gas_no_publisher" in key_values(states[-1].status[0])["warnings"])


def test_deactivated_classifier_leaves_a_fault_behind(graph: Graph) -> None:
    station = Station(graph, pairing__wait=0.0)
    station.read("NoGas")
    graph.wait_for(lambda: bool(station.alarms) and station.alarms[-1].data is False)
    assert station.node.trigger_deactivate() == SUCCESS
    graph.wait_for(lambda: key_values(station.states[-1].status[0])["faults"].startswith("stopped"))
    assert station.states[-1].status[0].message == "fault"
    graph.wait_for(lambda: station.alarms[-1].data is True)
    assert station.node.trigger_activate() == SUCCESS
    station.read("NoGas")
    station.wait_for_state("clear")


def test_before_the_first_reading_nothing_is_safe_and_that_is_repeated(graph: Graph) -> None:
    station = Station(graph)
    graph.wait_for(lambda: len(station.alarms) >= 3)
    assert {message.data for message in station.alarms} == {True}
    assert key_values(station.states[-1].status[0])["faults"].startswith("no_reading")


def test_acknowledging_nothing_is_refused_with_the_reason(graph: Graph) -> None:
    Station(graph)
    response = graph.call(Trigger, "gas/acknowledge_alarm")
    assert not response.success
    assert "no leak alarm" in response.message


def test_inactive_node_answers_its_services(graph: Graph) -> None:
    graph.create(GasClassifierNode)
    response = graph.call(Trigger, "gas/reset_alarm")
    assert not response.success
    assert "not active" in response.message


def good_reading(station: Station) -> PointCloud2:
    return encode_reading(GasReading(station.now_ns(), PAPER_CHANNELS, counts_of("NoGas")))


def good_image(station: Station) -> Image:
    return encode_frame(ThermalFrame(station.now_ns(), np.zeros((156, 206), np.uint16), "mono16"))


def without_channel(message: PointCloud2) -> None:
    message.fields = [field for field in message.fields if field.name != "mq7"]


def with_integer_channel(message: PointCloud2) -> None:
    message.fields[4].datatype = 5


def with_zero_stamp(message: PointCloud2 | Image) -> None:
    message.header.stamp = ns_to_stamp(0)


def with_wrong_encoding(message: Image) -> None:
    message.encoding = "bayer_rggb16"


def truncated(message: Image) -> None:
    message.data = message.data[:100]


def empty(message: Image) -> None:
    message.width = message.height = message.step = 0
    message.data = b""


def assert_said_once(station: Station, capfd: pytest.CaptureFixture[str], cause: str) -> None:
    heard: list[str] = []

    def is_said() -> bool:
        heard.append(capfd.readouterr().err)
        return f"{cause}:" in "".join(heard)

    station.graph.wait_for(is_said)  # the node's next tick says it
    station.node.report_problems()
    heard.append(capfd.readouterr().err)
    assert "".join(heard).count(f"{cause}:") == 1


@pytest.mark.parametrize(
    ("damage", "cause"),
    [
        (without_channel, "reading_missing_channel"),
        (with_integer_channel, "reading_field_type"),
        (with_zero_stamp, "reading_zero_stamp"),
    ],
)
def test_bad_reading_is_counted_said_once_and_survived(
    graph: Graph, capfd: pytest.CaptureFixture[str], damage: Callable[[PointCloud2], None], cause: str
) -> None:
    station = Station(graph, pairing__wait=0.0)
    for _ in range(3):
        message = good_reading(station)
        damage(message)
        station.publish_reading(message)
    graph.wait_for(lambda: station.node.problem_counts().get(cause) == 3)
    station.read("NoGas")
    graph.wait_for(lambda: bool(station.classes))
    assert_said_once(station, capfd, cause)


@pytest.mark.parametrize(
    ("damage", "cause"),
    [
        (with_wrong_encoding, "image_encoding"),
        (truncated, "image_truncated"),
        (empty, "image_empty"),
        (with_zero_stamp, "image_zero_stamp"),
    ],
)
def test_bad_image_is_counted_said_once_and_survived(
    graph: Graph, capfd: pytest.CaptureFixture[str], damage: Callable[[Image], None], cause: str
) -> None:
    station = Station(graph, pairing__wait=0.0)
    for count in range(1, 4):
        message = good_image(station)
        damage(message)
        station.publish_image(message)
        graph.wait_for(lambda least=count: station.node.problem_counts().get(cause, 0) >= least)
    station.read("NoGas")
    graph.wait_for(lambda: bool(station.classes))
    assert_said_once(station, capfd, cause)


def test_reading_of_nothing_but_nan_is_counted_and_survived(graph: Graph) -> None:
    station = Station(graph, pairing__wait=0.0)
    nothing = np.full(len(PAPER_CHANNELS), np.nan, dtype=np.float32)
    station.publish_reading(encode_reading(GasReading(station.now_ns(), PAPER_CHANNELS, nothing)))
    graph.wait_for(lambda: station.node.problem_counts().get("unusable_observation") == 1)
    station.read("NoGas")
    graph.wait_for(lambda: bool(station.classes))


def test_dead_channel_is_named(graph: Graph) -> None:
    station = Station(graph, pairing__wait=0.0)
    counts = counts_of("NoGas").copy()
    counts[2] = np.nan
    station.publish_reading(encode_reading(GasReading(station.now_ns(), PAPER_CHANNELS, counts)))
    graph.wait_for(lambda: bool(station.classifications))
    assert station.last()["invalid_channels"] == "mq5"


def test_looping_bag_goes_on(graph: Graph) -> None:
    station = Station(graph, inbox=100, pairing__wait=0.0, pairing__silence=3600.0)
    start_ns = station.now_ns() - 600 * SECOND
    for step in (0, 60, 120, 0, 1, 2):
        station.read("NoGas", start_ns + step * SECOND)
    # The first stamp that lies back waits for a second one, which shows that a new run began.
    graph.wait_for(lambda: len(station.classes) == 6)
    assert station.node.pairing_counters.resets == 1


def test_old_stamps_are_no_silence(graph: Graph) -> None:
    station = Station(graph, pairing__wait=0.0, alarm__timeout=2.0)
    start_ns = station.now_ns() - 3600 * SECOND
    for step in range(20):
        station.read("NoGas", start_ns + step * 100 * MS)
        graph.wait_for(lambda least=step: len(station.classes) > least)
    station.wait_for_state("clear")
    assert [message.status[0].message for message in station.states] == ["fault", "clear"]
    station.wait_for_state("fault")


def test_simulated_time_that_starts_late_is_no_silence(graph: Graph) -> None:
    node = graph.create(GasClassifierNode, use_sim_time=True, alarm__timeout=5.0)
    states = graph.listen(DiagnosticArray, "gas/alarm_state", LATCHED)
    assert node.trigger_configure() == SUCCESS
    assert node.trigger_activate() == SUCCESS
    clock = graph.talk(Clock, "/clock", RELIABLE)
    start_ns = 1_000_000 * SECOND

    def advance() -> bool:
        nonlocal start_ns
        start_ns += 20 * MS
        clock.publish(Clock(clock=ns_to_stamp(start_ns)))
        return start_ns > 1_000_001 * SECOND

    graph.wait_for(advance)
    assert {key_values(state.status[0])["faults"].partition(":")[0] for state in states} == {"no_reading"}


def test_two_robots_do_not_mix(graph: Graph) -> None:
    first = Station(graph, "/robot1", inbox=100, pairing__wait=0.0)
    second = Station(graph, "/robot2", inbox=100, pairing__wait=0.0)
    for _ in range(3):
        first.read("Smoke")
        second.read("NoGas")
    graph.wait_for(lambda: len(first.classes) == 3 and len(second.classes) == 3)
    assert {message.data for message in first.classes} == {"Smoke"}
    assert {message.data for message in second.classes} == {"NoGas"}
    graph.wait_for(lambda: bool(first.classifications) and bool(second.classifications))
    names = [station.classifications[0].status[0].name for station in (first, second)]
    assert names == [f"robot{number}/gas_classifier: classification" for number in (1, 2)]


@pytest.mark.parametrize(
    ("parameters", "reason"),
    [
        ({"model": "nonsense"}, "nonsense"),
        ({"device": "cuda"}, "cuda"),
        ({"model": "fusion1", "channels": ["mq2", "mq3"]}, "mq5"),
        ({"channels": [*PAPER_CHANNELS, "mq2"]}, "channels must be different"),
        ({"alarm__on_threshold": 0.3, "alarm__off_threshold": 0.5}, "off_threshold"),
        ({"alarm__critical_classes": ["Methane"]}, "Methane"),
        ({"alarm__critical_classes": [""], "alarm__warning_classes": [""]}, "alarm.warning_classes"),
        ({"pairing__slop": 99.0}, "pairing.slop"),
        ({"pairing__image_history": 0}, "pairing.image_history"),
        ({"event_log": "/proc/nowhere/events.jsonl"}, "/proc/nowhere/events.jsonl"),
    ],
)
def test_configure_fails_with_the_reason(
    graph: Graph, capfd: pytest.CaptureFixture[str], parameters: dict[str, object], reason: str
) -> None:
    node = graph.create(GasClassifierNode, **parameters)
    assert node.trigger_configure() == FAILURE
    assert reason in capfd.readouterr().err


def test_tampered_bundle_is_refused_and_another_taken(
    graph: Graph, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    bundle = tmp_path / "tampered"
    shutil.copytree(find_bundle("fusion1"), bundle)
    with (bundle / "model.onnx").open("ab") as file:
        file.write(b"\0")
    node = graph.create(GasClassifierNode, model=str(bundle))
    assert node.trigger_configure() == FAILURE
    assert "model.onnx" in capfd.readouterr().err
    assert node.set_parameters([Parameter("model", value="fusion1")])[0].successful
    assert node.trigger_configure() == SUCCESS


def test_node_can_be_taken_down_and_up_again(graph: Graph) -> None:
    station = Station(graph, pairing__wait=0.0)
    station.read("NoGas")
    graph.wait_for(lambda: len(station.classes) == 1)
    for transition in ("deactivate", "cleanup", "configure", "activate"):
        assert getattr(station.node, f"trigger_{transition}")() == SUCCESS

    def read() -> bool:
        station.read("NoGas")
        return len(station.classes) >= 2

    graph.wait_for(read)


def test_diagnostics_tell_what_became_of_every_message(graph: Graph) -> None:
    diagnostics = graph.listen(DiagnosticArray, "/diagnostics", RELIABLE)
    station = Station(graph, pairing__wait=0.0)
    station.read("NoGas")

    def pairing_values() -> dict[str, str]:
        found = [status for message in diagnostics for status in message.status]
        matching = [status for status in found if status.name == "gas_classifier: pairing"]
        return key_values(matching[-1]) if matching else {}

    graph.wait_for(lambda: pairing_values().get("gas_only") == "1")
    assert pairing_values()["readings"] == "1"


def test_pairing_status_recovers_and_keeps_the_count(graph: Graph) -> None:
    diagnostics = graph.listen(DiagnosticArray, "/diagnostics", RELIABLE)
    station = Station(graph, pairing__wait=0.0)
    stamp_ns = station.read("NoGas")
    station.read("NoGas", stamp_ns)

    def told() -> list[tuple[bytes, str, str]]:
        found = [status for message in diagnostics for status in message.status]
        return [
            (status.level, status.message, key_values(status)["duplicate_readings"])
            for status in found
            if status.name == "gas_classifier: pairing"
        ]

    warning = (DiagnosticStatus.WARN, "1 messages dropped", "1")
    graph.wait_for(lambda: warning in told() and told()[-1] == (DiagnosticStatus.OK, "pairing", "1"))
    assert told().count(warning) == 1


def test_image_history_is_as_long_as_asked(graph: Graph) -> None:
    station = Station(graph, pairing__image_history=2, pairing__wait=0.0)
    stamp_ns = station.now_ns() - SECOND
    for step in range(3):
        station.show("Smoke", stamp_ns + step * 100 * MS)
        graph.wait_for(lambda before=step: station.node.pairing_counters.images > before)
    # The image that was nearest has left the history.
    station.read("NoGas", stamp_ns)
    graph.wait_for(lambda: bool(station.classifications))
    assert station.last()["mode"] == "gas_only"
    assert station.node.pairing_counters.history_overruns == 1


def test_counters_outlast_deactivate_with_what_its_flush_skipped(graph: Graph) -> None:
    station = Station(graph, pairing__wait=10.0)
    stamp_ns = station.now_ns()
    for step in range(50):
        station.read("NoGas", stamp_ns + step * MS)
        graph.wait_for(lambda before=step: station.node.pairing_counters.readings > before)
    assert station.node.trigger_deactivate() == SUCCESS
    assert station.node.pairing_counters.gas_only == 50
    assert station.node.classified + station.node.skipped == 50
    assert station.node.skipped > 0
    assert station.node.trigger_activate() == SUCCESS
    assert station.node.pairing_counters.readings == 0
    assert station.node.skipped == 0


def test_diagnostics_of_an_inactive_node_are_stale(graph: Graph) -> None:
    diagnostics = graph.listen(DiagnosticArray, "/diagnostics", RELIABLE)
    assert graph.create(GasClassifierNode).trigger_configure() == SUCCESS
    graph.wait_for(lambda: bool(diagnostics))
    assert {status.level for status in diagnostics[0].status} == {DiagnosticStatus.STALE}
