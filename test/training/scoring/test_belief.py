"""How far answers may be believed: no further than they were right on what training had not seen."""

from __future__ import annotations

import needs_training  # noqa: F401  isort:skip

import pytest
import torch

from training.scoring.calibration import MOST_RELIABLE, fit_belief


def answers(right: float, loud: float, count: int = 4000) -> tuple[torch.Tensor, torch.Tensor]:
    """Logits that favour a class of four by `loud`, and what is right: that one in a share, else any."""
    generator = torch.Generator().manual_seed(0)
    truth = torch.randint(4, (count,), generator=generator)
    other = torch.randint(4, (count,), generator=generator)
    said = torch.where(torch.rand(count, generator=generator) < right, truth, other)
    return loud * torch.nn.functional.one_hot(said, 4).float(), torch.nn.functional.one_hot(truth, 4).float()


@pytest.mark.parametrize("right", [0.0, 0.5, 0.9])
def test_loud_answers_are_believed_in_the_share_in_which_they_are_right(right: float) -> None:
    belief = fit_belief(*answers(right, 40.0))
    assert belief.reliability == pytest.approx(right, abs=0.04)


def test_answers_that_are_always_right_are_not_believed_without_a_bound() -> None:
    assert fit_belief(*answers(1.0, 40.0)).reliability == pytest.approx(MOST_RELIABLE)


def test_the_temperature_is_that_of_calibrated_probabilities() -> None:
    generator = torch.Generator().manual_seed(1)
    logits = 2 * torch.randn(20_000, 4, generator=generator)
    truth = torch.multinomial(logits.softmax(dim=1), 1, generator=generator)[:, 0]
    belief = fit_belief(3 * logits, torch.nn.functional.one_hot(truth, 4).float())
    assert belief.temperature == pytest.approx(3, rel=0.15)
    assert belief.reliability > 0.9
