"""How much of the machine a bag may take, whatever it says of itself."""

from __future__ import annotations

from dataclasses import dataclass

MIB, GIB = 1 << 20, 1 << 30

MOST_FILES = 900
"""Storage files of one bag: all are open at a time, and a process usually may open 1024."""
MOST_DESCRIBED = 16 * MIB
"""Bytes of all names and definitions of types in a file."""

LAST_TIME_NS = 2**63 - 1
"""What 64 bits with a sign hold."""

_OVERHEAD = 256
"""What a message takes beside its bytes, about."""


@dataclass(frozen=True)
class BagLimits:
    """What unpacking and reading a bag may take.

    Attributes:
        memory_bytes: of any one chunk, message or row, unpacked, and of all messages that are held at a time.
        disk_bytes: of a file that was compressed as a whole.
    """

    memory_bytes: int = 64 * MIB
    disk_bytes: int = 4 * GIB

    @property
    def memory_text(self) -> str:
        """The limit of memory and the option that raises it, to end a sentence with."""
        return f"{self.memory_bytes / MIB:g} MiB, the limit of --unpack-memory"

    @property
    def disk_text(self) -> str:
        """The limit of disk and the option that raises it, to end a sentence with."""
        return f"{self.disk_bytes / GIB:g} GiB, the limit of --unpack-disk"


class Room:
    """Keeps account of what the messages that are held at a time take.

    Args:
        limits: those of the bag.
    """

    def __init__(self, limits: BagLimits) -> None:
        self.limits = limits
        self._left = limits.memory_bytes

    def take(self, data_size: int) -> int | None:
        """Take the room of a message; return it, to be given back, or None where there is none left."""
        size = data_size + _OVERHEAD
        if size > self._left:
            return None
        self._left -= size
        return size

    def give(self, size: int) -> None:
        """Give back what was taken."""
        self._left += size


def is_usable_time(stamp_ns: int) -> bool:
    """Whether a time of recording can be one: after the clock's epoch, and within 64 bits."""
    return 0 < stamp_ns <= LAST_TIME_NS
