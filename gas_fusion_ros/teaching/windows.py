"""Windows of readings for training and test, cut out of a data set by the function that the live node uses.

A window reaches back to its recording's start, but never into rows of another part: a test row's window may
hold rows of the embargo, which are in no part, and no row of training. So nothing trained on is tested.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt

from gas_fusion_ros.array.description import ArrayDescription
from gas_fusion_ros.base.dataset import Dataset
from gas_fusion_ros.base.units import NANOSECONDS_PER_SECOND
from gas_fusion_ros.model.window import Window, WindowSettings, resample

Indices = npt.NDArray[np.int64]

ROW_PERIOD_S = 2.0
"""Seconds between two rows of the published data set (Narkhede et al. 2022)."""
ROW_PERIOD_NS = round(ROW_PERIOD_S * NANOSECONDS_PER_SECOND)


@dataclass(frozen=True)
class Windows:
    """N windows of W readings; the oldest reading first, the last is the row's own.

    Attributes:
        values: shape (N, W, C), float32, as the recording's; filled where not valid, as `window.Window` says.
        valid: shape (N, W, C), whether a reading stands behind a value.
        labels: shape (N,), class of the last reading.
        rows: shape (N,), the last reading's row in the data set.
    """

    values: npt.NDArray[np.float32]
    valid: npt.NDArray[np.bool_]
    labels: Indices
    rows: Indices

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, index: npt.NDArray[np.generic]) -> Windows:
        """Return some of the windows, by indices or a mask."""
        return Windows(self.values[index], self.valid[index], self.labels[index], self.rows[index])

    def with_readings(
        self, values: npt.NDArray[np.float32], valid: npt.NDArray[np.bool_] | None = None
    ) -> Windows:
        """Return the windows with other values, shape (N, W, C), and, where given, other validity."""
        return replace(self, values=values, valid=self.valid if valid is None else valid)

    @classmethod
    def concatenate(cls, parts: Sequence[Windows]) -> Windows:
        """Put windows of one shape one after another."""
        return cls(
            *(np.concatenate([getattr(part, name) for part in parts]) for name in cls.__dataclass_fields__)
        )


@dataclass(frozen=True)
class Recording:
    """A data set's rows on time lines, one for each class and bag, since each was recorded for itself.

    Attributes:
        counts: shape (R, C), float32, ADC counts.
        labels: shape (R,), non-negative.
        stamps_ns: shape (R,), ascending within a class and bag.
        bags: shape (R,), number of the recording that a row is from; None where all are of one.
        array: what makes ln(Rs/R0) of counts, calibrated; None where windows are of counts.
    """

    counts: npt.NDArray[np.float32]
    labels: Indices
    stamps_ns: Indices
    bags: Indices | None = None
    array: ArrayDescription | None = None

    @classmethod
    def of(cls, dataset: Dataset, array: ArrayDescription | None = None) -> Recording:
        """Take up a data set with its stamps.

        Where it has none, rows are `ROW_PERIOD_NS` apart within each class, and a missing row leaves a gap.
        """
        rows = dataset.rows
        stamps = rows.indices * ROW_PERIOD_NS if rows.stamps_ns is None else rows.stamps_ns
        several = rows.bag_codes.astype(np.int64) if len(np.unique(rows.bag_codes)) > 1 else None
        return cls(dataset.counts, dataset.labels, stamps, several, array)

    @cached_property
    def values(self) -> npt.NDArray[np.float32]:
        """What windows are cut out of, shape (R, C): counts, or where the array is known ln(Rs/R0)."""
        return self.counts if self.array is None else self.array.deviations(self.counts)

    def calibrated(self, clean_rows: Indices) -> Recording:
        """Return the recording with the baseline of its array, if it has one, measured on clean air."""
        if self.array is None:
            return self
        return replace(self, array=self.array.with_baseline_of(self.counts[clean_rows]))

    @property
    def period_ns(self) -> int:
        """Time between two rows of a time line, the median; `ROW_PERIOD_NS` where no line has two."""
        lines = self._lines()
        steps = [np.diff(self.stamps_ns[lines == number]) for number in np.unique(lines)]
        together = np.concatenate(steps)
        return round(float(np.median(together))) if len(together) else ROW_PERIOD_NS

    @property
    def period_s(self) -> float:
        """The same, seconds."""
        return self.period_ns / NANOSECONDS_PER_SECOND

    def windows(
        self,
        rows: Indices,
        barred: Indices,
        settings: WindowSettings,
        pace: npt.NDArray[np.float64] | float = 1.0,
    ) -> Windows:
        """Cut out the windows that end at some rows.

        Args:
            rows: shape (N,).
            barred: rows of other parts: no window holds one, or anything from before one.
            settings: length and period.
            pace: scalar or shape (N,), how much faster than recorded a window runs: at 1.4 it holds 1.4 times
                the time that it holds at 1.
        """
        paces = np.broadcast_to(np.asarray(pace, dtype=np.float64), rows.shape)
        shape = (len(rows), settings.readings, self.counts.shape[1])
        out = Windows(np.zeros(shape, np.float32), np.zeros(shape, np.bool_), self.labels[rows], rows)
        lines = self._lines()
        for number in np.unique(lines[rows]):
            mine = np.flatnonzero(lines[rows] == number)
            line = np.flatnonzero(lines == number)
            window = self._on_line(line, rows[mine], barred, settings, paces[mine])
            out.values[mine], out.valid[mine] = window.values, window.valid
        return out

    def _lines(self) -> Indices:
        """Return the number of each row's time line, shape (R,): its class and, where several, its bag."""
        if self.bags is None:
            return self.labels
        return self.labels * (int(self.bags.max()) + 1) + self.bags

    def _on_line(
        self,
        line: Indices,
        rows: Indices,
        barred: Indices,
        settings: WindowSettings,
        pace: npt.NDArray[np.float64],
    ) -> Window:
        stamps = self.stamps_ns[line]
        points = settings.points(self.stamps_ns[rows], pace)
        since = stamps[_first_allowed(np.isin(line, barred), np.searchsorted(line, rows))][:, np.newaxis]
        window = resample(stamps, self.values[line], np.maximum(points, since), settings.max_gap_ns)
        return Window(window.values, window.valid & (points >= since)[..., np.newaxis])


