"""Verdicts of operators become labels that never contradict themselves."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gas_fusion_ros.base.observation import RESERVED_CLASSES
from gas_fusion_ros.site.verdicts import Judgement, Said, last_words
from gas_fusion_ros.truth.label_track import LabelTrack
from gas_fusion_ros.truth.scoring import Interval
from gas_fusion_ros.truth.verdict_labels import verdict_labels, with_ends, without_gas

SECOND = 10**9
TRUE, FALSE, UNSURE = Said.TRUE_LEAK, Said.FALSE_ALARM, Said.NOT_KNOWN


def judged(start: int, end: int | None, said: Said, gas: str = "Smoke", number: int = 1) -> Judgement:
    until_ns = None if end is None else end * SECOND
    return Judgement(
        "", number, start * SECOND, until_ns, gas, "critical", 0.9, None, None, None, said, "Ada", 0
    )


def labels(*judgements: Judgement) -> list[tuple[str, float, float]]:
    return [(one.label, one.start_ns / SECOND, one.end_ns / SECOND) for one in verdict_labels(judgements)]


def test_a_false_alarm_was_clean_air_and_a_true_leak_its_gas() -> None:
    assert labels(judged(1, 5, FALSE), judged(7, 9, TRUE), judged(11, 12, UNSURE)) == [
        ("NoGas", 1, 5),
        ("Smoke", 7, 9),
    ]


def test_the_last_word_holds() -> None:
    assert labels(judged(1, 5, FALSE), judged(1, 5, TRUE, number=2)) == [("Smoke", 1, 5)]
    assert labels(judged(1, 5, TRUE), judged(1, 5, UNSURE)) == []


def test_a_true_leak_counts_before_a_false_alarm_of_its_time() -> None:
    assert labels(judged(1, 9, FALSE), judged(3, 5, TRUE, "Perfume")) == [
        ("NoGas", 1, 3),
        ("Perfume", 3, 5),
        ("NoGas", 5, 9),
    ]


def test_of_two_gases_at_a_time_and_of_doubt_nothing_is_said() -> None:
    assert labels(judged(1, 5, TRUE), judged(3, 7, TRUE, "Perfume")) == [("Smoke", 1, 3), ("Perfume", 5, 7)]
    assert labels(judged(1, 9, FALSE), judged(3, 5, UNSURE, "Perfume")) == [("NoGas", 1, 3), ("NoGas", 5, 9)]


@pytest.mark.parametrize("nameless", RESERVED_CLASSES)
def test_a_true_leak_whose_alarm_names_no_gas_says_nothing_and_was_no_clean_air(nameless: str) -> None:
    true, false = judged(3, 5, TRUE, nameless), judged(3, 5, FALSE, nameless)
    assert labels(judged(1, 9, FALSE), true) == [("NoGas", 1, 3), ("NoGas", 5, 9)]
    assert labels(judged(1, 9, TRUE), true) == [("Smoke", 1, 9)]
    assert (without_gas([true, judged(1, 9, TRUE)]), without_gas([true, false])) == ([true], [])
    assert labels(false) == [("NoGas", 3, 5)]


def test_a_verdict_without_an_end_says_nothing_until_its_bag_tells_it() -> None:
    open_one = judged(10, None, TRUE)
    assert labels(open_one) == []
    recorded = [
        Interval("Smoke", 9 * SECOND, 30 * SECOND),
        Interval("Perfume", 10 * SECOND, 99 * SECOND),
        Interval("Smoke", 40 * SECOND, 50 * SECOND),
    ]
    assert labels(*with_ends([open_one], recorded)) == [("Smoke", 10, 30)]
    assert with_ends([judged(35, None, TRUE)], recorded)[0].until_ns is None
    assert with_ends([judged(9, 11, TRUE)], recorded)[0].until_ns == 11 * SECOND


@pytest.mark.parametrize("end", [1, 0, -5])
def test_an_alarm_that_ends_before_it_begins_says_nothing(end: int) -> None:
    assert labels(judged(1, end, TRUE)) == []


SPANS = st.tuples(
    st.integers(0, 20), st.integers(-3, 10), st.sampled_from(Said), st.sampled_from(["Smoke", "Perfume"])
)


@given(st.lists(SPANS, max_size=12))
def test_whatever_is_judged_the_labels_are_a_track_that_agrees_with_every_last_word(
    spans: list[tuple[int, int, Said, str]],
) -> None:
    judgements = [
        judged(start, start + length, said, gas, number)
        for number, (start, length, said, gas) in enumerate(spans)
    ]
    intervals = verdict_labels(judgements)
    track = LabelTrack.of_intervals(intervals)  # refuses what overlaps
    assert all(one.end_ns > one.start_ns for one in intervals)
    words = last_words(judgements)
    for half_second in range(-10, 70):
        moment = half_second * SECOND // 2 + SECOND // 4
        here = [one for one in words if one.since_ns < moment < one.end_ns]
        gases = {one.gas for one in here if one.said is TRUE}
        if not here or any(one.said is UNSURE for one in here) or len(gases) > 1:
            assert track.at(moment) is None
        else:
            assert track.at(moment) == (gases.pop() if gases else "NoGas")
