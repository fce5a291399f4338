"""What probabilities are worth: calibration, rejection, and how often clean air would be called a leak."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from sklearn.metrics import roc_auc_score

from gas_fusion_ros.base.observation import CLEAN_AIR
from gas_fusion_ros.base.units import SECONDS_PER_HOUR
from gas_fusion_ros.teaching.windows import ROW_PERIOD_S
from gas_fusion_ros.truth import scoring as metrics
from gas_fusion_ros.truth.scoring import RELIABILITY_BINS, Reliability, ReliabilityBin

Labels = npt.NDArray[np.int64]
Floats = npt.NDArray[np.floating]

MOST_POINTS = 50
"""Points that a risk-coverage curve is drawn from."""
REJECTED = -1
"""The verdict, in place of a class's index, on a row that was rejected as Unknown."""

_DIGITS = 4
"""Of points, which are there to be drawn; figures are not rounded."""


@dataclass(frozen=True)
class ReliabilityPoint:
    """The rows whose confidence lies in one bin.

    Attributes:
        low: the bin's lower limit, not in it.
        high: its upper limit, in it.
        rows: number of rows.
        confidence: their mean confidence, 0..1.
        accuracy: share of them that is classified rightly.
    """

    low: float
    high: float
    rows: int
    confidence: float
    accuracy: float


@dataclass(frozen=True)
class RiskCoveragePoint:
    """What answering only the most confident rows would cost.

    Attributes:
        coverage: share of the rows that are answered, above 0 and at most 1.
        risk: share of those that are classified wrongly.
    """

    coverage: float
    risk: float


@dataclass(frozen=True)
class Calibration:
    """How far confidence can be trusted.

    Attributes:
        ece: expected calibration error, 0..1.
        aurc: area under the risk-coverage curve, 0..1.
        reliability: a point for each bin that has rows.
        risk_coverage: at most `MOST_POINTS`, by ascending coverage.
    """

    ece: float
    aurc: float
    reliability: tuple[ReliabilityPoint, ...]
    risk_coverage: tuple[RiskCoveragePoint, ...]


@dataclass(frozen=True)
class LeakFigures:
    """How verdicts do where it counts; each is None without a row to measure it on.

    Attributes:
        leak_recall: share of the rows with a gas that are called a gas, whichever.
        clean_called_gas: share of the rows of clean air that are called a gas.
        false_readings_per_hour: rows of clean air called gas, per hour of clean air.
        false_runs_per_hour: stretches of consecutive such rows, per hour of clean air.
    """

    leak_recall: float | None
    clean_called_gas: float | None
    false_readings_per_hour: float | None
    false_runs_per_hour: float | None


def calibration(probabilities: Floats, labels: Labels) -> Calibration:
    """Measure probabilities against the truth; the confidence is the largest probability.

    Args:
        probabilities: shape (N, K), each 0..1.
        labels: shape (N,), indices of classes.

    Raises:
        ValueError: there is no row, or the arrays do not fit each other.
    """
    probabilities, correct = _checked(probabilities, labels)
    confidence = probabilities.max(axis=1)
    risks = selective_risks(confidence, correct)
    return Calibration(
        expected_calibration_error(probabilities, labels),
        float(risks.mean()),
        reliability_curve(probabilities, labels),
        risk_coverage_curve(risks),
    )


def expected_calibration_error(probabilities: Floats, labels: Labels) -> float:
    """Return the mean distance between confidence and accuracy, over bins of equal width.

    The formula is `truth.scoring.expected_calibration_error`, as when a bag is evaluated.

    Args:
        probabilities: shape (N, K), each 0..1.
        labels: shape (N,).

    Raises:
        ValueError: there is no row, or the arrays do not fit each other.
    """
    error = metrics.expected_calibration_error(_bins(probabilities, labels))
    assert error is not None  # there is a row
    return error


def reliability_curve(probabilities: Floats, labels: Labels) -> tuple[ReliabilityPoint, ...]:
    """Return confidence and accuracy of each bin that has rows, rounded to four digits.

    Args:
        probabilities: shape (N, K), each 0..1.
        labels: shape (N,).

    Raises:
        ValueError: there is no row, or the arrays do not fit each other.
    """
    edges = np.linspace(0, 1, RELIABILITY_BINS + 1).round(_DIGITS).tolist()
    return tuple(
        ReliabilityPoint(low, high, one.count, round(one.confidence, _DIGITS), round(one.accuracy, _DIGITS))
        for low, high, one in zip(edges[:-1], edges[1:], _bins(probabilities, labels), strict=True)
        if one.count
    )


