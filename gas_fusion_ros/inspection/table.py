"""Looks through a table of readings: what it was read as, what became of its rows, what to know of them."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from gas_fusion_ros.array.array_file import ARRAY_FILE_NAME, load_array
from gas_fusion_ros.array.scale import ScaleWatch, told_by_range
from gas_fusion_ros.base.dataset import Dataset
from gas_fusion_ros.base.observation import GasReading
from gas_fusion_ros.base.problems import Problems
from gas_fusion_ros.base.quoting import listed, shown
from gas_fusion_ros.base.rows import Rows
from gas_fusion_ros.base.table.classes import alias_doubt
from gas_fusion_ros.base.table.columns import MOST_NAMES
from gas_fusion_ros.base.table.facts import Fate, TableFacts
from gas_fusion_ros.base.table.options import TableOptions
from gas_fusion_ros.base.table.reader import DELIMITERS
from gas_fusion_ros.base.units import NANOSECONDS_PER_SECOND
from gas_fusion_ros.inspection.gas import ChannelFollower
from gas_fusion_ros.inspection.missing_channels import told_missing_channels
from gas_fusion_ros.inspection.schema import ChannelFigures
from gas_fusion_ros.model.bundle import Bundle
from gas_fusion_ros.model.expected_readings import expected_readings
from gas_fusion_ros.truth.unknown_class import told_unknown_class

_ROW_PERIOD_NS = 2 * NANOSECONDS_PER_SECOND
"""Of rows whose time nobody knows, as everywhere."""
_NOTABLE_SHARE = 0.01


@dataclass(frozen=True)
class TimeFigures:
    """When the rows of a table were taken.

    Attributes:
        column: the column, or two joined by `+`.
        form: `s`, `ms`, `us`, `ns`, `ISO 8601`, `dates`, `time of day` or `days`.
        is_absolute: whether the times count since the epoch.
        first_ns: the first row's time, nanoseconds.
        last_ns: the last row's.
        period_s: median time between two rows; None below two.
        rate_hz: rows per second; None likewise.
    """

    column: str
    form: str
    is_absolute: bool
    first_ns: int
    last_ns: int
    period_s: float | None
    rate_hz: float | None


@dataclass(frozen=True)
class ClassFigures:
    """The classes of a table.

    Attributes:
        column: the column that they are from.
        rows: how many rows each class has.
        unlabelled: rows without one.
    """

    column: str
    rows: Mapping[str, int]
    unlabelled: int


@dataclass(frozen=True)
class TableInspection:
    """A table.

    Attributes:
        table: its path.
        format: in words, how it is written.
        dialect: the same by parts.
        channels: names of the channels, in the order of their columns.
        columns: the column that each channel is from.
        rows: how many rows there are below the header.
        readings: those that became readings.
        refused: the others, by reason.
        first: the first reading; None where a channel has no value.
        time: when the rows were taken; None where the table does not tell.
        labels: the classes; None where the table does not tell.
        values: what each channel holds.
        scale: why the readings cannot be of the array that the model is given; empty where they can.
        notes: what was taken for what, a sentence each.
        warnings: what to look at, a sentence each.
    """

    table: str
    format: str
    dialect: Mapping[str, Any]
    channels: tuple[str, ...]
    columns: Mapping[str, str]
    rows: int
    readings: int
    refused: tuple[Fate, ...]
    first: Mapping[str, float | None]
    time: TimeFigures | None
    labels: ClassFigures | None
    values: tuple[ChannelFigures, ...]
    scale: str
    notes: tuple[str, ...]
    warnings: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """Return it as docs/tables.md describes."""
        return {
            **asdict(self),
            "notes": [reason_and_remedy(note) for note in self.notes],
            "rate_hz": None if self.time is None else self.time.rate_hz,
        }


def refused_table(path: Path, message: str) -> dict[str, Any]:
    """What `--json` prints of a table that cannot be read."""
    return {
        "table": str(path),
        "format": "",
        "channels": [],
        "rows": 0,
        "readings": 0,
        "refused": [{**reason_and_remedy(message), "count": 1}],
        "first": None,
        "time": None,
        "labels": None,
        "notes": [],
        "warnings": [message],
    }


def reason_and_remedy(sentence: str) -> dict[str, str]:
    """A sentence by its parts: what was seen, and what to do."""
    reason, _, remedy = sentence.partition("; ")
    return {"reason": reason, "remedy": remedy}


def inspect_table(
    path: Path,
    channels: Sequence[str] | None,
    options: TableOptions,
    bundle: Bundle,
    on_row: Callable[[], None],
) -> TableInspection:
    """Look through a table.

    Args:
        path: the file, or a folder that holds it.
        channels: the channels to read; None for all columns that have the name of a sensor.
        options: what the table does not tell by itself.
        bundle: the model that its readings may be for.
        on_row: called after each row, for a progress bar.

    Raises:
        DatasetError: it cannot be read.
        ArrayFileError: the array file beside it cannot be used.
    """
    dataset = Dataset.load_readable(path, channels, Problems(), options)
    facts = dataset.facts
    values, scale = _followed(dataset, bundle, on_row)
    unlabelled = facts.unlabelled if facts.label_column is not None else 0
    labels = _labels(facts, dataset.rows, unlabelled)
    first = zip(dataset.channels, map(_json_number, dataset.rows[0].counts.tolist()), strict=True)
    return TableInspection(
        table=str(dataset.csv_path),
        format=_written(facts),
        dialect=_dialect(facts),
        channels=dataset.channels,
        columns={name: facts.format.header[place] for name, place in facts.columns.channels},
        rows=dataset.length,
        readings=len(dataset.rows),
        refused=facts.refused,
        first=dict(first),
        time=_times(facts, dataset.rows),
        labels=labels,
        values=values,
        scale=scale,
        notes=(*facts.notes, *_without_classes(facts)),
        warnings=tuple(_warnings(facts, options, dataset, bundle, labels, values, scale)),
    )


def _followed(
    dataset: Dataset, bundle: Bundle, on_row: Callable[[], None]
) -> tuple[tuple[ChannelFigures, ...], str]:
    beside = dataset.csv_path.parent / ARRAY_FILE_NAME
    array = load_array(beside) if beside.is_file() else None
    is_calibrated = array is not None and any(one.baseline is not None for one in array.channels)
    watch = ScaleWatch(expected_readings(bundle, array if is_calibrated else None))
    follower = ChannelFollower(dataset.channels)
    scale = ""
    for row in dataset.rows:
        stamp_ns = row.index * _ROW_PERIOD_NS if row.stamp_ns is None else row.stamp_ns
        follower.add(GasReading(stamp_ns, dataset.channels, row.counts))
        watch.add(dataset.channels, row.counts)
        if not scale and watch.complaint is not None:
            scale = watch.complaint.text
        on_row()
    figures = follower.figures()
    if not scale:
        least = [one.least for one in figures if one.least is not None]
        greatest = [one.greatest for one in figures if one.greatest is not None]
        scale = " ".join(told_by_range(min(least), max(greatest))).strip() if least else ""
    return figures, scale


def _written(facts: TableFacts) -> str:
    form, numbers = facts.format, facts.columns.numbers
    parts = [
        f"cells parted by {DELIMITERS.get(form.delimiter, shown(form.delimiter))}",
        form.encoding,
        "decimal comma" if numbers.decimal == "," else "decimal point",
        f"header on line {form.header_line}",
    ]
    return ", ".join(parts)


def _dialect(facts: TableFacts) -> dict[str, Any]:
    form, columns = facts.format, facts.columns
    return {
        "encoding": form.encoding,
        "delimiter": form.delimiter,
        "decimal": columns.numbers.decimal,
        "thousands": columns.numbers.thousands,
        "header_line": form.header_line,
        "rows_above_header": form.above,
        "comments": facts.comments,
        "units_line": columns.units_line,
        "header": list(form.header),
    }


def _times(facts: TableFacts, rows: Rows) -> TimeFigures | None:
    times, stamps = facts.times, rows.stamps_ns
    if times is None or stamps is None:
        return None
    period_s = times.period_s
    return TimeFigures(
        times.column,
        times.form,
        times.is_absolute,
        int(stamps[0]),
        int(stamps[-1]),
        period_s,
        None if not period_s else 1.0 / period_s,
    )


def _labels(facts: TableFacts, rows: Rows, unlabelled: int) -> ClassFigures | None:
    if facts.label_column is None:
        return None
    counts = {name: int(rows.of_label(name).sum()) for name in rows.label_names if name}
    return ClassFigures(facts.label_column, dict(sorted(counts.items())), unlabelled)


def _without_classes(facts: TableFacts) -> Iterator[str]:
    if facts.label_column is None:
        names = facts.unused_columns
        remedy = f"--label-column names one of {listed(names, MOST_NAMES)}" if names else "add a column 'Gas'"
        yield f"no column holds the class, so nothing can be taught or trained; {remedy}"


def _unknown_classes(labels: ClassFigures | None, bundle: Bundle) -> Iterator[str]:
    unknown = [name for name in labels.rows if name not in bundle.classes] if labels is not None else []
    if unknown:
        told = told_unknown_class(unknown, bundle.name, bundle.classes)
        yield f"{told}, --classes {shown(unknown[0])}=NAME takes it for one that it knows"


def _warnings(
    facts: TableFacts,
    options: TableOptions,
    dataset: Dataset,
    bundle: Bundle,
    labels: ClassFigures | None,
    values: Sequence[ChannelFigures],
    scale: str,
) -> Iterator[str]:
    for fate in facts.refused:
        rows = "1 row is" if fate.count == 1 else f"{fate.count} rows are"
        yield f"{rows} refused, the first on line {fate.line}: {fate.reason}; {fate.remedy}"
    yield from facts.warnings
    doubt = alias_doubt(options.classes, facts.spellings)
    if doubt:
        yield doubt
    yield from _unknown_classes(labels, bundle)
    missing = told_missing_channels(bundle, dataset.channels)
    if missing is not None:
        yield missing.text
    if scale:
        yield scale
    for channel in values:
        for share, what in (
            (channel.nan_share, "has no value"),
            (channel.stuck_share, "is stuck for minutes"),
            (0.0 if scale else channel.out_of_range_share, "gives what no working sensor does"),
        ):
            if share >= _NOTABLE_SHARE:
                yield f"{shown(channel.name)} {what} in {share:.0%} of the rows"


def _json_number(value: float) -> float | None:
    # Of float32 no more digits are known.
    return float(f"{value:.7g}") if math.isfinite(value) else None
