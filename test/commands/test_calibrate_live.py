"""`gas-fusion calibrate` on a live topic, over real DDS."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest
from in_process import invoke
from without_ros import gas_fusion

from gas_fusion_ros.array.array_file import load_array
from gas_fusion_ros.commands import live_air
from gas_fusion_ros.commands.live_air import is_topic

pytest.importorskip("rclpy", reason="needs ROS 2")

from measured import command_of, end_of, start
from nodes.harness import Graph

from gas_fusion_ros.nodes.gas_sensor import GasSensorNode


def play(graph: Graph, folder: Path, **parameters: str) -> GasSensorNode:
    """A node that plays clean air of two channels, a hundred readings a second."""
    rows = [f"{n},{400 + n % 3},{300 + n % 2},NoGas" for n in range(12)]
    path = folder / "readings.csv"
    path.write_text("\n".join(["Serial Number,MQ2,MQ3,Gas", *rows]) + "\n")
    node = graph.create(
        GasSensorNode,
        driver="recorded",
        recorded__path=str(path),
        channels=["mq2", "mq3"],
        period=0.01,
        **parameters,
    )
    node.trigger_configure()
    node.trigger_activate()
    return node


@pytest.mark.parametrize(
    ("name", "is_one"),
    [
        ("/gas/readings", True),
        ("gas/readings", True),
        ("/readings", True),
        ("robot1/gas/readings", True),
        ("morning_air", False),
        ("data/2026-01-02", False),
        ("bags/air.mcap", False),
        ("/gas/1st", False),
    ],
)
def test_a_name_with_a_slash_that_is_no_path_is_a_topic(
    name: str, is_one: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert is_topic(Path(name)) is is_one
    if is_one and not name.startswith("/"):
        (tmp_path / name).mkdir(parents=True)
        assert not is_topic(Path(name))


def test_a_live_topic_becomes_an_array_file(graph: Graph, tmp_path: Path) -> None:
    play(graph, tmp_path)
    out = tmp_path / "array.yaml"
    code, text = invoke("calibrate", "/gas/readings", "--duration", "2", "--output", out)
    assert code == 0, text
    assert "listening to /gas/readings for 2 s; Ctrl-C ends that with what has come" in text
    assert "readings (2 s on your word) as counts, full scale 1023, load_low; ln(Rs/RL) mq2 0.4" in text
    array = load_array(out)
    assert array.names == ("mq2", "mq3")
    assert array.calibration is not None
    assert array.calibration.readings > 60


def test_what_the_array_tells_of_itself_beside_the_topic_is_taken(graph: Graph, tmp_path: Path) -> None:
    board = tmp_path / "board.yaml"
    channels = "{mq2: {sensor: MQ-2}, mq3: {sensor: MQ-3, baseline: 9.0}}"
    board.write_text(f"format_version: 1\nserial_id: seven\nfull_scale: 4095\nchannels: {channels}\n")
    play(graph, tmp_path, array_file=str(board))
    out = tmp_path / "array.yaml"
    code, text = invoke("calibrate", "/gas/readings", "--duration", "2", "--output", out)
    assert code == 0, text
    assert "unit, full_scale, divider, sensors, serial_id from /gas/array_info" in " ".join(text.split())
    array = load_array(out)
    assert (array.full_scale, array.serial_id, array.channels[1].sensor) == (4095.0, "seven", "MQ-3")
    assert array.channels[1].baseline == pytest.approx(2.54, abs=0.01)


def test_ctrl_c_ends_it_with_what_has_come(graph: Graph, tmp_path: Path) -> None:
    node = play(graph, tmp_path)
    out, said = tmp_path / "array.yaml", tmp_path / "said"
    with said.open("wb") as file:
        process = start(command_of("calibrate", "gas/readings", "--output", out), file.fileno())
    graph.wait_for(lambda: graph.probe.count_subscribers("gas/readings") > 0)
    before = node.published
    graph.wait_for(lambda: node.published > before + 400)
    process.send_signal(signal.SIGINT)
    assert end_of(process, 20.0) == 0, said.read_text()
    assert "then ended, on your word) as counts" in said.read_text()
    assert load_array(out).names == ("mq2", "mq3")


def test_ctrl_c_before_the_first_reading_is_an_interruption(graph: Graph, tmp_path: Path) -> None:
    said = tmp_path / "said"
    with said.open("wb") as file:
        process = start(
            command_of("calibrate", "gas/readings", "--output", tmp_path / "array.yaml"), file.fileno()
        )
    graph.wait_for(lambda: graph.probe.count_subscribers("gas/readings") > 0)
    process.send_signal(signal.SIGINT)
    assert end_of(process, 20.0) == 130, said.read_text()
    assert "interrupted" in said.read_text()
    assert not (tmp_path / "array.yaml").exists()


@pytest.mark.parametrize(
    ("source", "options", "reason"),
    [
        ("gas/readings", ("--gas-topic", "/x"), "--gas-topic is of a bag"),
        ("morning_air", ("--duration", "5"), "--duration is of a live topic; --last takes the last readings"),
    ],
)
def test_options_of_the_other_kind_are_refused(
    tmp_path: Path, source: str, options: tuple[str, ...], reason: str
) -> None:
    code, text = invoke("calibrate", source, *options, "--output", tmp_path / "array.yaml")
    assert code == 2
    assert reason in text


def test_without_ros_a_topic_says_that_it_needs_it(tmp_path: Path) -> None:
    done = gas_fusion("calibrate", "/gas/readings", "--output", tmp_path / "array.yaml")
    assert done.returncode == 2
    assert "ROS 2 cannot be imported" in done.stderr
    assert "source its setup file" in done.stderr


@pytest.mark.usefixtures("ros_domain")
def test_where_nobody_publishes_it_ends_by_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live_air, "PATIENCE_S", 1.0)
    code, text = invoke(
        "calibrate", "data/morning_air", "--duration", "5", "--output", tmp_path / "array.yaml"
    )
    assert code == 2
    assert "nobody has published data/morning_air for 1 s" in text
    assert "and there is no file or folder data/morning_air" in text
