"""Decompression in pieces: of whole files without holding them, of cut ones as far as they go."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Protocol, cast

_PIECE = 1 << 16

ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"


class CompressionError(RuntimeError):
    """Data cannot be decompressed; the message says why."""


class _Decompressor(Protocol):
    """What the decompressors of lz4, backports.zstd and zstandard have in common."""

    @property
    def eof(self) -> bool: ...

    @property
    def unused_data(self) -> bytes: ...

    def decompress(self, data: bytes) -> bytes: ...


def _zstd() -> _Decompressor:
    # rosbags brings one of them, depending on its version and Python's.
    if sys.version_info >= (3, 14):
        from compression.zstd import ZstdDecompressor

        return cast(_Decompressor, ZstdDecompressor())
    try:
        from backports.zstd import ZstdDecompressor
    except ImportError:
        from zstandard import ZstdDecompressor as Zstandard

        return cast(_Decompressor, Zstandard().decompressobj())
    return cast(_Decompressor, ZstdDecompressor())


def _lz4() -> _Decompressor:
    from lz4.frame import LZ4FrameDecompressor

    return cast(_Decompressor, LZ4FrameDecompressor())


_DECOMPRESSORS: dict[str, Callable[[], _Decompressor]] = {"zstd": _zstd, "lz4": _lz4}


def decompress(data: bytes, compression: str) -> bytes:
    """Decompress `data` whole.

    Args:
        data: one or several frames; returned as it is where `compression` is empty.
        compression: `zstd`, `lz4` or empty.

    Raises:
        CompressionError: another compression, a decompressor that is not installed, broken or cut data.
    """
    if not compression:
        return data
    stream = _Stream(compression)
    result = b"".join(stream.feed(data))
    if not stream.complete:
        raise CompressionError(f"the {compression} data end early")
    return result


def decompress_cut(data: bytes, compression: str) -> bytes:
    """Decompress what there is of data that were cut off.

    Raises:
        CompressionError: another compression, or a decompressor that is not installed.
    """
    if not compression:
        return data
    stream = _Stream(compression)
    whole: list[bytes] = []
    try:
        for start in range(0, len(data), _PIECE):
            whole.extend(stream.feed(data[start : start + _PIECE]))
    except CompressionError:
        pass  # What came out before is what there is.
    return b"".join(whole)


def decompress_file(source: Path, target: Path) -> str | None:
    """Decompress a zstd file in pieces, as far as it goes.

    Returns:
        Why it could not be read to its end; None where it was.

    Raises:
        OSError: a file cannot be read or written.
        CompressionError: no decompressor is installed.
    """
    stream = _Stream("zstd")
    with source.open("rb") as packed, target.open("wb") as unpacked:
        try:
            while data := packed.read(_PIECE):
                unpacked.writelines(stream.feed(data))
        except CompressionError as error:
            return str(error)
    return None if stream.complete else "the zstd data end early"


class _Stream:
    """Frames of one compression, one after the other."""

    def __init__(self, compression: str) -> None:
        if compression not in _DECOMPRESSORS:
            raise CompressionError(f"compression {compression!r} is not one of zstd, lz4")
        self._compression = compression
        self._decompressor = self._begin()
        self._fresh = True

    @property
    def complete(self) -> bool:
        """Whether the data fed so far end with a frame's end."""
        return self._fresh or self._decompressor.eof

    def feed(self, data: bytes) -> Iterator[bytes]:
        while data:
            if self._decompressor.eof:
                self._decompressor = self._begin()
            self._fresh = False
            try:
                yield self._decompressor.decompress(data)
            except Exception as error:  # each library has errors of its own
                raise CompressionError(f"broken {self._compression} data: {error}") from error
            data = self._decompressor.unused_data if self._decompressor.eof else b""

    def _begin(self) -> _Decompressor:
        try:
            return _DECOMPRESSORS[self._compression]()
        except ImportError as error:
            raise CompressionError(
                f"{self._compression} cannot be decompressed ({error}): pip install lz4 zstandard"
            ) from error
