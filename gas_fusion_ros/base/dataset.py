"""The data set's folder: rows of gas readings, their labels and their thermal images.

Layout (MultimodalGasData, Narkhede et al. 2022): a CSV with one column per sensor, `Gas` and
`Serial Number`, optionally `Corresponding Image Name`; images named `<N>_<Class>.png`, where N is
the serial number of the row within its class, in any folder below the root; as published in
`Thermal Camera Images/<Class>/`. Two further columns are ours: `Stamp`, the reading's acquisition time in
whole nanoseconds, and `Bag`, the recording that it is from.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from gas_fusion_ros.base.files import open_text
from gas_fusion_ros.base.observation import PAPER_CHANNELS
from gas_fusion_ros.base.problems import Problems
from gas_fusion_ros.base.quoting import listed, quoted, shown

CSV_NAME = "Gas_Sensors_Measurements.csv"
IMAGE_FOLDER = "Thermal Camera Images"
"""As published, it holds one folder per class."""
DOI = "10.17632/zkwgkjkjn9"
"""Where the data set is published."""
SOURCE = f"MultimodalGasData, Narkhede et al. 2022, Data 7(8):112, doi {DOI}, CC BY 4.0"
IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".pgm")

_LABEL_COLUMN = "gas"
_SERIAL_COLUMN = "serial number"
_IMAGE_COLUMN = "corresponding image name"
_STAMP_COLUMN = "stamp"
_BAG_COLUMN = "bag"
_LAST_STAMP_NS = 2**63 - 1
_MOST_BYTES = 256 << 20
_MOST_ROWS = 500_000
_MOST_FILES = 1_000_000
_LONGEST_LABEL = 80


class DatasetError(ValueError):
    """A file of the data set cannot be read; the message names the file and the line."""


class MissingColumnError(DatasetError):
    """The file has no column for a channel that was asked for."""


@dataclass(frozen=True, slots=True)
class Row:
    """One row of the CSV.

    Attributes:
        index: place among all rows of the file, unreadable ones included, so that it stands for a time.
        line: line in the file, the header being line 1.
        serial: serial number, unique within the class; the row's index where the column is missing.
        label: class name; empty where the file has no `Gas` column.
        counts: shape (C,), float32, ADC counts in the order of the channels asked for.
        image: the row's thermal image; None where the folder has none.
        stamp_ns: acquisition time, nanoseconds; None where the file has no `Stamp` column.
        bag: the recording it is from; empty where the file has no `Bag` column.
    """

    index: int
    line: int
    serial: int
    label: str
    counts: npt.NDArray[np.float32]
    image: Path | None = None
    stamp_ns: int | None = None
    bag: str = ""


@dataclass(frozen=True)
class Dataset:
    """The rows of a data set folder, in the file's order.

    Attributes:
        csv_path: the file the rows come from.
        channels: channel names, length C, as asked for.
        rows: the readable rows, in the file's (time) order.
        length: how many rows the file has, unreadable ones included.
        root: the folder below which the images were sought.
    """

    csv_path: Path
    channels: tuple[str, ...]
    rows: tuple[Row, ...]
    length: int
    root: Path

    @classmethod
    def load(cls, root: str | Path, channels: Sequence[str] = PAPER_CHANNELS) -> Dataset:
        """Read a folder for training: every row must be readable, finite and unique.

        Stamps must ascend within the rows of one class and bag: time may go back from one bag to the next,
        and from one class to the next, whose rows may stand after all of the other's.

        Args:
            root: the folder, or its CSV.
            channels: the sensor columns to read, matched without regard to case.

        Raises:
            MissingColumnError: a channel has no column.
            DatasetError: a file or another column is missing, a row is unreadable, or a stamp does not
                ascend.
        """
        dataset = cls._load(root, channels, _raise)
        seen: dict[tuple[str, int], int] = {}
        for row in dataset.rows:
            first = seen.setdefault((row.label, row.serial), row.line)
            if first != row.line and not row.label:
                raise DatasetError(
                    f"{shown(dataset.csv_path.name)} line 1: no column for the class; expected 'Gas', or "
                    "serial "
                    f"numbers that are unique: line {row.line} repeats that of line {first}"
                )
            if first != row.line:
                raise DatasetError(
                    f"{shown(dataset.csv_path.name)} line {row.line}: serial number {row.serial} of class "
                    f"'{row.label}' is already on line {first}"
                )
            if not np.isfinite(row.counts).all():
                raise DatasetError(f"{shown(dataset.csv_path.name)} line {row.line}: a channel is NaN")
        _check_stamps(dataset)
        return dataset

    @classmethod
    def load_readable(cls, root: str | Path, channels: Sequence[str], problems: Problems) -> Dataset:
        """Read a folder for playing: unreadable rows are left out and counted as `unreadable_row`.

        Raises:
            DatasetError: a file or column is missing, or no row is readable.
        """
        return cls._load(root, channels, lambda error: problems.add("unreadable_row", str(error)))

    @classmethod
    def _load(
        cls, root: str | Path, channels: Sequence[str], on_bad_row: Callable[[DatasetError], None]
    ) -> Dataset:
        csv_path = find_csv(root)
        given = Path(root).expanduser()
        folder = csv_path.parent if given.is_file() else given
        images = index_images(folder)
        try:
            results = list(_read_rows(csv_path, channels, images))
        except OSError as error:
            raise DatasetError(f"{shown(csv_path)} cannot be read as CSV: {error.strerror}") from None
        except csv.Error as error:
            raise DatasetError(f"{shown(csv_path)} cannot be read as CSV: {error}") from None
        rows = tuple(result for result in results if isinstance(result, Row))
        for result in results:
            if isinstance(result, DatasetError):
                on_bad_row(result)
        if not rows:
            raise DatasetError(
                f"{shown(csv_path)} has no readable row; expected a header and at least one reading"
            )
        return cls(csv_path, tuple(channels), rows, len(results), folder)

    @property
    def classes(self) -> tuple[str, ...]:
        """The class names that occur, sorted (the paper's label order)."""
        return tuple(sorted({row.label for row in self.rows}))

    @property
    def counts(self) -> npt.NDArray[np.float32]:
        """All readings, shape (N, C), float32, ADC counts."""
        return np.stack([row.counts for row in self.rows])

    @property
    def labels(self) -> npt.NDArray[np.int64]:
        """Index into `classes` of each row, shape (N,)."""
        index = {name: position for position, name in enumerate(self.classes)}
        return np.array([index[row.label] for row in self.rows], dtype=np.int64)


def _check_stamps(dataset: Dataset) -> None:
    """Refuse a row whose stamp does not follow that of the row before it of its class and bag."""
    latest: dict[tuple[str, str], Row] = {}
    for row in dataset.rows:
        if row.stamp_ns is None:
            return
        before = latest.get((row.bag, row.label))
        if before is not None and before.stamp_ns is not None and row.stamp_ns <= before.stamp_ns:
            of_bag = f" of bag '{row.bag}'" if row.bag else ""
            raise DatasetError(
                f"{shown(dataset.csv_path.name)} line {row.line}: the stamp {row.stamp_ns} of class "
                f"'{row.label}'{of_bag} does not follow {before.stamp_ns} on line {before.line}; expected "
                "rows in time order within a class, and a column 'Bag' where they are of several recordings"
            )
        latest[row.bag, row.label] = row


def find_csv(root: str | Path) -> Path:
    """The CSV of a data set folder; `root` itself where it is a file.

    Raises:
        DatasetError: there is none, or several and none has the published name.
    """
    path = Path(root).expanduser()
    if path.is_file():
        return path
    if not path.is_dir():
        raise DatasetError(f"{shown(path)} does not exist; expected a CSV or a folder that holds {CSV_NAME}")
    named = sorted(files_below(path, CSV_NAME))
    candidates = named or sorted(files_below(path, "*.csv"))
    if not candidates:
        raise DatasetError(f"{shown(path)} holds no CSV; expected {CSV_NAME}")
    if len(candidates) > 1 and not named:
        names = listed((candidate.name for candidate in candidates), 4)
        raise DatasetError(f"{shown(path)} holds several CSV files ({names}); name one of them {CSV_NAME}")
    return candidates[0]


def index_images(root: Path) -> dict[str, Path]:
    """Every image below `root` by its lower-case name without suffix.

    Raises:
        DatasetError: there are more files than any data set has.
    """
    images: dict[str, Path] = {}
    for path in sorted(files_below(root, "*")):
        if path.suffix.lower() in IMAGE_SUFFIXES:
            images.setdefault(path.stem.lower(), path)
    return images


def files_below(root: Path, pattern: str) -> Iterator[Path]:
    """The files below a folder whose names fit a pattern.

    Raises:
        DatasetError: there are more than any data set has.
    """
    for number, path in enumerate(root.rglob(pattern)):
        if number >= _MOST_FILES:
            raise DatasetError(
                f"{shown(root)} holds more than {_MOST_FILES} files; name the data set's folder"
            )
        yield path


@dataclass(frozen=True)
class _Columns:
    """Where each field stands in a line."""

    width: int
    channels: tuple[tuple[str, int], ...]
    label: int | None
    serial: int | None
    image: int | None
    stamp: int | None
    bag: int | None


def _raise(error: DatasetError) -> None:
    raise error


def _read_rows(path: Path, channels: Sequence[str], images: dict[str, Path]) -> Iterator[Row | DatasetError]:
    """Each row of the file, or what is wrong with it."""
    # Bytes that are not UTF-8 become replacement characters, so they spoil their own row only.
    with open_text(path, _MOST_BYTES, errors="replace") as file:
        reader = csv.reader(file)
        columns = _find_columns(path, next(reader, []), channels)
        index = 0
        while True:
            if index >= _MOST_ROWS:
                raise DatasetError(f"{shown(path)} has more than {_MOST_ROWS} rows; make several files of it")
            try:
                cells = next(reader)
                if cells:
                    yield _parse_row(cells, columns, index, reader.line_num, images)
                    index += 1
            except StopIteration:
                return
            except (ValueError, csv.Error) as error:
                yield DatasetError(f"{shown(path.name)} line {reader.line_num}: {error}")
                index += 1


def _find_columns(path: Path, header: Sequence[str], channels: Sequence[str]) -> _Columns:
    position = {name.strip().lower(): index for index, name in enumerate(header)}
    missing = [name for name in channels if name.lower() not in position]
    if missing:
        raise MissingColumnError(
            f"{shown(path.name)} line 1: no column for {listed(missing)}; the columns are "
            f"{listed(header, 20)}"
        )
    return _Columns(
        width=len(header),
        channels=tuple((name, position[name.lower()]) for name in channels),
        label=position.get(_LABEL_COLUMN),
        serial=position.get(_SERIAL_COLUMN),
        image=position.get(_IMAGE_COLUMN),
        stamp=position.get(_STAMP_COLUMN),
        bag=position.get(_BAG_COLUMN),
    )


def _parse_row(
    cells: Sequence[str], columns: _Columns, index: int, line: int, images: dict[str, Path]
) -> Row:
    if len(cells) != columns.width:
        raise ValueError(f"{len(cells)} fields instead of {columns.width}")
    counts = np.array([_parse_count(name, cells[at]) for name, at in columns.channels], dtype=np.float32)
    label = "" if columns.label is None else cells[columns.label].strip()
    if columns.label is not None and not label:
        raise ValueError("the field 'Gas' is empty; expected a class name")
    if len(label) > _LONGEST_LABEL:
        raise ValueError(f"the field 'Gas' is {quoted(label)}; expected {_LONGEST_LABEL} characters at most")
    serial = index if columns.serial is None else _parse_serial(cells[columns.serial])
    name = f"{serial}_{label}" if columns.image is None else Path(cells[columns.image].strip()).stem
    return Row(
        index,
        line,
        serial,
        label,
        counts,
        images.get(name.lower()),
        stamp_ns=None if columns.stamp is None else _parse_stamp(cells[columns.stamp]),
        bag="" if columns.bag is None else cells[columns.bag].strip(),
    )


def _parse_count(name: str, cell: str) -> float:
    try:
        value = float(cell)
    except ValueError:
        raise ValueError(f"channel {name} is {quoted(cell)}; expected a number") from None
    if math.isinf(value):
        raise ValueError(f"channel {name} is infinite; expected ADC counts, or nan for an invalid reading")
    return value


def _parse_serial(cell: str) -> int:
    try:
        return int(cell)
    except ValueError:
        raise ValueError(f"the field 'Serial Number' is {quoted(cell)}; expected a whole number") from None


def _parse_stamp(cell: str) -> int:
    text = cell.strip()
    # int() would take signs, underscores and other scripts' digits as well.
    if not (text.isascii() and text.isdigit() and len(text) <= 19 and int(text) <= _LAST_STAMP_NS):
        raise ValueError(f"the field 'Stamp' is {quoted(cell)}; expected whole nanoseconds, at least 0")
    return int(text)
