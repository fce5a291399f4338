"""Every kind of thermal picture becomes the same kind of field, without overlays."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from screenshots import invert_screenshot

from gas_fusion_ros.base.observation import ThermalFrame
from gas_fusion_ros.model.pseudo_colour import APP_PALETTE, invert_palette
from gas_fusion_ros.model.thermal import (
    MIN_SPAN_KELVIN,
    Preparation,
    ThermalError,
    field_range,
    has_colour_bar,
    network_input,
    raw_counts,
    to_field,
)

HEIGHT, WIDTH = 640, 480
OVERLAY = (np.s_[:92, 15:], np.s_[596:, 15:], np.s_[:, 15:68])
"""Everything that the paper crops away, but for the bar: it tells that the picture is a screenshot."""
# Cold to hot; the order of hues is that of the Seek app.
COLOURS = np.array(
    [[0, 0, 20], [0, 0, 130], [0, 90, 250], [0, 140, 0], [240, 240, 0], [250, 0, 0], [255, 255, 255]],
    dtype=np.float32,
)


def scene() -> npt.NDArray[np.float32]:
    """Temperatures of a smooth scene with a hot object, degC, shape (156, 206)."""
    y, x = np.mgrid[0:156, 0:206].astype(np.float32)
    hot = 25 * np.exp(-((x - 120) ** 2 + (y - 80) ** 2) / 800)
    return (20 + x / 40 + hot).astype(np.float32)


def paint(values: npt.NDArray[np.float32]) -> npt.NDArray[np.uint8]:
    at = np.clip(values, 0, 1) * (len(COLOURS) - 1)
    grid = np.arange(len(COLOURS))
    channels = [np.interp(at, grid, COLOURS[:, c]) for c in range(3)]
    return np.stack(channels, axis=-1).round().astype(np.uint8)


def screenshot(values: npt.NDArray[np.float32]) -> npt.NDArray[np.uint8]:
    """The app's picture of values in 0..1, shape (640, 480): bar and darkened strip, no text."""
    rgb = paint(values)
    rgb[:, 15:64] = (rgb[:, 15:64] * 0.7).astype(np.uint8)
    rgb[:, :15] = paint(np.linspace(1, 0, HEIGHT, dtype=np.float32))[:, np.newaxis]
    return rgb


