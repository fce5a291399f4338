"""Whatever file a command is given, it ends in a line and with the right exit code, and waits for nothing."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from bundles import edit_manifest, write_windowed_bundle
from crafted import alias_bomb, nested
from in_process import invoke
from made_bags import EPOCH, SECOND, reading, write_bag
from measured import measured

from gas_fusion_ros.base.shipped_files import DEFAULT_MODEL, find_bundle
from gas_fusion_ros.commands.evaluation_jobs import jobs_of
from gas_fusion_ros.drivers import DriverError
from gas_fusion_ros.drivers.thermal.calibration import load_calibration
from gas_fusion_ros.drivers.thermal.image_file import UnreadableImageError, read_image
from gas_fusion_ros.drivers.thermal.recorded import RecordedThermalDriver, RecordedThermalSettings
from gas_fusion_ros.evaluation.run import EvaluationSettings


@pytest.fixture
def bag(tmp_path: Path) -> Path:
    return write_bag(tmp_path / "bag", [reading(EPOCH + n * 2 * SECOND, [400.0] * 7) for n in range(5)])


def pipe(path: Path) -> Path:
    os.mkfifo(path)
    return path


def refused(*arguments: str | Path) -> str:
    """What a command says that cannot be done: one line."""
    code, said = invoke(*arguments)
    assert code == 2
    assert said.count("\n") == 1
    assert said.rstrip("\n").isprintable()
    return said


@pytest.mark.timeout(60)
def test_a_pipe_is_waited_for_nowhere(bag: Path, tmp_path: Path) -> None:
    fifo = pipe(tmp_path / "pipe")
    out = tmp_path / "out"
    assert "it is a pipe" in refused("inspect", fifo)
    assert "it is a pipe" in refused("evaluate", fifo, "--output", out / "1")
    assert "it is a pipe" in refused("evaluate", bag, "--params", fifo, "--output", out / "2")
    assert "it is a pipe" in refused("evaluate", bag, "--labels", fifo, "--output", out / "3")
    assert "it is a pipe" in refused("dataset", bag, "--labels", fifo, "--output", out / "4")
    refused("bag", "--data", fifo, "--output", out / "5")
    refused("evaluate", bag, "--model", fifo, "--output", out / "6")
    assert "it is a pipe" in refused(
        "label", bag, "--interval", "0,1,Smoke", "--append", "--output", fifo, "--elsewhere", "NoGas"
    )


@pytest.mark.timeout(60)
@pytest.mark.parametrize("name", ["bundle.json", "model.onnx"])
def test_a_pipe_in_a_bundle_ends_a_command(name: str, bag: Path, tmp_path: Path) -> None:
    model = tmp_path / "model"
    shutil.copytree(find_bundle(DEFAULT_MODEL), model)
    (model / name).unlink()
    pipe(model / name)
    assert (
        name in refused("evaluate", bag, "--model", model, "--output", tmp_path / "out")
        or name != "model.onnx"
    )


@pytest.mark.timeout(60)
def test_a_pipe_beside_a_bags_metadata_is_no_file_of_it(bag: Path) -> None:
    (bag / "metadata.yaml").unlink()
    pipe(bag / "metadata.yaml")
    pipe(bag / "more.mcap")
    code, said = invoke("inspect", bag)
    assert code == 1
    assert "metadata.yaml cannot be used, it cannot be read: it is a pipe" in said


@pytest.mark.parametrize(
    ("content", "parameters", "calibration"),
    [
        (alias_bomb(), "it has an alias", "it has an alias"),
        (nested(200), "deeper than 64", "deeper than 64"),
        # No date, but a text to ROS.
        ("a: 2024-99-99", "section a has no ros__parameters", "it is no YAML"),
    ],
    ids=["aliases", "depth", "date"],
)
def test_parameters_and_calibrations_are_read_within_limits(
    content: str, parameters: str, calibration: str, bag: Path, tmp_path: Path
) -> None:
    path = tmp_path / "file.yaml"
    path.write_text(content)
    assert parameters in refused("evaluate", bag, "--params", path, "--output", tmp_path / "out")
    with pytest.raises(DriverError, match=calibration):
        load_calibration(path)


@pytest.mark.parametrize("make", [pipe, lambda _: Path("/dev/zero")])
def test_no_driver_waits_for_a_file(make: Callable[[Path], Path], tmp_path: Path) -> None:
    path = make(tmp_path / "file")
    with pytest.raises(DriverError, match="expected a regular file"):
        load_calibration(path)
    with pytest.raises(UnreadableImageError, match="expected a regular file"):
        read_image(path)
    with pytest.raises(DriverError):
        RecordedThermalDriver(RecordedThermalSettings(str(path))).open()


def test_a_command_refuses_a_model_whose_network_does_not_fit(bag: Path, tmp_path: Path) -> None:
    write_windowed_bundle(tmp_path / "model")
    edit_manifest(tmp_path / "model", classes=["NoGas", "Perfume", "Smoke"])
    said = refused("evaluate", bag, "--model", tmp_path / "model", "--output", tmp_path / "out")
    assert "the network for fusion answers logits of shape (4,); expected (3,)" in said


def test_a_picture_of_gigabytes_is_not_decoded(tmp_path: Path) -> None:
    path = tmp_path / "large.png"
    _, small = cv2.imencode(".png", np.zeros((8, 8), np.uint8))
    data = bytearray(small.tobytes())
    # Width and height in the PNG's header, with its checksum.
    data[16:24] = (30_000).to_bytes(4, "big") * 2
    from binascii import crc32

    data[29:33] = crc32(bytes(data[12:29])).to_bytes(4, "big")
    path.write_bytes(data)
    with pytest.raises(UnreadableImageError, match="cannot be decoded"):
        read_image(path)


def test_labels_of_very_many_rows_are_refused(bag: Path, tmp_path: Path) -> None:
    path = tmp_path / "labels.csv"
    path.write_text("start,end,class\n" + "0,1,Smoke\n" * 200_001)
    assert "more than 200000 intervals" in refused(
        "evaluate", bag, "--labels", path, "--output", tmp_path / "o"
    )
    path.write_text("start,end,class\n0,1," + "x" * (17 << 20))
    assert "expected 16777216 at most" in refused(
        "evaluate", bag, "--labels", path, "--output", tmp_path / "p"
    )


def test_a_table_of_one_endless_line_is_bounded(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    with (folder / "Gas_Sensors_Measurements.csv").open("wb") as file:
        file.write(b"Serial Number,MQ2")
        file.truncate(8 << 30)
    done = measured("bag", "--data", folder, "--output", tmp_path / "bag")
    assert (done.exit_code, len(done.lines)) == (2, 1)


# --- where reports go ---


@pytest.mark.parametrize("way", ["..", "a/..", "a/../..", ".", "/", "a/b/../../.."])
def test_every_bag_gets_a_folder_of_its_own_below_the_output(
    way: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    work = tmp_path / "x" / "work"
    (work / "a" / "b").mkdir(parents=True)
    monkeypatch.chdir(work)
    output = tmp_path / "out"
    names = [".mcap", "summary.json", "report.html", "SUMMARY.JSON", "Bag", "bag", "bag-2", "b.mcap", "b.db3"]
    bags = [Path(way), Path(way), *map(Path, names)]
    for name in names:
        (work / name).mkdir(exist_ok=True)
    folders = [job.folder for job in jobs_of(bags, output, EvaluationSettings(), writes_html=False)]
    assert [folder.resolve().parent for folder in folders] == [output] * len(bags)
    assert len({str(folder).casefold() for folder in folders}) == len(bags)
    assert not {folder.name.casefold() for folder in folders} & {"summary.json", "report.html", "..", ".", ""}


def test_bags_called_by_their_way_are_evaluated_into_the_output_alone(
    bag: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (bag / "inside").mkdir()
    monkeypatch.chdir(bag / "inside")
    before = {path.name for path in tmp_path.iterdir()}
    code, _ = invoke("evaluate", "..", "../inside/..", "--no-images", "--output", "../../out", "--no-html")
    assert code == 0
    assert {path.name for path in tmp_path.iterdir()} == before | {"out"}
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"bag", "bag-2", "summary.json"}
    for name in ("bag", "bag-2"):
        assert (tmp_path / "out" / name / "report.json").is_file()
