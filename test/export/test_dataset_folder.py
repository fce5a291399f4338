"""Folders in the data set's layout, written row by row and read back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from gas_fusion_ros.base.dataset import Dataset, DatasetError
from gas_fusion_ros.base.observation import GasReading, ThermalFrame
from gas_fusion_ros.drivers.thermal.image_file import read_image
from gas_fusion_ros.export.dataset_folder import DatasetFolder, DatasetFolderError, DatasetRow
from gas_fusion_ros.model.thermal import network_input

CHANNELS = ("mq2", "CO2")


def row(
    label: str, stamp_ns: int = 7, counts: Any = (5.0, 6.5), pixels: Any = None, encoding: str = "mono16"
) -> DatasetRow:
    reading = GasReading(stamp_ns, CHANNELS, np.array(counts, dtype=np.float32))
    frame = None if pixels is None else ThermalFrame(stamp_ns, pixels, encoding)
    return DatasetRow(reading, label, frame, "bag")


def write(root: Path, *rows: DatasetRow) -> Path:
    with DatasetFolder(root, CHANNELS) as folder:
        for one in rows:
            folder.add(one)
        folder.finish({"bags": []})
    return root


def test_rows_come_back_as_the_data_set_has_them(tmp_path: Path) -> None:
    gray = np.arange(24 * 32, dtype=np.uint16).reshape(24, 32)
    root = write(
        tmp_path / "out", row("Smoke", 1), row("NoGas", 2, pixels=gray), row("Smoke", 3, (0, 1e-3), gray)
    )
    header = (root / "Gas_Sensors_Measurements.csv").read_text().splitlines()[0]
    assert header == "Serial Number,MQ2,CO2,Gas,Corresponding Image Name,Stamp,Bag"
    rows = Dataset.load(root, CHANNELS).rows
    assert [(one.label, one.serial, one.stamp_ns, one.bag) for one in rows] == [
        ("Smoke", 0, 1, "bag"),
        ("NoGas", 0, 2, "bag"),
        ("Smoke", 1, 3, "bag"),
    ]
    assert [None if one.image is None else one.image.relative_to(root).as_posix() for one in rows] == [
        None,
        "Thermal Camera Images/NoGas/0_NoGas.png",
        "Thermal Camera Images/Smoke/1_Smoke.png",
    ]
    assert json.loads((root / "provenance.json").read_text()) == {"bags": []}


@given(hnp.arrays(np.float32, 2, elements=st.floats(0, 1e6, width=32)))
def test_counts_survive_bit_by_bit(
    tmp_path_factory: pytest.TempPathFactory, counts: npt.NDArray[np.float32]
) -> None:
    root = write(tmp_path_factory.mktemp("folder") / "out", row("NoGas", counts=counts))
    np.testing.assert_array_equal(Dataset.load(root, CHANNELS).rows[0].counts, counts)


@pytest.mark.parametrize(
    ("encoding", "dtype", "shape"),
    [("mono8", "uint8", (24, 32)), ("mono16", "uint16", (24, 32)), ("rgb8", "uint8", (24, 32, 3))],
)
def test_pictures_survive_pixel_by_pixel(
    tmp_path: Path, encoding: str, dtype: str, shape: tuple[int, ...]
) -> None:
    pixels = np.random.default_rng(0).integers(0, np.iinfo(dtype).max, shape, dtype=dtype, endpoint=True)
    root = write(tmp_path / "out", row("NoGas", pixels=pixels, encoding=encoding))
    image = Dataset.load(root, CHANNELS).rows[0].image
    assert image is not None
    read, name = read_image(image)
    assert name == encoding
    np.testing.assert_array_equal(read, pixels)


def celsius(hottest: float) -> npt.NDArray[np.float32]:
    frame = np.random.default_rng(1).normal(20, 3, (40, 50)).astype(np.float32)
    frame[:8, :8] = hottest
    return frame


@pytest.mark.parametrize(("hottest", "suffix"), [(80.0, ".png"), (382.0, ".png"), (600.0, ".tiff")])
def test_temperatures_survive_for_the_network(tmp_path: Path, hottest: float, suffix: str) -> None:
    pixels = celsius(hottest)
    root = write(tmp_path / "out", row("NoGas", pixels=pixels, encoding="32FC1"))
    image = Dataset.load(root, CHANNELS).rows[0].image
    assert image is not None
    assert image.suffix == suffix
    field = network_input(*read_image(image), 32)
    # A step of 0.01 K of at least 4 K.
    np.testing.assert_allclose(field, network_input(pixels, "32FC1", 32), atol=0.003)


def test_frames_in_the_cameras_steps_survive_exactly(tmp_path: Path) -> None:
    pixels = (np.rint(celsius(80.0) * 100) / 100).astype(np.float32)
    pixels[0, 0] = np.nan
    root = write(tmp_path / "out", row("NoGas", pixels=pixels, encoding="32FC1"))
    image = Dataset.load(root, CHANNELS).rows[0].image
    assert image is not None
    counts = read_image(image)[0].astype(np.float64)
    np.testing.assert_allclose(counts[1:] / 100 - 273.15, pixels[1:], atol=1e-5)


def test_without_its_end_a_folder_is_no_data_set(tmp_path: Path) -> None:
    with DatasetFolder(tmp_path / "out", CHANNELS) as folder:
        folder.add(row("NoGas"))
    with pytest.raises(DatasetError, match="holds no CSV"):
        Dataset.load(tmp_path / "out", CHANNELS)


@pytest.mark.parametrize("label", ["a/b", "..", " Smoke", "a\nb", "a\\b", 'a"b'])
def test_a_class_that_cannot_name_a_folder_is_refused(tmp_path: Path, label: str) -> None:
    with DatasetFolder(tmp_path / "out", CHANNELS) as folder:
        with pytest.raises(DatasetFolderError, match="cannot name a folder"):
            folder.add(row(label))
        folder.add(row("Smoke 2.5 \u00e4"))


def test_classes_that_differ_in_case_alone_are_refused(tmp_path: Path) -> None:
    with DatasetFolder(tmp_path / "out", CHANNELS) as folder:
        folder.add(row("Smoke"))
        with pytest.raises(DatasetFolderError, match="Smoke and smoke differ in case alone"):
            folder.add(row("smoke"))


def test_a_class_with_a_dot_keeps_its_images(tmp_path: Path) -> None:
    gray = np.zeros((24, 32), dtype=np.uint8)
    root = write(tmp_path / "out", row("CH4 1.5", pixels=gray, encoding="mono8"))
    assert Dataset.load(root, CHANNELS).rows[0].image is not None


@pytest.mark.parametrize("channels", [("gas", "mq2"), ("mq2", "MQ2"), ("Stamp",)])
def test_channels_that_cannot_be_columns_are_refused(tmp_path: Path, channels: tuple[str, ...]) -> None:
    with pytest.raises(DatasetFolderError, match="cannot be columns"):
        DatasetFolder(tmp_path / "out", channels)


def test_a_letter_that_changes_with_its_case_stays(tmp_path: Path) -> None:
    reading = GasReading(1, ("\u00b5mol",), np.ones(1, dtype=np.float32))
    with DatasetFolder(tmp_path / "out", reading.channels) as folder:
        folder.add(DatasetRow(reading, "NoGas", None, "bag"))
        folder.finish({})
    assert Dataset.load(tmp_path / "out", reading.channels).counts.tolist() == [[1.0]]


def test_a_folder_that_is_not_empty_or_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DatasetFolderError, match="is not empty"):
        DatasetFolder(tmp_path, CHANNELS)
    with pytest.raises(DatasetFolderError, match="cannot be written"):
        DatasetFolder(tmp_path / "file" / "out", CHANNELS)


def test_a_picture_that_cannot_be_written_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cv2, "imencode", lambda *_: (False, None))
    with (
        DatasetFolder(tmp_path / "out", CHANNELS) as folder,
        pytest.raises(DatasetFolderError, match=r"0_NoGas\.png cannot be encoded"),
    ):
        folder.add(row("NoGas", pixels=np.zeros((24, 32), dtype=np.uint16)))
