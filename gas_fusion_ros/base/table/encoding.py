"""The text in a table's file, whatever its encoding, within limits."""

from __future__ import annotations

import codecs
import io
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, TextIO

from gas_fusion_ros.base.closing import closed_on_failure
from gas_fusion_ros.base.files import open_regular_within
from gas_fusion_ros.base.table.options import TableError

LAST_RESORT = "latin-1"
"""Every byte is a letter in it, so it fits whatever is no UTF-8; Windows writes nearly the same."""

_HEAD_BYTES = 4096
_CHUNK_BYTES = 1 << 20
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_NO_TEXT = (
    (b"\x1f\x8b", "it is compressed (gzip); unpack it first: gunzip FILE"),
    (b"BZh", "it is compressed (bzip2); unpack it first: bunzip2 FILE"),
    (b"\xfd7zXZ\x00", "it is compressed (xz); unpack it first: unxz FILE"),
    (b"\x28\xb5\x2f\xfd", "it is compressed (zstd); unpack it first: unzstd FILE"),
    (b"PK\x03\x04", "it is a workbook (xlsx, ods) or another zip file; save the sheet as CSV, or unzip it"),
    (b"\xd0\xcf\x11\xe0", "it is a workbook (xls); save the sheet as CSV"),
    (b"PAR1", "it is Parquet; write it as CSV"),
    (b"\x89HDF", "it is HDF5; write its table as CSV"),
    (b"MATLAB 5.0", "it is a MAT-file; write its table as CSV"),
    (b"\x93NUMPY", "it is a NumPy array; write it as CSV, with a header"),
    (b"SQLite format 3\x00", "it is a database (SQLite), no table of text"),
    (b"\x89MCAP", "it is a bag (MCAP), no table"),
    (b"%PDF", "it is a PDF; export the table as CSV"),
    (b"{\\rtf", "it is a document (RTF); save it as plain text"),
)
_NUL_SHARE = 0.3
"""Of the bytes at odd or at even places: the high bytes of UTF-16 text are mostly zero."""
_ENOUGH_FOR_SHARES = 8


@dataclass(frozen=True)
class TableText:
    """An open table.

    Attributes:
        file: its text from the begin on, line ends as they are.
        encoding: name of its encoding.
    """

    file: TextIO
    encoding: str


def open_table(path: Path, most_bytes: int) -> TableText:
    """Open a table's file in its encoding.

    By its mark (UTF-8, UTF-16, UTF-32), else UTF-16 where half of its bytes are zero, else UTF-8, else, as a
    last resort, `LAST_RESORT`.

    Raises:
        OSError: it cannot be opened, is no regular file, or is longer than `most_bytes`.
        TableError: it is no text, by its first bytes.
    """
    file = open_regular_within(path, most_bytes)
    with closed_on_failure(file):
        head = file.read(_HEAD_BYTES)
        for magic, told in _NO_TEXT:
            if head.startswith(magic):
                raise TableError(told)
        encoding = _marked(head) or _utf16_without_mark(head) or _by_content(file, head)
        file.seek(0)
    return TableText(_as_text(file, encoding), encoding)


def open_as(path: Path, most_bytes: int, encoding: str) -> TextIO:
    """Open a table's file once more.

    Raises:
        OSError: as for `open_table`.
    """
    return _as_text(open_regular_within(path, most_bytes), encoding)


def _as_text(file: BinaryIO, encoding: str) -> TextIO:
    return io.TextIOWrapper(file, encoding=encoding, errors="replace", newline="")


def _marked(head: bytes) -> str | None:
    return next((name for mark, name in _MARKS if head.startswith(mark)), None)


def _utf16_without_mark(head: bytes) -> str | None:
    if len(head) < _ENOUGH_FOR_SHARES:
        return None
    even, odd = head[0::2], head[1::2]
    even_share, odd_share = even.count(0) / len(even), odd.count(0) / len(odd)
    if odd_share > _NUL_SHARE > even_share:
        return "utf-16-le"
    return "utf-16-be" if even_share > _NUL_SHARE > odd_share else None


def _by_content(file: BinaryIO, head: bytes) -> str:
    decoder = codecs.getincrementaldecoder("utf-8")()
    chunk = head
    try:
        while chunk:
            decoder.decode(chunk)
            chunk = file.read(_CHUNK_BYTES)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return LAST_RESORT
    return "utf-8"
