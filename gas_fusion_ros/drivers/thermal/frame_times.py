"""When each frame of a folder was taken: its `timestamps.csv`."""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

from gas_fusion_ros.base.problems import Problems
from gas_fusion_ros.base.quoting import listed, quoted, shown
from gas_fusion_ros.base.table.encoding import open_table
from gas_fusion_ros.base.table.options import TableError
from gas_fusion_ros.base.units import NANOSECONDS_PER_SECOND

TIMES_NAME = "timestamps.csv"
_MOST_BYTES = 16 << 20
_DELIMITERS = ",;\t"
_FILE_COLUMNS = ("file", "filename", "file_name", "image", "frame_file", "name", "path")
_INDEX_COLUMNS = ("frame", "index", "frame_index", "frame_id", "number")
_TIME_COLUMNS = ("timestamp", "stamp", "time", "t", "datetime", "date_time", "date")
_UNITS = {"s": 1e9, "sec": 1e9, "ms": 1e6, "us": 1e3, "ns": 1.0}
_LAST_STAMP_NS = 2**63 - 1
_AGES = ((1e17, 1.0), (1e14, 1e3), (1e11, 1e6))
"""Numbers above the first are since 1970 in so many nanoseconds; smaller ones are seconds."""


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
    try:
        with open_table(table, _MOST_BYTES).file as file:
            rows = _rows(file.read())
    except OSError as error:
        raise FrameTimesError(f"{shown(table)} cannot be read ({error.strerror})") from None
    except TableError as error:
        raise FrameTimesError(f"{shown(table)} cannot be read: {error}") from None
    if not rows:
        raise FrameTimesError(f"{shown(table)} has no rows below its header")
    time_column = _column(rows[0], _TIME_COLUMNS)
    if time_column is None:
        raise FrameTimesError(
            f"{shown(table)} has the columns {listed(rows[0])}; expected one of times: timestamp, time_ms"
        )
    timed = []
    for number, row in enumerate(rows):
        file_of_row = _file_of(row, number, frames)
        stamp_ns = _stamp(row[time_column] or "", time_column)
        if file_of_row is None or stamp_ns is None:
            what = (
                "names no picture"
                if file_of_row is None
                else f"has the time {quoted(row[time_column] or '')}"
            )
            problems.add("frame_time_unusable", f"{shown(table)} line {number + 2} {what}; it is left out")
        else:
            timed.append(TimedFrame(stamp_ns, file_of_row))
    if not timed:
        raise FrameTimesError(f"{shown(table)} gives no picture of its folder a time")
    return sorted(timed, key=lambda one: one.stamp_ns)


def _rows(text: str) -> list[Mapping[str, str | None]]:
    header = text.partition("\n")[0]
    delimiter = max(_DELIMITERS, key=header.count)
    reader = csv.DictReader(text.splitlines(), delimiter=delimiter, skipinitialspace=True)
    try:
        return [
            {(name or "").strip().lower(): value for name, value in row.items() if name} for row in reader
        ]
    except csv.Error:
        return []


def _column(row: Mapping[str, str | None], names: Sequence[str]) -> str | None:
    for column in row:
        bare, unit = _split(column)
        if column in names or (unit in _UNITS and bare in names):
            return column
    return None


def _split(column: str) -> tuple[str, str]:
    """A column's name without its unit, and the unit: of `time_ms`, `time [ms]` and `time (ms)`."""
    bare, _, unit = column.replace("[", "_").replace("(", "_").rstrip("])").rpartition("_")
    return bare.rstrip("_ "), unit


def _file_of(row: Mapping[str, str | None], number: int, frames: Sequence[Path]) -> Path | None:
    named = _column(row, _FILE_COLUMNS)
    if named is not None:
        wanted = Path((row[named] or "").strip().replace("\\", "/"))
        by_name = {frame.name: frame for frame in frames} | {frame.stem: frame for frame in frames}
        return by_name.get(wanted.name) or by_name.get(wanted.stem)
    numbered = _column(row, _INDEX_COLUMNS)
    if numbered is not None:
        by_digits = {_digits(frame): frame for frame in frames}
        return by_digits.get(_digits(Path((row[numbered] or "").strip())))
    return frames[number] if number < len(frames) else None


def _digits(name: Path) -> int | None:
    digits = "".join(char for char in name.stem if char.isdecimal())
    return int(digits) if digits else None


def _stamp(text: str, column: str) -> int | None:
    """Nanoseconds of a time; None where it is none."""
    text = text.strip()
    unit = _split(column)[1]
    try:
        number = float(text)
        scale = _UNITS.get(unit) or next((one for least, one in _AGES if abs(number) >= least), 1e9)
        stamp = int(text) if scale == 1.0 and text.lstrip("-").isdecimal() else number * scale
    except ValueError:
        moment = _moment(text)
        if moment is None:
            return None
        stamp = moment.timestamp() * NANOSECONDS_PER_SECOND
    return round(stamp) if math.isfinite(stamp) and abs(stamp) <= _LAST_STAMP_NS else None


def _moment(text: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text.replace("Z", "+00:00").replace("/", "-"))
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)
