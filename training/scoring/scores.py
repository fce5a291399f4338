"""How verdicts compare with the truth."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torchmetrics import Metric
from torchmetrics.classification import (
    MulticlassAccuracy,
    MulticlassConfusionMatrix,
    MulticlassF1Score,
    MulticlassPrecision,
    MulticlassRecall,
)


@dataclass(frozen=True)
class Scores:
    """The figures of one part of the rows.

    Attributes:
        accuracy: share of the rows that are classified rightly.
        macro_f1: mean over the classes of F1.
        macro_precision: mean over the classes of precision.
        macro_recall: mean over the classes of recall.
        confusion: shape (K, K), rows by truth (row) and verdict (column).
    """

    accuracy: float
    macro_f1: float
    macro_precision: float
    macro_recall: float
    confusion: list[list[int]]


def score(logits: torch.Tensor, labels: torch.Tensor) -> Scores:
    """Score a network's answers.

    Args:
        logits: shape (N, K).
        labels: shape (N,).
    """
    classes = logits.shape[1]

    def rounded(metric: Metric) -> float:
        return round(float(metric(logits, labels)), 4)

    return Scores(
        accuracy=rounded(MulticlassAccuracy(classes, average="micro")),
        macro_f1=rounded(MulticlassF1Score(classes, average="macro")),
        macro_precision=rounded(MulticlassPrecision(classes, average="macro")),
        macro_recall=rounded(MulticlassRecall(classes, average="macro")),
        confusion=MulticlassConfusionMatrix(classes)(logits, labels).tolist(),
    )
