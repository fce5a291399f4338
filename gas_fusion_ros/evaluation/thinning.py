"""A stream of rows thinned out as it grows, so that a picture of it never has more points than it shows."""

from __future__ import annotations

from typing import Generic, TypeVar

T = TypeVar("T")

MAX_POINTS = 4000
"""At most so many points are kept: more than a picture has columns."""


class Thinned(Generic[T]):
    """Every n-th item of a stream, n doubling whenever the items kept become too many.

    Args:
        most: greatest number of items kept, at least 2.
    """

    def __init__(self, most: int = MAX_POINTS) -> None:
        self._most = most
        self._step = 1
        self._seen = 0
        self._kept: list[tuple[int, T]] = []

    def add(self, stamp_ns: int, item: T) -> None:
        """Take an item in."""
        if self._seen % self._step == 0:
            if len(self._kept) == self._most:
                del self._kept[1::2]
                self._step *= 2
            if self._seen % self._step == 0:
                self._kept.append((stamp_ns, item))
        self._seen += 1

    def in_time_order(self) -> list[tuple[int, T]]:
        """The items kept, with their stamps."""
        return sorted(self._kept, key=lambda kept: kept[0])
