"""Which column of a table is what: by its name, and where that leaves a doubt by its values."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from operator import lt

from gas_fusion_ros.base.mq import Quantity, channel_name, sensor_column
from gas_fusion_ros.base.quoting import listed, quoted
from gas_fusion_ros.base.table.moments import is_clock, is_date
from gas_fusion_ros.base.table.names import (
    BAG_NAMES,
    CLOCK_NAMES,
    DATE_NAMES,
    IMAGE_NAMES,
    LABEL_NAMES,
    SERIAL_NAMES,
    is_known,
    is_row_of_units,
    plain,
    time_name,
    unit_in,
)
from gas_fusion_ros.base.table.numbers import (
    NumberForm,
    is_missing,
    looks_like_number,
    number_form,
)
from gas_fusion_ros.base.table.options import NO_COLUMN, TableError, TableOptions, TimeUnit
from gas_fusion_ros.base.table.reader import Record, TableFormat
from gas_fusion_ros.base.table.times import OWN_COLUMN

MOST_NAMES = 20
"""Of a table that are told."""

_WHOLE = re.compile(r"\d{1,5}", re.ASCII)
_ROW = re.compile(r"[,;|\t]\s*[-+]?\d+(?:[.,;|\t\s]|$)", re.ASCII)
_NAMED_VALUE = re.compile(r"[A-Za-z][^:=]*\s*[:=]\s*[-+.\d].*", re.ASCII)
_SECONDS = re.compile(r"(.*?)(?:secs?|seconds)")
_NANOSECONDS = re.compile(r"(.*?)(?:nanosecs?|nsecs?|nanoseconds)")
_LAST_RANK = 3
"""Of names of times: those that tell least."""
_MOST_COUNTS = 65_535
"""Of the widest converter that MQ arrays have."""
_NUMBERED = re.compile(r"\d{1,5}(\.0+)?", re.ASCII)
_MOST_NUMBERED_CLASSES = 20
_READINGS = (Quantity.RAW, Quantity.UNSAID)
"""What a converter gives, by a column's name, the surest first."""


