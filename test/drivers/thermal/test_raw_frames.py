"""Raw frames of each known layout give the true scene, and what is no picture is refused by name."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from gas_fusion_ros.drivers import DriverError
from gas_fusion_ros.drivers.thermal.image_file import decode_file
from gas_fusion_ros.drivers.thermal.raw_frames import (
    RawFrameError,
    RawPicture,
    RawReader,
    RawSettings,
    is_raw,
)
from gas_fusion_ros.model.thermal import to_field
from gas_fusion_ros.simulation.renderer import random_scene, render

Counts = npt.NDArray[np.uint16]


def scene(
    rows: int, columns: int, seed: int = 3, mean_c: float = 24.0, span_k: float = 12.0
) -> npt.NDArray[np.float64]:
    """Kelvin of a rendered scene with so much contrast."""
    rng = np.random.default_rng(seed)
    celsius = cv2.resize(
        render(random_scene("Smoke", rng), rng), (columns, rows), interpolation=cv2.INTER_AREA
    )
    low, high = np.percentile(celsius, (1, 99))
    return np.asarray(
        (celsius - low) / (high - low) * span_k + mean_c + 273.15 - span_k / 2, dtype=np.float64
    )


def counts_of(kelvin: npt.NDArray[np.float64], per_kelvin: float) -> Counts:
    return np.rint(kelvin * per_kelvin).astype(np.uint16)


def telemetry(rows: int, columns: int, seed: int) -> Counts:
    """As a Lepton's: counters, temperatures and serial numbers, then nothing."""
    words = np.zeros(rows * columns, np.uint16)
    words[:110] = np.random.default_rng(seed).integers(0, 65536, 110)[: words.size]
    return words.reshape(rows, columns)


def read(frame: npt.NDArray[np.generic], settings: RawSettings | None = None) -> RawPicture:
    picture = RawReader(settings or RawSettings()).read(frame)
    assert picture is not None
    return picture


def likeness(picture: RawPicture, truth: npt.NDArray[np.float64]) -> float:
    """Correlation of what a network sees with the true scene."""
    assert picture.pixels.shape == truth.shape
    return float(
        np.corrcoef(
            to_field(picture.pixels, picture.encoding).ravel(),
            np.clip(truth, *np.percentile(truth, (1, 99))).ravel(),
        )[0, 1]
    )


def celsius_of(picture: RawPicture) -> npt.NDArray[np.float64]:
    pixels = picture.pixels.astype(np.float64)
    return pixels / 100 - 273.15 if picture.encoding == "mono16" else pixels


@pytest.mark.parametrize("is_header", [True, False], ids=["above", "below"])
@pytest.mark.parametrize("swapped", [False, True], ids=["native", "swapped"])
@pytest.mark.parametrize("per_kelvin", [100.0, 10.0])
@pytest.mark.parametrize(
    ("rows", "columns", "extra"), [(60, 80, 3), (120, 160, 2), (120, 160, 4), (60, 80, 0)]
)
def test_a_lepton_is_recognised_with_its_telemetry_and_its_scale(
    rows: int, columns: int, extra: int, per_kelvin: float, swapped: bool, is_header: bool
) -> None:
    truth = scene(rows, columns)
    parts = [counts_of(truth, per_kelvin), telemetry(extra, columns, 7)]
    frame = np.vstack(parts[::-1] if is_header else parts)
    picture = read(frame.byteswap() if swapped else frame)
    assert likeness(picture, truth) > 0.99
    assert picture.has_unit
    assert np.abs(celsius_of(picture) - (truth - 273.15)).max() <= 0.51 / per_kelvin + 1e-3
    assert (", bytes swapped" in picture.told) is swapped
    assert ("rows of telemetry above" in picture.told) is (extra > 0 and is_header)


def test_counts_of_a_lepton_without_a_unit_are_a_picture_that_asks_for_one() -> None:
    truth = scene(120, 160)
    frame = np.vstack([telemetry(2, 160, 1), counts_of(truth - 273.15 + 300, 25.0)])
    picture = read(frame)
    assert (picture.encoding, picture.has_unit) == ("mono16", False)
    assert likeness(picture, truth) > 0.99
    assert "of no unmistakable unit" in picture.doubt
    assert "by 0.04 K" in picture.doubt
    assert "counts_per_kelvin" in picture.doubt


@pytest.mark.parametrize("is_uvc", [False, True], ids=["16 bits", "two bytes"])
@pytest.mark.parametrize("profile", ["auto", "p2pro"])
def test_a_p2_pro_gives_its_lower_half(profile: str, is_uvc: bool) -> None:
    truth = scene(192, 256)
    brightness = np.random.default_rng(0).integers(16, 236, (192, 256)).astype(np.uint16)
    frame = np.vstack([brightness | np.uint16(128 << 8), counts_of(truth, 64.0)])
    pixels = frame.astype("<u2")[..., np.newaxis].view(np.uint8) if is_uvc else frame
    assert is_raw(pixels)
    picture = read(pixels, RawSettings(profile=profile))
    assert picture.encoding == "32FC1"
    assert likeness(picture, truth) > 0.99
    assert np.abs(celsius_of(picture) - (truth - 273.15)).max() < 0.01


