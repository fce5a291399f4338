"""What cannot be launched as asked fails the launch, with the reason in one line."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

pytest.importorskip("launch_testing", reason="launch tests need a full ROS 2 installation (launch_testing)")

from made_bags import EPOCH, reading, write_bag
from workspace import config, isolate, launch_command, needs_build

from gas_fusion_ros.base.observation import PAPER_CHANNELS

pytestmark = needs_build


def refusal(launch_file: str, arguments: Mapping[str, str]) -> str:
    """Launch, and return the one line with which it ends as a failure."""
    isolate()
    result = subprocess.run(
        launch_command(launch_file, arguments), capture_output=True, text=True, timeout=60
    )
    said = result.stdout + result.stderr
    assert result.returncode == 1, said
    assert "Traceback" not in said
    (line,) = [line for line in said.splitlines() if "[ERROR] [launch]" in line]
    return line


@pytest.mark.parametrize(
    "launch_file", ["adapter.launch.py", "sensors.launch.py", "classifier.launch.py", "pipeline.launch.py"]
)
def test_a_missing_parameter_file(launch_file: str) -> None:
    line = refusal(launch_file, {"params_file": "/nowhere.yaml"})
    assert "params_file '/nowhere.yaml' cannot be read: No such file" in line


def test_a_parameter_file_for_another_namespace(tmp_path: Path) -> None:
    path = tmp_path / "robot1.yaml"
    path.write_text("/robot1/gas_sensor:\n  ros__parameters: {driver: serial}\n", encoding="utf-8")
    line = refusal("sensors.launch.py", {"params_file": str(path), "namespace": "robot2"})
    assert "no entry that fits /robot2/gas_sensor, its entries are '/robot1/gas_sensor'" in line


def test_a_relay_that_the_parameter_file_does_not_know(tmp_path: Path) -> None:
    path = tmp_path / "robot.yaml"
    path.write_text("/**/gas_classifier:\n  ros__parameters: {device: cpu}\n", encoding="utf-8")
    line = refusal("classifier.launch.py", {"params_file": str(path), "relay": "true"})
    assert "no entry that fits /alarm_relay, its entries are '/**/gas_classifier'" in line


def test_a_bag_that_is_not_there() -> None:
    line = refusal("replay.launch.py", {"bag": "/nowhere", "params_file": config("replay.yaml")})
    assert "/nowhere cannot be read: there is no such file or directory" in line


def test_a_player_that_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    player = tmp_path / "ros2"
    player.write_text("#!/bin/sh\nexit 3\n", encoding="utf-8")
    player.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    bag = write_bag(tmp_path / "bag", [reading(EPOCH, [500.0] * len(PAPER_CHANNELS))])
    line = refusal("replay.launch.py", {"bag": str(bag), "device": "cpu"})
    assert "the player ended with exit code 3: ros2 bag play" in line
