"""Rows of cells out of a table's file, whatever its dialect."""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple, TextIO

from gas_fusion_ros.base.table.encoding import open_as, open_table
from gas_fusion_ros.base.table.numbers import looks_like_number
from gas_fusion_ros.base.table.options import TableError

DELIMITERS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "pipe", " ": "blank"}
"""Between two cells, with their names; blanks alone where nothing else fits as well."""

_COMMENT = re.compile(r"\s*(?:#(?!(?:N/A|VALUE!|NUM!|DIV/0!|REF!|NULL!))|//)")
_MAY_BEGIN_COMMENT = frozenset("#/ \t")
_SEPARATOR_HINT = re.compile(r'"?sep=(.)"?\s*', re.IGNORECASE)
_FILLING = "\0\x1a\ufeff \t"
"""What power cuts and old editors leave at the end of a file."""
_SAMPLE_LINES = 1200
_SAMPLE_CHARACTERS = 1 << 20
_LONGEST_LINE = 1 << 20
_MOST_COMMENTS = 200
_MOST_FOLLOWING = 20
_MOST_ABOVE_HEADER = 200
_OTHER_TEXTS = (
    (
        ("{", "[{", "[["),
        "it is JSON; write it as CSV, with a header; a capture of a serial port is for gas-fusion listen",
    ),
    (("<!doctype", "<html", "<?xml", "<table"), "it is HTML or XML; save its table as CSV"),
    (("@relation",), "it is ARFF; save it as CSV, with a header"),
)
"""How texts begin that are no tables, in lower case, and what to do."""


class Record(NamedTuple):
    """The cells of a row, and the line that it ends on, the file's first being 1."""

    line: int
    cells: list[str]


class Damage(NamedTuple):
    """What is wrong with a row that cannot be parted into cells, and its line."""

    line: int
    reason: str


@dataclass(frozen=True)
class TableFormat:
    """How a table is written.

    Attributes:
        encoding: of its text.
        delimiter: between two cells.
        header: the columns' names as written, without empty ones behind the last; empty of an empty file.
        header_line: the line of the header.
        above: rows above the header.
        quote: what stands around a cell that holds the delimiter.
    """

    encoding: str
    delimiter: str
    header: tuple[str, ...]
    header_line: int
    above: int = 0
    quote: str = '"'

    @property
    def width(self) -> int:
        """How many columns there are."""
        return len(self.header)

    def fits(self, cells: Sequence[str]) -> bool:
        """Whether a row has as many cells as the header, empty ones behind them left aside."""
        width = len(self.header)
        return len(cells) == width or (len(cells) > width and not any(map(str.strip, cells[width:])))


class TableReader:
    """Reads a table: finds its dialect and its header first, then gives its rows.

    Args:
        path: the file.
        most_bytes: what it may have.
        is_known: whether a name is one of those that the header may have.

    Attributes:
        path: as given.
        format: how it is written.
        sample: its first rows below the header.
        comments: lines that begin with `#` or `//`; all of them once `records` has come to the end.

    Raises:
        OSError: it cannot be opened, is no regular file, or is longer than `most_bytes`.
        TableError: it is no table of text.
    """

    def __init__(self, path: Path, most_bytes: int, is_known: Callable[[str], bool]) -> None:
        self.path = path
        self._most_bytes = most_bytes
        opened = open_table(path, most_bytes)
        with opened.file as file:
            lines = _Lines(file)
            head = list(_head_of(lines))
        found, self.sample = _find_header(head, lines.comments, is_known)
        self.format = replace(found, encoding=opened.encoding)
        self.comments = lines.commented

    def records(self) -> Iterator[Record | Damage]:
        """Each row below the header that has any cell, or what is wrong with it.

        Raises:
            OSError: it can no longer be read.
            TableError: a line is endless.
        """
        with open_as(self.path, self._most_bytes, self.format.encoding) as file:
            lines = _Lines(file, self.format.header_line)
            reader = _parted(lines, self.format.delimiter, self.format.quote)
            while True:
                try:
                    cells = next(reader)
                except StopIteration:
                    self.comments = lines.commented
                    return
                except csv.Error as error:
                    yield Damage(lines.line, str(error))
                    continue
                if _has_content(cells):
                    yield Record(lines.line, cells)


