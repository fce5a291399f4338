"""The way that a robot has gone, with what it sensed there; bounded."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from gas_fusion_ros.base.observation import RobotPose


@dataclass(frozen=True)
class TrailPoint:
    """A place on the way.

    Attributes:
        x: metres in the trail's frame.
        y: metres.
        z: metres.
        leak_probability: the highest sensed from there to the next point, 0..1; None where nothing is known.
    """

    x: float
    y: float
    z: float
    leak_probability: float | None


class Trail:
    """The latest points of the way.

    Args:
        points: how many are kept; the oldest give way.
        spacing_m: a pose nearer to the last point is still at that point, metres.

    Attributes:
        frame_id: the frame of all points; empty without any. A pose in another frame begins the trail anew.
    """

    def __init__(self, points: int, spacing_m: float) -> None:
        self.frame_id = ""
        self._spacing_m = spacing_m
        self._points: deque[TrailPoint] = deque(maxlen=points)

    @property
    def points(self) -> Sequence[TrailPoint]:
        """The points, the oldest first."""
        return tuple(self._points)

    def add(self, pose: RobotPose, leak_probability: float | None) -> None:
        """Take in where the robot is, and what it senses there; a pose that is no place is passed over."""
        if not all(map(math.isfinite, (pose.x, pose.y, pose.z))):
            return
        if pose.frame_id != self.frame_id:
            self._points.clear()
            self.frame_id = pose.frame_id
        new = TrailPoint(pose.x, pose.y, pose.z, leak_probability)
        last = self._points[-1] if self._points else None
        if last is None or math.dist((last.x, last.y, last.z), (new.x, new.y, new.z)) >= self._spacing_m:
            self._points.append(new)
        else:
            highest = _highest(last.leak_probability, leak_probability)
            self._points[-1] = TrailPoint(last.x, last.y, last.z, highest)


def _highest(one: float | None, other: float | None) -> float | None:
    known = [value for value in (one, other) if value is not None]
    return max(known, default=None)
