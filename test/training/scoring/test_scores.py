"""Scores count by truth and verdict."""

from __future__ import annotations

import needs_training  # noqa: F401
import pytest
import torch

from training.scoring.scores import score


def test_scores_count_by_truth_and_verdict() -> None:
    logits = torch.eye(2)[[0, 0, 1, 0]]
    result = score(logits, torch.tensor([0, 0, 1, 1]))
    assert result.accuracy == 0.75
    assert result.confusion == [[2, 0], [1, 1]]
    assert result.macro_f1 == pytest.approx((0.8 + 2 / 3) / 2, abs=1e-4)
    assert result.macro_precision == pytest.approx((2 / 3 + 1) / 2, abs=1e-4)
    assert result.macro_recall == pytest.approx((1 + 0.5) / 2, abs=1e-4)
