"""What is fitted on held-out answers: the temperature that makes probabilities of logits."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

_LEAST, _MOST, _TRIED = 0.05, 20.0, 600


def fit_temperature(logits: npt.NDArray[np.floating], labels: npt.NDArray[np.int64]) -> float:
    """Return the temperature that minimises the cross entropy of `logits` / temperature.

    Source: Guo et al. (2017), On Calibration of Modern Neural Networks. Kept within 0.05 .. 20.

    Args:
        logits: shape (N, K).
        labels: shape (N,).
    """
    candidates = np.geomspace(_LEAST, _MOST, _TRIED)
    losses = [-log_softmax(logits / value)[np.arange(len(labels)), labels].mean() for value in candidates]
    return round(float(candidates[np.argmin(losses)]), 4)


def log_softmax(logits: npt.NDArray[np.floating]) -> npt.NDArray[np.float64]:
    """Return the logarithms of probabilities, along the last axis."""
    values = np.asarray(logits, dtype=np.float64)
    shifted = values - values.max(axis=-1, keepdims=True)
    return np.asarray(shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True)))
