"""What a network answers, and whether that is an answer at all."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from gas_fusion_ros.base.observation import Mode
from gas_fusion_ros.base.quoting import one_line
from gas_fusion_ros.model.bundle import Bundle

Logits = npt.NDArray[np.float32]
_LARGEST = float(np.finfo(np.float32).max)
"""Beyond it a logit by its temperature is no number, and so no probability comes of it."""


@dataclass(frozen=True)
class Answer:
    """What a network says of one observation.

    Attributes:
        logits: shape (K,), float32.
        novelty: how unlike training the input is, 1 at the limit; None where the network cannot tell.
        gas_logits: of a reading with a picture, what the reading says alone, shape (K,), float32; None where
            the network cannot tell.
    """

    logits: Logits
    novelty: float | None = None
    gas_logits: Logits | None = None


def softmax(logits: Logits) -> Logits:
    """Return the probabilities of `logits`, shape (K,), summing to 1."""
    exponentials = np.exp(logits - logits.max())
    return (exponentials / exponentials.sum()).astype(np.float32)


def answer_complaint(answer: Answer, bundle: Bundle, mode: Mode) -> str:
    """Say what is wrong with a network's answer, to follow its name; empty where nothing is."""
    count = len(bundle.classes)
    if answer.logits.shape != (count,):
        return f"answers logits of shape {answer.logits.shape}; expected ({count},), one for each class"
    logits, temperature = answer.logits.tolist(), bundle.temperatures[mode]
    if not all(map(math.isfinite, logits)):
        return f"answers {one_line(str(logits), 200)}; every logit must be a finite number"
    if not all(abs(logit) <= _LARGEST * temperature for logit in logits):
        return (
            f"answers {one_line(str(logits), 200)}, which at the temperature {temperature:g} makes no "
            "probabilities that sum to 1"
        )
    if answer.novelty is not None and math.isnan(answer.novelty):
        return f"answers the novelty {answer.novelty}; it must be a number"
    return ""
