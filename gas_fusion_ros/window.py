"""The last readings up to an observation, resampled to an even pace: what a windowed model looks at.

The live node, replay and training all build windows with `resample`. Time is looked at through stamps alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from gas_fusion_ros.units import NANOSECONDS_PER_SECOND

Counts = npt.NDArray[np.float32]
Valid = npt.NDArray[np.bool_]
Stamps = npt.NDArray[np.int64]

MAX_GAP = 3
"""Two readings further apart than this many periods say nothing of the time between them."""


@dataclass(frozen=True)
class WindowSettings:
    """How far back a window looks, and how finely.

    Attributes:
        readings: W, points in time, the observation's own included.
        period_ns: time between two of them.
    """

    readings: int = 1
    period_ns: int = 2 * NANOSECONDS_PER_SECOND

    def __post_init__(self) -> None:
        for name in ("readings", "period_ns"):
            value = getattr(self, name)
            if not isinstance(value, int) or value < 1:
                raise ValueError(f"{name} must be an integer of at least 1, not {value!r}")

    @property
    def period_s(self) -> float:
        """Time between two of them, seconds."""
        return self.period_ns / NANOSECONDS_PER_SECOND

    @property
    def span_ns(self) -> int:
        """Time from the window's first point to its last."""
        return (self.readings - 1) * self.period_ns

    @property
    def max_gap_ns(self) -> int:
        """Greatest time between two readings that a line is drawn between."""
        return MAX_GAP * self.period_ns

    def points(self, at_ns: Stamps, pace: npt.NDArray[np.float64] | float = 1.0) -> Stamps:
        """Return the points in time of windows that end at `at_ns`, oldest first.

        Args:
            at_ns: shape (N,).
            pace: scalar or shape (N,), what the period is multiplied by; training stretches time with it.

        Returns:
            Shape (N, W).
        """
        back = np.arange(self.readings - 1, -1, -1) * self.period_ns
        paces = np.broadcast_to(np.asarray(pace, dtype=np.float64), at_ns.shape)
        return at_ns[:, np.newaxis] - np.rint(paces[:, np.newaxis] * back).astype(np.int64)


@dataclass(frozen=True)
class Window:
    """N windows of W points in time and C channels; oldest first.

    Attributes:
        counts: shape (N, W, C), ADC counts. Where not valid: the line between the channel's valid readings
            beside it, or the nearest one; 0 where the channel has none.
        valid: shape (N, W, C), whether readings near enough stand behind a value.
    """

    counts: Counts
    valid: Valid

    def as_inputs(self, mean: Counts, std: Counts) -> tuple[Counts, Counts]:
        """Return what a windowed network takes: normalised counts and validity, shape (N, W, C), float32.

        A channel without any valid point is 0 throughout.

        Args:
            mean: shape (C,), ADC counts.
            std: shape (C,), ADC counts, positive.
        """
        known = self.valid.any(axis=1, keepdims=True)
        gas = np.where(known, (self.counts - mean) / std, 0.0)
        return gas.astype(np.float32), self.valid.astype(np.float32)


def resample(stamps_ns: Stamps, counts: Counts, points_ns: Stamps, max_gap_ns: int) -> Window:
    """Return readings at other points in time, on the line between the two readings beside each.

    A channel's NaN readings are passed over. A point is valid where a reading has its very stamp, or where
    the readings beside it are at most `max_gap_ns` apart; so none is before the first or after the last.

    Args:
        stamps_ns: shape (R,), strictly ascending.
        counts: shape (R, C), ADC counts; NaN is invalid.
        points_ns: shape (N, W).
        max_gap_ns: greatest time between two readings that a line is drawn between.
    """
    shape = (*points_ns.shape, counts.shape[1])
    out = Window(np.zeros(shape, dtype=np.float32), np.zeros(shape, dtype=np.bool_))
    for channels, finite in _alike(counts):
        stamps, readings = stamps_ns[finite], counts[finite][:, channels]
        if len(stamps):
            values, valid = _between(stamps, readings, points_ns, max_gap_ns)
            out.counts[..., channels] = values
            out.valid[..., channels] = valid[..., np.newaxis]
    return out


