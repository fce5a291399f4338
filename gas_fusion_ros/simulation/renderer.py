"""Thermal frames of a pipeline, with and without a gas plume, as temperatures.

A long-wave camera sees a plume where the gas or what it carries differs in temperature from what
stands behind it. How each situation looks is **assumed**, not measured; the few published
screenshots of MultimodalGasData gave the flavour:

- Smoke: warm, opaque and soft; rises, meanders, and hides what stands behind it.
- Perfume: a spray that evaporates: a cone of fine droplets cooler than the background, half
  transparent, pointing sideways and falling a little.
- Mixture: both at once: a warm opaque core inside a cooler fringe of droplets.
- NoGas: neither. Lamps, motors, people, and warm or damp patches stand in frames of every class.

About one gas scene in five shows its plume barely or not at all, so that a network cannot rely on
the picture alone. The camera is the data set's: 206 x 156 pixels, 36 degrees field of view, -40 to
330 degC, with a NETD of 0.07 K and the fixed pattern of an uncooled array.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import cv2
import numpy as np

from gas_fusion_ros.base.observation import CLEAN_AIR, PAPER_CLASSES
from gas_fusion_ros.simulation.warm_objects import Frame, ObjectKind, WarmObject, add_object

WIDTH, HEIGHT = 206, 156
FIELD_OF_VIEW_DEG = 36.0
TEMPERATURE_RANGE = (-40.0, 330.0)
"""What the camera can measure, degC."""
NETD_K = 0.07
HIDDEN_SHARE = 0.10
"""Share of random gas scenes whose plume is out of view."""
FAINT_SHARE = 0.10
"""Share of random gas scenes whose plume is barely in view."""

_TILE = 512
_CAMERAS = 64

_COLUMNS, _ROWS = np.meshgrid(
    np.arange(WIDTH, dtype=np.float32), np.arange(HEIGHT, dtype=np.float32), indexing="xy"
)


@dataclass(frozen=True)
class Camera:
    """One camera's imperfections.

    Attributes:
        serial: which fixed pattern it has.
        netd_k: temporal noise, standard deviation, K.
        pattern_k: scale of the fixed pattern (columns, rows, pixels, shading), K.
    """

    serial: int = 0
    netd_k: float = NETD_K
    pattern_k: float = 0.06


@dataclass(frozen=True)
class Background:
    """The wall or ground behind everything.

    Attributes:
        ambient_c: mean temperature, degC.
        gradient_k: change across the frame's width and height, K.
        texture_k: standard deviation of its low-frequency texture, K.
        texture_offset: where the texture is cut out, pixels (x, y).
        clutter_k: standard deviation of what is finer than that: leaves, rubble, K.
    """

    ambient_c: float
    gradient_k: tuple[float, float]
    texture_k: float
    texture_offset: tuple[int, int]
    clutter_k: float = 0.0


@dataclass(frozen=True)
class Pipe:
    """A straight pipe through (x, y), pixels, at an angle in radians (0 = level).

    `contrast_k` is its temperature above the ambient one, K.
    """

    x: float
    y: float
    angle: float
    radius: float
    contrast_k: float


@dataclass(frozen=True)
class PlumeView:
    """A plume as the camera sees it.

    Attributes:
        gas: its class.
        x: column of its source, pixels; may lie outside of the frame.
        y: row of its source, pixels.
        direction: where it goes, radians; 0 right, negative up.
        half_angle: half its opening angle, radians.
        length: distance over which it thins out to 1/e, pixels.
        warm_k: temperature of smoke above the ambient one, K.
        cold_k: temperature of droplets below the ambient one, K.
        strength: 0 (nothing) to 1 (dense).
        offset: where its turbulence is cut out, pixels (x, y).
        age_s: moves the turbulence along, seconds.
        nozzle: half its width at the source, pixels.
        turbulence: how ragged it is: 0 (an even mist) to 1.
    """

    gas: str
    x: float
    y: float
    direction: float
    half_angle: float
    length: float
    warm_k: float
    cold_k: float
    strength: float
    offset: tuple[int, int] = (0, 0)
    age_s: float = 0.0
    nozzle: float = 3.0
    turbulence: float = 1.0


@dataclass(frozen=True)
class Scene:
    """Everything in one frame; `plume` is None in clean air and where the plume is out of view.

    `further_plumes` are behind it.
    """

    background: Background
    pipe: Pipe
    objects: tuple[WarmObject, ...]
    plume: PlumeView | None
    camera: Camera
    further_plumes: tuple[PlumeView, ...] = ()


def random_scene(gas: str, rng: np.random.Generator) -> Scene:
    """Draw a scene of class `gas`.

    Raises:
        ValueError: `gas` is none of the paper's classes.
    """
    if gas not in PAPER_CLASSES:
        raise ValueError(f"gas {gas!r} is unknown: use one of {', '.join(PAPER_CLASSES)}")
    pipe = random_pipe(rng)
    return Scene(
        background=random_background(rng),
        pipe=pipe,
        objects=random_objects(rng),
        plume=None if gas == CLEAN_AIR else _random_visibility(random_plume(gas, pipe, rng), rng),
        camera=random_camera(rng),
    )


def random_camera(rng: np.random.Generator) -> Camera:
    """Draw one of 64 cameras."""
    return Camera(serial=int(rng.integers(_CAMERAS)), pattern_k=float(rng.uniform(0.03, 0.10)))


def random_background(rng: np.random.Generator) -> Background:
    """Draw a background between 12 and 32 degC."""
    return Background(
        ambient_c=float(rng.uniform(12.0, 32.0)),
        gradient_k=(float(rng.normal(0.0, 0.8)), float(rng.normal(0.0, 0.8))),
        texture_k=float(rng.uniform(0.1, 0.6)),
        texture_offset=_random_offset(rng),
    )


def random_pipe(rng: np.random.Generator) -> Pipe:
    """Draw a pipe, a little warmer or colder than its surroundings."""
    contrast = rng.uniform(0.8, 5.0) * rng.choice((-1.0, 1.0))
    return Pipe(
        x=WIDTH / 2,
        y=float(rng.uniform(0.4, 0.85) * HEIGHT),
        angle=float(rng.normal(0.0, 0.25)),
        radius=float(rng.uniform(7.0, 20.0)),
        contrast_k=float(contrast),
    )


def random_objects(rng: np.random.Generator) -> tuple[WarmObject, ...]:
    """Draw up to three warm things and up to two patches, anywhere in the frame."""
    kinds = [
        (ObjectKind.LAMP, ObjectKind.MOTOR, ObjectKind.PERSON)[rng.integers(3)]
        for _ in range(rng.integers(4))
    ]
    kinds += [ObjectKind.PATCH] * int(rng.integers(3))
    return tuple(random_object(kind, float(rng.uniform(0.0, WIDTH)), rng) for kind in kinds)


def random_object(kind: ObjectKind, x: float, rng: np.random.Generator) -> WarmObject:
    """Draw an object of a kind at column `x`."""
    if kind is ObjectKind.LAMP:
        size = rng.uniform(2.0, 7.0)
        shape, contrast = (size, size * rng.uniform(0.6, 1.6)), rng.uniform(8.0, 60.0)
    elif kind is ObjectKind.MOTOR:
        shape, contrast = (rng.uniform(7.0, 18.0), rng.uniform(6.0, 14.0)), rng.uniform(3.0, 20.0)
    elif kind is ObjectKind.PERSON:
        size = rng.uniform(7.0, 13.0)
        shape, contrast = (size, size * rng.uniform(2.2, 3.2)), rng.uniform(3.0, 9.0)
    else:
        shape = (rng.uniform(15.0, 50.0), rng.uniform(12.0, 40.0))
        contrast = rng.uniform(0.4, 2.0) * rng.choice((-1.0, 1.0))
    y = float(rng.uniform(0.0, HEIGHT))
    return WarmObject(kind, x, y, float(shape[0]), float(shape[1]), float(contrast))


def random_plume(gas: str, pipe: Pipe, rng: np.random.Generator) -> PlumeView:
    """Draw a plume of `gas` in full view, with its source on the pipe."""
    x = float(rng.uniform(0.15, 0.85) * WIDTH)
    if gas == "Smoke":
        direction, half_angle = rng.normal(-math.pi / 2, 0.3), rng.uniform(0.16, 0.34)
    else:
        side = 0.0 if rng.random() < 0.5 else -math.pi
        direction, half_angle = side + rng.normal(0.0, 0.6), rng.uniform(0.22, 0.42)
    if gas == "Mixture":
        direction = -math.pi / 2 + rng.normal(0.0, 0.6)
    return PlumeView(
        gas=gas,
        x=x,
        y=pipe.y + (x - pipe.x) * math.tan(pipe.angle),
        direction=float(direction),
        half_angle=float(half_angle),
        length=float(rng.uniform(60.0, 150.0)),
        warm_k=float(rng.uniform(2.0, 7.0)),
        cold_k=float(rng.uniform(1.5, 5.0)),
        strength=float(rng.uniform(0.5, 1.0)),
        offset=_random_offset(rng),
        age_s=float(rng.uniform(0.0, 100.0)),
    )


def render(scene: Scene, rng: np.random.Generator) -> Frame:
    """Render one frame; `rng` draws the temporal noise only.

    Returns:
        shape (156, 206), float32, degC.
    """
    frame = scene_temperatures(scene)
    frame += scene.camera.pattern_k * _fixed_pattern(scene.camera.serial)
    frame += np.float32(scene.camera.netd_k) * rng.standard_normal((HEIGHT, WIDTH), dtype=np.float32)
    return np.clip(frame, *TEMPERATURE_RANGE, out=frame)


def scene_temperatures(scene: Scene) -> Frame:
    """Return what a scene looks like before a detector sees it: no noise, no pattern, no limits.

    Returns:
        shape (156, 206), float32, degC.
    """
    frame = _background(scene.background)
    _add_pipe(frame, scene.pipe)
    for thing in scene.objects:
        add_object(frame, thing, scene.background.ambient_c)
    # The lens: edges spread over about two pixels.
    cv2.GaussianBlur(frame, (3, 3), 0.8, dst=frame)
    plumes = scene.further_plumes if scene.plume is None else (*scene.further_plumes, scene.plume)
    add_plumes(frame, plumes, scene.background.ambient_c)
    return frame


def add_plumes(frame: Frame, plumes: Sequence[PlumeView], ambient_c: float) -> None:
    """Draw plumes into a frame, shape (156, 206), degC, the last one in front."""
    for plume in plumes:
        if plume.strength > 0.0:
            _add_plume(frame, plume, ambient_c)


def _random_offset(rng: np.random.Generator) -> tuple[int, int]:
    return int(rng.integers(_TILE)), int(rng.integers(_TILE))


def _random_visibility(plume: PlumeView, rng: np.random.Generator) -> PlumeView | None:
    draw = rng.random()
    if draw < HIDDEN_SHARE:
        return None
    if draw < HIDDEN_SHARE + FAINT_SHARE:
        return replace(plume, strength=float(rng.uniform(0.03, 0.2)))
    return plume


def _background(background: Background) -> Frame:
    across, down = background.gradient_k
    texture = _cut(_soft_noise(), *background.texture_offset)
    frame = np.float32(background.texture_k) * texture
    if background.clutter_k > 0.0:
        frame += np.float32(background.clutter_k) * _cut(_billow_noise(), *background.texture_offset)
    frame += (_COLUMNS[0] / WIDTH - 0.5) * np.float32(across) + np.float32(background.ambient_c)
    frame += (_ROWS[:, :1] / HEIGHT - 0.5) * np.float32(down)
    return frame


def _add_pipe(frame: Frame, pipe: Pipe) -> None:
    """Shade a cylinder: the rim, seen at a grazing angle, shows less of its own temperature."""
    distance = (_ROWS - pipe.y) * math.cos(pipe.angle) - (_COLUMNS - pipe.x) * math.sin(pipe.angle)
    profile = 1.0 - np.square(distance / np.float32(pipe.radius))
    np.maximum(profile, 0.0, out=profile)
    np.sqrt(profile, out=profile)
    frame += np.float32(pipe.contrast_k) * profile


def _add_plume(frame: Frame, plume: PlumeView, ambient_c: float) -> None:
    if plume.gas == "Smoke":
        _add_smoke(frame, plume, ambient_c)
    elif plume.gas == "Perfume":
        _add_droplets(frame, plume)
    else:
        _add_droplets(frame, replace(plume, half_angle=1.5 * plume.half_angle))
        _add_smoke(frame, replace(plume, half_angle=0.45 * plume.half_angle), ambient_c)


def _plume_axes(plume: PlumeView) -> tuple[Frame, Frame]:
    """Return each pixel's distance along and across the plume's axis, pixels."""
    cosine, sine = np.float32(math.cos(plume.direction)), np.float32(math.sin(plume.direction))
    right, down = _COLUMNS[:1] - np.float32(plume.x), _ROWS[:, :1] - np.float32(plume.y)
    return cosine * right + sine * down, cosine * down - sine * right


def _cone(plume: PlumeView, along: Frame, across: Frame) -> Frame:
    """Return a Gaussian cone's density, 0..1, thinning out with the distance from the source."""
    nozzle = np.float32(plume.nozzle)
    forward = np.maximum(along, 0.0)
    width = nozzle + np.float32(math.tan(plume.half_angle)) * forward
    density = np.square(across / width)
    density *= -0.5
    density -= forward / np.float32(plume.length)
    np.exp(density, out=density)
    density *= np.clip(along / nozzle + 1.0, 0.0, 1.0)
    return density


