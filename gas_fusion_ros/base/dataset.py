"""The data set's folder: rows of gas readings, their labels and their thermal images.

Layout (MultimodalGasData, Narkhede et al. 2022): a CSV with one column per sensor, `Gas` and
`Serial Number`, optionally `Corresponding Image Name`; images named `<N>_<Class>.png`, where N is
the serial number of the row within its class, in any folder below the root; as published in
`Thermal Camera Images/<Class>/`. Two further columns are ours: `Stamp`, the reading's acquisition time in
whole nanoseconds, and `Bag`, the recording that it is from.

Tables of others are read too: `table` finds how they are written and which column is what.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from gas_fusion_ros.base.mq import sensor_column
from gas_fusion_ros.base.observation import PAPER_CHANNELS, PAPER_CLASSES
from gas_fusion_ros.base.problems import Problems
from gas_fusion_ros.base.quoting import listed, quoted, shown
from gas_fusion_ros.base.rows import Row, RowCollector, Rows
from gas_fusion_ros.base.table.cells import Cells
from gas_fusion_ros.base.table.classes import ClassNames
from gas_fusion_ros.base.table.clock_steps import told_steps
from gas_fusion_ros.base.table.columns import (
    NoSuchColumnError,
    find_columns,
    header_names,
)
from gas_fusion_ros.base.table.facts import Fates, RefusedRowError, TableFacts
from gas_fusion_ros.base.table.moments import NO_TIME
from gas_fusion_ros.base.table.numbers import ABSENT, MOST_ABSENT, POINT
from gas_fusion_ros.base.table.options import AS_FOUND, TableError, TableOptions
from gas_fusion_ros.base.table.reader import Damage, Record, TableReader
from gas_fusion_ros.base.table.times import TableTimes, read_times

CSV_NAME = "Gas_Sensors_Measurements.csv"
IMAGE_FOLDER = "Thermal Camera Images"
"""As published, it holds one folder per class."""
DOI = "10.17632/zkwgkjkjn9"
"""Where the data set is published."""
SOURCE = f"MultimodalGasData, Narkhede et al. 2022, Data 7(8):112, doi {DOI}, CC BY 4.0"
IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".pgm")

TABLE_PATTERN = "*.[cC][sS][vV]"
_MOST_BYTES = 256 << 20
_MOST_ROWS = 500_000
_MOST_FILES = 1_000_000
_NOTABLE_SHARE = 0.01


class DatasetError(ValueError):
    """A file of the data set cannot be read; the message names the file and the line."""


class MissingColumnError(DatasetError):
    """The file has no column for a channel that was asked for.

    Attributes:
        sensors: the channels that it has columns for, by the names of these.
    """

    def __init__(self, message: str, sensors: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.sensors = sensors

    def with_remedy(self, option: str) -> str:
        """Return the message, and the option or parameter that names the channels there are."""
        names = f" {','.join(self.sensors)}" if self.sensors else ""
        return f"{self}; name the channels with {option}{names}"


@dataclass(frozen=True)
class Dataset:
    """The rows of a data set folder, in the file's order.

    Attributes:
        csv_path: the file the rows come from.
        channels: channel names, length C, as asked for.
        rows: the readable rows, in the file's (time) order.
        length: how many rows the file has, unreadable ones included.
        root: the folder below which the images were sought.
        facts: what the file was read as, and what became of its rows.
    """

    csv_path: Path
    channels: tuple[str, ...]
    rows: Rows
    length: int
    root: Path
    facts: TableFacts

    @classmethod
    def load(
        cls,
        root: str | Path,
        channels: Sequence[str] = PAPER_CHANNELS,
        options: TableOptions = AS_FOUND,
    ) -> Dataset:
        """Read a folder for training: every row must be readable, finite, labelled and unique.

        Stamps must ascend within the rows of one class and bag: time may go back from one bag to the next,
        and from one class to the next, whose rows may stand after all of the other's.

        Args:
            root: the folder, or its CSV.
            channels: the sensor columns to read, by their names or usual spellings of them.
            options: what the table does not tell by itself.

        Raises:
            MissingColumnError: a channel has no column.
            DatasetError: a file or another column is missing, a row is unreadable, or a stamp does not
                ascend.
        """
        bad: list[DatasetError] = []
        dataset = cls._load(root, channels, options, lambda error: None if bad else bad.append(error))
        name = shown(dataset.csv_path.name)
        if bad:
            count = sum(fate.count for fate in dataset.facts.refused)
            more = f"; {count} of {dataset.length} rows cannot be read" if count > 1 else ""
            raise DatasetError(f"{bad[0]}{more}")
        _check_whole(dataset, name)
        seen: dict[tuple[str, int], int] = {}
        for row in dataset.rows:
            first = seen.setdefault((row.label, row.serial), row.line)
            if first != row.line and not row.label:
                raise DatasetError(
                    f"{name} line {dataset.facts.format.header_line}: no column for the class; expected "
                    f"'Gas', or serial numbers that are unique: line {row.line} repeats that of line {first}"
                )
            if first != row.line:
                raise DatasetError(
                    f"{name} line {row.line}: serial number {row.serial} of class '{row.label}' is already "
                    f"on line {first}"
                )
        _check_stamps(dataset)
        return dataset

    @classmethod
    def load_readable(
        cls,
        root: str | Path,
        channels: Sequence[str] | None,
        problems: Problems,
        options: TableOptions = AS_FOUND,
    ) -> Dataset:
        """Read a folder for playing: unreadable rows are left out and counted as `unreadable_row`.

        A cell that is missing is NaN. Channels of None are all that have the name of a sensor.

        Raises:
            DatasetError: a file or column is missing, or no row is readable.
        """
        return cls._load(root, channels, options, lambda error: problems.add("unreadable_row", str(error)))

    @classmethod
    def _load(
        cls,
        root: str | Path,
        channels: Sequence[str] | None,
        options: TableOptions,
        on_bad_row: Callable[[DatasetError], None],
    ) -> Dataset:
        csv_path = find_csv(root)
        given = Path(root).expanduser()
        folder = csv_path.parent if given.is_file() else given
        try:
            table = _Table(csv_path, channels, options)
            # Beside a table that is given alone, and has nothing to name images by, anything may lie.
            images = index_images(folder) if given.is_dir() or table.names_images else {}
            rows, facts = table.read(images, on_bad_row)
        except OSError as error:
            raise DatasetError(f"{shown(csv_path)} cannot be read as CSV: {error.strerror}") from None
        except TableError as error:
            raise DatasetError(f"{shown(csv_path.name)}: {error}") from None
        if not rows:
            why = "; expected a header and at least one reading"
            if facts.refused:
                fate = facts.refused[0]
                why = f": line {fate.line} is refused, {fate.reason}; {fate.remedy}"
            raise DatasetError(f"{shown(csv_path)} has no readable row{why}")
        return cls(csv_path, table.channels, rows, table.length, folder, facts)

    @property
    def classes(self) -> tuple[str, ...]:
        """The class names that occur, sorted (the paper's label order)."""
        rows = self.rows
        return tuple(sorted(rows.label_names[code] for code in np.unique(rows.label_codes)))

    @property
    def counts(self) -> npt.NDArray[np.float32]:
        """All readings, shape (N, C), float32, ADC counts."""
        return self.rows.counts.copy()

    @property
    def labels(self) -> npt.NDArray[np.int64]:
        """Index into `classes` of each row, shape (N,)."""
        index = {name: position for position, name in enumerate(self.classes)}
        # A class that no row has any more has no place.
        places = np.array([index.get(name, -1) for name in self.rows.label_names], dtype=np.int64)
        return places[self.rows.label_codes]


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
    candidates = named or sorted(files_below(path, TABLE_PATTERN))
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


def holds_table(folder: Path) -> bool:
    """Whether a table lies in a folder, not below it."""
    return any(folder.glob(TABLE_PATTERN))


def _check_whole(dataset: Dataset, name: str) -> None:
    """Refuse rows without a class where others have one, and rows in which a channel is missing."""
    unlabelled = dataset.rows.lines[dataset.rows.of_label("")].tolist()
    if unlabelled and dataset.facts.columns.label is not None:
        raise DatasetError(
            f"{name} line {unlabelled[0]}: the field {quoted(str(dataset.facts.label_column))} is empty; "
            f"training needs the class of every row, {len(unlabelled)} of {dataset.length} rows lack it: "
            "fill or remove them"
        )
    finite = np.isfinite(dataset.rows.counts)
    lacking = np.flatnonzero(~finite.all(axis=1))
    if len(lacking):
        place = int(lacking[0])
        known = zip(dataset.channels, finite[place].tolist(), strict=True)
        channels = [channel for channel, is_known in known if not is_known]
        raise DatasetError(
            f"{name} line {dataset.rows[place].line}: a channel is NaN, {listed(channels)} has no value; "
            f"training needs every cell, {len(lacking)} of {dataset.length} rows lack one: fill or remove "
            "them, or leave out the channel with --channels"
        )


class _Table:
    """One reading of a CSV.

    Attributes:
        channels: as asked for, or as found.
        length: how many rows there were, unreadable ones included.
    """

    def __init__(self, path: Path, channels: Sequence[str] | None, options: TableOptions) -> None:
        self._name = shown(path.name)
        self._reader = TableReader(path, _MOST_BYTES, header_names(channels or ()))
        self._form = self._reader.format
        try:
            self._columns = find_columns(self._form, self._reader.sample, channels, options)
        except NoSuchColumnError as error:
            raise MissingColumnError(
                f"{self._name} line {self._form.header_line}: {error}", error.sensors
            ) from None
        self._options = options
        self._places = tuple(place for _, place in self._columns.channels)
        self._classes = ClassNames(options.classes, PAPER_CLASSES)
        self.channels = tuple(name for name, _ in self._columns.channels)
        self.length = 0

    @property
    def names_images(self) -> bool:
        """Whether a column tells which image is of which row."""
        return self._columns.serial is not None or self._columns.image is not None

    def read(
        self, images: dict[str, Path], on_bad_row: Callable[[DatasetError], None]
    ) -> tuple[Rows, TableFacts]:
        """Read all rows.

        Args:
            images: every image by its name, see `index_images`.
            on_bad_row: hears of each row that cannot be read.

        Raises:
            OSError: the file cannot be read.
            TableError: it is no table, it has another header further below or too many rows, or its times
                cannot be told.
        """
        fates = Fates()

        def refuse(line: int, error: RefusedRowError) -> None:
            fates.add(line, error)
            on_bad_row(DatasetError(f"{self._name} line {line}: {error}"))

        collected = RowCollector(len(self._places))
        cells_of_times = Cells()
        headers = 0
        time = self._columns.time
        for item in self._items():
            if isinstance(item, Damage):
                refuse(item.line, RefusedRowError(item.reason, "a row is damaged", "write it anew"))
                self.length += 1
                continue
            try:
                collected.add(self._row(item, images))
                if time:
                    cells_of_times.add(" ".join([item.cells[place].strip() for place in time]))
            except RefusedRowError as error:
                if self._is_header(item):
                    headers += 1
                    continue
                refuse(item.line, error)
            self.length += 1
        rows = collected.rows()
        times = self._times(cells_of_times)
        if times is not None:
            rows = _stamped(rows, cells_of_times, times, refuse)
        warnings = list(self._classes.warnings()) if self._columns.label is not None else []
        if times is not None:
            warnings += _too_coarse(rows)
            warnings += told_steps(rows, times.is_absolute)
        return rows, TableFacts(
            format=self._form,
            columns=self._columns,
            times=times,
            comments=self._reader.comments,
            repeated_headers=headers,
            refused=fates.all(),
            unlabelled=int(rows.of_label("").sum()),
            spellings=self._classes.spellings,
            told_classes=tuple(self._classes.told()),
            warnings=tuple(warnings),
        )

    def _items(self) -> Iterator[Record | Damage]:
        for item in self._reader.records():
            if item.line == self._columns.units_line:
                continue
            if self.length >= _MOST_ROWS:
                raise TableError(f"it has more than {_MOST_ROWS} rows; make several files of it")
            yield item

    def _is_header(self, record: Record) -> bool:
        """Whether a row below is the header once more, as loggers write it when they begin anew.

        Raises:
            TableError: it is another header.
        """
        names = [cell.strip() for cell in record.cells]
        if tuple(names[: self._form.width]) == self._form.header:
            return True
        sensors = sum(sensor_column(name) is not None for name in names)
        if sensors > len(self._places) // 2:
            raise TableError(
                f"line {record.line} holds another header ({listed(names)}): the columns change there; make "
                "two files of it"
            )
        return False

    def _row(self, item: Record, images: dict[str, Path]) -> Row:
        line, cells = item
        columns = self._columns
        if len(cells) != self._form.width and not self._form.fits(cells):
            raise self._wrong_width(cells)
        counts = self._counts(cells)
        try:
            label = "" if columns.label is None else self._classes.of(cells[columns.label])
        except ValueError as error:
            raise RefusedRowError(f"the class {error}", "the class is too long", "shorten it") from None
        serial = self.length if columns.serial is None else _parse_serial(cells[columns.serial])
        return Row(
            self.length,
            line,
            serial,
            label,
            counts,
            self._image(cells, serial, label, images) if images else None,
            None,
            "" if columns.bag is None else cells[columns.bag].strip(),
        )

    def _image(self, cells: Sequence[str], serial: int, label: str, images: dict[str, Path]) -> Path | None:
        columns = self._columns
        if columns.image is not None:
            return images.get(Path(cells[columns.image].strip()).stem.lower())
        found = images.get(f"{serial}_{label}".lower())
        if found is None and columns.label is not None:  # by the class as the table spells it
            found = images.get(f"{serial}_{cells[columns.label].strip()}".lower())
        return found

    def _wrong_width(self, cells: Sequence[str]) -> RefusedRowError:
        what = f"{len(cells)} field{'s' * (len(cells) > 1)} instead of {self._form.width}"
        remedy = "give each row as many cells as the header has names"
        if self._form.delimiter == "," and len(cells) > self._form.width:
            remedy += "; where commas are decimal signs too, part the cells by semicolons"
        return RefusedRowError(what, what, remedy)

    def _counts(self, cells: Sequence[str]) -> npt.NDArray[np.float32]:
        numbers = self._columns.numbers
        try:
            if numbers != POINT:
                raise ValueError
            values = [float(cells[place]) for place in self._places]
        except ValueError:
            values = [self._count(place, cells[place]) for place in self._places]
        if values and min(values) <= MOST_ABSENT:
            values = [math.nan if value in ABSENT else value for value in values]
        counts = np.array(values, dtype=np.float32)
        if not math.isfinite(sum(values)):
            counts[~np.isfinite(counts)] = np.nan
            if values and np.isnan(counts).all():
                raise RefusedRowError(
                    "no channel has a value", "no channel has a value", "nothing to do: nothing was measured"
                )
        return counts

    def _count(self, place: int, cell: str) -> float:
        try:
            return self._columns.numbers.value(cell)
        except ValueError:
            channel = self.channels[self._places.index(place)]
            raise RefusedRowError(
                f"channel {channel} is {quoted(cell)}; expected a number",
                f"{channel} is no number, such as {quoted(cell)}",
                "write a number, or leave the cell empty where it is missing",
            ) from None

    def _times(self, cells: Sequence[str]) -> TableTimes | None:
        columns = self._columns
        if not any(cells):
            return None
        name = "+".join(self._form.header[place] for place in columns.time)
        return read_times(name, cells, self._options, columns.numbers, columns.time_unit)


def _too_coarse(rows: Rows) -> Iterator[str]:
    """Warn of times that many rows share with the one before of their class and recording."""
    assert rows.stamps_ns is not None
    columns = (rows.stamps_ns, rows.label_codes, rows.bag_codes)
    repeated = int(np.logical_and.reduce([one[1:] == one[:-1] for one in columns]).sum())
    if repeated > _NOTABLE_SHARE * len(rows):
        yield (
            f"{repeated} of {len(rows)} rows have the time of the row before; give the times more digits, or "
            "count the rows instead with --time-column none"
        )


def _stamped(
    rows: Rows, cells: Sequence[str], times: TableTimes, refuse: Callable[[int, RefusedRowError], None]
) -> Rows:
    """Give each row its time; one whose time is none is refused."""
    has_time = times.stamps_ns != NO_TIME
    for place in np.flatnonzero(~has_time).tolist():
        what = f"the field {quoted(times.column)} is {quoted(cells[place])}; expected {times.expected}"
        error = RefusedRowError(what, "its time cannot be read", f"expected {times.expected}")
        refuse(int(rows.lines[place]), error)
    stamped = replace(rows, stamps_ns=times.stamps_ns)
    return stamped if has_time.all() else stamped.select(has_time)


def _parse_serial(cell: str) -> int:
    try:
        return int(cell)
    except ValueError:
        raise RefusedRowError(
            f"the field 'Serial Number' is {quoted(cell)}; expected a whole number",
            f"its serial number is no whole number, such as {quoted(cell)}",
            "number the rows of each class, or remove the column",
        ) from None
