"""Pictures are drawn from any results, small, and say what was counted."""

from __future__ import annotations

from io import BytesIO

import numpy as np
import pytest
from made_results import RANDOM_SPLIT, blocked, gas_result, yardstick_result
from matplotlib import rcParams
from PIL import Image

from training.data.splits import SPLITS
from training.fitting.catalog import PaperFigures
from training.report.figure_parts import series_styles
from training.report.protocols import Protocol
from training.reproduce.figures import _percent, _shares, draw_comparison, draw_confusion, draw_curves
from training.reproduce.summary import Comparison, comparisons

PAPER = {"cnn1d": PaperFigures(4, 0.9625, 0.9625)}
SPLIT_CHOICES = (RANDOM_SPLIT, blocked(0.0), blocked(0.2))


@pytest.fixture(scope="module")
def comparison() -> Comparison:
    models = ["cnn1d", *(f"model {index} with $\\nothing$ and a long name" for index in range(4))]
    results = [gas_result(model, split=split) for model in models for split in SPLIT_CHOICES]
    (compared,) = comparisons([*results, yardstick_result()], PAPER)
    return compared


def size(png: bytes | None) -> tuple[int, int]:
    assert png is not None
    assert len(png) < 100_000
    with Image.open(BytesIO(png)) as picture:
        assert len(picture.getcolors()) > 3
        return picture.size


def test_all_pictures_are_small_and_about_as_wide(comparison: Comparison) -> None:
    random = comparison.protocols[0]
    pictures = (
        draw_comparison(comparison),
        draw_confusion(comparison, random),
        draw_curves(comparison, random),
    )
    for picture in pictures:
        width, height = size(picture)
        assert 1000 < width < 1500
        assert height > 300


def test_drawing_leaves_matplotlib_as_it_was(comparison: Comparison) -> None:
    before = dict(rcParams)
    draw_comparison(comparison)
    assert dict(rcParams) == before


def test_without_a_history_there_are_no_curves() -> None:
    (compared,) = comparisons([yardstick_result()], PAPER)
    assert draw_curves(compared, compared.protocols[0]) is None


def test_a_picture_is_the_same_each_time(comparison: Comparison) -> None:
    assert draw_confusion(comparison, comparison.protocols[1]) == draw_confusion(
        comparison, comparison.protocols[1]
    )


def test_confusion_is_summed_before_it_is_divided() -> None:
    results = [gas_result(confusion=[[1, 1], [0, 0]]), gas_result(confusion=[[8, 0], [0, 0]])]
    np.testing.assert_array_equal(_shares(results), [[0.9, 0.1], [np.nan, np.nan]])


@pytest.mark.parametrize(
    ("share", "text"),
    [(0, ""), (np.nan, ""), (0.001, "<1"), (0.01, "1"), (0.5, "50"), (0.9951, ">99"), (1, "100")],
)
def test_a_few_are_not_none_and_most_not_all(share: float, text: str) -> None:
    assert _percent(share) == text


def test_each_protocol_has_its_own_marker() -> None:
    protocols = [Protocol(name, 0.2, embargo, ()) for name in SPLITS for embargo in (20, 60)]
    assert len(set(series_styles(protocols[:6]))) == 6
    assert series_styles(protocols[2:3]) == series_styles(protocols[3:4])
