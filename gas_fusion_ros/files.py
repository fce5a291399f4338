"""Files that are written whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path


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
