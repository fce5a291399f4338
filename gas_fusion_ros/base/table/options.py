"""What a user may say of a table where it does not tell by itself."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum

from gas_fusion_ros.base.quoting import quoted

NO_COLUMN = "none"
"""Names no column: the rows are taken as without labels, or without times."""


class TableError(ValueError):
    """A table cannot be read; the message says what was seen and what to give."""


class TimeUnit(str, Enum):
    """The unit of times that are numbers."""

    SECONDS = "s"
    MILLISECONDS = "ms"
    MICROSECONDS = "us"
    NANOSECONDS = "ns"
    MINUTES = "min"
    HOURS = "h"


class DateOrder(str, Enum):
    """The order of day and month in dates that end with the year."""

    DAY_FIRST = "day-first"
    MONTH_FIRST = "month-first"


@dataclass(frozen=True)
class TableOptions:
    """What a table is to be read by; what is not given is found.

    Attributes:
        label_column: the column of the classes; `NO_COLUMN` for none.
        classes: what classes are to be called, by their names in the table.
        time_column: the column of the times; `NO_COLUMN` for none.
        time_unit: the unit of times that are numbers.
        date_order: the order of day and month.
    """

    label_column: str | None = None
    classes: Mapping[str, str] = field(default_factory=dict)
    time_column: str | None = None
    time_unit: TimeUnit | None = None
    date_order: DateOrder | None = None


AS_FOUND = TableOptions()
"""Everything is found."""

WITHOUT_TIMES = TableOptions(time_column=NO_COLUMN)
"""For who plays rows one after another, at a pace of its own."""

READINGS_ALONE = TableOptions(label_column=NO_COLUMN, time_column=NO_COLUMN)
"""For who needs neither classes nor times, so that neither can be in doubt."""


def parse_classes(given: Iterable[str]) -> dict[str, str]:
    """The aliases in what `--classes` was given: `NOGAS=NoGas,smoke=Smoke`, once or more often.

    Raises:
        TableError: one is no pair, or two of one name differ.
    """
    aliases: dict[str, str] = {}
    for part in (part for text in given for part in text.split(",") if part.strip()):
        name, equals, wanted = (piece.strip() for piece in part.partition("="))
        if not (name and equals and wanted):
            raise TableError(f"--classes has {quoted(part.strip())}; expected a pair such as NOGAS=NoGas")
        if aliases.setdefault(name, wanted) != wanted:
            raise TableError(
                f"--classes calls {quoted(name)} both {quoted(aliases[name])} and {quoted(wanted)}; "
                "give it once"
            )
    return aliases
