"""Rows kept by columns are the rows that were given; cells kept as one text are the cells."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gas_fusion_ros.base.dataset import Dataset
from gas_fusion_ros.base.problems import Problems
from gas_fusion_ros.base.rows import Row, RowCollector, Rows
from gas_fusion_ros.base.table.cells import Cells

ROWS = st.lists(
    st.builds(
        Row,
        index=st.integers(0, 10**6),
        line=st.integers(1, 10**6),
        serial=st.integers(-(2**70), 2**70) | st.integers(0, 9),
        label=st.sampled_from(["", "NoGas", "Smoke"]),
        counts=st.lists(st.integers(0, 1023), min_size=2, max_size=2).map(lambda v: np.array(v, np.float32)),
        image=st.sampled_from([None, Path("a.png")]),
        bag=st.sampled_from(["", "one", "two"]),
    ),
    max_size=12,
)


def collected(rows: list[Row]) -> Rows:
    collector = RowCollector(2)
    for row in rows:
        collector.add(row)
    return collector.rows()


def told(row: Row) -> tuple[object, ...]:
    counts = row.counts.tolist()
    return row.index, row.line, row.serial, row.label, counts, row.image, row.stamp_ns, row.bag


@given(ROWS, st.data())
def test_rows_are_what_was_collected(given_rows: list[Row], data: st.DataObject) -> None:
    rows = collected(given_rows)
    assert len(rows) == len(given_rows)
    assert list(map(told, rows)) == list(map(told, given_rows))
    part = slice(*sorted(data.draw(st.tuples(st.integers(0, 12), st.integers(0, 12)))))
    assert list(map(told, rows[part])) == list(map(told, given_rows[part]))
    if given_rows:
        place = data.draw(st.integers(-len(given_rows), len(given_rows) - 1))
        assert told(rows[place]) == told(given_rows[place])
    smoke = rows.select(rows.of_label("Smoke"))
    assert list(map(told, smoke)) == [told(row) for row in given_rows if row.label == "Smoke"]


def test_a_place_beyond_the_last_is_none() -> None:
    rows = collected([Row(3, 5, 0, "", np.zeros(2, np.float32))])
    with pytest.raises(IndexError):
        rows[1]
    assert rows.counts_at(3) is not None
    assert rows.counts_at(2) is rows.counts_at(4) is None


@given(st.lists(st.text()), st.integers(0, 5), st.integers(0, 5))
def test_cells_are_what_was_added(texts: list[str], first: int, end: int) -> None:
    cells = Cells()
    for text in texts:
        cells.add(text)
    assert (list(cells), len(cells), cells[first:end]) == (texts, len(texts), texts[first:end])
    assert all(cells[place] == text for place, text in enumerate(texts))


@pytest.mark.parametrize(
    "stamp",
    [
        lambda row: f"{1714550400 + row / 2}",
        lambda row: f"2024-05-{1 + row // 86400:02}T{row // 3600 % 24:02}:{row // 60 % 60:02}:{row % 60:02}Z",
        lambda row: f"{1 + row // 86400}/5/2024 {row // 3600 % 24}:{row // 60 % 60:02}:{row % 60:02}",
    ],
    ids=["numbers", "ISO 8601", "dates"],
)
def test_a_row_takes_few_bytes(tmp_path: Path, stamp: Callable[[int], str]) -> None:
    count = 20_000
    path = tmp_path / "table.csv"
    lines = [f"{stamp(row * 60)},500,400,300,338,666,451,{row % 1000},Smoke" for row in range(count)]
    path.write_text("\n".join(["time,MQ2,MQ3,MQ5,MQ6,MQ7,MQ8,MQ135,Gas", *lines]))
    Dataset.load_readable(path, None, Problems())  # what is kept once is there now
    tracemalloc.start()
    try:
        dataset = Dataset.load_readable(path, None, Problems())
        kept, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert dataset.facts.times is not None
    assert len(dataset.rows) == count
    assert kept / count < 100  # 352 as objects
    assert (peak - 4_000_000) / count < 200  # beside the sample that the dialect is told by; 610 as objects
