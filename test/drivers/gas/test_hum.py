"""A mean of samples is free of mains hum, whenever they were taken."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gas_fusion_ros.drivers.gas import hum

EVEN = np.arange(11) * 0.2 / 11


def test_even_samples_over_whole_periods_weigh_alike() -> None:
    np.testing.assert_allclose(hum.weights(EVEN), 1 / 11, atol=1e-12)


@given(
    late=st.lists(st.floats(0.0, 0.008), min_size=11, max_size=11),
    frequency=st.sampled_from(hum.MAINS_HZ),
    phase=st.floats(0.0, math.tau),
)
def test_late_samples_are_weighed_so_that_little_hum_is_left(
    late: list[float], frequency: float, phase: float
) -> None:
    times = EVEN + np.array(late)
    weights = hum.weights(times)
    left = float(weights @ np.sin(math.tau * frequency * times + phase))

    assert weights.sum() == pytest.approx(1.0)
    assert abs(left) <= hum.remaining(times, weights) + 1e-9
    assert np.linalg.norm(weights) < 1.0  # never noisier than a single sample


def test_typical_lateness_leaves_a_fiftieth_where_even_weights_leave_a_tenth() -> None:
    rng = np.random.default_rng(3)
    left = [
        (hum.remaining(times, hum.weights(times)), hum.remaining(times, np.full(11, 1 / 11)))
        for times in (EVEN + rng.exponential(0.002, 11) for _ in range(200))
    ]

    ours, even = np.mean(left, axis=0)
    assert ours < 0.02
    assert even > 0.1


def test_samples_that_cannot_tell_a_hum_from_a_voltage_are_told_so() -> None:
    times = np.arange(10) * 0.02  # in step with 50 Hz

    assert hum.remaining(times, hum.weights(times)) > 0.9
