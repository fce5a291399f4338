"""Decompression in pieces: of whole files without holding them, of cut ones as far as they go.

It stops where the limit is reached, not where the data end: a few bytes can stand for gigabytes.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path
from typing import BinaryIO, Protocol, cast

from gas_fusion_ros.bags.storage.limits import GIB, BagLimits
from gas_fusion_ros.base.files import open_regular
from gas_fusion_ros.base.quoting import quoted

_PIECE = 1 << 18
_KEPT_FREE = GIB
"""Of the disk that a file is unpacked to: a robot needs it for other things."""

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


def _whole_zstd(data: bytes, most_bytes: int) -> bytes | None:
    """Decompress one frame at once, a third faster than in pieces; None where it is anything else.

    That is several frames, broken or cut data, more than `most_bytes`, or a library that knows no such bound.
    """
    try:
        if sys.version_info >= (3, 14):
            from compression.zstd import ZstdDecompressor
        else:
            from backports.zstd import ZstdDecompressor
        frame = ZstdDecompressor()
        unpacked = frame.decompress(data, most_bytes + 1)
    except Exception:  # told where it is read in pieces
        return None
    is_whole = frame.eof and not frame.unused_data and len(unpacked) <= most_bytes
    return unpacked if is_whole else None


def _lz4(packed: BinaryIO) -> _Unpacked:
    from lz4.frame import LZ4FrameFile

    return cast(_Unpacked, LZ4FrameFile(packed))


_READERS: dict[str, Callable[[BinaryIO], _Unpacked]] = {"zstd": _zstd, "lz4": _lz4}


def decompress(data: bytes, compression: str, most_bytes: int) -> bytes:
    """Decompress `data` whole.

    Args:
        data: one or several frames; returned as it is where `compression` is empty.
        compression: `zstd`, `lz4` or empty.
        most_bytes: where to stop.

    Raises:
        CompressionError: it is more than `most_bytes`; another compression, a decompressor that is not
            installed, broken or cut data. Some decompressors return what there is of cut data instead:
            compare the length where it is known.
    """
    if not compression:
        return data
    if compression == "zstd" and (whole := _whole_zstd(data, most_bytes)) is not None:
        return whole
    unpacked = bytearray()
    for piece in _pieces(BytesIO(data), compression):
        if len(unpacked) + len(piece) > most_bytes:
            raise CompressionError(f"it unpacks to more than {most_bytes} bytes")
        unpacked += piece
    return bytes(unpacked)


def decompress_cut(data: bytes, compression: str, most_bytes: int) -> bytes:
    """Decompress what there is of cut data, up to `most_bytes`; nothing where the compression is unknown."""
    if not compression:
        return data[:most_bytes]
    unpacked = bytearray()
    try:
        # One by one, to keep those before the error.
        for piece in _pieces(BytesIO(data), compression):
            unpacked += piece
            if len(unpacked) >= most_bytes:
                break
    except CompressionError:
        pass
    return bytes(unpacked[:most_bytes])


def decompress_file(source: Path, target: Path, limits: BagLimits) -> str | None:
    """Decompress a zstd file in pieces, as far as it goes.

    Returns:
        Why it could not be read to its end; None where it was, as far as the decompressor can tell.

    Raises:
        OSError: a file cannot be read or written.
        CompressionError: it is longer than the limit or than the disk has room; `target` is removed.
    """
    room = shutil.disk_usage(target.parent).free - _KEPT_FREE
    most_bytes = min(limits.disk_bytes, room)
    size = 0
    with open_regular(source) as packed, target.open("wb") as unpacked:
        try:
            for piece in _pieces(packed, "zstd"):
                size += len(piece)
                if size > most_bytes:
                    break
                unpacked.write(piece)
        except CompressionError as error:
            return str(error)
    if size <= most_bytes:
        return None
    target.unlink()
    if most_bytes < limits.disk_bytes:
        raise CompressionError(
            f"it unpacks to more than {max(room, 0) / GIB:.1f} GiB, which is what {target.parent} has free "
            f"beside {_KEPT_FREE / GIB:g} GiB; TMPDIR names another folder"
        )
    raise CompressionError(f"it unpacks to more than {limits.disk_text}")


def _pieces(packed: BinaryIO, compression: str) -> Iterator[bytes]:
    if compression not in _READERS:
        raise CompressionError(f"compression {quoted(compression)} is not one of {', '.join(_READERS)}")
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
