"""Altered pictures: each effect does what it says, and they stay pictures."""

from __future__ import annotations

from typing import Any

import needs_training  # noqa: F401
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from training.variations.thermal_augmentation import (
    ThermalAugmentationSettings,
    add_fixed_pattern,
    augment_pictures,
    change_contrast,
    defocus,
    occlude,
)

SETTINGS = ThermalAugmentationSettings()
NOTHING = ThermalAugmentationSettings(occlusion=0, blur=0, gain=0, offset=0, fixed_pattern=0)
HARSH = ThermalAugmentationSettings(1, 1, 1, 0.1, 1, 1, 1)


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def pictures(count: int, side: int = 32, seed: int = 9) -> torch.Tensor:
    return torch.rand((count, 1, side, side), generator=generator(seed))


@settings(deadline=None)
@given(
    st.integers(0, 5),
    st.integers(1, 20),
    st.integers(0, 2**32),
    st.sampled_from([SETTINGS, HARSH, NOTHING]),
    st.sampled_from([torch.float32, torch.float64]),
)
def test_pictures_stay_pictures(
    count: int, side: int, seed: int, chosen: ThermalAugmentationSettings, kind: torch.dtype
) -> None:
    images = pictures(count, side).to(kind)
    before = images.clone()
    out = augment_pictures(images, chosen, generator(seed))
    assert torch.equal(images, before)
    assert out.shape == images.shape
    assert out.dtype == kind
    assert ((out >= 0) & (out <= 1)).all()
    assert torch.equal(augment_pictures(images, chosen, generator(seed)), out)


def test_settings_of_nothing_change_nothing() -> None:
    images = pictures(8)
    torch.testing.assert_close(augment_pictures(images, NOTHING, generator()), images)


def test_another_seed_gives_other_pictures() -> None:
    images = pictures(8)
    one, other = (augment_pictures(images, SETTINGS, generator(seed)) for seed in (0, 1))
    assert ((one - other).abs().amax(dim=(1, 2, 3)) > 0.001).all()


def test_a_rectangle_of_one_level_hides_a_part_of_some_pictures() -> None:
    images = pictures(3000)
    out = occlude(images, 0.3, 0.4, generator())
    changed = (out != images)[:, 0]
    hidden = changed.any(dim=2).any(dim=1)
    assert hidden.float().mean().item() == pytest.approx(0.3, abs=0.03)
    heights = changed.any(dim=2).sum(dim=1)[hidden]
    widths = changed.any(dim=1).sum(dim=1)[hidden]
    assert torch.equal(changed.sum(dim=(1, 2))[hidden], heights * widths)
    assert max(heights.max().item(), widths.max().item()) <= 13
    assert heights.float().mean().item() == pytest.approx(0.2 * 32, abs=0.6)
    levels = torch.stack([out[index, 0][changed[index]][0] for index in hidden.nonzero()[:, 0]])
    for index, level in zip(hidden.nonzero()[:, 0].tolist(), levels, strict=True):
        assert (out[index, 0][changed[index]] == level).all()
    assert levels.mean().item() == pytest.approx(0.5, abs=0.04)
    # It may lie anywhere: the share of hidden pixels is even in both halves.
    top, bottom = changed[:, :16].float().mean().item(), changed[:, 16:].float().mean().item()
    assert top == pytest.approx(bottom, rel=0.15)


def test_blur_keeps_the_mean_and_takes_detail() -> None:
    point = torch.zeros(400, 1, 33, 33)
    point[:, :, 16, 16] = 1
    out = defocus(point, 0.5, 0.05, generator())
    torch.testing.assert_close(out.sum(dim=(1, 2, 3)), torch.ones(400))
    blurred = (out != point).flatten(1).any(dim=1)
    assert blurred.float().mean().item() == pytest.approx(0.5, abs=0.08)
    away = (torch.arange(33) - 16).square()
    spread = (out[:, 0] * (away[:, None] + away)).sum(dim=(1, 2)).div(2).sqrt()
    assert spread.max().item() == pytest.approx(0.05 * 33, rel=0.05)
    # Of the same width along both axes, and centred.
    torch.testing.assert_close(out, out.transpose(2, 3))
    torch.testing.assert_close(out, out.flip(3))


def test_each_picture_has_its_own_blur_and_flat_ones_stay_flat() -> None:
    edge = torch.zeros(20, 1, 32, 32)
    edge[..., 16:] = 1
    assert len({round(value, 4) for value in defocus(edge, 1, 0.05, generator())[:, 0, 8, 15].tolist()}) > 10
    flat = torch.full((4, 1, 32, 32), 0.7)
    torch.testing.assert_close(defocus(flat, 1, 0.1, generator()), flat)


def test_contrast_and_level_have_their_spread() -> None:
    images = torch.tensor([0.5, 0.75]).view(1, 1, 1, 2).expand(4000, 1, 1, 2)
    out = change_contrast(images, 0.1, 0.05, generator())[:, 0, 0]
    level, contrast = out[:, 0] - 0.5, ((out[:, 1] - out[:, 0]) / 0.25).log()
    assert level.std().item() == pytest.approx(0.05, rel=0.05)
    assert contrast.std().item() == pytest.approx(0.1, rel=0.05)
    assert level.mean().item() == pytest.approx(0, abs=0.004)
    assert contrast.mean().item() == pytest.approx(0, abs=0.008)


def test_a_fixed_pattern_is_the_same_along_columns_and_rows() -> None:
    pattern = add_fixed_pattern(torch.zeros(300, 1, 32, 32), 0.01, generator())[:, 0]
    assert pattern.std().item() == pytest.approx(0.01 * 2**0.5, rel=0.03)
    # The sum of a column's offset and a row's: nothing is left without them.
    columns, rows = pattern.mean(dim=1, keepdim=True), pattern.mean(dim=2, keepdim=True)
    rest = pattern - columns - rows + pattern.mean(dim=(1, 2), keepdim=True)
    assert rest.abs().max().item() < 1e-6
    assert columns.std().item() == pytest.approx(0.01, rel=0.05)
    assert rows.std().item() == pytest.approx(0.01, rel=0.05)


@pytest.mark.parametrize(
    ("images", "named"),
    [
        (torch.zeros(2, 3, 8, 8), r"shape \(N, 1, S, S\), not \(2, 3, 8, 8\)"),
        (torch.zeros(2, 1, 8, 9), r"not \(2, 1, 8, 9\)"),
        (torch.zeros(8, 8), r"not \(8, 8\)"),
        (torch.zeros(2, 1, 8, 8, dtype=torch.uint8), "floating point in 0..1, not torch.uint8"),
    ],
)
def test_what_is_no_picture_is_refused(images: torch.Tensor, named: str) -> None:
    with pytest.raises(ValueError, match=named):
        augment_pictures(images, SETTINGS, generator())


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"occlusion": 1.2}, r"occlusion is 1\.2; it must be 0\.\.1"),
        ({"occluded_side": -0.1}, "occluded_side is"),
        ({"blur_radius": 0.5}, r"blur_radius is 0\.5; it must be 0\.\.0\.1"),
        ({"gain": float("inf")}, "gain is inf; it must be a finite number"),
        ({"fixed_pattern": float("nan")}, "fixed_pattern is nan"),
    ],
)
def test_unusable_settings_are_refused_by_name(changes: dict[str, Any], named: str) -> None:
    with pytest.raises(ValueError, match=named):
        ThermalAugmentationSettings(**changes)
