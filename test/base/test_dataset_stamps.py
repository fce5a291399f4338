"""Rows may carry stamps and the names of their bags; bad stamps are named by line."""

from __future__ import annotations

from pathlib import Path

import pytest

from gas_fusion_ros.base.dataset import CSV_NAME, Dataset, DatasetError
from gas_fusion_ros.base.problems import Problems

CHANNELS = ("mq3",)
S = 1_000_000_000
NOW_NS = 1_700_000_000_123_456_789


def write(root: Path, header: str, *lines: str) -> Path:
    (root / CSV_NAME).write_text("\n".join([header, *lines]) + "\n")
    return root


@pytest.mark.parametrize("name", ["Stamp", "stamp", " STAMP "])
def test_a_stamp_is_read_to_the_nanosecond(name: str, tmp_path: Path) -> None:
    write(tmp_path, f"MQ3,Gas,{name}", f"1,NoGas, {NOW_NS} ", f"2,NoGas,{NOW_NS + 1}")
    rows = Dataset.load(tmp_path, CHANNELS).rows
    assert [row.stamp_ns for row in rows] == [NOW_NS, NOW_NS + 1]


def test_rows_without_the_columns_have_no_stamp_and_no_bag(tmp_path: Path) -> None:
    write(tmp_path, "MQ3,Gas", "1,NoGas")
    (row,) = Dataset.load(tmp_path, CHANNELS).rows
    assert (row.stamp_ns, row.bag) == (None, "")


@pytest.mark.parametrize("cell", ["", "1_000", "soon", "٣", str(2**63)])
def test_a_bad_stamp_is_an_unreadable_row(cell: str, tmp_path: Path) -> None:
    write(tmp_path, "MQ3,Gas,Stamp", "1,NoGas,0", f"2,NoGas,{cell}", f"3,NoGas,{2 * S}")
    detail = f"{CSV_NAME} line 3: the field 'Stamp' is '{cell}'; expected a number of ns"
    with pytest.raises(DatasetError) as raised:
        Dataset.load(tmp_path, CHANNELS)
    assert str(raised.value) == detail
    problems = Problems()
    rows = Dataset.load_readable(tmp_path, CHANNELS, problems).rows
    assert [row.stamp_ns for row in rows] == [0, 2 * S]
    assert problems.take_unreported()[0].detail == detail


@pytest.mark.parametrize("second", [100 * S, 99 * S])
def test_training_refuses_time_that_does_not_go_on(second: int, tmp_path: Path) -> None:
    rows = (f"1,NoGas,yard,{100 * S}", f"2,Smoke,yard,{7 * S}", f"3,NoGas,yard,{second}")
    write(tmp_path, "MQ3,Gas,Bag,Stamp", *rows)
    detail = f"line 4: the stamp {second} of class 'NoGas' of bag 'yard' does not follow {100 * S} on line 2"
    with pytest.raises(DatasetError, match=detail):
        Dataset.load(tmp_path, CHANNELS)
    # Playing a recording is not training: the rows are what they are.
    assert len(Dataset.load_readable(tmp_path, CHANNELS, Problems()).rows) == 3


def test_time_may_go_back_from_bag_to_bag_and_from_class_to_class(tmp_path: Path) -> None:
    lines = [
        f"1,NoGas,yard,{100 * S}",
        f"2,NoGas,yard,{300 * S}",
        f"3,Smoke,yard,{200 * S}",
        f"4,NoGas,hall,{50 * S}",
        f"5,NoGas,yard,{400 * S}",
    ]
    write(tmp_path, "MQ3,Gas,Bag,Stamp", *lines)
    rows = Dataset.load(tmp_path, CHANNELS).rows
    assert [row.bag for row in rows] == ["yard", "yard", "yard", "hall", "yard"]


def test_without_bags_time_that_goes_back_is_refused_with_the_way_out(tmp_path: Path) -> None:
    write(tmp_path, "MQ3,Gas,Stamp", f"1,NoGas,{100 * S}", f"2,NoGas,{50 * S}")
    with pytest.raises(DatasetError, match="a column 'Bag' where they are of several recordings"):
        Dataset.load(tmp_path, CHANNELS)
