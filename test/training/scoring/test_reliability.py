"""Figures of probabilities agree with their definitions, and with torchmetrics where that has them."""

from __future__ import annotations

from typing import Any

import needs_training  # noqa: F401
import numpy as np
import numpy.typing as npt
import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from torchmetrics.functional.classification import multiclass_calibration_error

from gas_fusion_ros.base.observation import PAPER_CLASSES
from gas_fusion_ros.truth.scoring import RELIABILITY_BINS
from training.scoring.reliability import (
    MOST_POINTS,
    REJECTED,
    calibration,
    expected_calibration_error,
    leak_figures,
    reject_auroc,
    reliability_curve,
    risk_coverage_curve,
    selective_risks,
)

MIXTURE, AIR, PERFUME, SMOKE = range(4)
Answers = tuple[npt.NDArray[np.float32], npt.NDArray[np.int64]]


@st.composite
def answers(draw: st.DrawFn) -> Answers:
    """Probabilities (N, K) and labels (N,)."""
    rows, classes = draw(st.integers(1, 60)), draw(st.integers(2, 5))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    sharpness = draw(st.floats(0.1, 10))
    logits = torch.from_numpy(rng.normal(0, sharpness, (rows, classes)).astype(np.float32))
    return logits.softmax(dim=1).numpy(), rng.integers(0, classes, rows)


@given(answers())
def test_the_calibration_error_is_torchmetrics(given_answers: Answers) -> None:
    probabilities, labels = given_answers
    # torchmetrics counts a confidence of just 1 as beyond the last bin.
    assume(probabilities.max() < 1)
    theirs = multiclass_calibration_error(
        torch.from_numpy(probabilities),
        torch.from_numpy(labels),
        probabilities.shape[1],
        n_bins=RELIABILITY_BINS,
    )
    assert expected_calibration_error(probabilities, labels) == pytest.approx(float(theirs), abs=1e-4)


@given(answers())
def test_points_hold_every_row_and_lie_in_their_bins(given_answers: Answers) -> None:
    probabilities, labels = given_answers
    points = reliability_curve(probabilities, labels)
    assert sum(point.rows for point in points) == len(labels)
    assert len(points) <= RELIABILITY_BINS
    for point in points:
        assert point.low - 1e-4 <= point.confidence <= point.high + 1e-4
        assert 0 <= point.accuracy <= 1
    error = sum(abs(point.confidence - point.accuracy) * point.rows for point in points) / len(labels)
    assert error == pytest.approx(expected_calibration_error(probabilities, labels), abs=2e-4)


def test_a_bins_upper_limit_belongs_to_it() -> None:
    (point,) = reliability_curve(np.array([[0.6, 0.4]]), np.array([0]))
    assert (point.low, point.high, point.rows) == (0.5333, 0.6, 1)


def test_the_calibration_error_by_hand() -> None:
    probabilities = np.array([[0.9, 0.1], [0.9, 0.1], [0.3, 0.7], [0.3, 0.7]])
    assert expected_calibration_error(probabilities, np.array([0, 1, 1, 1])) == pytest.approx(
        0.5 * abs(0.9 - 0.5) + 0.5 * abs(0.7 - 1.0)
    )


@given(answers(), st.randoms(use_true_random=False))
def test_no_figure_depends_on_the_order_of_the_rows(given_answers: Answers, random: Any) -> None:
    probabilities, labels = given_answers
    order = list(range(len(labels)))
    random.shuffle(order)
    one, other = (
        calibration(probabilities.round(1), labels),
        calibration(probabilities[order].round(1), labels[order]),
    )
    assert one.ece == pytest.approx(other.ece)
    assert one.aurc == pytest.approx(other.aurc)


@given(hnp.arrays(np.bool_, st.integers(1, 200)), st.integers(0, 2**32 - 1))
def test_the_curve_ends_at_the_error_rate_and_is_best_where_confidence_knows(
    correct: npt.NDArray[np.bool_], seed: int
) -> None:
    confidence = np.random.default_rng(seed).random(len(correct)).round(2)
    risks = selective_risks(confidence, correct)
    assert ((risks >= 0) & (risks <= 1)).all()
    assert risks[-1] == pytest.approx(1 - correct.mean())
    best, worst = selective_risks(correct * 1.0, correct), selective_risks(correct * -1.0, correct)
    assert best.mean() - 1e-9 <= risks.mean() <= worst.mean() + 1e-9


def test_the_area_by_hand() -> None:
    confidence, correct = np.array([0.9, 0.8, 0.7]), np.array([True, False, True])
    np.testing.assert_allclose(selective_risks(confidence, correct), [0, 1 / 2, 1 / 3])


def test_rows_of_equal_confidence_share_their_errors() -> None:
    risks = selective_risks(np.ones(4), np.array([True, False, True, True]))
    np.testing.assert_allclose(risks, [0.25] * 4)


