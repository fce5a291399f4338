"""Values between delimiters: numbers of any notation, what stands for none, units, a time before them."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from gas_fusion_ros.base.mq import Quantity, quantity_of

_POINT = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII)
_PLAIN = re.compile(r"[\d.+-]+", re.ASCII)
_COMMA = re.compile(r"[+-]?\d+,\d+(?:[eE][+-]?\d+)?", re.ASCII)
_WITH_UNIT = re.compile(
    r"([+-]?(?:\d+(?:[.,]\d*)?|\.\d+)(?:e[+-]?\d+)?)\s*[(\[]?(mv|v|volts?|ppm|ppb|%|k?ohms?|raw|adc|counts?)[)\]]?",
    re.ASCII | re.IGNORECASE,
)
_INVALID = re.compile(
    r"|[+-]?(?:nan|inf|infinity)(?:\(\w*\))?|1\.#(?:inf|qnan|ind)\w*|ovf|overflow|null|none|n/?a|#n/?a|"
    r"err|error|fail|invalid|-+|\?+|\*+",
    re.ASCII | re.IGNORECASE,
)
_DATE = r"(?:\d{4}[-/.]\d{1,2}[-/.]\d{1,2}|\d{1,2}[-/.]\d{1,2}[-/.](?:\d{4}|\d{2})(?!\d))"
_FRACTION = r"(?:[.:]\d{1,9}|,\d{3}(?=[\s\]]))"  # `12:00:00,555,515` may be 555 ms or a value: no fraction
_TIME = rf"\d{{1,2}}:\d{{2}}(?::\d{{2}}{_FRACTION}?)?(?:\s?[ap]m)?(?:\s?(?:z|[+-]\d{{2}}:?\d{{2}}))?"
_STAMP = re.compile(
    rf"[\[(]?(?P<first>{_DATE}|{_TIME})(?:(?P<between>[t,;|\t ]\s?)(?P<second>{_TIME}))?[\])]?"
    r"(?P<after>\s*(?:->|[,;|\t])\s?|\s+)",
    re.ASCII | re.IGNORECASE,
)
_DELIMITERS = {"\t": "tab", ";": "semicolon", "|": "pipe", ",": "comma", " ": "blank"}
_BRACKETS = {"(": ")", "<": ">", "[": "]", "{": "}"}


@dataclass(frozen=True)
class Row:
    """Values in a line that names none of them; N values.

    Attributes:
        cells: length N, as they were written.
        values: length N; NaN where a cell says that there is none, None where it is no number.
        quantities: length N, by the units in the cells.
        stamp_cells: cells that a date and a time before the values take; they are not among the N.
        delimiter: what stands between the values: `comma`, `tab`, `semicolon`, `pipe`, `blank`, `json`.
        has_decimal_comma: whether numbers are written as `2,71`.
    """

    cells: tuple[str, ...]
    values: tuple[float | None, ...]
    quantities: tuple[Quantity, ...]
    stamp_cells: int
    delimiter: str
    has_decimal_comma: bool = False


@dataclass(frozen=True)
class Cell:
    """One value.

    Attributes:
        value: NaN where it says that there is none, None where it is no number.
        quantity: what its unit says.
        has_decimal_comma: whether it is written as `2,71`.
    """

    value: float | None
    quantity: Quantity = Quantity.UNSAID
    has_decimal_comma: bool = False


def read_cell(text: str) -> Cell:
    """Read one value; a text with a decimal comma too."""
    if _POINT.fullmatch(text):
        return Cell(float(text))
    if _INVALID.fullmatch(text):
        return Cell(math.nan)
    if _COMMA.fullmatch(text):
        return Cell(float(text.replace(",", ".")), has_decimal_comma=True)
    if (match := _WITH_UNIT.fullmatch(text)) is not None:
        number = match[1]
        return Cell(float(number.replace(",", ".")), quantity_of(match[2]), "," in number)
    return Cell(None)


def split_stamp(text: str) -> tuple[int, str]:
    """Return how many cells a date and a time at the beginning take, and the text after them."""
    match = _STAMP.match(text)
    if match is None:
        return 0, text
    between, after = match["between"], match["after"].strip()
    # A blank in `2024-05-01 12:00:00,555` is no delimiter, in `2024-05-01 12:00:00 555` it is.
    separates = between is not None and between.strip() == after and between.lower() != "t"
    return 2 if separates else 1, text[match.end() :]


def split_row(text: str, stamp_cells: int = 0, width: int | None = None) -> Row | None:
    """Return the values in a line; None where there are none.

    Args:
        text: the line, without a date and time before the values.
        stamp_cells: how many cells those took.
        width: how many cells a line has; where a line has as many, one number among them is enough.
    """
    inside = without_brackets(text)
    for mark, name in _DELIMITERS.items():
        cells = _cells(inside, mark)
        if len(cells) < 2:
            continue
        row = _row(cells, stamp_cells, name)
        if _is_data(row, None if mark == " " else width) and (name != "comma" or _is_certain(row)):
            return row
    row = _row((inside.strip(),), stamp_cells, "comma")
    value = row.values[0]
    is_alone = value is not None and (value == value or (width == 1 and _says_nan(row)))
    return row if is_alone else None


def split_cells(text: str, mark: str) -> tuple[str, ...]:
    """Return what stands between delimiters, without blanks and quotes around it."""
    return tuple(_without_quotes(cell.strip()) for cell in text.split(mark))


def without_brackets(text: str) -> str:
    """Return a line without what frames it, as in `<555,515>`; a frame that is not whole stays."""
    stripped = text.strip(" \r")
    if len(stripped) > 2 and _BRACKETS.get(stripped[0]) == stripped[-1]:
        return stripped[1:-1]
    return text


def delimiters_in(text: str) -> list[tuple[str, str]]:
    """Return the delimiters that a text holds, mark and name, the surest first."""
    return [(mark, name) for mark, name in _DELIMITERS.items() if mark in text]


def _without_quotes(cell: str) -> str:
    return cell[1:-1].strip() if len(cell) > 1 and cell[0] == cell[-1] and cell[0] in "\"'" else cell


def _cells(text: str, mark: str) -> tuple[str, ...]:
    if mark not in text:
        return ()
    if mark == " ":
        return tuple(text.split())
    cells = split_cells(text.strip(" \r"), mark)
    if mark == "|" and not cells[0]:
        return cells[1:]
    if mark != ",":
        # `555,\t515,\t377`: two delimiters where one would do.
        cells = tuple(cell.removesuffix(",").strip() for cell in cells)
    return cells


def _row(cells: tuple[str, ...], stamp_cells: int, delimiter: str) -> Row:
    if _PLAIN.fullmatch("".join(cells)):
        try:
            return Row(
                cells, tuple(map(float, cells)), (Quantity.UNSAID,) * len(cells), stamp_cells, delimiter
            )
        except ValueError:
            pass  # An empty one, or `1-1`.
    read = [read_cell(cell) for cell in cells]
    has_comma = any(cell.has_decimal_comma for cell in read)
    if has_comma and any("." in text for text in cells):
        # Both signs in one line: which of them divides thousands is not known.
        read = [Cell(None) if "," in text else cell for text, cell in zip(cells, read, strict=True)]
    return Row(
        cells,
        tuple(cell.value for cell in read),
        tuple(cell.quantity for cell in read),
        stamp_cells,
        delimiter,
        has_comma,
    )


def _is_data(row: Row, width: int | None) -> bool:
    numbers = sum(value is not None and value == value for value in row.values)
    readable = sum(value is not None for value in row.values)
    if not (numbers or _says_nan(row)):
        return False
    is_as_long = width in (len(row.cells), len(row.cells) + row.stamp_cells)
    return 2 * readable > len(row.cells) or (is_as_long and readable > 0)


def _says_nan(row: Row) -> bool:
    """Whether a cell says that there is no value; a table's rule, of dashes alone, does not."""
    pairs = zip(row.values, row.cells, strict=True)
    return any(value is not None and cell.strip("-? ") != "" for value, cell in pairs)


def _is_certain(row: Row) -> bool:
    """Whether commas are the delimiters: in `2,71 2,52` blanks are, and commas are decimal signs."""
    return not any(re.fullmatch(r"\d+(?:\s+\d+)+", cell, re.ASCII) for cell in row.cells)
