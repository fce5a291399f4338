"""The sketch of the MQ array, compiled for this computer, sends lines that the serial driver reads."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from gas_fusion_ros.array.array_file import load_array
from gas_fusion_ros.base.observation import PAPER_CHANNELS
from gas_fusion_ros.base.shipped_files import find_array
from gas_fusion_ros.drivers.gas.line_protocol import LineParser

ROOT = Path(__file__).parents[2]
SKETCH = ROOT / "examples" / "mq_array" / "mq_array.ino"
STAND_IN = ROOT / "test" / "stand_ins" / "arduino"
COMPILER = shutil.which("g++") or shutil.which("clang++")

pytestmark = [
    pytest.mark.skipif(COMPILER is None, reason="needs a C++ compiler, g++ or clang++"),
    pytest.mark.skipif(not SKETCH.exists(), reason="runs from a checkout only"),
]

ARDUINO_PINS = np.arange(14, 21)
ESP32_PINS = np.array([36, 39, 34, 35, 32, 33, 27])
EXPECTED = {"arduino": 400 + 3 * ARDUINO_PINS, "esp32": 2 * (400 + 3 * ESP32_PINS)}
"""Of the pins' own values, which the stand-in makes of their numbers."""


@pytest.fixture(scope="module", params=["arduino", "esp32"])
def board(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    """A board's name, and the sketch compiled for it."""
    program = tmp_path_factory.mktemp("sketch") / request.param
    assert COMPILER is not None
    command = [
        COMPILER,
        "-std=c++11",
        "-Wall",
        "-Wextra",
        "-Werror",
        f"-I{STAND_IN}",
        "-include",
        "Arduino.h",
    ]
    if request.param == "esp32":
        command.append("-DARDUINO_ARCH_ESP32")
    done = subprocess.run(
        [*command, "-x", "c++", str(SKETCH), "-o", str(program)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return request.param, program


def lines(
    program: Path, count: int, hum: float = 0.0, frequency: float = 50.0, phase: float = 0.0
) -> list[bytes]:
    """What the sketch sends."""
    arguments = [str(program), *map(str, (count, hum, frequency, phase))]
    sent = subprocess.run(arguments, capture_output=True, check=True, timeout=20.0).stdout
    assert sent.endswith(b"\n")
    return sent.split(b"\n")[:-1]


def test_its_lines_are_read_under_the_right_names(board: tuple[str, Path]) -> None:
    name, program = board
    header, *readings = lines(program, 60)

    assert header.startswith(b"mq2,mq3,mq5,mq6,mq7,mq8,mq135*")
    parser = LineParser(PAPER_CHANNELS)
    assert parser.parse(header) is None
    parsed = [parser.parse(line) for line in readings]
    assert parsed[49] is None or parsed[50] is None  # the header comes again
    for counts in filter(lambda one: one is not None, parsed):
        np.testing.assert_array_equal(counts, EXPECTED[name])


@pytest.mark.parametrize("frequency", [50.0, 60.0])
def test_mains_hum_is_averaged_away(board: tuple[str, Path], frequency: float) -> None:
    name, program = board
    scale = 2 if name == "esp32" else 1
    for phase in np.linspace(0.0, np.pi, 5):
        parser = LineParser(PAPER_CHANNELS)
        parsed = [parser.parse(line) for line in lines(program, 4, 80.0, frequency, float(phase))]
        for counts in filter(lambda one: one is not None, parsed):
            np.testing.assert_allclose(counts, EXPECTED[name], atol=1.0 * scale)


def test_the_array_file_of_the_esp32_has_the_supply_in_millivolts() -> None:
    array = load_array(find_array("esp32_millivolts"))

    assert array.full_scale == 5000.0
    assert array.names == PAPER_CHANNELS
