"""Test rows are sealed off before anything is chosen, and a choice is the best of what was compared."""

from __future__ import annotations

import needs_training  # noqa: F401  isort:skip

from dataclasses import dataclass, field, replace

import numpy as np
import pytest
import small_benchmark as small
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from gas_fusion_ros.model.window import WindowSettings
from gas_fusion_ros.teaching.windows import TrainingPart, Windows
from training.data.copies import NO_COPIES, Copies
from training.temporal.encoder_fitting import EncoderAnswers
from training.temporal.nested import FALSE_REJECT_RATE, FOLDS, NestedError, Outside, choose
from training.temporal.recipes import Fitted, Recipe


@dataclass(frozen=True)
class Level:
    """Knows each class by the level of its first channel; a share of its answers is wrong."""

    right: float
    seen: list[TrainingPart]
    asked: list[Windows]
    window: WindowSettings = field(default_factory=lambda: WindowSettings(6))
    seconds: float = 0.0
    parameters: int = 0

    def with_readings(self, readings: int) -> Recipe:
        return replace(self, window=WindowSettings(readings))

    def fit(self, part: TrainingPart, seed: int) -> Fitted:
        assert seed == 3
        self.seen.append(part)
        return self

    def answer(self, windows: Windows) -> EncoderAnswers:
        self.asked.append(windows)
        wrong = np.arange(len(windows)) >= self.right * len(windows)
        said = torch.from_numpy((windows.labels + wrong) % 4)
        return EncoderAnswers(
            4 * torch.nn.functional.one_hot(said, 4).float(), torch.linspace(0, 1, len(windows))
        )


def level(right: float) -> Level:
    return Level(right, [], [])


@pytest.fixture(scope="module")
def outside() -> Outside:
    return small.held_out(small.made_recording())[1]


def test_the_best_is_chosen_and_of_equals_the_first(outside: Outside) -> None:
    good = level(0.8)
    choice = choose({"bad": level(0.3), "good": good, "same": level(0.8)}, outside, 3)
    assert choice.name == "good"
    assert choice.recipe is good
    assert choice.accuracies["good"] == choice.accuracies["same"] == pytest.approx(0.8, abs=0.02)
    assert choice.accuracies["bad"] == pytest.approx(0.3, abs=0.02)
    assert [fold.accuracy for fold in choice.folds] == pytest.approx([0.8] * len(FOLDS), abs=0.02)


def test_the_limit_is_the_distance_that_few_held_out_windows_exceed(outside: Outside) -> None:
    choice = choose({"good": level(0.9)}, outside, 3)
    distances = torch.cat([fold.answers.distances for fold in choice.folds]).numpy()
    assert (distances > choice.limit).mean() == pytest.approx(FALSE_REJECT_RATE, abs=0.01)


def test_overconfidence_raises_the_temperature(outside: Outside) -> None:
    assert (
        choose({"bad": level(0.3)}, outside, 3).temperature
        > choose({"good": level(0.95)}, outside, 3).temperature
    )


def test_a_recipe_meets_nan_at_every_test_row_and_nowhere_else(outside: Outside) -> None:
    recipe = level(1.0)
    choose({"it": recipe}, outside, 3)
    for part in recipe.seen:
        unknown = np.flatnonzero(np.isnan(part.recording.counts).any(axis=1))
        np.testing.assert_array_equal(unknown, np.sort(outside.barred))
        assert np.isfinite(part.counts).all()
        assert np.isfinite(part.windows(recipe.window, 1.5).values).all()
    for windows in recipe.asked:
        assert np.isfinite(windows.values).all()


def test_every_fold_holds_every_class_out_once_each(outside: Outside) -> None:
    recipe = level(1.0)
    choose({"it": recipe}, outside, 3)
    assert len(recipe.seen) == len(recipe.asked) == len(FOLDS)
    held = np.concatenate([windows.rows for windows in recipe.asked])
    assert len(held) == len(np.unique(held))
    for part, windows in zip(recipe.seen, recipe.asked, strict=True):
        assert set(windows.labels) == {0, 1, 2, 3}
        assert np.isin(windows.rows, part.barred).all()
        assert np.isin(outside.barred, part.barred).all()
        assert not np.isin(windows.rows, part.rows).any()


def test_the_data_set_is_left_as_it_was() -> None:
    recording = small.made_recording()
    before = recording.counts.copy()
    small.held_out(recording)
    np.testing.assert_array_equal(recording.counts, before)


@settings(max_examples=40, deadline=None)
@given(
    position=st.sampled_from((0.0, 0.2, 0.5, 0.8)),
    embargo=st.integers(0, 12),
    first=st.integers(0, 25),
    second=st.integers(50, 105),
)
def test_parts_keep_the_embargo_to_copies_too(position: float, embargo: int, first: int, second: int) -> None:
    stretch = np.arange(25)
    copies = Copies(first + stretch, second + stretch)
    recording = small.made_recording()
    test, outside = small.held_out(recording, position, copies, embargo)

    def far(some: np.ndarray, others: np.ndarray) -> bool:
        near = np.concatenate([others, copies.of(others)])
        apart = np.abs(some[:, np.newaxis] - near)
        same = recording.labels[some][:, np.newaxis] == recording.labels[near]
        return bool(apart[same].min() > embargo)

    assert far(outside.rows, test)
    try:
        folds = list(outside.folds())
    except NestedError:
        return
    for fold in folds:
        assert far(fold.train, fold.held)
        assert np.isin(fold.train, outside.rows).all()
        assert np.isin(fold.held, outside.rows).all()


def test_without_a_test_all_rows_are_outside() -> None:
    recording = small.made_recording()
    outside = Outside.of(recording, np.zeros(0, dtype=np.int64), NO_COPIES, 8, small.CLEAN)
    np.testing.assert_array_equal(outside.rows, np.arange(len(recording.labels)))
    np.testing.assert_array_equal(outside.recording.counts, recording.counts)


def test_too_few_rows_are_named() -> None:
    _, outside = small.held_out(small.made_recording())
    with pytest.raises(NestedError, match="an embargo of 60 rows; more rows or a smaller --embargo"):
        choose({"it": level(1.0)}, replace(outside, embargo=60), 3)
