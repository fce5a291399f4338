"""Randomised pictures are what their settings say, can be read, and show what they are of."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import replace

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gas_fusion_ros.base.observation import PAPER_CLASSES
from gas_fusion_ros.model.thermal import has_colour_bar, network_input, to_field
from gas_fusion_ros.simulation.random_pictures import MISLEADING, RandomPicture, Situation, random_picture
from gas_fusion_ros.simulation.randomisation import WIDE, Detector, RandomisationSettings
from gas_fusion_ros.simulation.renderer import TEMPERATURE_RANGE, random_scene, render

MOST_SECONDS = 0.02
"""Several times what a picture takes on one slow core."""
RADIOMETRIC = replace(WIDE, screenshot_share=0.0, grey_share=0.0)
QUIET = replace(
    RADIOMETRIC,
    detectors=(Detector("quiet", 206, 156, (0.0, 0.0)),),
    flat_share=1.0,
    flat_k=(0.001, 0.001),
    band_k=(0.0001, 0.0001),
    shade_k=(0.0, 0.0),
    vignetting_k=(0.0, 0.0),
    dead_share=(0.0, 0.0),
    hidden_share=0.0,
)


def drawn(gas: str, count: int, chosen: RandomisationSettings = WIDE) -> list[RandomPicture]:
    return [random_picture(gas, np.random.default_rng((11, index)), chosen) for index in range(count)]


@given(gas=st.sampled_from(PAPER_CLASSES), seed=st.integers(0, 2**32 - 1))
@settings(max_examples=60)
def test_every_picture_can_be_read_and_the_same_seed_draws_it_again(gas: str, seed: int) -> None:
    one, again = (random_picture(gas, np.random.default_rng(seed)) for _ in range(2))
    np.testing.assert_array_equal(one.pixels, again.pixels)
    field = network_input(one.pixels, one.encoding, 112)
    assert np.isfinite(field).all()
    assert field.min() >= 0.0
    assert field.max() <= 1.0 + 1e-6
    if one.encoding == "32FC1":
        assert one.pixels.min() >= TEMPERATURE_RANGE[0]
        assert one.pixels.max() <= TEMPERATURE_RANGE[1]


def test_every_kind_of_camera_encoding_and_situation_is_drawn_in_every_class() -> None:
    for gas in PAPER_CLASSES:
        pictures = drawn(gas, 150)
        assert {picture.camera for picture in pictures} == {one.name for one in WIDE.detectors}
        assert {picture.encoding for picture in pictures} == {"32FC1", "mono8", "rgb8"}
        assert {picture.situation for picture in pictures} == set(Situation)
        assert {picture.gas for picture in pictures} == {gas}


def test_what_stands_around_does_not_tell_the_class() -> None:
    """Of the same seed the situation is the same, whatever the class."""
    clean = [picture.situation for picture in drawn("NoGas", 60)]
    assert [picture.situation for picture in drawn("Smoke", 60)] == clean
    counts = Counter(clean)
    assert sum(counts[situation] for situation in MISLEADING) / 60 == pytest.approx(0.39, abs=0.2)


def test_screenshots_keep_their_bar_through_compression() -> None:
    apps = replace(
        WIDE, detectors=WIDE.detectors[-1:], screenshot_share=1.0, jpeg_share=1.0, jpeg_quality=(65, 65)
    )
    pictures = drawn("Perfume", 20, apps)
    assert {picture.encoding for picture in pictures} == {"rgb8"}
    assert all(has_colour_bar(picture.pixels) for picture in pictures)  # type: ignore[arg-type]


def test_ranges_go_from_flat_to_a_hundred_kelvin() -> None:
    spans = [
        float(np.ptp(picture.pixels)) for gas in PAPER_CLASSES for picture in drawn(gas, 100, RADIOMETRIC)
    ]
    assert min(spans) < 2.0
    assert max(spans) > 80.0


@pytest.mark.parametrize(("gas", "sign"), [("Perfume", -1), ("Smoke", 1)])
def test_spray_is_cold_and_smoke_is_warm(gas: str, sign: int) -> None:
    """Against the same wall without it."""
    pairs = zip(drawn("NoGas", 20, QUIET), drawn(gas, 20, QUIET), strict=True)
    warmer = [float(with_gas.pixels.mean()) - float(clean.pixels.mean()) for clean, with_gas in pairs]
    assert min(sign * change for change in warmer) > 0.0


def test_hot_smoke_has_its_temperature() -> None:
    hot = replace(
        QUIET, hot_smoke_share=1.0, hot_smoke_c=(80.0, 80.0), strength=(1.0, 1.0), shutter_offset_k=(0.0, 0.0)
    )
    hottest = [float(picture.pixels.max()) for picture in drawn("Smoke", 20, hot)]
    assert np.median(hottest) == pytest.approx(78.0, abs=6.0)
    assert max(hottest) < 80.5


def test_a_plume_shows_against_its_wall() -> None:
    pairs = zip(drawn("NoGas", 60, QUIET), drawn("Perfume", 60, QUIET), strict=True)
    shows = [np.ptp(with_gas.pixels) > 2 * np.ptp(clean.pixels) for clean, with_gas in pairs]
    assert np.mean(shows) > 0.9


def test_where_a_plume_is_told_is_where_the_field_differs_from_that_without_it() -> None:
    """A screenshot is turned and cropped; what is told of its plume must be as well."""
    wall = replace(QUIET, seen=0.05, clip_share=0.0, jpeg_share=0.0)
    for kind in (
        wall,
        replace(wall, grey_share=1.0),
        replace(wall, screenshot_share=1.0),
    ):
        for picture in drawn("Perfume", 12, kind):
            field = to_field(picture.pixels, picture.encoding)
            plume = cv2.resize(picture.plume, field.shape[::-1], interpolation=cv2.INTER_AREA)
            assert picture.plume.max() < 0.05
            if picture.is_seen:
                assert np.corrcoef(plume.ravel(), field.ravel())[0, 1] > 0.9


def test_clean_air_and_what_is_out_of_view_show_no_plume() -> None:
    hidden = replace(WIDE, hidden_share=1.0)
    for picture in (*drawn("NoGas", 20), *drawn("Smoke", 20, hidden)):
        assert not picture.is_seen
        assert np.abs(picture.plume).max() < 1e-3


def test_most_plumes_can_be_seen() -> None:
    for gas, least in (("Mixture", 0.85), ("Perfume", 0.6), ("Smoke", 0.85)):
        assert np.mean([picture.is_seen for picture in drawn(gas, 100)]) > least


def test_drawing_takes_milliseconds() -> None:
    drawn("Mixture", 5)  # what is made once
    began = time.process_time()
    drawn("Mixture", 50)
    assert (time.process_time() - began) / 50 < MOST_SECONDS


def test_unknown_gas_is_named() -> None:
    with pytest.raises(ValueError, match=r"'Methane'.*Mixture, NoGas, Perfume, Smoke"):
        random_picture("Methane", np.random.default_rng(0))


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"flat_share": 1.5}, "flat_share is 1.5; expected 0 to 1"),
        ({"spray_k": (3.0, 1.0)}, "spray_k is .*expected the least and then the greatest"),
        ({"band_k": (0.0, 1.0)}, "band_k is .*expected values above 0"),
        ({"detectors": ()}, "detectors is empty"),
        ({"smoke_k": (1.0, float("nan"))}, "smoke_k is"),
    ],
)
def test_settings_out_of_range_are_refused_by_name(changes: dict[str, object], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        replace(WIDE, **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("gas", "mean", "deviation", "middle"),
    [
        ("Mixture", 31.114, 1.455, 32.73),
        ("NoGas", 30.766, 1.489, 32.74),
        ("Perfume", 30.654, 1.442, 32.80),
        ("Smoke", 31.106, 1.453, 32.68),
    ],
)
def test_the_scenes_of_the_demo_are_drawn_as_before(
    gas: str, mean: float, deviation: float, middle: float
) -> None:
    """Figures of frames drawn before there was any randomisation."""
    rng = np.random.default_rng(0)
    frame = render(random_scene(gas, rng), rng)
    assert (frame.mean(), frame.std()) == (
        pytest.approx(mean, abs=0.002),
        pytest.approx(deviation, abs=0.002),
    )
    assert frame[78, 103] == pytest.approx(middle, abs=0.01)
