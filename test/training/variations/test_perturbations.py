"""Perturbed test windows: what is done, to which channel, and that nothing else is."""

from __future__ import annotations

import needs_training  # noqa: F401
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_windows import any_windows, made_windows

from gas_fusion_ros.base.observation import PAPER_CHANNELS
from gas_fusion_ros.teaching.augmentation import filled
from gas_fusion_ros.teaching.windows import Windows
from training.benchmark.summary import grouped
from training.variations.perturbations import Perturbation, PerturbationError, perturbations

ALL = {each.name: each for each in perturbations(PAPER_CHANNELS)}
WINDOWS = made_windows([0, 1, 2], readings=10)


def apply(name: str, windows: Windows = WINDOWS, seed: int = 0) -> Windows:
    return ALL[name].apply(windows, np.random.default_rng(seed))


def test_there_is_one_of_each_per_channel_and_pair() -> None:
    assert len(ALL) == 7 + 21 + 4 + 3 * 7
    assert {"mq2 dead", "mq2+mq3 dead", "gain", "offset", "gain and offset", "noise"} <= set(ALL)
    groups = {grouped(name, PAPER_CHANNELS)[0].heading for name in ALL}
    assert groups == {
        "dead, one channel",
        "dead, two channels",
        *("gain", "offset", "gain and offset", "noise"),
        *("clamped high, one channel", "clamped low, one channel", "frozen, one channel"),
    }


@given(any_windows(), st.integers(0, 2**32 - 1))
def test_all_give_sound_windows_deterministically(windows: Windows, seed: int) -> None:
    counts, valid = windows.values.copy(), windows.valid.copy()
    for each in perturbations(PAPER_CHANNELS[: windows.values.shape[2]]):
        out = each.apply(windows, np.random.default_rng(seed))
        again = each.apply(windows, np.random.default_rng(seed))
        np.testing.assert_array_equal(out.values, again.values)
        np.testing.assert_array_equal(windows.values, counts)
        np.testing.assert_array_equal(windows.valid, valid)
        assert out.values.dtype == np.float32
        np.testing.assert_array_equal(out.values, filled(out).values)
        assert not (out.valid & ~valid).any()
        assert each.kind == "dead" or np.array_equal(out.valid, valid)
        assert np.array_equal(out.labels, windows.labels)
        assert np.array_equal(out.rows, windows.rows)
        others = [index for index, name in enumerate(PAPER_CHANNELS[:4]) if name not in each.channels]
        if each.channels:
            others = [index for index in others if index < windows.values.shape[2]]
            np.testing.assert_array_equal(out.values[..., others], counts[..., others])


@pytest.mark.parametrize(("name", "lost"), [("mq2 dead", [0]), ("mq2+mq135 dead", [0, 6])])
def test_dead_channels_have_nothing_valid(name: str, lost: list[int]) -> None:
    out = apply(name)
    assert [index for index in range(7) if not out.valid[..., index].any()] == lost
    assert not out.values[..., lost].any()
    assert out.valid.sum() == WINDOWS.valid[..., : 7 - len(lost)].sum()


def test_gain_and_offset_have_a_sign_per_channel_that_all_windows_share() -> None:
    gains = apply("gain").values / WINDOWS.values
    offsets = apply("offset").values - WINDOWS.values
    for change, expected in ((gains, {0.9, 1.1}), (offsets, {-20.0, 20.0})):
        np.testing.assert_allclose(change, np.broadcast_to(change[:1, :1], change.shape), rtol=1e-4)
        assert {round(float(value), 2) for value in change[0, 0]} == expected


def test_signs_are_drawn_anew_with_each_repetition() -> None:
    rng = np.random.default_rng(0)
    drawn = np.array(
        [np.sign(ALL["offset"].apply(WINDOWS, rng).values - WINDOWS.values)[0, 0] for _ in range(400)]
    )
    assert np.abs(drawn.mean(axis=0)).max() < 0.2
    assert np.abs(np.corrcoef(drawn.T)[~np.eye(7, dtype=bool)]).max() < 0.2


def test_gain_and_offset_together_are_both() -> None:
    out = apply("gain and offset").values
    options = np.stack([WINDOWS.values * gain + offset for gain in (0.9, 1.1) for offset in (-20, 20)])
    assert np.abs(options - out).min(axis=0).max() < 1e-3
    assert np.abs(options - out).mean(axis=(1, 2, 3)).min() > 1


def test_noise_has_five_counts() -> None:
    windows = made_windows([0] * 100)
    assert (apply("noise", windows).values - windows.values).std() == pytest.approx(5, rel=0.02)


@pytest.mark.parametrize(("name", "level"), [("mq5 clamped high", 1023), ("mq5 clamped low", 0)])
def test_a_clamped_channel_passes_for_valid(name: str, level: int) -> None:
    out = apply(name)
    channel = PAPER_CHANNELS.index("mq5")
    assert (out.values[..., channel] == level).all()
    assert out.valid.all()


def test_a_frozen_channel_stays_at_its_first_valid_value() -> None:
    valid = WINDOWS.valid.copy()
    valid[:, :4, 0] = False
    out = apply("mq2 frozen", WINDOWS.with_readings(WINDOWS.values, valid))
    np.testing.assert_array_equal(out.values[:, :, 0], np.repeat(WINDOWS.values[:, 4:5, 0], 10, axis=1))
    np.testing.assert_array_equal(out.valid, valid)


def test_a_channel_without_a_reading_is_not_clamped_or_frozen() -> None:
    valid = WINDOWS.valid.copy()
    valid[..., 0] = False
    windows = filled(WINDOWS.with_readings(WINDOWS.values, valid))
    for name in ("mq2 clamped high", "mq2 frozen", "offset", "gain and offset", "noise"):
        out = apply(name, windows)
        assert not out.values[..., 0].any()
        assert not out.valid[..., 0].any()


@pytest.mark.parametrize(("channels", "dead"), [(1, []), (2, ["mq2", "mq3"]), (3, None)])
def test_a_channel_is_always_left(channels: int, dead: list[str] | None) -> None:
    made = perturbations(PAPER_CHANNELS[:channels])
    names = ["+".join(each.channels) for each in made if each.kind == "dead"]
    assert names == dead if dead is not None else len(names) == 6


def test_what_does_not_fit_is_named() -> None:
    with pytest.raises(PerturbationError, match="windows have 3 channels; gain is for 7"):
        apply("gain", made_windows([0], channels=3))
    for channels in ((), ("mq2", "mq2")):
        with pytest.raises(PerturbationError, match="channels must be different names"):
            perturbations(channels)


def test_a_perturbation_is_named_after_its_channels() -> None:
    assert Perturbation("dead", ("mq2", "mq8"), 7, lambda windows, _: windows).name == "mq2+mq8 dead"
