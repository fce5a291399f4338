"""Files that are written whole or not at all, and files from outside that are opened without trust."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import BinaryIO

from gas_fusion_ros.base.closing import closed_on_failure

_KINDS = {
    stat.S_IFDIR: "a directory",
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


def write_whole(path: Path, content: bytes) -> None:
    """Write a file beside its place and put it there at the end; what stands there stays until then.

    Raises:
        OSError: it cannot be written.
    """
    draft = path.with_name(f"{path.name}.part{os.getpid()}")
    draft.write_bytes(content)
    os.replace(draft, path)


def write_durably(path: Path, content: bytes) -> None:
    """Write a file as `write_whole` does, and return when it is on the disk: a power cut does not undo it.

    Raises:
        OSError: it cannot be written.
    """
    draft = path.with_name(f"{path.name}.part{os.getpid()}")
    with draft.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    os.replace(draft, path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def open_regular(path: str | Path) -> BinaryIO:
    """Open a file for reading if it is a regular one; never waits for the other end of a pipe.

    Raises:
        OSError: it cannot be opened, or is a directory, pipe, socket or device.
    """
    # Looked at before it is opened, for opening alone moves some devices.
    _check_regular(os.stat(path), path)
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        _check_regular(os.fstat(descriptor), path)
        return os.fdopen(descriptor, "rb")
    except BaseException:
        os.close(descriptor)
        raise


def read_regular(path: str | Path, most_bytes: int) -> bytes:
    """Read a regular file whole.

    Raises:
        OSError: as for `open_regular`, or it is longer than `most_bytes`.
    """
    with open_regular(path) as file:
        _check_size(file, path, most_bytes)
        content = file.read(most_bytes + 1)
    if len(content) > most_bytes:
        raise _too_long(path, len(content), most_bytes)
    return content


def open_regular_within(path: str | Path, most_bytes: int) -> BinaryIO:
    """Open a regular file that is not too long.

    Raises:
        OSError: as for `open_regular`, or it is longer than `most_bytes`.
    """
    file = open_regular(path)
    with closed_on_failure(file):
        _check_size(file, path, most_bytes)
    return file


def _check_regular(found: os.stat_result, path: str | Path) -> None:
    if not stat.S_ISREG(found.st_mode):
        kind = _KINDS.get(stat.S_IFMT(found.st_mode), "no file")
        raise OSError(errno.EINVAL, f"it is {kind}; expected a regular file", str(path))


def _check_size(file: BinaryIO, path: str | Path, most_bytes: int) -> None:
    size = os.fstat(file.fileno()).st_size
    if size > most_bytes:
        raise _too_long(path, size, most_bytes)


def _too_long(path: str | Path, size: int, most_bytes: int) -> OSError:
    return OSError(errno.EFBIG, f"it has {size} bytes; expected {most_bytes} at most", str(path))
