"""How the numbers of a table are written: decimal sign, thousands mark, and what stands for a missing one."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from gas_fusion_ros.base.quoting import quoted
from gas_fusion_ros.base.table.options import TableError

MISSING = frozenset(
    [
        *("", ".", "-", "--", "---", "?", "na", "n/a", "#n/a", "<na>", "nan", "-nan", "+nan", "nan()"),
        *("null", "(null)", "none", "nil", "missing", "#num!", "#value!", "#div/0!", "#ref!", "#null!"),
        *("err", "error", "fail", "failed", "invalid", "n.a."),
        *("inf", "+inf", "-inf", "infinity", "-infinity", "ovf", "overflow"),
    ]
)
"""What stands for a value that is not there, or that no sensor gives; in lower case."""

ABSENT = frozenset((-999.0, -9999.0))
"""Numbers that loggers write for a value that is not there."""
MOST_ABSENT = max(ABSENT)

_PLAIN = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_MARKED = re.compile(r"[+-]?(\d+)([.,])(\d*)(?:[eE][+-]?\d+)?", re.ASCII)
_GROUPED = re.compile(r"[+-]?\d{1,3}(?:([.,])\d{3})(?:\1\d{3})*(?:(?!\1)([.,])\d+)?", re.ASCII)
_BARE_HUNDREDS = re.compile(r"[+-]?[1-9]\d\d", re.ASCII)
_OTHER = {",": ".", ".": ","}


def is_missing(cell: str) -> bool:
    """Whether a cell says that there is no value."""
    return cell.strip().lower() in MISSING


@dataclass(frozen=True)
class NumberForm:
    """How numbers are written.

    Attributes:
        decimal: the decimal sign, `.` or `,`.
        has_thousands: whether the other of the two marks thousands.
    """

    decimal: str = "."
    has_thousands: bool = False

    @property
    def thousands(self) -> str:
        """The thousands mark; empty where there is none."""
        return _OTHER[self.decimal] if self.has_thousands else ""

    def plain(self, cell: str) -> str:
        """The cell's number as a program writes it: `1.234,5` as `1234.5`; what is no number as it is."""
        text = cell.strip().replace("\u00a0", "").replace("\u2212", "-")
        if self.has_thousands and _GROUPED.fullmatch(text):
            text = text.replace(self.thousands, "")
        elif self.decimal == "," and "." in text:
            return cell
        return text.replace(",", ".") if self.decimal == "," else text

    def value(self, cell: str) -> float:
        """The cell's number; NaN where it is missing or infinite.

        Raises:
            ValueError: it is neither a number nor a word for a missing one.
        """
        if is_missing(cell):
            return math.nan
        text = self.plain(cell)
        if not _PLAIN.fullmatch(text):
            raise ValueError(f"{quoted(cell)} is no number")
        value = float(text)
        return value if math.isfinite(value) else math.nan

    def is_number(self, cell: str) -> bool:
        """Whether the cell holds a number."""
        return _PLAIN.fullmatch(self.plain(cell)) is not None


POINT = NumberForm()


def looks_like_number(cell: str) -> bool:
    """Whether a cell is a number in any form."""
    text = cell.strip()
    return bool(_PLAIN.fullmatch(text) or _MARKED.fullmatch(text) or _GROUPED.fullmatch(text))


def number_form(columns: Iterable[Sequence[str]], delimiter: str) -> NumberForm:
    """Tell from columns of numbers how they are written.

    A sign before another number of digits than three, or behind a leading zero, is the decimal sign. Where
    every sign stands before three digits it marks thousands if numbers of three digits go without beside it.

    Args:
        columns: cells, what is missing included.
        delimiter: what stands between the cells: a sign that is that too is only found in quotes.

    Raises:
        TableError: the cells contradict one another.
    """
    sure: dict[str, str] = {}
    groups: dict[str, str] = {}
    mixed: set[str] = set()
    for cells in columns:
        _weigh(cells, sure, groups, mixed)
    if len(sure) > 1:
        raise TableError(
            f"numbers are written with a decimal comma ({quoted(sure[','])}) and with a decimal point "
            f"({quoted(sure['.'])}); write all with one of them"
        )
    if sure:
        (decimal,) = sure
        return NumberForm(decimal, _OTHER[decimal] in groups)
    if len(groups) > 1:
        raise TableError(
            f"{quoted(groups[','])} and {quoted(groups['.'])} may both be thousands or fractions; "
            "write the numbers without thousands marks"
        )
    if "," in groups and delimiter != ";" and not ("," in mixed or delimiter == ","):
        raise TableError(
            f"{quoted(groups[','])} may be thousands or a fraction; write numbers without thousands marks, "
            "and fractions with a decimal point"
        )
    if "," in groups:
        return NumberForm(".", True) if "," in mixed or delimiter == "," else NumberForm(",")
    # Where commas part the cells, decimal points are at home.
    return NumberForm(",", True) if "." in mixed and delimiter != "," else POINT


def _weigh(cells: Sequence[str], sure: dict[str, str], groups: dict[str, str], mixed: set[str]) -> None:
    """Note by its sign what a column shows, with an example of each."""
    has_bare_hundreds = False
    seen = set()
    for cell in cells:
        text = cell.strip()
        if _BARE_HUNDREDS.fullmatch(text):
            has_bare_hundreds = True
            continue
        grouped = _GROUPED.fullmatch(text)
        if grouped is not None:
            first, last = grouped[1], grouped[2]
            if last is not None:
                sure.setdefault(last, text)
                groups.setdefault(first, text)
            elif text.count(first) > 1:
                sure.setdefault(_OTHER[first], text)
                groups.setdefault(first, text)
            elif text.lstrip("+-").startswith("0"):
                sure.setdefault(first, text)
            else:
                groups.setdefault(first, text)
                seen.add(first)
            continue
        marked = _MARKED.fullmatch(text)
        if marked is not None:
            sure.setdefault(marked[2], text)
    if has_bare_hundreds:
        mixed |= seen
