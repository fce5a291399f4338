"""The benchmark's pictures are drawn from any results, small, and not where there is nothing to show."""

from __future__ import annotations

from io import BytesIO

import needs_training  # noqa: F401
import numpy as np
import pytest
from made_benchmark import BACKWARD_SPLIT, FORWARD_SPLIT, bare_result, bench_result, blocked
from matplotlib import rcParams
from PIL import Image

from gas_fusion_ros.base.observation import PAPER_CHANNELS, PAPER_CLASSES
from training.benchmark.figures import (
    MOST_BARS,
    MOST_MODELS,
    TimeLine,
    _stretches,
    draw_alarms,
    draw_reliability,
    draw_risk_coverage,
    draw_robustness,
    draw_windows,
)
from training.benchmark.summary import models, protocols

NAMES = ["temporal_fusion", *(f"model {index} with $\\nothing$ and a long name" for index in range(7))]
RESULTS = [
    bench_result(name, 0.9 - 0.02 * index, split=split)
    for index, name in enumerate(NAMES)
    for split in (blocked(0.0), blocked(0.2), FORWARD_SPLIT)
]
LENGTHS = [
    bench_result(f"temporal_fusion_w{length}", 0.8 + length / 300, window=length, split=split)
    for length in (10, 20, 40)
    for split in (blocked(0.0), blocked(0.4), BACKWARD_SPLIT)
]
BY_MODEL = (draw_reliability, draw_risk_coverage, draw_robustness)


def time_line(name: str = "Smoke", rows: int = 300, channels: int = 7) -> TimeLine:
    rng = np.random.default_rng(0)
    counts = 500 + np.cumsum(rng.normal(0, 3, (rows, channels)), axis=0)
    counts[5:9] = np.nan
    leak = np.clip(np.linspace(-0.5, 1.5, rows), 0, 1)
    return TimeLine(name, np.arange(rows) * 2.0, counts, leak, leak > 0.7)


def check_picture(png: bytes | None) -> None:
    assert png is not None
    assert len(png) < 200_000
    with Image.open(BytesIO(png)) as picture:
        assert len(picture.getcolors()) > 3
        width, height = picture.size
        assert 1000 < width < 1500
        assert height > 300


def test_all_pictures_are_small_and_about_as_wide() -> None:
    protocol = protocols(RESULTS)[0]
    for draw in BY_MODEL:
        check_picture(draw(models(RESULTS), protocol))
    check_picture(draw_windows(LENGTHS))
    check_picture(draw_alarms([time_line(name) for name in PAPER_CLASSES], PAPER_CHANNELS))


def test_only_so_many_models_are_drawn_as_can_be_told_apart() -> None:
    protocol = protocols(RESULTS)[0]
    rows = models(RESULTS)
    for draw, most in zip(BY_MODEL, (MOST_MODELS, MOST_MODELS, MOST_BARS), strict=True):
        assert draw(rows, protocol) == draw(rows[:most], protocol)


def test_nothing_is_drawn_of_what_was_not_measured() -> None:
    bare = [bare_result()]
    for draw in BY_MODEL:
        assert draw(models(bare), protocols(bare)[0]) is None
        assert draw(models(RESULTS), protocols([bench_result(split=BACKWARD_SPLIT)])[0]) is None
    assert draw_windows(LENGTHS[:3]) is None
    assert draw_windows(RESULTS) is None


def test_drawing_leaves_matplotlib_as_it_was() -> None:
    before = dict(rcParams)
    draw_windows(LENGTHS)
    assert dict(rcParams) == before


def test_an_alarm_is_shaded_until_the_first_reading_without() -> None:
    minutes = np.arange(6) / 2
    alarm = np.array([True, False, True, True, False, True])
    assert list(_stretches(minutes, alarm)) == [(0.0, 0.5), (1.0, 2.0), (2.5, 2.5)]
    assert list(_stretches(minutes, np.zeros(6, np.bool_))) == []


def test_time_lines_that_do_not_fit_are_named() -> None:
    with pytest.raises(ValueError, match="Smoke: seconds, counts, leak and alarm must have as many rows"):
        TimeLine("Smoke", np.zeros(2), np.zeros((1, 7)), np.zeros(2), np.zeros(2, np.bool_))
    with pytest.raises(ValueError, match=r"Smoke: counts must have the shape \(R, 7\), not \(300, 3\)"):
        draw_alarms([time_line(channels=3)], PAPER_CHANNELS)
    with pytest.raises(ValueError, match="lines must hold"):
        draw_alarms([], PAPER_CHANNELS)
