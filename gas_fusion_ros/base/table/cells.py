"""The cells of a column, kept as one text: as Python's strings they would take four times as much."""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from typing import overload


class Cells(Sequence[str]):
    """Cells in the order in which they were added."""

    def __init__(self) -> None:
        self._text = bytearray()
        self._ends = array("Q", [0])

    def add(self, cell: str) -> None:
        """Add a cell."""
        self._text += cell.encode("utf-8", "surrogatepass")
        self._ends.append(len(self._text))

    def __len__(self) -> int:
        """How many cells there are."""
        return len(self._ends) - 1

    @overload
    def __getitem__(self, place: int) -> str: ...

    @overload
    def __getitem__(self, place: slice) -> list[str]: ...

    def __getitem__(self, place: int | slice) -> str | list[str]:
        """The cell at a place, or the cells of a slice."""
        if isinstance(place, slice):
            return [self._at(one) for one in range(len(self))[place]]
        return self._at(range(len(self))[place])

    def __iter__(self) -> Iterator[str]:
        """Each cell, in order."""
        return map(self._at, range(len(self)))

    def _at(self, place: int) -> str:
        return self._text[self._ends[place] : self._ends[place + 1]].decode("utf-8", "surrogatepass")
