"""Teaching a gas branch: the new gas is known, the others stay, and what is held out is held out."""

from __future__ import annotations

from dataclasses import replace

import lessons
import numpy as np
import pytest

from gas_fusion_ros.base.units import NANOSECONDS_PER_SECOND
from gas_fusion_ros.teaching.gas_branch import GasBranch
from gas_fusion_ros.teaching.lesson import (
    LessonError,
    Teacher,
    centres,
    folds,
    hold_out,
    remembered,
    with_calibration,
)
from gas_fusion_ros.teaching.windows import ROW_PERIOD_NS, Recording

NOTHING = np.zeros(0, dtype=np.int64)
SECOND = NANOSECONDS_PER_SECOND


@pytest.fixture(scope="module")
def known() -> GasBranch:
    return lessons.known_branch()


def teacher_of(known: GasBranch, *gases: str, rows: int = 90) -> Teacher:
    """Teach gases as new classes."""
    wider = known.with_classes(list(range(known.classes)), len(gases))
    taught = lessons.recording(*gases, first=known.classes, rows=rows)
    return Teacher(wider, lessons.NORMAL, lessons.WINDOW, taught, lessons.CLEAN)


def share_right(teacher: Teacher, branch: GasBranch, gas: str, label: int) -> float:
    recording = Recording(
        lessons.deviations(gas, 70, seed=9), np.zeros(70, np.int64), np.arange(70) * ROW_PERIOD_NS
    )
    windows = recording.windows(np.arange(70), NOTHING, lessons.WINDOW)
    return float((teacher.answer_windows(branch, windows).logits.argmax(axis=1) == label).mean())


def test_taught_gases_are_known_beside_the_others(known: GasBranch) -> None:
    teacher = teacher_of(known, "Methane", "Butane")
    branch = teacher.learn(np.arange(180))
    for label, gas in enumerate(lessons.LEVELS):
        assert share_right(teacher, branch, gas, label) > 0.9, gas
    assert min(remembered(known, branch, [0, 1, 2, 3])) > 0.9


def test_the_same_seed_teaches_the_same(known: GasBranch) -> None:
    teacher = teacher_of(known, "Methane")
    first, second = (teacher.learn(np.arange(90)) for _ in range(2))
    np.testing.assert_array_equal(first.prototypes, second.prototypes)
    other = replace(teacher, seed=1).learn(np.arange(90))
    assert not np.array_equal(first.prototypes, other.prototypes)


def test_a_known_class_gets_further_prototypes(known: GasBranch) -> None:
    smoke = lessons.recording("Smoke", first=3)
    teacher = Teacher(known, lessons.NORMAL, lessons.WINDOW, smoke, lessons.CLEAN)
    branch = teacher.learn(np.arange(lessons.ROWS))
    places = known.prototypes.shape[1]
    live = known.prior > -1e3
    np.testing.assert_array_equal(branch.prototypes[:, :places][live], known.prototypes[live])
    assert (branch.prior[3, places:] > -1e3).all()
    assert (branch.prior[:3, places:] < -1e3).all()


def test_a_gas_that_looks_like_a_known_one_is_found_out(known: GasBranch) -> None:
    held = hold_out(teacher_of(known, "Smoke"), 16 * SECOND)
    assert held.recall(4) < 0.8
    confused = held.confused_with(4)
    assert confused is not None
    assert confused[0] == 3


def test_a_dead_channel_is_learned_without(known: GasBranch) -> None:
    teacher = teacher_of(known, "Methane")
    teacher.recording.counts[:, 2] = np.nan
    branch = teacher.learn(np.arange(90))
    assert (branch.prototypes[4, :, 2] == 0).all()
    assert share_right(teacher, branch, "Methane", 4) > 0.9


def test_channels_that_never_live_together_are_refused(known: GasBranch) -> None:
    teacher = teacher_of(known, "Methane")
    teacher.recording.counts[:45, 0] = np.nan
    teacher.recording.counts[45:, 1] = np.nan
    with pytest.raises(LessonError, match="all sensors running"):
        teacher.learn(np.arange(90))


@pytest.mark.parametrize("embargo_s", [0, 10, 1000])
def test_folds_hold_each_row_out_once_and_keep_the_embargo(embargo_s: int) -> None:
    recording = lessons.recording("Smoke", "Methane")
    all_folds = list(folds(recording, embargo_s * SECOND))
    held = np.concatenate([fold.held for fold in all_folds])
    np.testing.assert_array_equal(np.sort(held), np.arange(2 * lessons.ROWS))
    # A tenth of a class's time at most.
    kept_ns = min(embargo_s * SECOND, lessons.ROWS * ROW_PERIOD_NS // 10)
    for fold in all_folds:
        assert len(fold.train) >= lessons.ROWS
        for label in (0, 1):
            train, out = (rows[recording.labels[rows] == label] for rows in (fold.train, fold.held))
            apart = np.abs(recording.stamps_ns[train][:, None] - recording.stamps_ns[out]).min()
            assert apart > kept_ns
            assert (np.diff(out) == 1).all()


def test_time_lines_of_other_bags_need_no_embargo() -> None:
    recording = lessons.recording("Smoke")
    bags = np.arange(lessons.ROWS) // (lessons.ROWS // 5)
    of_bags = replace(recording, stamps_ns=recording.stamps_ns % (24 * ROW_PERIOD_NS), bags=bags)
    for fold in folds(of_bags, 60 * SECOND):
        assert len(fold.train) + len(fold.held) == lessons.ROWS


def test_centres_of_few_values_are_these() -> None:
    values = np.random.default_rng(0).normal(size=(5, 3)).astype(np.float32)
    np.testing.assert_array_equal(centres(values, 8, 0), values)
    assert centres(np.repeat(values, 20, axis=0), 4, 0).shape == (4, 3)


def test_calibration_never_makes_surer_or_stricter(known: GasBranch) -> None:
    calibrated = with_calibration(known, 0.1, 0.1)
    assert (calibrated.temperature, calibrated.limit) == (known.temperature, known.limit)
    assert with_calibration(known, 9.0, 8.0).limit == 8.0
