"""However a table is written, the same rows come out of it, or it is said why not."""

from __future__ import annotations

import codecs
import csv
import gzip
import io
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from written_tables import CHANNELS, LABELS, ROWS, table, written

from gas_fusion_ros.base.dataset import Dataset, DatasetError
from gas_fusion_ros.base.problems import Problems
from gas_fusion_ros.base.table.encoding import LAST_RESORT

ENCODINGS = {
    "utf-8": b"",
    "utf-8-sig": b"",
    "utf-16-le": codecs.BOM_UTF16_LE,
    "utf-16-be": codecs.BOM_UTF16_BE,
    "utf-32-le": codecs.BOM_UTF32_LE,
}


def read(path: Path) -> Dataset:
    problems = Problems()
    dataset = Dataset.load_readable(path, CHANNELS, problems)
    assert problems.counts() == {}
    return dataset


def assert_whole(dataset: Dataset) -> None:
    np.testing.assert_array_equal(dataset.counts, ROWS)
    assert [row.label for row in dataset.rows] == list(LABELS)


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|", " "])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_any_delimiter_and_line_end(delimiter: str, end: str, tmp_path: Path) -> None:
    dataset = read(written(tmp_path, table(delimiter, end=end)))
    assert_whole(dataset)
    assert dataset.facts.format.delimiter == delimiter


def test_single_quotes_and_numbers_of_rows_without_a_name(tmp_path: Path) -> None:
    assert_whole(read(written(tmp_path, "".join(f"'{line}'\n" for line in table("','").splitlines()))))
    head, *rows = table().splitlines()
    numbered = [head, *(f"{number},{row}" for number, row in enumerate(rows, start=1))]
    assert_whole(read(written(tmp_path, "\n".join(numbered))))


@pytest.mark.parametrize(
    ("text", "remedy"),
    [
        ('{"MQ2": 703, "MQ3": 528}', "gas-fusion listen"),
        ("MQ2: 703, MQ3: 528", "gas-fusion listen"),
        ("<table><tr><td>MQ2</td></tr></table>", "as CSV"),
        ("@relation gas", "as CSV"),
        ('"MQ2,MQ3"\n"703,528"', "remove the quotes"),
        ("MQ2,703,704\nMQ3,528,529", "turn the table"),
    ],
)
def test_what_is_no_such_table_is_told_by_name(text: str, remedy: str, tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=remedy):
        read(written(tmp_path, text + "\n"))


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_any_encoding_with_its_mark(encoding: str, tmp_path: Path) -> None:
    content = ENCODINGS[encoding] + table("\t").encode(encoding)
    assert_whole(read(written(tmp_path, content)))


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_utf_16_without_a_mark(encoding: str, tmp_path: Path) -> None:
    assert_whole(read(written(tmp_path, table().encode(encoding))))


def test_what_is_no_utf_8_is_read_as_the_last_resort_and_told(tmp_path: Path) -> None:
    labels = ["Böe"] * len(ROWS)
    dataset = read(written(tmp_path, table(labels=labels).encode("latin-1")))
    assert dataset.classes == ("Böe",)
    assert dataset.facts.format.encoding == LAST_RESORT
    assert any("latin-1, for it is no UTF-8" in note for note in dataset.facts.notes)


@pytest.mark.parametrize(
    "above",
    [
        "sep=;\n",
        "# logger 3\n// 5 V\n",
        "Logger 3\nDate;2024-05-01\n\n",
        "Sensors: MQ2, MQ3, MQ5\n",
        ";;;\n\n",
        "MQ2;MQ3\n",
    ],
)
def test_what_stands_above_the_header_is_left_aside(above: str, tmp_path: Path) -> None:
    dataset = read(written(tmp_path, above + table(";")))
    assert_whole(dataset)
    assert dataset.rows[0].line == above.count("\n") + 2


def test_comments_stand_anywhere_and_may_hold_the_header(tmp_path: Path) -> None:
    lines = table().splitlines()
    text = "\n".join(["# made by hand", f"# {lines[0]}", *lines[1:9], '  // a "pause', *lines[9:], "# end"])
    dataset = read(written(tmp_path, text))
    assert_whole(dataset)
    assert dataset.facts.comments == 4
    assert [row.line for row in dataset.rows][7:9] == [10, 12]


def test_a_row_of_units_the_header_once_more_and_empty_rows_are_no_readings(tmp_path: Path) -> None:
    lines = table().splitlines()
    text = "\n".join(
        [lines[0], "counts,(counts),ADC,-", *lines[1:11], "", ",,,", lines[0], *lines[11:], ",,,,", ""]
    )
    dataset = read(written(tmp_path, text))
    assert_whole(dataset)
    assert dataset.length == len(ROWS)
    assert dataset.facts.notes == ("line 2 has units", "1 row below the header repeat it")


def test_a_delimiter_behind_the_last_cell_makes_no_column(tmp_path: Path) -> None:
    rows = table(";").replace("\n", ";\n")
    assert_whole(read(written(tmp_path, rows)))
    header, _, below = rows.partition(";\n")
    assert_whole(read(written(tmp_path, f"{header}\n{below}")))


@pytest.mark.parametrize("left", ["\x1a", "\0" * 300, "\n\n \n"])
def test_what_a_power_cut_leaves_at_the_end_is_no_row(left: str, tmp_path: Path) -> None:
    assert_whole(read(written(tmp_path, table() + left)))


