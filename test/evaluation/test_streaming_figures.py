"""What is counted as it streams by agrees with what NumPy and the definitions make of all of it at once."""

from __future__ import annotations

import random
from statistics import median, median_low

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from gas_fusion_ros.base.observation import PAPER_CLASSES
from gas_fusion_ros.evaluation.class_figures import (
    accuracy_of,
    class_scores,
    clean_called_gas,
    confusion_by_name,
    leak_recall,
    macro_f1,
)
from gas_fusion_ros.evaluation.histograms import LogHistogram, OffsetCounts
from gas_fusion_ros.evaluation.schema import ClassScore, Percentiles
from gas_fusion_ros.evaluation.thinning import Thinned
from gas_fusion_ros.truth.scoring import (
    RELIABILITY_BINS,
    AlarmIntervals,
    Interval,
    Reliability,
    alarm_intervals,
    expected_calibration_error,
)

MS = 1_000_000


@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=200))
def test_percentiles_are_right_to_a_bin(values: list[float]) -> None:
    histogram = LogHistogram()
    for value in values:
        histogram.add(value)
    found = histogram.percentiles()
    for share, percentile in ((0.5, found.p50), (0.95, found.p95), (0.99, found.p99)):
        true = float(np.quantile(values, share, method="inverted_cdf"))
        assert percentile == pytest.approx(true, rel=0.006, abs=1e-4)
    assert found.largest == pytest.approx(max(values), abs=1e-4)


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=200))
def test_values_of_either_sign_have_a_median_and_extremes(values: list[float]) -> None:
    histogram = LogHistogram()
    for value in values:
        histogram.add(value)
    assert (histogram.least, histogram.greatest) == (min(values), max(values))
    assert histogram.percentile(0.5) == pytest.approx(median_low(values), rel=0.006, abs=2e-6)


def test_nothing_has_no_percentiles() -> None:
    assert LogHistogram().percentiles() == Percentiles(None, None, None, None)
    assert LogHistogram().percentile(0.5) is None


def test_the_median_of_values_that_are_about_equal_is_their_mean() -> None:
    noise = random.Random(0)
    histogram = LogHistogram()
    values = [2.0 + noise.gauss(0, 0.0001) for _ in range(1000)]
    for value in values:
        histogram.add(value)
    assert histogram.percentile(0.5) == pytest.approx(median(values), rel=1e-3)
    assert histogram.above(1.9) == 1000
    assert histogram.above(2.1) == 0


@given(st.lists(st.integers(-100 * MS, 100 * MS), max_size=100))
def test_offsets_fall_into_bins_of_equal_width(offsets: list[int]) -> None:
    counts = OffsetCounts(100 * MS)
    for offset in offsets:
        counts.add(offset)
    histogram = counts.histogram()
    assert histogram.edges_ms[0] == -100
    assert histogram.edges_ms[-1] == 100
    assert len(histogram.edges_ms) == len(histogram.counts) + 1
    expected, _ = np.histogram(np.array(offsets) / MS, bins=np.array(histogram.edges_ms))
    assert histogram.counts == tuple(expected.tolist())
    if offsets:
        assert counts.distances_ms().largest == pytest.approx(max(map(abs, offsets)) / MS, abs=1e-3)


def test_pairs_of_equal_stamps_have_a_histogram_too() -> None:
    counts = OffsetCounts(0)
    counts.add(0)
    histogram = counts.histogram()
    assert sum(histogram.counts) == 1
    assert histogram.edges_ms[0] < 0 < histogram.edges_ms[-1]