def _add_smoke(frame: Frame, plume: PlumeView, ambient_c: float) -> None:
    along, across = _plume_axes(plume)
    meander = _advected(_soft_noise(), plume, speed=14.0)
    across += np.float32(0.12 * plume.turbulence) * meander * np.maximum(along, 0.0)
    depth = _cone(plume, along, across)
    billows = _advected(_billow_noise(), plume, speed=32.0)
    depth *= np.clip(np.float32(1.0) + np.float32(0.5 * plume.turbulence) * billows, 0.1, 2.0)
    opacity = 1.0 - np.exp(np.float32(-2.5 * plume.strength) * depth)
    frame += opacity * (np.float32(ambient_c + plume.warm_k) - frame)


def _add_droplets(frame: Frame, plume: PlumeView) -> None:
    along, across = _plume_axes(plume)
    depth = _cone(plume, along, across)
    # Puffs of spray, each made of fine droplets.
    billows = np.float32(0.3 * plume.turbulence) * _advected(_billow_noise(), plume, speed=60.0)
    puffs = np.clip(np.float32(0.7) + billows, 0.0, 1.5)
    drops = np.float32(0.6 * plume.turbulence) * _advected(_fine_noise(), plume, speed=90.0)
    droplets = np.clip(np.float32(0.75) + drops, 0.0, 2.5)
    depth *= puffs
    depth *= droplets
    frame -= np.float32(plume.cold_k * plume.strength) * depth


