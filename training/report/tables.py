"""A table of text, as every report has it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import groupby

from training.report.protocols import Protocol, Spread

MISSING = "-"

TableRow = tuple[str, ...]
"""The cells of a row."""


@dataclass(frozen=True)
class TableRows:
    """Rows that stand together, under a rule with a heading where it is not empty."""

    heading: str
    rows: tuple[TableRow, ...]


@dataclass(frozen=True)
class Table:
    """A table of text; a line break within a cell is one.

    Attributes:
        caption: what it shows.
        groups: of each column the heading it shares with its neighbours; may be empty.
        columns: the columns' own headings, length C.
        blocks: rows of length C, which begin with the row's name.
    """

    caption: str
    groups: tuple[str, ...]
    columns: tuple[str, ...]
    blocks: tuple[TableRows, ...]

    @property
    def spans(self) -> tuple[tuple[str, int], ...]:
        """The shared headings, and how many columns each stands over."""
        return tuple((heading, len(list(columns))) for heading, columns in groupby(self.groups))


def number(value: float | None) -> str:
    """A figure with four digits; "-" where there is none."""
    return MISSING if value is None else f"{value:.4f}"


def value_range(values: Iterable[float]) -> str:
    """The lowest and the highest of some values, one where they are alike; "-" where there is none."""
    known = sorted(set(values))
    if not known:
        return MISSING
    return f"{known[0]:.6g}" if len(known) == 1 else f"{known[0]:.6g}..{known[-1]:.6g}"


def extent(
    spread: Spread,
    protocol: Protocol,
    worst: Callable[[Spread], float],
    form: Callable[[float], str] = number,
) -> str:
    """Say how far a figure reaches: to the worst position, else from the lowest run to the highest.

    Args:
        spread: of the figure.
        protocol: under which it was measured.
        worst: takes the worse end from a spread.
        form: writes a value.
    """
    if protocol.positions:
        return f"worst {form(worst(spread))}"
    return f"{form(spread.low)}..{form(spread.high)}"
