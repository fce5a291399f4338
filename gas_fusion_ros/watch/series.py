"""A series that grows at its end and is bounded, so that a reader can be given just what it lacks."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True)
class Part(Generic[T]):
    """Items one after the other, out of a series.

    Attributes:
        oldest: number of the oldest item that the series still holds; what a reader has before it is gone.
        first: number of the first of `items`; it and those after it replace what a reader has from there on.
        items: the items.
    """

    oldest: int
    first: int
    items: Sequence[T]

    @property
    def end(self) -> int:
        """The number after the last of `items`."""
        return self.first + len(self.items)


class Series(Generic[T]):
    """The latest items, numbered from 0 on; the oldest give way.

    Args:
        most: how many are kept.
    """

    def __init__(self, most: int) -> None:
        self._items: deque[T] = deque(maxlen=most)
        self._end = 0

    @property
    def last(self) -> T | None:
        """The newest item; None without one."""
        return self._items[-1] if self._items else None

    def append(self, item: T) -> None:
        """Add an item at the end."""
        self._items.append(item)
        self._end += 1

    def replace_last(self, item: T) -> None:
        """Put an item in the place of the newest one, which there must be."""
        self._items[-1] = item

    def clear(self) -> None:
        """Forget every item; the numbers go on."""
        self._items.clear()

    def since(self, number: int, most: int) -> Part[T]:
        """Return the items from `number` on, or from the oldest; at most `most`, at least 2.

        The newest one is always among those from its own number on: it may have been replaced.
        """
        oldest = self._end - len(self._items)
        first = max(oldest, min(number, self._end) - 1)
        return Part(oldest, first, tuple(islice(self._items, first - oldest, first - oldest + most)))
