"""The command line refuses what it cannot do with one clear line and exit code 2."""

from __future__ import annotations

import importlib
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from gas_fusion_ros.base.observation import PAPER_CHANNELS
from gas_fusion_ros.base.shipped_files import DEFAULT_MODEL
from gas_fusion_ros.cli import COMMANDS, app
from gas_fusion_ros.commands.demo import report_rows
from gas_fusion_ros.demo.programme import MAX_SPEED
from gas_fusion_ros.demo.report import DemoReport
from gas_fusion_ros.model import runtimes
from gas_fusion_ros.simulation.patrol import MAX_DURATION_S, MIN_DURATION_S, PatrolSettings

pytest.importorskip("rclpy", reason="needs ROS 2")


def invoke(*arguments: str) -> tuple[int, str]:
    # Wide, so that no sentence is broken where a test looks for it.
    result = CliRunner().invoke(app, arguments, env={"COLUMNS": "300", "NO_COLOR": "1", "TERM": "dumb"})
    return result.exit_code, re.sub(r"\x1b\[[0-9;]*m", "", result.output)


def report(**changes: object) -> DemoReport:
    values: dict[str, object] = {
        "leaks": 3,
        "alarms": 1,
        "missed_leaks": 0,
        "false_alarms": 0,
        "readings": 10,
        "images": 10,
        "pairs": 8,
        "gas_only": 2,
        "dropped": 0,
        "class_accuracy": None,
        "latency_ms": {"p50": None, "p95": None, "p99": None},
        "model": "fusion1",
        "rmw": "rmw",
        "duration_s": 5.0,
        "speed": 10.0,
        "complete": True,
    }
    return DemoReport(**{**values, **changes})  # type: ignore[arg-type]


def test_the_summary_names_what_was_not_found_in_its_own_right() -> None:
    rows = report_rows(
        report(
            detection_delays_s=(5.0, None, None),
            leaks_under_standing_alarm=(2,),
            leaks_too_short=(3,),
        )
    )
    assert rows["leaks"] == "3, 0 missed, 1 under a standing alarm, 1 too short to judge"
    assert rows["detection delay"] == "5.0 s, alarm already standing, too short to judge"


def test_the_summary_counts_unreadable_rows() -> None:
    rows = report_rows(report(unreadable_rows=10))
    assert rows["readings"] == "10: 8 with an image, 2 alone, 0 dropped, 10 rows unreadable"


def test_the_summary_without_leaks_or_truth_has_dashes() -> None:
    assert report_rows(report(leaks=0))["detection delay"] == "-"
    unknown = report_rows(report(leaks=None, missed_leaks=None, false_alarms=None))
    assert (unknown["leaks"], unknown["alarms"]) == ("-", "1, - false")


def test_help_names_every_option_of_the_demo() -> None:
    code, text = invoke("demo", "--help")
    assert code == 0
    for option in ("seed", "duration", "speed", "leaks", "recorded", "model", "device", "output"):
        assert f"--{option}" in text


def test_a_switch_takes_no_value_in_the_help() -> None:
    (line,) = (line for line in invoke("evaluate", "--help")[1].splitlines() if "--no-html" in line)
    assert "bool" not in line


def test_help_gives_the_real_limits() -> None:
    _, text = invoke("demo", "--help")
    words = " ".join(text.replace("│", " ").split())
    assert f"{MIN_DURATION_S:g} to {MAX_DURATION_S:g}" in words
    assert f"above 0 to {MAX_SPEED:g}" in words
    assert f"{PatrolSettings().max_leaks(600.0)} in 600 s" in words


def test_version_is_one_line() -> None:
    code, text = invoke("--version")
    assert code == 0
    assert text.startswith("gas-fusion")
    assert len(text.splitlines()) == 1


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("--speed", "0"), "--speed must be above 0 and at most 1000, not 0"),
        (("--speed", "nan"), "--speed must be above 0"),
        (("--duration", "5"), "--duration must be within 60..3600 seconds for a patrol, not 5"),
        (("--leaks", "99"), "--leaks: leaks must be within 0.."),
        (("--recorded", "/no/such/folder"), "--recorded: /no/such/folder does not exist"),
    ],
)
def test_bad_values_are_one_clear_line(tmp_path: Path, arguments: tuple[str, ...], reason: str) -> None:
    code, text = invoke("demo", "--output", str(tmp_path / "out"), *arguments)
    assert code == 2
    assert reason in text
    assert len(text.strip().splitlines()) == 1
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "arguments", [("--seed", "-1"), ("--device", "tpu"), ("--seed", "x"), ("--nonsense",)]
)
def test_options_of_the_wrong_kind_are_refused(arguments: tuple[str, ...]) -> None:
    assert invoke("demo", *arguments)[0] == 2


