"""Streams of windows in which clean air gives way to a gas, spliced from rows of a recording.

The data set has no such stream: each class was recorded for itself. So a stretch of clean rows is followed
by a stretch of a gas, without a transition: a sensor needs some seconds to rise, which the rows have behind
them or not, as the recording has it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gas_fusion_ros.model.window import WindowSettings
from gas_fusion_ros.teaching.windows import Indices, Recording, Windows

BEFORE = 60
"""Rows of clean air."""
AFTER = 30
"""Rows of gas: a minute."""
LEAD = 20
"""Rows of clean air whose windows belong to the stream; the earlier ones only fill these."""


@dataclass(frozen=True)
class Onset:
    """A stream of windows, one per reading.

    Attributes:
        windows: of T readings; their rows are places in the stream.
        at: the first reading with gas.
        gas: its class.
    """

    windows: Windows
    at: int
    gas: int


def splice_onsets(
    recording: Recording, rows: Indices, clean: int, settings: WindowSettings, per_gas: int = 4
) -> list[Onset]:
    """Splice streams out of held-out rows.

    Args:
        recording: all rows.
        rows: those that may be used, a contiguous block of each class.
        clean: the class of clean air.
        settings: length and period of the windows.
        per_gas: streams for each gas, from places at even distances in the blocks.

    Returns:
        None where a block is too short.
    """
    air = rows[recording.labels[rows] == clean]
    onsets = []
    for gas in np.setdiff1d(np.unique(recording.labels[rows]), [clean]):
        leak = rows[recording.labels[rows] == gas]
        if len(air) < BEFORE or len(leak) < AFTER:
            continue
        starts = zip(_places(len(air), BEFORE, per_gas), _places(len(leak), AFTER, per_gas), strict=True)
        onsets += [
            _splice(recording, air[first : first + BEFORE], leak[second : second + AFTER], settings)
            for first, second in starts
        ]
    return onsets


def _places(rows: int, length: int, count: int) -> Indices:
    return np.linspace(0, rows - length, count).astype(np.int64)


def _splice(recording: Recording, air: Indices, leak: Indices, settings: WindowSettings) -> Onset:
    rows = np.concatenate([air, leak])
    labels = recording.labels[rows]
    one_line = Recording(
        recording.counts[rows],
        np.zeros(len(rows), dtype=np.int64),
        np.arange(len(rows)) * recording.period_ns,
        array=recording.array,
    )
    shown = np.arange(len(air) - LEAD, len(rows))
    windows = one_line.windows(shown, np.zeros(0, dtype=np.int64), settings)
    stream = Windows(windows.values, windows.valid, labels[shown], np.arange(len(shown)))
    return Onset(stream, LEAD, int(labels[-1]))
