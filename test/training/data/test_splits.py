"""No reading stands in two parts, nor one inside the embargo."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gas_fusion_ros.base.dataset import Dataset
from training.data.splits import (
    BACKWARD,
    BLOCKED,
    FORWARD,
    RANDOM,
    Split,
    SplitError,
    SplitSettings,
    split_rows,
)


def settings_of(name: str, fraction: float, position: float, embargo: int) -> SplitSettings:
    if name == RANDOM:
        return SplitSettings(name, fraction)
    return SplitSettings(name, fraction, position if name == BLOCKED else None, embargo)


def nearest_distance(rows: np.ndarray, others: np.ndarray) -> int:
    return int(np.abs(rows[:, None] - others[None, :]).min())


@st.composite
def cases(draw: st.DrawFn) -> tuple[np.ndarray, SplitSettings, int]:
    sizes = draw(st.lists(st.integers(120, 300), min_size=2, max_size=4))
    fraction = draw(st.sampled_from([0.1, 0.2, 0.5]))
    name = draw(st.sampled_from([RANDOM, BLOCKED, FORWARD, BACKWARD]))
    position = draw(st.floats(0, 1 - fraction))
    settings = settings_of(name, fraction, position, draw(st.integers(0, 10)))
    return np.repeat(np.arange(len(sizes)), sizes), settings, draw(st.integers(0, 2**31 - 1))


@given(cases())
def test_no_reading_is_in_two_parts_nor_within_the_embargo(
    case: tuple[np.ndarray, SplitSettings, int],
) -> None:
    labels, settings, seed = case
    split = split_rows(labels, settings, seed)
    for label in np.unique(labels):
        parts = [rows[labels[rows] == label] for rows in (split.train, split.validation, split.test)]
        for one, other in itertools.combinations(parts, 2):
            assert nearest_distance(one, other) > settings.embargo


@given(cases())
def test_every_class_is_in_every_part_in_its_share(case: tuple[np.ndarray, SplitSettings, int]) -> None:
    labels, settings, seed = case
    split = split_rows(labels, settings, seed)
    for label, size in zip(*np.unique(labels, return_counts=True), strict=True):
        assert (labels[split.test] == label).sum() == round(size * settings.fraction)
        assert (labels[split.validation] == label).any()
        assert (labels[split.train] == label).any()


@given(cases())
def test_a_split_is_sorted_and_follows_its_seed(case: tuple[np.ndarray, SplitSettings, int]) -> None:
    labels, settings, seed = case
    split, again = split_rows(labels, settings, seed), split_rows(labels, settings, seed)
    for name in ("train", "validation", "test"):
        rows = getattr(split, name)
        assert (np.diff(rows) > 0).all()
        np.testing.assert_array_equal(rows, getattr(again, name))


def test_random_is_the_paper_s_4_to_1_twice_and_loses_no_row() -> None:
    labels = np.repeat(np.arange(4), 100)
    split = split_rows(labels, SplitSettings(), seed=0)
    for label in range(4):
        sizes = [int((labels[rows] == label).sum()) for rows in (split.train, split.validation, split.test)]
        assert sizes == [64, 16, 20]
    everything = np.concatenate([split.train, split.validation, split.test])
    assert sorted(everything) == list(range(400))
    assert set(split.test) != set(split_rows(labels, SplitSettings(), seed=1).test)


@pytest.mark.parametrize(("position", "first"), [(0, 0), (0.4, 40), (0.8, 80)])
def test_blocked_tests_one_contiguous_block_at_its_position(position: float, first: int) -> None:
    labels = np.repeat([0, 1], 100)
    split = split_rows(labels, SplitSettings(BLOCKED, 0.2, position, 5), seed=3)
    assert split.test.tolist() == [*range(first, first + 20), *range(100 + first, 100 + first + 20)]
    for label in (0, 1):
        rows = split.validation[labels[split.validation] == label]
        assert (np.diff(rows) == 1).all()


def test_forward_tests_what_is_later_than_everything_else_and_backward_what_is_earlier() -> None:
    labels = np.repeat([0], 100)
    forward = split_rows(labels, SplitSettings(FORWARD, 0.5, None, 3), seed=0)
    backward = split_rows(labels, SplitSettings(BACKWARD, 0.5, None, 3), seed=0)
    assert forward.test.tolist() == list(range(50, 100))
    assert forward.validation.max() < forward.train.min() <= forward.train.max() < forward.test.min() - 3
    assert backward.test.tolist() == list(range(50))
    assert backward.test.max() + 3 < backward.train.min() <= backward.train.max() < backward.validation.min()


def test_only_leaves_out_rows_that_are_not_usable() -> None:
    split = Split(np.array([0, 1]), np.array([2]), np.array([3, 4]))
    usable = np.array([True, False, True, True, False])
    left = split.only(usable)
    assert [left.train.tolist(), left.validation.tolist(), left.test.tolist()] == [[0], [2], [3]]


@pytest.mark.parametrize(
    ("arguments", "detail"),
    [
        (("shuffled",), "split is 'shuffled'; it must be one of random, blocked, forward, backward"),
        ((RANDOM, 0.0), "fraction is 0.0; it must be above 0 and at most 0.5"),
        ((RANDOM, 0.2, None, 60), "a random split has no embargo"),
        ((BLOCKED, 0.2), "position is where the test block of the split 'blocked' begins"),
        ((FORWARD, 0.2, 0.4), "and of no other"),
        ((BLOCKED, 0.2, 0.9), "position is 0.9; with a fraction of 0.2 it must be 0 to 0.8"),
        ((BLOCKED, 0.2, 0.4, -1), "embargo is -1; it must be at least 0 rows"),
    ],
)
def test_settings_that_no_split_has_are_refused(arguments: tuple, detail: str) -> None:
    with pytest.raises(SplitError, match=detail):
        SplitSettings(*arguments)


@pytest.mark.parametrize("settings", [SplitSettings(), SplitSettings(BLOCKED, 0.2, 0.4, 60)])
def test_too_few_rows_are_named(settings: SplitSettings) -> None:
    with pytest.raises(
        SplitError, match=r"a class has 3 rows; the .* needs at least one in each of training"
    ):
        split_rows(np.repeat([0, 1], [3, 200]), settings, seed=0)


def test_the_published_rows_keep_their_embargo(gas_fusion_data: Path) -> None:
    labels = Dataset.load(gas_fusion_data).labels
    for settings in (
        *(SplitSettings(BLOCKED, 0.2, position, 60) for position in (0, 0.2, 0.4, 0.6, 0.8)),
        SplitSettings(FORWARD, 0.5, None, 60),
        SplitSettings(BACKWARD, 0.5, None, 60),
    ):
        split = split_rows(labels, settings, seed=0)
        for label in range(4):
            parts = [rows[labels[rows] == label] for rows in (split.train, split.validation, split.test)]
            for one, other in itertools.combinations(parts, 2):
                assert nearest_distance(one, other) > 60


@given(st.integers(3, 40), st.floats(0.01, 1), st.floats(0.01, 1), st.integers(0, 5))
def test_a_share_is_drawn_from_each_class_and_a_smaller_one_is_part_of_it(
    rows: int, one: float, other: float, seed: int
) -> None:
    labels = np.repeat(np.arange(3), 5 * rows)
    whole = split_rows(labels, SplitSettings(), seed)
    small, large = (whole.limited(share, labels, seed) for share in sorted((one, other)))
    for part in ("train", "validation"):
        few, more, every = (set(getattr(split, part).tolist()) for split in (small, large, whole))
        assert few <= more <= every
        for label in range(3):
            of_class = sum(labels[row] == label for row in every)
            kept = sum(labels[row] == label for row in few)
            assert kept == max(1, round(min(one, other) * of_class))
    assert np.array_equal(small.test, whole.test)


def test_the_whole_share_is_the_split_itself() -> None:
    labels = np.repeat(np.arange(3), 20)
    whole = split_rows(labels, SplitSettings(), 0)
    assert whole.limited(1.0, labels, 0) is whole