def test_an_unknown_model_is_one_clear_line(tmp_path: Path) -> None:
    code, text = invoke("demo", "--model", "no_such_model", "--output", str(tmp_path / "out"))
    assert code == 2
    assert "--model: no model bundle 'no_such_model'" in text
    assert len(text.strip().splitlines()) == 1
    assert not (tmp_path / "out").exists()


def test_a_device_that_is_not_there_is_one_clear_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_cuda(*_: object) -> None:
        raise runtimes.DeviceError("there is no CUDA device")

    monkeypatch.setattr(runtimes, "_cuda_runtime", no_cuda)
    code, text = invoke("demo", "--device", "cuda", "--output", str(tmp_path / "out"))
    assert code == 2
    assert "--device: device 'cuda' is not usable: there is no CUDA device" in text
    assert len(text.strip().splitlines()) == 1
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("label", ["Methane", "smokes"])
def test_a_label_that_the_model_does_not_know_is_one_clear_line(tmp_path: Path, label: str) -> None:
    header = f"{','.join(name.upper() for name in PAPER_CHANNELS)},Gas"
    rows = [f"{','.join(['500'] * 7)},{gas}" for gas in ("NoGas", label, label)]
    (tmp_path / "readings.csv").write_text("\n".join([header, *rows]) + "\n")
    code, text = invoke("demo", "--recorded", str(tmp_path), "--output", str(tmp_path / "out"))
    assert code == 2
    known = "Mixture, NoGas, Perfume, Smoke"
    expected = f"label '{label}' (CSV line 3) is not a class of {DEFAULT_MODEL}: {known}"
    assert expected in text
    assert len(text.strip().splitlines()) == 1
    assert not (tmp_path / "out").exists()


def test_a_folder_that_is_not_empty_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("keep")
    code, text = invoke("demo", "--output", str(tmp_path))
    assert code == 2
    assert "is not empty; name a new or an empty folder" in text
    assert [file.name for file in tmp_path.iterdir()] == ["mine.txt"]


def test_an_output_that_is_a_file_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("keep")
    code, text = invoke("demo", "--output", str(tmp_path / "file"))
    assert code == 2
    assert f"--output {tmp_path}/file is a file; name a folder" in text
    assert (tmp_path / "file").read_text() == "keep"


def test_an_output_that_cannot_be_written_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    code, text = invoke("demo", "--output", str(tmp_path / "file" / "below"))
    assert code == 2
    assert "cannot be written" in text
    assert len(text.strip().splitlines()) == 1


def test_without_ros_the_reason_is_said(tmp_path: Path) -> None:
    script = (
        "import sys; sys.modules['rclpy'] = None\n"
        "from gas_fusion_ros.cli import main\n"
        "sys.argv = ['gas-fusion', 'demo', '--output', sys.argv[1]]\n"
        "main()\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path / "out")],
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, "COLUMNS": "300"},
        check=False,
    )
    assert result.returncode == 2
    assert "ROS 2 cannot be imported" in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1


OF_REPORTS = {"lightning", "matplotlib", "onnx", "rich", "rosbags", "scipy", "sklearn", "torch", "typer"}
HEAVY = (OF_REPORTS | {"cv2", "numpy", "onnxruntime", "rclpy", "yaml"}) - {"typer"}


def imported_by(program: str) -> set[str]:
    """Return the packages that a program has imported at its end."""
    show = f"{program}\nimport sys; print(*{{name.split('.')[0] for name in sys.modules}}, file=sys.stderr)"
    result = subprocess.run(
        [sys.executable, "-c", show], capture_output=True, text=True, timeout=60, check=True
    )
    return set(result.stderr.split())


def test_help_imports_nothing_that_a_command_needs() -> None:
    help_of_all = (
        "from gas_fusion_ros.cli import app\n"
        "import sys; sys.argv = ['gas-fusion', '--help']\n"
        "try: app()\n"
        "except SystemExit: pass"
    )
    assert not imported_by(help_of_all) & HEAVY


@pytest.mark.parametrize("name", COMMANDS)
def test_help_says_of_a_command_what_the_command_says_of_itself(name: str) -> None:
    function = getattr(importlib.import_module(f"gas_fusion_ros.commands.{name}"), name)
    assert (function.__doc__ or "").splitlines()[0] == COMMANDS[name]
    code, text = invoke(name, "--help")
    assert code == 0
    assert COMMANDS[name] in text


def test_every_command_is_in_the_help() -> None:
    code, text = invoke("--help")
    assert code == 0
    words = " ".join(text.split())
    assert all(f"{name} {summary}" in words for name, summary in COMMANDS.items())


@pytest.mark.parametrize("node", ["gas_classifier", "gas_sensor", "thermal_camera"])
def test_a_node_imports_nothing_of_reports_bags_and_training(node: str) -> None:
    assert not imported_by(f"import gas_fusion_ros.nodes.{node}") & OF_REPORTS
