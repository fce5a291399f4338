"""The readings of the last minutes, thinned so that they are never many."""

from __future__ import annotations

from collections import deque

import numpy as np
import numpy.typing as npt

_LONGEST_PAUSE = 0.1


class RecentReadings:
    """Keeps the readings of a stretch of time that ends with the newest. Not thread-safe.

    A pause of more than a tenth of the stretch begins it anew, for nobody knows what the array was in
    between; so does a time that goes back.

    Args:
        duration_ns: length of the stretch, above 0.
        most: readings kept at most, but for one or two; of more, those that come too soon after another are
            left out.

    Raises:
        ValueError: one of the two is not above 0.
    """

    def __init__(self, duration_ns: int, most: int) -> None:
        if duration_ns <= 0 or most <= 0:
            raise ValueError(f"duration_ns and most must be above 0, not {duration_ns} and {most}")
        self.duration_ns = duration_ns
        self._spacing_ns = -(-duration_ns // most)
        self._heard_ns: int | None = None
        self._kept: deque[tuple[int, npt.NDArray[np.float32]]] = deque()

    def add(self, at_ns: int, reading: npt.NDArray[np.float32]) -> None:
        """Take in a reading.

        Args:
            at_ns: when it came, nanoseconds of any clock.
            reading: shape (C,), kept as it is; always the same C.
        """
        if self._heard_ns is not None:
            step_ns = at_ns - self._heard_ns
            if step_ns < 0 or step_ns > _LONGEST_PAUSE * self.duration_ns:
                self._kept.clear()
        self._heard_ns = at_ns
        if self._kept and at_ns - self._kept[-1][0] < self._spacing_ns:
            return
        self._kept.append((at_ns, reading))
        while len(self._kept) > 1 and self._kept[1][0] <= at_ns - self.duration_ns:
            self._kept.popleft()

    def __len__(self) -> int:
        return len(self._kept)

    @property
    def covered_ns(self) -> int:
        """Time from the oldest reading to the newest; `duration_ns` and more once the stretch is full."""
        return self._kept[-1][0] - self._kept[0][0] if self._kept else 0

    @property
    def missing_ns(self) -> int:
        """Time that the stretch still lacks."""
        return max(0, self.duration_ns - self.covered_ns)

    @property
    def times_ns(self) -> npt.NDArray[np.int64]:
        """When each came, shape (N,), ascending."""
        return np.array([at_ns for at_ns, _ in self._kept], dtype=np.int64)

    @property
    def readings(self) -> npt.NDArray[np.float32]:
        """All of them, oldest first, shape (N, C); shape (0,) where there is none."""
        return np.array([reading for _, reading in self._kept], dtype=np.float32)
