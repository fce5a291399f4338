"""A table of text, as every report has it."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby

MISSING = "-"


Row = tuple[str, ...]


@dataclass(frozen=True)
class TableRows:
    """Rows that stand together, under a rule with a heading where it is not empty."""

    heading: str
    rows: tuple[Row, ...]


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
