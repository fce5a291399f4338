"""Results by protocol: what may share a column, and how a figure spreads over a model's runs."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any, Generic

from training.data.splits import SPLITS, SplitSettings
from training.results.result_file import AnyResult, Result


@dataclass(frozen=True)
class Protocol:
    """What may share a column: a split with its settings, of `blocked` at all positions.

    Attributes:
        name: the split's name.
        fraction: share of each class held out for test.
        embargo: rows beside test and validation that are in no part.
        positions: where the test block was, ascending; none but in `blocked`.
    """

    name: str
    fraction: float
    embargo: int
    positions: tuple[float, ...]

    @property
    def heading(self) -> str:
        """The protocol's name in full, as `SplitSettings.protocol` has it, with all positions."""
        places = f" at {', '.join(f'{position:g}' for position in self.positions)}" if self.positions else ""
        embargo = f", embargo {self.embargo}" if self.embargo else ""
        return f"{self.name} split{places}, {self.fraction * 100:g}% held out{embargo}"

    def holds(self, split: SplitSettings) -> bool:
        """Whether results under `split` belong to it."""
        return (self.name, self.fraction, self.embargo) == (split.name, split.fraction, split.embargo)

    def count(self, measured: int) -> str:
        """Say at how many of its positions was measured; it must have some."""
        total = len(self.positions)
        shown = str(total) if measured == total else f"{measured} of {total}"
        return f"{shown} position{'s' if total > 1 else ''}"


def protocols_of(results: Iterable[AnyResult], order: Sequence[str] = SPLITS) -> tuple[Protocol, ...]:
    """Return the protocols of the results, by the names of their splits in `order`.

    By default `random` comes first, then those that do not leak.
    """
    positions: dict[tuple[str, float, int], set[float]] = defaultdict(set)
    for split in (result.split for result in results):
        known = positions[split.name, split.fraction, split.embargo]
        if split.position is not None:
            known.add(split.position)
    keys = sorted(positions, key=lambda key: (order.index(key[0]), *key[1:]))
    return tuple(Protocol(*key, tuple(sorted(positions[key]))) for key in keys)


@dataclass(frozen=True)
class Spread:
    """A figure over the runs of one model under one protocol.

    `blocked` spreads over its positions, each the mean of its seeds; the others spread over their runs.

    Attributes:
        mean: mean over positions or runs.
        low: the lowest of them.
        high: the highest of them.
        places: number of positions or runs.
        runs: number of runs.
    """

    mean: float
    low: float
    high: float
    places: int
    runs: int

    @classmethod
    def of(cls, results: Iterable[Result], measure: Callable[[Result], float | None]) -> Spread | None:
        """Return the spread of a figure over the results in which it was measured; None without one.

        Args:
            results: runs of one model under one protocol.
            measure: takes the figure from a result; None where it was not measured.
        """
        places: dict[Any, list[float]] = defaultdict(list)
        for index, result in enumerate(results):
            figure, position = measure(result), result.split.position
            if figure is not None:
                places[index if position is None else ("at", position)].append(figure)
        if not places:
            return None
        means = [fmean(figures) for figures in places.values()]
        return cls(fmean(means), min(means), max(means), len(means), sum(map(len, places.values())))


@dataclass(frozen=True)
class ModelRuns(Generic[Result]):
    """A row: the runs of one model that may be averaged.

    Attributes:
        title: its name in the tables.
        results: its runs.
    """

    title: str
    results: tuple[Result, ...]

    def under(self, protocol: Protocol) -> tuple[Result, ...]:
        """Its runs under a protocol."""
        return tuple(result for result in self.results if protocol.holds(result.split))