@pytest.mark.parametrize(("per_kelvin", "told"), [(100.0, "of 0.01 K"), (64.0, "of 1/64 K")])
@pytest.mark.parametrize("swapped", [False, True], ids=["native", "swapped"])
@pytest.mark.parametrize("span_k", [0.8, 5.0, 60.0])
@pytest.mark.parametrize("seed", [1, 2, 5])
def test_scale_and_order_of_bytes_are_recognised_whatever_the_contrast(
    per_kelvin: float, told: str, swapped: bool, span_k: float, seed: int
) -> None:
    truth = scene(96, 128, seed, span_k=span_k)
    frame = counts_of(truth, per_kelvin)
    picture = read(frame.byteswap() if swapped else frame)
    assert told in picture.told
    assert (", bytes swapped" in picture.told) is swapped
    assert np.abs(celsius_of(picture) - (truth - 273.15)).max() < 0.01
    assert picture.doubt == ""


@pytest.mark.parametrize("per_kelvin", [10.0, 25.0])
def test_a_scale_that_may_be_another_is_asked_for_and_not_taken(per_kelvin: float) -> None:
    truth = scene(240, 320)
    picture = read(counts_of(truth, per_kelvin))
    assert (picture.encoding, picture.has_unit) == ("mono16", False)
    assert likeness(picture, truth) > 0.99
    assert "18 to 30 degC by" in picture.doubt
    known = read(counts_of(truth, per_kelvin), RawSettings(profile="own", counts_per_kelvin=per_kelvin))
    assert (known.encoding, known.doubt) == ("32FC1", "")
    assert np.abs(celsius_of(known) - (truth - 273.15)).max() < 0.6 / per_kelvin


def test_raw14_asks_nothing() -> None:
    truth = scene(240, 320)
    picture = read(counts_of(truth, 25.0), RawSettings(profile="raw14"))
    assert (picture.has_unit, picture.doubt) == (False, "")
    assert likeness(picture, truth) > 0.99


def test_an_own_camera_goes_by_its_settings() -> None:
    truth = scene(100, 120)
    parts = [telemetry(1, 120, 3), counts_of(truth - 200, 50.0), telemetry(2, 120, 4)]
    settings = RawSettings(
        profile="own", cut_top=1, cut_bottom=2, byte_order="swapped", counts_per_kelvin=50.0, offset=200.0
    )
    picture = read(np.vstack(parts).byteswap(), settings)
    assert np.abs(celsius_of(picture) - (truth - 273.15)).max() < 0.02
    with pytest.raises(RawFrameError, match="cut_top 1 and cut_bottom 2 leave nothing of 3 rows"):
        read(np.zeros((3, 120), np.uint16), settings)


def seek_frame(rng: np.random.Generator, pattern: Counts, dead: npt.NDArray[np.bool_], kind: int) -> Counts:
    frame = pattern + rng.integers(-3, 4, pattern.shape).astype(np.int32)
    frame = np.clip(frame, 1, 16383).astype(np.uint16)
    frame[dead] = 0
    frame[0, 10] = kind
    return frame


def seek_frames(truth: npt.NDArray[np.float64]) -> tuple[Counts, Counts]:
    """A shutter's frame and a scene's: a pattern far stronger than the scene, and dead pixels."""
    rng = np.random.default_rng(5)
    pattern = rng.integers(4000, 11_000, (156, 208)).astype(np.int32)
    dead = rng.random((156, 208)) < 0.06
    dead[:, 206:] = True
    scene_counts = np.zeros((156, 208), np.int32)
    scene_counts[:, :206] = np.rint((truth - truth.mean()) * 30)
    deaf = rng.random((156, 208)) < 0.01
    scene_counts[deaf] = 900
    return seek_frame(rng, pattern, dead, 1), seek_frame(rng, pattern + scene_counts, dead, 3)


def test_a_seek_gives_its_scene_once_its_shutter_has_closed() -> None:
    truth = scene(156, 206)
    shutter, frame = seek_frames(truth)
    reader = RawReader(RawSettings())
    with pytest.raises(RawFrameError) as refused:
        reader.read(frame)
    assert refused.value.cause == "raw_without_shutter"
    assert "shutter_file" in refused.value.detail
    assert reader.read(shutter) is None
    picture = reader.read(frame)
    assert picture is not None
    assert (picture.encoding, picture.has_unit) == ("mono16", False)
    assert likeness(picture, truth) > 0.99


def test_the_shutters_frame_may_be_a_file(tmp_path: Path) -> None:
    truth = scene(156, 206)
    shutter, frame = seek_frames(truth)
    cv2.imwrite(str(tmp_path / "shutter.png"), shutter)
    settings = RawSettings(profile="seek", shutter_file=str(tmp_path / "shutter.png"))
    assert likeness(read(frame, settings), truth) > 0.99
    with pytest.raises(DriverError, match=r"shutter_file .* cannot be read"):
        RawReader(RawSettings(shutter_file=str(tmp_path / "none.png")))
    cv2.imwrite(str(tmp_path / "grey.png"), np.zeros((156, 208), np.uint8))
    with pytest.raises(DriverError, match="has uint8 pixels; expected 16-bit gray"):
        RawReader(RawSettings(shutter_file=str(tmp_path / "grey.png")))


