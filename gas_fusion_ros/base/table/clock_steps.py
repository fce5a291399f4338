"""Where the clock of a table's rows was set: by a power-up, by the network's time, by summer time."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from gas_fusion_ros.base.quoting import listed
from gas_fusion_ros.base.rows import Rows
from gas_fusion_ros.base.units import NANOSECONDS_PER_SECOND

_FORWARD_S = 86_400.0
_PERIODS = 1000
"""A step forward of more than both is no pause."""
_FOLLOWING = 2
"""So many rows after one that goes back lie behind as well: one alone came late."""
_FEW = 0.01
"""Part of the rows: where time goes back more often the rows are in no order."""


def set_back(rows: Rows) -> npt.NDArray[np.int64]:
    """Return the places of the rows from which on a clock that was set back goes on; ascending.

    Rows of another class or recording than the one before may be of an earlier time.
    """
    stamps = _stamps(rows)
    is_one = np.ones(max(0, len(stamps) - 1), dtype=np.bool_)
    for codes in (rows.label_codes, rows.bag_codes):
        is_one &= codes[1:] == codes[:-1]
    found = times_set_back(stamps)
    return found[is_one[found - 1]]


def times_set_back(stamps_ns: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Return the places from which on times go back for good; none where they are in no order.

    Args:
        stamps_ns: shape (N,), in the order of the rows.
    """
    places = (np.flatnonzero(stamps_ns[1:] < stamps_ns[:-1]) + 1).tolist()
    lasting = [place for place in places if _lasts(stamps_ns, place)]
    return np.array(lasting if len(lasting) <= _FEW * len(stamps_ns) else [], dtype=np.int64)


def _lasts(stamps: npt.NDArray[np.int64], place: int) -> bool:
    """Whether time goes back at a place for good: neither that row nor the one before is a stray."""
    before, after = stamps[max(0, place - 2) : place], stamps[place : place + 1 + _FOLLOWING]
    return len(after) > _FOLLOWING and bool((after < before.min()).all())


def told_steps(rows: Rows, is_absolute: bool) -> Iterator[str]:
    """Warn of the lines on which the clock was set.

    Args:
        rows: with times.
        is_absolute: whether these count since the epoch; else they begin anew wherever a logger does.
    """
    stamps = _stamps(rows)
    back = set_back(rows)
    if is_absolute and len(back):
        yield (
            f"time goes back on line {listed(rows.lines[back].tolist(), 3)}: was the clock set, or summer "
            "time over? Give the times their zone, or count the rows with --time-column none"
        )
    steps = np.diff(stamps).astype(np.float64) / NANOSECONDS_PER_SECOND
    known = steps[steps > 0.0]
    if not known.size:
        return
    ahead = np.flatnonzero(steps > max(_FORWARD_S, _PERIODS * float(np.median(known)))) + 1
    if len(ahead):
        first = int(ahead[0])
        yield (
            f"time leaps by {steps[first - 1] / _FORWARD_S:.0f} days on line "
            f"{listed(rows.lines[ahead].tolist(), 3)}: was the clock set there? Make a table of each part, "
            "or count the rows with --time-column none"
        )


def _stamps(rows: Rows) -> npt.NDArray[np.int64]:
    assert rows.stamps_ns is not None
    return rows.stamps_ns
