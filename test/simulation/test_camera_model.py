"""A camera adds what its model says, and no more."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from gas_fusion_ros.simulation.camera_model import DEAD_PIXEL_K, CameraModel, expose
from gas_fusion_ros.simulation.warm_objects import Frame

PERFECT = CameraModel(
    width=206,
    height=156,
    blur=0.0,
    vignetting_k=0.0,
    shutter_offset_k=0.0,
    shade_k=0.0,
    column_k=0.0,
    row_k=0.0,
    netd_k=0.0,
    smoothing=0.0,
    dead_share=0.0,
)


def wall() -> Frame:
    return np.full((156, 206), 20.0, dtype=np.float32)


def edge() -> Frame:
    frame = wall()
    frame[:, 103:] = 30.0
    return frame


def seen(camera: CameraModel, frame: Frame | None = None) -> Frame:
    return expose(wall() if frame is None else frame, camera, np.random.default_rng(0))


def test_a_perfect_camera_changes_nothing_and_keeps_what_it_was_given() -> None:
    frame = edge()
    np.testing.assert_array_equal(seen(PERFECT, frame), edge())
    seen(replace(PERFECT, netd_k=1.0, dead_share=0.1), frame)
    np.testing.assert_array_equal(frame, edge())


def test_noise_is_the_netd() -> None:
    assert seen(replace(PERFECT, netd_k=0.2)).std() == pytest.approx(0.2, rel=0.02)


def test_smoothing_takes_noise_away() -> None:
    noisy = replace(PERFECT, netd_k=0.2)
    assert seen(replace(noisy, smoothing=1.0)).std() < 0.5 * seen(noisy).std()


def test_column_bands_are_constant_down_each_column() -> None:
    bands = seen(replace(PERFECT, column_k=0.1)) - 20.0
    assert np.ptp(bands, axis=0).max() < 1e-4
    assert bands[0].std() == pytest.approx(0.1, rel=0.15)


def test_row_bands_hardly_change_from_pixel_to_pixel_along_a_row() -> None:
    bands = seen(replace(PERFECT, row_k=0.1)) - 20.0
    along, across = (np.abs(np.diff(bands, axis=axis)).mean() for axis in (1, 0))
    assert along < 0.05 * across
    assert bands[:, 0].std() == pytest.approx(0.1, rel=0.4)


def test_the_lens_spreads_an_edge() -> None:
    sharp, soft = (np.abs(np.diff(seen(camera, edge())[70])).max() for camera in (PERFECT, BLURRED))
    assert soft < 0.3 * sharp


BLURRED = replace(PERFECT, blur=0.01)


def test_corners_seem_warmer_by_the_vignetting_and_the_middle_as_it_is() -> None:
    frame = seen(replace(PERFECT, vignetting_k=1.5))
    assert frame[0, 0] == pytest.approx(21.5, abs=0.01)
    assert frame[78, 103] == pytest.approx(20.0, abs=0.01)


def test_all_drifts_by_the_shutter_offset() -> None:
    np.testing.assert_allclose(seen(replace(PERFECT, shutter_offset_k=-1.0)), 19.0)


def test_dead_pixels_stand_out_in_the_share_asked_for() -> None:
    frame = seen(replace(PERFECT, dead_share=0.01))
    dead = np.abs(frame - 20.0) > 0.9 * DEAD_PIXEL_K
    assert dead.mean() == pytest.approx(0.01, rel=0.3)
    assert np.all(frame[~dead] == 20.0)


@pytest.mark.parametrize(("width", "height"), [(32, 24), (160, 120), (320, 240)])
def test_a_detector_of_another_size_sees_the_same_scene(width: int, height: int) -> None:
    frame = seen(replace(PERFECT, width=width, height=height), edge())
    assert frame.shape == (height, width)
    assert (frame[0, 0], frame[0, -1]) == (20.0, 30.0)
    assert frame.mean() == pytest.approx(25.0, abs=0.1)