def noise(rows: int, columns: int, most: int) -> Counts:
    return np.random.default_rng(9).integers(0, most, (rows, columns)).astype(np.uint16)


@pytest.mark.parametrize(
    ("frame", "settings", "cause", "said"),
    [
        (
            noise(60, 80, 65536),
            RawSettings(),
            "raw_noise",
            "80x60 counts are no picture: neighbours correlate by",
        ),
        (noise(240, 320, 16384), RawSettings(profile="raw14"), "raw_noise", "byte_order"),
        (
            np.vstack([counts_of(scene(192, 256), 64.0), noise(4, 256, 65536)]),
            RawSettings(),
            "raw_rows",
            "own, cut_bottom to 4",
        ),
        (np.full((240, 320), 65535, np.uint16), RawSettings(), "raw_empty", "beyond its range"),
        (
            counts_of(scene(60, 80), 100.0),
            RawSettings(byte_order="swapped"),
            "raw_noise",
            "set the camera's profile",
        ),
        (
            counts_of(scene(60, 80), 25.0),
            RawSettings(profile="tlinear"),
            "raw_impossible",
            "degC, which no thermal camera",
        ),
        (
            counts_of(scene(60, 80), 64.0),
            RawSettings(profile="tlinear"),
            "raw_impossible",
            "counts_per_kelvin",
        ),
        (
            counts_of(scene(60, 80), 100.0),
            RawSettings(profile="own", counts_per_kelvin=10.0),
            "raw_impossible",
            "which no thermal camera measures",
        ),
        (counts_of(scene(60, 80), 64.0), RawSettings(profile="p2pro"), "raw_shape", "this one 80x60"),
        (counts_of(scene(60, 80), 64.0), RawSettings(profile="seek"), "raw_shape", "208x156"),
    ],
)
def test_what_is_no_picture_is_refused_by_name(
    frame: Counts, settings: RawSettings, cause: str, said: str
) -> None:
    with pytest.raises(RawFrameError) as refused:
        read(frame, settings)
    assert refused.value.cause == cause
    assert said in refused.value.detail


def test_dead_pixels_are_filled_from_around() -> None:
    truth = scene(120, 160)
    frame = counts_of(truth, 100.0)
    frame[::17, ::13] = 0
    picture = read(frame)
    assert "dead pixels filled" in picture.told
    assert likeness(picture, truth) >= 0.99
    assert celsius_of(picture).min() > 0.0


@pytest.mark.parametrize("per_kelvin", [100.0, 64.0])
def test_a_flat_wall_is_a_picture_of_noise_and_not_refused(per_kelvin: float) -> None:
    kelvin = np.random.default_rng(1).normal(295.0, 0.08, (120, 160))
    picture = read(counts_of(kelvin, per_kelvin))
    assert picture.has_unit
    assert np.abs(celsius_of(picture) - (kelvin - 273.15)).max() < 0.01


def test_noise_in_one_frame_does_not_turn_those_that_follow() -> None:
    reader = RawReader(RawSettings())
    with pytest.raises(RawFrameError):
        reader.read(noise(96, 128, 65536))
    truth = scene(96, 128)
    picture = reader.read(counts_of(truth, 100.0))
    assert picture is not None
    assert likeness(picture, truth) > 0.99


@given(
    hnp.arrays(np.uint16, st.sampled_from([(1, 1), (1, 30), (30, 1), (8, 8), (63, 80)])),
    st.sampled_from(["auto", "lepton", "own", "p2pro", "raw14", "seek", "tlinear"]),
)
def test_whatever_comes_is_a_picture_or_refused(frame: Counts, profile: str) -> None:
    with suppress(RawFrameError):
        picture = RawReader(RawSettings(profile=profile)).read(frame)
        assert picture is None or picture.encoding in ("mono16", "32FC1")


@pytest.mark.parametrize("name", ["face", "floor"])
def test_real_frames_of_a_seek_give_a_picture(name: str) -> None:
    folder = os.environ.get("GAS_FUSION_RAW_THERMAL")
    if not folder:
        pytest.skip("GAS_FUSION_RAW_THERMAL names no folder of raw frames")
    shutter, frame = (decode_file(Path(folder) / f"{name}_{kind}_16bit.png") for kind in ("cal", "raw"))
    reader = RawReader(RawSettings())
    with pytest.raises(RawFrameError, match="shutter"):
        reader.read(frame)
    assert reader.read(shutter) is None
    picture = reader.read(frame)
    assert picture is not None
    blurred = cv2.blur(picture.pixels, (5, 5)).astype(float)
    assert np.corrcoef(blurred.ravel(), picture.pixels.astype(float).ravel())[0, 1] > 0.75
