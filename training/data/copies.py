"""Stretches of readings that stand twice in a data set, so that a split by time does not leak through them.

The published readings have one: 200 rows of Perfume (its rows 169 to 368) stand again, digit by digit, as
rows 1396 to 1595. Held out in one place, they would be trained on in the other.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Indices = npt.NDArray[np.int64]

SHORTEST = 20
"""Rows; shorter runs of equal readings occur by chance while the sensors rest."""


@dataclass(frozen=True)
class Copies:
    """Pairs of rows with the same reading, within stretches of at least `SHORTEST` such pairs.

    Attributes:
        first: shape (P,), row indices.
        second: shape (P,), the row that repeats each.
    """

    first: Indices
    second: Indices

    def of(self, rows: Indices) -> Indices:
        """Return the rows that repeat some of `rows`, or are repeated by them."""
        return np.concatenate(
            [self.second[np.isin(self.first, rows)], self.first[np.isin(self.second, rows)]]
        )

    def among(self, rows: Indices) -> Copies:
        """Return the pairs within `rows`, sorted, as places in them."""
        inside = np.isin(self.first, rows) & np.isin(self.second, rows)
        return Copies(np.searchsorted(rows, self.first[inside]), np.searchsorted(rows, self.second[inside]))


NO_COPIES = Copies(np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64))


def find_copies(counts: npt.NDArray[np.float32], labels: Indices) -> Copies:
    """Find stretches of at least `SHORTEST` readings that stand twice within a class.

    A stretch in which nothing changes is none: it would be a copy of itself, moved by a row.

    Args:
        counts: shape (N, C), in time order within each class.
        labels: shape (N,).
    """
    by_class = (np.flatnonzero(labels == label) for label in np.unique(labels))
    pairs = np.concatenate([rows[_copies_in(counts[rows])] for rows in by_class])
    return Copies(*np.unique(pairs, axis=0).T)


def _copies_in(counts: npt.NDArray[np.float32]) -> Indices:
    """Return pairs of places, shape (P, 2), in equal stretches of `counts`, shape (N, C)."""
    steps = np.arange(SHORTEST)
    seen: dict[bytes, int] = {}
    pairs = [np.zeros((0, 2), dtype=np.int64)]
    for start in range(len(counts) - SHORTEST + 1):
        stretch = counts[start : start + SHORTEST]
        first = seen.setdefault(stretch.tobytes(), start)
        if first != start and (stretch != stretch[0]).any():
            pairs.append(np.stack([first + steps, start + steps], axis=1))
    return np.concatenate(pairs)
