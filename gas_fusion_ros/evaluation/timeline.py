"""Readings, probabilities, truth and alarms of a run over time: what a picture of it is drawn from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from gas_fusion_ros.base.units import NANOSECONDS_PER_SECOND
from gas_fusion_ros.truth.scoring import Interval


@dataclass(frozen=True)
class Timeline:
    """What the picture shows; N readings of C channels, M verdicts over K classes.

    Attributes:
        title: the picture's headline.
        start_ns: the stamp that is time zero.
        end_ns: the right edge.
        channels: names of the channels, length C.
        reading_stamps_ns: shape (N,).
        counts: shape (N, C), ADC counts, NaN where invalid.
        classes: names of the classes, length K.
        verdict_stamps_ns: shape (M,).
        probabilities: shape (M, K).
        truth: what was there, as intervals of classes; None where it is not known.
        alarms: when the alarm had evidence, by gas.
        unknown: when the verdicts were `Unknown`.
    """

    title: str
    start_ns: int
    end_ns: int
    channels: tuple[str, ...]
    reading_stamps_ns: npt.NDArray[np.int64]
    counts: npt.NDArray[np.float32]
    classes: tuple[str, ...]
    verdict_stamps_ns: npt.NDArray[np.int64]
    probabilities: npt.NDArray[np.float32]
    truth: tuple[Interval, ...] | None
    alarms: tuple[Interval, ...]
    unknown: tuple[Interval, ...] = ()

    def seconds(self, stamps_ns: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
        """Seconds since the start, float64, of the same shape."""
        return (stamps_ns - self.start_ns) / NANOSECONDS_PER_SECOND

    def span(self, interval: Interval) -> tuple[float, float]:
        """Start and duration of an interval, seconds, cut to the picture."""
        start = max(interval.start_ns, self.start_ns)
        end = max(min(interval.end_ns, self.end_ns), start)
        return (start - self.start_ns) / NANOSECONDS_PER_SECOND, (end - start) / NANOSECONDS_PER_SECOND
