"""The two-sample test tells different pictures apart, the same ones not, and keeps one scene in one fold."""

from __future__ import annotations

import needs_training  # noqa: F401  isort:skip

from dataclasses import replace

import numpy as np
import pytest

from training.pictures.samples import Sample, drawn_samples
from training.pictures.two_sample import TooFewError, nearest_drawn, scenes_of, tell_apart


@pytest.fixture(scope="module")
def drawn() -> list[Sample]:
    return drawn_samples(120, seed=0)


def noisy(sample: Sample) -> Sample:
    noise = np.random.default_rng(0).normal(0, 0.2, sample.seen.shape)
    return replace(sample, seen=np.clip(sample.seen + noise, 0, 1).astype(np.float32))


def test_pictures_drawn_alike_are_not_told_apart(drawn: list[Sample]) -> None:
    figures = tell_apart(drawn, drawn_samples(24, seed=1), seed=0)
    assert 0.3 < figures.auc < 0.7
    assert figures.chance[0] <= figures.chance[1] <= figures.chance[2]
    assert (figures.drawn, figures.real) == (120, 24)


def test_other_pictures_are_told_apart_by_what_differs(drawn: list[Sample]) -> None:
    figures = tell_apart(drawn, [noisy(sample) for sample in drawn_samples(24, seed=1)], seed=0)
    assert figures.auc > 0.9
    assert figures.auc > figures.chance[2]
    assert figures.statistics[0].auc >= figures.statistics[-1].auc
    assert figures.statistics[0].name in ("finest", "fine", "gradient", "edges")


def test_pictures_of_one_scene_are_numbered_as_one(drawn: list[Sample]) -> None:
    first, second = drawn[0], drawn[5]
    close = replace(first, seen=(0.9 * first.seen + 0.02).astype(np.float32))
    scenes = scenes_of([first, second, close])
    assert scenes[0] == scenes[2] != scenes[1]


def test_the_nearest_drawn_picture_of_a_drawn_one_is_itself(drawn: list[Sample]) -> None:
    assert [found.name for found in nearest_drawn(drawn, drawn[10:14])] == [one.name for one in drawn[10:14]]


def test_too_few_pictures_are_refused(drawn: list[Sample]) -> None:
    with pytest.raises(TooFewError, match="of 1 scenes; expected at least 5"):
        tell_apart(drawn, [drawn[0]] * 6, seed=0)
    with pytest.raises(TooFewError, match="expected twice as many"):
        tell_apart(drawn[:30], drawn[30:60], seed=0)
