"""The trail is bounded, keeps the highest probability between its points, and shows what is not known."""

from __future__ import annotations

import itertools
import math

from hypothesis import given
from hypothesis import strategies as st

from gas_fusion_ros.base.observation import RobotPose
from gas_fusion_ros.view.trail import Trail


def test_what_is_sensed_between_two_points_is_kept() -> None:
    trail = Trail(points=10, spacing_m=1.0)
    for x, probability in ((0.0, 0.1), (0.3, 0.9), (0.6, None), (1.0, None)):
        trail.add(RobotPose(x, 0.0), probability)
    assert [(one.x, one.leak_probability) for one in trail.points] == [(0.0, 0.9), (1.0, None)]


def test_another_frame_begins_anew() -> None:
    trail = Trail(points=10, spacing_m=1.0)
    trail.add(RobotPose(0.0, 0.0, frame_id="odom"), 0.0)
    trail.add(RobotPose(50.0, 0.0, frame_id="map"), 0.0)
    assert trail.frame_id == "map"
    assert [one.x for one in trail.points] == [50.0]


@given(st.lists(st.floats(allow_nan=True), max_size=50), st.integers(2, 5))
def test_never_more_points_than_asked_for_and_none_that_is_no_place(places: list[float], most: int) -> None:
    trail = Trail(points=most, spacing_m=0.5)
    for x in places:
        trail.add(RobotPose(x, 0.0), 0.5)
    points = trail.points
    assert len(points) <= most
    assert all(math.isfinite(one.x) for one in points)
    assert all(abs(one.x - other.x) >= 0.5 for one, other in itertools.pairwise(points))
