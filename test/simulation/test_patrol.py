"""A patrol is one world per seed, and its truth is honest about the gas."""

from __future__ import annotations

import hashlib
import itertools
import math
import subprocess
import sys

import numpy as np
import pytest

from gas_fusion_ros.base.observation import PAPER_CHANNELS
from gas_fusion_ros.simulation.patrol import LEAK_GASES, Patrol, PatrolSettings
from gas_fusion_ros.simulation.plume import LEAK_THRESHOLD

_DIGEST = """
import hashlib
from gas_fusion_ros.simulation.patrol import Patrol
patrol = Patrol(7, 300.0, 2)
times = [250.3, 0.0, 120.125, 88.8]
data = b"".join(patrol.reading(t).tobytes() + patrol.frame(t).tobytes() for t in times)
print(hashlib.sha256(data + repr((patrol.encounters, patrol.pose(99.9))).encode()).hexdigest())
"""


@pytest.fixture(scope="module")
def patrol() -> Patrol:
    return Patrol(0)


def times_in_gas(patrol: Patrol, step_s: float = 0.5) -> list[float]:
    return [t for one in patrol.encounters for t in np.arange(one.start_s, one.end_s, step_s)]


def test_values_do_not_depend_on_the_order_of_asking(patrol: Patrol) -> None:
    times = [400.0, 12.34, 599.9, 160.0]
    forward = [(patrol.reading(t), patrol.frame(t)) for t in times]
    other = Patrol(0)
    for (reading, frame), t in zip(reversed(forward), reversed(times), strict=True):
        np.testing.assert_array_equal(other.reading(t), reading)
        np.testing.assert_array_equal(other.frame(t), frame)


def test_another_process_sees_the_same_world() -> None:
    digests = {
        subprocess.run([sys.executable, "-c", _DIGEST], check=True, capture_output=True, text=True).stdout
        for _ in range(2)
    }
    assert len(digests) == 1
    patrol = Patrol(7, 300.0, 2)
    times = [250.3, 0.0, 120.125, 88.8]
    data = b"".join(patrol.reading(t).tobytes() + patrol.frame(t).tobytes() for t in times)
    here = hashlib.sha256(data + repr((patrol.encounters, patrol.pose(99.9))).encode()).hexdigest()
    assert digests.pop().strip() == here


def test_another_seed_gives_another_world(patrol: Patrol) -> None:
    other = Patrol(1)
    assert other.encounters != patrol.encounters
    assert (other.reading(10.0) != patrol.reading(10.0)).any()


def test_a_rounding_error_of_the_clock_changes_nothing_visible(patrol: Patrol) -> None:
    np.testing.assert_allclose(patrol.frame(45.25), patrol.frame(45.25 + 1e-7), atol=1e-3)


@pytest.mark.parametrize(
    ("duration_s", "leaks"), [(60.0, 0), (150.0, 1), (600.0, 3), (600.0, 6), (3600.0, 39)]
)
@pytest.mark.parametrize("seed", range(4))
def test_leaks_keep_their_distance(seed: int, duration_s: float, leaks: int) -> None:
    patrol = Patrol(seed, duration_s, leaks)
    assert len(patrol.encounters) == leaks
    edges = [0.0, *(t for one in patrol.encounters for t in (one.start_s, one.end_s)), duration_s]
    gaps = np.diff(edges)
    assert (gaps[0::2] >= 60.0 - 1e-6).all()
    assert (gaps[1::2] >= 30.0 - 1e-6).all()
    assert (gaps[1::2] <= 70.0 + 1e-6).all()


@pytest.mark.parametrize("clean_s", [0.0, 1.0, 20.0])
@pytest.mark.parametrize("encounter_s", [(1.0, 1.0), (20.0, 40.0)])
@pytest.mark.parametrize("leaks", [1, 2, 30])
@pytest.mark.parametrize("seed", range(4))
def test_leaks_may_follow_so_closely_that_the_array_does_not_recover(
    clean_s: float, encounter_s: tuple[float, float], leaks: int, seed: int
) -> None:
    settings = PatrolSettings(clean_s=clean_s, encounter_s=encounter_s)
    patrol = Patrol(seed, 60.0, min(leaks, settings.max_leaks(60.0)), settings)
    for one in patrol.encounters:
        assert one.first_sign_s <= one.start_s < one.end_s < one.recovered_s
    times = np.arange(0.0, 60.0, 1.0)
    assert all(patrol.activation(t) < 0.06 for t in times if patrol.clean(t))
    assert all(np.isfinite(patrol.reading(t)).all() for t in times)


@pytest.mark.parametrize("seed", range(4))
def test_leaks_may_follow_within_a_step_of_the_readings_grid(seed: int) -> None:
    patrol = Patrol(seed, 60.0, 30, PatrolSettings(clean_s=0.0, encounter_s=(0.05, 0.1)))
    assert len(patrol.encounters) == 30
    assert np.isfinite([patrol.reading(t) for t in np.arange(0.0, 60.0, 0.25)]).all()


@pytest.mark.parametrize("seed", range(5))
def test_the_gases_vary(seed: int) -> None:
    assert {one.gas for one in Patrol(seed).encounters} == set(LEAK_GASES)


