"""The classifier node over DDS with a windowed model: its window, `Unknown` and the alarm it advises."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from diagnostic_msgs.msg import DiagnosticStatus
from rclpy.lifecycle import TransitionCallbackReturn
from rclpy.parameter import Parameter
from scripted_runtime import CLEAN, PERIOD_NS, ScriptedRuntime, windowed_bundle

from gas_fusion_ros.alarm.leak_alarm import AlarmSettings, Severity
from gas_fusion_ros.alarm.settings import AlarmAdvice, default_alarm
from gas_fusion_ros.base.observation import PAPER_CHANNELS, UNKNOWN, GasReading
from gas_fusion_ros.model.bundle import Bundle
from gas_fusion_ros.nodes import gas_classifier
from gas_fusion_ros.nodes.gas_classifier import GasClassifierNode
from gas_fusion_ros.ros.messages import encode_reading, key_values
from gas_fusion_ros.settings.parameter_spec import AdvisedSpec
from nodes.harness import Graph
from nodes.test_gas_classifier import Station

SUCCESS = TransitionCallbackReturn.SUCCESS
FAILURE = TransitionCallbackReturn.FAILURE
SECOND = 1_000_000_000
W = 12

Array = npt.NDArray[np.float32]


@pytest.fixture
def bundle() -> Bundle:
    return windowed_bundle(W, AlarmAdvice(0.6, 0.3, 0, PERIOD_NS, false_alarms_per_hour=0.1))


@pytest.fixture
def runtime(monkeypatch: pytest.MonkeyPatch, bundle: Bundle) -> ScriptedRuntime:
    """What the nodes of the test run, with the windowed bundle, instead of a network."""
    runtime = ScriptedRuntime()
    monkeypatch.setattr(Bundle, "load", lambda _: bundle)
    monkeypatch.setattr(gas_classifier, "create_runtime", lambda *_: runtime)
    return runtime


def windowed_station(graph: Graph, **parameters: Any) -> Station:
    patient = {"pairing__wait": 0.0, "pairing__silence": 3600.0, "alarm__timeout": 3600.0}
    return Station(graph, **{**patient, **parameters})


def counts_at(step: int) -> Array:
    return np.linspace(300.0, 600.0, len(PAPER_CHANNELS), dtype=np.float32) + 10.0 * step


def read(station: Station, start_ns: int, step: int) -> None:
    """Publish the reading that is due `step` periods after the start, and wait until it is paired."""
    before = station.node.pairing_counters.gas_only
    stamp_ns = start_ns + step * PERIOD_NS
    station.publish_reading(encode_reading(GasReading(stamp_ns, PAPER_CHANNELS, counts_at(step))))
    station.graph.wait_for(lambda: station.node.pairing_counters.gas_only > before)


def read_and_wait(station: Station, start_ns: int, step: int) -> None:
    """Publish as `read` does, and wait for the verdict too."""
    before = len(station.classifications)
    read(station, start_ns, step)
    station.graph.wait_for(lambda: len(station.classifications) > before)


def start_of(station: Station) -> int:
    return station.now_ns() - 3600 * SECOND


def window_counts(runtime: ScriptedRuntime, bundle: Bundle) -> tuple[Array, npt.NDArray[np.bool_]]:
    """ADC counts and validity of the last window that the network saw, each (W, C)."""
    given = runtime.given[-1]
    return given["gas"][0] * bundle.std + bundle.mean, given["valid"][0] > 0.5


def state_of(station: Station) -> tuple[str, str, str]:
    values = key_values(station.states[-1].status[0])
    return values["state"], values["gas"], values["severity"]


# --- the window -----------------------------------------------------------------------------


def test_every_reading_enters_the_window_though_its_classification_is_skipped(
    graph: Graph, runtime: ScriptedRuntime, bundle: Bundle
) -> None:
    station = windowed_station(graph, inbox=1)
    start_ns = start_of(station)
    runtime.may_answer.clear()
    for step in range(9):
        read(station, start_ns, step)
    graph.wait_for(lambda: station.node.skipped == 7)
    runtime.may_answer.set()
    graph.wait_for(lambda: len(station.classes) == 2)
    counts, valid = window_counts(runtime, bundle)
    assert valid.tolist() == [[row >= W - 9] * len(PAPER_CHANNELS) for row in range(W)]
    np.testing.assert_allclose(counts[-9:], [counts_at(step) for step in range(9)], rtol=1e-5)


def test_a_bag_that_begins_anew_begins_with_an_empty_window(
    graph: Graph, runtime: ScriptedRuntime, bundle: Bundle
) -> None:
    # The first stamp that lies back waits for a second one, which shows that a new run began.
    station = windowed_station(graph, inbox=100, pairing__wait=1.0)
    start_ns = start_of(station)
    for step in (4, 5, 6):
        read_and_wait(station, start_ns, step)
    for step in (0, 1):
        stamp_ns = start_ns + step * PERIOD_NS
        station.publish_reading(encode_reading(GasReading(stamp_ns, PAPER_CHANNELS, counts_at(step))))
    graph.wait_for(lambda: len(station.classes) == 5)
    _, valid = window_counts(runtime, bundle)
    assert valid.any(axis=1).tolist() == [False] * (W - 2) + [True] * 2


def test_a_classifier_that_is_activated_again_remembers_nothing(
    graph: Graph, runtime: ScriptedRuntime, bundle: Bundle
) -> None:
    station = windowed_station(graph)
    start_ns = start_of(station)
    for step in range(3):
        read_and_wait(station, start_ns, step)
    assert station.node.trigger_deactivate() == SUCCESS
    graph.wait_for(lambda: station.listening() == 0)
    assert station.node.trigger_activate() == SUCCESS
    graph.wait_for(lambda: station.listening() == 1)
    read_and_wait(station, start_ns, 3)
    _, valid = window_counts(runtime, bundle)
    assert valid.any(axis=1).tolist() == [False] * (W - 1) + [True]


@pytest.mark.usefixtures("runtime")
def test_a_reading_that_cannot_be_used_is_counted_at_once(graph: Graph) -> None:
    station = windowed_station(graph)
    nothing = np.full(len(PAPER_CHANNELS), np.nan, dtype=np.float32)
    station.publish_reading(encode_reading(GasReading(start_of(station), PAPER_CHANNELS, nothing)))
    graph.wait_for(lambda: station.node.problem_counts().get("unusable_observation") == 1)
    read_and_wait(station, start_of(station), 1)


# --- Unknown --------------------------------------------------------------------------------


def test_an_input_unlike_training_is_called_unknown(graph: Graph, runtime: ScriptedRuntime) -> None:
    station = windowed_station(graph)
    start_ns = start_of(station)
    read_and_wait(station, start_ns, 0)
    assert station.classifications[-1].status[0].message == "NoGas"
    assert station.classifications[-1].status[0].level == DiagnosticStatus.OK
    assert float(station.last()["novelty"]) == 0.5
    runtime.novelty = 1.5
    read_and_wait(station, start_ns, 1)
    graph.wait_for(lambda: len(station.classes) == 2)
    assert [message.data for message in station.classes] == ["NoGas", UNKNOWN]
    assert station.classifications[-1].status[0].message == UNKNOWN
    assert station.classifications[-1].status[0].level == DiagnosticStatus.WARN
    assert float(station.last()["novelty"]) == 1.5
    assert float(station.last()["p(NoGas)"]) == pytest.approx(CLEAN["NoGas"], abs=1e-4)
    assert station.states[-1].status[0].message == "clear", "by default Unknown raises no alarm"


def test_a_model_that_cannot_tell_publishes_no_number_for_novelty(
    graph: Graph, runtime: ScriptedRuntime
) -> None:
    runtime.novelty = None
    station = windowed_station(graph)
    read_and_wait(station, start_of(station), 0)
    assert station.last()["novelty"] == "nan"
    assert station.classifications[-1].status[0].message == "NoGas"


def test_unknown_raises_an_alarm_where_it_is_asked_to(graph: Graph, runtime: ScriptedRuntime) -> None:
    runtime.novelty = 1.5
    station = windowed_station(graph, alarm__warning_classes=["Perfume", UNKNOWN])
    read_and_wait(station, start_of(station), 0)
    station.wait_for_state("active")
    assert state_of(station) == ("active", UNKNOWN, "warning")
    graph.wait_for(lambda: station.alarms[-1].data is True)


def test_unknown_keeps_no_leak_from_the_alarm(graph: Graph, runtime: ScriptedRuntime) -> None:
    runtime.novelty = 1.5
    runtime.say({"Smoke": 0.9})
    station = windowed_station(graph)
    read_and_wait(station, start_of(station), 0)
    station.wait_for_state("active")
    assert state_of(station) == ("active", "Smoke", "critical")


def test_an_unknown_that_will_never_come_is_said(graph: Graph, capfd: pytest.CaptureFixture[str]) -> None:
    node = graph.create(GasClassifierNode, model="fusion1", alarm__warning_classes=[UNKNOWN])
    assert node.trigger_configure() == SUCCESS
    assert "Unknown is to raise an alarm and never will: model fusion1" in capfd.readouterr().err


# --- the model's advice ---------------------------------------------------------------------


def test_the_alarm_takes_thresholds_and_delays_from_the_model(graph: Graph, runtime: ScriptedRuntime) -> None:
    station = windowed_station(graph)
    start_ns = start_of(station)
    runtime.say({"Smoke": 0.5, "NoGas": 0.45})
    read_and_wait(station, start_ns, 0)
    station.wait_for_state("clear")
    runtime.say({"Smoke": 0.65, "NoGas": 0.34})
    read_and_wait(station, start_ns, 1)
    station.wait_for_state("active")
    runtime.say({"NoGas": 0.65})
    for step in (2, 3):
        read_and_wait(station, start_ns, step)
    assert station.states[-1].status[0].message == "active", "0.35 is not below the threshold"
    runtime.say({"NoGas": 0.75})
    for step in (4, 5):
        read_and_wait(station, start_ns, step)
    station.wait_for_state("latched")


def test_the_alarm_takes_the_advice_of_the_profile_that_is_named(
    graph: Graph, monkeypatch: pytest.MonkeyPatch, runtime: ScriptedRuntime, bundle: Bundle
) -> None:
    quick = replace(bundle, profiles={"quick": AlarmAdvice(0.4, 0.1, 0, PERIOD_NS)})
    monkeypatch.setattr(Bundle, "load", lambda _: quick)
    station = windowed_station(graph, alarm__profile="quick")
    runtime.say({"Smoke": 0.5, "NoGas": 0.45})
    read_and_wait(station, start_of(station), 0)
    station.wait_for_state("active")


def test_a_given_parameter_wins_over_the_advice(graph: Graph, runtime: ScriptedRuntime) -> None:
    station = windowed_station(graph, alarm__on_threshold=0.8, alarm__on_delay=PERIOD_NS / SECOND)
    start_ns = start_of(station)
    runtime.say({"Smoke": 0.65, "NoGas": 0.34})
    read_and_wait(station, start_ns, 0)
    station.wait_for_state("clear")
    runtime.say({"Smoke": 0.85, "NoGas": 0.14})
    read_and_wait(station, start_ns, 1)
    station.wait_for_state("pending")
    read_and_wait(station, start_ns, 2)
    station.wait_for_state("active")


def test_the_default_alarm_is_the_advised_one(bundle: Bundle) -> None:
    alarm = default_alarm(bundle.alarm)
    assert alarm == AlarmSettings(
        {"Mixture": Severity.CRITICAL, "Smoke": Severity.CRITICAL, "Perfume": Severity.WARNING},
        on_threshold=0.6,
        off_threshold=0.3,
        on_delay_ns=0,
        off_delay_ns=PERIOD_NS,
        novelty_is_evidence=False,
    )


@pytest.mark.usefixtures("runtime")
def test_a_threshold_that_contradicts_the_advice_is_refused_and_the_advice_named(
    graph: Graph, capfd: pytest.CaptureFixture[str]
) -> None:
    node = graph.create(GasClassifierNode, alarm__on_threshold=0.2)
    assert node.trigger_configure() == FAILURE
    text = capfd.readouterr().err
    assert "0 < off_threshold <= on_threshold <= 1, not 0.3 and 0.2" in text
    assert "as the model advises: alarm.off_threshold, alarm.on_delay, alarm.off_delay" in text


ADVISED = {spec.name: spec for spec in GasClassifierNode.SPECS if isinstance(spec, AdvisedSpec)}


def test_thresholds_and_delays_are_advised() -> None:
    assert set(ADVISED) == {
        *(f"alarm.{edge}_{kind}" for edge in ("on", "off") for kind in ("threshold", "delay")),
        *(f"alarm.unidentified_{edge}_delay" for edge in ("on", "off")),
    }
    assert {spec.default for spec in ADVISED.values()} == {-1.0}


@pytest.mark.parametrize("name", sorted(ADVISED))
@pytest.mark.parametrize("value", [-0.5, -1.5, -1e-9, float("nan"), float("inf")])
def test_another_negative_value_is_refused_with_the_reason(graph: Graph, name: str, value: float) -> None:
    node = graph.create(GasClassifierNode)
    [result] = node.set_parameters([Parameter(name, value=value)])
    assert not result.successful
    assert name in result.reason
    assert node.parameters.value(name) == -1.0


def test_a_refused_negative_value_at_start_fails_configure_with_the_reason(
    graph: Graph, capfd: pytest.CaptureFixture[str]
) -> None:
    node = graph.create(GasClassifierNode, alarm__on_threshold=-0.5)
    assert node.trigger_configure() == FAILURE
    reason = "alarm.on_threshold is -0.5; it must be within 0.001 ... 1, or -1.0: as the model advises"
    assert reason in capfd.readouterr().err
    assert node.set_parameters([Parameter("alarm.on_threshold", value=-1.0)])[0].successful
    assert node.trigger_configure() == SUCCESS


@pytest.mark.parametrize(
    ("name", "accepted"),
    [
        ("alarm.on_threshold", False),
        ("alarm.off_threshold", False),
        ("alarm.on_delay", True),
        ("alarm.off_delay", True),
    ],
)
def test_zero_is_a_delay_and_no_threshold(name: str, accepted: bool) -> None:
    assert (ADVISED[name].refusal(0.0) is None) == accepted
    assert ADVISED[name].refusal(-1.0) is None
    assert ADVISED[name].refusal(1.0) is None
