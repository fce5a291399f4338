"""How far an array departs from its own clean air."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gas_fusion_ros.array.departure import LATEST, DepartureWatch, second_largest

readings = st.lists(st.lists(st.floats(-5, 5), min_size=3, max_size=3), min_size=1, max_size=30)


@pytest.mark.parametrize(
    ("distances", "expected"),
    [([1.0, 3.0, 2.0], 2.0), ([0.5], 0.5), ([4.0, np.nan, 1.0], 1.0), ([np.nan, 2.0], 0.0)],
)
def test_two_channels_tell(distances: list[float], expected: float) -> None:
    assert second_largest(np.array(distances, dtype=np.float32)) == pytest.approx(expected)


@given(readings, st.integers(0, 2))
def test_one_channel_alone_never_departs(values: list[list[float]], channel: int) -> None:
    watch = DepartureWatch()
    alone = np.zeros((len(values), 3), dtype=np.float32)
    alone[:, channel] = [value[channel] for value in values]
    assert [watch.add(reading) for reading in alone] == [0.0] * len(values)


@given(readings)
def test_it_is_the_median_of_the_latest_readings_and_bounded_by_them(values: list[list[float]]) -> None:
    watch = DepartureWatch()
    told = [watch.add(np.array(value, dtype=np.float32)) for value in values]
    each = [float(second_largest(np.abs(np.array(value, dtype=np.float32)))) for value in values]
    assert told[-1] == pytest.approx(np.median(each[-LATEST:]))


def test_spikes_are_no_departure_and_a_step_is_one_within_three_readings() -> None:
    watch = DepartureWatch()
    calm, gas = np.zeros(7, np.float32), np.full(7, -3.0, np.float32)
    assert [watch.add(one) for one in (calm, calm, calm, gas, gas)] == [0.0] * 5
    assert watch.add(gas) == 3.0


def test_a_reading_without_values_is_none_and_changes_nothing() -> None:
    watch = DepartureWatch()
    watch.add(np.full(2, 1.0, np.float32))
    assert watch.add(np.full(2, np.nan, np.float32)) is None
    assert watch.add(np.full(2, 1.0, np.float32)) == 1.0


def test_what_is_forgotten_is_no_past() -> None:
    watch = DepartureWatch()
    for _ in range(5):
        watch.add(np.zeros(2, np.float32))
    watch.forget()
    assert watch.add(np.full(2, 2.0, np.float32)) == 2.0
