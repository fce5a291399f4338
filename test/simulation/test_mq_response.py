"""Simulated readings lie where the real ones of their class lie, and follow the gas at a sensor's pace."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from gas_fusion_ros.base.dataset import Dataset
from gas_fusion_ros.base.observation import PAPER_CHANNELS, PAPER_CLASSES
from gas_fusion_ros.simulation.mq_response import (
    STATISTICS_FILE,
    ResponseSettings,
    StatisticsError,
    default_statistics,
    load_statistics,
    response,
    steady_readings,
    to_adc,
    wander,
)

STEP_S = 0.1


@pytest.fixture(scope="module")
def real(gas_fusion_data: Path) -> Dataset:
    return Dataset.load(gas_fusion_data)


def nearest_class(real: Dataset, readings: np.ndarray) -> np.ndarray:
    """The class of each reading's nearest real reading."""
    rows = real.counts
    distances = (readings**2).sum(1)[:, None] - 2.0 * readings @ rows.T + (rows**2).sum(1)[None, :]
    return np.array(real.classes)[real.labels[distances.argmin(axis=1)]]


def step_response(settings: ResponseSettings | None = None) -> tuple[np.ndarray, int]:
    """The activation for 100 s of gas followed by 200 s of clean air, and the index where it ends."""
    gas = round(100.0 / STEP_S)
    concentration = np.concatenate([np.ones(gas), np.zeros(round(200.0 / STEP_S))])
    return response(concentration, STEP_S, settings), gas


def test_rise_t90_is_about_ten_seconds() -> None:
    activation, _ = step_response()
    assert 8.0 <= np.argmax(activation >= 0.9) * STEP_S <= 12.0


def test_recovery_t90_is_about_thirty_seconds_and_fast_at_first() -> None:
    activation, gas = step_response()
    falling = activation[gas:] / activation[gas - 1]
    t90 = np.argmax(falling <= 0.1) * STEP_S
    t50 = np.argmax(falling <= 0.5) * STEP_S
    assert 25.0 <= t90 <= 35.0
    # One exponential would take log(2) / log(10) = 0.30 of the time to fall by half, after the housing's lag.
    lag = np.argmax(falling <= 0.9) * STEP_S
    assert (t50 - lag) / (t90 - lag) < 0.29


def test_response_saturates_and_grows_with_concentration() -> None:
    settled = [response(np.full(3000, level), STEP_S)[-1] for level in (0.0, 0.02, 0.1, 1.0, 3.0)]
    assert settled[0] == 0.0
    assert settled == sorted(settled)
    assert settled[4] - settled[3] < 0.01
    assert settled[1] > 0.2


def test_response_bridges_blanks() -> None:
    whiffs = np.tile(np.r_[np.full(25, 1.3), np.zeros(8)], 60)
    assert response(whiffs, STEP_S)[300:].min() > 0.85


@pytest.mark.parametrize("name", ["housing_s", "saturation", "rise_s", "fall_fast_s", "fall_slow_s"])
def test_bad_time_constant_is_named(name: str) -> None:
    with pytest.raises(ValueError, match=name):
        ResponseSettings(**{name: 0.0})


def test_bad_fast_share_is_named() -> None:
    with pytest.raises(ValueError, match="fast_share"):
        ResponseSettings(fast_share=1.2)


def test_committed_statistics_are_complete() -> None:
    statistics = default_statistics()
    assert statistics.channels == PAPER_CHANNELS
    assert set(statistics.classes) == set(PAPER_CLASSES)
    for fitted in statistics.classes.values():
        assert 12 <= len(fitted.components) <= 24
        assert sum(one.weight for one in fitted.components) == pytest.approx(1.0, abs=1e-3)
        assert len(fitted.usable) >= 6
        assert all(1.0 < np.linalg.norm(one.factor) < 300.0 for one in fitted.components)


@pytest.mark.parametrize("gas", PAPER_CLASSES)
def test_steady_readings_follow_the_committed_statistics(gas: str) -> None:
    fitted = default_statistics().of(gas)
    readings = steady_readings(gas, 4000, np.random.default_rng(0))
    expected = fitted.usable_weights @ np.stack([fitted.components[index].mean for index in fitted.usable])
    assert readings.dtype == np.float32
    np.testing.assert_array_equal(readings, np.rint(readings))
    np.testing.assert_allclose(readings.mean(axis=0), expected, atol=0.02 * expected.max())


