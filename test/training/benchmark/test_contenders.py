"""Contenders of the benchmark: named, buildable, and all fitted and asked in the same way."""

from __future__ import annotations

import needs_training  # noqa: F401  isort:skip

import numpy as np
import pytest
import small_benchmark as small

from gas_fusion_ros.model.window import WindowSettings
from gas_fusion_ros.teaching.windows import ROW_PERIOD_NS, TrainingPart
from training.benchmark.contenders import (
    CONTENDERS,
    WINDOW_ESTIMATORS,
    ContenderError,
    EstimatorRecipe,
    choose_contenders,
)
from training.data.splits import EMBARGO
from training.temporal.recipes import EncoderRecipe, Recipe

WINDOW = WindowSettings(6)


@pytest.fixture(scope="module")
def part() -> TrainingPart:
    return small.held_out(small.made_recording())[1].part


def test_one_title_is_one_set_of_recipes() -> None:
    recipes: dict[str, list[Recipe]] = {}
    for contender in CONTENDERS.values():
        mine = list(contender.recipes.values())
        assert recipes.setdefault(contender.title, mine) == mine
    assert all(name == contender.name for name, contender in CONTENDERS.items())
    assert all(contender.recipes for contender in CONTENDERS.values())


def test_no_window_is_longer_than_the_embargo() -> None:
    for contender in CONTENDERS.values():
        for recipe in contender.recipes.values():
            assert recipe.window.span_ns < EMBARGO * ROW_PERIOD_NS


def test_what_temporal_fusion_chooses_from_can_be_deployed() -> None:
    for recipe in CONTENDERS["temporal_fusion"].recipes.values():
        assert isinstance(recipe, EncoderRecipe)
        assert recipe.settings.prototypes == 64


def test_contenders_are_chosen_by_name_once_each() -> None:
    chosen = choose_contenders(["knn_window", "temporal_fusion", "knn_window"])
    assert [contender.name for contender in chosen] == ["knn_window", "temporal_fusion"]
    assert len(choose_contenders(["all", "knn_window"])) == len(CONTENDERS)


@pytest.mark.parametrize(
    ("names", "detail"), [(["oracle"], "no model is called 'oracle'"), ([], "no model is")]
)
def test_unknown_contenders_are_refused(names: list[str], detail: str) -> None:
    with pytest.raises(ContenderError, match=detail):
        choose_contenders(names)


def test_other_lengths_keep_the_rows_own_period() -> None:
    for contender in CONTENDERS.values():
        for recipe in contender.recipes.values():
            assert recipe.with_readings(20).window == WindowSettings(20, ROW_PERIOD_NS)


@pytest.mark.parametrize("estimator", WINDOW_ESTIMATORS)
def test_an_estimator_knows_what_it_was_fitted_to(estimator: str, part: TrainingPart) -> None:
    fitted = EstimatorRecipe(estimator, WINDOW).fit(part, 0)
    windows = part.windows(WINDOW)
    answers = fitted.answer(windows)
    probabilities = answers.logits.exp().numpy()
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-3)
    assert (answers.logits.argmax(dim=1).numpy() == windows.labels).mean() > 0.9
    # Each window's nearest is itself.
    assert answers.distances.max() < 1e-6
    assert fitted.parameters == 0
    again = EstimatorRecipe(estimator, WINDOW).fit(part, 0).answer(windows)
    assert again.logits.equal(answers.logits)


def test_a_dead_channel_has_no_influence_on_an_estimator(part: TrainingPart) -> None:
    fitted = EstimatorRecipe("5 neighbours", WINDOW).fit(part, 0)
    windows = part.windows(WINDOW)
    valid, counts = windows.valid.copy(), windows.values.copy()
    valid[:, :, 2] = False
    counts[:, :, 2] = 1e4
    one = fitted.answer(windows.with_readings(windows.values, valid))
    other = fitted.answer(windows.with_readings(counts, valid))
    assert one.logits.equal(other.logits)
    assert one.distances.equal(other.distances)
