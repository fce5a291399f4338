"""The classifier with a network that is slower than `alarm.timeout`: nobody is told that all is well."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping

import numpy as np
import numpy.typing as npt
import pytest
from diagnostic_msgs.msg import DiagnosticArray
from rclpy.lifecycle import TransitionCallbackReturn
from scripted_runtime import CLEAN, ScriptedRuntime, windowed_bundle
from std_srvs.srv import Trigger

from gas_fusion_ros.alarm.settings import AlarmAdvice
from gas_fusion_ros.base.observation import Mode
from gas_fusion_ros.model.answers import Answer
from gas_fusion_ros.model.bundle import Bundle
from gas_fusion_ros.nodes import gas_classifier
from gas_fusion_ros.nodes.qos import RELIABLE
from gas_fusion_ros.ros.messages import Level, key_values
from nodes.harness import TIMEOUT_S, Graph
from nodes.test_alarm_survives import Array
from nodes.test_gas_classifier import Station

SMOKE = {"Smoke": 0.97}
TIMEOUT_OF_ALARM_S = 2.4


class SlowRuntime(ScriptedRuntime):
    """While it is slow, each answer takes longer than the alarm waits, and until the test lets it come."""

    def __init__(self) -> None:
        super().__init__()
        self.is_slow = False
        self._asked_s: float | None = None
        self._permits = threading.Semaphore(0)

    def run(self, mode: Mode, inputs: Mapping[str, npt.NDArray[np.float32]]) -> Answer:
        if self.is_slow:
            self._asked_s = time.monotonic()
            assert self._permits.acquire(timeout=TIMEOUT_S)
        return super().run(mode, inputs)

    def speed_up(self) -> None:
        self.is_slow = False
        self._permits.release()

    def answer_late(self, graph: Graph) -> None:
        """Give one answer, once it has taken longer than the alarm waits."""
        graph.wait_for(self._is_late)
        self._asked_s, given = None, len(self.given)
        self._permits.release()
        graph.wait_for(lambda: len(self.given) > given)

    @property
    def is_asked(self) -> bool:
        """Whether an answer is waited for."""
        return self._asked_s is not None

    def _is_late(self) -> bool:
        return self._asked_s is not None and time.monotonic() - self._asked_s > TIMEOUT_OF_ALARM_S


@pytest.fixture
def runtime(monkeypatch: pytest.MonkeyPatch) -> Iterator[SlowRuntime]:
    """What the node of the test runs instead of a network."""
    runtime = SlowRuntime()
    bundle = windowed_bundle(1, AlarmAdvice(0.6, 0.3, 300_000_000, 300_000_000, false_alarms_per_hour=0.1))
    monkeypatch.setattr(Bundle, "load", lambda _: bundle)
    monkeypatch.setattr(gas_classifier, "create_runtime", lambda *_: runtime)
    yield runtime
    runtime.speed_up()


@pytest.fixture
def station(graph: Graph, runtime: SlowRuntime) -> Station:
    del runtime
    return Station(graph, pairing__wait=0.0, expect_images=False, alarm__timeout=TIMEOUT_OF_ALARM_S)


@pytest.fixture
def array(graph: Graph, station: Station) -> Iterator[Array]:
    del station
    array = Array(graph)
    yield array
    array.close()


def levels_of_classification(diagnostics: list[DiagnosticArray]) -> list[Level]:
    return [
        Level(status.level[0])
        for message in diagnostics
        for status in message.status
        if status.name == "gas_classifier: classification"
    ]


def messages_of_classification(diagnostics: list[DiagnosticArray], level: Level) -> list[str]:
    return [
        status.message
        for message in diagnostics
        for status in message.status
        if status.name == "gas_classifier: classification" and status.level == bytes([level])
    ]


def faults(station: Station) -> str:
    return key_values(station.states[-1].status[0])["faults"].split(":")[0]


def standing(station: Station) -> list[tuple[str, str]]:
    alarms = [key_values(status) for status in station.states[-1].status[1:]]
    return [(alarm["gas"], alarm["state"]) for alarm in alarms]


def test_slow_inference_is_told_and_hides_no_leak(
    graph: Graph, station: Station, runtime: SlowRuntime, array: Array
) -> None:
    del array
    diagnostics = graph.listen(DiagnosticArray, "/diagnostics", RELIABLE)
    station.wait_for_state("clear")
    graph.wait_for(lambda: Level.OK in levels_of_classification(diagnostics))
    runtime.is_slow = True
    diagnostics.clear()
    station.wait_for_state("fault")
    assert faults(station) == "slow"
    since = len(station.alarms) - 1
    graph.wait_for(lambda: Level.ERROR in levels_of_classification(diagnostics))
    levels = levels_of_classification(diagnostics)
    assert Level.WARN in levels[: levels.index(Level.ERROR)]
    for level in (Level.WARN, Level.ERROR):
        assert any("was heard" in text for text in messages_of_classification(diagnostics, level))

    runtime.say(SMOKE)
    while not standing(station):
        runtime.answer_late(graph)
        assert len(runtime.given) < 30
    graph.wait_for(lambda: standing(station) == [("Smoke", "active")])
    assert faults(station) == "slow"
    assert all(alarm.data for alarm in station.alarms[since:])

    runtime.speed_up()
    graph.wait_for(lambda: faults(station) == "")
    assert standing(station) == [("Smoke", "active")]
    runtime.say(CLEAN)
    graph.wait_for(lambda: standing(station) == [("Smoke", "latched")])
    assert all(alarm.data for alarm in station.alarms[since:])
    assert graph.call(Trigger, "gas/acknowledge_alarm").success
    graph.wait_for(lambda: not station.alarms[-1].data)
    diagnostics.clear()
    graph.wait_for(lambda: levels_of_classification(diagnostics)[-1:] == [Level.OK])


def test_the_last_word_of_a_node_whose_inference_is_stuck_is_true(
    graph: Graph, station: Station, runtime: SlowRuntime, array: Array
) -> None:
    del array
    station.wait_for_state("clear")
    runtime.is_slow = True
    graph.wait_for(lambda: runtime.is_asked)
    assert not station.alarms[-1].data
    began_s = time.monotonic()
    assert station.node.trigger_deactivate() == TransitionCallbackReturn.SUCCESS
    assert time.monotonic() - began_s < 4.0, "a signal leaves it 5 s"
    graph.wait_for(lambda: faults(station) == "stopped")
    assert station.alarms[-1].data


def test_inference_that_is_slow_from_the_beginning_never_lets_the_alarm_go(
    graph: Graph, station: Station, runtime: SlowRuntime
) -> None:
    runtime.is_slow = True
    array = Array(graph)
    try:
        graph.wait_for(lambda: bool(station.states) and faults(station) == "slow")
        for _ in range(2):
            runtime.answer_late(graph)
        assert faults(station) == "slow"
        assert all(alarm.data for alarm in station.alarms)
        runtime.speed_up()
        station.wait_for_state("clear")
    finally:
        array.close()
