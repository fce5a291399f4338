"""The ellipse holds what it says, and estimates of one leak are one leak."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gas_fusion_ros.base.leak_places import MOST_LEAKS, HeardLeaks, LeakPlace

ROUND = LeakPlace(0.0, 0.0, 1.0, 0.0, 1.0, "map")


def moved(x: float, y: float = 0.0, variance: float = 1.0, frame_id: str = "map") -> LeakPlace:
    return LeakPlace(x, y, variance, 0.0, variance, frame_id)


@given(st.floats(0.1, 5.0), st.floats(0.1, 5.0), st.floats(-1.5, 1.5))
def test_nine_in_ten_lie_in_the_ellipse(long: float, short: float, yaw: float) -> None:
    long, short = max(long, short), min(long, short)
    turn = np.array([[math.cos(yaw), -math.sin(yaw)], [math.sin(yaw), math.cos(yaw)]])
    covariance = turn @ np.diag([long**2, short**2]) @ turn.T
    place = LeakPlace(0.0, 0.0, covariance[0, 0], covariance[0, 1], covariance[1, 1], "map")
    ellipse = place.ellipse
    points = np.random.default_rng(0).normal(size=(4000, 2)) * (long, short) @ turn.T
    own = np.array(
        [[math.cos(ellipse.yaw), math.sin(ellipse.yaw)], [-math.sin(ellipse.yaw), math.cos(ellipse.yaw)]]
    )
    along = points @ own.T
    inside = (along[:, 0] / ellipse.long_m) ** 2 + (along[:, 1] / ellipse.short_m) ** 2 <= 1
    assert inside.mean() == pytest.approx(0.9, abs=0.02)


def test_a_sharper_estimate_takes_the_place_of_the_one_before() -> None:
    leaks = HeardLeaks()
    leaks.add(moved(0.0, variance=4.0))
    leaks.add(moved(40.0))
    leaks.add(moved(1.5, variance=0.1))
    assert [(one.x, one.xx) for one in leaks.places] == [(40.0, 1.0), (1.5, 0.1)]


def test_what_is_known_tells_nothing() -> None:
    first, second, other = (
        LeakPlace(x, 0.0, 1.0, 0.0, 1.0, "map", stamp) for x, stamp in ((0, 1), (1, 2), (40, 1))
    )
    leaks = HeardLeaks()
    assert [leaks.add(one) for one in (first, second, other)] == [True, True, True]
    # A late subscriber hears the last estimates, old ones among them, anew.
    assert [leaks.add(one) for one in (first, second, other)] == [False, False, False]
    assert leaks.places == (second, other)


def test_leaks_of_two_frames_are_two() -> None:
    assert not ROUND.may_be(moved(0.0, frame_id="odom"))
    assert ROUND.may_be(moved(0.0))


def test_estimates_without_any_spread_are_one_only_at_one_place() -> None:
    assert moved(1.0, variance=0.0).may_be(moved(1.0, variance=0.0))
    assert not moved(1.0, variance=0.0).may_be(moved(1.1, variance=0.0))


def test_leaks_are_bounded() -> None:
    leaks = HeardLeaks()
    for number in range(MOST_LEAKS + 5):
        leaks.add(moved(100.0 * number))
    assert len(leaks.places) == MOST_LEAKS
    assert leaks.places[-1].x == 100.0 * (MOST_LEAKS + 4)


@pytest.mark.parametrize(
    "covariance", [(-1.0, 0.0, 1.0), (1.0, 2.0, 1.0), (math.nan, 0.0, 1.0), (1.0, 0.0, math.inf)]
)
def test_what_is_no_covariance_is_refused(covariance: tuple[float, float, float]) -> None:
    with pytest.raises(ValueError, match="covariance"):
        LeakPlace(0.0, 0.0, *covariance, "map")