@pytest.mark.parametrize(
    ("seed", "duration_s", "leaks", "message"),
    [
        (-1, 600.0, 3, "seed must be 0 or above"),
        (0, 59.0, 0, "duration_s must be within 60..3600"),
        (0, 3601.0, 0, "duration_s must be within 60..3600"),
        (0, math.nan, 0, "duration_s must be within 60..3600"),
        (0, 600.0, -1, "leaks must be within 0..6"),
        (0, 600.0, 7, "leaks must be within 0..6 for a patrol of 600 s, not 7"),
        (0, 149.0, 1, "leaks must be within 0..0"),
    ],
)
def test_bad_argument_is_named(seed: int, duration_s: float, leaks: int, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Patrol(seed, duration_s, leaks)


@pytest.mark.parametrize(
    ("name", "value"),
    [("speed_m_s", 0.0), ("pipe_distance_m", -1.0), ("clean_s", -1.0), ("encounter_s", (50.0, 40.0))],
)
def test_bad_setting_is_named(name: str, value: object) -> None:
    with pytest.raises(ValueError, match=name):
        PatrolSettings(**{name: value})  # type: ignore[arg-type]


def test_label_is_gas_exactly_while_the_mean_is_above_the_threshold(patrol: Patrol) -> None:
    for t in np.arange(0.05, 600.0, 0.7):
        edge = min(abs(t - at) for one in patrol.encounters for at in (one.start_s, one.end_s))
        if edge > 0.1:
            assert (patrol.label(t) != "NoGas") == (patrol.mean_concentration(t) > LEAK_THRESHOLD)


def test_encounters_name_their_gas_and_place(patrol: Patrol) -> None:
    for one in patrol.encounters:
        middle = (one.start_s + one.end_s) / 2.0
        pose = patrol.pose(middle)
        assert patrol.label(middle) == one.gas
        assert patrol.encounter(middle) == one
        assert math.dist((pose.x, pose.y), (one.x, one.y)) == pytest.approx(patrol.settings.pipe_distance_m)
        # On the left of the robot.
        assert math.cos(pose.yaw) * (one.y - pose.y) - math.sin(pose.yaw) * (one.x - pose.x) > 0.0


def test_recovering_follows_the_gas_and_is_neither_leak_nor_clean(patrol: Patrol) -> None:
    for one in patrol.encounters:
        assert one.first_sign_s < one.start_s < one.end_s < one.recovered_s
        assert 20.0 < one.recovered_s - one.end_s < 60.0
        after = one.end_s + 1.0
        assert one.end_s <= after < one.recovered_s
        assert patrol.label(after) == "NoGas"
        assert not patrol.clean(after)
        assert patrol.clean(one.recovered_s + 0.1)
        assert not patrol.clean(one.start_s - 0.5)
    assert all(patrol.activation(t) < 0.06 for t in np.arange(0.0, 600.0, 0.5) if patrol.clean(t))


def test_the_plume_is_intermittent_and_the_array_bridges_it(patrol: Patrol) -> None:
    times = times_in_gas(patrol, 0.1)
    assert 0.1 < np.mean([patrol.concentration(t) == 0.0 for t in times]) < 0.4
    assert np.mean([patrol.activation(t) for t in times]) > 0.8


def test_robot_walks_at_its_speed_and_bends() -> None:
    patrol = Patrol(3, 900.0, 0)
    poses = [patrol.pose(t) for t in np.arange(0.0, 900.0, 1.0)]
    steps = [math.dist(a[:2], b[:2]) for a, b in itertools.pairwise(poses)]
    np.testing.assert_allclose(steps, patrol.settings.speed_m_s, rtol=0.02)
    turned = np.abs(np.diff(np.unwrap([pose.yaw for pose in poses])))
    bends = np.count_nonzero(np.diff((turned > 1e-3).astype(int)) == 1)
    assert 2 <= bends <= 12
    assert all(-math.pi <= pose.yaw <= math.pi for pose in poses)


def test_readings_are_counts_that_change_slowly_in_clean_air(patrol: Patrol) -> None:
    readings = np.stack([patrol.reading(t) for t in np.arange(0.0, 60.0, 2.0)])
    assert readings.shape[1] == len(PAPER_CHANNELS)
    assert readings.dtype == np.float32
    np.testing.assert_array_equal(readings, np.rint(readings))
    assert readings.min() >= 0.0
    assert readings.max() <= 1023.0
    assert np.median(np.abs(np.diff(readings, axis=0))) <= 4.0


def test_gas_moves_the_readings() -> None:
    patrol = Patrol(0)
    for one in patrol.encounters:
        before, during = patrol.reading(one.start_s - 10.0), patrol.reading(one.end_s - 8.0)
        assert np.abs(during - before).max() > 30.0


def test_frames_show_the_plume_for_most_of_each_encounter(patrol: Patrol) -> None:
    scenes = [patrol.scene(t) for t in times_in_gas(patrol, 1.0)]
    shown = [scene.plume is not None and 0.0 < scene.plume.x < 206.0 for scene in scenes]
    assert 0.7 < np.mean(shown) < 1.0
    assert all(patrol.scene(t).plume is None for t in np.arange(0.0, 600.0, 1.0) if patrol.clean(t))


def test_frames_are_temperatures_and_move_smoothly(patrol: Patrol) -> None:
    now, soon, later = patrol.frame(20.0), patrol.frame(20.04), patrol.frame(60.0)
    assert now.shape == (156, 206)
    assert now.dtype == np.float32
    assert 5.0 < np.median(now) < 45.0
    assert np.median(np.abs(soon - now)) < np.median(np.abs(later - now)) + 0.1
    assert np.corrcoef(now.ravel(), soon.ravel())[0, 1] > 0.8


def test_times_outside_of_the_patrol_give_its_ends(patrol: Patrol) -> None:
    np.testing.assert_array_equal(patrol.reading(-5.0), patrol.reading(0.0))
    np.testing.assert_array_equal(patrol.reading(1e6), patrol.reading(600.0))
    assert patrol.pose(700.0) == patrol.pose(600.0)
