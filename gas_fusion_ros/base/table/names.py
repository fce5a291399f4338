"""What the columns of a table are, by their names: sensors, the class, the time, and the data set's own."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from gas_fusion_ros.base.mq import sensor_column
from gas_fusion_ros.base.table.options import TimeUnit

LABEL_NAMES = frozenset(
    [
        *("gas", "class", "classes", "label", "labels", "target", "category", "truth", "groundtruth"),
        *("gasclass", "gaslabel", "gasname", "gastype", "classname", "classlabel"),
        *("substance", "odor", "odour", "klasse"),
    ]
)
SERIAL_NAMES = frozenset(("serialnumber",))
IMAGE_NAMES = frozenset(("correspondingimagename",))
BAG_NAMES = frozenset(("bag",))
DATE_NAMES = frozenset(("date", "datum"))
CLOCK_NAMES = frozenset(("time", "uhrzeit", "zeit", "clock"))
_TIME_RANKS = (
    frozenset(["stamp"]),
    frozenset(
        [
            *("timestamp", "datetime", "date", "datum", "dateandtime", "datetimeutc", "timestamputc"),
            *("zeitstempel", "ts", "epoch", "unix", "unixtime", "unixtimestamp", "posixtime", "utc"),
            "createdat",
        ]
    ),
    frozenset(["time", "zeit", "uhrzeit", "localtime", "recordtime", "clock", "t"]),
    frozenset(["elapsed", "elapsedtime", "uptime", "runtime", "sincestart", "timesincestart", ""]),
)
"""Names of times without their unit, those that tell the date before those that may not."""
_WITH_UNIT_ALONE = frozenset(("t", ""))
"""No time by themselves: `T` is a temperature as well."""

_UNITS = {
    TimeUnit.SECONDS: ("s", "sec", "secs", "second", "seconds", "sek", "sekunden"),
    TimeUnit.MILLISECONDS: ("ms", "msec", "msecs", "millis", "millisecond", "milliseconds", "millisekunden"),
    TimeUnit.MICROSECONDS: ("us", "usec", "µs", "μs", "micros", "microsecond", "microseconds"),
    TimeUnit.MINUTES: ("min", "mins", "minute", "minutes", "minuten"),
    TimeUnit.HOURS: ("h", "hr", "hrs", "hour", "hours", "stunden"),
    TimeUnit.NANOSECONDS: ("ns", "nsec", "nanos", "nanosecond", "nanoseconds"),
}
_UNIT_OF_WORD = {word: unit for unit, words in _UNITS.items() for word in words}

_WORDS = re.compile(r"[^\W_]+")
_CELL_UNITS = frozenset(_UNIT_OF_WORD) | frozenset(
    [
        *(
            "raw",
            "adc",
            "count",
            "counts",
            "adu",
            "lsb",
            "bit",
            "bits",
            "digits",
            "au",
            "ppm",
            "ppb",
            "percent",
        ),
        *("v", "volt", "volts", "mv", "ohm", "ohms", "kohm", "rsr0", "degc", "c", "k", "rh", "hpa"),
    ]
)


def plain(text: str) -> str:
    """A name without case, blanks and signs, so that spellings of one name are equal."""
    return "".join(_WORDS.findall(text.lower()))


@dataclass(frozen=True)
class TimeName:
    """A column's name that is of a time.

    Attributes:
        rank: the less, the rather it is taken.
        unit: that the name tells; None where it tells none.
    """

    rank: int
    unit: TimeUnit | None


def time_name(text: str) -> TimeName | None:
    """What a column's name tells of times, such as `Timestamp`, `time [ms]`, `millis`; None where nothing."""
    words = _WORDS.findall(text.lower())
    unit = _UNIT_OF_WORD.get(words[-1]) if words else None
    base = "".join(words if unit is None else words[:-1])
    if base in _WITH_UNIT_ALONE and unit is None:
        return None
    for rank, names in enumerate(_TIME_RANKS):
        if base in names:
            return TimeName(rank, unit)
    return None


def unit_in(cell: str) -> TimeUnit | None:
    """The unit of time that a cell of a row of units names."""
    return _UNIT_OF_WORD.get(plain(cell))


def is_row_of_units(cells: Sequence[str]) -> bool:
    """Whether a row below the header holds units, such as `ms;ppm;(V)`, and nothing else."""
    filled = [cell for cell in cells if cell.strip(" \t-[]()")]
    return bool(filled) and all(plain(cell) in _CELL_UNITS or not plain(cell) for cell in filled)


def is_known(text: str) -> bool:
    """Whether a name is one of those that tables of readings have."""
    name = plain(text)
    return (
        name in LABEL_NAMES | SERIAL_NAMES | IMAGE_NAMES | BAG_NAMES
        or sensor_column(text) is not None
        or time_name(text) is not None
    )
