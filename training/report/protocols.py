"""Results by protocol: what may share a column, and how a figure spreads over a model's runs."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

from training.data.splits import SPLITS, SplitSettings
from training.results.result_file import AnyResult
from training.results.run_result import RunResult


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


def protocols(results: Iterable[AnyResult], order: Sequence[str] = SPLITS) -> tuple[Protocol, ...]:
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
    def of(cls, results: Sequence[RunResult], metric: str) -> Spread | None:
        """Return the spread of a field of the results; None without results."""
        return cls.over([(result.split.position, getattr(result, metric)) for result in results])

    @classmethod
    def over(cls, figures: Sequence[tuple[float | None, float]]) -> Spread | None:
        """Return the spread of figures, each with the position it was measured at; None without a figure."""
        if not figures:
            return None
        places: dict[Any, list[float]] = defaultdict(list)
        for index, (position, figure) in enumerate(figures):
            places[index if position is None else ("at", position)].append(figure)
        means = [fmean(values) for values in places.values()]
        return cls(fmean(means), min(means), max(means), len(means), len(figures))
