"""How `gas-fusion inspect` shows a table of readings on the terminal."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timezone

from rich.console import Console
from rich.table import Table

from gas_fusion_ros.base.quoting import LONGEST_PATH, one_line, shown
from gas_fusion_ros.base.units import NANOSECONDS_PER_SECOND
from gas_fusion_ros.inspection.table import TableInspection, TimeFigures


def print_table(inspection: TableInspection) -> None:
    """Print what was found in a table."""
    console = Console(markup=False, highlight=False)
    console.print(shown(inspection.table, LONGEST_PATH), style="bold", soft_wrap=True)
    facts = Table.grid(padding=(0, 2))
    for name, value in _facts(inspection):
        facts.add_row(name, value)
    console.print(facts)
    console.print()
    console.print(_channels(inspection))
    console.print()
    for note in inspection.notes:
        console.print(one_line(note), soft_wrap=True)
    for warning in inspection.warnings:
        console.print(one_line(f"warning: {warning}"), style="yellow", soft_wrap=True)
    if not inspection.warnings:
        console.print("nothing to warn of")


def _facts(inspection: TableInspection) -> Iterator[tuple[str, str]]:
    yield "format", inspection.format
    yield "rows", f"{inspection.rows}, {inspection.readings} of them read"
    yield "time", _time(inspection.time)
    labels = inspection.labels
    if labels is None:
        yield "classes", "none"
    else:
        counts = ", ".join(f"{shown(name)} {count}" for name, count in labels.rows.items())
        yield (
            "classes",
            f"of column {shown(labels.column)}: {counts or 'none'}; {labels.unlabelled} rows without",
        )
    pairs = inspection.first.items()
    yield (
        "first",
        ", ".join(f"{shown(name)} {'-' if value is None else f'{value:g}'}" for name, value in pairs),
    )


def _time(time: TimeFigures | None) -> str:
    if time is None:
        return "none: rows are taken as 2 s apart; --period of `gas-fusion bag` says otherwise"
    period = "" if time.period_s is None else f", every {time.period_s:.3g} s"
    return f"{time.form} of column {shown(time.column)}, from {_moment(time)}{period}"


def _moment(time: TimeFigures) -> str:
    seconds = time.first_ns / NANOSECONDS_PER_SECOND
    if not time.is_absolute:
        return f"{seconds:.3f} s"
    moment = datetime.fromtimestamp(seconds, timezone.utc)
    return moment.isoformat(sep=" ", timespec="milliseconds")


def _channels(inspection: TableInspection) -> Table:
    table = Table("channel", "column", "least", "mean", "greatest", "missing", box=None, pad_edge=False)
    for channel in inspection.values:
        values = (channel.least, channel.mean, channel.greatest)
        table.add_row(
            shown(channel.name),
            shown(inspection.columns[channel.name]),
            *("-" if value is None else f"{value:.1f}" for value in values),
            f"{channel.nan_share:.1%}",
        )
    return table
