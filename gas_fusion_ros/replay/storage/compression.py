"""Decompression in pieces: of whole files without holding them, of cut ones as far as they go."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path
from typing import BinaryIO, Protocol, cast

_PIECE = 1 << 18

ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"


class CompressionError(RuntimeError):
    """Data cannot be decompressed; the message says why."""


class _Unpacked(Protocol):
    """What the readers of lz4, backports.zstd and zstandard have in common."""

    def read1(self, size: int) -> bytes: ...


def _zstd(packed: BinaryIO) -> _Unpacked:
    # rosbags brings one of them, depending on its version and Python's.
    if sys.version_info >= (3, 14):
        from compression.zstd import ZstdFile

        return cast(_Unpacked, ZstdFile(packed))
    try:
        from backports.zstd import ZstdFile
    except ImportError:
        from zstandard import ZstdDecompressor

        return cast(_Unpacked, ZstdDecompressor().stream_reader(packed, read_across_frames=True))
    return cast(_Unpacked, ZstdFile(packed))


def _lz4(packed: BinaryIO) -> _Unpacked:
    from lz4.frame import LZ4FrameFile

    return cast(_Unpacked, LZ4FrameFile(packed))


_READERS: dict[str, Callable[[BinaryIO], _Unpacked]] = {"zstd": _zstd, "lz4": _lz4}


def decompress(data: bytes, compression: str) -> bytes:
    """Decompress `data` whole.

    Args:
        data: one or several frames; returned as it is where `compression` is empty.
        compression: `zstd`, `lz4` or empty.

    Raises:
        CompressionError: another compression, a decompressor that is not installed, broken or cut data. Some
            decompressors return what there is of cut data instead: compare the length where it is known.
    """
    return b"".join(_pieces(BytesIO(data), compression)) if compression else data


def decompress_cut(data: bytes, compression: str) -> bytes:
    """Decompress what there is of data that were cut off; nothing where the compression is unknown."""
    if not compression:
        return data
    pieces: list[bytes] = []
    try:
        # One by one, to keep those before the error.
        for piece in _pieces(BytesIO(data), compression):
            pieces.append(piece)
    except CompressionError:
        pass
    return b"".join(pieces)


def decompress_file(source: Path, target: Path) -> str | None:
    """Decompress a zstd file in pieces, as far as it goes.

    Returns:
        Why it could not be read to its end; None where it was, as far as the decompressor can tell.

    Raises:
        OSError: a file cannot be read or written.
    """
    with source.open("rb") as packed, target.open("wb") as unpacked:
        try:
            for piece in _pieces(packed, "zstd"):
                unpacked.write(piece)
        except CompressionError as error:
            return str(error)
    return None


def _pieces(packed: BinaryIO, compression: str) -> Iterator[bytes]:
    if compression not in _READERS:
        raise CompressionError(f"compression {compression!r} is not one of {', '.join(_READERS)}")
    try:
        unpacked = _READERS[compression](packed)
        while piece := unpacked.read1(_PIECE):
            yield piece
    except ImportError as error:
        raise CompressionError(f"{error}: pip install {compression.replace('zstd', 'zstandard')}") from error
    except OSError:
        raise
    except Exception as error:  # each library has errors of its own
        raise CompressionError(f"broken or cut {compression} data: {error}") from error
