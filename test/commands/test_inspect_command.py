"""`gas-fusion inspect` on the command line, with and without ROS."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
from made_bags import EPOCH, SECOND, image, reading, storage_file, text, write_bag
from typer.testing import CliRunner
from without_ros import gas_fusion

from gas_fusion_ros.cli import app


@pytest.fixture
def bag(tmp_path: Path) -> Path:
    """Ten seconds in which nothing is wrong, under a name that rich would take for markup."""
    messages = [text("/truth/label", EPOCH, "NoGas")]
    for second in range(10):
        pixels = np.arange(192, dtype=np.float32).reshape(12, 16) / 10 + second
        messages += [
            reading(EPOCH + second * SECOND, [300 + channel + second for channel in range(7)]),
            image(EPOCH + second * SECOND, pixels, "32FC1"),
        ]
    return write_bag(tmp_path / "[red] bag", messages)


def invoke(*arguments: str | Path) -> tuple[int, str]:
    runner = CliRunner()
    result = runner.invoke(app, ["inspect", *map(str, arguments)], env={"COLUMNS": "300", "TERM": "dumb"})
    return result.exit_code, re.sub(r"\x1b\[[0-9;]*m", "", result.output)


def test_a_bag_without_faults_needs_no_ros(bag: Path) -> None:
    done = gas_fusion("inspect", bag)
    assert (done.returncode, done.stderr) == (0, "")
    assert "[red] bag" in done.stdout
    assert "mcap, 1 file" in done.stdout
    assert "2023-11-14 22:13:20.000+00:00" in done.stdout
    assert "0.0 to 28.1 degC" in done.stdout
    assert "NoGas 9.0 s" in done.stdout
    assert "nothing to warn of" in done.stdout


def test_the_array_is_told_with_its_channels_that_are_not_calibrated(tmp_path: Path) -> None:
    file = tmp_path / "array.yaml"
    file.write_text("format_version: 1\nserial_id: seven\nchannels: {mq2: {baseline: 0.5}, mq3: {}}\n")
    made = ("--patrol", "--duration", "60", "--leaks", "0", "--array", str(file))
    bag = tmp_path / "bag"
    assert CliRunner().invoke(app, ["bag", *made, "--output", str(bag)]).exit_code == 0
    _, out = invoke(bag)
    assert "/gas/array_info: serial id seven, counts, full scale 1023, calibrated not known when" in out
    assert re.search(r"without baseline +mq3\s*\n", out)
    _, out = invoke(bag, "--json")
    assert json.loads(out)[0]["array"] == {
        "figures": {
            "source": "/gas/array_info",
            "serial_id": "seven",
            "calibrated": None,
            "unit": "counts",
            "full_scale": 1023.0,
        },
        "without_baseline": ["mq3"],
        "changes": 0,
    }


def test_what_is_wrong_is_a_warning_and_exit_code_1(bag: Path) -> None:
    file = storage_file(bag)
    with file.open("r+b") as stream:
        stream.truncate(file.stat().st_size // 2)
    code, out = invoke(file)
    assert code == 1
    assert f"warning: {file.name!r} has no end (it is cut off)" in out
    assert "nothing to warn of" not in out


def test_a_bag_that_cannot_be_read_is_exit_code_2_and_the_others_are_still_inspected(
    bag: Path, tmp_path: Path
) -> None:
    code, out = invoke(tmp_path / "missing", bag)
    assert code == 2
    assert "missing cannot be read: there is no such file or directory" in out
    assert "nothing to warn of" in out


def test_json_has_an_entry_for_each_bag(bag: Path) -> None:
    code, out = invoke(bag, storage_file(bag), "--json")
    assert code == 0
    first, second = json.loads(out)
    assert first["bag"] == str(bag)
    assert second["gas"]["channels"][0] == {
        "name": "mq2",
        "least": 300.0,
        "mean": 304.5,
        "greatest": 309.0,
        "nan_share": 0.0,
        "out_of_range_share": 0.0,
        "stuck_share": 0.0,
    }
    assert first["labels"]["seconds"] == {"NoGas": 9.0}
    assert first["warnings"] == []


def test_topics_and_model_can_be_chosen(bag: Path, tmp_path: Path) -> None:
    code, out = invoke(bag, "--gas-topic", "/thermal/image")
    assert code == 2
    assert "/thermal/image is sensor_msgs/msg/Image; gas readings are sensor_msgs/msg/PointCloud2" in out
    code, out = invoke(bag, "--model", "none such")
    assert code == 2
    assert "no model bundle 'none such'" in out
    sparse = write_bag(
        tmp_path / "sparse", [reading(EPOCH + 20 * number * SECOND, range(1, 8)) for number in range(5)]
    )
    assert "too sparse for the windows of temporal_fusion" in invoke(sparse, "--model", "temporal_fusion")[1]
