"""Altered windows: each effect does what it says and no more, with the strength that it is set to."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_windows import any_windows, made_windows

from gas_fusion_ros.model.window import resample
from gas_fusion_ros.teaching.augmentation import (
    COUNTS,
    AugmentationSettings,
    add_drift,
    add_noise,
    augment,
    blend_onset,
    earlier_windows,
    filled,
    gains,
    kill_channels,
    lost_channels,
    mix_onsets,
    pulse_heights,
    scale_gain,
    scale_pulses,
    shift_baseline,
    truncate,
)
from gas_fusion_ros.teaching.windows import Windows

SETTINGS = COUNTS
CLEAN = 1
RANGES = {"calmest", "liveliest", "fastest_response", "slowest_response"}
NOTHING = AugmentationSettings(
    **{each.name: 0.0 for each in fields(AugmentationSettings) if each.name not in RANGES}
)
SURE_ONSET = replace(NOTHING, onset=1.0, onset_from_clean=1.0)
seeds = st.integers(0, 2**32 - 1)


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def only(windows: Windows, valid: npt.NDArray[np.bool_]) -> Windows:
    return filled(windows.with_readings(windows.values, valid))


def same(one: Windows, other: Windows) -> bool:
    names = ("values", "valid", "labels", "rows")
    return all(np.array_equal(getattr(one, name), getattr(other, name)) for name in names)


@given(any_windows(), seeds, st.sampled_from([None, 0, 1, 2]))
def test_copies_are_sound_windows(windows: Windows, seed: int, clean: int | None) -> None:
    before = Windows(*(getattr(windows, each.name).copy() for each in fields(windows)))
    harsh = replace(SETTINGS, onset=0.5, truncation=0.5, dropout=0.9, channel_dropout=0.6)
    out = augment(windows, clean, harsh, rng(seed))
    assert same(windows, before)
    assert out.values.dtype == np.float32
    assert out.valid.dtype == np.bool_
    assert out.values.shape == out.valid.shape == windows.values.shape
    assert np.isfinite(out.values).all()
    assert np.array_equal(out.labels, windows.labels)
    assert np.array_equal(out.rows, windows.rows)
    np.testing.assert_array_equal(filled(out).values, out.values)
    # No effect makes up a newest reading, or takes a window's last one.
    assert not (out.valid[:, -1] & ~windows.valid[:, -1]).any()
    assert (out.valid[:, -1].any(axis=1) == windows.valid[:, -1].any(axis=1)).all()
    assert same(augment(windows, clean, harsh, rng(seed)), out)


@given(any_windows(), seeds)
def test_what_is_not_valid_has_no_influence(windows: Windows, seed: int) -> None:
    dirty = windows.with_readings(np.where(windows.valid, windows.values, 9999).astype(np.float32))
    still = replace(SETTINGS, onset=0.0)
    assert same(augment(dirty, CLEAN, still, rng(seed)), augment(windows, CLEAN, still, rng(seed)))


@given(any_windows(), seeds)
def test_settings_of_nothing_change_nothing(windows: Windows, seed: int) -> None:
    out = augment(windows, CLEAN, NOTHING, rng(seed))
    np.testing.assert_allclose(out.values, windows.values, rtol=1e-5)
    assert np.array_equal(out.valid, windows.valid)


@given(any_windows())
def test_filling_is_that_of_the_live_window(windows: Windows) -> None:
    length = windows.values.shape[1]
    stamps = np.arange(length, dtype=np.int64)
    for counts, valid, got in zip(windows.values, windows.valid, windows.values, strict=True):
        live = resample(stamps, np.where(valid, counts, np.nan).astype(np.float32), stamps[None], 1)
        np.testing.assert_allclose(got, live.values[0], rtol=1e-5)


def test_pulse_heights_have_their_spread_and_clean_air_is_often_calm() -> None:
    labels = np.repeat([CLEAN, 2], 20_000)
    heights = pulse_heights(labels, CLEAN, SETTINGS, rng())
    clean, gas = heights[:20_000], heights[20_000:]
    assert np.log(gas).std() == pytest.approx(0.15, rel=0.03)
    assert np.log(gas).mean() == pytest.approx(0, abs=0.005)
    # 60 % log-uniform over 0.05..1.3, of which ln(10) / ln(26) lies below 0.5; no gas gets there.
    assert (clean < 0.5).mean() == pytest.approx(0.6 * np.log(10) / np.log(26), abs=0.015)
    assert (gas < 0.5).mean() < 1e-3
    assert clean.min() >= 0.05
    assert np.log(pulse_heights(labels, None, SETTINGS, rng())).std() == pytest.approx(0.15, rel=0.03)


def test_pulses_are_scaled_about_the_mean_of_valid_readings() -> None:
    windows = Windows(
        np.array([[[100], [1], [3]]], np.float32),
        np.array([[[0], [1], [1]]], np.bool_),
        *[np.zeros(1, int)] * 2,
    )
    out = scale_pulses(windows, np.array([2.0]))
    assert out.values[0, 1:, 0].tolist() == [0, 4]


def test_gains_are_of_each_channel_times_a_common_one() -> None:
    drawn = np.log(gains(made_windows([0] * 4000, readings=1), SETTINGS, rng()))
    assert drawn.std() == pytest.approx(np.hypot(0.06, 0.04), rel=0.03)
    assert drawn.mean() == pytest.approx(0, abs=0.003)
    covariance = np.cov(drawn.T)
    assert covariance[~np.eye(7, dtype=bool)].mean() == pytest.approx(0.04**2, rel=0.1)


def test_gain_offset_and_drift_act_on_the_channel_they_are_given_for() -> None:
    windows = made_windows([0], readings=3, channels=2)
    scaled = scale_gain(windows, np.array([[2.0, 1.0]])).values / windows.values
    np.testing.assert_allclose(scaled, np.broadcast_to([2.0, 1.0], scaled.shape))
    shifted = shift_baseline(windows, np.array([[0.0, 7.0]])).values - windows.values
    np.testing.assert_allclose(shifted, np.broadcast_to([0.0, 7.0], shifted.shape), atol=1e-4)
    drifted = add_drift(windows, np.array([[4.0, 0.0]])).values - windows.values
    np.testing.assert_allclose(drifted[0], [[4, 0], [2, 0], [0, 0]], atol=1e-4)


@pytest.mark.parametrize(("name", "expected"), [("offset", 12.0), ("drift", 3.0), ("noise", 0.6)])
def test_additive_effects_have_their_default_spread(name: str, expected: float) -> None:
    windows = made_windows([0] * 3000)
    alone = replace(NOTHING, **{name: getattr(SETTINGS, name)})
    change = augment(windows, CLEAN, alone, rng()).values - windows.values
    oldest = change[:, 0]
    assert oldest.std() == pytest.approx(expected, rel=0.03)
    assert oldest.mean() == pytest.approx(0, abs=expected / 20)
    newest = {"offset": oldest, "drift": np.zeros_like(oldest)}
    if name in newest:
        np.testing.assert_allclose(change[:, -1], newest[name], atol=1e-3)
    else:
        assert abs(np.corrcoef(change[:, 0].ravel(), change[:, 1].ravel())[0, 1]) < 0.03


def test_counts_may_leave_the_range_of_the_converter() -> None:
    windows = made_windows([4] * 50)
    assert augment(windows, CLEAN, replace(NOTHING, gain=0.3), rng()).values.max() > 1023


def test_noise_leaves_the_values_between_readings_on_their_line() -> None:
    valid = np.ones((50, 9, 2), np.bool_)
    valid[:, :3], valid[:, 5] = False, False
    out = augment(only(made_windows([0] * 50, 9, 2), valid), None, replace(NOTHING, noise=3.0), rng())
    np.testing.assert_array_equal(out.values[:, :3], np.repeat(out.values[:, 3:4], 3, axis=1))
    np.testing.assert_allclose(out.values[:, 5], (out.values[:, 4] + out.values[:, 6]) / 2, rtol=1e-5)


def test_truncation_keeps_the_newest_readings_and_fills_with_the_oldest_of_them() -> None:
    windows = made_windows([0] * 6000, channels=2)
    out = filled(truncate(windows, 0.12, rng()))
    kept = out.valid.sum(axis=1)
    assert (kept[:, 0] == kept[:, 1]).all()
    cut = kept[:, 0] < 40
    assert cut.mean() == pytest.approx(0.12, abs=0.015)
    lengths = kept[cut, 0]
    assert (lengths.min(), lengths.max()) == (1, 39)
    assert lengths.mean() == pytest.approx(20, abs=1.5)
    for counts, valid, length in zip(out.values[cut], out.valid[cut], lengths, strict=True):
        assert valid[-length:].all()
        assert (counts[: 40 - length] == counts[40 - length]).all()
    np.testing.assert_array_equal(out.values[out.valid], windows.values[out.valid])


def test_channels_are_lost_as_often_as_set() -> None:
    lost = lost_channels(np.ones((20_000, 2, 7), np.bool_), SETTINGS, rng())
    assert lost.mean() == pytest.approx(0.4 * 0.2, rel=0.04)
    assert lost.any(axis=1).mean() == pytest.approx(0.4 * (1 - 0.8**7), rel=0.03)


def test_the_last_channel_with_a_newest_reading_stays() -> None:
    valid = np.ones((500, 2, 3), np.bool_)
    valid[:250, -1, :2] = False
    lost = lost_channels(valid, replace(SETTINGS, dropout=1.0, channel_dropout=1.0), rng())
    assert (lost.sum(axis=1) == 2).all()
    assert not lost[:250, 2].any()
    # Where any may stay, each does as often.
    assert (~lost[250:]).mean(axis=0) == pytest.approx([1 / 3] * 3, abs=0.1)


def test_a_dead_channel_is_not_valid_and_0() -> None:
    windows = made_windows([0, 0], 3, 2)
    out = kill_channels(windows, np.array([[True, False], [False, False]]))
    assert not out.valid[0, :, 0].any()
    assert not out.values[0, :, 0].any()
    assert out.valid.sum() == 9
    np.testing.assert_array_equal(out.values[out.valid], windows.values[out.valid])


def test_before_a_gas_comes_mostly_clean_air_and_before_clean_air_a_gas() -> None:
    labels = np.repeat([0, CLEAN, 2, 3], 3000)
    before = labels[earlier_windows(labels, CLEAN, 0.8, rng())]
    assert (before != labels).all()
    assert (before[labels != CLEAN] == CLEAN).mean() == pytest.approx(0.8, abs=0.015)
    for gas in (0, 2, 3):
        assert (before[labels == CLEAN] == gas).mean() == pytest.approx(1 / 3, abs=0.04)
    unsure = labels[earlier_windows(labels, None, 0.8, rng())]
    assert (unsure != labels).all()
    assert (unsure == CLEAN).mean() == pytest.approx(0.25, abs=0.02)


@pytest.mark.parametrize(
    ("labels", "clean", "expected"),
    [
        ([2, 2], CLEAN, [-1, -1]),
        ([CLEAN, CLEAN], CLEAN, [-1, -1]),
        ([CLEAN, 2], CLEAN, [1, 0]),
        ([0, 2], CLEAN, [1, 0]),
        ([0, 2], None, [1, 0]),
    ],
)
def test_an_earlier_window_is_found_wherever_there_is_one(
    labels: list[int], clean: int | None, expected: list[int]
) -> None:
    for chance in (0.0, 1.0):
        assert earlier_windows(np.array(labels), clean, chance, rng()).tolist() == expected


def test_an_onset_rises_as_a_sensor_responds() -> None:
    flat = made_windows([CLEAN, 2], readings=8, channels=1)
    flat = flat.with_readings(np.repeat([100.0, 200.0], 8).reshape(2, 8, 1).astype(np.float32))
    out = blend_onset(flat.take(np.array([0])), flat.take(np.array([1])), np.array([3]), np.array([2.0]))
    expected = [100.0] * 5 + [100 + 100 * (1 - np.exp(-t / 2)) for t in (1, 2, 3)]
    np.testing.assert_allclose(out.values[0, :, 0], expected, rtol=1e-5)
    assert out.labels.tolist() == [2]
    assert out.valid.all()


def test_an_onset_takes_validity_from_the_air_that_a_reading_is_of() -> None:
    windows = made_windows([CLEAN, 2], readings=4, channels=4)
    valid = windows.valid.copy()
    valid[0, :, 0] = False  # never there before
    valid[1, :, 1] = False  # dead now
    valid[0, 0, 2] = False
    valid[1, 3, 2] = False
    windows = only(windows, valid)
    out = filled(
        blend_onset(windows.take(np.array([0])), windows.take(np.array([1])), np.array([2]), np.ones(1))
    )
    assert out.valid[0].T.astype(int).tolist() == [[0, 0, 1, 1], [0, 0, 0, 0], [0, 1, 1, 0], [1, 1, 1, 1]]
    np.testing.assert_array_equal(out.values[0, 2:, 0], windows.values[1, 2:, 0])
    assert not out.values[0, :, 1].any()


def test_onsets_are_mixed_in_as_often_as_set_and_are_three_readings_old_at_least() -> None:
    windows = made_windows([CLEAN] * 3000 + [3] * 3000, channels=1)
    changed = (mix_onsets(windows, CLEAN, SETTINGS, rng()).values != windows.values).any(axis=(1, 2))
    assert changed.mean() == pytest.approx(SETTINGS.onset, abs=0.015)
    out = mix_onsets(windows, CLEAN, SURE_ONSET, rng()).values[3000:, :, 0]
    # Gas is 400 counts above clean air; the slowest response brings 60 of them by the first reading.
    own = (out > 430).sum(axis=1)
    assert (own.min(), own.max()) == (3, 39)
    assert own.mean() == pytest.approx(21, abs=0.6)
    at_first = out[np.arange(3000), 40 - own]
    share = (at_first - 400) / 400
    constants = -1 / np.log(1 - share.clip(0.01, 0.99))
    assert np.median(constants) == pytest.approx(np.sqrt(6), rel=0.15)


@pytest.mark.parametrize("readings", [1, 2, 3])
def test_short_windows_keep_their_newest_reading(readings: int) -> None:
    windows = made_windows([CLEAN, 2] * 50, readings)
    out = augment(windows, CLEAN, replace(SURE_ONSET, truncation=1.0), rng())
    assert out.valid[:, -1].all()
    if readings == 1:
        np.testing.assert_allclose(out.values, windows.values, rtol=1e-6)


def test_no_windows_are_no_trouble() -> None:
    nothing = made_windows([0]).take(np.zeros(0, np.int64))
    assert len(augment(nothing, CLEAN, SETTINGS, rng())) == 0


def test_noise_is_white_and_as_strong_as_asked() -> None:
    windows = made_windows([0] * 200)
    assert (add_noise(windows, 5.0, rng()).values - windows.values).std() == pytest.approx(5, rel=0.02)


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"gain": -0.1}, r"gain is -0\.1; it must be a finite number of at least 0"),
        ({"noise": float("nan")}, "noise is nan; it must be a finite number"),
        ({"offset": float("inf")}, "offset is inf"),
        ({"onset": 1.5}, r"onset is 1\.5; it must be a probability, 0\.\.1"),
        ({"channel_dropout": -1}, "channel_dropout is -1"),
        ({"calmest": 0}, "calmest is 0; it must be a finite number above 0"),
        ({"calmest": 2.0}, r"liveliest is 1\.3; it must be at least calmest"),
        ({"slowest_response": 0.5}, r"slowest_response is 0\.5; it must be at least fastest_response"),
    ],
)
def test_unusable_settings_are_refused_by_name(changes: dict[str, Any], named: str) -> None:
    with pytest.raises(ValueError, match=named):
        AugmentationSettings(**changes)
