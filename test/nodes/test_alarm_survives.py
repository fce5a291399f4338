"""The classifier as a process that is killed, stopped, stuck, and whose clock is set."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from diagnostic_msgs.msg import DiagnosticArray
from sensor_msgs.msg import PointCloud2
from std_msgs.msg import Bool

from gas_fusion_ros.alarm.event_log import read_events
from gas_fusion_ros.base.observation import PAPER_CHANNELS, GasReading
from gas_fusion_ros.nodes.qos import HEARTBEAT, LATCHED, RELIABLE
from gas_fusion_ros.ros.messages import encode_reading, key_values
from gas_fusion_ros.simulation.mq_response import steady_readings
from nodes.clock_shim import ShiftedClock
from nodes.harness import TIMEOUT_S, Graph
from nodes.processes import NodeProcess

PARAMETERS = {
    "autostart": True,
    "model": "fusion1",
    "pairing.wait": 0.0,
    "expect_images": False,
    "alarm.on_delay": 0.3,
    "alarm.off_delay": 0.5,
    "alarm.timeout": 3.0,
}
PERIOD_S = 0.1


class Array:
    """Publishes readings of one gas at an even pace, stamped by a clock that can be set."""

    def __init__(self, graph: Graph) -> None:
        self.gas: str | None = "NoGas"
        self.shift_s = 0.0
        self.last_s = 0.0
        self._publisher = graph.probe.create_publisher(PointCloud2, "gas/readings", RELIABLE)
        self._counts = {
            gas: steady_readings(gas, 1, np.random.default_rng(0))[0].astype(np.float32)
            for gas in ("NoGas", "Smoke", "Perfume")
        }
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while not self._ended.wait(PERIOD_S):
            if (gas := self.gas) is None:
                continue
            stamp_ns = time.time_ns() + round(self.shift_s * 1e9)
            reading = GasReading(stamp_ns, PAPER_CHANNELS, self._counts[gas])
            self._publisher.publish(encode_reading(reading))
            self.last_s = time.monotonic()

    def close(self) -> None:
        self._ended.set()
        self._thread.join()


@pytest.fixture
def array(graph: Graph) -> Iterator[Array]:
    array = Array(graph)
    yield array
    array.close()


class Heard:
    """What the classifier says, with the time at which it is heard."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.states = graph.listen(DiagnosticArray, "gas/alarm_state", LATCHED)
        self.alarms: list[tuple[float, bool]] = []
        graph.probe.create_subscription(
            Bool, "gas/alarm", lambda one: self.alarms.append((time.monotonic(), one.data)), HEARTBEAT
        )

    @property
    def state(self) -> str:
        return self.states[-1].status[0].message if self.states else ""

    @property
    def standing(self) -> list[tuple[str, str, str]]:
        alarms = [key_values(status) for status in self.states[-1].status[1:]]
        return [(alarm["number"], alarm["gas"], alarm["state"]) for alarm in alarms]

    @property
    def is_sounding(self) -> bool:
        return self.alarms[-1][1]

    def wait(self, condition: Callable[[], bool]) -> None:
        self.graph.wait_for(condition)