@given(st.integers(1, 500))
def test_few_points_remain_of_a_curve_and_the_last_is_full_coverage(rows: int) -> None:
    points = risk_coverage_curve(np.linspace(0, 1, rows))
    coverages = [point.coverage for point in points]
    assert len(points) == min(rows, MOST_POINTS)
    assert coverages == sorted(coverages)
    assert coverages[-1] == 1


@given(
    hnp.arrays(np.float32, st.integers(1, 30), elements=st.integers(0, 9)),
    hnp.arrays(np.float32, st.integers(1, 30), elements=st.integers(0, 9)),
)
def test_the_area_is_how_often_a_held_out_input_scores_higher(
    known: npt.NDArray[np.float32], held_out: npt.NDArray[np.float32]
) -> None:
    above = (held_out[:, None] > known).mean() + 0.5 * (held_out[:, None] == known).mean()
    assert reject_auroc(known, held_out) == pytest.approx(above)


def test_false_alarms_are_counted_as_readings_and_as_stretches() -> None:
    labels = np.array([AIR] * 8 + [SMOKE] * 2)
    verdicts = np.array([AIR, SMOKE, PERFUME, AIR, SMOKE, SMOKE, REJECTED, AIR, MIXTURE, AIR])
    figures = leak_figures(verdicts, labels, np.arange(10), PAPER_CLASSES, period_s=2.0)
    hours = 8 * 2 / 3600
    assert figures.leak_recall == 0.5
    assert figures.clean_called_gas == 4 / 8
    assert figures.false_readings_per_hour == pytest.approx(4 / hours)
    assert figures.false_runs_per_hour == pytest.approx(2 / hours)


def test_a_gap_in_the_recording_ends_a_stretch_and_the_order_given_does_not() -> None:
    rows = np.array([12, 3, 2, 11])
    figures = leak_figures(np.full(4, SMOKE), np.full(4, AIR), rows, PAPER_CLASSES)
    assert figures.leak_recall is None
    assert figures.false_runs_per_hour == pytest.approx(2 / (4 * 2 / 3600))


def test_a_rejected_leak_is_not_called_a_gas() -> None:
    figures = leak_figures(np.array([REJECTED, SMOKE]), np.full(2, SMOKE), np.arange(2), PAPER_CLASSES)
    assert figures.leak_recall == 0.5
    assert figures.clean_called_gas is None


def test_without_clean_air_nothing_is_a_leak() -> None:
    figures = leak_figures(np.zeros(1, np.int64), np.zeros(1, np.int64), np.zeros(1, np.int64), ("CO", "CH4"))
    assert vars(figures) == dict.fromkeys(vars(figures))


@given(st.lists(st.sampled_from([AIR, SMOKE, REJECTED]), min_size=1, max_size=40), st.floats(0.1, 10))
def test_there_are_no_more_stretches_than_readings(calls: list[int], period_s: float) -> None:
    verdicts = np.array(calls)
    labels = np.full(len(verdicts), AIR)
    figures = leak_figures(verdicts, labels, np.arange(len(verdicts)), PAPER_CLASSES, period_s)
    assert figures.clean_called_gas is not None
    assert figures.false_readings_per_hour == pytest.approx(figures.clean_called_gas * 3600 / period_s)
    assert figures.false_runs_per_hour is not None
    assert 0 <= figures.false_runs_per_hour <= figures.false_readings_per_hour + 1e-9
    assert (figures.false_runs_per_hour > 0) == (figures.clean_called_gas > 0)


NO_ROWS = np.zeros(0, np.int64)
LABEL = np.zeros(1, np.int64)


@pytest.mark.parametrize(
    ("call", "named"),
    [
        (lambda: calibration(np.zeros((0, 2)), NO_ROWS), r"probabilities must have the shape \(N, K\)"),
        (lambda: calibration(np.ones((2, 2)), LABEL), r"labels \(N,\), not \(2, 2\) and \(1,\)"),
        (lambda: calibration(np.array([[np.nan, 1]]), LABEL), "probabilities must be 0..1"),
        (lambda: calibration(np.array([[3.0, -2.0]]), LABEL), "probabilities must be 0..1"),
        (lambda: selective_risks(np.zeros(0), np.zeros(0, np.bool_)), "confidence and correct"),
        (lambda: selective_risks(np.array([np.nan]), np.ones(1, np.bool_)), "confidence must be finite"),
        (lambda: reject_auroc(np.zeros(0), np.ones(1)), "known must be"),
        (lambda: reject_auroc(np.ones(1), np.array([np.inf])), "held_out must be"),
        (lambda: leak_figures(LABEL, LABEL, NO_ROWS, PAPER_CLASSES), "verdicts, labels and rows"),
        (lambda: leak_figures(*[np.zeros(2, np.int64)] * 3, PAPER_CLASSES), "rows must be different"),
    ],
)
def test_what_cannot_be_measured_is_named(call: Any, named: str) -> None:
    with pytest.raises(ValueError, match=named):
        call()
