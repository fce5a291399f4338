"""Lines that name each value: `MQ2: 555 | MQ3: 515`, `mq2=555;mq3=515`, `MQ2 555 MQ3 515`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from gas_fusion_ros.base.mq import Quantity, SensorColumn, quantity_of
from gas_fusion_ros.drivers.gas.lines.cells import delimiters_in, read_cell, split_cells, without_brackets
from gas_fusion_ros.drivers.gas.lines.columns import ColumnNames

_PAIR = re.compile(
    r"""\s*(?P<label>[^\W\d_][^:=>|;,&\t{}]*?)\s*(?:->|=>|:=|[:=>]|(?<=\s)-(?=\s))\s*
    (?P<value>[+-]?(?:\d+(?:[.,]\d+)?|\.\d+)(?:e[+-]?\d+)?(?![\w.])|[^\s,;|:=(&]+)
    (?:\s*[(\[]?(?P<unit>mv|v|volts?|ppm|ppb|%|k?ohms?|raw|adc|counts?|°\s?c|c|hpa|pa)(?!\w)[)\]]?)?
    (?:\s*[(\[][^)\]]*[)\]])?
    \s*(?P<delimiter>[,;|/&\t]|\s|$)\s*""",
    re.VERBOSE | re.IGNORECASE,
)


_BETWEEN_BRACKETS = re.compile(r"\]\s*[,;]?\s*\[|>\s*<|\)\s*[,;]?\s*\((?=[A-Za-z])")
"""Of `[MQ2:555] [MQ3:515]`."""

_UNNAMED_VALUE = re.compile(
    r"""(?P<label>[^\W\d_][^:=>|;,&{}\t"']*?)["']?\s*(?:->|=>|:=|[=>]|:(?=\s)|(?<!\d):)\s*
    [+-]?\d+(?:[.,]\d+)?(?:\s?[^\W\d]{1,4})?(?=[\s,;|&)}\]]|$)
    |^(?P<before>[^\W\d_][^\d:=>]*?)\s+[+-]?\d+(?:[.,]\d+)?$""",
    re.VERBOSE,
)
"""In a line that names no sensor: `Gas Sensor Value = 302`, `{"gas": 301}`, `Gas value 302`."""

_LEAST_PAIRS = 3
"""Named values of no sensor that make a line a reading under other names, and no message."""


@dataclass(frozen=True)
class Named:
    """Values in a line that names each; N values.

    Attributes:
        names: length N, as they were written.
        columns: length N, which channel each is of; None where of none.
        values: length N; NaN where there is none, None where it is no number.
        texts: length N, the values as they were written.
        form: `labels` or `json`.
    """

    names: tuple[str, ...]
    columns: tuple[SensorColumn | None, ...]
    values: tuple[float | None, ...]
    texts: tuple[str, ...]
    form: str = "labels"


def read_labels(text: str, names: ColumnNames) -> Named | None:
    """Return the values that a line labels; None where it is a message, or not all of it is pairs."""
    if not any(mark in text for mark in (":", "=", ">", " - ")):
        return _alternating(text, names)
    inside = _BETWEEN_BRACKETS.sub(" ", without_brackets(text))
    found = list(_pairs(inside))
    if not found or any(pair is None for pair in found):
        return None
    pairs = [pair for pair in found if pair is not None]
    # `MQ2:555,23,` may be 555.23 or two values.
    if any(pair["delimiter"] == "," for pair in pairs) and any(_has_comma(pair["value"]) for pair in pairs):
        return None
    return _named(
        names,
        [(pair["label"], pair["value"], quantity_of(pair["unit"] or "")) for pair in pairs],
    )


def label_of_value(text: str) -> str:
    """Return the name under which a line that names no sensor gives a value; empty where it gives none."""
    found = _UNNAMED_VALUE.search(text)
    return "" if found is None else (found["label"] or found["before"]).strip()


def _pairs(text: str) -> Iterator[re.Match[str] | None]:
    at = 0
    while at < len(text):
        match = _PAIR.match(text, at)
        yield match
        if match is None:
            return
        at = match.end()
        while at < len(text) and text[at] in ",;|/& \t":
            at += 1


def _has_comma(value: str) -> bool:
    return re.fullmatch(r"[+-]?\d+,\d+", value, re.ASCII) is not None


def _alternating(text: str, names: ColumnNames) -> Named | None:
    for mark, _ in delimiters_in(text.strip()):
        cells = tuple(text.split()) if mark == " " else split_cells(text.strip(), mark)
        cells = cells[:-1] if cells[-1] == "" else cells
        if mark != " " and all(len(cell.rsplit(None, 1)) == 2 for cell in cells):
            cells = tuple(part for cell in cells for part in cell.rsplit(None, 1))
        labels, values = cells[::2], cells[1::2]
        if (
            len(labels) == len(values)
            and all(names.read(label) is not None for label in labels)
            and all(read_cell(value).value is not None for value in values)
        ):
            pairs = [(label, value, Quantity.UNSAID) for label, value in zip(labels, values, strict=True)]
            return _named(names, pairs)
    return None


def _named(names: ColumnNames, pairs: list[tuple[str, str, Quantity]]) -> Named | None:
    cells = [read_cell(value) for _, value, _ in pairs]
    columns = []
    for (label, _, unit), cell in zip(pairs, cells, strict=True):
        column = names.read(label)
        columns.append(None if column is None else with_unit(with_unit(column, unit), cell.quantity))
    is_of_sensors = any(column is not None for column in columns)
    if not is_of_sensors and (len(cells) < _LEAST_PAIRS or any(cell.value is None for cell in cells)):
        return None
    return Named(
        tuple(label for label, _, _ in pairs),
        tuple(columns),
        tuple(cell.value for cell in cells),
        tuple(value for _, value, _ in pairs),
    )


def with_unit(column: SensorColumn, unit: Quantity) -> SensorColumn:
    """Return a column whose value's unit says what it is; one that contradicts the name makes it unknown."""
    if unit in (Quantity.UNSAID, column.quantity):
        return column
    return SensorColumn(column.name, unit if column.quantity is Quantity.UNSAID else Quantity.OTHER)
