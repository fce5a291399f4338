"""Pictures of nothing are pictures, of many kinds; and the loss is least where no class is preferred."""

from __future__ import annotations

import needs_training  # noqa: F401  isort:skip

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from training.variations.nonsense import nonsense_pictures, silence_loss


@given(st.integers(0, 12), st.sampled_from([16, 64]), st.integers(0, 2**32))
def test_pictures_are_within_range(count: int, side: int, seed: int) -> None:
    pictures = nonsense_pictures(count, side, torch.Generator().manual_seed(seed))
    assert pictures.shape == (count, 1, side, side)
    assert pictures.dtype == torch.float32
    assert ((pictures >= 0) & (pictures <= 1)).all()


def test_five_in_a_row_are_of_five_kinds() -> None:
    pictures = nonsense_pictures(5, 64, torch.Generator().manual_seed(0))[:, 0]
    levels = sorted(len(torch.unique(picture)) for picture in pictures)
    assert levels[0] == 1  # a level
    assert levels[-1] > 500  # noise
    assert len(set(levels)) >= 4


def test_the_generator_decides() -> None:
    first, same, other = (nonsense_pictures(6, 32, torch.Generator().manual_seed(seed)) for seed in (1, 1, 2))
    assert torch.equal(first, same)
    assert not torch.equal(first, other)


def test_the_loss_is_least_where_no_class_is_preferred() -> None:
    even = silence_loss(torch.zeros(3, 4)).item()
    assert even == pytest.approx(math.log(4))
    assert silence_loss(torch.tensor([[4.0, 0.0, 0.0, 0.0]])).item() > even