class _Lines:
    """The lines of a text, those of comments left out; what stands within quotes is none.

    Args:
        file: the text.
        above: lines that are passed over, the first ones.
    """

    def __init__(self, file: TextIO, above: int = 0) -> None:
        self._file = file
        self._above = above
        self.line = 0
        self.comments: list[tuple[int, str]] = []
        self.commented = 0

    def __iter__(self) -> Iterator[str]:
        readline = self._file.readline
        is_quoted = False
        while text := readline(_LONGEST_LINE):
            self.line += 1
            if len(text) == _LONGEST_LINE:
                raise TableError(
                    f"line {self.line} has {_LONGEST_LINE} characters or more; expected a line for each row"
                )
            if not is_quoted and text[0] in _MAY_BEGIN_COMMENT and _COMMENT.match(text):
                self._note(text)
            elif self.line > self._above:
                if '"' in text:
                    is_quoted ^= text.count('"') % 2 == 1
                yield text

    def _note(self, text: str) -> None:
        self.commented += 1
        if len(self.comments) < _MOST_COMMENTS:
            self.comments.append((self.line, text))


def _head_of(lines: _Lines) -> Iterator[tuple[int, str]]:
    room = _SAMPLE_CHARACTERS
    for number, text in enumerate(lines):
        if number >= _SAMPLE_LINES or room < 0:
            return
        room -= len(text)
        yield lines.line, text


def _parted(lines: Iterable[str], delimiter: str, quote: str) -> Iterator[list[str]]:
    return csv.reader(lines, delimiter=delimiter, quotechar=quote, skipinitialspace=True)


def _has_content(cells: Sequence[str]) -> bool:
    if not cells:
        return False
    first = cells[0]
    if len(cells) == 1 and not first.strip(_FILLING):
        return False
    if first:
        return first[0] not in _MAY_BEGIN_COMMENT or not _COMMENT.match(first)
    return any(map(str.strip, cells))


def _records_of(head: Sequence[tuple[int, str]], delimiter: str, quote: str) -> list[Record]:
    at = [0]

    def texts() -> Iterator[str]:
        for line, text in head:
            at[0] = line
            yield text

    records: list[Record] = []
    reader = _parted(texts(), delimiter, quote)
    while True:
        try:
            cells = next(reader)
        except StopIteration:
            return records
        except csv.Error:
            continue
        if _has_content(cells):
            records.append(Record(at[0], cells))


@dataclass(frozen=True)
class _Header:
    """A row that may be the header.

    Attributes:
        weight: how many of its names are known.
        follows: how many of the next rows have as many cells.
        place: among the rows; -1 of one in a comment.
        record: the row.
    """

    weight: int
    follows: int
    place: int
    record: Record

    @property
    def names(self) -> tuple[str, ...]:
        """Its names, without empty ones behind the last."""
        return _trimmed(self.record.cells)


def _trimmed(cells: Sequence[str]) -> tuple[str, ...]:
    names = [cell.strip() for cell in cells]
    while names and not names[-1]:
        names.pop()
    return tuple(names)


def _find_header(
    head: Sequence[tuple[int, str]], comments: Sequence[tuple[int, str]], is_known: Callable[[str], bool]
) -> tuple[TableFormat, Sequence[Record]]:
    """Find delimiter and header: the ones with most known names, then with most rows that fit."""
    hint = _SEPARATOR_HINT.fullmatch(head[0][1]) if head else None
    if hint is not None:
        head = head[1:]
    _check_is_table(head)
    quote = "'" if _stand_between(head, "'") else '"'
    best: tuple[_Header, str] | None = None
    for delimiter in (hint[1],) if hint is not None and hint[1] not in '"\r\n' else DELIMITERS:
        records = _records_of(head[:_MOST_ABOVE_HEADER], delimiter, quote)
        header = _header_among(records, comments, delimiter, is_known)
        if header is not None and (best is None or _is_better(header, best[0], delimiter)):
            best = header, delimiter
    if best is None:
        return TableFormat("", ",", (), 1), ()
    header, delimiter = best
    records = _records_of(head, delimiter, quote)
    below = [record for record in records if record.line > header.record.line]
    above = len(records) - len(below) - (header.place >= 0)
    names = ("", *header.names) if _are_numbered(below, len(header.names)) else header.names
    return TableFormat("", delimiter, names, header.record.line, above, quote), below