def test_quoted_cells_hold_delimiters_and_line_ends(tmp_path: Path) -> None:
    text = table(names=("MQ2", "MQ3", "MQ5", "Gas", "Note")).replace("NoGas\n", 'NoGas,"a, b\n# c"\n')
    dataset = read(written(tmp_path, text.replace("Smoke\n", 'Smoke,"say ""hi"""\n')))
    assert_whole(dataset)
    assert dataset.rows[1].line == 5


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_whatever_the_dialect_the_same_rows_come_out(data: st.DataObject) -> None:
    delimiter = data.draw(st.sampled_from(",;\t|"))
    decimal = data.draw(st.sampled_from(".,"))
    encoding = data.draw(st.sampled_from(list(ENCODINGS)))
    quoting = data.draw(st.sampled_from([csv.QUOTE_ALL, csv.QUOTE_MINIMAL]))
    end = data.draw(st.sampled_from(["\n", "\r\n"]))
    comments = data.draw(st.booleans())
    # Two digits behind the sign: three might be thousands.
    value = st.integers(0, 400_000).map(lambda hundredths: hundredths / 100 + 0.01)
    rows = data.draw(st.lists(st.tuples(value, value, value), min_size=1, max_size=30))
    labels = data.draw(
        st.lists(st.sampled_from(["NoGas", "Ammonia 2", "Öl"]), min_size=len(rows), max_size=len(rows))
    )
    file = io.StringIO()
    writer = csv.writer(file, delimiter=delimiter, quoting=quoting, lineterminator=end)
    writer.writerow(["MQ-2", "MQ3", "mq_5", "Gas"])
    for row, label in zip(rows, labels, strict=True):
        if comments:
            file.write(f"# note{end}")
        writer.writerow([*(f"{one:.2f}".replace(".", decimal) for one in row), label])
    content = ENCODINGS[encoding] + file.getvalue().encode(encoding)
    with tempfile.TemporaryDirectory() as folder:
        dataset = read(written(Path(folder), content))
    np.testing.assert_allclose(dataset.counts, np.array(rows), rtol=1e-6, atol=0.006)
    assert [row.label for row in dataset.rows] == labels


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "it is empty; expected a header"),
        (b"MQ2,MQ3,MQ5,Gas\n", "has no readable row; expected a header and at least one reading"),
        (b"1,2,3,NoGas\n4,5,6,NoGas\n", "line 1 holds values .*, not names: a header is missing; put a line"),
        (b"CO2,O2,Gas\n1,2,NoGas\n", "line 1: no column for mq2, mq3, mq5; the columns are CO2, O2, Gas"),
        (gzip.compress(b"MQ2\n1\n"), r"it is compressed \(gzip\); unpack it first"),
        (b"PK\x03\x04\x00", r"it is a workbook \(xlsx, ods\) or another zip file; save the sheet as CSV"),
        (b"\x93NUMPY\x01\x00", "it is a NumPy array; write it as CSV"),
        (b"MQ2,MQ3,MQ5\n700,5,525,5,430,5\n", "6 fields instead of 3; .* where commas are decimal signs too"),
        (b"MQ2,MQ3,MQ5\n1,2,3\nMQ5,MQ3,MQ2\n3,2,1\n", "line 3 holds another header .*; make two files of it"),
        (b"MQ2," + b"x" * (2 << 20), "line 1 has 1048576 characters or more"),
    ],
    ids=lambda value: str(value)[:12],
)
def test_what_cannot_be_read_is_told_in_a_line_with_the_remedy(
    content: bytes, said: str, tmp_path: Path
) -> None:
    with pytest.raises(DatasetError, match=said) as raised:
        Dataset.load_readable(written(tmp_path, content), CHANNELS, Problems())
    assert "\n" not in str(raised.value)
    assert "readings.csv" in str(raised.value)


def test_each_refused_row_is_counted_by_its_reason_with_its_first_line(tmp_path: Path) -> None:
    text = table() + "1,2\nbroken,2,3,NoGas\n3,4\n,,,NoGas\n"
    problems = Problems()
    dataset = Dataset.load_readable(written(tmp_path, text), CHANNELS, problems)
    fates = [(fate.reason, fate.count, fate.line) for fate in dataset.facts.refused]
    first = len(ROWS) + 2
    assert fates == [
        ("2 fields instead of 4", 2, first),
        ("mq2 is no number, such as 'broken'", 1, first + 1),
        ("no channel has a value", 1, first + 3),
    ]
    assert dataset.length == len(ROWS) + 4
    assert problems.counts() == {"unreadable_row": 4}


def test_training_says_how_many_rows_it_refuses(tmp_path: Path) -> None:
    path = written(tmp_path, table() + "1,2\n1,2\n")
    with pytest.raises(DatasetError, match="line 42: 2 fields instead of 4; 2 of 42 rows cannot be read"):
        Dataset.load(path, CHANNELS)
    path = written(tmp_path, table().replace("611,481", "611,", 2))
    with pytest.raises(DatasetError, match=r"mq3 has no value; .* 2 of 40 rows lack one: fill or remove"):
        Dataset.load(path, CHANNELS)
    path = written(tmp_path, table(labels=("",) * 3 + LABELS[3:]))
    with pytest.raises(DatasetError, match=r"line 2: the field 'Gas' is empty; .* 3 of 40 rows lack it"):
        Dataset.load(path, CHANNELS)


def test_as_many_rows_as_are_allowed_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gas_fusion_ros.base.dataset._MOST_ROWS", len(ROWS))
    assert_whole(read(written(tmp_path, table())))
    with pytest.raises(DatasetError, match="it has more than 40 rows; make several files of it"):
        read(written(tmp_path, f"{table()}1,2,3,NoGas\n"))
