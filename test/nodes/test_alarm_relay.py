"""The relay over DDS on the one side and a real broker on the other."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from brokers import Listener, running_broker
from builtin_interfaces.msg import Time
from diagnostic_msgs.msg import DiagnosticArray
from geometry_msgs.msg import PoseWithCovarianceStamped
from rclpy.lifecycle import TransitionCallbackReturn
from rosgraph_msgs.msg import Clock as ClockMessage
from std_msgs.msg import Bool
from waiting import wait_until

from benchmarks.mosquitto import HOST, Mosquitto
from gas_fusion_ros.alarm.types import AlarmState, AlarmStatus, Severity, StandingAlarm
from gas_fusion_ros.base.observation import CLEAN_AIR
from gas_fusion_ros.nodes.alarm_relay import AlarmRelayNode
from gas_fusion_ros.nodes.qos import HEARTBEAT, LATCHED, LATCHED_LEAKS, RELIABLE
from gas_fusion_ros.ros.messages import encode_alarm_state, key_values, ns_to_stamp
from nodes.harness import Graph
from nodes.test_gas_classifier import Station

SUCCESS = TransitionCallbackReturn.SUCCESS
FAILURE = TransitionCallbackReturn.FAILURE
STAMP_NS = 1_700_000_000_123_456_789
CLEAR = AlarmStatus(AlarmState.CLEAR, STAMP_NS)
SMOKE = StandingAlarm(1, "Smoke", Severity.CRITICAL, AlarmState.ACTIVE, STAMP_NS, 0.9)
PLAIN = {"host": HOST, "robot": "robot1", "tls__enabled": False, "period": 0.2, "patience": 1.5}


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Mosquitto]:
    with running_broker(tmp_path) as running:
        yield running


@pytest.fixture
def listener(broker: Mosquitto) -> Iterator[Listener]:
    with Listener(broker.port) as listening:
        yield listening


class Alarm:
    """What a classifier publishes of its alarm."""

    def __init__(self, graph: Graph) -> None:
        self._state = graph.talk(DiagnosticArray, "gas/alarm_state", LATCHED)
        self._word = graph.talk(Bool, "gas/alarm", HEARTBEAT)
        self._status = CLEAR

    def tell(self, status: AlarmStatus) -> None:
        self._status = status
        self._state.publish(encode_alarm_state(status, STAMP_NS, "gas_classifier"))

    def repeat(self) -> bool:
        """Say what stands, as is done every second."""
        self._word.publish(Bool(data=not self._status.is_safe))
        return True


def start(graph: Graph, port: int, **parameters: Any) -> AlarmRelayNode:
    node = graph.create(AlarmRelayNode, **{**PLAIN, "port": port, **parameters})
    assert node.trigger_configure() == SUCCESS
    assert node.trigger_activate() == SUCCESS
    return node


def codes(document: Any) -> list[str]:
    return [reason["code"] for reason in document["faults"]]


def test_what_the_alarm_says_is_at_the_broker(graph: Graph, broker: Mosquitto, listener: Listener) -> None:
    node = start(graph, broker.port)
    wait_until(lambda: bool(listener.states()))
    assert (listener.states()[0]["state"], codes(listener.states()[0])) == ("unknown", ["not_heard"])
    alarm = Alarm(graph)
    alarm.tell(CLEAR)
    wait_until(lambda: alarm.repeat() and listener.states()[-1]["safe"])

    alarm.tell(AlarmStatus(AlarmState.CLEAR, STAMP_NS, alarms=(SMOKE,), raised=1))
    wait_until(lambda: alarm.repeat() and listener.states()[-1]["state"] == "active")
    active = next(state for state in listener.states() if state["state"] == "active")
    assert (active["safe"], active["gas"], active["standing"]) == (False, "Smoke", 1)
    wait_until(lambda: bool(listener.alarms()) and len(listener.alarms()[-1]["alarms"]) == 1)
    pose = PoseWithCovarianceStamped()
    pose.header.stamp, pose.header.frame_id = ns_to_stamp(STAMP_NS), "map"
    pose.pose.pose.position.x = 12.5
    graph.talk(PoseWithCovarianceStamped, "gas/leak_pose", LATCHED_LEAKS).publish(pose)
    wait_until(
        lambda: alarm.repeat() and [leak["x"] for leak in listener.alarms()[-1]["leak_poses"]] == [12.5]
    )

    # Silence: the alarm may be dead, and its last word is no all-clear.
    wait_until(lambda: listener.states()[-1]["state"] == "unknown")
    assert codes(listener.states()[-1]) == ["silent"]
    wait_until(lambda: alarm.repeat() and listener.states()[-1]["state"] == "active")

    assert node.trigger_deactivate() == SUCCESS
    wait_until(lambda: codes(listener.states()[-1]) == ["stopped"])
    assert not listener.states()[-1]["online"]
    assert len(listener.alarms()[-1]["alarms"]) == 1
    wait_until(lambda: [event.get("state") for event in listener.events()][-1] == "unknown")
    told = [event["event"] for event in listener.events_once() if event["event"] != "state"]
    assert told == ["raised", "leak_pose"]
    changes = [event for event in listener.events_once() if event["event"] == "state"]
    assert [event["state"] for event in changes][:3] == ["unknown", "clear", "active"]
    assert all(later["previous"] == earlier["state"] for earlier, later in pairwise(changes))
    assert not [state for state in listener.states() if state["safe"] and state["state"] != "clear"]


def test_the_real_classifier_is_relayed(graph: Graph, broker: Mosquitto, listener: Listener) -> None:
    station = Station(graph)
    start(graph, broker.port)
    wait_until(lambda: bool(listener.states()) and codes(listener.states()[-1]) == ["no_reading"])
    station.read(CLEAN_AIR)
    wait_until(lambda: bool(listener.states()[-1]["safe"]))
    assert station.node.trigger_deactivate() == SUCCESS
    wait_until(lambda: ["stopped"] in [codes(state) for state in listener.states()])
    wait_until(lambda: listener.states()[-1]["state"] == "unknown")


def test_events_of_a_time_without_a_broker_come_afterwards_and_once(graph: Graph, tmp_path: Path) -> None:
    with running_broker(tmp_path) as broker:
        node = start(graph, broker.port)
        broker.process.kill()
        alarm = Alarm(graph)
        statuses: list[DiagnosticArray] = graph.listen(DiagnosticArray, "/diagnostics", RELIABLE)
        alarm.tell(AlarmStatus(AlarmState.CLEAR, STAMP_NS, alarms=(SMOKE,), raised=1))

        def waiting() -> str:
            (status,) = statuses[-1].status
            assert alarm.repeat()
            return key_values(status)["events_waiting"]

        graph.wait_for(lambda: int(waiting()) >= 2)
        assert node.trigger_deactivate() == SUCCESS
        assert node.trigger_cleanup() == SUCCESS
        broker.restart()
        with Listener(broker.port) as listener:
            assert node.trigger_configure() == SUCCESS
            assert node.trigger_activate() == SUCCESS
            wait_until(lambda: "raised" in [event["event"] for event in listener.events()])
            wait_until(lambda: bool(listener.states()))
            wait_until(lambda: alarm.repeat() and listener.states()[-1]["state"] == "active")
            numbers = [event["number"] for event in listener.events()]
        assert numbers == list(range(numbers[0], numbers[-1] + 1))
        assert [event["event"] for event in listener.events()].count("raised") == 1


def test_a_dead_alarm_is_unknown_also_while_simulated_time_stands(
    graph: Graph, broker: Mosquitto, listener: Listener
) -> None:
    start(graph, broker.port, use_sim_time=True)
    ticks = graph.talk(ClockMessage, "/clock", RELIABLE)
    alarm = Alarm(graph)
    alarm.tell(CLEAR)
    wait_until(lambda: alarm.repeat() and bool(listener.states()) and listener.states()[-1]["safe"])
    # A bag that begins anew: its time goes back by an hour and stands there.
    for second in (7200, 3600):
        ticks.publish(ClockMessage(clock=Time(sec=second)))
    wait_until(lambda: codes(listener.states()[-1]) == ["silent"])
    assert not listener.states()[-1]["safe"]


@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        ({}, "host is not set; it must be name or address of the MQTT 5 broker"),
        (
            {**PLAIN, "host": "broker.example"},
            "host is 'broker.example', a placeholder that leads nowhere; put",
        ),
        ({**PLAIN, "host": "MQTT.Example.COM."}, "a placeholder that leads nowhere"),
        ({"host": HOST, "tls__enabled": False}, "robot is not set, and the node has no namespace"),
        ({"host": HOST, "robot": "a/b"}, "robot is 'a/b'; it must be"),
        ({**PLAIN, "credentials_file": "/nowhere"}, "credentials_file /nowhere cannot be read"),
        ({**PLAIN, "tls__enabled": True, "tls__ca_file": "/nowhere"}, "tls.ca_file /nowhere"),
        ({**PLAIN, "queue__file": "/proc/queue"}, "queue.file /proc/queue cannot be opened"),
    ],
)
def test_what_is_missing_is_named_and_nothing_is_sent(
    graph: Graph, parameters: dict[str, Any], said: str
) -> None:
    node = graph.create(AlarmRelayNode, **parameters)
    assert node.trigger_configure() == FAILURE
    assert said in node.failure


def test_a_message_that_is_no_alarm_state_is_counted(graph: Graph, broker: Mosquitto) -> None:
    node = start(graph, broker.port)
    alarm = graph.talk(DiagnosticArray, "gas/alarm_state", LATCHED)
    alarm.publish(DiagnosticArray())
    graph.wait_for(lambda: "alarm_state_size" in node.problem_counts())
