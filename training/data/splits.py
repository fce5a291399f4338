"""Which rows train, validate and test: the paper's random split, and splits that hold stretches of time out.

The data set's rows are in time order within each class, a sample every 2 s, so neighbours are almost
equal. A random split puts a test row's neighbours into training. The others keep an embargo: rows within
it, beside test or validation, are in no part.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from training.data.copies import NO_COPIES, Copies

Indices = npt.NDArray[np.int64]

RANDOM, BLOCKED, FORWARD, BACKWARD, STRICT = "random", "blocked", "forward", "backward", "strict"
SPLITS = (RANDOM, BLOCKED, FORWARD, BACKWARD, STRICT)

FRACTION = 0.2
"""Share of the rows held out for test by `random` and `blocked`: the paper's 4:1."""
HALF = 0.5
"""Share of the rows held out for test by `forward` and `backward`."""
VALIDATION = 0.2
"""Share of the other rows that validates: the paper's second 4:1."""
EMBARGO = 60
"""Rows beside test and validation in no part: as long as the longest window of readings, two minutes."""

_SHARE_DRAWS = 1
"""Tells the draws of a share from those of the split by the same seed."""


class SplitError(ValueError):
    """The rows cannot be split as asked; the message says what would be right."""


@dataclass(frozen=True)
class SplitSettings:
    """How rows are split.

    Attributes:
        name: `random`, `blocked`, `forward`, `backward` or `strict`.
        fraction: share of each class held out for test.
        position: where the test block of `blocked` begins, as a share of the class's rows; None for others.
        embargo: rows on both sides of test and validation that are in no part; 0 for `random`.
    """

    name: str = RANDOM
    fraction: float = FRACTION
    position: float | None = None
    embargo: int = 0

    def __post_init__(self) -> None:
        if self.name not in SPLITS:
            raise SplitError(f"split is '{self.name}'; it must be one of {', '.join(SPLITS)}")
        if not 0 < self.fraction <= 0.5:
            raise SplitError(f"fraction is {self.fraction}; it must be above 0 and at most 0.5")
        if self.embargo < 0:
            raise SplitError(f"embargo is {self.embargo}; it must be at least 0 rows")
        if self.name == RANDOM and self.embargo:
            raise SplitError("a random split has no embargo: its neighbours are in all parts")
        if (self.position is not None) != (self.name == BLOCKED):
            raise SplitError(
                "position is where the test block of the split 'blocked' begins, and of no other"
            )
        if self.position is not None and not 0 <= self.position <= 1 - self.fraction + 1e-9:
            raise SplitError(
                f"position is {self.position}; with a fraction of {self.fraction} it must be 0 to "
                f"{1 - self.fraction:g}"
            )

    @property
    def protocol(self) -> str:
        """The protocol's name, as it stands beside every result."""
        if self.name == BLOCKED:
            return f"blocked split at {self.position:g}, {self.fraction:.0%} held out, embargo {self.embargo}"
        if self.name == RANDOM:
            return "random split"
        if self.name == STRICT:
            return f"block at a drawn place, {self.fraction:.0%} held out, embargo {self.embargo}"
        return f"{self.name} split, {self.fraction:.0%} held out, embargo {self.embargo}"

    @property
    def label(self) -> str:
        """Name and position, as the names of runs and files hold them."""
        return self.name if self.position is None else f"{self.name}{self.position:g}"


@dataclass(frozen=True)
class Split:
    """Row indices of the three parts, each sorted."""

    train: Indices
    validation: Indices
    test: Indices

    def only(self, usable: npt.NDArray[np.bool_]) -> Split:
        """Return the split without the rows that are not usable, shape (N,)."""
        return Split(*(rows[usable[rows]] for rows in (self.train, self.validation, self.test)))

    def limited(self, share: float, labels: Indices, seed: int) -> Split:
        """Return the split with a share of training and validation, drawn in each class; test stays.

        A smaller share drawn by the same seed is part of a larger one.

        Args:
            share: above 0 and at most 1; at least one row of each class is kept.
            labels: shape (N,).
            seed: draws the rows.
        """
        if share == 1:
            return self
        rng = np.random.default_rng((seed, _SHARE_DRAWS))
        train, validation = (_drawn(rows, labels[rows], share, rng) for rows in (self.train, self.validation))
        return Split(train, validation, self.test)


def _drawn(rows: Indices, labels: Indices, share: float, rng: np.random.Generator) -> Indices:
    """Draw a share of some rows, their labels beside them, from each class."""
    chosen = [
        rng.permutation(mine)[: max(1, round(share * len(mine)))]
        for mine in (rows[labels == label] for label in np.unique(labels))
    ]
    return np.sort(np.concatenate(chosen))


