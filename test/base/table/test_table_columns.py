"""Columns are found by name under whatever spelling, and never taken where two may be meant."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from written_tables import CHANNELS, LABELS, ROWS, table, written

from gas_fusion_ros.base.dataset import Dataset, DatasetError, MissingColumnError
from gas_fusion_ros.base.problems import Problems
from gas_fusion_ros.base.table.classes import alias_doubt
from gas_fusion_ros.base.table.options import TableError, TableOptions, parse_classes


def read(path: Path, options: TableOptions | None = None) -> Dataset:
    return Dataset.load_readable(path, CHANNELS, Problems(), options or TableOptions())


@pytest.mark.parametrize(
    "names",
    [("MQ-2", "mq_3", "mq 5"), ("MQ2 (raw)", "MQ3_adc", "Sensor MQ-5"), ('"MQ2"', " MQ3 ", "MQ5 [counts]")],
)
def test_a_sensor_has_many_names(names: tuple[str, ...], tmp_path: Path) -> None:
    dataset = read(written(tmp_path, table(names=(*names, "Gas"))))
    np.testing.assert_array_equal(dataset.counts, ROWS)


def test_the_order_of_the_columns_is_that_of_their_names(tmp_path: Path) -> None:
    path = written(tmp_path, table(names=("MQ-5", "MQ-2", "MQ-3", "Gas")))
    assert read(path).rows[0].counts.tolist() == [480, 390, 610]
    found = Dataset.load_readable(path, None, Problems())
    assert (found.channels, found.rows[0].counts.tolist()) == (("mq5", "mq2", "mq3"), [610, 480, 390])


def doubled(first: str, second: str, factor: float) -> str:
    lines = [f"{first.format(2)},{second.format(2)},{first.format(3)},{second.format(3)},MQ5,Gas"]
    for (mq2, mq3, mq5), label in zip(ROWS, LABELS, strict=True):
        lines.append(f"{mq2},{mq2 * factor:g},{mq3},{mq3 * factor:g},{mq5},{label}")
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize(
    ("first", "second", "factor"),
    [
        ("MQ{}", "MQ{}", 0.013),
        ("MQ{}_raw", "MQ{}_ppm", 2),
        ("MQ{}", "MQ{} (ppm)", 2),
        ("MQ{}", "MQ{}.1", 0.013),
    ],
)
def test_of_two_columns_of_a_sensor_the_converters_is_taken(
    first: str, second: str, factor: float, tmp_path: Path
) -> None:
    dataset = read(written(tmp_path, doubled(first, second, factor)))
    np.testing.assert_array_equal(dataset.counts, ROWS)
    assert "mq2 column 1, mq3 column 3" in dataset.facts.notes[0]


@pytest.mark.parametrize("factor", [2, 70_000])
def test_two_columns_that_may_both_be_it_are_refused_by_name(factor: int, tmp_path: Path) -> None:
    text = doubled("MQ{}", "mq-{}", factor)
    if factor > 2:
        text = text.replace("610,", "610.5,")
    with pytest.raises(
        DatasetError, match=r"2 columns for mq2: 'MQ2' \(column 1\) and 'mq-2' \(column 2\); .* rename"
    ):
        read(written(tmp_path, text))


def test_a_column_of_other_values_is_taken_as_it_stands_and_told(tmp_path: Path) -> None:
    dataset = read(written(tmp_path, table(names=("MQ2", "MQ3_ppm", "MQ5", "Gas"))))
    assert dataset.facts.notes == ("taken as they stand, no converter's counts by their names: MQ3_ppm",)


@pytest.mark.parametrize("name", ["class", "Label", "target", "gas_class", "GAS CLASS", "Gas"])
def test_the_class_has_many_names(name: str, tmp_path: Path) -> None:
    dataset = read(written(tmp_path, table(names=("MQ2", "MQ3", "MQ5", name))))
    assert (dataset.classes, dataset.facts.label_column) == (("NoGas", "Smoke"), name)


def test_any_column_may_be_named_as_the_class_or_none(tmp_path: Path) -> None:
    path = written(tmp_path, table(names=("MQ2", "MQ3", "MQ5", "In the air")))
    assert read(path).classes == ("",)
    assert read(path, TableOptions(label_column="in the air")).classes == ("NoGas", "Smoke")
    both = written(
        tmp_path, table(names=("label", "MQ2", "MQ3", "MQ5", "Gas"), first=lambda row: f"c{row % 2}")
    )
    with pytest.raises(
        DatasetError, match=r"'label' \(column 1\) and 'Gas' \(column 5\); give one with --label-column"
    ):
        read(both)
    assert read(both, TableOptions(label_column="label")).classes == ("c0", "c1")
    assert read(both, TableOptions(label_column="none")).classes == ("",)
    with pytest.raises(DatasetError, match="--label-column: no column 'air'; the columns are label, MQ2"):
        read(both, TableOptions(label_column="air"))


def test_a_column_of_measured_numbers_is_no_class(tmp_path: Path) -> None:
    text = table(names=("gas", "MQ2", "MQ3", "MQ5", "class"), first=lambda row: f"{50 + row / 7:.2f}")
    dataset = read(written(tmp_path, text))
    assert dataset.classes == ("NoGas", "Smoke")
    assert any("'gas' holds numbers, no classes" in note for note in dataset.facts.notes)


def test_spellings_of_a_known_class_are_it_and_others_are_warned_of(tmp_path: Path) -> None:
    labels = ["NOGAS", "no gas", "NoGas", "No_Gas"] * 5 + ["Ammonia", "ammonia"] * 10
    dataset = read(written(tmp_path, table(labels=labels)))
    assert dataset.classes == ("Ammonia", "NoGas", "ammonia")
    assert "the class 'NOGAS' is taken as NoGas (5 rows)" in dataset.facts.told_classes
    assert dataset.facts.warnings == (
        "the classes Ammonia, ammonia differ in their spelling alone; where they are one give --classes "
        "Ammonia=ammonia",
    )
    aliases = TableOptions(classes=parse_classes(["ammonia=Ammonia,NOGAS=Clean", "none=x"]))
    dataset = read(written(tmp_path, table(labels=labels)), aliases)
    assert dataset.classes == ("Ammonia", "Clean", "NoGas")
    assert dataset.facts.spellings == ("NOGAS", "no gas", "NoGas", "No_Gas", "Ammonia", "ammonia")
    assert alias_doubt(aliases.classes, dataset.facts.spellings) == (
        "--classes names none, which is not there; the classes are NOGAS, 'no gas', NoGas, No_Gas, Ammonia, "
        "ammonia"
    )


@pytest.mark.parametrize("given", ["NOGAS", "=NoGas", "a=b,a=c"])
def test_aliases_that_are_none_are_refused(given: str) -> None:
    with pytest.raises(TableError, match="--classes"):
        parse_classes([given])


def test_rows_without_a_class_are_read_and_counted(tmp_path: Path) -> None:
    dataset = read(written(tmp_path, table(labels=("", "NA", "-", *LABELS[3:]))))
    assert (len(dataset.rows), dataset.facts.unlabelled) == (len(ROWS), 3)
    assert dataset.facts.notes == ("3 rows without a class",)


@pytest.mark.parametrize("cell", ["", "NA", "nan", "-", "null", "inf", "#N/A"])
def test_a_missing_cell_is_nan_in_that_channel_alone(cell: str, tmp_path: Path) -> None:
    dataset = read(written(tmp_path, table().replace("611,481,", f"611,{cell},")))
    assert len(dataset.rows) == len(ROWS)
    row = dataset.rows[1].counts
    assert np.isnan(row[1])
    assert (row[0], row[2]) == (611, 391)


def test_own_names_of_channels_are_found_as_they_are(tmp_path: Path) -> None:
    path = written(tmp_path, table(names=("CO2", "VOC", "MQ5", "Gas")))
    dataset = Dataset.load_readable(path, ("voc", "CO2"), Problems())
    assert dataset.rows[0].counts.tolist() == [480, 610]
    with pytest.raises(MissingColumnError, match="no column for o3; the columns are CO2, VOC, MQ5, Gas"):
        Dataset.load_readable(path, ("o3",), Problems())


def test_a_published_table_says_nothing_of_itself(gas_fusion_data: Path) -> None:
    assert Dataset.load(gas_fusion_data).facts.told == ()


def test_a_row_for_each_sensor_is_told_apart(tmp_path: Path) -> None:
    rows = [f"{row},{name},{row * 10}" for row in range(9) for name in ("MQ2", "MQ3", "MQ5")]
    path = written(tmp_path, "\n".join(["time,sensor,value", *rows, ""]))
    for channels in (CHANNELS, None):
        with pytest.raises(DatasetError, match="'sensor' names the sensor of each row; make a column"):
            Dataset.load_readable(path, channels, Problems())


def test_images_are_sought_beside_a_table_only_where_it_can_name_them(tmp_path: Path) -> None:
    (tmp_path / "0_NoGas.png").touch()
    path = written(tmp_path, table())
    assert read(path).rows[0].image is None
    assert read(tmp_path).rows[0].image == tmp_path / "0_NoGas.png"
    path = written(tmp_path, table(names=("Serial Number", "MQ2", "MQ3", "MQ5", "Gas"), first=str))
    assert read(path).rows[0].image == tmp_path / "0_NoGas.png"
