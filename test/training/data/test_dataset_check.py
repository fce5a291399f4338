"""What differs from the published data set is said in one line each."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from gas_fusion_ros.base.dataset import CSV_NAME, DOI, Dataset
from gas_fusion_ros.base.observation import PAPER_CHANNELS, PAPER_CLASSES
from training.data.dataset_check import PUBLISHED_RANGES, PUBLISHED_ROWS, check_published


def write(folder: Path, classes: Sequence[str], rows: int, change: dict[str, int] | None = None) -> Dataset:
    """Write readings that fill the published ranges from end to end; `change` replaces the last row's."""
    with (folder / CSV_NAME).open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["Serial Number", *PAPER_CHANNELS, "Gas"])
        for name in classes:
            ranges = np.array(PUBLISHED_RANGES.get(name, PUBLISHED_RANGES["Smoke"]))
            counts = np.linspace(ranges[:, 0], ranges[:, 1], rows).round().astype(int)
            for serial, values in enumerate(counts.tolist()):
                by_name = dict(zip(PAPER_CHANNELS, values, strict=True))
                if name == classes[-1] and serial == rows - 1:
                    by_name |= change or {}
                writer.writerow([serial, *by_name.values(), name])
    return Dataset.load(folder)


def test_the_published_file_differs_by_its_missing_images_only(gas_fusion_data: Path) -> None:
    images, source = check_published(Dataset.load(gas_fusion_data))

    assert images.startswith("8 of 6,400 rows have a thermal image; rows without one: Mixture 1,600, NoGas ")
    assert DOI in source
    assert "CC BY 4.0" in source


def test_another_file_with_the_published_rows_differs_by_hash_and_images(tmp_path: Path) -> None:
    file, images, source = check_published(write(tmp_path, PAPER_CLASSES, PUBLISHED_ROWS))

    assert file.startswith(f"{CSV_NAME} is not the published file: its sha256 is ")
    assert "0 of 6,400 rows have a thermal image" in images
    assert DOI in source


def test_missing_rows_are_counted_by_class(tmp_path: Path) -> None:
    findings = check_published(write(tmp_path, PAPER_CLASSES[:-1], 5))

    assert "Mixture has 5 rows; the published file has 1,600" in findings
    assert "Smoke has 0 rows; the published file has 1,600" in findings


def test_a_range_beyond_the_published_one_names_class_and_channel(tmp_path: Path) -> None:
    dataset = write(tmp_path, PAPER_CLASSES, PUBLISHED_ROWS, {"mq5": 740})
    ranges = [finding for finding in check_published(dataset) if "Table 2" in finding]

    assert ranges == ["Smoke: mq5 goes from 291 to 740; in the published data (Table 2) from 291 to 411"]


@pytest.mark.parametrize("counts", [-1, 1024])
def test_counts_beyond_the_adc_are_named_by_line(tmp_path: Path, counts: int) -> None:
    findings = check_published(write(tmp_path, PAPER_CLASSES, 5, {"mq8": counts}))

    expected = f"1 of 20 rows have counts outside 0..1023 (10 bits), the first on line 21: mq8 is {counts}"
    assert expected in findings


def test_images_are_no_finding_where_all_are_there(tmp_path: Path) -> None:
    write(tmp_path, PAPER_CLASSES, 2)
    for name in PAPER_CLASSES:
        for serial in range(2):
            (tmp_path / f"{serial}_{name}.png").touch()

    assert not any("image" in finding for finding in check_published(Dataset.load(tmp_path)))


def test_an_own_data_set_is_not_measured_by_the_published_one(tmp_path: Path) -> None:
    own, images = check_published(write(tmp_path, ("Methane", "NoGas"), 5))

    assert own == (
        "the classes are Methane, NoGas: an own data set, not compared with the published one "
        "(Mixture, NoGas, Perfume, Smoke)"
    )
    assert images == "0 of 10 rows have a thermal image; rows without one: Methane 5, NoGas 5"


def test_channels_unknown_to_the_paper_are_not_measured(tmp_path: Path) -> None:
    (tmp_path / CSV_NAME).write_text("Serial Number,CO2,MQ2,Gas\n0,400,600,Smoke\n")
    findings = check_published(Dataset.load(tmp_path, ("CO2", "MQ2")))

    assert [finding for finding in findings if "Table 2" in finding] == [
        "Smoke: MQ2 goes from 600 to 600; in the published data (Table 2) from 510 to 801"
    ]
