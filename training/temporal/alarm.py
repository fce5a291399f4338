"""The alarm of a windowed model, tuned on the rows that the inner folds hold out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from gas_fusion_ros.teaching.alarm_tuning import TARGETS, AlarmTuning, alarm_curve, tune_alarm
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


@dataclass(frozen=True)
class HeldStreams:
    """Leak probabilities of rows that the inner folds hold out.

    Attributes:
        quiet: of clean air.
        leaks: of clean air that gives way to a leak.
        period_s: time between two readings, seconds.
    """

    quiet: list[Probabilities]
    leaks: list[tuple[Probabilities, int]]
    period_s: float

    @classmethod
    def of(cls, choice: Choice, outside: Outside) -> HeldStreams | None:
        """Return those of the chosen recipe; None without clean air or room for an onset."""
        clean = outside.clean
        if clean is None:
            return None
        quiet, leaks = [], []
        for fold in choice.folds:
            air = fold.windows.labels == clean
            quiet.append(leak_probabilities(fold.answers.of(air), choice.temperature, clean))
            onsets = splice_onsets(outside.recording, fold.windows.rows, clean, choice.recipe.window)
            onsets += choice.recipe.rehearsals(fold.fold.part)
            leaks += leak_streams(fold.fitted, onsets, choice.temperature, clean)
        return cls(quiet, leaks, outside.recording.period_s) if leaks else None

    def tune(self) -> dict[str, AlarmTuning]:
        """Tune the alarm of each profile."""
        return {
            name: tune_alarm(self.quiet, self.leaks, self.period_s, target)
            for name, target in TARGETS.items()
        }

    def curve(self) -> list[AlarmTuning]:
        """Return what any alarm could do; see `alarm_curve`."""
        return alarm_curve(self.quiet, self.leaks, self.period_s)


def leak_streams(
    fitted: Fitted, onsets: Sequence[Onset], temperature: float, clean: int
) -> list[tuple[npt.NDArray[np.float32], int]]:
    """Return of each onset the calibrated leak probabilities, shape (T,), and where the gas begins."""
    return [
        (leak_probabilities(fitted.answer(onset.windows), temperature, clean), onset.at) for onset in onsets
    ]