def _check_is_table(head: Sequence[tuple[int, str]]) -> None:
    """Refuse other kinds of text by name.

    Raises:
        TableError: it is one of them.
    """
    first = next((text.strip().lower() for _, text in head if text.strip()), "")
    for beginnings, told in _OTHER_TEXTS:
        if first.startswith(beginnings):
            raise TableError(told)
    # `"MQ2,MQ3"`, as some programs write a line that held commas before.
    is_one_cell = all(text.count('"') == 2 for _, text in head[:_MOST_FOLLOWING])
    if is_one_cell and _stand_between(head, '"') and any(mark in first for mark in DELIMITERS):
        raise TableError(
            "each line stands in quotes as a whole, which makes it one cell; remove the quotes around lines"
        )


def _stand_between(head: Sequence[tuple[int, str]], quote: str) -> bool:
    """Whether all lines begin and end with a quote."""
    texts = [text.strip() for _, text in head[:_MOST_FOLLOWING] if text.strip()]
    return bool(texts) and all(len(text) > 1 and text[0] == text[-1] == quote for text in texts)


def _are_numbered(below: Sequence[Record], width: int) -> bool:
    """Whether rows have their number before them and the header no name for it, as R writes it."""
    if not below or any(len(_trimmed(record.cells)) != width + 1 for record in below):
        return False
    numbers = [record.cells[0].strip() for record in below]
    first = numbers[0]
    return first in ("0", "1") and numbers == [str(int(first) + place) for place in range(len(numbers))]


def _is_better(one: _Header, other: _Header, delimiter: str) -> bool:
    if delimiter == " ":  # words of names have blanks between them as well
        return one.weight > other.weight
    return _rank(one) > _rank(other)


def _rank(header: _Header) -> tuple[int, int, int]:
    return header.weight, header.follows if len(header.names) > 1 else 0, len(header.names)


def _header_among(
    records: Sequence[Record],
    comments: Sequence[tuple[int, str]],
    delimiter: str,
    is_known: Callable[[str], bool],
) -> _Header | None:
    """The row of most known names; of equal ones the last above the first row of values."""
    best: _Header | None = None
    has_values = False
    for place, record in enumerate(records):
        weight = _weight(record.cells, is_known)
        if weight and (best is None or weight > best.weight or (weight == best.weight and not has_values)):
            best = _Header(weight, _following(records, place), place, record)
            has_values = False
        elif best is not None and not weight and any(map(looks_like_number, record.cells)):
            has_values = True
    for line, text in comments:
        cells = next(_parted([text.strip().lstrip("#/")], delimiter, '"'), [])
        weight = _weight(cells, is_known)
        if weight > (best.weight if best is not None else 0):
            after = [record for record in records if record.line > line]
            best = _Header(weight, _following([Record(line, cells), *after], 0), -1, Record(line, cells))
    return best or _unknown_header(records)


def _weight(cells: Sequence[str], is_known: Callable[[str], bool]) -> int:
    """How many known names a row has; none where more are numbers: names stand in rows of values as well."""
    known = sum(map(is_known, {cell.strip() for cell in cells}))
    return known if known > sum(map(looks_like_number, cells)) else 0


def _following(records: Sequence[Record], place: int) -> int:
    form = TableFormat("", "", _trimmed(records[place].cells), 0)
    return sum(form.fits(record.cells) for record in records[place + 1 : place + 1 + _MOST_FOLLOWING])


def _unknown_header(records: Sequence[Record]) -> _Header | None:
    """The first row that is as wide as most, where no name is known."""
    if not records:
        return None
    widths = Counter(len(_trimmed(record.cells)) for record in records)
    width, _ = max(widths.items(), key=lambda one: (one[1] if one[0] > 1 else 0, one[0]))
    place = next(place for place, one in enumerate(records) if len(_trimmed(one.cells)) == width)
    return _Header(0, _following(records, place), place, records[place])
