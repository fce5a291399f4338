"""The gas sensor node over DDS: its drivers, its health, its lifecycle."""

from __future__ import annotations

import os
import re
from pathlib import Path

import numpy as np
import pytest
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from rclpy.lifecycle import TransitionCallbackReturn
from sensor_msgs.msg import PointCloud2

from gas_fusion_ros.array.array_file import write_array
from gas_fusion_ros.array.description import ArrayCalibration, ArrayChannel, ArrayDescription, Unit
from gas_fusion_ros.base.observation import PAPER_CHANNELS, GasReading
from gas_fusion_ros.nodes.gas_sensor import GasSensorNode
from gas_fusion_ros.nodes.qos import LATCHED, RELIABLE
from gas_fusion_ros.ros.messages import decode_reading, key_values
from nodes.harness import Graph

SUCCESS = TransitionCallbackReturn.SUCCESS
FAILURE = TransitionCallbackReturn.FAILURE

ROWS = ("0,555,515,377,338,666,451,416,NoGas", "1,556,516,378,339,667,452,417,NoGas")
HEADER = "Serial Number,MQ2,MQ3,MQ5,MQ6,MQ7,MQ8,MQ135,Gas"


def write_csv(folder: Path, *rows: str) -> Path:
    path = folder / "readings.csv"
    path.write_text("\n".join((HEADER, *rows)) + "\n", encoding="utf-8")
    return path


def readings(messages: list[PointCloud2]) -> list[GasReading]:
    return [decode_reading(message, PAPER_CHANNELS) for message in messages]


def statuses(messages: list[DiagnosticArray]) -> dict[str, DiagnosticStatus]:
    return {status.name: status for message in messages for status in message.status}


def start(node: GasSensorNode) -> None:
    assert node.trigger_configure() == SUCCESS
    assert node.trigger_activate() == SUCCESS


def test_simulated_array_publishes_plausible_readings(graph: Graph) -> None:
    received = graph.listen(PointCloud2, "gas/readings", RELIABLE)
    start(graph.create(GasSensorNode, driver="simulated", period=0.02))
    graph.wait_for(lambda: len(received) >= 20)
    stamps = [reading.stamp_ns for reading in readings(received)]
    assert all(stamp % 20_000_000 == 0 for stamp in stamps)
    assert stamps == sorted(set(stamps))
    counts = np.stack([reading.counts for reading in readings(received)])
    assert np.isfinite(counts).all()
    assert counts.min() > 0
    assert counts.max() < 1023


def test_nothing_is_published_before_activate_and_after_deactivate(graph: Graph) -> None:
    received = graph.listen(PointCloud2, "gas/readings", RELIABLE)
    node = graph.create(GasSensorNode, driver="simulated", period=0.01)
    assert node.trigger_configure() == SUCCESS
    assert node.published == 0
    assert node.trigger_activate() == SUCCESS
    graph.wait_for(lambda: len(received) > 3)
    assert node.trigger_deactivate() == SUCCESS
    published = node.published
    assert node.trigger_activate() == SUCCESS
    graph.wait_for(lambda: node.published > published)
    for transition in (node.trigger_deactivate, node.trigger_cleanup, node.trigger_configure):
        assert transition() == SUCCESS


def test_recording_plays_in_order_once(graph: Graph, tmp_path: Path) -> None:
    received = graph.listen(PointCloud2, "gas/readings", RELIABLE)
    path = write_csv(tmp_path, *ROWS)
    start(
        graph.create(
            GasSensorNode, driver="recorded", recorded__path=str(path), recorded__loop=False, period=0.05
        )
    )
    graph.wait_for(lambda: len(received) == 2)
    assert [reading.counts[0] for reading in readings(received)] == [555.0, 556.0]


