"""Reads a bag by the library `rosbags` alone: `python -m benchmarks.library_reading BAG`.

What `benchmarks.evaluation` measures an evaluation beside. Nothing of this package is imported.
"""

from __future__ import annotations

import sys
from pathlib import Path

from rosbags.highlevel import AnyReader
from rosbags.typesys import Stores, get_typestore


def read(bag: Path) -> int:
    """Deserialize every message of a bag; return how many."""
    messages = 0
    with AnyReader([bag], default_typestore=get_typestore(Stores.LATEST)) as reader:
        for connection, _, data in reader.messages():
            reader.deserialize(data, connection.msgtype)
            messages += 1
    return messages


if __name__ == "__main__":
    print(read(Path(sys.argv[1])))
