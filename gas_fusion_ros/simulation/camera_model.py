"""What a thermal camera makes of the temperatures in front of it: lens, shutter, detector.

An uncooled camera sees its scene through a lens that blurs and darkens the corners, and compares it with its
own closed shutter: what has drifted since then stays as an offset, a soft shade, and bands along columns and
rows. The noise of each pixel (NETD) and its dead pixels come on top.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
import numpy.typing as npt

from gas_fusion_ros.simulation.warm_objects import Frame

DEAD_PIXEL_K = 15.0
"""How far a dead pixel stands from its frame's mean."""

_BAND_ROWS = 12
"""Rows over which the slow part of the row bands changes."""
_BAND_PARTS = 3
"""Places along a row between which it does."""


@dataclass(frozen=True)
class CameraModel:
    """One camera at one moment.

    Attributes:
        width: columns of the detector, pixels.
        height: rows of the detector, pixels.
        blur: standard deviation of the lens's blur, as a share of the frame's width.
        vignetting_k: how much warmer than the middle the corners seem, K; below 0 colder.
        shutter_offset_k: by how much all has drifted since the shutter closed, K.
        shade_k: standard deviation of the soft shade that has come since, K.
        column_k: standard deviation of the columns' offsets, K.
        row_k: standard deviation of the rows' offsets, half of it slow bands, K.
        netd_k: temporal noise, standard deviation, K.
        smoothing: standard deviation of the camera's own noise filter, pixels; 0 is none.
        dead_share: share of pixels that are dead.
    """

    width: int
    height: int
    blur: float
    vignetting_k: float
    shutter_offset_k: float
    shade_k: float
    column_k: float
    row_k: float
    netd_k: float
    smoothing: float
    dead_share: float


def expose(temperatures: Frame, camera: CameraModel, rng: np.random.Generator) -> Frame:
    """Return what a camera measures of temperatures.

    Args:
        temperatures: degC, shape (H, W).
        camera: the camera.
        rng: draws pattern and noise.

    Returns:
        degC, shape (camera.height, camera.width).
    """
    frame = through_lens(temperatures, camera)
    frame += np.float32(camera.vignetting_k) * _corners(camera.height, camera.width)
    frame += np.float32(camera.shutter_offset_k)
    frame += np.float32(camera.shade_k) * _soft(rng, (4, 5), frame.shape)
    frame += _bands(camera, rng)
    noise = np.float32(camera.netd_k) * rng.standard_normal(frame.shape, dtype=np.float32)
    frame += noise
    _kill_pixels(frame, camera.dead_share, rng)
    if camera.smoothing > 0.0:
        frame = np.asarray(cv2.GaussianBlur(frame, (0, 0), camera.smoothing), dtype=np.float32)
    return frame


def through_lens(temperatures: Frame, camera: CameraModel) -> Frame:
    """Return what the lens throws on the detector of a scene, shape (H, W), alone."""
    deviation = camera.blur * temperatures.shape[1]
    seen = cv2.GaussianBlur(temperatures, (0, 0), deviation) if deviation > 0.2 else temperatures
    shape = (camera.height, camera.width)
    if temperatures.shape == shape:
        return np.array(seen, dtype=np.float32)
    shrinks = camera.width < temperatures.shape[1]
    method = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(seen, shape[::-1], interpolation=method), dtype=np.float32)


@lru_cache(maxsize=8)
def _corners(height: int, width: int) -> Frame:
    """Return the squared distance from the middle, 0 there and 1 in the corners."""
    down = np.linspace(-1.0, 1.0, height, dtype=np.float32)[:, np.newaxis]
    across = np.linspace(-1.0, 1.0, width, dtype=np.float32)
    return np.asarray((down**2 + across**2) / 2, dtype=np.float32)


def _bands(camera: CameraModel, rng: np.random.Generator) -> Frame:
    columns = np.float32(camera.column_k) * rng.standard_normal((1, camera.width), dtype=np.float32)
    fine = rng.standard_normal((camera.height, 1), dtype=np.float32)
    slow = _soft(rng, (max(2, camera.height // _BAND_ROWS), _BAND_PARTS), (camera.height, camera.width))
    return columns + np.float32(camera.row_k * np.sqrt(0.5)) * (fine + slow)


def _soft(rng: np.random.Generator, knots: tuple[int, int], shape: tuple[int, ...]) -> Frame:
    """Draw a soft field of deviation about 1 through a few knots."""
    drawn = rng.standard_normal(knots, dtype=np.float32)
    return np.asarray(
        cv2.resize(drawn, shape[::-1], interpolation=cv2.INTER_CUBIC), dtype=np.float32
    ).reshape(shape)


def _kill_pixels(frame: Frame, share: float, rng: np.random.Generator) -> None:
    count = int(rng.binomial(frame.size, share))
    if not count:
        return
    where: npt.NDArray[np.int64] = rng.integers(frame.size, size=count)
    signs = rng.choice(np.array([-1.0, 1.0], dtype=np.float32), size=count)
    frame.reshape(-1)[where] = frame.mean() + np.float32(DEAD_PIXEL_K) * signs
