"""A path knows how far along it a pose is, also when the robot comes again."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gas_fusion_ros.mapping.route import Route


def walk(route: Route, heading: float, metres: int) -> list[float | None]:
    steps = [0.2 * number for number in range(1, 5 * metres + 1)]
    return [route.follow(step * math.cos(heading), step * math.sin(heading)) for step in steps]


@settings(max_examples=20, deadline=None)
@given(st.floats(-math.pi, math.pi), st.integers(3, 30))
def test_straight_path_is_as_long_as_the_way(heading: float, metres: int) -> None:
    route = Route(0.0, 0.0, 0.5)
    alongs = walk(route, heading, metres)
    assert alongs[-1] == pytest.approx(metres, abs=1e-6)
    x, y, told = route.at(metres + 2.0)
    assert (x, y) == pytest.approx(((metres + 2) * math.cos(heading), (metres + 2) * math.sin(heading)))
    assert math.cos(told - heading) == pytest.approx(1.0)


def test_who_turns_back_goes_along_the_same_path() -> None:
    route = Route(0.0, 0.0, 0.5)
    walk(route, 0.0, 10)
    assert route.follow(6.03, 0.2) == pytest.approx(6.03, abs=0.01)
    assert route.length_m == pytest.approx(10.0)


def test_place_beside_the_path_is_not_on_it() -> None:
    route = Route(0.0, 0.0, 0.5)
    walk(route, 0.0, 10)
    assert route.locate(5.0, 0.6) is None
    assert route.locate(5.0, 0.4) == pytest.approx(5.0, abs=0.01)


def test_standing_robot_makes_no_path() -> None:
    route = Route(1.0, 2.0, 0.5)
    assert route.follow(1.01, 2.0) == pytest.approx(0.0, abs=0.02)
    assert route.at(0.0)[:2] == pytest.approx((1.0, 2.0))
    assert route.length_m == 0.0


def test_path_has_an_end() -> None:
    route = Route(0.0, 0.0, 0.5)
    alongs = [route.follow(float(step), 0.0) for step in range(1, 5000)]
    assert alongs[-1] is None
    assert route.length_m == 4095.0
