"""Where leaks are estimated to be: each as the ellipse that holds it with a probability of 90 %."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

MOST_LEAKS = 100
"""Kept; the one heard of longest ago gives way."""

_HELD = -2.0 * math.log(1.0 - 0.9)
"""Squared distance, in standard deviations, within which a normal distribution in a plane has 90 %."""
_SAME = -2.0 * math.log(1.0 - 0.99)


@dataclass(frozen=True)
class Ellipse:
    """An ellipse about a place.

    Attributes:
        long_m: the longer half axis, metres.
        short_m: the shorter one.
        yaw: direction of the longer one, radians from x towards y.
    """

    long_m: float
    short_m: float
    yaw: float


@dataclass(frozen=True)
class LeakPlace:
    """An estimate of where a leak is: a normal distribution in the plane.

    Attributes:
        x: mean, metres in `frame_id`.
        y: mean, metres.
        xx: variance of x, square metres.
        xy: covariance of x and y.
        yy: variance of y.
        frame_id: the frame.
        stamp_ns: when it was estimated; 0 where nobody knows.

    Raises:
        ValueError: a number is not finite, or the variances are none.
    """

    x: float
    y: float
    xx: float
    xy: float
    yy: float
    frame_id: str
    stamp_ns: int = 0

    def __post_init__(self) -> None:
        numbers = (self.x, self.y, self.xx, self.xy, self.yy)
        if not all(map(math.isfinite, numbers)):
            raise ValueError(f"its place and covariance are {numbers}; they must be finite numbers")
        if self.xx < 0 or self.yy < 0 or self.xy**2 > self.xx * self.yy * (1 + 1e-6) + 1e-12:
            raise ValueError(
                f"its covariance of x and y is [{self.xx:g}, {self.xy:g}, {self.xy:g}, {self.yy:g}]; it must "
                "be one, with no negative variance"
            )

    @property
    def covariance(self) -> tuple[float, float, float]:
        """xx, xy and yy."""
        return self.xx, self.xy, self.yy

    @property
    def ellipse(self) -> Ellipse:
        """What holds the leak with a probability of 90 %."""
        middle = (self.xx + self.yy) / 2
        apart = math.hypot((self.xx - self.yy) / 2, self.xy)
        return Ellipse(
            long_m=math.sqrt(_HELD * (middle + apart)),
            short_m=math.sqrt(_HELD * max(0.0, middle - apart)),
            yaw=math.atan2(2 * self.xy, self.xx - self.yy) / 2,
        )

    def squared_distance(self, other: LeakPlace) -> float:
        """Return the squared distance from another estimate, in deviations of both; infinite between frames.

        Two estimates without any uncertainty are at one place, or infinitely far apart.
        """
        if self.frame_id != other.frame_id:
            return math.inf
        xx, xy, yy = self.xx + other.xx, self.xy + other.xy, self.yy + other.yy
        dx, dy = self.x - other.x, self.y - other.y
        determinant = xx * yy - xy**2
        if determinant <= 0:
            return 0.0 if dx == dy == 0 else math.inf
        return (yy * dx**2 - 2 * xy * dx * dy + xx * dy**2) / determinant

    def may_be(self, other: LeakPlace) -> bool:
        """Whether both may well be of one leak: 99 in 100 pairs of estimates of one are that near."""
        return self.squared_distance(other) <= _SAME


class HeardLeaks:
    """The leaks heard of, each with its latest estimate; bounded.

    An estimate names no leak. One that may be of a leak that is known takes the place of the one before.

    Args:
        places: those that are known, the one heard of longest ago first.
    """

    def __init__(self, places: Sequence[LeakPlace] = ()) -> None:
        self._places = tuple(places)

    @property
    def places(self) -> tuple[LeakPlace, ...]:
        """The latest estimate of each, the one heard of longest ago first."""
        return self._places

    def add(self, place: LeakPlace) -> bool:
        """Take an estimate in.

        Returns:
            Whether it tells anything: not where it is known, or a later one of the same leak is.
        """
        same = [one for one in self._places if place.may_be(one)]
        if place in same or any(one.stamp_ns > place.stamp_ns for one in same):
            return False
        others = [one for one in self._places if one not in same]
        self._places = (*others, place)[-MOST_LEAKS:]
        return True
