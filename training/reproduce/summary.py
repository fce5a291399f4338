"""Results put in order for the report: which stand in one of the paper's tables, and in one of its rows."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from training.data.splits import BLOCKED, SPLITS
from training.fitting.catalog import PaperFigures
from training.report.protocols import ModelRuns, Protocol, protocols_of
from training.results.run_result import RunResult

TABLES = {"gas_only": 4, "thermal_only": 5, "fusion": 6}
"""The paper's table for each modality."""


@dataclass(frozen=True)
class ComparedModel(ModelRuns[RunResult]):
    """A model with one set of hyperparameters on one data set; one of the paper's may have no runs.

    Attributes:
        paper: what the paper reports of it; None where it does not.
    """

    paper: PaperFigures | None


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
    in_paper: tuple[ComparedModel, ...]
    others: tuple[ComparedModel, ...]
    protocols: tuple[Protocol, ...]

    @property
    def measured(self) -> tuple[ComparedModel, ...]:
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
    in_paper: list[ComparedModel] = []
    others: list[ComparedModel] = []
    for model in dict.fromkeys((*paper, *(result.model for result in results))):
        figures = paper.get(model)
        own = [result for result in results if result.model == model]
        if figures is not None and figures.table == table:
            in_paper += _entries(own, figures) or [ComparedModel(model, (), figures)]
        else:
            others += _entries(own, None)
    return Comparison(table, thermal, tuple(in_paper), tuple(others), protocols_of(results))


def _entries(results: Sequence[RunResult], paper: PaperFigures | None) -> list[ComparedModel]:
    """One model's rows: runs with other hyperparameters, data, channels or beginnings are never averaged."""
    variants: dict[str, list[RunResult]] = defaultdict(list)
    for result in results:
        variants[json.dumps(_settings(result), sort_keys=True)].append(result)
    settings = [_settings(runs[0]) for runs in variants.values()]
    differing = [name for name in _names(settings) if len({str(each.get(name)) for each in settings}) > 1]
    return [
        ComparedModel(_title(runs[0], differing), tuple(sorted(runs, key=_place)), paper)
        for runs in variants.values()
    ]


def _settings(result: RunResult) -> dict[str, Any]:
    origin = result.fine_tuned_from
    return {
        **result.hyperparameters,
        "data": result.data_sha256[:8],
        "channels": "+".join(result.channels),
        "share of the rows": f"{result.share:g}",
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
