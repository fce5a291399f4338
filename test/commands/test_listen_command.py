"""`gas-fusion listen` on captures and on a pseudo-terminal."""

from __future__ import annotations

import json
import os
import threading
import time
import tty
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from in_process import invoke
from serial_forms import NAMES, READ, READINGS, REFUSED, commas, lines, under
from without_ros import gas_fusion

from gas_fusion_ros.base.observation import PAPER_CHANNELS
from gas_fusion_ros.settings.parameter_file import read_node_parameters

FIRST = dict(zip(PAPER_CHANNELS, READINGS[0], strict=True))


def write(folder: Path, data: bytes) -> Path:
    path = folder / "capture.txt"
    path.write_bytes(data)
    return path


def heard(*arguments: str | Path) -> tuple[int, dict[str, Any]]:
    code, said = invoke("listen", *arguments, "--json")
    found = json.loads(said)
    assert isinstance(found, dict)
    return code, found


def test_what_is_heard_is_one_object_without_ros(tmp_path: Path) -> None:
    done = gas_fusion("listen", write(tmp_path, READ["header in another order"](READINGS)), "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["channels"] == [*PAPER_CHANNELS[3:], *PAPER_CHANNELS[:3]]
    assert found["first"] == FIRST
    assert (found["rows"], found["readings"], found["refused"]) == (len(READINGS), len(READINGS), [])
    assert (
        found["format"]
        == "values separated by comma, under a line of names; counts of 10 bits; lines end with CR LF"
    )


@pytest.mark.parametrize("form", ["tabs", "labels, pipes", "JSON nested", "milliseconds first", "CR"])
def test_the_first_reading_is_told_by_name(form: str, tmp_path: Path) -> None:
    code, found = heard(write(tmp_path, READ[form](READINGS)))
    assert code == 0
    assert found["first"] == FIRST
    assert found["readings"] == found["rows"] == len(READINGS)


@pytest.mark.parametrize("form", ["six values", "header of gases", "a sensor in each line", "no line end"])
def test_what_is_refused_is_told_with_the_remedy_and_the_count(form: str, tmp_path: Path) -> None:
    code, found = heard(write(tmp_path, REFUSED[form][0](READINGS)))
    assert code == 2
    assert (found["readings"], found["first"]) == (0, None)
    assert all(one["reason"] and one["remedy"] and one["count"] >= 1 for one in found["refused"])
    assert found["refused"]


def test_a_value_that_is_none_is_null(tmp_path: Path) -> None:
    rows = [commas(["ovf", *row[1:]]) for row in READINGS]
    _, found = heard(write(tmp_path, lines(rows)))
    assert found["first"] == FIRST | {"mq2": None}


@pytest.mark.parametrize(
    ("bad_rows", "told"), [(len(READINGS), ["mq2, mq5 never had a value"]), (len(READINGS) - 1, [])]
)
def test_a_channel_that_never_has_a_value_is_told(bad_rows: int, told: list[str], tmp_path: Path) -> None:
    rows = [
        commas(["nan", row[1], "nan", *row[3:]] if number < bad_rows else row)
        for number, row in enumerate(READINGS)
    ]
    _, found = heard(write(tmp_path, lines(rows)))
    assert [one["reason"] for one in found["notes"] if "never" in one["reason"]] == told


def test_a_capture_of_a_windows_shell_is_read(tmp_path: Path) -> None:
    text = READ["commas"](READINGS).decode()
    assert heard(write(tmp_path, text.encode("utf-16")))[1]["first"] == FIRST


@pytest.mark.parametrize("data", [b"", b"# nothing\n", (commas(NAMES) + "\n").encode()])
def test_a_capture_without_values_is_told(data: bytes, tmp_path: Path) -> None:
    code, found = heard(write(tmp_path, data))
    assert code == 2
    assert [one["reason"] for one in found["refused"]] == ["no line holds a value"]


def test_other_sensors_are_found_or_asked_for(tmp_path: Path) -> None:
    named = write(tmp_path, under("MQ4,TGS-2602,MQ-9", lambda _, row: commas(row[:3]))(READINGS))
    assert heard(named)[1]["channels"] == ["mq4", "tgs2602", "mq9"]
    nameless = write(tmp_path, lines([commas(row[:3]) for row in READINGS]))
    assert heard(nameless)[1]["readings"] == 0
    assert heard(nameless, "--channels", "mq4,tgs2602,mq9")[1]["first"] == {
        "mq4": 611,
        "tgs2602": 402,
        "mq9": 288,
    }


@pytest.mark.parametrize(
    ("line", "label"),
    [
        ("Gas Sensor Value = {}", "Gas Sensor Value"),
        ("Sensor 1: {}, Sensor 2: 201", "Sensor 1"),
        ("Smoke: {} ppm", "Smoke"),
        ("gas:{}", "gas"),
        ("Gas value {}", "Gas value"),
        ('{{"gas": {}, "air": 12}}', "gas"),
    ],
)
def test_a_value_of_no_sensor_is_told_with_what_to_send(line: str, label: str, tmp_path: Path) -> None:
    code, found = heard(write(tmp_path, lines([line.format(count) for count in range(300, 312)])))
    assert code == 2
    (refused,) = found["refused"]
    assert refused["count"] == 12
    assert f"gives a value under '{label}', which is the name of no sensor" in refused["reason"]
    assert "print the sensor's name before it, such as MQ2: 302" in refused["remedy"]


@pytest.mark.parametrize(
    "message",
    ["Connected to 192.168.1.4", "rst:0x1 (POWERON_RESET),boot:0x13", "up at 12:00:05"],
)
def test_a_message_asks_for_nothing(message: str, tmp_path: Path) -> None:
    _, found = heard(write(tmp_path, lines([message])))
    assert [one["remedy"].split(" where")[0] for one in found["refused"]] == ["nothing is to be done"]


def test_an_array_with_fewer_sensors_than_the_model_is_told_what_to_do(tmp_path: Path) -> None:
    capture = write(tmp_path, lines([f"MQ2: {count} MQ135: 200" for count in range(300, 312)]))
    code, found = heard(capture)
    assert (code, found["channels"]) == (0, ["mq2", "mq135"])
    (note,) = found["notes"]
    assert note["reason"].startswith("temporal_fusion learned from 7 channels, of which mq3, mq5,")
    assert note["reason"].endswith("; there are mq2, mq135")
    assert "gas-fusion calibrate" in note["remedy"]
    assert "gas-fusion teach" in note["remedy"]
    parameters = tmp_path / "board.yaml"
    invoke("listen", capture, "--write", parameters)
    assert "# temporal_fusion learned from 7 channels" in parameters.read_text()


def test_an_array_with_none_of_the_models_sensors_is_told_so(tmp_path: Path) -> None:
    _, found = heard(write(tmp_path, lines([f"MQ4: {count} MQ9: 200" for count in range(300, 312)])))
    assert [one["remedy"] for one in found["notes"]] == [
        "it needs one of them at least: name the channels after the sensors, or train a model"
    ]


@pytest.mark.parametrize(
    ("factor", "told"), [(4.0, "--full-scale 4095"), (5.0 / 1023.0, "--unit volt --full-scale 5")]
)
def test_another_scale_is_read_and_told_with_the_remedy(factor: float, told: str, tmp_path: Path) -> None:
    digits = 0 if factor > 1 else 2
    rows = [commas([f"{value * factor:.{digits}f}" for value in row]) for row in READINGS]
    code, found = heard(write(tmp_path, lines(rows)))
    assert (code, found["readings"]) == (0, len(READINGS))
    (note,) = found["notes"]
    assert told in note["reason"]
    assert "gas-fusion calibrate" in note["remedy"]


def test_lines_are_shown_with_what_they_are_read_as(tmp_path: Path) -> None:
    data = b"Gas array ready\x1b[2J\r\n" + READ["labels, pipes"](READINGS[:2]) + b"MQ2: 5 | MQ3\r\n"
    code, said = invoke("listen", write(tmp_path, data))
    assert code == 1
    assert "MQ2: 611 | MQ3: 402" in said
    assert "    611 402 288 733 519 350 467" in said
    assert "Gas array ready\\x1b[2J" in said
    assert "readings  2 of 3 lines with values" in said
    assert "serial.format: labels, channels: [mq2, mq3, mq5, mq6, mq7, mq8, mq135]" in said
    assert "refused: 'MQ2: 5 | MQ3' holds values" in said


def test_a_parameter_file_of_a_capture_leaves_open_what_a_capture_does_not_tell(tmp_path: Path) -> None:
    capture = write(tmp_path, READ["header in another order"](READINGS))
    board = tmp_path / "my_board.yaml"
    code, said = invoke("listen", capture, "--write", board)
    assert code == 0
    assert "paste it into your copy of config/robot.yaml" in said
    known = {
        "driver": "serial",
        "serial.format": "header",
        "channels": [*PAPER_CHANNELS[3:], *PAPER_CHANNELS[:3]],
    }
    assert read_node_parameters(board, "gas_sensor") == known
    text = board.read_text()
    assert "# serial.port: /dev/ttyACM0  # not known from a capture: set it" in text
    assert "# serial.baud: 115200  # not known from a capture: set it" in text
    assert "# array_file: array.yaml  (gas-fusion calibrate" in text
    assert invoke("listen", capture, "--write", board, "--overwrite", "--baud", "9600")[0] == 0
    assert read_node_parameters(board, "gas_sensor") == known | {"serial.baud": 9600}


@pytest.mark.parametrize(
    ("content", "refusal"),
    [
        (
            "/**/gas_sensor:\n  ros__parameters: {driver: serial}\n"
            "/robot/gas_classifier:\n  ros__parameters: {device: cpu}\n"
            "thermal_camera:\n  ros__parameters: {driver: v4l2}\n",
            "has sections of other nodes (gas_classifier, thermal_camera): write another file and copy the "
            "section",
        ),
        ("/**:\n  ros__parameters: {use_sim_time: true}\n", "has sections of other nodes ('**')"),
        ("my notes\n", "is no ROS parameter file"),
        ("a: [\n", "cannot be read as a parameter file"),
    ],
)
def test_a_file_that_holds_anything_else_is_never_overwritten(
    content: str, refusal: str, tmp_path: Path
) -> None:
    capture = write(tmp_path, READ["commas"](READINGS))
    robot = tmp_path / "robot.yaml"
    robot.write_text(content)
    code, said = invoke("listen", capture, "--write", robot)
    assert (code, "robot.yaml exists; --overwrite replaces it" in said) == (2, True)
    code, said = invoke("listen", capture, "--write", robot, "--overwrite")
    assert (code, refusal in said) == (2, True), said
    assert robot.read_text() == content


def test_an_empty_file_may_be_overwritten(tmp_path: Path) -> None:
    board = tmp_path / "my_board.yaml"
    board.touch()
    capture = write(tmp_path, READ["commas"](READINGS))
    assert invoke("listen", capture, "--write", board, "--overwrite")[0] == 0
    assert read_node_parameters(board, "gas_sensor")["driver"] == "serial"


def test_nothing_is_written_of_what_cannot_be_read(tmp_path: Path) -> None:
    robot = tmp_path / "robot.yaml"
    code, said = invoke("listen", write(tmp_path, b"1,2,3\n"), "--write", robot)
    assert code == 2
    assert "nothing is written" in said
    assert not robot.exists()


def test_a_port_that_is_not_there_is_named(tmp_path: Path) -> None:
    code, said = invoke("listen", tmp_path / "ttyNONE")
    assert code == 2
    assert "No such file" in said
    assert invoke("listen", tmp_path)[0] == 2


class Board:
    """Prints readings into a pseudo-terminal until it is told to end."""

    def __init__(self) -> None:
        self.master, self.slave = os.openpty()
        tty.setraw(self.slave)
        self.port = os.ttyname(self.slave)
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._print)

    def start(self) -> None:
        self._thread.start()

    def _print(self) -> None:
        number = 0
        while not self._end.wait(0.02):
            if number % 20 == 0:
                os.write(self.master, (commas(NAMES[3:] + NAMES[:3]) + "\r\n").encode())
            row = READINGS[number % len(READINGS)]
            os.write(self.master, (commas([*row[3:], *row[:3]]) + "\r\n").encode())
            number += 1

    def close(self) -> None:
        self._end.set()
        if self._thread.ident is not None:
            self._thread.join()
        for handle in (self.master, self.slave):
            os.close(handle)


@pytest.fixture
def board() -> Iterator[Board]:
    board = Board()
    yield board
    board.close()


def test_a_port_is_listened_to_for_a_while(board: Board, tmp_path: Path) -> None:
    board.start()
    robot = tmp_path / "robot.yaml"
    began = time.monotonic()
    code, _ = heard(board.port, "--seconds", "0.8", "--write", robot)
    assert time.monotonic() - began < 20.0
    assert code == 0
    parameters = read_node_parameters(robot, "gas_sensor")
    assert parameters["serial.port"] == board.port
    assert parameters["serial.baud"] == 115200
    assert parameters["channels"] == [*PAPER_CHANNELS[3:], *PAPER_CHANNELS[:3]]


def test_a_rate_that_is_given_is_taken_and_readings_are_timed(board: Board) -> None:
    board.start()
    _, found = heard(board.port, "--seconds", "0.8", "--baud", "9600")
    assert found["readings"] == found["rows"] > 5
    assert 5.0 < found["rate_hz"] < 51.0


def test_a_silent_port_is_told_and_ends(board: Board) -> None:
    code, said = invoke("listen", board.port, "--seconds", "0.2")
    assert code == 2
    assert "nothing came at" in said
