"""Results of the benchmark put in order: which stand in one row, under which protocol, and their spread."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from statistics import fmean

import numpy as np
import numpy.typing as npt

from training.data.splits import BACKWARD, BLOCKED, FORWARD, RANDOM, STRICT
from training.report.protocols import ModelRuns, Protocol, Spread, protocols_of
from training.results.benchmark_result import BenchmarkResult
from training.scoring.reliability import ReliabilityPoint

WINDOW_MODELS = re.compile(r"temporal_fusion_w\d+")
"""Names of the models that differ in the length of their window alone."""

_ORDER = (BLOCKED, STRICT, FORWARD, BACKWARD, RANDOM)
_POINTS = 100.0

Floats = npt.NDArray[np.float64]
Measure = Callable[[BenchmarkResult], float | None]
"""Takes a figure from a result; None where it was not measured."""


@dataclass(frozen=True)
class BenchmarkedModel(ModelRuns[BenchmarkResult]):
    """A model with inputs of one kind, on one data set; it has at least one run.

    Where there are pictures or several data sets, its title says which.

    Attributes:
        inputs: what it takes.
    """

    inputs: str


@dataclass(frozen=True)
class Group:
    """Perturbations that are shown as one.

    Attributes:
        kind: what is done.
        channels: to how many channels at once; 0 for what is done to all.
    """

    kind: str
    channels: int

    @property
    def heading(self) -> str:
        """Its name in tables and pictures."""
        counts = {0: "", 1: ", one channel", 2: ", two channels"}
        return f"{self.kind}{counts.get(self.channels, f', {self.channels} channels')}"


@dataclass(frozen=True)
class AccuracyLoss:
    """Accuracy lost under a group of perturbations, in points of a hundred.

    Attributes:
        mean: mean over the perturbations.
        worst: the greatest of them.
        variant: what sets that perturbation apart from the others: its channels, or how strong it is.
        count: number of perturbations.
    """

    mean: float
    worst: float
    variant: str
    count: int


def protocols(results: Iterable[BenchmarkResult]) -> tuple[Protocol, ...]:
    """Return the results' protocols, `blocked` first."""
    return protocols_of(results, _ORDER)


def short_heading(protocol: Protocol, held: Sequence[Protocol]) -> str:
    """Return a protocol's name, in full where another of `held` is a split of the same name."""
    alike = [other for other in held if other.name == protocol.name]
    return protocol.heading if len(alike) > 1 else f"{protocol.name} split"


def models(results: Iterable[BenchmarkResult]) -> tuple[BenchmarkedModel, ...]:
    """Return the rows of the tables, by descending mean accuracy on the blocked split.

    Runs on other inputs or other data are never averaged. Models without a blocked run come last, as they
    came.
    """
    groups: dict[tuple[str, str, str, str], list[BenchmarkResult]] = defaultdict(list)
    for result in results:
        groups[result.model, result.modality, result.thermal, result.data_sha256].append(result)
    files = {sha256 for *_, sha256 in groups}
    inputs = {_inputs(modality, thermal) for _, modality, thermal, _ in groups}
    rows = []
    for (_, modality, thermal, sha256), runs in groups.items():
        takes = _inputs(modality, thermal)
        notes = [takes] if len(inputs) > 1 or thermal != "none" else []
        notes += [f"data {sha256[:8]}"] if len(files) > 1 else []
        title = f"{runs[0].title} ({'; '.join(notes)})" if notes else runs[0].title
        rows.append(BenchmarkedModel(title, tuple(runs), takes))
    return tuple(sorted(rows, key=_rank))


def without_window_models(results: Sequence[BenchmarkResult]) -> list[BenchmarkResult]:
    """Return the results but for those that have a table of their own; all where there are no others.

    The strict protocol gives all models windows of one length, so there is nothing of it in that table.
    """
    others = [result for result in results if not _is_of_length(result)]
    return others or list(results)


def windows(results: Iterable[BenchmarkResult]) -> tuple[BenchmarkedModel, ...]:
    """Return one row for each length of the models in `WINDOW_MODELS`, the shortest first."""
    family = [result for result in results if _is_of_length(result)]
    by_length = [
        [result for result in family if result.window == length]
        for length in sorted({result.window for result in family})
    ]
    return tuple(row for same in by_length for row in models(same))


def _is_of_length(result: BenchmarkResult) -> bool:
    """Whether a result says how much the length of the window matters."""
    return result.split.name != STRICT and WINDOW_MODELS.fullmatch(result.model) is not None


