"""Temperatures and thresholds."""

from __future__ import annotations

import needs_training  # noqa: F401
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from gas_fusion_ros.alarm.settings import AlarmAdvice
from gas_fusion_ros.base.observation import PAPER_CLASSES
from training.scoring.calibration import advise_thresholds, clean_leaks, fit_temperature


def test_temperature_undoes_an_overconfident_scale() -> None:
    torch.manual_seed(0)
    honest = torch.randn(4000, 4)
    labels = torch.distributions.Categorical(logits=honest).sample()
    assert fit_temperature(5 * honest, labels) == pytest.approx(5, rel=0.1)


def test_only_clean_rows_count_as_clean() -> None:
    clean = PAPER_CLASSES.index("NoGas")
    logits = torch.zeros(2, 4)
    logits[0, clean] = 50.0
    leaks = clean_leaks(logits, torch.tensor([clean, clean + 1]), PAPER_CLASSES)
    np.testing.assert_allclose(leaks, [0.0], atol=1e-6)


def test_classes_without_clean_air_get_the_alarms_defaults() -> None:
    leaks = clean_leaks(torch.zeros(3, 2), torch.tensor([0, 1, 0]), ("methane", "propane"))
    assert leaks.shape == (0,)
    assert advise_thresholds(leaks) == AlarmAdvice()


def test_advised_threshold_leaves_at_most_one_clean_reading_in_a_hundred_above() -> None:
    leaks = np.linspace(0, 0.9, 1000, dtype=np.float32)
    assert (leaks > advise_thresholds(leaks).on_threshold).mean() <= 0.01


@given(st.lists(st.floats(0, 1, width=32), min_size=1))
def test_advised_thresholds_are_ones_that_a_bundle_may_have(leaks: list[float]) -> None:
    advice = advise_thresholds(np.array(leaks, dtype=np.float32))
    assert 0 < advice.off_threshold <= advice.on_threshold <= 1
