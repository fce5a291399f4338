"""Images of raw counts on a topic are read as their camera made them, and others handed on untouched."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from made_bags import image

from gas_fusion_ros.drivers.thermal.raw_frames import RawReader, RawSettings
from gas_fusion_ros.pipeline import frame_decoder
from gas_fusion_ros.pipeline.frame_decoder import FrameDecoder
from gas_fusion_ros.ros.messages import MessageError

RAMP = np.add.outer(np.arange(120) * 3, np.arange(160) * 2)
COUNTS = (29_000 + RAMP).astype(np.uint16)


def message(pixels: npt.NDArray[Any], encoding: str = "16UC1") -> Any:
    return image(1, pixels, encoding).message


def test_telemetry_is_cut_from_a_leptons_images() -> None:
    telemetry = np.random.default_rng(0).integers(0, 65536, (2, 160)).astype(np.uint16)
    decoder = FrameDecoder(RawSettings())
    for _ in range(3):
        frame = decoder.decode(message(np.vstack([COUNTS, telemetry])))
        assert frame.encoding == "mono16"
        np.testing.assert_array_equal(frame.pixels, COUNTS)
    assert decoder.doubt == ""


def test_images_of_another_scale_become_temperatures() -> None:
    frame = FrameDecoder(RawSettings()).decode(message((18_700 + RAMP).astype(np.uint16)))
    assert frame.encoding == "32FC1"
    assert float(frame.pixels[0, 0]) == pytest.approx(18_700 / 64 - 273.15, abs=0.01)


def test_noise_is_a_named_problem_and_those_that_follow_go_on() -> None:
    decoder = FrameDecoder(RawSettings())
    noise = np.random.default_rng(0).integers(0, 65536, (120, 160)).astype(np.uint16)
    with pytest.raises(MessageError) as refused:
        decoder.decode(message(noise))
    assert refused.value.cause == "raw_noise"
    np.testing.assert_array_equal(decoder.decode(message(COUNTS)).pixels, COUNTS)


def test_a_shutters_frame_is_no_picture_and_is_taken_off_those_that_follow() -> None:
    rng = np.random.default_rng(0)
    pattern = rng.integers(5000, 9000, (156, 208))
    pattern[rng.random(pattern.shape) < 0.05] = 0
    scene = np.where(pattern > 0, np.arange(208) * 2, 0)
    frames = [pattern.astype(np.uint16), (pattern + scene).astype(np.uint16)]
    frames[0][0, 10], frames[1][0, 10] = 1, 3
    decoder = FrameDecoder(RawSettings())
    with pytest.raises(MessageError, match="closed shutter"):
        decoder.decode(message(frames[0]))
    seen = decoder.decode(message(frames[1])).pixels.astype(float)
    assert np.corrcoef(seen.ravel(), np.tile(np.arange(206) * 2.0, 156))[0, 1] > 0.99


def test_counts_without_a_unit_are_handed_on_and_asked_for_once_known_silent() -> None:
    counts = (7000 + RAMP).astype(np.uint16)
    decoder = FrameDecoder(RawSettings())
    np.testing.assert_array_equal(decoder.decode(message(counts)).pixels, counts)
    assert "of no unmistakable unit" in decoder.doubt
    decoder = FrameDecoder(RawSettings(profile="raw14"))
    decoder.decode(message(counts))
    assert decoder.doubt == ""


@pytest.mark.parametrize(
    ("pixels", "encoding"),
    [(COUNTS, "mono16"), (RAMP.astype(np.float32), "32FC1"), (RAMP.astype(np.uint8), "mono8")],
)
def test_what_needs_nothing_is_looked_at_seldom(
    pixels: npt.NDArray[Any], encoding: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked = []
    read = RawReader.read
    monkeypatch.setattr(RawReader, "read", lambda self, frame: looked.append(1) or read(self, frame))
    decoder = FrameDecoder(RawSettings())
    for _ in range(200):
        np.testing.assert_array_equal(decoder.decode(message(pixels, encoding)).pixels, pixels)
    assert len(looked) == (1 if encoding == "mono16" else 0)


def test_pixels_of_an_image_that_no_reading_takes_are_never_made(monkeypatch: pytest.MonkeyPatch) -> None:
    decoder = FrameDecoder(RawSettings(), offset_ns=5)
    decoder.decode(message(COUNTS))  # counts are looked at first
    made: list[Any] = []
    decode = frame_decoder.decode_frame
    monkeypatch.setattr(frame_decoder, "decode_frame", lambda msg: made.append(msg) or decode(msg))
    pending = [decoder.take(message(COUNTS + at)) for at in range(3)]
    assert made == []
    assert [one.stamp_ns for one in pending] == [6, 6, 6]
    np.testing.assert_array_equal(pending[1].frame.pixels, COUNTS + 1)
    assert pending[1].frame.stamp_ns == 6
    assert len(made) == 1


def test_a_broken_image_is_refused_as_it_comes_though_no_reading_takes_it() -> None:
    broken = message(COUNTS)
    broken.data = broken.data[:-1]
    decoder = FrameDecoder(RawSettings())
    decoder.decode(message(COUNTS))
    with pytest.raises(MessageError) as refused:
        decoder.take(broken)
    assert refused.value.cause == "image_truncated"
