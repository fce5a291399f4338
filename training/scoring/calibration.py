"""What is fitted on validation after training: a temperature per network, and advice for the alarm."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

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


_TEMPERATURES = np.geomspace(0.3, 10.0, 71)
MOST_RELIABLE = 0.95
"""Drawn pictures that are told apart without an error still are no real ones."""
_RELIABILITIES = np.linspace(0.0, MOST_RELIABLE, 96)


@dataclass(frozen=True)
class Belief:
    """How far a network's probabilities may be believed.

    Attributes:
        temperature: by which its logits are divided.
        reliability: share of cases in which the probabilities then hold; see
            `model.networks.temporal.bounded`.
    """

    temperature: float
    reliability: float


def fit_belief(logits: torch.Tensor, beliefs: torch.Tensor) -> Belief:
    """Return the temperature and reliability that minimise the cross entropy, of a grid.

    A temperature alone leaves a few confident errors without a bound: many mild ones hide them.
    However good the answers are, the reliability is at most `MOST_RELIABLE`.

    Args:
        logits: shape (N, K), of cases that training has not seen.
        beliefs: shape (N, K), the probabilities that are right.
    """
    best, least = Belief(1.0, 0.0), math.inf
    reliabilities = torch.from_numpy(_RELIABILITIES).float()[:, None, None]
    for temperature in _TEMPERATURES.tolist():
        probabilities = (logits / temperature).softmax(dim=1)
        held = reliabilities * probabilities + (1 - reliabilities) / logits.shape[1]
        losses = -(beliefs * held.clamp(min=1e-30).log()).sum(dim=2).mean(dim=1)
        if float(losses.min()) < least:
            least = float(losses.min())
            best = Belief(temperature, float(_RELIABILITIES[int(losses.argmin())]))
    return best


def speaking_threshold(
    sure: npt.NDArray[np.float32], right: npt.NDArray[np.bool_], precision: float
) -> float:
    """Return the least probability from which on verdicts are right often enough; above 1 for none.

    Args:
        sure: shape (N,), probability of the likeliest class.
        right: shape (N,), whether it is the right one.
        precision: share of verdicts that must be right.
    """
    order = np.argsort(-sure, kind="stable")
    shares = np.cumsum(right[order]) / np.arange(1, len(order) + 1)
    # Verdicts of one probability are spoken together or not at all.
    is_last = np.append(np.diff(sure[order]) != 0, True)
    enough = np.flatnonzero(is_last & (shares >= precision))
    return float(sure[order[enough[-1]]]) if len(enough) else 1.1


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
