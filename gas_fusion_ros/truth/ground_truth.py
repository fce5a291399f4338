"""What a simulation or a recording really holds, where that is known beforehand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gas_fusion_ros.base.observation import CLEAN_AIR, RobotPose
from gas_fusion_ros.base.units import NANOSECONDS_PER_SECOND
from gas_fusion_ros.simulation.patrol import Patrol
from gas_fusion_ros.truth.labels import gaps_between, merge_intervals
from gas_fusion_ros.truth.scoring import Interval, Leak, label_intervals, leaks_of
from gas_fusion_ros.truth.track import TruthTrack

START_S = 1000.0
"""The first simulated second: above zero, for a stamp of zero is no time; a multiple of every period."""
MAP_FRAME = "map"
"""Frame of a patrol's poses."""


@dataclass(frozen=True)
class GroundTruth:
    """What was really there.

    Attributes:
        intervals: which class was there when, in time order and without gaps.
        leaks: when there was gas, in time order.
    """

    intervals: tuple[Interval, ...]
    leaks: tuple[Leak, ...]

    def label(self, now_ns: int) -> str:
        """The class at a stamp; clean air before the first interval, and the last one holds on."""
        return next((one.label for one in reversed(self.intervals) if one.start_ns <= now_ns), CLEAN_AIR)

    def track(self, grace_ns: int) -> TruthTrack:
        """The same, to count verdicts beside it; see `TruthTrack`."""
        track = TruthTrack(self.intervals, grace_ns)
        track.hear_leaks(self.leaks)
        return track


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
    gas = [Interval(leak.label, leak.start_ns, leak.end_ns) for leak in leaks]
    clean = gaps_between(gas, CLEAN_AIR, stamp_ns(0.0), stamp_ns(patrol.duration_s))
    return GroundTruth(tuple(merge_intervals([*gas, *clean])), leaks)


def labelled_truth(labels: Sequence[tuple[int, str]], end_ns: int) -> GroundTruth:
    """The truth of labelled readings, stretches with gas being leaks.

    Args:
        labels: (stamp_ns, class) of each, in time order; at least one.
        end_ns: until when the last one holds.
    """
    leaks = leaks_of(label_intervals(labels))
    return GroundTruth(tuple(label_intervals([*labels, (end_ns, labels[-1][1])])), tuple(leaks))


def patrol_pose(patrol: Patrol, elapsed_s: float, stamp_ns: int) -> RobotPose:
    """Where the robot is `elapsed_s` seconds into the patrol."""
    at = patrol.pose(elapsed_s)
    return RobotPose(at.x, at.y, yaw=at.yaw, frame_id=MAP_FRAME, stamp_ns=stamp_ns)
