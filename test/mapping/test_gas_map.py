"""The gas map: means, variances, confidence, and memory that ends."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gas_fusion_ros.mapping.gas_map import GasMap
from gas_fusion_ros.mapping.settings import MappingSettings

SETTINGS = MappingSettings()


@settings(max_examples=20, deadline=None)
@given(st.lists(st.tuples(st.floats(-20, 20), st.floats(-20, 20), st.floats(0, 1)), min_size=1, max_size=30))
def test_values_stay_within_what_was_read(readings: list[tuple[float, float, float]]) -> None:
    gas_map = GasMap(SETTINGS)
    for reading in readings:
        gas_map.add(*reading)
    window = gas_map.window(0.0, 0.0, 25.0)
    evidence = [one[2] for one in readings]
    assert min(evidence) - 1e-9 <= window.mean.min() <= window.mean.max() <= max(evidence) + 1e-9
    assert 0.0 <= window.variance.min() <= window.variance.max() <= 1.0
    assert 0.0 <= window.confidence.min() <= window.confidence.max() <= 1.0


def test_gas_stands_where_it_was_and_nowhere_else() -> None:
    gas_map = GasMap(SETTINGS)
    for step in range(200):
        x = 0.2 * step
        gas_map.add(x, 0.0, 1.0 if 15.0 <= x <= 25.0 else 0.0)
    window = gas_map.window(20.0, 0.0, 20.0)
    column = [round((x - window.x) / window.cell_m) for x in (5.0, 20.0, 35.0)]
    row = round((0.0 - window.y) / window.cell_m)
    assert window.mean[row, column].tolist() == pytest.approx([0.0, 1.0, 0.0], abs=0.05)
    assert window.confidence[row, column].min() > 0.9
    assert window.confidence[row + 20].max() == 0.0


def test_window_is_the_same_wherever_its_tiles_begin() -> None:
    about_zero, far = GasMap(SETTINGS), GasMap(SETTINGS)
    for step in range(60):
        about_zero.add(0.3 * step - 9.0, 0.1 * step, step / 60)
        far.add(0.3 * step - 9.0 + 1003.5, 0.1 * step - 507.0, step / 60)
    first, second = about_zero.window(0.0, 0.0, 10.0), far.window(1003.5, -507.0, 10.0)
    np.testing.assert_allclose(first.mean, second.mean, atol=1e-6)
    np.testing.assert_allclose(first.confidence, second.confidence, atol=1e-6)


def test_longest_unvisited_is_forgotten() -> None:
    gas_map = GasMap(MappingSettings(map_mb=1.0))
    for step in range(3000):
        gas_map.add(float(step), 0.0, 0.5)
    assert gas_map.memory_mb <= 1.0
    assert gas_map.window(2999.0, 0.0, 1.0).confidence.max() > 0.5
    assert gas_map.window(0.0, 0.0, 1.0).confidence.max() == 0.0
