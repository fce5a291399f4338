"""Messages that nobody sane would send, and two arrays at once: the live classifier stays what it is."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from geometry_msgs.msg import PoseStamped
from scripted_runtime import ScriptedRuntime, windowed_bundle
from std_srvs.srv import Trigger

from benchmarks.fuzz import attack, broken_limits
from gas_fusion_ros.alarm.settings import AlarmAdvice
from gas_fusion_ros.base.observation import PAPER_CHANNELS, GasReading
from gas_fusion_ros.model.bundle import Bundle
from gas_fusion_ros.nodes import gas_classifier
from gas_fusion_ros.nodes.qos import LATCHED, SENSOR_DATA
from gas_fusion_ros.ros.messages import encode_reading, key_values
from nodes.harness import Graph
from nodes.test_gas_classifier import SECOND, SUCCESS, Station, state_file

BURST = 8


@pytest.mark.usefixtures("ros_domain")
def test_hostile_messages_harm_nothing(tmp_path: Path) -> None:
    found = attack(300, 0, tmp_path)
    assert broken_limits(found) == []
    assert found.sent.total() == 300
    assert len(found.answers_s) >= 30
    assert "reading_missing_channel" in found.problems


def array_says(state: str) -> DiagnosticArray:
    values = {"driver": "serial\n[FATAL] [1.0] [x]: y" * 99, "is_sensor": "TRUE", "state": state}
    return DiagnosticArray(
        status=[DiagnosticStatus(values=[KeyValue(key=key, value=value) for key, value in values.items()])]
    )


@pytest.mark.parametrize("state", ["", "ok", "running\n", "warming up", "x" * 500_000])
def test_an_array_whose_state_is_not_understood_is_not_trusted(graph: Graph, state: str) -> None:
    array = graph.probe.create_publisher(DiagnosticArray, "gas/array_info", LATCHED)
    array.publish(array_says(state))
    station = Station(graph, pairing__wait=0.0, alarm__timeout=3600.0)
    station.read("NoGas")
    graph.wait_for(lambda: bool(station.classes))
    graph.wait_for(lambda: station.node.problem_counts().get("source_wrong") == 1)
    station.read("NoGas")
    graph.wait_for(lambda: len(station.classes) == 2)
    assert key_values(station.states[-1].status[0])["inhibits"].startswith("array_unknown")
    assert all(alarm.data for alarm in station.alarms), "not even before the array was heard"
    array.publish(array_says("running"))
    station.wait_for_state("clear")
    (warning,) = key_values(station.states[-1].status[0])["warnings"].split("; ")
    assert warning.startswith("array_not_a_sensor")
    assert warning.isprintable()
    assert len(warning) < 300


@pytest.mark.parametrize(("statuses", "is_taken"), [(10_000, True), (100_000, False)])
def test_a_message_of_megabytes_is_counted_unread(graph: Graph, statuses: int, is_taken: bool) -> None:
    station = Station(graph, pairing__wait=0.0)
    array = graph.talk(DiagnosticArray, "gas/array_info", LATCHED)
    array.publish(DiagnosticArray(status=[DiagnosticStatus(values=[KeyValue()])] * statuses))
    cause = "source_wrong" if is_taken else "message_too_large"
    graph.wait_for(lambda: cause in station.node.problem_counts())
    station.read("NoGas")
    graph.wait_for(lambda: bool(station.classes))


def test_a_pose_that_is_none_costs_no_alarm_its_place_in_the_memory(graph: Graph) -> None:
    station = Station(graph, pairing__wait=0.0, alarm__on_delay=0.4, alarm__timeout=3600.0, pose_topic="pose")
    pose = PoseStamped()
    pose.header.stamp.sec, pose.header.frame_id = -1, "\n[FATAL] forged" * 70_000
    pose.pose.position.x, pose.pose.position.y, pose.pose.orientation.w = 1e308, float("nan"), float("inf")
    graph.talk(PoseStamped, "pose", SENSOR_DATA).publish(pose)
    station.expose("Smoke", lambda: station.states[-1].status[0].message == "active")
    assert station.node.trigger_deactivate() == SUCCESS
    assert station.node.trigger_cleanup() == SUCCESS
    assert station.node.trigger_configure() == SUCCESS, "the alarm is read back"
    assert station.node.trigger_activate() == SUCCESS
    graph.wait_for(lambda: station.states[-1].status[0].message == "active")
    alarm = key_values(station.states[-1].status[1])
    assert alarm["gas"] == "Smoke"
    assert len(alarm["frame_id"]) <= 255


def test_alarms_that_could_not_be_read_stay_a_fault_over_further_restarts(graph: Graph) -> None:
    state_file().parent.mkdir(parents=True)
    state_file().write_text("{")
    station = Station(graph, pairing__wait=0.0, alarm__timeout=3600.0)

    def restart() -> None:
        assert station.node.trigger_deactivate() == SUCCESS
        assert station.node.trigger_cleanup() == SUCCESS
        station.alarms.clear()
        assert station.node.trigger_configure() == SUCCESS
        assert station.node.trigger_activate() == SUCCESS
        classified = len(station.classes)
        station.read("NoGas")
        graph.wait_for(lambda: len(station.classes) > classified)

    restart()
    graph.wait_for(lambda: key_values(station.states[-1].status[0])["faults"].startswith("alarms_unknown"))
    assert station.alarms[-1].data
    assert graph.call(Trigger, "gas/acknowledge_alarm").success
    graph.wait_for(lambda: not station.alarms[-1].data)
    restart()
    graph.wait_for(lambda: not station.alarms[-1].data)


@pytest.mark.parametrize("ahead_s", [3600, -3600])
def test_two_arrays_on_different_clocks_cost_no_more_and_hide_no_leak(
    graph: Graph, monkeypatch: pytest.MonkeyPatch, ahead_s: int
) -> None:
    """2000 readings, of both in turn: the second one's stamps lie an hour off."""
    runtime = ScriptedRuntime()
    delay_ns = SECOND // 5
    bundle = windowed_bundle(12, AlarmAdvice(0.6, 0.3, delay_ns, delay_ns, false_alarms_per_hour=0.1))
    monkeypatch.setattr(Bundle, "load", lambda _: bundle)
    monkeypatch.setattr(gas_classifier, "create_runtime", lambda *_: runtime)
    station = Station(graph, pairing__wait=0.0, expect_images=False, inbox=1000)
    counts = np.full(len(PAPER_CHANNELS), 400.0, dtype=np.float32)
    sent = 0

    def is_answered() -> bool:
        """But for the last one of a clock behind, which is held until the next comes."""
        return station.node.classified >= sent - 1

    def send() -> None:
        """A burst that no queue is too short for."""
        nonlocal sent
        for _ in range(BURST):
            stamp_ns = station.now_ns() + sent % 2 * ahead_s * SECOND
            station.publish_reading(encode_reading(GasReading(stamp_ns, PAPER_CHANNELS, counts)))
            sent += 1
        graph.wait_for(is_answered)
        assert station.node.pairing_counters.readings_waiting <= 1

    while sent < 1600:
        send()
    assert [state.status[0].message for state in station.states[1:]] == ["clear"]
    runtime.say({"Smoke": 0.97})
    while station.states[-1].status[0].message != "active":
        send()
        assert sent < 4000
    for _ in range(50):
        send()
    assert len(station.states[-1].status) == 2, "one alarm, and it stands"
    assert station.alarms[-1].data
    assert station.node.skipped == 0
