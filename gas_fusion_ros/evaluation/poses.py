"""Where the robot was, from the poses of a bag as they come."""

from __future__ import annotations

import math
from collections import deque

from gas_fusion_ros.base.leak_places import LeakPlace
from gas_fusion_ros.base.observation import RobotPose
from gas_fusion_ros.evaluation.schema import LeakPose, Place

_MOST_POSES = 65_536
"""More than a thousand a second for a minute."""


class PoseTrail:
    """The poses heard, as far back as an event may still be dated.

    Poses let no time pass for the pipeline: what falls due between two readings or images is told only with
    the second, after the poses in between.

    Args:
        reach_ns: how long after a reading or image something may fall due by time alone.
    """

    def __init__(self, reach_ns: int) -> None:
        self._reach_ns = reach_ns
        self._settled_ns = 0
        self._heard: deque[tuple[int, RobotPose]] = deque(maxlen=_MOST_POSES)

    def __len__(self) -> int:
        """How many are kept."""
        return len(self._heard)

    def hear(self, recorded_ns: int, pose: RobotPose) -> None:
        """The robot is there, as was recorded at `recorded_ns`, which never goes back."""
        # Of those beyond the reach the last one is enough: a pause without anything else may be long.
        if self._heard and self._heard[-1][0] > self._settled_ns + self._reach_ns:
            self._heard.pop()
        self._heard.append((recorded_ns, pose))

    def settle(self, now_ns: int) -> None:
        """Nothing before `now_ns` will be asked for any more."""
        self._settled_ns = now_ns
        while len(self._heard) > 1 and self._heard[1][0] <= now_ns:
            self._heard.popleft()

    def at(self, moment_ns: int) -> RobotPose | None:
        """The last pose recorded up to a moment; None before the first."""
        return next((pose for heard_ns, pose in reversed(self._heard) if heard_ns <= moment_ns), None)


def place_of(pose: RobotPose | None) -> Place | None:
    """What a report tells of a pose; None without one, and where it is no place: NaN or infinite."""
    if pose is None or not (math.isfinite(pose.x) and math.isfinite(pose.y)):
        return None
    return Place(pose.x, pose.y, pose.frame_id, pose.stamp_ns)


def leak_pose_of(place: LeakPlace) -> LeakPose:
    """What a report tells of the place of a leak, to the centimetre."""
    xx, xy, yy = (round(value, 4) for value in place.covariance)
    return LeakPose(round(place.x, 2), round(place.y, 2), ((xx, xy), (xy, yy)), place.frame_id)