def with_overlays(rgb: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    image = rgb.copy()
    white, font = (255, 255, 255), cv2.FONT_HERSHEY_SIMPLEX
    for text, at in (
        ("50 C", (18, 16)),
        ("13 C", (18, 634)),
        ("Location", (340, 68)),
        ("73.43 E", (388, 84)),
    ):
        cv2.putText(image, text, at, font, 0.5, white)
    cv2.putText(image, "Seek", (408, 630), font, 0.7, (90, 90, 90))
    return image


def smooth_values() -> npt.NDArray[np.float32]:
    temperatures = cv2.resize(scene(), (WIDTH, HEIGHT))
    return ((temperatures - temperatures.min()) / np.ptp(temperatures)).astype(np.float32)


def pictures() -> dict[str, npt.NDArray[Any]]:
    """One scene in every encoding, without a bar."""
    gray = (scene() * 4).astype(np.uint8)
    return {
        "mono8": gray,
        "mono16": (scene() * 100 + 27315).astype(np.uint16),
        "32FC1": scene(),
        "rgb8": np.repeat(gray[..., np.newaxis], 3, axis=2),
    }


def scrawled(rgb: npt.NDArray[np.uint8], seed: int) -> npt.NDArray[np.uint8]:
    """Noise instead of all that an app burns in; the bar stays."""
    image, noise = rgb.copy(), np.random.default_rng(seed).integers(0, 256, rgb.shape, dtype=np.uint8)
    for part in OVERLAY:
        image[part] = noise[part]
    return image


@pytest.mark.parametrize("encoding", ["mono8", "mono16", "32FC1", "rgb8"])
@pytest.mark.parametrize("size", [224, 64])
def test_every_encoding_becomes_the_same_kind_of_input(encoding: str, size: int) -> None:
    result = network_input(pictures()[encoding], encoding, size)

    assert result.shape == (1, size, size)
    assert result.dtype == np.float32
    assert result.min() >= 0.0
    assert result.max() == pytest.approx(1.0, abs=0.01)
    hottest = np.argwhere(result[0] > 0.99).mean(axis=0)
    np.testing.assert_allclose(hottest, (80 / 156 * size, 120 / 206 * size), atol=0.03 * size)


@pytest.mark.parametrize("contrast", [0.0, 0.02, 1.0])
def test_counts_and_degrees_of_one_scene_give_one_field(contrast: float) -> None:
    celsius = (20 + contrast * (scene() - 20)).astype(np.float32)
    counts = ((celsius + 273.15) * 100).round().astype(np.uint16)

    np.testing.assert_allclose(to_field(counts, "mono16"), to_field(celsius, "32FC1"), atol=0.003)


def test_a_radiometric_frame_as_counts_is_centikelvin() -> None:
    celsius = np.full((8, 8), 20.0, np.float32)
    celsius[0, :4] = np.nan, np.inf, -300.0, 3e38

    counts = raw_counts(ThermalFrame(7, celsius, "32FC1"))

    assert (counts.encoding, counts.pixels.dtype, counts.stamp_ns) == ("mono16", np.uint16, 7)
    assert counts.pixels[0].tolist() == [29315, 29315, 0] + [29315] * 5, "3e38 is no temperature either"


def test_noise_without_contrast_is_not_amplified() -> None:
    noise = np.random.default_rng(1).normal(20, 0.1, (156, 206)).astype(np.float32)

    field = to_field(noise, "32FC1")

    assert field.std() == pytest.approx(0.1 / MIN_SPAN_KELVIN, rel=0.05)
    assert field.mean() == pytest.approx(0.5, abs=0.02)


def test_a_single_hot_pixel_does_not_flatten_the_scene() -> None:
    celsius = scene()
    celsius[0, 0] = 330

    np.testing.assert_allclose(to_field(celsius, "32FC1")[1:], to_field(scene(), "32FC1")[1:], atol=0.02)


def test_pixels_without_a_temperature_count_as_the_median() -> None:
    celsius = scene()
    celsius[:4] = np.nan
    celsius[4:8] = -np.inf

    field = to_field(celsius, "32FC1")

    assert np.isfinite(field).all()
    assert field[:8] == pytest.approx(np.median(field[8:]), abs=0.02)


def test_big_endian_counts_are_read_as_such() -> None:
    counts = (scene() * 100).astype(np.uint16)

    np.testing.assert_array_equal(to_field(counts.astype(">u2"), "mono16"), to_field(counts, "mono16"))


def test_the_input_picture_is_left_alone() -> None:
    celsius = scene()
    to_field(celsius, "32FC1")

    np.testing.assert_array_equal(celsius, scene())


def test_a_screenshot_gives_back_the_temperatures_behind_its_palette() -> None:
    values = smooth_values()

    field = to_field(screenshot(values), "rgb8")

    # The crop is linear in the values, whatever percentiles stretch it: compare up to scale.
    expected = values[92:596:2, 68::2]
    inside = (field > 0.02) & (field < 0.98)
    slope, offset = np.polyfit(expected[inside], field[inside], 1)
    assert np.abs(slope * expected + offset - field)[inside].max() < 0.03


def test_a_recompressed_screenshot_gives_nearly_the_same_field() -> None:
    original = screenshot(smooth_values())
    _, encoded = cv2.imencode(".jpg", original, [cv2.IMWRITE_JPEG_QUALITY, 85])

    recompressed = np.asarray(cv2.imdecode(encoded, cv2.IMREAD_COLOR))
    difference = np.abs(to_field(recompressed, "rgb8") - to_field(original, "rgb8"))

    assert np.percentile(difference, 99) < 0.05


@pytest.mark.parametrize("preparation", [Preparation.FIELD, Preparation.CROPPED])
def test_text_bar_and_logo_never_reach_the_network(preparation: Preparation) -> None:
    plain = screenshot(smooth_values())
    burnt = with_overlays(plain)
    assert not np.array_equal(plain, burnt)

    np.testing.assert_array_equal(
        network_input(burnt, "rgb8", 224, preparation), network_input(plain, "rgb8", 224, preparation)
    )


def test_the_original_picture_gives_away_what_is_burnt_in() -> None:
    plain = screenshot(smooth_values())
    seen = network_input(plain, "rgb8", 224, Preparation.ORIGINAL)
    given_away = network_input(with_overlays(plain), "rgb8", 224, Preparation.ORIGINAL)

    # The location stands at the top right.
    assert np.abs(given_away - seen)[:, 18:31, 155:].max() > 0.2
    np.testing.assert_array_equal(given_away[:, 40:200, 40:], seen[:, 40:200, 40:])


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), preparation=st.sampled_from(Preparation))
def test_only_the_original_shows_what_stands_in_the_overlays_place(
    seed: int, preparation: Preparation
) -> None:
    plain = screenshot(smooth_values())

    same = np.array_equal(
        network_input(scrawled(plain, seed), "rgb8", 64, preparation),
        network_input(plain, "rgb8", 64, preparation),
    )

    assert same == (preparation is not Preparation.ORIGINAL)


