"""When each frame of a folder was taken: its `timestamps.csv`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from gas_fusion_ros.base.problems import Problems
from gas_fusion_ros.base.quoting import listed, shown
from gas_fusion_ros.base.table.clock_steps import times_set_back
from gas_fusion_ros.base.table.moments import NO_TIME
from gas_fusion_ros.base.table.names import TimeName, plain, time_name
from gas_fusion_ros.base.table.numbers import POINT
from gas_fusion_ros.base.table.options import TableError, TableOptions
from gas_fusion_ros.base.table.reader import Record, TableReader
from gas_fusion_ros.base.table.times import read_times

TIMES_NAME = "timestamps.csv"
_MOST_BYTES = 16 << 20
_FILE_COLUMNS = frozenset(("file", "filename", "image", "framefile", "name", "path"))
_INDEX_COLUMNS = frozenset(("frame", "index", "frameindex", "frameid", "number"))
_LAST_RANK = 9


class FrameTimesError(ValueError):
    """The table cannot be used; the message names it and says what would be right."""


@dataclass(frozen=True)
class TimedFrame:
    """A frame and when it was taken, nanoseconds of the recording's own clock."""

    stamp_ns: int
    file: Path


def read_frame_times(table: Path, frames: Sequence[Path], problems: Problems) -> list[TimedFrame]:
    """Read when each frame was taken, in the order of time.

    A row has a time (ISO 8601, or a number of the unit that ends its column's name, else told by its size)
    and a file's name; without names, rows belong to the frames in their order.

    Args:
        table: the CSV, with a header.
        frames: the pictures, in the order of their names.
        problems: where rows without a picture or a time are counted.

    Raises:
        FrameTimesError: it cannot be read, has no column of times, or fits no frame.
    """
    problem = f"{shown(table)} cannot be read"
    try:
        reader = TableReader(table, _MOST_BYTES, _is_known)
        rows = [row for row in reader.records() if isinstance(row, Record) and reader.format.fits(row.cells)]
        if not rows:
            raise FrameTimesError(f"{shown(table)} has no rows below its header")
        stamps = _stamps(table, reader.format.header, rows)
    except OSError as error:
        raise FrameTimesError(f"{problem} ({error.strerror})") from None
    except TableError as error:
        raise FrameTimesError(f"{problem}: {error}") from None
    files = _Files(reader.format.header, frames)
    timed = []
    for number, (row, stamp_ns) in enumerate(zip(rows, stamps, strict=True)):
        file_of_row = files.of(row.cells, number)
        if file_of_row is None or stamp_ns is None:
            what = "names no picture" if file_of_row is None else "has no time that is read"
            problems.add("frame_time_unusable", f"{shown(table)} line {row.line} {what}; it is left out")
        else:
            timed.append(TimedFrame(stamp_ns, file_of_row))
    if not timed:
        raise FrameTimesError(f"{shown(table)} gives no picture of its folder a time")
    back = times_set_back(np.array([one.stamp_ns for one in timed], dtype=np.int64))
    if len(back):
        problems.add(
            "frame_times_go_back",
            f"{shown(table)}: time goes back at {shown(timed[back[0]].file.name)}: was the clock set, or "
            "summer time over? Pictures are played in the order of their times: give these their zone",
        )
    return sorted(timed, key=lambda one: one.stamp_ns)


def _is_known(name: str) -> bool:
    return plain(name) in _FILE_COLUMNS | _INDEX_COLUMNS or time_name(name) is not None


def _stamps(table: Path, header: Sequence[str], rows: Sequence[Record]) -> Sequence[int | None]:
    """The time of each row, nanoseconds."""
    found = {place: time for place, name in enumerate(header) if (time := _time_of(name)) is not None}
    if not found:
        raise FrameTimesError(
            f"{shown(table)} has the columns {listed(header)}; expected one of times: timestamp, time_ms"
        )
    place = min(found, key=lambda one: (found[one].rank, one))
    cells = [row.cells[place].strip() for row in rows]
    try:
        options = TableOptions(time_unit=found[place].unit)
        stamps = read_times(header[place], cells, options, POINT, None).stamps_ns.tolist()
        return [None if stamp_ns == NO_TIME else stamp_ns for stamp_ns in stamps]
    except TableError as error:
        reason = str(error).partition(";")[0]
        raise FrameTimesError(
            f"{shown(table)}: {reason}; end the name of the column with its unit, such as time_ms"
        ) from None


def _time_of(name: str) -> TimeName | None:
    return TimeName(_LAST_RANK, None) if plain(name) == "t" else time_name(name)


class _Files:
    """Finds the picture of a row: by its name, by its number, else by its place."""

    def __init__(self, header: Sequence[str], frames: Sequence[Path]) -> None:
        names = [plain(name) for name in header]
        self._frames = frames
        self._named = next((place for place, name in enumerate(names) if name in _FILE_COLUMNS), None)
        self._numbered = next((place for place, name in enumerate(names) if name in _INDEX_COLUMNS), None)
        self._by_name = {frame.name: frame for frame in frames} | {frame.stem: frame for frame in frames}
        self._by_digits = {_digits(frame): frame for frame in frames}

    def of(self, cells: Sequence[str], number: int) -> Path | None:
        if self._named is not None:
            wanted = Path(cells[self._named].strip().replace("\\", "/"))
            return self._by_name.get(wanted.name) or self._by_name.get(wanted.stem)
        if self._numbered is not None:
            return self._by_digits.get(_digits(Path(cells[self._numbered].strip())))
        return self._frames[number] if number < len(self._frames) else None


def _digits(name: Path) -> int | None:
    digits = "".join(char for char in name.stem if char.isdecimal())
    return int(digits) if digits else None
