"""The benchmark's tables as text: every figure with its protocol, "-" where none was measured."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from operator import attrgetter

from gas_fusion_ros.base.observation import CLEAN_AIR
from gas_fusion_ros.base.units import SECONDS_PER_HOUR
from gas_fusion_ros.teaching.windows import ROW_PERIOD_S
from training.benchmark.summary import (
    AccuracyLoss,
    BenchmarkedModel,
    Measure,
    loss,
    models,
    perturbation_groups,
    protocols,
    short_heading,
    windows,
)
from training.data.splits import BLOCKED
from training.report.protocols import Protocol, Spread
from training.report.tables import MISSING, Table, TableRow, TableRows, extent, number, value_range
from training.results.benchmark_result import BenchmarkResult

RowOf = Callable[[Sequence[BenchmarkResult], Protocol], TableRow]
"""Makes the cells of a model's runs under a protocol."""


@dataclass(frozen=True)
class Column:
    """A figure of the results, and how it is shown.

    Attributes:
        heading: its name.
        measure: takes it from a result.
        worst: takes the worse end from a spread.
        form: writes a value.
    """

    heading: str
    measure: Measure
    worst: Callable[[Spread], float]
    form: Callable[[float], str] = number

    def cell(self, results: Sequence[BenchmarkResult], protocol: Protocol) -> str:
        """The mean over the runs with its spread, and the number of runs where some lack the figure."""
        over_runs = Spread.of(results, self.measure)
        if over_runs is None:
            return MISSING
        lines = [self.form(over_runs.mean)]
        if protocol.positions or self.form(over_runs.low) != self.form(over_runs.high):
            lines.append(extent(over_runs, protocol, self.worst, self.form))
        if over_runs.runs < len(results):
            lines.append(f"{over_runs.runs} of {len(results)} runs")
        return "\n".join(lines)


def _short(value: float) -> str:
    """A figure with one digit after the point."""
    return f"{value:.1f}"


_lowest, _highest = attrgetter("low"), attrgetter("high")

_ACCURACY = Column("accuracy", attrgetter("accuracy"), _lowest)
_LEAKS = (
    Column("leak recall", attrgetter("leak_recall"), _lowest),
    Column("clean air called gas", attrgetter("clean_called_gas"), _highest),
)
_CALIBRATION = (
    Column("ECE", attrgetter("ece"), _highest),
    Column("AURC", attrgetter("aurc"), _highest),
    Column("rejected", attrgetter("rejected"), _highest),
)
_ALARM = (
    Column("false readings per hour", attrgetter("false_readings_per_hour"), _highest, _short),
    Column("false runs per hour", attrgetter("false_runs_per_hour"), _highest, _short),
    Column("false alarms per hour", attrgetter("false_alarms_per_hour"), _highest, _short),
    Column("detection delay, readings", attrgetter("detection_delay"), _highest, _short),
    Column("missed leaks", attrgetter("missed_leaks"), _highest),
)


def model_table(results: Sequence[BenchmarkResult]) -> Table:
    """Return a row for each model, by descending mean accuracy on the blocked split; columns by protocol."""
    held = protocols(results)
    rows = tuple((row.title, *_scores(row, held)) for row in models(results))
    return _score_table("Models by protocol", ("model",), held, rows)


def window_table(results: Sequence[BenchmarkResult]) -> Table:
    """Return a row for each window length of temporal fusion; columns by protocol."""
    lengths = windows(results)
    held = protocols(result for row in lengths for result in row.results)
    rows = tuple((*_window(row), *_scores(row, held)) for row in lengths)
    caption = "Accuracy by length of the window, temporal fusion"
    return _score_table(caption, ("model", "readings", "time, s"), held, rows)


def robustness_table(results: Sequence[BenchmarkResult]) -> Table:
    """Return points of accuracy lost under each kind of perturbation, beside the same runs' accuracy."""
    perturbed = [result for result in results if result.perturbed]
    groups = perturbation_groups(perturbed)

    def row(runs: Sequence[BenchmarkResult], protocol: Protocol) -> TableRow:
        return _ACCURACY.cell(runs, protocol), *(_loss(loss(runs, group)) for group in groups)

    columns = ("accuracy", *(group.heading for group in groups))
    return _by_protocol("Points of accuracy lost under perturbation", columns, perturbed, row)


def calibration_table(results: Sequence[BenchmarkResult]) -> Table:
    """Return how far confidence can be trusted, and the share of rows of known classes that is rejected."""
    return _by_protocol("Calibration and rejection", *_measured(_CALIBRATION, results))


def reject_table(results: Sequence[BenchmarkResult]) -> Table:
    """Return how well a class that was held out of training is told from the others, by that class."""
    held_out = dict.fromkeys(name for result in results for name in result.reject_auroc or {})
    columns = tuple(Column(name, partial(_auroc, held_out=name), _lowest) for name in held_out)
    return _by_protocol("AUROC of the rejection score, by held-out class", *_measured(columns, results))