@given(st.integers(0, 300), st.integers(2, 20))
def test_thinning_keeps_every_nth_item_and_never_too_many(count: int, most: int) -> None:
    thinned: Thinned[int] = Thinned(most)
    for number in range(count):
        thinned.add(number, number)
        assert len(thinned.in_time_order()) <= most
    kept = [item for _, item in thinned.in_time_order()]
    steps = set(np.diff(kept).tolist())
    assert len(steps) <= 1
    assert kept[:1] == [0][:count]
    assert len(kept) >= min(count, most // 2)
    if kept:
        assert count - kept[-1] <= max([1, *steps])


def test_thinned_items_come_in_time_order() -> None:
    thinned: Thinned[str] = Thinned()
    for stamp, item in ((5, "b"), (3, "a"), (9, "c")):
        thinned.add(stamp, item)
    assert thinned.in_time_order() == [(3, "a"), (5, "b"), (9, "c")]


CONFUSIONS = hnp.arrays(np.int64, (4, 5), elements=st.integers(0, 20))
CLEAN = PAPER_CLASSES.index("NoGas")


@given(CONFUSIONS)
def test_class_figures_are_as_defined(confusion: npt.NDArray[np.int64]) -> None:
    truth, said = (np.repeat(axis.ravel(), confusion.ravel()) for axis in np.indices(confusion.shape))
    scores = class_scores(confusion, PAPER_CLASSES)
    values = []
    for index, name in enumerate(PAPER_CLASSES):
        right = int(((truth == index) & (said == index)).sum())
        so, called = int((truth == index).sum()), int((said == index).sum())
        f1 = 2 * right / (so + called) if so + called else None
        expected = ClassScore(right / called if called else None, right / so if so else None, f1, so)
        assert scores[name] == expected
        values += [f1] if f1 is not None else []
    assert macro_f1(scores) == (pytest.approx(np.mean(values)) if values else None)
    assert accuracy_of(confusion) == (pytest.approx((truth == said).mean()) if len(truth) else None)
    gas, called_gas = truth != CLEAN, ~np.isin(said, (CLEAN, 4))
    assert leak_recall(confusion, PAPER_CLASSES) == (
        pytest.approx(called_gas[gas].mean()) if gas.any() else None
    )
    assert clean_called_gas(confusion, PAPER_CLASSES) == (
        pytest.approx(called_gas[~gas].mean()) if (~gas).any() else None
    )


def test_without_clean_air_nothing_is_a_leak() -> None:
    confusion = np.ones((2, 3), dtype=np.int64)
    assert leak_recall(confusion, ("Tea", "Coffee")) is None
    assert clean_called_gas(confusion, ("Tea", "Coffee")) is None
    assert confusion_by_name(confusion, ("Tea", "Coffee"))["Tea"] == {"Tea": 1, "Coffee": 1, "Unknown": 1}


@given(st.lists(st.tuples(st.floats(0, 1), st.booleans()), max_size=60))
def test_reliability_does_not_depend_on_how_it_is_taken_in(pairs: list[tuple[float, bool]]) -> None:
    at_once, one_by_one = Reliability(), Reliability()
    confidence = np.array([pair[0] for pair in pairs], dtype=np.float64)
    correct = np.array([pair[1] for pair in pairs], dtype=np.bool_)
    at_once.add(confidence, correct)
    for index in range(len(pairs)):
        one_by_one.add(confidence[index : index + 1], correct[index : index + 1])
    for one, other in zip(at_once.bins(), one_by_one.bins(), strict=True):
        assert one.count == other.count
        assert one.confidence == pytest.approx(other.confidence)
        assert one.accuracy == pytest.approx(other.accuracy)
    bins = at_once.bins()
    assert len(bins) == RELIABILITY_BINS
    error = expected_calibration_error(bins)
    if not pairs:
        assert error is None
        return
    expected = 0.0
    for number in range(RELIABILITY_BINS):
        low, high = number / RELIABILITY_BINS, (number + 1) / RELIABILITY_BINS
        inside = np.maximum(np.ceil(confidence * RELIABILITY_BINS), 1) == number + 1
        if inside.any():
            assert confidence[inside].min() >= low - 1e-9
            assert confidence[inside].max() <= high + 1e-9
            expected += abs(confidence[inside].mean() - correct[inside].mean()) * inside.sum()
    assert error == pytest.approx(expected / len(pairs))


@given(
    st.lists(
        st.tuples(st.integers(0, 5), st.dictionaries(st.integers(1, 3), st.just("Smoke"), max_size=2)),
        max_size=20,
    )
)
def test_alarms_may_be_asked_for_at_any_time(steps: list[tuple[int, dict[int, str]]]) -> None:
    states, now = [], 0
    intervals = AlarmIntervals()
    for since, sensed in steps:
        now += since
        states.append((now, sensed))
        intervals.show(now, sensed)
        assert intervals.until(now) == alarm_intervals(states, now)


def test_an_alarm_that_is_open_ends_with_the_run() -> None:
    intervals = AlarmIntervals()
    intervals.begin(10, 1, "Smoke")
    intervals.begin(20, 1, "Smoke")
    assert intervals.until(35) == [Interval("Smoke", 10, 35)]
    assert intervals.until(5) == [Interval("Smoke", 10, 10)]
