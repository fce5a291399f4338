"""Joins what comes of an array's channels one by one into readings of all of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Values = npt.NDArray[np.float32]


@dataclass(frozen=True)
class JoinedReading:
    """A reading of all channels.

    Attributes:
        stamp_ns: the newest acquisition time among its values.
        counts: shape (C,), float32; NaN where a channel has no value that is new enough.
    """

    stamp_ns: int
    counts: Values


class LatestValues:
    """Keeps the latest value of each of C channels.

    A reading is due when every channel that is not silent has a new value, or when the first new value has
    waited long enough for the others; those keep their value before until that is too old. Without any new
    value none is due. Stamps rise, but after a jump of the clock that they are of.

    Args:
        channels: how many there are, C.
        wait_ns: how long a new value waits for the others.
        max_age_ns: a value that came longer ago is none any more, and its channel silent.
        at_ns: the time now, of the clock by which waiting and ages are measured.
    """

    def __init__(self, channels: int, wait_ns: int, max_age_ns: int, at_ns: int) -> None:
        self._channels = channels
        self._wait_ns = wait_ns
        self._max_age_ns = max_age_ns
        self._forget(at_ns)

    def _forget(self, at_ns: int) -> None:
        self._at_ns = at_ns
        self._values = np.full(self._channels, np.nan, np.float32)
        self._stamps_ns = np.zeros(self._channels, np.int64)
        # A channel that has not been heard yet is silent from `max_age` after the begin on.
        self._heard_ns = np.full(self._channels, at_ns, np.int64)
        self._is_new = np.zeros(self._channels, np.bool_)
        self._first_new_ns = at_ns
        self._last_stamp_ns = 0

    def take(self, places: Sequence[int], values: Values, stamp_ns: int, at_ns: int) -> None:
        """Take in new values.

        Args:
            places: whose they are, indices below C; length K.
            values: shape (K,); NaN where a channel has none.
            stamp_ns: their acquisition time, above 0. Where it lies more than `max_age_ns` before the one of
                the same channels before, that clock has jumped, and what was before is forgotten.
            at_ns: when they came.
        """
        index = list(places)
        went_back = stamp_ns < int(self._stamps_ns[index].max()) - self._max_age_ns
        if went_back or at_ns < self._at_ns:
            self._forget(at_ns)
        self._at_ns = at_ns
        if not self._is_new.any():
            self._first_new_ns = at_ns
        self._values[index] = values
        self._stamps_ns[index] = stamp_ns
        self._heard_ns[index] = at_ns
        self._is_new[index] = True

    def due(self, at_ns: int) -> JoinedReading | None:
        """Return the reading that is due now, if one is."""
        if not self._is_new.any():
            return None
        is_silent = self._is_silent(at_ns)
        has_waited = at_ns - self._first_new_ns >= self._wait_ns
        if not (has_waited or (self._is_new | is_silent).all()):
            return None
        self._is_new[:] = False
        newest_ns = int(self._stamps_ns[~is_silent].max())
        self._last_stamp_ns = max(newest_ns, self._last_stamp_ns + 1)
        return JoinedReading(
            self._last_stamp_ns, np.where(is_silent, np.nan, self._values).astype(np.float32)
        )

    def _is_silent(self, at_ns: int) -> npt.NDArray[np.bool_]:
        return np.asarray((at_ns - self._heard_ns > self._max_age_ns) & ~self._is_new)
