"""Results put in order for the report: which stand in one table, which in one column, and their spread."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

from training.results import AnyResult, RunResult
from training.splits import BLOCKED, SPLITS, SplitSettings

TABLES = {"gas_only": 4, "thermal_only": 5, "fusion": 6}
"""The paper's table for each modality."""


@dataclass(frozen=True)
class PaperFigures:
    """What the paper reports of a model, under its random split.

    Attributes:
        table: number of its table in the paper: 4, 5 or 6.
        accuracy: share of the test rows that are classified rightly.
        macro_f1: mean over the classes of F1.
    """

    table: int
    accuracy: float
    macro_f1: float


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


@dataclass(frozen=True)
class Entry:
    """A model with one set of hyperparameters on one data set: a row.

    Attributes:
        title: its name in the tables.
        paper: what the paper reports of it; None where it does not.
        results: its runs; none of a model of the paper that was not measured.
    """

    title: str
    paper: PaperFigures | None
    results: tuple[RunResult, ...]

    def under(self, protocol: Protocol) -> tuple[RunResult, ...]:
        """Its runs under a protocol."""
        return tuple(result for result in self.results if protocol.holds(result.split))


@dataclass(frozen=True)
class Comparison:
    """What one of the paper's tables compares, with pictures of one kind.

    Attributes:
        table: number of the paper's table.
        thermal: `real` or `rendered` pictures, or `none`.
        in_paper: the paper's rows, measured or not.
        others: models the paper does not report.
        protocols: under which they were measured.
    """

    table: int
    thermal: str
    in_paper: tuple[Entry, ...]
    others: tuple[Entry, ...]
    protocols: tuple[Protocol, ...]

    @property
    def measured(self) -> tuple[Entry, ...]:
        """The rows with results, the paper's first."""
        return tuple(entry for entry in (*self.in_paper, *self.others) if entry.results)


def comparisons(
    results: Sequence[RunResult], paper: Mapping[str, PaperFigures | None]
) -> tuple[Comparison, ...]:
    """Sort results into the paper's tables, once for each kind of pictures.

    Args:
        results: finished runs.
        paper: models in the order of the rows, with what the paper reports of them. Models that are not in
            it come last.
    """
    groups: dict[tuple[int, str], list[RunResult]] = defaultdict(list)
    for result in results:
        groups[TABLES[result.modality], result.thermal].append(result)
    return tuple(
        _comparison(table, thermal, groups[table, thermal], paper) for table, thermal in sorted(groups)
    )


def _comparison(
    table: int, thermal: str, results: Sequence[RunResult], paper: Mapping[str, PaperFigures | None]
) -> Comparison:
    in_paper: list[Entry] = []
    others: list[Entry] = []
    for model in dict.fromkeys((*paper, *(result.model for result in results))):
        figures = paper.get(model)
        own = [result for result in results if result.model == model]
        if figures is not None and figures.table == table:
            in_paper += _entries(own, figures) or [Entry(model, figures, ())]
        else:
            others += _entries(own, None)
    return Comparison(table, thermal, tuple(in_paper), tuple(others), protocols(results))


def _entries(results: Sequence[RunResult], paper: PaperFigures | None) -> list[Entry]:
    """One model's rows: runs with other hyperparameters, data, channels or beginnings are never averaged."""
    variants: dict[str, list[RunResult]] = defaultdict(list)
    for result in results:
        variants[json.dumps(_settings(result), sort_keys=True)].append(result)
    settings = [_settings(runs[0]) for runs in variants.values()]
    differing = [name for name in _names(settings) if len({str(each.get(name)) for each in settings}) > 1]
    return [
        Entry(_title(runs[0], differing), paper, tuple(sorted(runs, key=_place)))
        for runs in variants.values()
    ]


def _settings(result: RunResult) -> dict[str, Any]:
    origin = result.fine_tuned_from
    return {
        **result.hyperparameters,
        "data": result.data_sha256[:8],
        "channels": "+".join(result.channels),
        "fine-tuned from": "nothing" if origin is None else f"{origin.bundle} {origin.sha256[:8]}",
    }


def _names(settings: Iterable[Mapping[str, Any]]) -> list[str]:
    return list(dict.fromkeys(name for each in settings for name in each))


def _title(result: RunResult, differing: Sequence[str]) -> str:
    settings = _settings(result)
    shown = ", ".join(f"{name} {settings.get(name)}" for name in differing)
    return f"{result.title} ({shown})" if shown else result.title


def _place(result: RunResult) -> tuple[int, float, int]:
    position = result.split.position if result.split.name == BLOCKED else None
    return SPLITS.index(result.split.name), position or 0.0, result.seed
