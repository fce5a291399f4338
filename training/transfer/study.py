"""The transfer study: which data there are, what is measured on them, and its report."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

from gas_fusion_ros.model.bundle import Bundle
from training.report.document import REPORT, ReportSection, ResultsReport
from training.report.markdown import to_markdown
from training.report.tables import MISSING, Table, TableRow, TableRows
from training.results.code_version import code_version
from training.results.result_file import write_json
from training.temporal.bench import Bench
from training.temporal.recipes import Recipe
from training.transfer.arrays import KINDS, ArrayFigure, measure_arrays
from training.transfer.boards import (
    TaughtFigure,
    UntaughtFigure,
    measure_taught,
    measure_untaught,
    read_boards,
)
from training.transfer.daily_air import AirFigure, measure_air, read_daily_air

BOARDS, DAILY_AIR = "GAS_FUSION_BOARDS", "GAS_FUSION_DAILY_AIR"
"""Environment variables that name the folders; what is not named is not measured."""
RESULTS = "transfer.json"


@dataclass(frozen=True)
class TransferResult:
    """All figures of one run; empty where there were no data."""

    arrays: tuple[ArrayFigure, ...]
    untaught: tuple[UntaughtFigure, ...]
    taught: tuple[TaughtFigure, ...]
    air: tuple[AirFigure, ...]


def run_study(
    counts: Bench,
    log_ratio: Bench,
    recipe: Recipe,
    bundle: Bundle,
    positions: Sequence[float],
    seeds: Sequence[int],
    told: Callable[[str], None],
) -> TransferResult:
    """Measure what there are data for; `told` hears of what is measured and of what is not."""
    boards, air = (_folder(name, told) for name in (BOARDS, DAILY_AIR))
    told("other arrays, by position and seed")
    arrays = tuple(measure_arrays(counts, log_ratio, recipe, positions, seeds))
    untaught: tuple[UntaughtFigure, ...] = ()
    taught: tuple[TaughtFigure, ...] = ()
    if boards is not None:
        told("boards")
        read = read_boards(boards)
        untaught, taught = tuple(measure_untaught(read, bundle)), tuple(measure_taught(read))
    days: tuple[AirFigure, ...] = ()
    if air is not None:
        told("daily air")
        days = tuple(measure_air(read_daily_air(air), bundle))
    return TransferResult(arrays, untaught, taught, days)


def _folder(variable: str, told: Callable[[str], None]) -> Path | None:
    value = os.environ.get(variable)
    if not value:
        told(f"{variable} is not set: what it names is not measured")
        return None
    return Path(value)


def write_study(result: TransferResult, bundle: Bundle, output: Path, commands: Sequence[str]) -> None:
    """Write the figures and the report of them.

    Raises:
        OSError: they cannot be written.
    """
    content: dict[str, Any] = {
        "code_version": code_version(),
        "model": bundle.name,
        "model_sha256": bundle.sha256,
        **asdict(result),
    }
    write_json(output / RESULTS, content)
    report = ResultsReport("Other arrays", tuple(_sections(result, bundle, commands)))
    (output / f"{REPORT}.md").write_text(to_markdown(report), encoding="utf-8")


def _sections(result: TransferResult, bundle: Bundle, commands: Sequence[str]) -> Iterable[ReportSection]:
    yield ReportSection(
        "Other arrays, simulated",
        (
            "The data set's readings as other arrays would give them. `counts` is the same recipe on ADC "
            "counts, `log_ratio` on ln(Rs/R0), calibrated in so many minutes of clean air outside the test.",
        ),
        (_array_table(result.arrays),),
    )
    if result.untaught:
        yield ReportSection(
            "Boards built alike",
            (
                f"Untaught: model {bundle.name} with its default alarm, each board calibrated on its first "
                "100 rows of air, whether it had settled or not. Its departure is the greatest in its own "
                "air, the least in a gas from the fifth reading on. Taught: three classes, each board held "
                "out once.",
            ),
            (_untaught_table(result.untaught), _taught_table(result.taught)),
        )
    if result.air:
        yield ReportSection(
            "Days of plain air",
            (f"Model {bundle.name} with its default alarm: false alarms of any kind.",),
            (_air_table(result.air),),
        )
    yield ReportSection("Sources", (f"Code version: {code_version()}.",), code=("\n".join(commands),))


def _table(caption: str, columns: Sequence[str], rows: Iterable[TableRow]) -> Table:
    return Table(caption, ("",) * len(columns), tuple(columns), (TableRows("", tuple(rows)),))


def _array_table(figures: Sequence[ArrayFigure]) -> Table:
    def row(kind: str, domain: str, minutes: int) -> TableRow | None:
        mine = [one for one in figures if (one.kind, one.domain, one.minutes) == (kind, domain, minutes)]
        if not mine:
            return None
        by_position: dict[float, list[float]] = {}
        for one in mine:
            by_position.setdefault(one.position, []).append(one.accuracy)
        worst = min(fmean(values) for values in by_position.values())
        calibrated = MISSING if domain == "counts" else (f"{minutes} min" if minutes else "all clean air")
        mean = fmean(one.accuracy for one in mine)
        return kind, domain, calibrated, f"{mean:.4f}", f"{worst:.4f}", f"{min(o.accuracy for o in mine):.4f}"

    keys = [
        (kind.name, domain, minutes)
        for kind in KINDS
        for domain in ("counts", "log_ratio")
        for minutes in (0, 10, 3)
    ]
    return _table(
        "Accuracy by gas alone",
        ("array", "model", "calibrated in", "mean", "worst position", "worst run"),
        (found for key in keys if (found := row(*key)) is not None),
    )


def _untaught_table(figures: Sequence[UntaughtFigure]) -> Table:
    return _table(
        "Readings until the first alarm",
        ("board", "in the air", "readings", "alarm for", "departure, of the limit"),
        (
            (
                one.board,
                one.label,
                MISSING if one.readings is None else str(one.readings),
                one.gas or MISSING,
                MISSING if one.departure is None else f"{one.departure:.2f}",
            )
            for one in figures
        ),
    )


def _taught_table(figures: Sequence[TaughtFigure]) -> Table:
    rows = [
        (
            one.board,
            f"{one.accuracy:.3f}",
            f"{one.gas_or_air:.3f}",
            ", ".join(f"{label} {share:.2f}" for label, share in one.by_label.items()),
        )
        for one in figures
    ]
    mean = ("mean", *(f"{fmean(getattr(one, name) for one in figures):.3f}" for name in _TAUGHT), "")
    return _table(
        "Taught on the other boards", ("board", "three classes", "gas or air", "by class"), [*rows, mean]
    )


_TAUGHT = ("accuracy", "gas_or_air")


def _air_table(figures: Sequence[AirFigure]) -> Table:
    return _table(
        "False alarms in plain air",
        ("calibration", "hours", "alarms", "in 24 hours"),
        (
            (
                one.mode,
                f"{one.hours:.1f}",
                ", ".join(f"{gas} {count}" for gas, count in one.alarms.items()) or "none",
                f"{one.per_day:.2f}",
            )
            for one in figures
        ),
    )
