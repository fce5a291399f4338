"""The place of a leak: found, sharpened, told with its uncertainty, and none where nothing is known."""

from __future__ import annotations

import math

import numpy as np
import pytest

from gas_fusion_ros.base.observation import RobotPose
from gas_fusion_ros.mapping.leak_places import (
    MOST_LEAKS,
    LeakPlaces,
    PlacedReading,
    evidence_of,
    is_usable,
)
from gas_fusion_ros.mapping.settings import MappingSettings, PipeSettings

LEFT = MappingSettings(pipe=PipeSettings("left", 1.0, 4.0))
SPEED, LEAK_M, HALF_M = 0.5, 50.0, 10.0


def answer(time_s: float) -> float:
    """How far the sensors have gone to the gas, 0..1."""
    begin_s, end_s = (LEAK_M - HALF_M) / SPEED, (LEAK_M + HALF_M) / SPEED
    risen = 1.0 - math.exp(-max(0.0, min(time_s, end_s) - begin_s) / 5.0)
    return risen * math.exp(-max(0.0, time_s - end_s) / 9.0)


def reading(time_s: float, along_m: float, heading: float = 0.0, gas: float | None = None) -> PlacedReading:
    pose = RobotPose(along_m * math.cos(heading), along_m * math.sin(heading))
    share = answer(time_s) if gas is None else gas
    return PlacedReading(round(time_s * 1e9), pose, 0.98 if share > 0.3 else 0.02, 0.05 + 0.5 * share)


def walked(until_s: float, settings: MappingSettings = LEFT, heading: float = 0.0) -> LeakPlaces:
    places = LeakPlaces(settings)
    for time_s in np.arange(0.0, until_s, 0.5).tolist():
        places.add(reading(time_s, SPEED * time_s, heading))
        if time_s == 92.0:
            places.begin(1, "Smoke", round(time_s * 1e9))
    return places


def found(places: LeakPlaces) -> tuple[float, float, float]:
    """x, y and the standard deviation along x of leak 1."""
    place = places.place(1)
    assert place is not None
    return place.x, place.y, math.sqrt(place.covariance[0])


def test_leak_is_found_once_the_robot_has_passed() -> None:
    x, y, deviation = found(walked(150.0))
    assert x == pytest.approx(LEAK_M, abs=2.0)
    assert y == pytest.approx(LEFT.pipe.offset_m)
    assert abs(x - LEAK_M) < 2.5 * deviation < 5.0


def test_place_is_sharper_after_passing_than_at_the_alarm() -> None:
    assert found(walked(150.0))[2] < 0.6 * found(walked(95.0))[2]


def test_other_heading_gives_the_same_place_turned() -> None:
    ahead = walked(150.0).place(1)
    turned = walked(150.0, heading=math.pi / 2).place(1)
    assert ahead is not None
    assert turned is not None
    assert (turned.x, turned.y) == pytest.approx((-ahead.y, ahead.x), abs=1e-6)
    assert turned.covariance == pytest.approx(
        (ahead.covariance[2], -ahead.covariance[1], ahead.covariance[0]), abs=1e-6
    )


def test_unknown_side_leaves_the_leak_on_the_path_and_says_how_unsure_that_is() -> None:
    place = walked(150.0, MappingSettings()).place(1)
    assert place is not None
    assert place.y == pytest.approx(0.0, abs=1e-6)
    assert math.sqrt(place.covariance[2]) > 2.0


def test_next_leak_on_a_new_path_does_not_move_one_that_is_over() -> None:
    places = walked(150.0)
    places.end(1)
    before = places.place(1)
    for time_s in np.arange(150.0, 220.0, 0.5).tolist():
        places.add(reading(time_s, SPEED * time_s + 5.0, gas=1.0))
    after = places.place(1)
    assert before is not None
    assert after is not None
    assert (after.x, after.y) == (before.x, before.y)


def test_new_alarm_takes_the_new_way_from_one_that_stands_on() -> None:
    places = walked(150.0)
    before = places.place(1)
    for time_s in np.arange(150.0, 220.0, 0.5).tolist():
        places.add(reading(time_s, SPEED * time_s, gas=float(time_s >= 155.0)))
        if time_s == 150.0:
            places.begin(2, "Smoke", round(time_s * 1e9))
    after = places.place(1)
    assert before is not None
    assert after is not None
    assert after.x == pytest.approx(before.x, abs=0.1)
    new = places.place(2)
    assert new is not None
    assert new.x > 80.0


