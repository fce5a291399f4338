"""Whether a recording is a bag or a table of readings."""

from __future__ import annotations

from pathlib import Path

from gas_fusion_ros.bags.storage.bag_files import is_bag
from gas_fusion_ros.base.dataset import holds_table


def is_table(path: Path) -> bool:
    """Whether a recording is a table: a file that is no bag, or a folder with a CSV that is none.

    Whatever is neither a regular file nor a folder passes for a bag, whose reader says what is wrong.
    """
    try:
        return not is_bag(path) and (path.is_file() or holds_table(path))
    except OSError:
        return False
