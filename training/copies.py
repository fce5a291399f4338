"""Stretches of readings that stand twice in a data set, so that a split by time does not leak through them.

The published readings have one: 200 rows of Perfume (its rows 169 to 368) stand again, digit by digit, as
rows 1396 to 1595. Held out in one place, they would be trained on in the other.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from training.splits import RANDOM, Indices, Split, SplitError, SplitSettings

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


def without_copies(split: Split, copies: Copies, labels: Indices, settings: SplitSettings) -> Split:
    """Keep copies apart as the embargo keeps neighbours apart; a random split stays as it is.

    Rows within the embargo of a copy of a test row leave training and validation, those within the embargo
    of a copy of a validation row leave training.

    Raises:
        SplitError: a class is left without rows in a part.
    """
    if settings.name == RANDOM:
        return split
    places = _places(labels, settings.embargo)

    def far(rows: Indices, others: Indices) -> Indices:
        return _far_from(rows, copies.of(others), places, settings.embargo)

    validation = far(split.validation, split.test)
    apart = Split(far(far(split.train, split.test), validation), validation, split.test)
    if any(len(np.unique(labels[part])) < len(np.unique(labels)) for part in (apart.train, apart.validation)):
        raise SplitError(
            f"the readings repeat themselves: with the copies apart, the {settings.protocol} leaves a class "
            "without rows in training or validation"
        )
    return apart


def _places(labels: Indices, embargo: int) -> Indices:
    """Number the rows in time order within their class, classes farther apart than the embargo."""
    places = np.zeros(len(labels), dtype=np.int64)
    for label in np.unique(labels):
        rows = np.flatnonzero(labels == label)
        places[rows] = np.arange(len(rows)) + label * (len(labels) + embargo + 1)
    return places


def _far_from(rows: Indices, others: Indices, places: Indices, embargo: int) -> Indices:
    """Return the rows with no one of `others` within the embargo."""
    if not len(others):
        return rows
    wanted, held = places[rows], np.sort(places[others])
    after = np.searchsorted(held, wanted)
    distances = (
        np.abs(wanted - held[np.maximum(after - 1, 0)]),
        np.abs(held[np.minimum(after, len(held) - 1)] - wanted),
    )
    return rows[np.minimum(*distances) > embargo]
