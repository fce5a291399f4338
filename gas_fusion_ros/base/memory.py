"""Keeps memory that is freed for what is allocated next, where the same sizes come again and again."""

from __future__ import annotations

import ctypes

_TRIM_THRESHOLD, _MMAP_THRESHOLD, _MMAP_MAX = -1, -3, -4
"""Parameters of glibc's `mallopt`, as its malloc.h numbers them."""
_GREATEST_THRESHOLD = 32 * 2**20
"""Of blocks that are mapped one by one, as far as glibc lets it be chosen, bytes."""
_NEVER = 2**31 - 1


def keep_freed_memory(most_bytes: int | None = None) -> bool:
    """Have this process's allocator keep what is freed instead of giving it back to the system at once.

    By default glibc gives back more than 128 KiB that become free at the heap's end, maps each larger block
    anew, and the system clears every page of these when it is next touched.

    Args:
        most_bytes: what is kept at most, of blocks of up to 32 MiB; None for everything, so that the process
            stays as large as it has been at its largest.

    Returns:
        Whether the allocator is glibc's and does so; another one is left as it is.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):  # not glibc: musl, macOS, Windows
        return False
    if most_bytes is None:
        return bool(mallopt(_MMAP_MAX, 0)) and bool(mallopt(_TRIM_THRESHOLD, _NEVER))
    mapped = bool(mallopt(_MMAP_THRESHOLD, min(most_bytes, _GREATEST_THRESHOLD)))
    return mapped and bool(mallopt(_TRIM_THRESHOLD, most_bytes))
