"""The ground truth is said at each change and every second, at its own time."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from recordings import S

from gas_fusion_ros.simulation.patrol import Patrol
from gas_fusion_ros.truth.ground_truth import labelled_truth, patrol_truth
from gas_fusion_ros.truth.label_times import LabelTimes
from gas_fusion_ros.truth.label_track import LabelTrack
from gas_fusion_ros.truth.scoring import Interval, Leak


def said(truth: list[Interval], *times_ns: int) -> list[tuple[int, str]]:
    labels = LabelTimes(truth)
    return [one for now_ns in times_ns for one in labels.due(now_ns)]


def test_labels_are_said_at_each_change_and_every_second_from_there() -> None:
    truth = [Interval("NoGas", 10 * S, 12 * S + 5), Interval("Smoke", 12 * S + 5, 15 * S)]
    assert said(truth, 9 * S) == []
    assert said(truth, 9 * S, 12 * S, 14 * S) == [
        (10 * S, "NoGas"),
        (11 * S, "NoGas"),
        (12 * S, "NoGas"),
        (12 * S + 5, "Smoke"),
        (13 * S + 5, "Smoke"),
    ]


def test_a_pause_is_not_filled_with_labels() -> None:
    truth = [Interval("NoGas", 0, 5000 * S), Interval("Smoke", 5000 * S, 9000 * S)]
    assert said(truth, 0, 9000 * S) == [
        (0, "NoGas"),
        (5000 * S, "Smoke"),
        (9000 * S, "Smoke"),
    ]
    assert said([], 0, 10 * S) == []


@given(
    st.lists(st.integers(1, 200 * S), min_size=1, max_size=6),
    st.lists(st.integers(0, 900 * S), min_size=1, max_size=10).map(sorted),
)
def test_the_last_label_said_is_always_the_true_one(lengths: list[int], times_ns: list[int]) -> None:
    starts = np.cumsum([0, *lengths]).tolist()
    truth = [Interval(str(number % 2), *ends) for number, ends in enumerate(pairwise(starts))]
    labels = LabelTimes(truth)
    told: list[tuple[int, str]] = []
    for now_ns in times_ns:
        told += labels.due(now_ns)
        assert told[-1][1] == next(one.label for one in reversed(truth) if one.start_ns <= now_ns)
    stamps = [stamp_ns for stamp_ns, _ in told]
    assert stamps == sorted(set(stamps))


def test_the_stretches_of_a_patrol_are_what_it_says_at_every_moment() -> None:
    truth = patrol_truth(Patrol(seed=4, duration_s=600.0, leaks=3))
    track = LabelTrack.of_intervals(truth.intervals)
    assert [leak.label for leak in track.leaks(1600 * S)] == [leak.label for leak in truth.leaks]
    for tenth in range(6000):
        stamp_ns = 1000 * S + tenth * S // 10
        assert track.at(stamp_ns) == truth.label(stamp_ns)


def test_the_last_row_of_a_recording_keeps_its_label() -> None:
    rows = ["NoGas", "Smoke", "Smoke"]
    truth = labelled_truth([(2 * S * number, name) for number, name in enumerate(rows)], 6 * S - 1)
    assert truth.intervals == (Interval("NoGas", 0, 2 * S), Interval("Smoke", 2 * S, 6 * S - 1))
    assert truth.leaks == (Leak("Smoke", 2 * S, 4 * S, 2 * S, 4 * S),)
