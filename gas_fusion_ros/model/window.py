"""The last readings up to an observation, resampled to an even pace: what a windowed model looks at.

The live node, replay and training all build windows with `resample`. Time is looked at through stamps alone.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from gas_fusion_ros.base.units import NANOSECONDS_PER_SECOND

Values = npt.NDArray[np.float32]
Valid = npt.NDArray[np.bool_]
Stamps = npt.NDArray[np.int64]

MAX_GAP = 3
"""Two readings further apart than this many periods say nothing of the time between them."""
_MOST_READINGS = 16_384
"""Readings that a history keeps, or eight times a window's if that is more: 100 a second for minutes."""
_SOURCES = 8
"""The latest readings, around each of which others are kept: so many clocks may be mixed up."""
_FIRST_NS, _LAST_NS = -(2**63), 2**63 - 1


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
        paces = np.broadcast_to(np.asarray(pace, dtype=np.float64), at_ns.shape)
        return at_ns[:, np.newaxis] - np.rint(paces[:, np.newaxis] * self.back_ns).astype(np.int64)

    @cached_property
    def back_ns(self) -> Stamps:
        """From the end of a window back to each of its points, shape (W,)."""
        return np.arange(self.readings - 1, -1, -1) * self.period_ns


@dataclass(frozen=True)
class Window:
    """N windows of W points in time and C channels; oldest first.

    Attributes:
        values: shape (N, W, C), in the model's domain. Where not valid: the line between the channel's valid
            readings beside it, or the nearest one; 0 where the channel has none.
        valid: shape (N, W, C), whether readings near enough stand behind a value.
    """

    values: Values
    valid: Valid

    def as_inputs(self, mean: Values, std: Values) -> tuple[Values, Values]:
        """Return what a windowed network takes: normalised values and validity, shape (N, W, C), float32.

        A channel without any valid point is 0 throughout.

        Args:
            mean: shape (C,), of the values.
            std: shape (C,), positive.
        """
        known = self.valid.any(axis=1, keepdims=True)
        gas = np.where(known, (self.values - mean) / std, 0.0)
        return gas.astype(np.float32), self.valid.astype(np.float32)


def resample(stamps_ns: Stamps, values: Values, points_ns: Stamps, max_gap_ns: int) -> Window:
    """Return readings at other points in time, on the line between the two readings beside each.

    A channel's NaN readings are passed over. A point is valid where a reading has its very stamp, or where
    the readings beside it are at most `max_gap_ns` apart; so none is before the first or after the last.

    Args:
        stamps_ns: shape (R,), strictly ascending.
        values: shape (R, C); NaN is invalid.
        points_ns: shape (N, W).
        max_gap_ns: greatest time between two readings that a line is drawn between.
    """
    shape = (*points_ns.shape, values.shape[1])
    out = Window(np.zeros(shape, dtype=np.float32), np.zeros(shape, dtype=np.bool_))
    for channels, finite in _alike(values):
        stamps, readings = stamps_ns[finite], values[finite][:, channels]
        if len(stamps):
            drawn, valid = _between(stamps, readings, points_ns, max_gap_ns)
            out.values[..., channels] = drawn
            out.valid[..., channels] = valid[..., np.newaxis]
    return out


def _alike(values: Values) -> Iterator[tuple[Stamps, Valid | slice]]:
    """Yield channels, by index, that are finite in the same readings, and which readings these are."""
    finite = np.isfinite(values)
    if finite.all():
        yield np.arange(values.shape[1]), slice(None)
        return
    patterns, members = np.unique(finite.T, axis=0, return_inverse=True)
    for number, pattern in enumerate(patterns):
        yield np.flatnonzero(members.ravel() == number), pattern