def test_unreadable_row_is_named_by_line_and_the_rest_plays(graph: Graph, tmp_path: Path) -> None:
    diagnostics = graph.listen(DiagnosticArray, "/diagnostics", RELIABLE)
    received = graph.listen(PointCloud2, "gas/readings", RELIABLE)
    path = write_csv(tmp_path, ROWS[0], "1,556,oops,378,339,667,452,417,NoGas")
    node = graph.create(GasSensorNode, driver="recorded", recorded__path=str(path), period=0.02)
    assert node.trigger_configure() == SUCCESS
    [problem] = [problem for tally in node.tallies() for problem in tally.take_unreported()]
    assert "line 3" in problem.detail
    assert "oops" in problem.detail
    assert node.trigger_activate() == SUCCESS
    graph.wait_for(lambda: len(received) >= 2)
    graph.wait_for(lambda: "gas_sensor: driver" in statuses(diagnostics))
    assert key_values(statuses(diagnostics)["gas_sensor: driver"])["unreadable_row"] == "1"


def test_diagnostics_of_two_robots_have_different_names(graph: Graph) -> None:
    diagnostics = graph.listen(DiagnosticArray, "/diagnostics", RELIABLE)
    for namespace in ("/robot1", "/robot2"):
        start(graph.create(GasSensorNode, namespace=namespace, driver="simulated", period=0.05))
    expected = {f"{robot}/gas_sensor: {of}" for robot in ("robot1", "robot2") for of in ("driver", "mq2")}
    graph.wait_for(lambda: expected <= set(statuses(diagnostics)))
    assert not any(name.startswith("gas_sensor") for name in statuses(diagnostics))


@pytest.mark.parametrize(
    ("parameters", "reason"),
    [
        ({"driver": "recorded"}, "recorded.path is not set"),
        ({"driver": "recorded", "recorded__path": "/nowhere.csv"}, "/nowhere.csv"),
        ({"driver": "serial", "serial__port": "/dev/nowhere"}, "/dev/nowhere"),
        ({"driver": "ads1115", "ads1115__device": "/dev/nowhere"}, "/dev/nowhere"),
        ({"driver": "ads1115", "ads1115__inputs": ["0x47:0"] * 7}, "ads1115.inputs has '0x47:0'"),
        ({"driver": "mcp3008", "mcp3008__device": "/dev/spidev9.9"}, "/dev/spidev9.9"),
        ({"driver": "mcp3008", "period": 0.1}, "mcp3008.average is 0.2 s, longer than the time between"),
        ({}, "driver is not set; it must be one of: ads1115, mcp3008, recorded, serial, simulated"),
        ({"driver": "simulated", "channels": ["mq2", "mq2"]}, "channels must be different"),
        ({"driver": "serial", "channels": ["mq2", "x"]}, "channels must not be named x"),
        (
            {"driver": "simulated", "health__minimum_counts": 900.0, "health__maximum_counts": 100.0},
            "below maximum_counts",
        ),
    ],
)
def test_configure_fails_with_the_reason(
    graph: Graph, capfd: pytest.CaptureFixture[str], parameters: dict[str, object], reason: str
) -> None:
    node = graph.create(GasSensorNode, **parameters)
    assert node.trigger_configure() == FAILURE
    assert reason in capfd.readouterr().err


def test_channel_out_of_range_goes_out_as_nan_and_is_reported(graph: Graph, tmp_path: Path) -> None:
    diagnostics = graph.listen(DiagnosticArray, "/diagnostics", RELIABLE)
    received = graph.listen(PointCloud2, "gas/readings", RELIABLE)
    path = write_csv(tmp_path, "0,555,1023,377,338,666,0,416,NoGas")
    start(graph.create(GasSensorNode, driver="recorded", recorded__path=str(path), period=0.02))
    graph.wait_for(lambda: len(received) >= 1)
    invalid = np.isnan(readings(received)[0].counts)
    assert [name for name, bad in zip(PAPER_CHANNELS, invalid, strict=True) if bad] == ["mq3", "mq8"]
    graph.wait_for(lambda: "gas_sensor: mq8" in statuses(diagnostics))
    found = statuses(diagnostics)
    assert key_values(found["gas_sensor: mq8"])["health"] == "out_of_range"
    assert found["gas_sensor: mq8"].level == DiagnosticStatus.ERROR
    assert key_values(found["gas_sensor: mq2"])["health"] == "warming_up"


