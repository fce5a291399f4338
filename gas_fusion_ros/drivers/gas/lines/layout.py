"""Which value of a row is which channel's."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache

import numpy as np

from gas_fusion_ros.base.mq import Quantity
from gas_fusion_ros.base.observation import MOST_COUNTS
from gas_fusion_ros.drivers.gas.lines import refusals
from gas_fusion_ros.drivers.gas.lines.cells import Row
from gas_fusion_ros.drivers.gas.lines.columns import Resolution
from gas_fusion_ros.drivers.gas.lines.remark import LineRefusedError, Remark
from gas_fusion_ros.drivers.gas.lines.types import Values


@dataclass(frozen=True)
class Fitted:
    """A row with as many values as are expected.

    Attributes:
        row: the row.
        has_end_delimiter: whether a delimiter stood after the last value.
        last_is_empty: whether nothing stands for the last value, which may be all that is left of it.
    """

    row: Row
    has_end_delimiter: bool
    last_is_empty: bool


@dataclass(frozen=True)
class Layout:
    """How rows are read; N columns.

    Attributes:
        names: length N.
        resolution: which columns are the channels'.
        has_header: whether a line of names says so; else the order of the channels does.
    """

    names: tuple[str, ...]
    resolution: Resolution
    has_header: bool

    @classmethod
    @lru_cache(maxsize=8)
    def of_channels(cls, channels: tuple[str, ...]) -> Layout:
        """Return the layout of rows that hold the channels and nothing else, in order."""
        places = tuple((place,) for place in range(len(channels)))
        return cls(channels, Resolution(channels, places, Quantity.UNSAID, ()), has_header=False)

    @cached_property
    def places(self) -> list[int]:
        """Where each channel's value stands, or the first of them that may be it."""
        return [places[0] for places in self.resolution.places]

    @cached_property
    def begins_with_channel(self) -> bool:
        """Whether the first column may be a channel's."""
        return any(0 in places for places in self.resolution.places)

    def fit(self, row: Row) -> Fitted | None:
        """Return the row with N values, or None where it has not as many.

        A delimiter at the end may be one too many. A date and time before the values stand under the header's
        first names where those are no channels'.
        """
        width, number, may_end = len(self.names), len(row.values), row.cells[-1] == ""
        before = 0
        if self.has_header and row.stamp_cells and not self.begins_with_channel:
            stamps = range(row.stamp_cells, 0, -1)
            before = next((one for one in stamps if one + number - may_end <= width <= one + number), 0)
        if before + number == width:
            return Fitted(_padded(row, before, number), False, may_end)
        if may_end and before + number - 1 == width:
            return Fitted(_padded(row, before, number - 1), True, False)
        return None

    def fit_with_time(self, row: Row) -> Fitted | None:
        """Return the row with N + 1 values, the first of which may be a time, or None where it has others."""
        number, may_end = len(row.values), row.cells[-1] == ""
        if row.stamp_cells:
            return None
        if number == len(self.names) + 1:
            return Fitted(row, False, may_end)
        if may_end and number == len(self.names) + 2:
            return Fitted(_padded(row, 0, number - 1), True, False)
        return None

    def wrong_number(self, row: Row) -> Remark:
        """Say that a row has not as many values as there are columns."""
        if self.has_header:
            return refusals.unlike_header(len(row.values), len(self.names))
        return refusals.wrong_number(row.cells, row.delimiter, self.names)

    def counts(self, row: Row) -> Values:
        """Return the channels' values of a row that fits.

        Raises:
            LineRefusedError: one is no number, or of a unit that is not the converter's.
        """
        places = self.places
        units = {row.quantities[place] for place in places} - {Quantity.UNSAID}
        if len(units) > 1 or Quantity.OTHER in units:
            raise LineRefusedError(refusals.other_units(row.cells))
        return counts_of(
            self.resolution.channels, [(row.values[place], row.cells[place]) for place in places]
        )

    def quantity(self, row: Row) -> Quantity:
        """Return what the channels' values are, as far as header and units say it."""
        said = {row.quantities[place] for place in self.places} | {self.resolution.quantity}
        said -= {Quantity.UNSAID}
        return said.pop() if len(said) == 1 else Quantity.UNSAID


def counts_of(channels: Sequence[str], found: Sequence[tuple[float | None, str]]) -> Values:
    """Return values as float32, shape (C,): NaN where there is none, or more than any converter counts.

    Args:
        channels: length C.
        found: length C, value and text.

    Raises:
        LineRefusedError: one is no number.
    """
    counts = []
    for channel, (value, text) in zip(channels, found, strict=True):
        if value is None:
            raise LineRefusedError(refusals.no_number(channel, text))
        counts.append(value if abs(value) <= MOST_COUNTS else math.nan)
    return np.array(counts, dtype=np.float32)


def _padded(row: Row, before: int, number: int) -> Row:
    if before == 0 and number == len(row.cells):
        return row
    return replace(
        row,
        cells=("",) * before + row.cells[:number],
        values=(math.nan,) * before + row.values[:number],
        quantities=(Quantity.UNSAID,) * before + row.quantities[:number],
    )
