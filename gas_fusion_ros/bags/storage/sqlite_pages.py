"""Reads the rows of rosbag2's table `messages` from the pages of a damaged SQLite file.

SQLite itself gives up where a page on its way to a row is damaged or missing. The rows are still in the pages
at the end of that way, and say themselves what they are (https://sqlite.org/fileformat2.html). A recorder
only ever appends, so there are no rows that were deleted or replaced.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from gas_fusion_ros.base.files import open_regular

_HEADER_SIZE = 100
_LEAF = 0x0D
_LEAF_HEADER_SIZE = 8
_NULL = 0
_INTEGER_SIZES = {1: 1, 2: 2, 3: 3, 4: 4, 5: 6, 6: 8, 8: 0, 9: 0}
"""Bytes of an integer by its serial type; those of types 8 and 9 are 0 and 1 without any."""


class PageError(ValueError):
    """A page does not hold what it should."""


@dataclass(frozen=True, order=True)
class TableRow:
    """A message in its place in order of time.

    Attributes:
        stamp_ns: time of recording.
        number: of the row; of equal times, the order of writing.
        topic: number of its topic.
        offset: where its payload begins in the file.
        payload_size: bytes.
        data_size: bytes of the message at the payload's end.
    """

    stamp_ns: int
    number: int
    topic: int
    offset: int
    payload_size: int
    data_size: int


class SqlitePages:
    """The whole pages of an SQLite file; a part of one at its end is left alone.

    Raises:
        OSError: the file cannot be read.
        PageError: its header is none of an SQLite file.
    """

    def __init__(self, path: Path) -> None:
        self._file = open_regular(path)
        header = self._file.read(_HEADER_SIZE)
        self._page_size = page_size(header)
        if self._page_size < 512 or len(header) < _HEADER_SIZE:
            self._file.close()
            raise PageError(f"its pages have {self._page_size} bytes, so its header is damaged")
        self._usable = self._page_size - header[20]
        self._pages = os.fstat(self._file.fileno()).st_size // self._page_size

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def rows(self) -> Iterator[TableRow]:
        """Yield every row of `messages` whose page can be read, nearly in order of writing."""
        for number in range(1, self._pages):
            begin = number * self._page_size
            self._file.seek(begin)
            page = self._file.read(self._page_size)
            if page[:1] == bytes([_LEAF]):
                yield from self._rows_in(page, begin)

    def data(self, row: TableRow) -> bytes:
        """The message of a row.

        Raises:
            PageError: it goes on in a page that is not there.
        """
        self._file.seek(row.offset)
        local = self._local_size(row.payload_size)
        payload = self._file.read(local)
        if local < row.payload_size:
            following = int.from_bytes(self._file.read(4), "big")
            payload += self._overflow(following, row.payload_size - local)
        return payload[row.payload_size - row.data_size :]

    def _rows_in(self, page: bytes, begin: int) -> Iterator[TableRow]:
        cells = min(int.from_bytes(page[3:5], "big"), (len(page) - _LEAF_HEADER_SIZE) // 2)
        pointers = (_LEAF_HEADER_SIZE + 2 * cell for cell in range(cells))
        # In their order, and each once: damage may have made several the same.
        positions = dict.fromkeys(int.from_bytes(page[at : at + 2], "big") for at in pointers)
        for position in positions:
            try:
                row = self._row(page, position, begin)
            except (IndexError, PageError):
                continue  # Damaged, or a row of another table.
            yield row

    def _row(self, page: bytes, position: int, begin: int) -> TableRow:
        payload_size, position = _varint(page, position)
        number, position = _varint(page, position)
        payload = position
        head_size, position = _varint(page, position)
        kinds = []
        while position < payload + head_size:
            kind, position = _varint(page, position)
            kinds.append(kind)
        if len(kinds) != 4 or kinds[0] != _NULL or kinds[3] < 12 or kinds[3] % 2:
            raise PageError("no row of messages")
        topic, position = _integer(page, position, kinds[1])
        stamp_ns, position = _integer(page, position, kinds[2])
        data_size = (kinds[3] - 12) // 2
        if position - payload + data_size != payload_size:
            raise PageError("the sizes of a row do not fit")
        if payload + self._local_size(payload_size) > self._usable:
            raise PageError("a row does not fit into its page")
        return TableRow(stamp_ns, number, topic, begin + payload, payload_size, data_size)

    def _local_size(self, payload_size: int) -> int:
        """How much of a payload is in the row's own page."""
        most = self._usable - 35
        if payload_size <= most:
            return payload_size
        least = (self._usable - 12) * 32 // 255 - 23
        size = least + (payload_size - least) % (self._usable - 4)
        return size if size <= most else least

    def _overflow(self, page: int, size: int) -> bytes:
        parts = []
        visited: set[int] = set()
        while size > 0:
            if not 1 < page <= self._pages:
                raise PageError(f"it goes on in page {page} of {self._pages}")
            if page in visited:
                raise PageError(f"it goes on in page {page} once more")
            visited.add(page)
            self._file.seek((page - 1) * self._page_size)
            content = self._file.read(self._usable)
            page = int.from_bytes(content[:4], "big")
            parts.append(content[4 : 4 + size])
            size -= len(parts[-1])
        return b"".join(parts)


def page_size(header: bytes) -> int:
    """Bytes of a page by the file's header; 0 where it does not say."""
    size = int.from_bytes(header[16:18], "big")
    # 65536 has no place in two bytes.
    return 65536 if size == 1 else size


def _varint(data: bytes, position: int) -> tuple[int, int]:
    """A number of one to nine bytes, most significant first, and where it ends."""
    value = 0
    for index in range(8):
        byte = data[position + index]
        value = (value << 7) | (byte & 0x7F)
        if byte < 0x80:
            return value, position + index + 1
    return (value << 8) | data[position + 8], position + 9


def _integer(data: bytes, position: int, kind: int) -> tuple[int, int]:
    """A column of an integer, and where it ends."""
    if kind not in _INTEGER_SIZES:
        raise PageError("no integer")
    end = position + _INTEGER_SIZES[kind]
    if end > len(data):
        raise PageError("an integer does not fit into its page")
    return (kind - 8 if kind > 7 else int.from_bytes(data[position:end], "big", signed=True)), end
