"""The alarm of a windowed model, tuned on the rows that the inner folds hold out."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from gas_fusion_ros.teaching.alarm_tuning import TARGETS, AlarmTuning, tune_alarm
from gas_fusion_ros.teaching.onsets import Onset, splice_onsets
from training.temporal.encoder_fitting import EncoderAnswers
from training.temporal.nested import Choice, Outside
from training.temporal.recipes import Fitted

Probabilities = npt.NDArray[np.float32]


def leak_probabilities(answers: EncoderAnswers, temperature: float, clean: int) -> npt.NDArray[np.float32]:
    """Return the calibrated probability of any gas, shape (N,)."""
    return 1 - probabilities_of(answers, temperature)[:, clean]


def probabilities_of(answers: EncoderAnswers, temperature: float) -> Probabilities:
    """Return calibrated probabilities, shape (N, K)."""
    return (answers.logits / temperature).softmax(dim=1).numpy()


def tune(choice: Choice, outside: Outside) -> dict[str, AlarmTuning]:
    """Tune the alarm of each profile on the inner folds' held-out rows.

    Returns:
        None at all without clean air or room for an onset.
    """
    clean = outside.clean
    if clean is None:
        return {}
    quiet, leaks = [], []
    for fold in choice.folds:
        air = fold.windows.labels == clean
        quiet.append(leak_probabilities(fold.answers.of(air), choice.temperature, clean))
        onsets = splice_onsets(outside.recording, fold.windows.rows, clean, choice.recipe.window)
        onsets += choice.recipe.rehearsals(fold.fold.part)
        leaks += leak_streams(fold.fitted, onsets, choice.temperature, clean)
    if not leaks:
        return {}
    period_s = outside.recording.period_s
    return {name: tune_alarm(quiet, leaks, period_s, target) for name, target in TARGETS.items()}


def leak_streams(
    fitted: Fitted, onsets: Sequence[Onset], temperature: float, clean: int
) -> list[tuple[npt.NDArray[np.float32], int]]:
    """Return of each onset the calibrated leak probabilities, shape (T,), and where the gas begins."""
    return [
        (leak_probabilities(fitted.answer(onset.windows), temperature, clean), onset.at) for onset in onsets
    ]
