"""The classifier over DDS where a picture says leak and the readings do not."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from rclpy.lifecycle import TransitionCallbackReturn
from scripted_runtime import TwoMinds, windowed_bundle

from gas_fusion_ros.alarm.settings import AlarmAdvice
from gas_fusion_ros.base.observation import PICTURE_ALONE, Mode
from gas_fusion_ros.model.bundle import Bundle
from gas_fusion_ros.nodes import gas_classifier
from gas_fusion_ros.nodes.gas_classifier import GasClassifierNode
from gas_fusion_ros.ros.messages import key_values
from nodes.harness import Graph
from nodes.test_gas_classifier import SECOND, Station

ADVICE = AlarmAdvice(0.8, 0.4)
PATIENT = {"pairing__wait": 5.0, "pairing__silence": 3600.0, "alarm__timeout": 3600.0}
DELAYS = {
    "alarm__on_delay": 2.0,
    "alarm__off_delay": 2.0,
    "alarm__picture_alone_on_delay": 4.0,
    "alarm__picture_alone_off_delay": 3.0,
}


@pytest.fixture
def runtime(monkeypatch: pytest.MonkeyPatch) -> TwoMinds:
    """What the nodes of the test run, with a windowed bundle, instead of a network."""
    runtime = TwoMinds(pictured=0.1, alone=0.1)
    bundle = windowed_bundle(4, ADVICE)
    monkeypatch.setattr(Bundle, "load", lambda _: bundle)
    monkeypatch.setattr(gas_classifier, "create_runtime", lambda *_: runtime)
    return runtime


class Patrol:
    """A station that is shown pairs a second apart."""

    def __init__(self, graph: Graph, runtime: TwoMinds, **parameters: Any) -> None:
        self._runtime = runtime
        self.station = Station(graph, **{**PATIENT, **DELAYS, **parameters})
        self._stamp_ns = self.station.now_ns() - 3600 * SECOND

    def see(self, pictured: float, alone: float, seconds: int) -> None:
        """Show pairs of which the model says so; leak probabilities."""
        self._runtime.pictured, self._runtime.alone = pictured, alone
        for _ in range(seconds):
            self._stamp_ns += SECOND
            before = len(self.station.classifications)
            self.station.show("NoGas", self._stamp_ns)
            self.station.read("NoGas", self._stamp_ns)
            self.station.graph.wait_for(lambda seen=before: len(self.station.classifications) > seen)
            assert self.station.last()["mode"] == "fusion"

    @property
    def standing(self) -> list[tuple[str, str, str]]:
        told = [key_values(status) for status in self.station.states[-1].status[1:]]
        return [(one["gas"], one["severity"], one["state"]) for one in told]


WARNING = (PICTURE_ALONE, "warning", "active")


def test_a_picture_alone_warns_and_readings_that_join_make_it_critical(
    graph: Graph, runtime: TwoMinds
) -> None:
    patrol = Patrol(graph, runtime)
    patrol.see(0.1, 0.1, 2)
    assert "readings_alone" not in patrol.station.last()
    patrol.see(0.95, 0.1, 5)
    values = patrol.station.last()
    assert (patrol.station.classes[-1].data, values["readings_alone"]) == ("Smoke", "NoGas")
    assert float(values["readings_alone.p(NoGas)"]) > 0.7
    graph.wait_for(lambda: patrol.standing == [WARNING])
    patrol.see(0.95, 0.1, 10)
    assert patrol.standing == [WARNING]
    assert patrol.station.alarms[-1].data is True
    patrol.see(0.95, 0.5, 3)
    graph.wait_for(lambda: patrol.standing == [WARNING, ("Smoke", "critical", "active")])
    patrol.see(0.95, 0.5, 3)
    graph.wait_for(
        lambda: patrol.standing == [(PICTURE_ALONE, "warning", "latched"), ("Smoke", "critical", "active")]
    )


def test_the_warning_can_be_switched_off(graph: Graph, runtime: TwoMinds) -> None:
    patrol = Patrol(graph, runtime, alarm__picture_alone=False)
    patrol.see(0.95, 0.1, 12)
    patrol.station.wait_for_state("pending")
    assert patrol.standing == []


@pytest.mark.usefixtures("runtime")
def test_a_name_of_the_warning_among_the_gases_is_refused(
    graph: Graph, capfd: pytest.CaptureFixture[str]
) -> None:
    node = graph.create(GasClassifierNode, alarm__critical_classes=[PICTURE_ALONE])
    assert node.trigger_configure() == TransitionCallbackReturn.FAILURE
    assert "severities must not name PictureAlone" in capfd.readouterr().err


def test_a_model_that_cannot_say_what_its_readings_say_alone_is_told_of(
    graph: Graph, runtime: TwoMinds, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    fused = replace(windowed_bundle(4, ADVICE), networks={Mode.FUSION: "temporal_fusion"})
    monkeypatch.setattr(Bundle, "load", lambda _: fused)
    patrol = Patrol(graph, runtime)
    assert "model windowed has no network for readings alone" in capfd.readouterr().err
    patrol.see(0.95, 0.1, 3)
    graph.wait_for(lambda: patrol.standing == [("Smoke", "critical", "active")])
