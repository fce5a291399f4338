"""What a simulation or a recording really holds, where that is known beforehand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from gas_fusion_ros.base.observation import CLEAN_AIR, RobotPose
from gas_fusion_ros.base.units import NANOSECONDS_PER_SECOND
from gas_fusion_ros.simulation.patrol import Patrol
from gas_fusion_ros.truth.scoring import Leak

START_S = 1000.0
"""The first simulated second: above zero, for a stamp of zero is no time; a multiple of every period."""
MAP_FRAME = "map"
"""Frame of a patrol's poses."""


@dataclass(frozen=True)
class GroundTruth:
    """What was really there.

    Attributes:
        label: the class at a stamp in nanoseconds.
        leaks: when there was gas, in time order.
    """

    label: Callable[[int], str]
    leaks: tuple[Leak, ...]


def patrol_truth(patrol: Patrol) -> GroundTruth:
    """The class of the air at the robot, and each leak with the time its signs last."""

    def stamp_ns(seconds: float) -> int:
        return round((START_S + seconds) * NANOSECONDS_PER_SECOND)

    leaks = tuple(
        Leak(
            one.gas,
            stamp_ns(one.start_s),
            stamp_ns(one.end_s),
            first_sign_ns=stamp_ns(one.first_sign_s),
            recovered_ns=stamp_ns(one.recovered_s),
            place=(one.x, one.y),
        )
        for one in patrol.encounters
    )

    def label(now_ns: int) -> str:
        # By whole nanoseconds, as a bag has them: seconds differ by a rounding error at a leak's ends.
        return next((leak.label for leak in leaks if leak.start_ns <= now_ns < leak.end_ns), CLEAN_AIR)

    return GroundTruth(label, leaks)


def patrol_pose(patrol: Patrol, elapsed_s: float, stamp_ns: int) -> RobotPose:
    """Where the robot is `elapsed_s` seconds into the patrol."""
    at = patrol.pose(elapsed_s)
    return RobotPose(at.x, at.y, yaw=at.yaw, frame_id=MAP_FRAME, stamp_ns=stamp_ns)
