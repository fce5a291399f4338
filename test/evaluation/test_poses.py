"""Where the robot was at any moment that may still be asked for, and no more of it than that."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gas_fusion_ros.base.observation import RobotPose
from gas_fusion_ros.evaluation.poses import PoseTrail, place_of
from gas_fusion_ros.evaluation.schema import Place


def at(x: float) -> RobotPose:
    return RobotPose(x, 0.0)


def test_before_the_first_pose_nobody_knows() -> None:
    trail = PoseTrail(reach_ns=100)
    assert trail.at(5) is None
    trail.hear(10, at(1.0))
    assert trail.at(9) is None
    assert trail.at(10) == trail.at(10_000) == at(1.0)


@given(
    st.lists(st.tuples(st.integers(0, 30), st.booleans(), st.integers(0, 25)), max_size=60),
)
def test_it_is_the_last_pose_heard_by_then(drawn: list[tuple[int, bool, int]]) -> None:
    """Poses and other messages come; after each message, moments up to the reach may be asked for."""
    trail, everything, settled_ns, now_ns = PoseTrail(reach_ns=25), [], 0, 0
    for step_ns, is_pose, ahead_ns in drawn:
        now_ns += step_ns
        if is_pose:
            pose = at(float(len(everything)))
            trail.hear(now_ns, pose)
            everything.append((now_ns, pose))
        else:
            for moment_ns in (min(settled_ns + ahead_ns, now_ns), now_ns):
                known = [pose for heard_ns, pose in everything if heard_ns <= moment_ns]
                assert trail.at(moment_ns) == (known[-1] if known else None)
            trail.settle(now_ns)
            settled_ns = now_ns


def test_it_does_not_grow_while_nothing_else_comes() -> None:
    trail = PoseTrail(reach_ns=10)
    trail.settle(100)
    for now_ns in range(100, 10_000):
        trail.hear(now_ns, at(float(now_ns)))
    assert len(trail) <= 12
    assert trail.at(104) == at(104.0)
    assert trail.at(10_000) == at(9999.0)
    trail.settle(10_000)
    assert len(trail) == 1
    assert trail.at(10_000) == at(9999.0)


def test_a_place_is_what_a_report_tells_of_a_pose() -> None:
    assert place_of(RobotPose(1.5, -2.0, 0.3, 0.7, "odom", 12)) == Place(1.5, -2.0, "odom", 12)
    assert place_of(RobotPose(1.5, -2.0, math.nan, math.nan)) == Place(1.5, -2.0, "map", 0)
    assert place_of(None) is None


@pytest.mark.parametrize("lost", [math.nan, math.inf, -math.inf])
def test_what_is_no_number_is_no_place(lost: float) -> None:
    assert place_of(RobotPose(lost, 0.0)) is None
    assert place_of(RobotPose(0.0, lost)) is None


def test_the_trail_is_bounded_where_time_stands_still() -> None:
    trail = PoseTrail(10**12)
    for number in range(70_000):
        trail.hear(number, RobotPose(float(number), 0.0))
    assert len(trail) == 65_536
    newest = trail.at(10**9)
    assert newest is not None
    assert newest.x == 69_999.0
