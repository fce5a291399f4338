"""What is fitted on validation after training: a temperature per network, and advice for the alarm."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch

from gas_fusion_ros.alarm.settings import AlarmAdvice
from gas_fusion_ros.base.observation import CLEAN_AIR
from gas_fusion_ros.teaching import calibration

FALSE_ALARM_SHARE = 0.01
"""Share of clean validation readings that may exceed the advised alarm threshold."""


def fit_temperature(logits: torch.Tensor, labels: torch.Tensor) -> float:
    """Return the temperature that minimises the cross entropy; as `teaching.calibration` does.

    Args:
        logits: shape (N, K).
        labels: shape (N,).
    """
    return calibration.fit_temperature(logits.detach().numpy(), labels.numpy())


def clean_leaks(
    logits: torch.Tensor, labels: torch.Tensor, classes: Sequence[str]
) -> npt.NDArray[np.float32]:
    """Return the leak probability of each row that is clean air, shape (rows,); empty without that class.

    Args:
        logits: shape (N, K), calibrated.
        labels: shape (N,).
        classes: length K.
    """
    if CLEAN_AIR not in classes:
        return np.zeros(0, dtype=np.float32)
    clean = list(classes).index(CLEAN_AIR)
    return 1 - logits.softmax(dim=1)[labels == clean, clean].numpy()


def advise_thresholds(clean_leak_probabilities: npt.NDArray[np.float32]) -> AlarmAdvice:
    """Return the alarm thresholds: at most 1 % of clean readings lie above `on`; `off` is half of it.

    Without a clean reading they are the alarm's own defaults, and the delays always are. `on` is 0.6 to
    0.95, even where that allows more.

    Args:
        clean_leak_probabilities: shape (N,).
    """
    if not len(clean_leak_probabilities):
        return AlarmAdvice()
    quantile = float(np.quantile(clean_leak_probabilities, 1 - FALSE_ALARM_SHARE))
    on = min(0.95, max(0.6, float(np.ceil(quantile * 20) / 20)))
    return AlarmAdvice(round(on, 2), round(on / 2, 3))