def split_rows(labels: Indices, settings: SplitSettings, seed: int, copies: Copies = NO_COPIES) -> Split:
    """Split rows, class by class.

    `random`: shuffled by `seed`; a fraction is test, a fifth of the rest validation (Ahn, Kim, Kim
    2023). `blocked`: test is one contiguous block at `position`; validation another block of the rest, at a
    place drawn by `seed`. `strict`: as `blocked`, but where test begins is drawn by `seed` for each class.
    `forward`: the late part is test, the earliest of the rest validation, what lies
    between trains; `backward`: the reverse. These keep the embargo to copies of a row as well.

    Args:
        labels: shape (N,), in time order within each class.
        settings: how.
        seed: draws the random split, and the place of validation in `blocked`.
        copies: readings that stand twice.

    Raises:
        SplitError: a class has too few rows.
    """
    rng = np.random.default_rng(seed)
    pieces = [
        _split_class(rows, copies.among(rows), settings, rng)
        for rows in (np.flatnonzero(labels == label) for label in np.unique(labels))
    ]
    return Split(*(np.sort(np.concatenate(parts)) for parts in zip(*pieces, strict=True)))


Parts = tuple[Indices, Indices, Indices]
"""Training, validation and test of one class."""


def _split_class(rows: Indices, copies: Copies, settings: SplitSettings, rng: np.random.Generator) -> Parts:
    count = round(len(rows) * settings.fraction)
    if settings.name == RANDOM:
        parts = _shuffled(rows, count, rng)
    else:
        start = _test_start(len(rows), count, settings, rng)
        parts = _blocks(rows, np.arange(start, start + count), copies, settings, rng)
    if not all(len(part) for part in parts):
        raise SplitError(
            f"a class has {len(rows)} rows; the {settings.protocol} needs at least one in each of training, "
            "validation and test that is no copy of another's"
            + ("; a smaller embargo leaves more" if settings.embargo else "")
        )
    return parts


def _shuffled(rows: Indices, test: int, rng: np.random.Generator) -> Parts:
    shuffled = rng.permutation(rows)
    validation = round((len(rows) - test) * VALIDATION)
    train, validate, tested = np.split(shuffled, [len(rows) - test - validation, len(rows) - test])
    return train, validate, tested


def _test_start(rows: int, test: int, settings: SplitSettings, rng: np.random.Generator) -> int:
    if settings.name == FORWARD:
        return rows - test
    if settings.name == BACKWARD:
        return 0
    if settings.name == STRICT:
        return int(rng.integers(0, rows - test + 1))
    assert settings.position is not None
    return min(round(rows * settings.position), rows - test)


def _blocks(
    rows: Indices, test: Indices, copies: Copies, settings: SplitSettings, rng: np.random.Generator
) -> Parts:
    """Take validation out of what is far from test; what is far from both trains. All in places in `rows`."""

    def far(held: Indices) -> npt.NDArray[np.bool_]:
        return _far(len(rows), np.concatenate([held, copies.of(held)]), settings.embargo)

    rest = far(test)
    validation = _validation(np.flatnonzero(rest), settings, rng)
    return rows[rest & far(validation)], rows[validation], rows[test]


def far_from(held: Indices, line: Indices, copies: Copies, embargo: int) -> npt.NDArray[np.bool_]:
    """Tell which rows of a class may be used beside a held-out block.

    Args:
        held: places in `line` of the block's rows.
        line: shape (R,), the class's rows in time order.
        copies: readings that stand twice, as rows of the data set.
        embargo: rows beside the block, and beside its copies, that may not.

    Returns:
        Shape (R,).
    """
    among = copies.among(line)
    return _far(len(line), np.concatenate([held, among.of(held)]), embargo)


def _far(size: int, places: Indices, embargo: int) -> npt.NDArray[np.bool_]:
    """Tell of each of `size` places whether none of `places` lies within the embargo."""
    near = places[:, np.newaxis] + np.arange(-embargo, embargo + 1)
    far = np.ones(size, dtype=np.bool_)
    far[near[(near >= 0) & (near < size)]] = False
    return far


def _validation(rest: Indices, settings: SplitSettings, rng: np.random.Generator) -> Indices:
    """Take validation from the rest: where time has a direction the end far from test, else any block."""
    count = round(len(rest) * VALIDATION)
    if settings.name == FORWARD:
        return rest[:count]
    if settings.name == BACKWARD:
        return rest[len(rest) - count :]
    last = rest[count - 1 :] if count else rest[:0]
    starts = np.flatnonzero(last - rest[: len(last)] == count - 1)
    if not len(starts):
        return rest[:0]
    start = int(rng.choice(starts))
    return rest[start : start + count]


def places_in_class(labels: Indices) -> Indices:
    """Return how many rows of its class stand before each row; both of shape (N,)."""
    places = np.zeros(len(labels), dtype=np.int64)
    for label in np.unique(labels):
        mine = labels == label
        places[mine] = np.arange(mine.sum())
    return places


def split_settings(
    names: Iterable[str], positions: Sequence[float], fraction: float | None, embargo: int
) -> list[SplitSettings]:
    """Return the splits asked for; `blocked` once for each position.

    Raises:
        SplitError: a name or a number is none that a split can have.
    """
    settings = []
    for name in names:
        share = fraction if fraction is not None else FRACTION if name in (RANDOM, BLOCKED) else HALF
        if name == BLOCKED:
            settings += [SplitSettings(name, share, position, embargo) for position in positions]
        else:
            settings.append(SplitSettings(name, share, None, 0 if name == RANDOM else embargo))
    return settings