@pytest.mark.parametrize(
    ("unit", "full_scale", "row", "given", "out"),
    [
        (Unit.COUNTS, 4095.0, "2000,4094,4095,1,0,1500,1023", {}, ["mq5", "mq7"]),
        (Unit.COUNTS, 4095.0, "2000,4094,3500,1,9,1500,1023", {"health__maximum_counts": 3600.0}, ["mq3"]),
        (Unit.VOLT, 5.0, "2.5,4.99,5.0,0.01,0.001,0.5,1.0", {}, ["mq5", "mq7"]),
        (Unit.OHM, 1.0, "20000,3e6,5e7,900,0,10000,15000", {}, ["mq5", "mq7"]),
    ],
)
def test_the_plausible_range_follows_the_array_unless_it_is_given(
    graph: Graph,
    tmp_path: Path,
    unit: Unit,
    full_scale: float,
    row: str,
    given: dict[str, float],
    out: list[str],
) -> None:
    array = tmp_path / "array.yaml"
    channels = tuple(map(ArrayChannel, PAPER_CHANNELS))
    write_array(array, ArrayDescription(channels, unit, full_scale))
    path = write_csv(tmp_path, f"0,{row},NoGas")
    received = graph.listen(PointCloud2, "gas/readings", RELIABLE)
    start(
        graph.create(
            GasSensorNode,
            driver="recorded",
            recorded__path=str(path),
            period=0.02,
            array_file=str(array),
            **given,
        )
    )
    graph.wait_for(lambda: len(received) >= 1)
    invalid = np.isnan(readings(received)[0].counts)
    assert [name for name, bad in zip(PAPER_CHANNELS, invalid, strict=True) if bad] == out


def test_serial_array_with_cut_lines_and_garbage(graph: Graph) -> None:
    controller, device = os.openpty()
    received = graph.listen(PointCloud2, "gas/readings", RELIABLE)
    node = graph.create(
        GasSensorNode, driver="serial", serial__port=os.ttyname(device), channels=["mq2", "mq135"]
    )
    start(node)
    lines = b"hello\n500,400\n\xff\xfe\x80\n50\n501,401\n" + b'{"mq2": 502, "mq135": null}\n'
    os.write(controller, lines)
    graph.wait_for(lambda: len(received) == 3)
    counts = np.stack([decode_reading(message, ("mq2", "mq135")).counts for message in received])
    np.testing.assert_array_equal(counts, [[500, 400], [501, 401], [502, np.nan]])
    assert node.problem_counts() == {"no_text": 1, "1_values": 1}
    os.close(device)
    os.close(controller)


def test_another_converter_is_told_with_the_remedy(graph: Graph) -> None:
    controller, device = os.openpty()
    node = graph.create(
        GasSensorNode, driver="serial", serial__port=os.ttyname(device), channels=["mq3", "mq8"]
    )
    start(node)
    os.write(controller, b"\n" + b"".join(b"%d,3105\n" % (2040 + number) for number in range(12)))
    graph.wait_for(lambda: node.published == 12)
    assert node.problem_counts() == {"scale": 3}
    os.close(device)
    os.close(controller)


def test_unplugged_array_is_an_error_until_it_is_back(graph: Graph, tmp_path: Path) -> None:
    diagnostics = graph.listen(DiagnosticArray, "/diagnostics", RELIABLE)
    port = tmp_path / "array"
    ends = os.openpty()
    port.symlink_to(os.ttyname(ends[1]))
    start(graph.create(GasSensorNode, driver="serial", serial__port=str(port)))

    def state_is(state: str, level: bytes) -> bool:
        found = statuses(diagnostics).get("gas_sensor: driver")
        return found is not None and (key_values(found)["state"], found.level) == (state, level)

    graph.wait_for(lambda: state_is("running", DiagnosticStatus.OK))
    port.unlink()
    for end in ends:
        os.close(end)
    graph.wait_for(lambda: state_is("disconnected", DiagnosticStatus.ERROR))
    ends = os.openpty()
    port.symlink_to(os.ttyname(ends[1]))
    graph.wait_for(lambda: state_is("running", DiagnosticStatus.OK))
    assert key_values(statuses(diagnostics)["gas_sensor: driver"])["disconnected"] == "1"
    for end in ends:
        os.close(end)


def source_values(messages: list[DiagnosticArray]) -> list[dict[str, str]]:
    return [key_values(message.status[0]) for message in messages]