class NoSuchColumnError(TableError):
    """The table has no column for a channel that was asked for.

    Attributes:
        sensors: the channels that there are columns for, by the names of these.
    """

    def __init__(self, message: str, sensors: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.sensors = sensors


@dataclass(frozen=True)
class TableColumns:
    """Where each field stands in a row.

    Attributes:
        channels: each channel with its column.
        label: column of the class; None where there is none, as below.
        serial: column of the serial number.
        image: column of the image's name.
        bag: column of the recording.
        time: column of the time, or those of date and time of day; empty where there is none.
        time_unit: the unit that its name, or the row of units, tells.
        units_line: the line of a row of units below the header.
        numbers: how numbers are written.
        told: what was taken for what where that is not plain, a sentence each.
    """

    channels: tuple[tuple[str, int], ...]
    label: int | None
    serial: int | None
    image: int | None
    bag: int | None
    time: tuple[int, ...]
    time_unit: TimeUnit | None
    units_line: int | None
    numbers: NumberForm
    told: tuple[str, ...]


def header_names(channels: Iterable[str]) -> Callable[[str], bool]:
    """Return what tells whether a cell is the name of a column of readings, or of one of these channels."""
    asked = frozenset(name.lower() for name in channels)

    @cache
    def tell(cell: str) -> bool:
        text = cell.strip().lower()
        is_row = _ROW.search(text) is not None  # of a delimiter that is another's text
        return text in asked or (not (text[:1].isdigit() or is_row) and is_known(text))

    return tell


def find_columns(
    form: TableFormat, sample: Sequence[Record], channels: Sequence[str] | None, options: TableOptions
) -> TableColumns:
    """Find the columns of a table.

    Args:
        form: how it is written.
        sample: its first rows.
        channels: the channels asked for; None for those of all columns with a sensor's name.
        options: what the user says.

    Raises:
        NoSuchColumnError: a channel has no column.
        TableError: a column that was named is not there, or two columns may be one that is needed.
    """
    return _Finding(form, sample, options).columns(channels)


class _Finding:
    """One search for columns."""

    def __init__(self, form: TableFormat, sample: Sequence[Record], options: TableOptions) -> None:
        self._names = form.header
        self._form = form
        self._options = options
        self._told: list[str] = []
        self._chosen: dict[str, int] = {}
        self._others: dict[str, int] = {}
        fitting = [record for record in sample if form.fits(record.cells)]
        has_units = bool(fitting) and is_row_of_units(fitting[0].cells)
        self._units = fitting[0] if has_units else None
        self._rows = fitting[1:] if has_units else fitting

    def columns(self, channels: Sequence[str] | None) -> TableColumns:
        self._check_header()
        chosen = self._channels(self._found_channels() if channels is None else channels)
        taken = {place for _, place in chosen}
        label = self._label(taken)
        time = self._time(taken | {label})
        numeric = [[row.cells[place] for row in self._rows] for place in (*sorted(taken), *time)]
        units = self._units
        return TableColumns(
            channels=chosen,
            label=label,
            serial=self._only("serial number", SERIAL_NAMES, taken),
            image=self._only("image", IMAGE_NAMES, taken),
            bag=self._only("bag", BAG_NAMES, taken),
            time=time,
            time_unit=self._unit(time),
            units_line=None if units is None else units.line,
            numbers=number_form(numeric, self._form.delimiter),
            told=tuple(self._told),
        )

    def _check_header(self) -> None:
        if not self._names:
            raise TableError("it is empty; expected a header and at least one reading")
        if not any(map(is_known, self._names)) and any(map(looks_like_number, self._names)):
            raise TableError(
                f"line {self._form.header_line} holds values ({listed(self._names)}), not names: a header is "
                "missing; put a line such as MQ2,MQ3,Gas in front, for names are not guessed"
            )

        if len(self._names) > 2 and is_known(self._names[0]) and all(map(looks_like_number, self._names[1:])):
            raise TableError(
                f"line {self._form.header_line} holds the values of {quoted(self._names[0])} beside it; "
                "turn the table, so that each sensor has a column and a name above it"
            )
        if len(self._names) > 1 and all(map(_NAMED_VALUE.fullmatch, self._names)):
            raise TableError(
                f"line {self._form.header_line} names each value beside it ({listed(self._names, 3)}), as a "
                "serial port sends it; gas-fusion listen reads it, a table needs the names once, in a header"
            )

    def _check_shape(self) -> None:
        """Refuse a table with a row for each sensor, where no column is one."""
        for place, name in enumerate(self._names):
            if self._mostly(place, lambda cell: sensor_column(cell) is not None):
                raise TableError(
                    f"the column {quoted(name)} names the sensor of each row; make a column of each sensor, "
                    "and one row of all that were read together"
                )

    def _found_channels(self) -> tuple[str, ...]:
        found = self._sensors()
        if not found:
            self._check_shape()
            raise NoSuchColumnError(
                "no column has the name of a sensor, such as MQ2 or TGS2602; the columns are "
                f"{listed(self._names, MOST_NAMES)}; name those of the sensors with --channels"
            )
        return found

    def _sensors(self) -> tuple[str, ...]:
        sensors = (sensor_column(name) for name in self._names)
        return tuple(dict.fromkeys(sensor.name for sensor in sensors if sensor is not None))

    def _channels(self, channels: Sequence[str]) -> tuple[tuple[str, int], ...]:
        candidates = {name: self._columns_of(name) for name in channels}
        missing = [name for name, places in candidates.items() if not places]
        if missing:
            self._check_shape()
            raise NoSuchColumnError(
                f"no column for {listed(missing)}; the columns are {listed(self._names, MOST_NAMES)}",
                self._sensors(),
            )
        found = tuple((name, self._choose(name, places)) for name, places in candidates.items())
        if self._others:
            columns = listed((self._names[place] for place in self._others.values()), MOST_NAMES)
            self._told.append(f"taken as they stand, no converter's counts by their names: {columns}")
        if self._chosen:
            chosen = ", ".join(f"{name} column {place + 1}" for name, place in self._chosen.items())
            self._told.append(
                "of several columns of a sensor the one is taken that alone holds a converter's readings: "
                f"{chosen}"
            )
        return found

    def _columns_of(self, channel: str) -> list[int]:
        canonical = channel_name(channel)
        places = []
        for place, name in enumerate(self._names):
            sensor = sensor_column(name)
            is_sensor = canonical is not None and sensor is not None and sensor.name == canonical
            if is_sensor or name.lower() == channel.lower():
                places.append(place)
        return places

    def _choose(self, channel: str, places: Sequence[int]) -> int:
        """Choose the converter's readings among the columns of a sensor."""
        quantities = {place: self._quantity(place) for place in places}
        if len(places) == 1:
            if quantities[places[0]] not in _READINGS:
                self._others[channel] = places[0]
            return places[0]
        by_rank = [[place for place in places if quantities[place] is one] for one in _READINGS]
        pool = next((some for some in by_rank if some), list(places))
        if len(pool) > 1:
            pool = [place for place in pool if self._are_counts(place)]
        if len(pool) != 1:
            raise TableError(
                f"{len(places)} columns for {channel}: {self._described(places)}; nothing tells which is the "
                "converter's reading: rename or remove the others"
            )
        self._chosen[channel] = pool[0]
        return pool[0]

    def _quantity(self, place: int) -> Quantity:
        sensor = sensor_column(self._names[place])
        return Quantity.UNSAID if sensor is None else sensor.quantity

    def _described(self, places: Iterable[int]) -> str:
        return " and ".join(f"{quoted(self._names[place])} (column {place + 1})" for place in places)

    def _are_counts(self, place: int) -> bool:
        cells = [row.cells[place].strip() for row in self._rows]
        filled = [cell for cell in cells if not is_missing(cell)]
        return bool(filled) and all(_WHOLE.fullmatch(cell) and int(cell) <= _MOST_COUNTS for cell in filled)

    def _label(self, taken: Collection[int]) -> int | None:
        wanted = self._options.label_column
        if wanted is not None:
            return None if wanted == NO_COLUMN else self._named("--label-column", wanted)
        named = [
            place
            for place, name in enumerate(self._names)
            if plain(name) in LABEL_NAMES and place not in taken
        ]
        candidates = [place for place in named if self._holds_classes(place)]
        if len(candidates) > 1:
            raise TableError(
                f"{len(candidates)} columns may hold the class: {self._described(candidates)}; give one with "
                "--label-column"
            )
        self._told += [
            f"{quoted(self._names[place])} holds numbers, no classes; --label-column takes it nevertheless"
            for place in named
            if place not in candidates
        ]
        return candidates[0] if candidates else None

    def _holds_classes(self, place: int) -> bool:
        cells = {row.cells[place].strip() for row in self._rows}
        filled = {cell for cell in cells if not is_missing(cell)}
        if not all(map(looks_like_number, filled)):
            return True
        return len(filled) <= _MOST_NUMBERED_CLASSES and all(map(_NUMBERED.fullmatch, filled))

    def _time(self, taken: Collection[int | None]) -> tuple[int, ...]:
        wanted = self._options.time_column
        if wanted is not None:
            return () if wanted == NO_COLUMN else self._named_time(wanted)
        both = self._date_and_clock(taken)
        if both:
            return both
        ranked = sorted(
            (found.rank, place)
            for place, name in enumerate(self._names)
            if place not in taken and (found := time_name(name)) is not None and self._may_hold_times(place)
        )
        both = self._seconds_and_rest(taken)
        if both and (not ranked or ranked[0][0] >= _LAST_RANK or ranked[0][1] in both):
            return both
        if not ranked:
            self._tell_of_doubtful_times(taken)
            return ()
        chosen = ranked[0][1]
        same = [place for _, place in ranked if plain(self._names[place]) == plain(self._names[chosen])]
        if len(same) > 1:
            raise TableError(
                f"{len(same)} columns of one name may hold the time: {self._described(same)}; rename one, or "
                "give another with --time-column"
            )
        if len(ranked) > 1:
            others = self._described(place for _, place in ranked[1:])
            self._told.append(f"times are those of {quoted(self._names[chosen])}, not of {others}")
        return (chosen,)

    def _tell_of_doubtful_times(self, taken: Collection[int | None]) -> None:
        """Tell of columns that may be times or temperatures, where they rise from row to row."""
        for place, name in enumerate(self._names):
            if place in taken or plain(name) != "t":
                continue
            if _rise([row.cells[place] for row in self._rows]):
                self._told.append(
                    f"{quoted(name)} rises from row to row and is not taken for the time, for T is a "
                    f"temperature as well; --time-column {name} takes it"
                )

    def _named_time(self, wanted: str) -> tuple[int, ...]:
        if "+" in wanted and not any(name.lower() == wanted.lower() for name in self._names):
            return tuple(self._named("--time-column", part) for part in wanted.split("+", 1))
        return (self._named("--time-column", wanted),)

    def _date_and_clock(self, taken: Collection[int | None]) -> tuple[int, ...]:
        dates = [place for place in self._of_names(DATE_NAMES, taken) if self._mostly(place, is_date)]
        clocks = [place for place in self._of_names(CLOCK_NAMES, taken) if self._mostly(place, is_clock)]
        if len(dates) > 1 or len(clocks) > 1:
            raise TableError(
                f"several columns may hold date or time: {self._described((*dates, *clocks))}; give "
                "--time-column DATE+TIME"
            )
        return (dates[0], clocks[0]) if dates and clocks else ()

    def _seconds_and_rest(self, taken: Collection[int | None]) -> tuple[int, ...]:
        """The columns of a ROS stamp, `header.stamp.sec` and `header.stamp.nanosec`."""
        names = {place: plain(name) for place, name in enumerate(self._names) if place not in taken}
        rests = {rest[1]: place for place, name in names.items() if (rest := _NANOSECONDS.fullmatch(name))}
        for place, name in names.items():
            whole = _SECONDS.fullmatch(name)
            if whole is not None and place not in rests.values() and whole[1] in rests:
                return place, rests[whole[1]]
        return ()

    def _may_hold_times(self, place: int) -> bool:
        """Whether a column is neither empty nor of dates alone, which are no times of rows."""
        filled = any(row.cells[place].strip() for row in self._rows) or not self._rows
        return filled and not self._mostly(place, is_date)

    def _mostly(self, place: int, fits: Callable[[str], bool]) -> bool:
        cells = [row.cells[place] for row in self._rows if row.cells[place].strip()]
        return bool(cells) and sum(map(fits, cells)) * 2 > len(cells)

    def _unit(self, time: Sequence[int]) -> TimeUnit | None:
        if len(time) != 1:
            return None
        name = self._names[time[0]]
        if name.lower() == OWN_COLUMN and any(plain(other) in BAG_NAMES for other in self._names):
            return TimeUnit.NANOSECONDS  # as `gas-fusion dataset` writes both
        found = time_name(name)
        by_name = None if found is None else found.unit
        return by_name or (None if self._units is None else unit_in(self._units.cells[time[0]]))

    def _named(self, option: str, wanted: str) -> int:
        exact = [place for place, name in enumerate(self._names) if name.lower() == wanted.strip().lower()]
        found = exact or [place for place, name in enumerate(self._names) if plain(name) == plain(wanted)]
        if not found:
            raise TableError(
                f"{option}: no column {quoted(wanted)}; the columns are {listed(self._names, MOST_NAMES)}"
            )
        if len(found) > 1:
            raise TableError(f"{option}: several columns are named so: {self._described(found)}; rename one")
        return found[0]

    def _of_names(self, names: Collection[str], taken: Collection[int | None]) -> list[int]:
        return [
            place for place, name in enumerate(self._names) if plain(name) in names and place not in taken
        ]

    def _only(self, what: str, names: Collection[str], taken: Collection[int]) -> int | None:
        places = self._of_names(names, taken)
        if len(places) > 1:
            raise TableError(f"several columns may hold the {what}: {self._described(places)}; rename one")
        return places[0] if places else None


def _rise(cells: Sequence[str]) -> bool:
    """Whether cells are numbers of which each is larger than the one before."""
    try:
        values = [float(cell) for cell in cells]
    except ValueError:
        return False
    return len(values) > 1 and all(map(lt, values, values[1:]))
