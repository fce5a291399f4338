"""A rendered frame looks as the app's screenshots do, and its field can be had back."""

from __future__ import annotations

import time

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from gas_fusion_ros.base.observation import PAPER_CLASSES
from gas_fusion_ros.model.pseudo_colour import APP_PALETTE
from gas_fusion_ros.model.thermal import Preparation, has_colour_bar, network_input, to_field
from gas_fusion_ros.simulation.renderer import random_scene, render
from gas_fusion_ros.simulation.screenshot import (
    APP_STYLES,
    AppStyle,
    Caption,
    TemperatureUnit,
    screenshot,
)

MAX_SECONDS = 0.02
"""Several times what a screenshot takes on one slow core: to notice a change of kind."""

TEXTS = {
    "highest": np.s_[:20, 15:68],
    "lowest": np.s_[620:, 15:68],
    "location": np.s_[44:92, 328:],
    "logo": np.s_[596:, 400:],
}


def frame(gas: str, seed: int = 0) -> npt.NDArray[np.float32]:
    rng = np.random.default_rng(seed)
    return render(random_scene(gas, rng), rng)


def background(celsius: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """The frame as it is enlarged, degC, shape (640, 480)."""
    return np.asarray(cv2.resize(np.rot90(celsius, -1), (480, 640), interpolation=cv2.INTER_LINEAR))


@settings(max_examples=12, deadline=None)
@given(
    gas=st.sampled_from(PAPER_CLASSES),
    seed=st.integers(0, 2**32 - 1),
    style=st.builds(AppStyle, st.sampled_from(Caption), st.sampled_from(TemperatureUnit)),
)
@example("Mixture", 15673, AppStyle(Caption.LOCATION_UNAVAILABLE, TemperatureUnit.CELSIUS))
def test_the_field_can_be_had_back(gas: str, seed: int, style: AppStyle) -> None:
    celsius = frame(gas, seed)

    rgb = screenshot(celsius, style)

    assert rgb.shape == (640, 480, 3)
    assert rgb.dtype == np.uint8
    assert has_colour_bar(rgb)
    field, expected = to_field(rgb, "rgb8"), background(celsius)[92:596:2, 68::2]
    inside = (field > 0.02) & (field < 0.98)
    # In single precision a fit to a frame of little contrast would be rank deficient.
    slope, offset = np.polyfit(expected[inside].astype(np.float64), field[inside], 1)
    assert slope > 0
    # The app shows its range in 256 colours; the stretch enlarges their steps.
    step = slope * np.ptp(celsius) / 255
    assert np.abs(slope * expected + offset - field)[inside].max() < 1.5 * step


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("gas", PAPER_CLASSES)
def test_everything_is_burnt_in_where_the_app_does(gas: str, text: str) -> None:
    flat = np.full((156, 206), 20.0, dtype=np.float32)
    # Beside the bar a flat frame is all of the coldest colour, black.
    burnt = screenshot(flat, APP_STYLES[gas]).max(axis=2)
    burnt[:, :15] = 0

    assert burnt[TEXTS[text]].max() > 70
    for part in TEXTS.values():
        burnt[part] = 0
    assert not burnt.any()


def test_the_strip_is_darkened_and_the_bar_is_the_palette() -> None:
    celsius = frame("NoGas")
    celsius[:, :2] = celsius.max() + 1.0

    rgb = screenshot(celsius)

    np.testing.assert_allclose(rgb[::-1, 7][[0, 639]], APP_PALETTE[[0, 255]], atol=1)
    np.testing.assert_array_equal(rgb[:, :15], np.repeat(rgb[:, :1], 15, axis=1))
    # The hot columns are the portrait's upper rows.
    assert (rgb[0, 100:] == 255).all()
    np.testing.assert_allclose(rgb[0, 62:64], 0.72 * 255, atol=1)


def difference(one: AppStyle, other: AppStyle) -> dict[str, bool]:
    celsius = frame("Smoke")
    changed = (screenshot(celsius, one) != screenshot(celsius, other)).any(axis=2)
    return {name: bool(changed[part].any()) for name, part in TEXTS.items()}


def test_a_style_changes_what_it_says_and_nothing_else() -> None:
    plain = AppStyle(Caption.LOCATION_UNAVAILABLE, TemperatureUnit.CELSIUS)

    located = difference(plain, AppStyle(Caption.COORDINATES, TemperatureUnit.CELSIUS))
    in_fahrenheit = difference(plain, AppStyle(Caption.LOCATION_UNAVAILABLE, TemperatureUnit.FAHRENHEIT))

    assert located == {"highest": False, "lowest": False, "location": True, "logo": False}
    assert in_fahrenheit == {"highest": True, "lowest": True, "location": False, "logo": False}


def test_temperatures_are_those_of_the_frame() -> None:
    cold, hot = np.full((2, 156, 206), 20.0, dtype=np.float32)
    cold[0, 0], hot[0, 0] = 16.0, 24.0

    changed = (screenshot(cold) != screenshot(hot)).any(axis=2)

    # 20 and 16 degC, 24 and 20 degC.
    assert changed[TEXTS["highest"]].any()
    assert changed[TEXTS["lowest"]].any()
    assert TemperatureUnit.FAHRENHEIT.of(-40.0) == pytest.approx(-40.0)
    assert TemperatureUnit.FAHRENHEIT.of(100.0) == pytest.approx(212.0)
    assert TemperatureUnit.CELSIUS.of(36.6) == 36.6


def test_classes_differ_by_style_only_where_uncropped() -> None:
    assert set(APP_STYLES) == set(PAPER_CLASSES)
    celsius = frame("Perfume")
    perfume, smoke = (screenshot(celsius, APP_STYLES[gas]) for gas in ("Perfume", "Smoke"))

    same = {
        preparation: np.array_equal(
            network_input(perfume, "rgb8", 64, preparation), network_input(smoke, "rgb8", 64, preparation)
        )
        for preparation in Preparation
    }

    assert same == {Preparation.FIELD: True, Preparation.CROPPED: True, Preparation.ORIGINAL: False}


@pytest.mark.parametrize(
    ("celsius", "detail"),
    [
        (np.zeros((206, 156), np.float32), r"celsius has shape \(206, 156\); expected \(156, 206\)"),
        (np.full((156, 206), np.nan, np.float32), "not finite; expected degrees Celsius everywhere"),
        (np.full((156, 206), np.inf, np.float32), "not finite"),
    ],
)
def test_other_frames_are_refused(celsius: npt.NDArray[np.float32], detail: str) -> None:
    with pytest.raises(ValueError, match=detail):
        screenshot(celsius)


def test_a_screenshot_takes_a_few_milliseconds() -> None:
    celsius = frame("Smoke")
    screenshot(celsius)
    seconds = []
    for _ in range(5):
        start = time.perf_counter()
        screenshot(celsius)
        seconds.append(time.perf_counter() - start)

    assert min(seconds) < MAX_SECONDS
