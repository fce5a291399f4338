"""Stretches that stand twice are found, and kept apart as neighbours are."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gas_fusion_ros.base.dataset import Dataset
from training.data.copies import NO_COPIES, SHORTEST, Copies, find_copies
from training.data.splits import BACKWARD, BLOCKED, FORWARD, SplitError, SplitSettings, split_rows

ROWS = 400


def noise(rows: int) -> np.ndarray:
    return np.random.default_rng(0).normal(500, 30, (rows, 7)).astype(np.float32)


def pairs(copies: Copies) -> list[tuple[int, int]]:
    return list(zip(copies.first.tolist(), copies.second.tolist(), strict=True))


@given(
    length=st.integers(SHORTEST, 60),
    first=st.integers(0, 100),
    second=st.integers(200, ROWS - 60),
)
def test_a_stretch_that_stands_twice_is_found_whole(length: int, first: int, second: int) -> None:
    counts = noise(ROWS)
    counts[second : second + length] = counts[first : first + length]
    expected = [(first + step, second + step) for step in range(length)]
    assert pairs(find_copies(counts, np.zeros(ROWS, np.int64))) == expected


def test_short_runs_other_classes_and_rest_are_no_copies() -> None:
    counts = noise(ROWS)
    counts[300 : 300 + SHORTEST - 1] = counts[: SHORTEST - 1]
    counts[100:200] = 7.0
    labels = np.zeros(ROWS, np.int64)
    assert pairs(find_copies(counts, labels)) == []
    twice, labels = np.concatenate([noise(50), noise(50)]), np.repeat([0, 1], 50)
    assert pairs(find_copies(twice, labels)) == []


def test_fewer_rows_than_a_stretch_hold_no_copy() -> None:
    assert pairs(find_copies(noise(5), np.zeros(5, np.int64))) == []


def test_copies_of_rows_are_found_from_both_sides() -> None:
    copies = Copies(np.array([1, 2]), np.array([11, 12]))
    assert sorted(copies.of(np.array([2, 11]))) == [1, 12]


@given(
    name=st.sampled_from([BLOCKED, FORWARD, BACKWARD]),
    position=st.floats(0, 0.8),
    embargo=st.integers(0, 10),
    seed=st.integers(0, 1000),
)
def test_no_reading_and_no_neighbour_of_its_copy_is_in_two_parts(
    name: str, position: float, embargo: int, seed: int
) -> None:
    counts, labels = noise(2 * ROWS), np.repeat([0, 1], ROWS)
    counts[350:390] = counts[30:70]
    copies = find_copies(counts, labels)
    settings = SplitSettings(name, 0.2, position if name == BLOCKED else None, embargo)
    split = split_rows(labels, settings, seed, copies)
    for held, others in ((split.test, (split.train, split.validation)), (split.validation, (split.train,))):
        doubles = copies.of(held)
        for rows in others:
            own = rows[labels[rows] == 0]
            if len(doubles):
                assert np.abs(own[:, None] - doubles[None]).min() > embargo
    assert (split.train[labels[split.train] == 1]).size > 0


def test_a_random_split_stays_as_it_is() -> None:
    labels = np.zeros(ROWS, np.int64)
    copies = Copies(np.arange(30), np.arange(300, 330))
    with_copies, without = (split_rows(labels, SplitSettings(), 0, known) for known in (copies, NO_COPIES))
    np.testing.assert_array_equal(with_copies.train, without.train)


def test_backward_validates_on_what_is_no_copy_of_test() -> None:
    labels = np.zeros(ROWS, np.int64)
    copies = Copies(np.arange(50, 100), np.arange(350, 400))
    split = split_rows(labels, SplitSettings(BACKWARD, 0.5, None, 10), 0, copies)
    assert split.validation.max() == 339
    assert len(split.validation) == round(130 * 0.2)


def test_readings_that_only_repeat_themselves_are_refused() -> None:
    labels = np.zeros(200, np.int64)
    copies = find_copies(np.tile(noise(100), (2, 1)), labels)
    with pytest.raises(SplitError, match="that is no copy of another's"):
        split_rows(labels, SplitSettings(FORWARD, 0.5, None, 5), 0, copies)


def test_the_published_readings_repeat_two_hundred_rows_of_perfume(gas_fusion_data: Path) -> None:
    dataset = Dataset.load(gas_fusion_data)
    copies = find_copies(dataset.counts, dataset.labels)
    serials = [(dataset.rows[a].serial, dataset.rows[b].serial) for a, b in pairs(copies)]
    assert serials == [(serial, serial + 1227) for serial in range(169, 369)]
    assert {dataset.rows[row].label for row in copies.first} == {"Perfume"}
    np.testing.assert_array_equal(dataset.counts[copies.first], dataset.counts[copies.second])
