"""The last thermal images in stamp order, and the one nearest to a stamp."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from typing import Generic, TypeVar

I = TypeVar("I")  # noqa: E741

MOST_BYTES = 128 << 20
"""Of all images together, however many may be kept: large ones would fill the memory of a robot."""


@dataclass
class StoredImage(Generic[I]):
    """An image as the pairing keeps it, of `size` bytes; `used` once it went into any output."""

    stamp_ns: int
    item: I
    arrival_ns: int
    size: int = 0
    used: bool = False


class ImageHistory(Generic[I]):
    """At most `size` images and `MOST_BYTES`, oldest first; the newest is kept in any case."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._bytes = 0
        self._stamps: list[int] = []
        self._images: list[StoredImage[I]] = []
        self._evicted_ns: int | None = None

    @property
    def newest_ns(self) -> int | None:
        """The greatest stamp here; None while empty."""
        return self._stamps[-1] if self._stamps else None

    @property
    def unused(self) -> int:
        """How many images here have not been used."""
        return sum(not image.used for image in self._images)

    def __contains__(self, stamp_ns: int) -> bool:
        index = bisect_left(self._stamps, stamp_ns)
        return index < len(self._stamps) and self._stamps[index] == stamp_ns

    def is_older_than_all(self, stamp_ns: int) -> bool:
        """Whether the history is full and reaches back less far than `stamp_ns`."""
        return len(self._stamps) == self._size and stamp_ns < self._stamps[0]

    def insert(self, image: StoredImage[I]) -> list[StoredImage[I]]:
        """Keep `image`; return the oldest ones where they had to leave."""
        index = bisect_left(self._stamps, image.stamp_ns)
        self._stamps.insert(index, image.stamp_ns)
        self._images.insert(index, image)
        self._bytes += image.size
        evicted = []
        while len(self._stamps) > self._size or (len(self._stamps) > 1 and self._bytes > MOST_BYTES):
            self._evicted_ns = self._stamps.pop(0)
            evicted.append(self._images.pop(0))
            self._bytes -= evicted[-1].size
        return evicted

    def nearest(self, stamp_ns: int, slop_ns: int) -> StoredImage[I] | None:
        """The image nearest to `stamp_ns` within `slop_ns`; of two equally near the earlier."""
        index = bisect_left(self._stamps, stamp_ns)
        best = None
        if index < len(self._stamps) and self._stamps[index] - stamp_ns <= slop_ns:
            best, slop_ns = self._images[index], self._stamps[index] - stamp_ns
        if index > 0 and stamp_ns - self._stamps[index - 1] <= slop_ns:
            best = self._images[index - 1]
        return best

    def may_have_lost(self, stamp_ns: int, slop_ns: int) -> bool:
        """Whether an image that has left may have been the nearest one within `slop_ns`."""
        if self._evicted_ns is None or stamp_ns >= self._stamps[0]:
            return False
        return stamp_ns - self._evicted_ns <= min(slop_ns, self._stamps[0] - stamp_ns)