def _advected(noise: Frame, plume: PlumeView, speed: float) -> Frame:
    """Cut the plume's piece out of a noise field that moves along its axis at `speed`, pixels/s."""
    moved = speed * plume.age_s
    x = plume.offset[0] - round(moved * math.cos(plume.direction))
    y = plume.offset[1] - round(moved * math.sin(plume.direction))
    return _cut(noise, x, y)


def _cut(noise: Frame, x: int, y: int) -> Frame:
    x, y = x % _TILE, y % _TILE
    return noise[y : y + HEIGHT, x : x + WIDTH]


def _periodic_noise(seed: int, low: float, high: float) -> Frame:
    """Make noise with wavelengths between `low` and `high` pixels, mean 0, deviation 1.

    It repeats every 512 pixels and is laid out twice each way, so that any cut is one slice.
    """
    spectrum = np.fft.rfft2(np.random.default_rng(seed).standard_normal((_TILE, _TILE)))
    frequency = np.hypot(np.fft.fftfreq(_TILE)[:, None], np.fft.rfftfreq(_TILE)[None, :])
    band = np.where((frequency >= 1.0 / high) & (frequency <= 1.0 / low), 1.0, 0.0)
    # A spectrum falling with frequency, as turbulence and weathered surfaces have.
    field = np.fft.irfft2(spectrum * band / np.maximum(frequency, 1.0 / _TILE) ** 1.5, s=(_TILE, _TILE))
    field /= field.std()
    return np.tile(field.astype(np.float32), (2, 2))


@lru_cache(maxsize=1)
def _soft_noise() -> Frame:
    return _periodic_noise(seed=1, low=24.0, high=256.0)


@lru_cache(maxsize=1)
def _billow_noise() -> Frame:
    return _periodic_noise(seed=2, low=9.0, high=64.0)


@lru_cache(maxsize=1)
def _fine_noise() -> Frame:
    return _periodic_noise(seed=3, low=2.5, high=6.0)


@lru_cache(maxsize=_CAMERAS)
def _fixed_pattern(serial: int) -> Frame:
    """Return one camera's pattern in units of its scale: columns, rows, pixels, corner shading."""
    rng = np.random.default_rng((7, serial))
    radius = np.hypot(_COLUMNS / WIDTH - 0.5, _ROWS / HEIGHT - 0.5)
    pattern = rng.standard_normal((1, WIDTH)) + 0.6 * rng.standard_normal((HEIGHT, 1))
    pattern = pattern + 0.5 * rng.standard_normal((HEIGHT, WIDTH)) + 4.0 * rng.normal() * radius
    return pattern.astype(np.float32)
