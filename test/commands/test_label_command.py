"""`gas-fusion label` on the command line, without ROS."""

from __future__ import annotations

from pathlib import Path

import pytest
from in_process import invoke
from without_ros import gas_fusion

from gas_fusion_ros.export.bag_making import BagTarget, make_bag
from gas_fusion_ros.export.bag_sources import FolderSettings, FolderSource

HEADER = "start,end,class\n"


@pytest.fixture
def bag(tmp_path: Path) -> Path:
    """Six readings 2 s apart, three of clean air and three of smoke."""
    data = tmp_path / "data"
    data.mkdir()
    rows = "".join(f"{index % 3},{index},{'NoGas' if index < 3 else 'Smoke'}\n" for index in range(6))
    (data / "Gas_Sensors_Measurements.csv").write_text(f"Serial Number,MQ2,Gas\n{rows}")
    make_bag(FolderSource(data, FolderSettings(("mq2",))), BagTarget(tmp_path / "bag"), lambda: None)
    return tmp_path / "bag"


def test_the_truth_becomes_a_csv(bag: Path, tmp_path: Path) -> None:
    done = gas_fusion("label", bag, "--output", tmp_path / "labels.csv", "--from-truth")
    assert (done.returncode, done.stderr) == (0, "")
    assert (tmp_path / "labels.csv").read_text() == f"{HEADER}0,6,NoGas\n6,10,Smoke\n"
    assert "2 intervals, NoGas 6 s, Smoke 4 s" in done.stdout


def test_times_given_are_added_to_what_is_there(bag: Path, tmp_path: Path) -> None:
    out = ("label", bag, "--output", tmp_path / "labels.csv")
    given = ("--interval", "1,2.5,Smoke", "--interval", "1970-01-01T00:16:44Z,1970-01-01T00:16:45Z,Perfume")
    assert gas_fusion(*out, *given).returncode == 0
    assert (tmp_path / "labels.csv").read_text() == f"{HEADER}1,2.5,Smoke\n4,5,Perfume\n"
    assert gas_fusion(*out, "--append", "--interval", "2,3,Smoke", "--elsewhere", "NoGas").returncode == 0
    text = f"{HEADER}0,1,NoGas\n1,3,Smoke\n3,4,NoGas\n4,5,Perfume\n5,10,NoGas\n"
    assert (tmp_path / "labels.csv").read_text() == text

    refused = gas_fusion(*out, "--append", "--interval", "4.5,6,Smoke")
    assert refused.returncode == 2
    assert "the interval 4.5 to 6 s: Smoke overlaps Perfume of the interval 4 to 5 s" in refused.stderr
    assert "exists; --append adds to it" in gas_fusion(*out, "--interval", "4,6,Smoke").stderr
    assert (tmp_path / "labels.csv").read_text() == text

    assert gas_fusion(*out, "--overwrite", "--absolute", "--interval", "4,6,Smoke").returncode == 0
    lines = (tmp_path / "labels.csv").read_text().splitlines()
    assert lines[1:] == ["1970-01-01T00:16:44.000000000Z,1970-01-01T00:16:46.000000000Z,Smoke"]


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ([], "give one of --from-truth, --from-alarms and --interval, not none"),
        (["--from-truth", "--interval", "1,2,Smoke"], "not --from-truth and --interval"),
        (["--interval", "1,2"], "expected START,END,CLASS"),
        (["--interval", "2,1,Smoke"], "--interval '2,1,Smoke': the end 1 lies before the start 2"),
        (["--from-alarms"], "there is no topic gas/alarm_state"),
        (["--from-truth", "--label-topic", "/other"], "there is no topic /other"),
        (["--from-truth", "--append", "--overwrite"], "not both"),
    ],
)
def test_what_cannot_be_is_refused(bag: Path, tmp_path: Path, arguments: list[str], complaint: str) -> None:
    code, text = invoke("label", bag, "--output", tmp_path / "labels.csv", *arguments)
    assert code == 2
    assert complaint in text
    assert len(text.splitlines()) == 1
    assert not (tmp_path / "labels.csv").exists()


def test_a_bag_that_is_not_there_is_refused(tmp_path: Path) -> None:
    done = gas_fusion("label", tmp_path / "none", "--output", tmp_path / "labels.csv", "--from-truth")
    assert done.returncode == 2
    assert str(tmp_path / "none") in done.stderr


def test_an_interval_outside_the_recording_is_told_of(bag: Path, tmp_path: Path) -> None:
    done = gas_fusion("label", bag, "--output", tmp_path / "labels.csv", "--interval", "5000,6000,Smoke")
    assert done.returncode == 1
    assert "Smoke, 5000 to 6000 s, lies outside the recording, which lasts 10 s" in done.stderr
