"""`gas-fusion bag` on the command line, with and without ROS."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from in_process import invoke
from recordings import read
from rosbags.rosbag2 import Reader
from without_ros import gas_fusion

from gas_fusion_ros.array.array_file import load_array
from gas_fusion_ros.array.description import ArrayDescription
from gas_fusion_ros.ros.source_messages import decode_array


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three rows of two channels, the second row broken."""
    data = tmp_path / "data"
    data.mkdir()
    rows = "0,5,1.5,NoGas\n1,broken,2,NoGas\n0,8,nan,Smoke\n"
    (data / "Gas_Sensors_Measurements.csv").write_text(f"Serial Number,MQ2,CO2,Gas\n{rows}")
    return data


def counts(path: Path) -> dict[str, int]:
    with Reader(path) as reader:
        return {connection.topic: connection.msgcount for connection in reader.connections}


def test_a_folder_becomes_a_bag_and_what_was_left_out_is_said(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    code, text = invoke(
        "bag", "--data", folder, "--output", out, "--channels", "mq2,CO2", "--namespace", "/robot1/"
    )
    assert code == 1
    assert "2 readings, no images, 1 leaks, classes NoGas, Smoke, 4 s" in text
    assert "unreadable_row: Gas_Sensors_Measurements.csv line 3: channel mq2 is 'broken'" in text
    assert counts(out) == {"/robot1/gas/readings": 2, "/robot1/truth/label": 5, "/robot1/truth/leaks": 1}


def test_a_patrol_becomes_a_bag_without_ros(tmp_path: Path) -> None:
    out = tmp_path / "out"
    done = gas_fusion(
        *("bag", "--patrol", "--seed", "3", "--duration", "160", "--period", "8", "--output", out),
        *("--storage", "sqlite3", "--compression", "none"),
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "20 readings, 20 images on thermal/image, 1 leaks" in done.stdout
    assert (out / "out.db3").is_file()
    assert counts(out)["/thermal/camera_info"] == 20


def test_a_folder_becomes_a_bag_without_ros(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    done = gas_fusion(
        "bag", "--data", folder, "--channels", "mq2", "--render", "--rows", "1", "--output", out
    )
    assert (done.returncode, done.stderr) == (1, done.stderr)
    assert "1 readings, 1 images on thermal/image, 0 leaks, classes NoGas, 0 s" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ([], "name a folder with --data, or give --patrol"),
        (["--data", "nowhere"], "--data: nowhere does not exist"),
        (["--data", "{data}"], "--data: .*no column for mq3.*name the channels with --channels"),
        (["--data", "{data}", "--channels", "mq2,mq2"], "--channels: channels must be different"),
        (["--data", "{data}", "--channels", "x"], "--channels: channels must not be named x"),
        (["--data", "{data}", "--channels", "mq2", "--leaks", "1"], "--data goes without --leaks"),
        (["--data", "{data}", "--channels", "mq2", "--duration", "0"], "--duration must be above 0"),
        (["--data", "{data}", "--channels", "mq2", "--namespace", "a b"], "--namespace is 'a b'"),
        (["--patrol", "--data", "{data}"], "--patrol goes without --data"),
        (["--patrol", "--rows", "3", "--render"], "--patrol goes without --rows, --render"),
        (["--patrol", "--duration", "10"], "--duration must be within 60..3600"),
        (["--patrol", "--leaks", "99"], "--leaks: leaks must be within"),
        (["--patrol", "--channels", "co2"], "--channels: co2; the simulation knows mq2"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(
    folder: Path, tmp_path: Path, arguments: list[str], complaint: str
) -> None:
    given = [argument.replace("{data}", str(folder)) for argument in arguments]
    code, text = invoke("bag", *given, "--output", tmp_path / "out")
    assert code == 2
    assert re.search(complaint, text), text
    assert len(text.splitlines()) == 1
    assert not (tmp_path / "out").exists()


ARRAY = "format_version: 1\nserial_id: seven\nchannels: {CO2: {}, mq2: {sensor: MQ-2}}\n"


def array_in(bag: Path) -> ArrayDescription | None:
    told = [message for _, topic, message in read(bag) if topic == "/gas/array_info"]
    return decode_array(told[0], "gas/array_info") if told else None


def test_the_channels_are_those_of_the_array_and_the_bag_says_what_it_is(
    folder: Path, tmp_path: Path
) -> None:
    out, file = tmp_path / "out", tmp_path / "mine.yaml"
    file.write_text(ARRAY)
    code, text = invoke("bag", "--data", folder, "--array", file, "--output", out)
    assert code == 1
    assert f"4 s, the array as {file} describes it" in text
    assert array_in(out) == load_array(file)
    assert [message.fields[3].name for _, topic, message in read(out) if topic == "/gas/readings"] == [
        "CO2"
    ] * 2


def test_a_folder_may_hold_its_array_and_another_one_wins(folder: Path, tmp_path: Path) -> None:
    (folder / "array.yaml").write_text(ARRAY)
    code, text = invoke("bag", "--data", folder, "--channels", "mq2", "--output", tmp_path / "its")
    assert code == 1
    assert f"the array as {folder / 'array.yaml'} describes it" in text
    array = array_in(tmp_path / "its")
    assert array is not None
    assert (array.serial_id, array.names) == ("seven", ("mq2",))
    other = tmp_path / "other.yaml"
    other.write_text(ARRAY.replace("seven", "eight"))
    assert invoke("bag", "--data", folder, "--array", other, "--output", tmp_path / "other")[0] == 1
    array = array_in(tmp_path / "other")
    assert array is not None
    assert array.serial_id == "eight"


def test_a_simulated_array_says_what_it_is_or_what_a_file_says(tmp_path: Path) -> None:
    file = tmp_path / "array.yaml"
    file.write_text("format_version: 1\nchannels: {mq135: {}, mq2: {}}\n")
    patrol = ("--patrol", "--duration", "60", "--leaks", "0", "--period", "8")
    assert invoke("bag", *patrol, "--array", file, "--output", tmp_path / "out")[0] == 0
    assert array_in(tmp_path / "out") == load_array(file)
    assert invoke("bag", *patrol, "--channels", "mq3,mq2", "--output", tmp_path / "plain")[0] == 0
    array = array_in(tmp_path / "plain")
    assert array is not None
    assert (array.serial_id, array.names) == ("simulated", ("mq3", "mq2"))


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (None, "array file .*mine.yaml cannot be read"),
        ("format_version: 1", "array file .*mine.yaml: channels must be a table"),
        (ARRAY, "--channels does not fit the array file .*mine.yaml: it has no channel mq9; it has CO2, mq2"),
    ],
)
def test_an_array_file_that_does_not_fit_is_refused(
    folder: Path, tmp_path: Path, content: str | None, complaint: str
) -> None:
    file = tmp_path / "mine.yaml"
    if content is not None:
        file.write_text(content)
    arguments = ("--data", folder, "--array", file, "--channels", "mq2,mq9", "--output", tmp_path / "out")
    code, text = invoke("bag", *arguments)
    assert code == 2
    assert re.search(complaint, text), text
    assert not (tmp_path / "out").exists()


def test_an_existing_bag_is_refused(folder: Path) -> None:
    code, text = invoke("bag", "--data", folder, "--channels", "mq2", "--output", folder)
    assert code == 2
    assert "exists already" in text