def selective_risks(confidence: Floats, correct: npt.NDArray[np.bool_]) -> npt.NDArray[np.float64]:
    """Return the risk at each coverage 1/N, 2/N .. 1; their mean is the area under the curve (AURC).

    Source: Geifman, El-Yaniv (2017), Selective Classification for Deep Neural Networks. Among rows of equal
    confidence the order is no one's: they share their errors evenly.

    Args:
        confidence: shape (N,); any score that is higher where an answer is more to be trusted.
        correct: shape (N,), whether the answer is right.

    Returns:
        Shape (N,), share of wrong answers among the most confident rows.

    Raises:
        ValueError: there is no row, or the arrays do not fit each other.
    """
    if confidence.ndim != 1 or not len(confidence) or confidence.shape != correct.shape:
        raise ValueError(
            f"confidence and correct must both have the shape (N,), N at least 1, not {confidence.shape} and "
            f"{correct.shape}"
        )
    if not np.isfinite(confidence).all():
        raise ValueError("confidence must be finite")
    _, group, size = np.unique(-confidence, return_inverse=True, return_counts=True)
    wrong = np.bincount(group.ravel(), weights=~correct, minlength=len(size))
    errors = np.cumsum(np.repeat(wrong / size, size))
    return np.clip(errors / np.arange(1, len(errors) + 1), 0, 1)


def risk_coverage_curve(
    risks: npt.NDArray[np.float64], most: int = MOST_POINTS
) -> tuple[RiskCoveragePoint, ...]:
    """Thin the curve out to points at even distances, full coverage included, rounded to four digits.

    Args:
        risks: shape (N,), of `selective_risks`.
        most: number of points that are enough.
    """
    count = len(risks)
    answered = np.unique(np.ceil(np.linspace(0, count, min(most, count) + 1)[1:]).astype(np.int64))
    return tuple(
        RiskCoveragePoint(round(int(rows) / count, _DIGITS), round(float(risks[rows - 1]), _DIGITS))
        for rows in answered
    )


def reject_auroc(known: Floats, held_out: Floats) -> float:
    """Return how well a rejection score tells a held-out class from the classes that were trained on.

    Args:
        known: shape (N,), scores of inputs of trained classes; higher is more unlike training.
        held_out: shape (M,), scores of inputs of the held-out class.

    Returns:
        Area under the ROC curve: how probably a held-out input scores above a known one; 0.5 is chance.

    Raises:
        ValueError: one of them is empty, or a score is not finite.
    """
    for name, scores in (("known", known), ("held_out", held_out)):
        if not len(scores) or not np.isfinite(scores).all():
            raise ValueError(f"{name} must be finite scores, at least one")
    truth = np.concatenate([np.zeros(len(known)), np.ones(len(held_out))])
    return float(roc_auc_score(truth, np.concatenate([known, held_out])))


def leak_figures(
    verdicts: Labels, labels: Labels, rows: Labels, classes: Sequence[str], period_s: float = ROW_PERIOD_S
) -> LeakFigures:
    """Measure what an alarm would be told.

    Any class but clean air is a gas. A rejected row is called neither gas nor clean air.

    Args:
        verdicts: shape (N,), indices of classes, or `REJECTED`.
        labels: shape (N,), indices of classes.
        rows: shape (N,), the rows' places in the recording: consecutive readings have consecutive numbers.
        classes: names, length K.
        period_s: time between two readings, seconds.

    Raises:
        ValueError: the arrays do not fit each other, or a row stands twice.
    """
    if not verdicts.shape == labels.shape == rows.shape:
        raise ValueError(
            "verdicts, labels and rows must have the same shape (N,), not "
            f"{verdicts.shape}, {labels.shape} and {rows.shape}"
        )
    if len(np.unique(rows)) < len(rows):
        raise ValueError("rows must be different: a reading counts once")
    if CLEAN_AIR not in classes:
        return LeakFigures(None, None, None, None)
    air = list(classes).index(CLEAN_AIR)
    called_gas = (verdicts != air) & (verdicts != REJECTED)
    clean = labels == air
    leak_recall = float(called_gas[~clean].mean()) if not clean.all() else None
    if not clean.any():
        return LeakFigures(leak_recall, None, None, None)
    false_rows = np.sort(rows[clean & called_gas])
    runs = np.count_nonzero(np.diff(false_rows) > 1) + 1 if len(false_rows) else 0
    hours = np.count_nonzero(clean) * period_s / SECONDS_PER_HOUR
    return LeakFigures(
        leak_recall, float(called_gas[clean].mean()), len(false_rows) / hours, float(runs / hours)
    )


def _checked(probabilities: Floats, labels: Labels) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.bool_]]:
    """Return the probabilities, and whether each row's most probable class is the right one."""
    if probabilities.ndim != 2 or not len(probabilities) or labels.shape != probabilities.shape[:1]:
        raise ValueError(
            "probabilities must have the shape (N, K), N at least 1, and labels (N,), not "
            f"{probabilities.shape} and {labels.shape}"
        )
    if not ((probabilities >= 0) & (probabilities <= 1 + 1e-6)).all():
        raise ValueError("probabilities must be 0..1")
    return np.minimum(probabilities, 1).astype(np.float64), probabilities.argmax(axis=1) == labels


def _bins(probabilities: Floats, labels: Labels) -> tuple[ReliabilityBin, ...]:
    """Return the bins of confidence, empty ones too."""
    checked, correct = _checked(probabilities, labels)
    reliability = Reliability()
    reliability.add(checked.max(axis=1), correct)
    return reliability.bins()