@pytest.mark.parametrize("gas", PAPER_CLASSES)
def test_wander_is_slow_and_stays_in_the_class(gas: str) -> None:
    fitted = default_statistics().of(gas)
    series = wander(gas, np.arange(0.0, 1200.0, 2.0), np.random.default_rng(1))
    steps = np.median(np.abs(np.diff(series, axis=0)), axis=0)
    # In the real series, with a third of it held at one place, neighbours 2 s apart differ by 0 to 4 counts.
    assert (steps < 5.0 + 3.0 * fitted.neighbour_step).all()
    assert (steps > 0.05).all()
    means = np.stack([one.mean for one in fitted.components])
    spread = max(np.linalg.norm(one.factor) for one in fitted.components)
    nearest = np.linalg.norm(series[:, None, :] - means[None], axis=2).min(axis=1)
    assert nearest.max() < 2.0 * spread
    assert series.std(axis=0).max() > 3.0


def test_wander_repeats_with_its_seed() -> None:
    times = np.arange(0.0, 100.0)
    first, again, other = (wander("NoGas", times, np.random.default_rng(seed)) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - other).max() > 1.0


def test_wander_over_a_single_time() -> None:
    assert wander("Smoke", np.array([5.0]), np.random.default_rng(0)).shape == (1, 7)


def test_to_adc_rounds_and_clips() -> None:
    np.testing.assert_array_equal(to_adc([-3.0, 0.4, 511.6, 2000.0]), [0.0, 0.0, 512.0, 1023.0])


def test_unknown_gas_is_named() -> None:
    with pytest.raises(ValueError, match=r"'Methane'.*Smoke"):
        steady_readings("Methane", 1, np.random.default_rng(0))


def test_missing_statistics_say_how_to_make_them(tmp_path: Path) -> None:
    with pytest.raises(StatisticsError, match=r"absent\.json.*training\.fit_mq_response"):
        load_statistics(tmp_path / "absent.json")


def test_other_format_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "old.json"
    path.write_text(json.dumps({"format": 0}))
    with pytest.raises(StatisticsError, match=r"old\.json: format must be 1, not 0"):
        load_statistics(path)


@pytest.mark.parametrize("field", ["noise", "components", "correlation_s"])
def test_missing_field_is_named(tmp_path: Path, field: str) -> None:
    document = json.loads(STATISTICS_FILE.read_text(encoding="utf-8"))
    del document["classes"]["Smoke"][field]
    path = tmp_path / "cut.json"
    path.write_text(json.dumps(document))
    with pytest.raises(StatisticsError, match=rf"cut\.json.*{field}"):
        load_statistics(path)


def test_statistics_in_which_nothing_is_recognised_are_refused(tmp_path: Path) -> None:
    document = json.loads(STATISTICS_FILE.read_text(encoding="utf-8"))
    for component in document["classes"]["NoGas"]["components"]:
        component["recognised"] = 0.5
    path = tmp_path / "vague.json"
    path.write_text(json.dumps(document))
    with pytest.raises(StatisticsError, match=r"vague\.json.*recognised"):
        load_statistics(path)


def test_mixture_means_are_the_real_means(real: Dataset) -> None:
    for index, name in enumerate(real.classes):
        components = default_statistics().of(name).components
        fitted = sum(one.weight * one.mean for one in components)
        rows = real.counts[real.labels == index]
        rows = rows[150:] if name == "NoGas" else rows
        np.testing.assert_allclose(fitted, rows.mean(axis=0), atol=1.0)


def test_simulated_readings_lie_within_the_real_range(real: Dataset) -> None:
    for index, name in enumerate(real.classes):
        rows = real.counts[real.labels == index]
        readings = steady_readings(name, 2000, np.random.default_rng(2))
        margin = 0.15 * (rows.max(axis=0) - rows.min(axis=0))
        inside = (readings >= rows.min(axis=0) - margin) & (readings <= rows.max(axis=0) + margin)
        assert inside.mean() > 0.995


@pytest.mark.parametrize(
    ("gas", "least"), [("NoGas", 0.97), ("Mixture", 0.95), ("Perfume", 0.95), ("Smoke", 0.95)]
)
def test_nearest_real_reading_is_of_the_same_class(real: Dataset, gas: str, least: float) -> None:
    readings = steady_readings(gas, 2000, np.random.default_rng(3))
    assert np.mean(nearest_class(real, readings) == gas) >= least
