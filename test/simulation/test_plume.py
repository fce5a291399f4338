"""Plumes come in whiffs, with the mean and the blanks that were asked for."""

from __future__ import annotations

import numpy as np
import pytest

from gas_fusion_ros.simulation.plume import LEAK_THRESHOLD, IntermittencySettings, mean_concentration, whiffs

TIMES = np.arange(0.0, 3600.0, 0.1)


def test_mean_is_one_at_the_leak_and_the_threshold_at_its_reach() -> None:
    values = mean_concentration([0.0, 6.0, -6.0, 12.0], reach_m=6.0)
    np.testing.assert_allclose(values[:3], [1.0, LEAK_THRESHOLD, LEAK_THRESHOLD])
    assert values[3] < 1e-9


def test_whiffs_keep_the_mean_and_leave_blanks() -> None:
    settings = IntermittencySettings()
    series = np.concatenate([whiffs(TIMES, np.random.default_rng(seed), settings) for seed in range(5)])
    assert series.mean() == pytest.approx(1.0, abs=0.06)
    assert (series > 0.0).mean() == pytest.approx(settings.intermittency, abs=0.03)
    assert series.max() > 3.0


def test_whiffs_and_blanks_last_as_long_as_asked() -> None:
    settings = IntermittencySettings(whiff_s=4.0, blank_s=2.0)
    present = whiffs(TIMES, np.random.default_rng(1), settings) > 0.0
    begins = np.count_nonzero(np.diff(present.astype(int)) == 1)
    assert present.sum() * 0.1 / begins == pytest.approx(4.0, rel=0.2)
    assert (~present).sum() * 0.1 / begins == pytest.approx(2.0, rel=0.2)


def test_whiffs_repeat_with_their_seed() -> None:
    first, again, other = (whiffs(TIMES[:500], np.random.default_rng(seed)) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


@pytest.mark.parametrize("name", ["whiff_s", "blank_s", "shape"])
def test_bad_setting_is_named(name: str) -> None:
    with pytest.raises(ValueError, match=f"{name} must be above 0, not -1"):
        IntermittencySettings(**{name: -1})