def test_a_killed_classifier_forgets_no_alarm_and_its_first_word_is_true(
    graph: Graph, array: Array, tmp_path: Path
) -> None:
    log = tmp_path / "events.jsonl"
    parameters = {**PARAMETERS, "event_log": str(log)}
    gases = ["Smoke", "Perfume", "Smoke"]
    for number, gas in enumerate(gases, 1):
        heard = Heard(graph)
        with NodeProcess(graph, "gas_classifier", parameters) as process:
            heard.wait(lambda heard=heard: bool(heard.alarms))
            assert all(said for _, said in heard.alarms[:1])
            array.gas = "NoGas"
            expected = [(str(n), gases[n - 1], "latched") for n in range(1, number)]
            heard.wait(lambda heard=heard, expected=expected: heard.standing == expected)
            array.gas = gas
            raised = (str(number), gas, "active")
            heard.wait(lambda heard=heard, raised=raised: raised in heard.standing)
            process.send(signal.SIGKILL)
            assert process.wait() == -signal.SIGKILL
        assert all(said for _, said in heard.alarms if number > 1)
    entries = list(read_events(log))
    assert [entry["standing"] for entry in entries if entry["event"] == "start"] == [0, 1, 2]
    assert sum(entry["event"] == "restore" for entry in entries) == 3
    assert [entry["alarm"] for entry in entries if entry.get("previous") == "pending"][-1] == 3


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
def test_the_last_word_of_a_stopped_classifier_is_true(
    graph: Graph, array: Array, stop: signal.Signals
) -> None:
    del array
    heard = Heard(graph)
    with NodeProcess(graph, "gas_classifier", PARAMETERS) as process:
        heard.wait(lambda: bool(heard.alarms) and not heard.is_sounding)
        process.stop(stop)
        heard.wait(lambda: heard.is_sounding)
        heard.wait(lambda: key_values(heard.states[-1].status[0])["faults"].startswith("stopped"))


@pytest.mark.parametrize("step_s", [-3600.0, -15.0, 15.0, 3600.0])
def test_a_step_of_the_clock_stops_nothing_and_hides_no_silence(
    graph: Graph, array: Array, tmp_path: Path, step_s: float
) -> None:
    clock = ShiftedClock(tmp_path)
    heard = Heard(graph)
    classes: list[float] = []
    graph.probe.create_subscription(
        DiagnosticArray, "gas/classification", lambda _: classes.append(time.monotonic()), RELIABLE
    )
    with NodeProcess(graph, "gas_classifier", PARAMETERS, clock.environment):
        heard.wait(lambda: bool(heard.alarms) and not heard.is_sounding)
        clock.step(step_s)
        array.shift_s = step_s
        stepped_s = time.monotonic()
        heard.wait(lambda: bool(classes) and classes[-1] > stepped_s + 3.0)
        for times in (classes, [when for when, _ in heard.alarms]):
            after = [stepped_s, *(when for when in times if when > stepped_s)]
            # A timer of the stepped clock would be silent for 15 s or an hour.
            assert max(np.diff(after)) < 5.0
        assert not heard.is_sounding
        array.gas = None
        heard.wait(lambda: heard.state == "fault")
        silent_s = time.monotonic() - array.last_s
        assert 3.0 < silent_s < 3.0 + 0.3 + 0.3, "half of it is for a loaded machine"


@pytest.fixture
def listener(graph: Graph, monkeypatch: pytest.MonkeyPatch) -> object:
    monkeypatch.syspath_prepend(str(Path(__file__).parents[2] / "examples"))
    from alarm_listener import AlarmListener

    return graph.add(AlarmListener(context=graph.context))


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGSTOP])
def test_a_listener_is_told_of_a_dead_or_stuck_classifier(
    graph: Graph, array: Array, listener: object, end: signal.Signals
) -> None:
    del array

    def why_unsafe() -> str:
        return str(listener.why_unsafe)  # type: ignore[attr-defined]

    assert why_unsafe()
    with NodeProcess(graph, "gas_classifier", PARAMETERS) as process:
        graph.wait_for(lambda: not why_unsafe())
        process.send(end)
        ended_s = time.monotonic()
        graph.wait_for(lambda: bool(why_unsafe()))
        assert time.monotonic() - ended_s < 6.0
        assert "alarm" in why_unsafe()
        process.send(signal.SIGCONT)


def test_the_example_runs_by_itself(graph: Graph) -> None:
    import subprocess

    example = Path(__file__).parents[2] / "examples" / "alarm_listener.py"
    process = subprocess.Popen(
        [sys.executable, str(example)],
        env={**os.environ, "ROS_DOMAIN_ID": str(graph.context.get_domain_id())},
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    assert "unsafe: the alarm has not been heard yet" in process.stderr.readline()
    process.send_signal(signal.SIGINT)
    assert process.wait(TIMEOUT_S) == 0
