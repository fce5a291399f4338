"""Follows the slow drift of an array's baseline while the air is calm, within a bound."""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass

import numpy as np

from gas_fusion_ros.array.description import Values
from gas_fusion_ros.array.settings import TrackingSettings
from gas_fusion_ros.base.units import NANOSECONDS_PER_SECOND

_SPACING_NS = NANOSECONDS_PER_SECOND
"""Readings that come sooner after another are not followed: ten a second say no more than one."""
_LONGEST_STEP_NS = 10 * NANOSECONDS_PER_SECOND
"""A pause counts for no more: nobody knows what the air was in it."""
_NS_PER_HOUR = 3600 * NANOSECONDS_PER_SECOND


@dataclass
class _Awaiting:
    stamp_ns: int
    deviations: Values
    is_calm: bool = False


class BaselineTracker:
    """Moves the baseline of each channel towards its running median, never faster than a rate.

    A reading counts that was judged calm, and of which nothing within `delay` before or after was judged
    otherwise. It is waited for twice that time: so a verdict may be late by nearly `delay` and changes
    nothing of what comes out. `track` and `judge` may be called by two threads.

    Args:
        settings: how.
        channels: how many there are, C.
    """

    def __init__(self, settings: TrackingSettings, channels: int) -> None:
        self._settings = settings
        self._drift = np.zeros(channels, dtype=np.float32)
        self._awaiting: deque[_Awaiting] = deque()
        self._newest_ns: int | None = None
        self._counted_ns: int | None = None
        self._suspicions_ns: deque[int] = deque()
        self._lock = threading.Lock()

    @property
    def drift(self) -> Values:
        """How far the baseline has been moved, ln(Rs/R0), shape (C,)."""
        return self._drift

    @property
    def waiting(self) -> int:
        """Readings that wait until they are old enough: at most one a second."""
        return len(self._awaiting)

    def track(self, stamp_ns: int, deviations: Values) -> Values:
        """Take in a reading, shape (C,), NaN where a channel has none; return it from the moved baseline.

        Args:
            stamp_ns: its stamp. Where that goes back, or a pause of `delay` was before it, no earlier reading
                counts any more.
            deviations: its ln(Rs/R0) from the baseline of the calibration.
        """
        with self._lock:
            newest_ns = self._newest_ns
            if newest_ns is not None and not 0 <= stamp_ns - newest_ns < self._settings.delay_ns:
                self._begin_anew()
            self._newest_ns = stamp_ns
            self._count_until(stamp_ns - 2 * self._settings.delay_ns)
            if not self._awaiting or stamp_ns - self._awaiting[-1].stamp_ns >= _SPACING_NS:
                self._awaiting.append(_Awaiting(stamp_ns, deviations))
            return deviations - self._drift

    def judge(self, stamp_ns: int, is_calm: bool) -> None:
        """Say whether the verdict on the reading of a stamp leaves no doubt that the air is clean."""
        with self._lock:
            if not is_calm:
                if not self._suspicions_ns or abs(stamp_ns - self._suspicions_ns[-1]) >= _SPACING_NS:
                    self._suspicions_ns.append(stamp_ns)
                return
            for awaiting in reversed(self._awaiting):
                if awaiting.stamp_ns <= stamp_ns:
                    awaiting.is_calm |= awaiting.stamp_ns == stamp_ns
                    return

    def forget(self) -> None:
        """Begin anew: no reading so far counts any more. The baseline stays where it has been moved to."""
        with self._lock:
            self._newest_ns = None
            self._begin_anew()

    def _begin_anew(self) -> None:
        self._awaiting.clear()
        self._suspicions_ns.clear()
        self._counted_ns = None

    def _count_until(self, stamp_ns: int) -> None:
        delay_ns = self._settings.delay_ns
        while self._awaiting and self._awaiting[0].stamp_ns <= stamp_ns:
            awaiting = self._awaiting.popleft()
            near = (one for one in self._suspicions_ns if abs(one - awaiting.stamp_ns) < delay_ns)
            if awaiting.is_calm and next(near, None) is None:
                self._count(awaiting)
        while self._suspicions_ns and self._suspicions_ns[0] <= stamp_ns - delay_ns:
            self._suspicions_ns.popleft()

    def _count(self, calm: _Awaiting) -> None:
        """Move the baseline by a step of the rate towards a reading: so it comes to lie at the median."""
        before_ns, self._counted_ns = self._counted_ns, calm.stamp_ns
        elapsed_ns = _SPACING_NS if before_ns is None else min(calm.stamp_ns - before_ns, _LONGEST_STEP_NS)
        step = self._settings.rate * elapsed_ns / _NS_PER_HOUR
        towards = np.nan_to_num(calm.deviations - self._drift, nan=0.0, posinf=0.0, neginf=0.0)
        moved = self._drift + np.clip(towards, -step, step)
        limit = self._settings.limit
        self._drift = np.clip(moved, -limit, limit).astype(np.float32)