@pytest.mark.parametrize(("side", "sign"), [("left", 1.0), ("right", -1.0)])
def test_pipe_runs_between_the_distances_nine_times_in_ten(side: str, sign: float) -> None:
    pipe = PipeSettings(side, 1.0, 4.0)
    drawn = np.exp(np.random.default_rng(0).normal(math.log(2.0), math.log(4.0) / 3.29, 200_000))
    assert ((drawn > 1.0) & (drawn < 4.0)).mean() == pytest.approx(0.9, abs=0.005)
    assert pipe.offset_m == pytest.approx(sign * drawn.mean(), abs=0.02)
    assert pipe.offset_deviation_m == pytest.approx(drawn.std(), abs=0.02)
    unknown = PipeSettings("unknown", 1.0, 4.0)
    assert unknown.offset_m == 0.0
    assert unknown.offset_deviation_m == pytest.approx(math.sqrt(np.square(drawn).mean()), abs=0.02)


def test_distance_that_is_known_has_no_spread() -> None:
    pipe = PipeSettings("left", 2.0, 2.0)
    assert (pipe.offset_m, pipe.offset_deviation_m) == (pytest.approx(2.0), pytest.approx(0.0))
    assert math.isfinite(PipeSettings("left", 0.0, 0.0).offset_m)


def test_later_pass_sharpens_the_place() -> None:
    places = walked(150.0)
    places.end(1)
    before = found(places)[2]
    for time_s in np.arange(0.0, 150.0, 0.5).tolist():
        places.add(reading(1000.0 + time_s, SPEED * time_s, gas=answer(time_s)))
    x, _, after = found(places)
    assert after < before
    assert x == pytest.approx(LEAK_M, abs=2.0)


def test_departure_alone_finds_a_gas_that_nobody_taught() -> None:
    places = LeakPlaces(LEFT)
    for time_s in np.arange(0.0, 160.0, 0.5).tolist():
        departure = 0.05 + 1.5 * (answer(time_s) > 0.5)
        evidence = evidence_of({"NoGas": 1.0, "Smoke": 0.0}, departure)
        places.add(PlacedReading(round(time_s * 1e9), RobotPose(SPEED * time_s, 0.0), evidence, departure))
        if time_s == 92.0:
            places.begin(1, "Unknown", round(time_s * 1e9))
    assert found(places)[0] == pytest.approx(LEAK_M, abs=2.0)


def test_alarm_before_any_reading_has_no_place() -> None:
    places = LeakPlaces(LEFT)
    places.begin(1, "Smoke", 10)
    assert places.place(1) is None
    assert places.place(7) is None


def test_standing_robot_has_a_finite_place() -> None:
    places = LeakPlaces(LEFT)
    for second in range(60):
        places.add(reading(float(second), 3.0, gas=float(second > 30)))
    places.begin(1, "Smoke", round(45e9))
    places.add(reading(61.0, 3.0, gas=1.0))
    assert all(math.isfinite(value) for value in found(places))


def test_number_of_leaks_is_bounded() -> None:
    places = LeakPlaces(LEFT)
    places.add(reading(0.0, 0.0))
    for alarm in range(1, MOST_LEAKS + 3):
        places.begin(alarm, "Smoke", 0)
    assert places.alarms == tuple(range(3, MOST_LEAKS + 3))
    assert places.place(1) is not None


def test_distances_in_the_wrong_order_are_refused() -> None:
    with pytest.raises(ValueError, match=r"pipe\.nearest must not be above pipe\.farthest, not 5 and 2"):
        PipeSettings("left", 5.0, 2.0)


@pytest.mark.parametrize("departure", [0.0, 1e300, None])
def test_hostile_values_leave_a_finite_place(departure: float | None) -> None:
    places = LeakPlaces(LEFT)
    for second, x in enumerate((0.0, 1e8, -1e8, 3.0, 4.0)):
        places.add(PlacedReading(second * 10**9, RobotPose(x, -x), 0.5, departure))
        places.begin(1, "Smoke", 0)
    assert all(math.isfinite(value) for value in found(places))


@pytest.mark.parametrize("x", [math.nan, math.inf, 1e300])
def test_pose_that_is_no_place(x: float) -> None:
    assert not is_usable(RobotPose(x, 0.0))


def test_kernel_of_too_many_cells_is_refused() -> None:
    with pytest.raises(ValueError, match=r"map_kernel must be at most 10 times map_cell, not 5 m of 0\.05 m"):
        MappingSettings(cell_m=0.05, kernel_m=5.0)