def test_what_array_it_is_is_told_at_activate_and_at_each_change(graph: Graph) -> None:
    node = graph.create(GasSensorNode, driver="simulated", period=0.05, health__warm_up=0.3)
    start(node)
    # Latched: who comes later hears of it too.
    infos = graph.listen(DiagnosticArray, "gas/array_info", LATCHED)
    graph.wait_for(lambda: len(infos) >= 2)
    assert node.trigger_deactivate() == SUCCESS
    graph.wait_for(lambda: len(infos) == 3)
    states = ("warming_up", "running", "inactive")
    assert source_values(infos) == [
        {"driver": "simulated", "is_sensor": "false", "state": state} for state in states
    ]
    assert infos[0].header.frame_id == "gas_sensor_link"
    first, *channels = infos[0].status
    assert (first.name, first.level) == ("gas_sensor: source", DiagnosticStatus.WARN)
    assert [status.name for status in channels] == [f"gas_sensor: {name}" for name in PAPER_CHANNELS]
    assert {key_values(status)["health"] for status in channels} == {"warming_up"}
    assert {key_values(status)["health"] for status in infos[1].status[1:]} == {"ok"}


def test_a_simulated_array_is_no_sensor_in_diagnostics_either(graph: Graph) -> None:
    diagnostics = graph.listen(DiagnosticArray, "/diagnostics", RELIABLE)
    start(graph.create(GasSensorNode, driver="simulated"))
    graph.wait_for(lambda: "gas_sensor: driver" in statuses(diagnostics))
    driver = statuses(diagnostics)["gas_sensor: driver"]
    assert (driver.level, driver.message) == (DiagnosticStatus.WARN, "not a sensor: simulated")


def test_an_array_that_is_described_is_told(
    graph: Graph, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "array.yaml"
    channels = (ArrayChannel("mq3", "MQ-3", 0.5, 0.01), ArrayChannel("mq2"), ArrayChannel("mq9"))
    calibration = ArrayCalibration("2026-01-02T03:04:05+00:00", 300)
    write_array(path, ArrayDescription(channels, full_scale=4095.0, serial_id="7", calibration=calibration))
    infos = graph.listen(DiagnosticArray, "gas/array_info", LATCHED)
    node = graph.create(
        GasSensorNode, driver="simulated", array_file=str(path), channels=["mq2", "mq3"], health__warm_up=0.0
    )
    start(node)
    graph.wait_for(lambda: len(infos[-1].status) == 3)
    first, mq2, mq3 = (key_values(status) for status in infos[-1].status)
    told = {key: first[key] for key in ("unit", "full_scale", "divider", "serial_id", "calibration.date")}
    assert told == {
        "unit": "counts",
        "full_scale": "4095.0",
        "divider": "load_low",
        "serial_id": "7",
        "calibration.date": "2026-01-02T03:04:05+00:00",
    }
    assert "health.maximum_counts" not in capfd.readouterr().err
    assert (mq3["sensor"], mq3["baseline"], mq3["spread"]) == ("MQ-3", "0.5", "0.01")
    assert "baseline" not in mq2


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("format_version: 1\nchannels: {mq2: {}}\n", "array_file: it has no channel mq3"),
        ("format_version: 3", "array_file: array file .* format_version is 3; this release reads 1"),
    ],
)
def test_an_array_file_that_does_not_fit_is_refused(
    graph: Graph, tmp_path: Path, content: str, reason: str
) -> None:
    path = tmp_path / "array.yaml"
    path.write_text(content)
    node = graph.create(GasSensorNode, driver="simulated", array_file=str(path), channels=["mq2", "mq3"])
    assert node.trigger_configure() == FAILURE
    assert re.search(reason, node.failure)


def test_counts_that_no_resistance_can_give_are_warned_of(
    graph: Graph, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "array.yaml"
    write_array(path, ArrayDescription((ArrayChannel("mq2"),), full_scale=500.0))
    given = {"driver": "simulated", "array_file": str(path), "channels": ["mq2"]}
    assert graph.create(GasSensorNode, **given).trigger_configure() == SUCCESS
    assert "health.maximum_counts" not in capfd.readouterr().err
    node = graph.create(GasSensorNode, health__maximum_counts=600.0, **given)
    assert node.trigger_configure() == SUCCESS
    assert "health.maximum_counts is 600, and the array's full scale 500" in capfd.readouterr().err