def alarm_table(results: Sequence[BenchmarkResult]) -> Table:
    """Return false alarms and delay of each model, with the clean air they were counted in and the advice."""

    def row(runs: Sequence[BenchmarkResult], protocol: Protocol) -> TableRow:
        cells = [column.cell(runs, protocol) for column in _ALARM]
        if set(cells) == {MISSING}:
            return tuple(cells)
        return (
            *cells,
            _advice(runs, ("on_threshold", "off_threshold")),
            _advice(runs, ("on_delay_s", "off_delay_s")),
            _short(sum(map(_clean_hours, runs))),
        )

    advice = ("thresholds, on / off", "delays on / off, s", "clean air, h")
    columns = (*(column.heading for column in _ALARM), *advice)
    return _by_protocol("Alarms", columns, results, row)


def choice_table(results: Sequence[BenchmarkResult]) -> Table:
    """Return what was chosen within the training rows, how it did there, and what a run takes."""

    def row(runs: Sequence[BenchmarkResult], protocol: Protocol) -> TableRow:
        chosen = Counter(result.candidate for result in runs if result.candidate is not None)
        if not chosen:
            return (MISSING,)
        compared = value_range(len(result.candidates) for result in runs)
        inner = Column("", attrgetter("inner_accuracy"), _lowest)
        return (
            compared,
            "\n".join(f"{name}: {count}" for name, count in chosen.most_common()),
            inner.cell(runs, protocol),
            _ACCURACY.cell(runs, protocol),
            value_range(result.parameters for result in runs),
            _short(sum(result.seconds for result in runs) / len(runs)),
        )

    columns = (
        *("configurations compared", "chosen: runs", "accuracy, inner folds", "accuracy, test"),
        *("parameters", "seconds, mean"),
    )
    return _by_protocol("Choice of the configuration, and cost", columns, results, row)


def _score_table(
    caption: str, names: tuple[str, ...], held: Sequence[Protocol], rows: tuple[TableRow, ...]
) -> Table:
    columns = [(protocol, heading) for protocol in held for heading in _score_headings(protocol)]
    return Table(
        caption,
        (*("" for _ in names), *(short_heading(protocol, held) for protocol, _ in columns)),
        (*names, *(heading for _, heading in columns)),
        (TableRows("", rows),) if rows else (),
    )


def _score_columns(protocol: Protocol) -> tuple[Column, ...]:
    return (_ACCURACY, *_LEAKS) if protocol.name == BLOCKED else (_ACCURACY,)


def _score_headings(protocol: Protocol) -> tuple[str, ...]:
    return (*(column.heading for column in _score_columns(protocol)), "runs")


def _scores(row: BenchmarkedModel, held: Sequence[Protocol]) -> Iterable[str]:
    for protocol in held:
        runs = row.under(protocol)
        yield from (column.cell(runs, protocol) for column in _score_columns(protocol))
        yield _runs(runs, protocol)


def _window(row: BenchmarkedModel) -> TableRow:
    first = row.results[0]
    return row.title, str(first.window), f"{(first.window - 1) * first.period_s:g}"


def _measured(
    columns: Sequence[Column], results: Sequence[BenchmarkResult]
) -> tuple[tuple[str, ...], Sequence[BenchmarkResult], RowOf]:
    """Headings, results and rows of a table that has nothing but such columns."""

    def row(runs: Sequence[BenchmarkResult], protocol: Protocol) -> TableRow:
        return tuple(column.cell(runs, protocol) for column in columns)

    return tuple(column.heading for column in columns), results, row


def _by_protocol(
    caption: str, columns: tuple[str, ...], results: Sequence[BenchmarkResult], row: RowOf
) -> Table:
    """Put rows under a rule for each protocol; a model without a figure has none."""
    blocks = []
    held = protocols(results)
    for protocol in held:
        rows = []
        for model in models(results):
            runs = model.under(protocol)
            cells = row(runs, protocol)
            if any(cell != MISSING for cell in cells):
                rows.append((model.title, *cells, _runs(runs, protocol)))
        if rows:
            blocks.append(TableRows(short_heading(protocol, held), tuple(rows)))
    headings = ("model", *columns, "runs")
    return Table(caption, ("",) * len(headings), headings, tuple(blocks))


def _runs(results: Sequence[BenchmarkResult], protocol: Protocol) -> str:
    """Number of runs, and of positions where the protocol has them."""
    if not results:
        return MISSING
    positions = len({result.split.position for result in results})
    if not protocol.positions:
        return str(len(results))
    return f"{len(results)}\n{protocol.count(positions)}"


def _loss(lost: AccuracyLoss | None) -> str:
    if lost is None:
        return MISSING
    if lost.count == 1:
        return _short(lost.mean)
    return f"{_short(lost.mean)}\nworst {_short(lost.worst)} ({lost.variant})"


def _auroc(result: BenchmarkResult, held_out: str) -> float | None:
    return (result.reject_auroc or {}).get(held_out)


def _advice(results: Iterable[BenchmarkResult], names: Iterable[str]) -> str:
    advised = [result.alarm for result in results if result.alarm is not None]
    return " / ".join(
        value_range(value for alarm in advised if (value := alarm.get(name)) is not None) for name in names
    )


def _clean_hours(result: BenchmarkResult) -> float:
    """Clean air among the test rows, hours."""
    if CLEAN_AIR not in result.classes:
        return 0.0
    return sum(result.confusion[result.classes.index(CLEAN_AIR)]) * ROW_PERIOD_S / SECONDS_PER_HOUR