@pytest.mark.parametrize("encoding", ["mono8", "mono16", "32FC1", "rgb8"])
@pytest.mark.parametrize("preparation", Preparation)
def test_every_encoding_can_be_prepared_in_every_way(encoding: str, preparation: Preparation) -> None:
    result = network_input(pictures()[encoding], encoding, 64, preparation)

    assert result.shape == (preparation.channels, 64, 64)
    assert result.dtype == np.float32
    assert result.flags.c_contiguous
    assert result.min() >= 0.0
    assert 0.5 < result.max() <= 1.0 + 1e-6


@pytest.mark.parametrize("preparation", [Preparation.CROPPED, Preparation.ORIGINAL])
@pytest.mark.parametrize("encoding", ["mono8", "mono16", "32FC1"])
def test_a_camera_without_colours_is_coloured_as_the_app_would(
    encoding: str, preparation: Preparation
) -> None:
    picture = pictures()[encoding]

    colours = network_input(picture, encoding, 224, preparation)

    rgb = np.rint(colours * 255).astype(np.uint8).transpose(1, 2, 0)
    field = network_input(picture, encoding, 224)[0]
    np.testing.assert_allclose(invert_palette(rgb, APP_PALETTE), field, atol=1 / 255)


@pytest.mark.parametrize("size", [64, 103, 104, 112, 156, 224])
def test_no_column_of_a_picture_is_passed_over(size: int) -> None:
    for column in range(WIDTH):
        picture = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
        picture[:, column] = 255

        assert network_input(picture, "rgb8", size, Preparation.ORIGINAL).max() > 0.01, column


def test_a_picture_that_shrinks_by_less_than_half_is_interpolated() -> None:
    """Of areas a picture of 112 pixels would take longer to prepare than one of 224."""
    picture = paint(scene() / np.float32(50))

    whole = network_input(picture, "rgb8", 112, Preparation.ORIGINAL)

    expected = cv2.resize(picture, (112, 112), interpolation=cv2.INTER_LINEAR).astype(np.float32) / 255
    np.testing.assert_array_equal(whole.transpose(1, 2, 0), expected)


def test_a_coloured_picture_without_a_bar_is_taken_whole() -> None:
    picture = paint(scene() / np.float32(50))
    assert not has_colour_bar(picture)

    cropped = network_input(picture, "rgb8", 64, Preparation.CROPPED)

    expected = cv2.resize(picture, (64, 64), interpolation=cv2.INTER_AREA).astype(np.float32) / 255
    np.testing.assert_allclose(cropped.transpose(1, 2, 0), expected, atol=1e-6)
    np.testing.assert_array_equal(cropped, network_input(picture, "rgb8", 64, Preparation.ORIGINAL))


@pytest.mark.parametrize(
    ("preparation", "part"), [(Preparation.CROPPED, np.s_[92:596, 68:]), (Preparation.ORIGINAL, np.s_[:, :])]
)
def test_a_screenshots_colours_are_those_of_the_picture(preparation: Preparation, part: Any) -> None:
    rgb = with_overlays(screenshot(smooth_values()))

    colours = network_input(rgb, "rgb8", 64, preparation)

    expected = cv2.resize(rgb[part].astype(np.float32), (64, 64), interpolation=cv2.INTER_AREA)
    np.testing.assert_allclose(colours.transpose(1, 2, 0) * 255, expected, atol=0.51)


