"""The classifier node over DDS: arrays of other channels than its model, and one array after another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from diagnostic_msgs.msg import DiagnosticArray
from scripted_runtime import ScriptedRuntime, windowed_bundle

from gas_fusion_ros.alarm.settings import AlarmAdvice, DepartureAdvice
from gas_fusion_ros.alarm.source_watch import Source
from gas_fusion_ros.array.departure import LATEST
from gas_fusion_ros.array.description import ArrayChannel, ArrayDescription
from gas_fusion_ros.base.observation import PAPER_CHANNELS, GasReading
from gas_fusion_ros.model.bundle import Bundle
from gas_fusion_ros.nodes import gas_classifier
from gas_fusion_ros.nodes.qos import LATCHED, RELIABLE
from gas_fusion_ros.ros.messages import encode_reading, key_values
from gas_fusion_ros.ros.source_messages import encode_source_status
from nodes.harness import Graph
from nodes.test_gas_classifier import Station

SECOND = 1_000_000_000
MIDDLE = 511.5
"""The reading of a channel whose baseline is 0, in clean air."""
SCALES = {"one": 1023.0, "two": 4095.0}
OWN = ArrayDescription(tuple(ArrayChannel(name, baseline=0.0) for name in PAPER_CHANNELS))


@pytest.fixture(autouse=True)
def runtime(monkeypatch: pytest.MonkeyPatch) -> ScriptedRuntime:
    """What the nodes of the test run, with a windowed bundle that looks at ln(Rs/R0)."""
    runtime = ScriptedRuntime()
    zeros, ones = np.zeros(7, np.float32), np.ones(7, np.float32)
    advice = DepartureAdvice(0.5, SECOND, SECOND)
    bundle = replace(windowed_bundle(4, AlarmAdvice()), array=OWN, mean=zeros, std=ones, departure=advice)
    monkeypatch.setattr(Bundle, "load", lambda _: bundle)
    monkeypatch.setattr(gas_classifier, "create_runtime", lambda *_: runtime)
    return runtime


def read(station: Station, channels: Sequence[str], counts: Sequence[float]) -> dict[str, str]:
    """Publish a reading; return the values of its classification."""
    before = len(station.classifications)
    reading = GasReading(station.now_ns(), tuple(channels), np.array(counts, np.float32))
    station.publish_reading(encode_reading(reading))
    station.graph.wait_for(lambda: len(station.classifications) > before)
    return station.last()


def test_any_of_the_models_channels_will_do_and_what_is_missing_is_said_once(
    graph: Graph, runtime: ScriptedRuntime, capfd: pytest.CaptureFixture[str]
) -> None:
    diagnostics = graph.listen(DiagnosticArray, "/diagnostics", RELIABLE)
    station = Station(graph, pairing__wait=0.0)
    for _ in range(3):
        values = read(station, ("mq3", "mq135", "co2"), [MIDDLE, 200.0, 9.0])
    missing = [name for name in PAPER_CHANNELS if name not in ("mq3", "mq135")]
    assert values["invalid_channels"] == " ".join(missing)
    valid = runtime.given[-1]["valid"][0, -1] > 0.5
    assert [name for name, is_valid in zip(PAPER_CHANNELS, valid, strict=True) if is_valid] == [
        "mq3",
        "mq135",
    ]
    assert capfd.readouterr().err.count("readings have no channel mq2, mq5, mq6, mq7, mq8") == 1
    graph.wait_for(lambda: missing_in(diagnostics) == " ".join(missing))
    read(station, PAPER_CHANNELS, [MIDDLE] * 7)
    graph.wait_for(lambda: missing_in(diagnostics) == "")


def test_channels_that_the_model_does_not_know_count_in_the_departure(graph: Graph) -> None:
    names = ("mq4", "tgs2602", "mq3")
    told = ArrayDescription(tuple(ArrayChannel(name, baseline=0.0) for name in names))
    source = Source("serial", True, "running")
    array = graph.probe.create_publisher(DiagnosticArray, "gas/array_info", LATCHED)
    array.publish(encode_source_status(source, 1, "", "gas_sensor", array=told))
    station = Station(graph, pairing__wait=0.0)
    graph.wait_for(lambda: "gas/array_info" in array_of(station))
    for deviations, label in (([-1.0, -0.25, 0.0], "NoGas"), ([-1.0, -0.75, 0.0], "Unknown")):
        for _ in range(LATEST):
            read(station, names, told.readings_of(deviations).tolist())
        assert station.classifications[-1].status[0].message == label


def test_a_reading_that_waits_is_of_the_array_told_when_it_was_heard(
    graph: Graph, runtime: ScriptedRuntime
) -> None:
    told = {serial: replace(OWN, serial_id=serial, full_scale=scale) for serial, scale in SCALES.items()}
    array = graph.probe.create_publisher(DiagnosticArray, "gas/array_info", LATCHED)
    station = Station(graph, pairing__wait=10.0)

    def tell(serial: str) -> None:
        source = Source("serial", True, "running")
        array.publish(encode_source_status(source, 1, "", "gas_sensor", array=told[serial]))
        graph.wait_for(lambda: f"serial id {serial}" in array_of(station))

    tell("one")
    reading = GasReading(station.now_ns(), PAPER_CHANNELS, np.full(7, MIDDLE, np.float32))
    station.publish_reading(encode_reading(reading))
    graph.wait_for(lambda: station.node.pairing_counters.readings_waiting == 1)
    tell("two")
    graph.wait_for(lambda: len(station.classifications) == 1)
    np.testing.assert_allclose(runtime.given[-1]["gas"][0, -1], np.log(SCALES["one"] / MIDDLE - 1), atol=1e-5)


def test_a_reading_without_any_of_them_is_refused(graph: Graph) -> None:
    station = Station(graph, pairing__wait=0.0)
    reading = GasReading(station.now_ns(), ("co2",), np.array([MIDDLE], np.float32))
    station.publish_reading(encode_reading(reading))
    graph.wait_for(lambda: station.node.problem_counts() == {"reading_missing_channel": 1})


def test_channels_that_are_named_are_the_ones_that_are_read(graph: Graph) -> None:
    station = Station(graph, pairing__wait=0.0, channels=["mq2", "mq3"])
    values = read(station, ("mq3", "mq135"), [MIDDLE] * 2)
    assert values["invalid_channels"] == " ".join(name for name in PAPER_CHANNELS if name != "mq3")


def missing_in(messages: list[DiagnosticArray]) -> str | None:
    found = [status for message in messages for status in message.status]
    last = [status for status in found if status.name == "gas_classifier: classification"][-1]
    return key_values(last).get("missing_channels")


def array_of(station: Station) -> str:
    return key_values(station.node.diagnostics()[1])["array"]
