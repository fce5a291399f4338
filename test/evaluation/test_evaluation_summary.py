"""Figures over several bags are those of one bag with all their readings."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_evaluations import made_evaluation, made_report, unlabelled_report

from gas_fusion_ros.evaluation.schema import BagLoss, Failure
from gas_fusion_ros.evaluation.summary import pooled, summarise
from gas_fusion_ros.truth.scoring import Reliability

VERDICTS = st.lists(st.tuples(st.floats(0, 1), st.booleans()), max_size=30)


@given(st.lists(VERDICTS, min_size=1, max_size=3))
def test_reliability_is_pooled_reading_by_reading(bags: list[list[tuple[float, bool]]]) -> None:
    def reliability_of(verdicts: list[tuple[float, bool]]) -> Reliability:
        reliability = Reliability()
        confidence, correct = ([pair[place] for pair in verdicts] for place in (0, 1))
        reliability.add(np.array(confidence, dtype=np.float64), np.array(correct, dtype=np.bool_))
        return reliability

    found = pooled([reliability_of(bag).bins() for bag in bags])
    expected = reliability_of([verdict for bag in bags for verdict in bag]).bins()
    for one, other in zip(found, expected, strict=True):
        assert one.count == other.count
        assert one.confidence == pytest.approx(other.confidence)
        assert one.accuracy == pytest.approx(other.accuracy)


def test_counts_add_up_and_shares_are_weighed() -> None:
    changed = {"settled": 100, "settled_accuracy": 0.5, "unknown": 30, "clean_air_s": 1800.0}
    one = made_report(
        **changed,
        false_alarms=2,
        dropped={"reading_zero_stamp": 2},
        losses={"reading_zero_stamp": BagLoss(2, "zero")},
        modes={"fusion": 571, "gas_only": 29},
    )
    other = replace(one, settled=300, settled_accuracy=1.0, false_alarms=1, clean_air_s=3600.0, losses={})
    evaluations = {"one": made_evaluation(one), "other": made_evaluation(other)}
    summary = summarise(evaluations, (Failure("bad", "is empty"),), 12.5)
    assert summary.readings == 2 * one.readings
    assert summary.dropped == {"reading_zero_stamp": 4}
    assert summary.losses == {"reading_zero_stamp": 2}
    assert summary.settled_accuracy == pytest.approx((50 + 300) / 400)
    assert summary.unknown_share == pytest.approx(60 / 1200)
    assert summary.false_alarms == 3
    assert summary.false_alarms_per_hour == pytest.approx(3 / 1.5)
    assert summary.leaks == {"found": 2, "missed": 2, "too short": 0, "alarm stood": 0}
    assert summary.alarms == 4
    assert summary.judged == 2 * int(evaluations["one"].confusion.sum())
    assert summary.failed[0].reason == "is empty"
    assert summary.to_json().startswith("{")


def test_a_bag_without_a_truth_takes_no_part_in_its_figures() -> None:
    known, unknown = made_report(clean_air_s=3600.0, false_alarms=1), unlabelled_report()
    nothing = np.zeros((4, 5), dtype=np.int64)
    evaluations = {
        "known": made_evaluation(known),
        "unknown": made_evaluation(unknown, confusion=nothing),
    }
    summary = summarise(evaluations, (), 1.0)
    assert summary.false_alarms == 1
    assert summary.false_alarms_per_hour == 1.0
    assert summary.judged == int(evaluations["known"].confusion.sum())
    alone = summarise({"unknown": evaluations["unknown"]}, (), 1.0)
    assert alone.false_alarms is None
    assert alone.false_alarms_per_hour is None
    assert alone.class_accuracy is None