def _between(stamps: Stamps, values: Values, points: Stamps, max_gap_ns: int) -> tuple[Values, Valid]:
    """Interpolate readings that are all finite; return values (N, W, c) and validity (N, W)."""
    after = np.searchsorted(stamps, points)
    inside = (after > 0) & (after < len(stamps))
    upper = np.minimum(after, len(stamps) - 1)
    at_upper = stamps[upper]
    exact = at_upper == points
    lower = np.where(exact | ~inside, upper, after - 1)
    at_lower = stamps[lower]
    gap = at_upper - at_lower
    share = (points - at_lower) / np.maximum(gap, 1)
    share = np.where(gap > 0, share, 0.0)[..., np.newaxis]
    drawn = values[lower] * (1.0 - share) + values[upper] * share
    return drawn.astype(np.float32), exact | (inside & (gap <= max_gap_ns))


class WindowHistory:
    """The readings of one array that windows are still made from. Not thread-safe.

    Their number is bounded whatever stamps come: kept are those near one of the latest readings, so that a
    stamp far ahead or on another clock costs no other its past, and of too many the nearest.

    Args:
        settings: how far back windows look.
        channels: C.
    """

    def __init__(self, settings: WindowSettings, channels: int) -> None:
        self._settings = settings
        self._channels = channels
        self._most = max(_MOST_READINGS, 8 * settings.readings)
        # Twice the span: a late reading's window reaches back further than the newest one's.
        self._reach_ns = 2 * settings.span_ns + settings.max_gap_ns
        self.clear()

    def __len__(self) -> int:
        """How many readings are kept, some perhaps that no window reaches any more."""
        return self._used

    def clear(self) -> None:
        """Forget all readings: a new stretch of time begins."""
        self._stamps = np.zeros(0, dtype=np.int64)
        self._values = np.zeros((0, self._channels), dtype=np.float32)
        self._used = 0
        self._latest_ns: deque[int] = deque(maxlen=_SOURCES)

    def add(self, stamp_ns: int, values: Values) -> None:
        """Take in a reading, late ones too; one with the stamp of another takes its place.

        Args:
            stamp_ns: its acquisition time.
            values: shape (C,); NaN is invalid.
        """
        self._latest_ns.append(stamp_ns)
        if self._used == len(self._stamps):
            self._make_room(stamp_ns)
        place = int(np.searchsorted(self._stamps[: self._used], stamp_ns))
        if place < self._used and self._stamps[place] == stamp_ns:
            self._values[place] = values
            return
        for array in (self._stamps, self._values):
            array[place + 1 : self._used + 1] = array[place : self._used].copy()
        self._stamps[place], self._values[place] = stamp_ns, values
        self._used += 1

    def window(self, at_ns: int) -> Window:
        """Return the one window that ends at `at_ns`, of the readings up to then."""
        points = at_ns - self._settings.back_ns[np.newaxis]
        first = int(np.searchsorted(self._stamps[: self._used], points[0, 0] - self._settings.max_gap_ns))
        end = int(np.searchsorted(self._stamps[: self._used], at_ns, side="right"))
        return resample(self._stamps[first:end], self._values[first:end], points, self._settings.max_gap_ns)

    def _make_room(self, stamp_ns: int) -> None:
        """Drop what is not near the latest readings, and grow by as much as stays."""
        near = np.zeros(self._used, dtype=np.bool_)
        for latest_ns in self._latest_ns:
            first_ns = max(latest_ns - self._reach_ns, _FIRST_NS)
            last_ns = min(latest_ns + self._reach_ns, _LAST_NS)
            near |= (self._stamps >= first_ns) & (self._stamps <= last_ns)
        kept = np.flatnonzero(near)
        if len(kept) > self._most:
            # As float, for the distance of two stamps may be more than 64 bits hold.
            distances = np.abs(self._stamps[kept].astype(np.float64) - float(stamp_ns))
            kept = np.sort(kept[np.argsort(distances, kind="stable")[: self._most]])
        size = max(64, 2 * len(kept))
        stamps = np.zeros(size, dtype=np.int64)
        values = np.zeros((size, self._channels), dtype=np.float32)
        stamps[: len(kept)], values[: len(kept)] = self._stamps[kept], self._values[kept]
        self._stamps, self._values, self._used = stamps, values, len(kept)