def perturbation_groups(results: Iterable[BenchmarkResult]) -> tuple[Group, ...]:
    """Return the groups of all perturbations, in the order in which they came."""
    names = ((name, result.channels) for result in results for name in result.perturbed or {})
    return tuple(dict.fromkeys(grouped(*each)[0] for each in names))


def grouped(name: str, channels: Iterable[str]) -> tuple[Group, str]:
    """Return the group of a perturbation, and what sets it apart within that.

    `mq2+mq8 dead` is of the group `dead, two channels`, and `pace 1.4` of the group `pace`.

    Args:
        name: of the perturbation.
        channels: names of the channels that the model takes.
    """
    kind, variant = name, []
    for channel in sorted(channels, key=len, reverse=True):
        fewer = re.sub(rf"(?<![A-Za-z0-9]){re.escape(channel)}(?![A-Za-z0-9])", "", kind, count=1)
        if fewer != kind:
            kind = fewer
            variant.append(channel)
    count = len(variant)
    variant.sort(key=name.index)
    number = re.search(r"(?<![\w.])[-+]?\d+(\.\d+)?%?$", kind)
    if number is not None:
        kind = kind[: number.start()]
        variant.append(number[0])
    words = (word.strip("_-") for word in re.split(r"[\s:+,&/]+", kind))
    return Group(" ".join(filter(None, words)) or "change", count), ", ".join(variant)


def loss(results: Sequence[BenchmarkResult], group: Group) -> AccuracyLoss | None:
    """Return what perturbations cost against the unperturbed accuracy of the same runs; None if unmeasured.

    Args:
        results: runs of one model under one protocol.
        group: which perturbations.
    """
    names = dict.fromkeys((name, result.channels) for result in results for name in result.perturbed or {})
    lost: dict[str, float] = {}
    for name, channels in names:
        found, variant = grouped(name, channels)
        over_runs = Spread.of(results, partial(points_lost, name=name)) if found == group else None
        if over_runs is not None:
            lost[variant] = over_runs.mean
    if not lost:
        return None
    worst = max(lost, key=lost.__getitem__)
    return AccuracyLoss(fmean(lost.values()), lost[worst], worst, len(lost))


def points_lost(result: BenchmarkResult, name: str) -> float | None:
    """Accuracy without a perturbation minus that with it, in points of a hundred; None where unmeasured."""
    perturbed = (result.perturbed or {}).get(name)
    return None if perturbed is None else (result.accuracy - perturbed) * _POINTS


def pooled_reliability(results: Iterable[BenchmarkResult]) -> tuple[ReliabilityPoint, ...]:
    """Put the rows of all runs into the same bins; return those that have rows, by ascending confidence."""
    bins: dict[tuple[float, float], list[ReliabilityPoint]] = defaultdict(list)
    for point in (point for result in results for point in result.reliability):
        bins[point.low, point.high].append(point)
    return tuple(_pooled(*limits, bins[limits]) for limits in sorted(bins))


def mean_risks(results: Iterable[BenchmarkResult], coverages: Floats) -> Floats | None:
    """Return the risk at some coverages, mean over the runs that have a curve; None without one.

    Args:
        results: runs of one model under one protocol.
        coverages: shape (P,), 0..1.

    Returns:
        Shape (P,).
    """
    curves = [
        np.interp(
            coverages,
            [point.coverage for point in result.risk_coverage],
            [point.risk for point in result.risk_coverage],
        )
        for result in results
        if result.risk_coverage
    ]
    return np.mean(curves, axis=0) if curves else None


def _pooled(low: float, high: float, points: Sequence[ReliabilityPoint]) -> ReliabilityPoint:
    rows = sum(point.rows for point in points)
    confidence = sum(point.confidence * point.rows for point in points) / rows
    accuracy = sum(point.accuracy * point.rows for point in points) / rows
    return ReliabilityPoint(low, high, rows, confidence, accuracy)


def _inputs(modality: str, thermal: str) -> str:
    gas_only = "gas"
    pictures = f"{thermal} thermal"
    return {"gas_only": gas_only, "thermal_only": pictures}.get(modality, f"{gas_only}, {pictures}")


def _rank(row: BenchmarkedModel) -> float:
    on_blocks = [result for result in row.results if result.split.name == BLOCKED]
    accuracy = Spread.of(on_blocks, lambda result: result.accuracy)
    return 0.0 if accuracy is None else -accuracy.mean
