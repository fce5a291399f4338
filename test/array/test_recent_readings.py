"""The readings of a stretch of time: never many, none from before a pause."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gas_fusion_ros.array.recent_readings import RecentReadings

S = 10**9


def reading(value: float) -> np.ndarray:
    return np.array([value, value + 1], dtype=np.float32)


def filled(seconds: int, most: int = 1000) -> RecentReadings:
    recent = RecentReadings(100 * S, most)
    for second in range(seconds):
        recent.add(second * S, reading(second))
    return recent


def test_the_stretch_ends_with_the_newest_and_is_full_after_its_time() -> None:
    assert (filled(41).covered_ns, filled(41).missing_ns) == (40 * S, 60 * S)
    recent = filled(500)
    assert (recent.covered_ns, recent.missing_ns) == (100 * S, 0)
    np.testing.assert_array_equal(recent.readings, [[n, n + 1] for n in range(399, 500)])
    np.testing.assert_array_equal(recent.times_ns, np.arange(399, 500) * S)


def test_nothing_yet_is_an_empty_stretch() -> None:
    recent = RecentReadings(100 * S, 10)
    assert (len(recent), recent.covered_ns, recent.missing_ns) == (0, 0, 100 * S)
    assert recent.readings.shape == (0,)


@pytest.mark.parametrize("step_s", [11, -1])
def test_a_pause_or_a_time_that_goes_back_begins_it_anew(step_s: int) -> None:
    recent = filled(200)
    recent.add((199 + step_s) * S, reading(7))
    np.testing.assert_array_equal(recent.readings, [[7, 8]])


@pytest.mark.parametrize(("duration_ns", "most"), [(0, 10), (S, 0)])
def test_a_stretch_without_length_or_room_is_refused(duration_ns: int, most: int) -> None:
    with pytest.raises(ValueError, match="must be above 0"):
        RecentReadings(duration_ns, most)


@given(
    steps=st.lists(st.integers(-5, 2000), max_size=400),
    duration_ns=st.integers(1, 1000),
    most=st.integers(1, 20),
)
def test_whatever_the_times_it_stays_small_and_in_order(
    steps: list[int], duration_ns: int, most: int
) -> None:
    recent = RecentReadings(duration_ns, most)
    now = 0
    for step in steps:
        now += step
        recent.add(now, reading(1.0))
        assert len(recent) <= most + 2
        assert (np.diff(recent.times_ns) > 0).all()
        assert recent.times_ns[-1] <= now
        assert 0 <= recent.missing_ns <= duration_ns