def _alike(counts: Counts) -> Iterator[tuple[Stamps, Valid | slice]]:
    """Yield channels, by index, that are finite in the same readings, and which readings these are."""
    finite = np.isfinite(counts)
    if finite.all():
        yield np.arange(counts.shape[1]), slice(None)
        return
    patterns, members = np.unique(finite.T, axis=0, return_inverse=True)
    for number, pattern in enumerate(patterns):
        yield np.flatnonzero(members.ravel() == number), pattern


def _between(stamps: Stamps, counts: Counts, points: Stamps, max_gap_ns: int) -> tuple[Counts, Valid]:
    """Interpolate readings that are all finite; return values (N, W, c) and validity (N, W)."""
    after = np.searchsorted(stamps, points)
    exact = stamps[np.minimum(after, len(stamps) - 1)] == points
    inside = (after > 0) & (after < len(stamps))
    upper = np.minimum(after, len(stamps) - 1)
    lower = np.where(exact | ~inside, upper, after - 1)
    gap = stamps[upper] - stamps[lower]
    share = (points - stamps[lower]) / np.maximum(gap, 1)
    share = np.where(gap > 0, share, 0.0)[..., np.newaxis]
    values = counts[lower] * (1.0 - share) + counts[upper] * share
    return values.astype(np.float32), exact | (inside & (gap <= max_gap_ns))


class WindowHistory:
    """The readings of one array that windows are still made from. Not thread-safe.

    Args:
        settings: how far back windows look.
        channels: C.
    """

    def __init__(self, settings: WindowSettings, channels: int) -> None:
        self._settings = settings
        self._channels = channels
        self.clear()

    def clear(self) -> None:
        """Forget all readings: a new run begins."""
        self._stamps = np.zeros(0, dtype=np.int64)
        self._counts = np.zeros((0, self._channels), dtype=np.float32)
        self._used = 0
        self._latest_ns = 0

    def add(self, stamp_ns: int, counts: Counts) -> None:
        """Take in a reading, late ones too; one with the stamp of another takes its place.

        Args:
            stamp_ns: its acquisition time.
            counts: shape (C,), ADC counts; NaN is invalid.
        """
        # One stamp far ahead of all others must not cost them their place.
        self._make_room(min(self._latest_ns, stamp_ns))
        self._latest_ns = stamp_ns
        place = int(np.searchsorted(self._stamps[: self._used], stamp_ns))
        if place < self._used and self._stamps[place] == stamp_ns:
            self._counts[place] = counts
            return
        for array in (self._stamps, self._counts):
            array[place + 1 : self._used + 1] = array[place : self._used].copy()
        self._stamps[place], self._counts[place] = stamp_ns, counts
        self._used += 1

    def window(self, at_ns: int) -> Window:
        """Return the one window that ends at `at_ns`, of the readings up to then."""
        points = self._settings.points(np.array([at_ns], dtype=np.int64))
        first = int(np.searchsorted(self._stamps[: self._used], points[0, 0] - self._settings.max_gap_ns))
        end = int(np.searchsorted(self._stamps[: self._used], at_ns, side="right"))
        return resample(self._stamps[first:end], self._counts[first:end], points, self._settings.max_gap_ns)

    def _make_room(self, now_ns: int) -> None:
        """Where no place is left, drop what no window reaches any more, and grow by as much as stays."""
        if self._used < len(self._stamps):
            return
        first = 0
        if self._used:
            # Twice the span: a late reading's window reaches back further than the newest one's.
            oldest_ns = now_ns - 2 * self._settings.span_ns - self._settings.max_gap_ns
            first = int(np.searchsorted(self._stamps, oldest_ns))
        kept = self._used - first
        size = max(64, 2 * kept)
        stamps = np.zeros(size, dtype=np.int64)
        counts = np.zeros((size, self._channels), dtype=np.float32)
        stamps[:kept], counts[:kept] = self._stamps[first:], self._counts[first:]
        self._stamps, self._counts, self._used = stamps, counts, kept
