"""The temperature in numpy."""

from __future__ import annotations

import numpy as np
import pytest

from gas_fusion_ros.teaching.calibration import fit_temperature, log_softmax


def test_temperature_undoes_an_overconfident_scale() -> None:
    rng = np.random.default_rng(0)
    honest = rng.normal(size=(4000, 4))
    drawn = (np.exp(log_softmax(honest)).cumsum(axis=1) > rng.random((4000, 1))).argmax(axis=1)
    assert fit_temperature(5 * honest, drawn) == pytest.approx(5, rel=0.1)


def test_logarithms_of_probabilities_sum_to_one_whatever_their_size() -> None:
    values = np.array([[1e4, 0.0, -1e4], [3.0, 3.0, 3.0]])
    np.testing.assert_allclose(np.exp(log_softmax(values)).sum(axis=1), 1)
