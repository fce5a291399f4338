"""The rows of a table, kept by columns: half a million of them take some tens of megabytes."""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, overload

import numpy as np
import numpy.typing as npt

Indices = npt.NDArray[np.int64]
_AT_A_TIME = 4096


@dataclass(frozen=True, slots=True)
class Row:
    """One row of the CSV.

    Attributes:
        index: place among all rows of the file, unreadable ones included, so that it stands for a time.
        line: line in the file, the header being line 1.
        serial: serial number, unique within the class; the row's index where the column is missing.
        label: class name; empty where the file does not tell it.
        counts: shape (C,), float32, ADC counts in the order of the channels asked for; NaN where missing.
        image: the row's thermal image; None where the folder has none.
        stamp_ns: acquisition time, nanoseconds, since the epoch or, by `facts.times`, from a beginning; None
            where the file has no column of times.
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


@dataclass(frozen=True, eq=False)
class Rows(Sequence[Row]):
    """Rows by columns; N rows of C channels. A `Row` is made as it is asked for.

    Attributes:
        indices: shape (N,), as in `Row`, as are those below.
        lines: shape (N,).
        serials: shape (N,), int64; objects where one is beyond.
        counts: shape (N, C), float32.
        label_codes: shape (N,), places in `label_names`.
        label_names: each class once, in the order of the rows.
        bag_codes: shape (N,), places in `bag_names`.
        bag_names: each recording once.
        images: shape (N,), a path or None each; None where no row has one.
        stamps_ns: shape (N,); None where the file has no column of times.
    """

    indices: Indices
    lines: Indices
    serials: npt.NDArray[Any]
    counts: npt.NDArray[np.float32]
    label_codes: npt.NDArray[np.uint32]
    label_names: tuple[str, ...]
    bag_codes: npt.NDArray[np.uint32]
    bag_names: tuple[str, ...]
    images: npt.NDArray[np.object_] | None = None
    stamps_ns: Indices | None = None

    def __len__(self) -> int:
        """How many rows there are."""
        return len(self.indices)

    @overload
    def __getitem__(self, place: int) -> Row: ...

    @overload
    def __getitem__(self, place: slice) -> Rows: ...

    def __getitem__(self, place: int | slice) -> Row | Rows:
        """The row at a place, or the rows of a slice."""
        if isinstance(place, slice):
            return self.select(np.arange(len(self))[place])
        place = range(len(self))[place]
        return next(self._between(place, place + 1))

    def __iter__(self) -> Iterator[Row]:
        """Each row, in order."""
        for first in range(0, len(self), _AT_A_TIME):
            yield from self._between(first, first + _AT_A_TIME)

    def select(self, places: npt.NDArray[np.int64] | npt.NDArray[np.bool_]) -> Rows:
        """Return the rows at some places, or those where a mask of shape (N,) is true."""
        return replace(
            self,
            indices=self.indices[places],
            lines=self.lines[places],
            serials=self.serials[places],
            counts=self.counts[places],
            label_codes=self.label_codes[places],
            bag_codes=self.bag_codes[places],
            images=None if self.images is None else self.images[places],
            stamps_ns=None if self.stamps_ns is None else self.stamps_ns[places],
        )

    def of_label(self, *labels: str) -> npt.NDArray[np.bool_]:
        """Return which rows are of one of some classes, shape (N,)."""
        codes = [code for code, name in enumerate(self.label_names) if name in labels]
        return np.isin(self.label_codes, codes)

    def counts_at(self, index: int) -> npt.NDArray[np.float32] | None:
        """Return the counts, shape (C,), of the row of an index; None where that is not among the rows."""
        place = int(np.searchsorted(self.indices, index))
        return self.counts[place] if place < len(self) and self.indices[place] == index else None

    def _between(self, first: int, end: int) -> Iterator[Row]:
        part = slice(first, end)
        labels, bags = self.label_names, self.bag_names
        counts = self.counts[part]
        nothing = [None] * len(counts)
        images = nothing if self.images is None else self.images[part].tolist()
        stamps = nothing if self.stamps_ns is None else self.stamps_ns[part].tolist()
        columns = (
            self.indices[part].tolist(),
            self.lines[part].tolist(),
            self.serials[part].tolist(),
            self.label_codes[part].tolist(),
            counts,
            images,
            stamps,
            self.bag_codes[part].tolist(),
        )
        for index, line, serial, label, values, image, stamp_ns, bag in zip(*columns, strict=True):
            yield Row(index, line, serial, labels[label], values, image, stamp_ns, bags[bag])


class RowCollector:
    """Takes rows one by one, and keeps them by columns.

    Args:
        channels: how many each row has.
    """

    def __init__(self, channels: int) -> None:
        self._channels = channels
        self._indices, self._lines = array("q"), array("q")
        self._serials: array[int] | list[int] = array("q")
        self._counts = array("f")
        self._labels, self._bags = _Names(), _Names()
        self._images: list[Path | None] = []

    def __len__(self) -> int:
        """How many rows have been taken."""
        return len(self._indices)

    def add(self, row: Row) -> None:
        """Take a row; its time is left aside."""
        self._indices.append(row.index)
        self._lines.append(row.line)
        self._add_serial(row.serial)
        self._counts.frombytes(row.counts.tobytes())
        self._labels.add(row.label)
        self._bags.add(row.bag)
        if row.image is not None:
            self._images += [None] * (len(self._indices) - 1 - len(self._images))
            self._images.append(row.image)

    def rows(self) -> Rows:
        """Return what was taken, without times; nothing more may be taken."""
        images = None
        if self._images:
            images = np.full(len(self), None, dtype=object)
            images[: len(self._images)] = self._images
        counts = np.frombuffer(self._counts, np.float32) if self._counts else np.zeros(0, np.float32)
        counts = counts.reshape(len(self), self._channels)
        counts.flags.writeable = False
        is_large = isinstance(self._serials, list)
        return Rows(
            np.array(self._indices, dtype=np.int64),
            np.array(self._lines, dtype=np.int64),
            np.array(self._serials, dtype=object if is_large else np.int64),
            counts,
            np.array(self._labels.codes, dtype=np.uint32),
            self._labels.names,
            np.array(self._bags.codes, dtype=np.uint32),
            self._bags.names,
            images,
        )

    def _add_serial(self, serial: int) -> None:
        try:
            self._serials.append(serial)
        except OverflowError:
            self._serials = [*self._serials, serial]


class _Names:
    """Gives each name a number."""

    def __init__(self) -> None:
        self.codes = array("I")
        self._numbers: dict[str, int] = {}

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self._numbers)

    def add(self, name: str) -> None:
        self.codes.append(self._numbers.setdefault(name, len(self._numbers)))
