"""Figures of a confusion matrix: readings by truth (row) and verdict (column), the last column `Unknown`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from gas_fusion_ros.base.observation import CLEAN_AIR, UNKNOWN
from gas_fusion_ros.evaluation.schema import ClassScore

Confusion = npt.NDArray[np.int64]


def share_of(part: float, whole: float) -> float | None:
    """`part` of `whole`; None where there is nothing to have a share of."""
    return float(part / whole) if whole else None


def confusion_by_name(confusion: Confusion, classes: Sequence[str]) -> dict[str, dict[str, int]]:
    """The counts by truth and verdict.

    Args:
        confusion: shape (K, K + 1).
        classes: names, length K.
    """
    said = (*classes, UNKNOWN)
    return {
        truth: dict(zip(said, row, strict=True))
        for truth, row in zip(classes, confusion.tolist(), strict=True)
    }


def accuracy_of(confusion: Confusion) -> float | None:
    """Share of the readings called by their class; shape (K, K + 1)."""
    return share_of(int(np.trace(confusion)), int(confusion.sum()))


def class_scores(confusion: Confusion, classes: Sequence[str]) -> dict[str, ClassScore]:
    """Precision, recall and F1 of each class; `Unknown` is never right and takes from recall alone.

    Args:
        confusion: shape (K, K + 1).
        classes: names, length K.
    """
    scores = {}
    for index, name in enumerate(classes):
        right, so, called = (
            int(confusion[index, index]),
            int(confusion[index].sum()),
            int(confusion[:, index].sum()),
        )
        scores[name] = ClassScore(
            share_of(right, called), share_of(right, so), share_of(2 * right, so + called), so
        )
    return scores


def macro_f1(scores: dict[str, ClassScore]) -> float | None:
    """Mean of F1 over the classes that occur in truth or verdicts."""
    values = [score.f1 for score in scores.values() if score.f1 is not None]
    return share_of(sum(values), len(values))


def leak_recall(confusion: Confusion, classes: Sequence[str]) -> float | None:
    """Share of the readings in a gas that were called a gas, whichever; None where no class is clean air.

    Args:
        confusion: shape (K, K + 1).
        classes: names, length K.
    """
    gases = _gases(classes)
    return (
        share_of(int(confusion[np.ix_(gases, gases)].sum()), int(confusion[gases].sum())) if gases else None
    )


def clean_called_gas(confusion: Confusion, classes: Sequence[str]) -> float | None:
    """Share of the readings in clean air that were called a gas; arguments as for `leak_recall`."""
    gases = _gases(classes)
    if not gases:
        return None
    clean = confusion[list(classes).index(CLEAN_AIR)]
    return share_of(int(clean[gases].sum()), int(clean.sum()))


def figures_of(confusion: Confusion, classes: Sequence[str]) -> dict[str, Any]:
    """Every figure that the counts alone give, by its name in the reports; arguments as for `leak_recall`."""
    scores = class_scores(confusion, classes)
    return {
        "judged": int(confusion.sum()),
        "class_accuracy": accuracy_of(confusion),
        "macro_f1": macro_f1(scores) if confusion.any() else None,
        "confusion": confusion_by_name(confusion, classes),
        "per_class": scores,
        "leak_recall": leak_recall(confusion, classes),
        "clean_called_gas": clean_called_gas(confusion, classes),
    }


def _gases(classes: Sequence[str]) -> list[int]:
    """Indices of the classes that are a gas; none where no class is clean air."""
    if CLEAN_AIR not in classes:
        return []
    return [index for index, name in enumerate(classes) if name != CLEAN_AIR]
