"""A run at one moment, as a view shows it."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

HISTORY = 48
"""Readings that a snapshot holds."""


def _no_counts() -> npt.NDArray[np.float32]:
    return np.empty((0, 0), dtype=np.float32)


@dataclass(frozen=True)
class Snapshot:
    """A run at one moment.

    Attributes:
        elapsed_s: simulated time played, seconds.
        duration_s: simulated time to play, seconds.
        speed: simulated seconds per second of wall time, measured.
        channels: names of the gas channels, length C.
        history: shape (N, C), the last readings in ADC counts, newest last, N <= HISTORY.
        probabilities: the last verdict, by class.
        label: its class, or `Unknown`; empty before the first.
        mode: what it was made from.
        truth: what is really there.
        alarm: state of the leak alarm.
        gas: the gas it names; empty when clear.
        readings: gas readings so far.
        images: thermal images so far.
        classified: verdicts so far.
    """

    elapsed_s: float
    duration_s: float
    speed: float = 0.0
    channels: tuple[str, ...] = ()
    history: npt.NDArray[np.float32] = field(default_factory=_no_counts)
    probabilities: tuple[tuple[str, float], ...] = ()
    label: str = ""
    mode: str = ""
    truth: str = ""
    alarm: str = "clear"
    gas: str = ""
    readings: int = 0
    images: int = 0
    classified: int = 0