def test_the_field_is_that_of_the_inverted_screenshot() -> None:
    rgb = screenshot(smooth_values())

    field, position = to_field(rgb, "rgb8"), invert_screenshot(rgb).position[92:596:2, 68::2]

    inside = (field > 0) & (field < 1)
    slope, offset = np.polyfit(position[inside], field[inside], 1)
    np.testing.assert_allclose(field, np.clip(slope * position + offset, 0, 1), atol=1e-4)


def test_a_picture_that_is_itself_a_gradient_has_no_bar() -> None:
    gradient = np.repeat(paint(np.linspace(1, 0, HEIGHT, dtype=np.float32))[:, np.newaxis], WIDTH, axis=1)

    assert not has_colour_bar(gradient)
    assert has_colour_bar(screenshot(smooth_values()))
    assert to_field(gradient, "rgb8").shape == (HEIGHT, WIDTH)


def test_random_pictures_have_no_bar() -> None:
    noise = np.random.default_rng(2).integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)

    assert not has_colour_bar(noise)
    assert not has_colour_bar(np.zeros((8, 8, 3), dtype=np.uint8))


@pytest.mark.parametrize(
    ("pixels", "encoding", "detail"),
    [
        (np.zeros((20, 20), np.uint8), "bgr8", "encoding is 'bgr8'; expected one of mono8"),
        (np.zeros((20, 20), np.uint8), "mono16", "mono16 pixels are uint8; expected uint16"),
        (np.zeros((20, 20, 1), np.uint8), "mono8", r"shape \(20, 20, 1\); expected \(H, W\)"),
        (np.zeros((20, 20), np.uint8), "rgb8", r"expected \(H, W, 3\)"),
        (np.zeros(20, np.uint8), "mono8", r"expected \(H, W\)"),
        (np.zeros((0, 0), np.uint8), "mono8", "is 0 x 0; expected at least 8 x 8"),
        (np.zeros((7, 20), np.uint8), "mono8", "is 20 x 7; expected at least 8 x 8"),
        (np.full((20, 20), np.nan, np.float32), "32FC1", "no pixel of the 32FC1 picture is a temperature"),
    ],
)
def test_bad_pictures_are_refused_with_the_reason(
    pixels: npt.NDArray[np.generic], encoding: str, detail: str
) -> None:
    with pytest.raises(ThermalError, match=detail):
        to_field(pixels, encoding)
    for preparation in Preparation:
        with pytest.raises(ThermalError, match=detail):
            network_input(pixels, encoding, 64, preparation)


def test_real_screenshots_keep_no_trace_of_their_overlays(gas_fusion_data: Path) -> None:
    paths = sorted(gas_fusion_data.rglob("*_*.png"))
    assert paths, "the folder holds no thermal image"
    for path in paths:
        rgb = np.asarray(cv2.imread(str(path)))[..., ::-1].astype(np.uint8)
        assert has_colour_bar(rgb), path.name
        for preparation in (Preparation.FIELD, Preparation.CROPPED):
            np.testing.assert_array_equal(
                network_input(scrawled(rgb, 1), "rgb8", 224, preparation),
                network_input(rgb, "rgb8", 224, preparation),
            )
        original = network_input(rgb, "rgb8", 224, Preparation.ORIGINAL)
        assert not np.array_equal(
            network_input(scrawled(rgb, 1), "rgb8", 224, Preparation.ORIGINAL), original
        )


@given(st.integers(8, 150), st.integers(0, 1000), st.floats(0.01, 300))
def test_what_is_stretched_is_what_numpys_percentiles_bound(rows: int, seed: int, spread: float) -> None:
    picture = np.random.default_rng(seed).normal(20, spread, (rows, 80)).astype(np.float32)
    found = field_range(picture, "32FC1")
    samples = picture.reshape(-1)[:: max(1, picture.size // 8192)].astype(np.float64)
    assert [found.low, found.high] == pytest.approx(np.percentile(samples, (1.0, 99.0)), abs=1e-6)
