"""Whether a recording is a bag or a table of readings."""

from __future__ import annotations

from pathlib import Path

from gas_fusion_ros.bags.storage.bag_files import is_bag
from gas_fusion_ros.base.dataset import TABLE_PATTERN, holds_table
from gas_fusion_ros.base.quoting import shown


def is_table(path: Path) -> bool:
    """Whether a recording is a table: a file that is no bag, or a folder with a CSV that is none.

    Whatever is neither a regular file nor a folder passes for a bag, whose reader says what is wrong.
    """
    try:
        return not is_bag(path) and (path.is_file() or holds_table(path))
    except OSError:
        return False


def remedy_of_table(path: Path) -> str:
    """What makes a bag of a table that was given for one; empty where it has not a table's name either."""
    if not is_table(path) or not (path.is_dir() or path.match(TABLE_PATTERN)):
        return ""
    return f"that is a table: `gas-fusion bag --data {shown(path)} --output DIR` makes a bag of it"
