"""Pictures of every shape become one that can be read, with and without a map."""

from __future__ import annotations

import numpy as np
import pytest

from gas_fusion_ros.base.observation import CLEAN_AIR
from gas_fusion_ros.view.annotated_picture import (
    LEAST_WIDTH,
    MOST_BARS,
    PICTURE_HEIGHT,
    Opinion,
    annotated,
)
from gas_fusion_ros.view.banner import Banner, Urgency
from gas_fusion_ros.view.colours import UNKNOWN_COLOUR, URGENCY_COLOURS, leak_colour

OPINION = Opinion("Smoke by fusion", {"Smoke": 0.9, CLEAN_AIR: 0.1}, Banner("ALARM: Smoke", Urgency.ALARM))


@pytest.mark.parametrize("shape", [(8, 8), (62, 80), (480, 640), (2000, 20), (20, 2000)])
def test_the_picture_stands_above_what_is_said_of_it(shape: tuple[int, int]) -> None:
    field = np.random.default_rng(0).random(shape, dtype=np.float32)
    drawn = annotated(field, None, OPINION)
    assert drawn.dtype == np.uint8
    assert drawn.shape[0] > PICTURE_HEIGHT
    assert LEAST_WIDTH <= drawn.shape[1] <= 4 * PICTURE_HEIGHT
    panel = drawn[PICTURE_HEIGHT:]
    assert (panel == URGENCY_COLOURS[Urgency.ALARM]).all(axis=2).any()


def test_the_map_stands_beside_the_picture() -> None:
    field = np.full((60, 80), 0.5, dtype=np.float32)
    heat = np.zeros((32, 32), dtype=np.float32)
    heat[:, 16:] = 1.0
    drawn = annotated(field, heat, OPINION)[:PICTURE_HEIGHT]
    assert drawn.shape[1] == 2 * round(PICTURE_HEIGHT * 80 / 60)
    cold, hot = drawn[180, 500].astype(int), drawn[180, 900].astype(int)
    assert np.ptp(cold) == 0  # grey where nothing spoke
    assert hot[0] > hot[2]  # yellow where it did


def test_what_is_said_is_bounded_and_of_any_letters() -> None:
    field = np.zeros((60, 80), dtype=np.float32)
    many = {f"Gas \N{GREEK SMALL LETTER ALPHA} {number}" * 50: 7.0 for number in range(300)}
    drawn = annotated(field, None, Opinion("x" * 10_000, many, OPINION.banner))
    assert drawn.shape[0] < PICTURE_HEIGHT + 30 * (MOST_BARS + 3)


def test_colours_tell_what_is_not_known_from_clean_air() -> None:
    assert leak_colour(None) == UNKNOWN_COLOUR
    assert leak_colour(0.0) != UNKNOWN_COLOUR
    assert leak_colour(7.0) == leak_colour(1.0)
