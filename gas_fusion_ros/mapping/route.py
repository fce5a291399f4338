"""The way that a robot has gone, as a line with a length: where on it a pose is, and what lies beside it."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]

_SPACING_M = 0.1
"""Between two points of the line: finer than any pose is known."""
_MOST_POINTS = 4096


class Route:
    """A line from its first point on, grown by each pose that is not beside it already.

    Who turns back, or passes again, goes along the same line. Grows to 4096 points, some 400 m at least.

    Args:
        x: first point, metres.
        y: first point, metres.
        tolerance_m: a pose within this distance of the line is on it.
    """

    def __init__(self, x: float, y: float, tolerance_m: float) -> None:
        self._tolerance_m = tolerance_m
        self._points = np.empty((_MOST_POINTS, 2))
        self._lengths = np.zeros(_MOST_POINTS)
        self._points[0] = x, y
        self._count = 1

    @property
    def length_m(self) -> float:
        """How long the line is."""
        return float(self._lengths[self._count - 1])

    def locate(self, x: float, y: float) -> float | None:
        """Return how far along the line a point is, metres; None where it is not on it."""
        gaps = np.hypot(*(self._points[: self._count] - (x, y)).T)
        nearest = int(gaps.argmin())
        return None if gaps[nearest] > self._tolerance_m else self._beside(nearest, x, y)

    def follow(self, x: float, y: float) -> float | None:
        """Return how far along the line a pose is, which is its new end where it is not on it.

        None where the line has no room left.
        """
        at = self.locate(x, y)
        end_x, end_y = self._points[self._count - 1]
        step = math.hypot(x - end_x, y - end_y)
        is_onward = at is None or at >= self.length_m
        if step < _SPACING_M or not is_onward:
            return at
        if self._count == _MOST_POINTS:
            return at
        self._points[self._count] = x, y
        self._lengths[self._count] = self.length_m + step
        self._count += 1
        return self.length_m

    def at(self, along_m: float) -> tuple[float, float, float]:
        """Return x, y and heading (radians) at a distance along the line, straight on beyond its ends."""
        points, lengths = self._points[: self._count], self._lengths[: self._count]
        heading = self._heading(along_m)
        inside = min(max(along_m, 0.0), self.length_m)
        x = float(np.interp(inside, lengths, points[:, 0]))
        y = float(np.interp(inside, lengths, points[:, 1]))
        beyond = along_m - inside
        return x + beyond * math.cos(heading), y + beyond * math.sin(heading), heading

    def _beside(self, nearest: int, x: float, y: float) -> float:
        """How far along the line the foot of a point is that is nearest to one of the line's."""
        heading = self._heading(float(self._lengths[nearest]))
        off_x, off_y = np.array((x, y)) - self._points[nearest]
        return float(self._lengths[nearest] + off_x * math.cos(heading) + off_y * math.sin(heading))

    def _heading(self, along_m: float, reach_m: float = 1.0) -> float:
        """The line's direction about a place: of the chord a metre to both sides, as far as it goes."""
        points, lengths = self._points[: self._count], self._lengths[: self._count]
        ends = np.clip((along_m - reach_m, along_m + reach_m), (0.0, 0.0), self.length_m)
        if along_m >= self.length_m:
            ends[0] = max(0.0, self.length_m - 2.0 * reach_m)
        if along_m <= 0.0:
            ends[1] = min(self.length_m, 2.0 * reach_m)
        x, y = (np.interp(ends, lengths, points[:, axis]) for axis in (0, 1))
        return math.atan2(y[1] - y[0], x[1] - x[0])
