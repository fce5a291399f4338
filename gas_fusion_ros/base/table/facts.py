"""What a table was read as, and what became of its rows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from gas_fusion_ros.base.mq import sensor_column
from gas_fusion_ros.base.quoting import quoted
from gas_fusion_ros.base.table.columns import TableColumns
from gas_fusion_ros.base.table.encoding import LAST_RESORT
from gas_fusion_ros.base.table.reader import DELIMITERS, TableFormat
from gas_fusion_ros.base.table.times import TableTimes


@dataclass(frozen=True)
class Fate:
    """Rows that were refused for one reason.

    Attributes:
        reason: what is wrong with them.
        remedy: what to do about it.
        count: how many there are.
        line: the first one's line.
    """

    reason: str
    remedy: str
    count: int
    line: int


class RefusedRowError(ValueError):
    """A row cannot be read.

    Attributes:
        reason: of all rows that are refused alike.
        remedy: what to do about them.
    """

    def __init__(self, what: str, reason: str, remedy: str) -> None:
        super().__init__(what)
        self.reason = reason
        self.remedy = remedy


@dataclass
class Fates:
    """Counts refused rows by their reason."""

    _by_reason: dict[str, Fate] = field(default_factory=dict)

    def add(self, line: int, error: RefusedRowError) -> None:
        """Count a row."""
        found = self._by_reason.get(error.reason)
        first, count = (line, 1) if found is None else (found.line, found.count + 1)
        self._by_reason[error.reason] = Fate(error.reason, error.remedy, count, first)

    def all(self) -> tuple[Fate, ...]:
        """All reasons, the first one first."""
        return tuple(self._by_reason.values())


@dataclass(frozen=True)
class TableFacts:
    """What a table was read as, and what became of its rows.

    Attributes:
        format: how it is written.
        columns: which column is what.
        times: when its rows were taken; None where it does not tell.
        comments: lines that begin with `#` or `//`.
        repeated_headers: rows that were the header once more.
        refused: rows that could not be read, by reason.
        unlabelled: rows that were read whose class is not told.
        spellings: the classes as they stand in the table.
        told_classes: what spellings of classes were taken for.
        warnings: what is likely a mistake in the table, a sentence each.
    """

    format: TableFormat
    columns: TableColumns
    times: TableTimes | None = None
    comments: int = 0
    repeated_headers: int = 0
    refused: tuple[Fate, ...] = ()
    unlabelled: int = 0
    spellings: tuple[str, ...] = ()
    told_classes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def label_column(self) -> str | None:
        """The name of the column of the class."""
        return None if self.columns.label is None else self.format.header[self.columns.label]

    @property
    def unused_columns(self) -> tuple[str, ...]:
        """The names of the columns that are neither read nor of a sensor: one may hold the class."""
        columns = self.columns
        used = {*(place for _, place in columns.channels), *columns.time}
        named = (columns.label, columns.serial, columns.image, columns.bag)
        used |= {place for place in named if place is not None}
        return tuple(
            name
            for place, name in enumerate(self.format.header)
            if place not in used and sensor_column(name) is None
        )

    @property
    def notes(self) -> tuple[str, ...]:
        """What is not as in the published layout, a sentence each."""
        return tuple(self._notes())

    @property
    def told(self) -> tuple[str, ...]:
        """The notes, then the warnings, so called."""
        return (*self.notes, *(f"warning: {warning}" for warning in self.warnings))

    def _notes(self) -> Iterator[str]:
        form, numbers = self.format, self.columns.numbers
        written = []
        if not form.encoding.startswith("utf-8"):
            written.append(form.encoding + (", for it is no UTF-8" * (form.encoding == LAST_RESORT)))
        if form.delimiter != ",":
            written.append(f"parted by {DELIMITERS.get(form.delimiter, quoted(form.delimiter))}")
        if numbers.decimal == ",":
            written.append("decimal commas")
        if numbers.has_thousands:
            written.append(f"thousands marked by {quoted(numbers.thousands)}")
        if written:
            yield f"read as {', '.join(written)}"
        if form.above:
            yield f"{_rows(form.above)} above the header on line {form.header_line} left aside"
        if self.columns.units_line is not None:
            yield f"line {self.columns.units_line} has units"
        if self.repeated_headers:
            yield f"{_rows(self.repeated_headers)} below the header repeat it"
        yield from self.columns.told
        if self.times is not None:
            yield f"times are {self.times.told}"
        if self.label_column is not None and self.label_column.lower() != "gas":
            yield f"classes are those of the column {quoted(self.label_column)}"
        yield from self.told_classes
        if self.unlabelled and self.columns.label is not None:
            yield f"{_rows(self.unlabelled)} without a class"


def _rows(count: int) -> str:
    return "1 row" if count == 1 else f"{count} rows"
