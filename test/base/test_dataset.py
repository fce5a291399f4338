"""The data set's folder is read as published, and bad rows are named by line."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from gas_fusion_ros.base.dataset import CSV_NAME, IMAGE_FOLDER, Dataset, DatasetError
from gas_fusion_ros.base.observation import PAPER_CLASSES
from gas_fusion_ros.base.problems import Problems

HEADER = "Serial Number,MQ2,MQ3,Gas\n"
CHANNELS = ("mq2", "mq3")


def write(root: Path, text: str, name: str = CSV_NAME) -> Path:
    path = root / name
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    return path


def test_reads_rows_in_the_order_of_the_channels_asked_for(tmp_path: Path) -> None:
    write(tmp_path, HEADER + "0,10,20,NoGas\r\n1,11,21.5,Smoke\r\n")

    dataset = Dataset.load(tmp_path, ("MQ3", "mq2"))

    np.testing.assert_array_equal(dataset.counts, [[20, 10], [21.5, 11]])
    assert dataset.classes == ("NoGas", "Smoke")
    assert dataset.labels.tolist() == [0, 1]
    assert [row.line for row in dataset.rows] == [2, 3]
    assert dataset.length == 2


@pytest.mark.parametrize(
    "image", ["Thermal Camera Images/Smoke/7_Smoke.png", "thermal_samples/7_Smoke.png", "7_smoke.PNG"]
)
def test_finds_the_image_of_a_row(tmp_path: Path, image: str) -> None:
    write(tmp_path, HEADER + "7,10,20,Smoke\n8,10,20,Smoke\n")
    (tmp_path / image).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / image).touch()

    rows = Dataset.load(tmp_path, CHANNELS).rows

    assert [row.image for row in rows] == [tmp_path / image, None]


@pytest.mark.parametrize("cell", ["12_Smoke", "12_Smoke.png", " 12_smoke.png "])
def test_prefers_the_image_name_the_csv_gives(tmp_path: Path, cell: str) -> None:
    write(tmp_path, f"Serial Number,MQ2,Gas,Corresponding Image Name\n7,10,Smoke,{cell}\n8,10,Smoke,\n")
    folder = tmp_path / IMAGE_FOLDER / "Smoke"
    folder.mkdir(parents=True)
    for name in ("7_Smoke.png", "8_Smoke.png", "12_Smoke.png"):
        (folder / name).touch()

    rows = Dataset.load(tmp_path, ("mq2",)).rows

    assert [row.image for row in rows] == [folder / "12_Smoke.png", None]


def test_reads_the_folder_as_published(tmp_path: Path) -> None:
    write(tmp_path, HEADER + "".join(f"{n},10,20,{name}\n" for name in PAPER_CLASSES for n in (0, 1)))
    for name in PAPER_CLASSES:
        folder = tmp_path / IMAGE_FOLDER / name
        folder.mkdir(parents=True)
        for n in (0, 1):
            (folder / f"{n}_{name}.png").touch()

    dataset = Dataset.load(tmp_path, CHANNELS)

    assert [str(row.image.relative_to(tmp_path)) for row in dataset.rows if row.image] == [
        f"Thermal Camera Images/{name}/{n}_{name}.png" for name in PAPER_CLASSES for n in (0, 1)
    ]
    assert dataset.root == Dataset.load(dataset.csv_path, CHANNELS).root == tmp_path


def test_a_csv_without_label_and_serial_number_counts_its_rows(tmp_path: Path) -> None:
    path = write(tmp_path, "MQ2\n10\n11\n", "own.csv")

    rows = Dataset.load(path, ("mq2",)).rows

    assert [(row.serial, row.label) for row in rows] == [(0, ""), (1, "")]


@pytest.mark.parametrize(
    ("line", "detail"),
    [
        ("0,10,NoGas", "3 fields instead of 4"),
        ("0,10,abc,NoGas", "channel mq3 is 'abc'"),
        ("0,10,,NoGas", "a channel is NaN, mq3 has no value"),
        ("0,10,inf,NoGas", "a channel is NaN, mq3 has no value"),
        ("x,10,20,NoGas", "'Serial Number' is 'x'"),
        ("0,10,20,", "'Gas' is empty"),
        ("0,10,\udcff\udcfe,NoGas", "channel mq3"),
        ("0,10,nan,NoGas", "a channel is NaN"),
        ("5,10,20,NoGas", "already on line 2"),
    ],
)
def test_training_refuses_a_bad_row_by_line(tmp_path: Path, line: str, detail: str) -> None:
    write(tmp_path, HEADER + f"5,10,20,NoGas\n{line}\n")

    with pytest.raises(DatasetError) as raised:
        Dataset.load(tmp_path, CHANNELS)

    assert f"{CSV_NAME} line 3: " in str(raised.value)
    assert detail in str(raised.value)


def test_playing_skips_bad_rows_but_keeps_their_place(tmp_path: Path) -> None:
    write(tmp_path, HEADER + "0,1,2,NoGas\n1,broken\n2,x,2,NoGas\n3,5,nan,NoGas\n")
    problems = Problems()

    dataset = Dataset.load_readable(tmp_path, CHANNELS, problems)

    assert [row.index for row in dataset.rows] == [0, 3]
    assert dataset.length == 4
    assert np.isnan(dataset.rows[1].counts[1])
    assert problems.counts() == {"unreadable_row": 2}
    assert problems.take_unreported()[0].detail == f"{CSV_NAME} line 3: 2 fields instead of 4"


@pytest.mark.parametrize(
    ("text", "detail"),
    [
        ("", "it is empty"),
        (
            "Serial Number,MQ2,Gas\n0,1,NoGas\n",
            "no column for mq3; the columns are 'Serial Number', MQ2, Gas",
        ),
        (HEADER, "no readable row"),
    ],
)
def test_an_unusable_file_is_named(tmp_path: Path, text: str, detail: str) -> None:
    write(tmp_path, text)

    with pytest.raises(DatasetError, match=CSV_NAME) as raised:
        Dataset.load(tmp_path, CHANNELS)

    assert detail in str(raised.value)


def test_a_folder_without_one_clear_csv_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="does not exist"):
        Dataset.load(tmp_path / "missing", CHANNELS)
    with pytest.raises(DatasetError, match="holds no CSV"):
        Dataset.load(tmp_path, CHANNELS)
    for name in ("a.csv", "b.csv"):
        write(tmp_path, HEADER, name)
    with pytest.raises(DatasetError, match=r"several CSV files \(a.csv, b.csv\)"):
        Dataset.load(tmp_path, CHANNELS)


def test_the_published_data_set_loads(gas_fusion_data: Path) -> None:
    dataset = Dataset.load(gas_fusion_data)

    assert dataset.classes == PAPER_CLASSES
    assert np.bincount(dataset.labels).tolist() == [1600] * 4
    assert dataset.counts.shape == (6400, 7)
    assert all(row.image.name == f"{row.serial}_{row.label}.png" for row in dataset.rows if row.image)
    assert any(row.image for row in dataset.rows)
