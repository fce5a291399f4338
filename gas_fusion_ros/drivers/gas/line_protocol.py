"""The lines a microcontroller sends: one reading per line, as CSV or JSON.

docs/serial_protocol.md describes the format for whoever writes the firmware.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import reduce
from operator import xor

import numpy as np
import numpy.typing as npt

_CHECKSUM = re.compile(rb"^(.*)\*([0-9A-Fa-f]{2})$")
_NAME = re.compile(r"^[A-Za-z][\w -]*$")
_INVALID = ("", "nan", "null")


class LineError(ValueError):
    """A line is no reading; the message says what would be right."""


class LineParser:
    """Reads lines one after the other; a header line changes how later CSV lines are read."""

    def __init__(self, channels: Sequence[str]) -> None:
        self._names = tuple(name.lower() for name in channels)
        self._columns = self._names

    def parse(self, line: bytes) -> npt.NDArray[np.float32] | None:
        """Read one line without its line end.

        Returns:
            ADC counts of the channels, shape (C,), float32, NaN where a channel is invalid; None for an
            empty line, a comment or a header.

        Raises:
            LineError: the line is cut, garbled or lacks a channel.
        """
        try:
            text = without_checksum(line.strip()).decode("ascii").strip()
        except UnicodeDecodeError:
            raise LineError(f"{_quote(line)} is not ASCII text; check the baud rate") from None
        if not text or text.startswith("#"):
            return None
        if text.startswith("{"):
            return self._parse_json(text)
        cells = [cell.strip().lower() for cell in text.split(",")]
        if _is_header(cells):
            self._read_header(cells)
            return None
        return self._parse_csv(cells)

    def heed_tail(self, line: bytes) -> None:
        """Take a header that a line ends with whose beginning nobody has seen; nothing else is read of it."""
        with suppress(LineError, UnicodeDecodeError):
            cells = [
                cell.strip().lower() for cell in without_checksum(line.strip()).decode("ascii").split(",")
            ]
            if _is_header(cells):
                self._read_header(cells)

    def _read_header(self, cells: Sequence[str]) -> None:
        missing = [name for name in self._names if name not in cells]
        if missing:
            raise LineError(f"the header '{','.join(cells)}' has no column {', '.join(missing)}")
        self._columns = tuple(cells)

    def _parse_csv(self, cells: Sequence[str]) -> npt.NDArray[np.float32]:
        if len(cells) != len(self._columns):
            raise LineError(
                f"'{','.join(cells)[:80]}' has {len(cells)} fields; expected {len(self._columns)}: "
                f"{','.join(self._columns)}"
            )
        values = dict(zip(self._columns, cells, strict=True))
        return self._counts({name: _number(name, values[name]) for name in self._names})

    def _parse_json(self, text: str) -> npt.NDArray[np.float32]:
        try:
            fields = json.loads(text)
        except (ValueError, RecursionError):
            raise LineError(f"'{text[:80]}' is not a whole JSON object") from None
        values = {str(key).lower(): value for key, value in fields.items()}
        missing = [name for name in self._names if name not in values]
        if missing:
            raise LineError(f"'{text[:80]}' has no key {', '.join(missing)}; an invalid channel is null")
        return self._counts({name: _json_number(name, values[name]) for name in self._names})

    def _counts(self, values: Mapping[str, float]) -> npt.NDArray[np.float32]:
        return np.array([values[name] for name in self._names], dtype=np.float32)


def checksum(line: bytes) -> int:
    """The exclusive or of all bytes, as in NMEA 0183."""
    return reduce(xor, line, 0)


def without_checksum(line: bytes) -> bytes:
    """Verify and remove `*hh` where the line carries it.

    NMEA 0183 leaves the `$` before a sentence out of the sum; here either is right.

    Raises:
        LineError: it does not sum up.
    """
    match = _CHECKSUM.match(line)
    if match is None:
        return line
    sums = {checksum(match[1]), checksum(match[1].removeprefix(b"$"))}
    if int(match[2], 16) not in sums:
        raise LineError(f"{_quote(line)} has a wrong checksum; expected *{checksum(match[1]):02X}")
    return match[1]


def _is_header(cells: Sequence[str]) -> bool:
    return all(_NAME.match(cell) and cell not in _INVALID for cell in cells)


def _number(name: str, cell: str) -> float:
    if cell in _INVALID:
        return math.nan
    try:
        value = float(cell)
    except ValueError:
        raise LineError(f"channel {name} is '{cell[:20]}'; expected a number, or nan if invalid") from None
    return _finite(name, value)


def _json_number(name: str, value: object) -> float:
    if value is None:
        return math.nan
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise LineError(f"channel {name} is {value!r}; expected a number, or null if invalid")
    # `isnan` would fail on an integer beyond the range of a float.
    return value if value != value else _finite(name, value)


def _finite(name: str, value: float) -> float:
    # Anything a float32 cannot hold is no ADC count either.
    if abs(value) > float(np.finfo(np.float32).max):
        raise LineError(f"channel {name} is {value}; expected ADC counts")
    return value


def _quote(line: bytes) -> str:
    return repr(line[:40])
