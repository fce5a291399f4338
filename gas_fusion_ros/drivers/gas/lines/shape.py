"""What a line is, by itself: values, named values, a header, or text."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from gas_fusion_ros.base.observation import PAPER_CHANNELS
from gas_fusion_ros.drivers.gas.lines.cells import (
    Row,
    delimiters_in,
    read_cell,
    split_cells,
    split_row,
    split_stamp,
)
from gas_fusion_ros.drivers.gas.lines.columns import ColumnNames
from gas_fusion_ros.drivers.gas.lines.json_line import looks_like_json, read_json
from gas_fusion_ros.drivers.gas.lines.labels import Named, label_of_value, read_labels

_TERMINAL = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|[()][0-9A-Z]|[=>78c])")
"""Colours, and where on its screen a terminal shall write."""
_MARKS = re.compile(r"(?:[>\u2022\u00bb]|[\u2190-\u2bff\U0001f000-\U0001faff]\ufe0f?| )+")
"""A prompt, a bullet, a picture before a line."""
_LOG_PREFIX = re.compile(
    r"\[?(?:info|debug|verbose|trace|data|log)\]?\s*[:>-]*\s+"
    r"|[EWIDV] \(\d+\) [^:]{1,32}:\s+"  # ESP-IDF
    r"|[\[(]\s*\d+(?:\.\d+)?\s*(?:ms|s|us)?[\])]\s*(?=\S)",
    re.ASCII | re.IGNORECASE,
)
_NUMBER_PREFIX = re.compile(r"\d[\d.:]*\s*(?:[,;|\t]\s*|\s)(?=[A-Za-z])", re.ASCII)
_JSON_PREFIX = re.compile(r"[^{}\[\]\"']{1,64}?(?=\{.*\}$)")
_WORD_PREFIX = re.compile(r"\$?(?P<word>[A-Za-z][\w \-#]{0,40}?)\s*(?:[:=>]|->|=>)\s*(?=[+\-.\d])", re.ASCII)
_NMEA_PREFIX = re.compile(r"\$[A-Za-z]\w{0,15}\s*,", re.ASCII)
_NUMBER = re.compile(r"[+-]?\d+(?:[.,]\d+)?", re.ASCII)
_ADDRESS = re.compile(r"\b\d{1,3}(?:\.\d{1,3}){3}\b", re.ASCII)
_NAME = re.compile(r"(?!\d)[^:=?!*\"{}<>]{0,40}")
_MOST_NAMES = 64
_SENTENCE_END = (".", "!", "?", ":")


@dataclass(frozen=True)
class Header:
    """Names of columns.

    Attributes:
        names: as they were written.
        delimiter: what stands between them, as in `Row`.
        is_certain: whether nothing but a header looks like that; else the rows after it tell.
        has_end_delimiter: whether a delimiter stands after the last name.
    """

    names: tuple[str, ...]
    delimiter: str
    is_certain: bool
    has_end_delimiter: bool = False


@dataclass(frozen=True)
class Text:
    """A banner, a status message, an incomplete line.

    Attributes:
        text: as it came.
        holds_values: whether it looks like values that nobody can tell apart, rather than like a message.
        label: the name of no sensor that it gives a value under; empty where it gives none.
    """

    text: str
    holds_values: bool
    label: str = ""


Shape = Row | Named | Header | Text


def shape_of(text: str, names: ColumnNames, width: int) -> Shape | None:
    """Say what a line is; None for an empty one or a comment.

    Args:
        text: the line, without line end and checksum.
        names: which channels are wanted.
        width: how many values a line without names has.

    Raises:
        LineRefusedError: it is JSON that is cut or garbled.
    """
    bare = _TERMINAL.sub("", text).strip(" \r")
    if (marks := _MARKS.match(bare)) is not None:
        bare = bare[marks.end() :]
    if not bare.strip():
        return None
    if bare.startswith(("#", "//")):
        return _commented_header(bare.lstrip("#/ "), names)
    stamp_cells, body = split_stamp(bare)
    if (prefix := _LOG_PREFIX.match(body)) is not None:
        body = body[prefix.end() :]
        stamp_cells = 0
    if (prefix := _NMEA_PREFIX.match(body)) is not None:
        body = body[prefix.end() :]
    found = _data(body, stamp_cells, names, width) if body.strip() else None
    return found or _header(body, names) or Text(bare, _holds_values(body, names), label_of_value(body))


def _holds_values(body: str, names: ColumnNames) -> bool:
    digits = 0 if body[:1].isalpha() else sum(char.isdigit() for char in _ADDRESS.sub("", body))
    names_sensor = any(names.read(word) is not None for word in re.split(r"[:=|;,\t]", body))
    return 2 * digits > len(body.replace(" ", "")) or (names_sensor and any(mark in body for mark in ":="))


def _data(body: str, stamp_cells: int, names: ColumnNames, width: int) -> Row | Named | None:
    if looks_like_json(body):
        # `{mq2: 555}` and `[mq2: 555]` are labels between brackets.
        labels = read_labels(body, names) if '"' not in body and ":" in body else None
        return labels or read_json(body, names)
    if not body[0].isalpha():
        row = split_row(body, stamp_cells, width)
        if row is not None:
            return row
    if (before := _NUMBER_PREFIX.match(body)) is not None and (
        labels := read_labels(body[before.end() :], names)
    ) is not None:
        return labels
    if (before := _JSON_PREFIX.match(body)) is not None and not names.sensors_in(before[0]):
        return _data(body[before.end() :], stamp_cells, names, width)
    return read_labels(body, names) or _prefixed(body, names) or split_row(body, stamp_cells, width)


def _prefixed(body: str, names: ColumnNames) -> Row | None:
    """Return the values after `Readings:`; one alone may be of anything."""
    prefix = _WORD_PREFIX.match(body)
    if prefix is None or names.read(prefix["word"]) is not None:
        return None
    row = split_row(body[prefix.end() :])
    return row if row is not None and len(row.cells) > 1 else None


def _commented_header(body: str, names: ColumnNames) -> Header | Text | None:
    """Return a header in a comment, or a comment that may be one, for most channels are in it."""
    header = _header(body, names)
    named = names.sensors_in(body)
    if header is not None and named:
        return replace(header, is_certain=False)
    is_doubtful = 2 * len(named) > len(names.channels or PAPER_CHANNELS)
    return Text(body, holds_values=False) if is_doubtful else None


def _header(body: str, names: ColumnNames) -> Header | None:
    """Return the names in a line of nothing but names."""
    if body.rstrip().endswith(_SENTENCE_END):
        return None
    for mark, delimiter in delimiters_in(body):
        cells = _names(body, mark)
        if not 2 <= len(cells) <= _MOST_NAMES or not all(map(_is_name, cells)):
            continue
        if any(_holds_value(cell, names) for cell in cells):
            return None
        sensors = sum(names.read(cell) is not None for cell in cells)
        is_certain = sensors >= 2 and (mark != " " or sensors == len(cells))
        return Header(cells, delimiter, is_certain, has_end_delimiter=body.rstrip(" \r").endswith(mark))
    bare = body.strip().strip("\"'")
    if names.read(bare) is not None and _is_name(bare) and not _holds_value(bare, names):
        return Header((bare,), "comma", is_certain=False)
    return None


def _names(body: str, mark: str) -> tuple[str, ...]:
    if mark == " ":
        # `MQ 2 MQ 3` are two names.
        joined = re.sub(r"\b([A-Za-z]{2,4}) (\d{1,4}b?)\b", r"\1\2", body)
        return tuple(joined.split())
    cells = split_cells(body.strip(" \r"), mark)
    if mark == "|" and not cells[0]:
        cells = cells[1:]
    return cells[:-1] if cells and not cells[-1] else cells


def _holds_value(cell: str, names: ColumnNames) -> bool:
    """Whether a cell names a sensor and has a number besides, as `MQ2 555` has and `MQ 135` has not."""
    words = re.split(r"[\s_]+", cell)
    others = [word for word in words if not _NUMBER.fullmatch(word)]
    return len(others) < len(words) and names.read(" ".join(others)) is not None


def _is_name(cell: str) -> bool:
    if cell == "":
        return True
    has_letter = any(char.isalpha() or char in "%#\u00b0" for char in cell)
    return has_letter and _NAME.fullmatch(cell) is not None and read_cell(cell).value is None