@dataclass(frozen=True)
class TrainingPart:
    """Rows to fit a windowed model on.

    Attributes:
        recording: all rows, or those that the fit may know of.
        rows: shape (N,), those whose windows train.
        barred: rows that no training window may hold.
        clean: the class of clean air; None where there is none.
    """

    recording: Recording
    rows: Indices
    barred: Indices
    clean: int | None

    @property
    def classes(self) -> int:
        """K: labels are 0 to K - 1."""
        return int(self.recording.labels.max()) + 1

    @property
    def channels(self) -> int:
        """C."""
        return self.recording.counts.shape[1]

    @property
    def counts(self) -> npt.NDArray[np.float32]:
        """The training rows' readings, shape (N, C), ADC counts."""
        return self.recording.counts[self.rows]

    @property
    def values(self) -> npt.NDArray[np.float32]:
        """The training rows' values, shape (N, C); see `Recording.values`."""
        return self.recording.values[self.rows]

    def windows(self, settings: WindowSettings, pace: npt.NDArray[np.float64] | float = 1.0) -> Windows:
        """Cut out the training windows; see `Recording.windows`."""
        return self.recording.windows(self.rows, self.barred, settings, pace)


def _first_allowed(barred: npt.NDArray[np.bool_], places: Indices) -> Indices:
    """Return the place after the last barred one before each of `places`; 0 where there is none."""
    after_barred = np.where(barred, np.arange(1, len(barred) + 1), 0)
    return np.maximum.accumulate(after_barred)[places]
