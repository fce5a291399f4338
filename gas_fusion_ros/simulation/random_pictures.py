"""Pictures as some thermal camera might take them, of scenes with and without gas: domain randomisation.

A scene is drawn by the renderer, seen by a camera of the settings, and stored as one of its kinds stores it:
as temperatures, as 8-bit grey, or as an app's screenshot. Things that are no gas, some there to mislead,
stand in scenes of every class alike, so that none of them gives the class away.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import Enum
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from gas_fusion_ros.base.observation import CLEAN_AIR, PAPER_CLASSES
from gas_fusion_ros.model.pseudo_colour import without_overlay
from gas_fusion_ros.model.thermal import MIN_SPAN_KELVIN, field_range, to_field
from gas_fusion_ros.simulation.camera_model import CameraModel, expose, through_lens
from gas_fusion_ros.simulation.randomisation import WIDE, Detector, RandomisationSettings, Range
from gas_fusion_ros.simulation.renderer import (
    HEIGHT,
    TEMPERATURE_RANGE,
    WIDTH,
    Background,
    Camera,
    Pipe,
    PlumeView,
    Scene,
    add_plumes,
    scene_temperatures,
)
from gas_fusion_ros.simulation.screenshot import AppStyle, Caption, TemperatureUnit, screenshot
from gas_fusion_ros.simulation.warm_objects import Frame, ObjectKind, WarmObject

_TEXTURE_PERIOD = 512
_TRIES = 8
"""Draws of a plume until one can be seen."""
_NO_PIPE = Pipe(0.0, 0.0, 0.0, 1.0, 0.0)


class Situation(str, Enum):
    """What a scene was made as."""

    FLAT = "flat"
    """A bare wall."""
    CLUTTERED = "cluttered"
    """Whatever may stand around."""
    HOT_MACHINE = "hot machine"
    COLD_CAN = "cold can"
    BREATHING = "breathing"
    POLE = "pole"
    """The last four are there to mislead."""


MISLEADING = (Situation.HOT_MACHINE, Situation.COLD_CAN, Situation.BREATHING, Situation.POLE)


@dataclass(frozen=True)
class RandomPicture:
    """A drawn picture.

    Attributes:
        pixels: as `encoding` has them.
        encoding: `32FC1` (degC), `mono8` or `rgb8` (an app's screenshot).
        gas: its class.
        situation: what stands in it.
        camera: name of the detector.
        plume: what the plume adds to the field that `to_field` makes of the pixels, in its range 0..1, shape
            (H, W) of the same extent: above 0 where it is warmer than what it hides; 0 without one.
        is_seen: whether it can be told from the noise anywhere.
    """

    pixels: npt.NDArray[np.generic]
    encoding: str
    gas: str
    situation: Situation
    camera: str
    plume: Frame
    is_seen: bool


def random_picture(
    gas: str, rng: np.random.Generator, settings: RandomisationSettings = WIDE
) -> RandomPicture:
    """Draw a picture of class `gas`; the same generator and settings draw the same one.

    Raises:
        ValueError: `gas` is none of the paper's classes.
    """
    if gas not in PAPER_CLASSES:
        raise ValueError(f"gas {gas!r} is unknown: use one of {', '.join(PAPER_CLASSES)}")
    detector = settings.detectors[rng.integers(len(settings.detectors))]
    camera = _random_camera(detector, settings, rng)
    situation = _random_situation(settings, rng)
    background = _random_background(situation, settings, rng)
    scene = Scene(
        background=background,
        pipe=_NO_PIPE,
        objects=_random_things(situation, background.ambient_c, settings, rng),
        plume=None,
        camera=Camera(),
    )
    contrast = _contrast(background, camera)
    bare = temperatures = scene_temperatures(scene)
    if gas != CLEAN_AIR and rng.random() >= settings.hidden_share:
        temperatures = _with_plumes(bare, gas, background.ambient_c, contrast, settings, rng)
    added = temperatures - bare
    # Mirrored both ways or one, alike.
    up, left = (slice(None, None, -1 if turned else 1) for turned in rng.random(2) < 0.5)
    frame = expose(np.ascontiguousarray(temperatures[up, left]), camera, rng)
    np.clip(frame, *TEMPERATURE_RANGE, out=frame)
    without = frame - through_lens(np.ascontiguousarray(added[up, left]), camera)
    stored = _stored(frame, without, detector, settings, rng)
    is_seen = np.abs(stored.plume) > max(settings.seen, settings.visible[0] * contrast / stored.span_k / 2)
    return RandomPicture(
        stored.pixels,
        stored.encoding,
        gas,
        situation,
        detector.name,
        stored.plume,
        bool(is_seen.mean() > settings.seen_area),
    )


@dataclass(frozen=True)
class _Stored:
    """A picture as some camera or app stores it.

    Attributes:
        pixels: as of `RandomPicture`.
        encoding: likewise.
        plume: likewise.
        span_k: the range over which `to_field` stretches it, K.
    """

    pixels: npt.NDArray[np.generic]
    encoding: str
    plume: Frame
    span_k: float


def _even(rng: np.random.Generator, limits: Range) -> float:
    return float(rng.uniform(*limits))


def _log(rng: np.random.Generator, limits: Range) -> float:
    """Draw evenly by the logarithm."""
    return math.exp(rng.uniform(math.log(limits[0]), math.log(limits[1])))


def _sign(rng: np.random.Generator) -> float:
    return 1.0 if rng.random() < 0.5 else -1.0


def _angle(rng: np.random.Generator) -> float:
    return float(rng.uniform(-math.pi, math.pi))


def _place(rng: np.random.Generator) -> tuple[float, float]:
    return float(rng.uniform(0.0, WIDTH)), float(rng.uniform(0.0, HEIGHT))


def _edge(rng: np.random.Generator) -> tuple[float, float, float]:
    """Draw a place on the frame's edge, x, y, and the direction into the frame from there, radians."""
    x, y = _place(rng)
    side = rng.integers(4)
    x, y = ((0.0, y), (WIDTH - 1.0, y), (x, 0.0), (x, HEIGHT - 1.0))[side]
    inwards = math.atan2(HEIGHT / 2 - y, WIDTH / 2 - x)
    return x, y, inwards + float(rng.normal(0.0, 0.4))


def _random_camera(
    detector: Detector, settings: RandomisationSettings, rng: np.random.Generator
) -> CameraModel:
    has_bands, is_smooth, has_dead = (
        rng.random() < share for share in (0.75, settings.smoothing_share, 0.25)
    )
    return CameraModel(
        width=detector.width,
        height=detector.height,
        blur=_even(rng, settings.blur),
        vignetting_k=_even(rng, settings.vignetting_k) * float(rng.random() < 0.5),
        shutter_offset_k=_even(rng, settings.shutter_offset_k),
        shade_k=_even(rng, settings.shade_k),
        column_k=_log(rng, settings.band_k) * float(has_bands),
        row_k=_log(rng, settings.band_k) * float(has_bands),
        netd_k=_even(rng, detector.netd_k),
        smoothing=_even(rng, settings.smoothing) if is_smooth else 0.0,
        dead_share=_even(rng, settings.dead_share) * float(has_dead),
    )


def _random_situation(settings: RandomisationSettings, rng: np.random.Generator) -> Situation:
    # The same for every class: what stands there must not tell whether there is gas.
    if rng.random() < settings.flat_share:
        return Situation.FLAT
    if rng.random() < settings.suspicious_share:
        return MISLEADING[rng.integers(len(MISLEADING))]
    return Situation.CLUTTERED


def _random_background(
    situation: Situation, settings: RandomisationSettings, rng: np.random.Generator
) -> Background:
    is_flat = situation is Situation.FLAT
    contrast = _log(rng, settings.flat_k if is_flat else settings.background_k)
    # How the contrast is shared out among slope, soft texture and clutter.
    slope, texture, clutter = np.sqrt(rng.dirichlet((1.0, 0.4, 0.4)))
    towards = _angle(rng)
    return Background(
        ambient_c=_even(rng, settings.ambient_c),
        # A slope of 1 has a standard deviation of 0.29.
        gradient_k=(
            float(3.5 * contrast * slope * math.cos(towards)),
            float(3.5 * contrast * slope * math.sin(towards)),
        ),
        texture_k=float(contrast * texture),
        texture_offset=_random_offset(rng),
        clutter_k=float(contrast * clutter) * float(not is_flat and rng.random() < 0.3),
    )


def _contrast(background: Background, camera: CameraModel) -> float:
    """Return what a plume has to stand out against: standard deviation of background and bands, K."""
    slope = math.hypot(*background.gradient_k) / 3.5
    parts = (slope, background.texture_k, background.clutter_k, camera.row_k, camera.column_k, camera.netd_k)
    return math.hypot(*parts)


def _random_offset(rng: np.random.Generator) -> tuple[int, int]:
    return int(rng.integers(_TEXTURE_PERIOD)), int(rng.integers(_TEXTURE_PERIOD))


def _random_things(
    situation: Situation, ambient_c: float, settings: RandomisationSettings, rng: np.random.Generator
) -> tuple[WarmObject, ...]:
    if situation is Situation.FLAT:
        return ()
    things = []
    kinds = list(_DRAWN_KINDS)
    for _ in range(rng.integers(settings.objects[0], settings.objects[1] + 1)):
        things.append(_random_thing(kinds[rng.integers(len(kinds))], ambient_c, settings, rng))
    if situation is Situation.HOT_MACHINE:
        things.append(_random_thing(ObjectKind.MACHINE, ambient_c, settings, rng))
    elif situation is Situation.COLD_CAN:
        things += _can_in_a_hand(ambient_c, settings, rng)
    elif situation is Situation.BREATHING:
        things += _breathing(ambient_c, settings, rng)
    elif situation is Situation.POLE:
        things.append(_random_thing(ObjectKind.BEAM, ambient_c, settings, rng))
    return tuple(things)


_DRAWN_KINDS = (
    ObjectKind.LAMP,
    ObjectKind.PERSON,
    ObjectKind.PATCH,
    ObjectKind.HAND,
    ObjectKind.FACE,
    ObjectKind.CAN,
    ObjectKind.MACHINE,
    ObjectKind.BEAM,
)


def _random_thing(
    kind: ObjectKind, ambient_c: float, settings: RandomisationSettings, rng: np.random.Generator
) -> WarmObject:
    x, y = _place(rng)
    angle, size = _angle(rng), _log(rng, (5.0, 45.0))
    longer = float(rng.uniform(1.0, 2.5))
    if kind is ObjectKind.LAMP:
        return WarmObject(kind, x, y, size / 3, size * longer / 3, _hot_k(settings.lamp_c, ambient_c, rng))
    if kind is ObjectKind.PATCH:
        return WarmObject(kind, x, y, size, size * longer, _log(rng, settings.beam_k) * _sign(rng) / 3)
    if kind is ObjectKind.PERSON:
        return WarmObject(kind, x, y, size / 2, size * longer / 2, _skin_k(ambient_c, settings, rng))
    if kind is ObjectKind.HAND:
        x, y, angle = _edge(rng)
        return WarmObject(kind, x, y, size * 0.7, size * 0.85, _skin_k(ambient_c, settings, rng), angle)
    if kind is ObjectKind.FACE:
        return WarmObject(kind, x, y, size * 1.2, size * 1.6, _skin_k(ambient_c, settings, rng), angle)
    if kind is ObjectKind.CAN:
        return WarmObject(kind, x, y, size / 4, size / 4 + size * longer / 4, _can_k(settings, rng), angle)
    if kind is ObjectKind.MACHINE:
        x, y, angle = _edge(rng)
        contrast = _hot_k(settings.machine_c, ambient_c, rng)
        return WarmObject(kind, x, y, size * 0.6, size * 0.6 * longer, contrast, angle)
    contrast = _log(rng, settings.beam_k) * _sign(rng)
    return WarmObject(kind, x, y, size * _log(rng, (0.15, 1.5)), size * 1.5 * longer, contrast, angle)


def _hot_k(celsius: Range, ambient_c: float, rng: np.random.Generator) -> float:
    """Draw how much warmer than ambient something hot and painted seems, K."""
    least = max(celsius[0] - ambient_c, 1.0)
    return 0.93 * _log(rng, (least, max(celsius[1] - ambient_c, least)))


def _skin_k(ambient_c: float, settings: RandomisationSettings, rng: np.random.Generator) -> float:
    return settings.skin_emissivity * (_even(rng, settings.skin_c) - ambient_c)


def _can_k(settings: RandomisationSettings, rng: np.random.Generator) -> float:
    is_bare = rng.random() < 0.5
    emissivity = _even(rng, settings.metal_emissivity if is_bare else settings.painted_emissivity)
    return -emissivity * _even(rng, settings.cold_can_k)


def _can_in_a_hand(
    ambient_c: float, settings: RandomisationSettings, rng: np.random.Generator
) -> list[WarmObject]:
    hand = _random_thing(ObjectKind.HAND, ambient_c, settings, rng)
    reach = 0.9 * hand.half_height
    x, y = hand.x + reach * math.cos(hand.angle), hand.y + reach * math.sin(hand.angle)
    size = hand.half_height * float(rng.uniform(0.8, 1.4))
    turn = hand.angle + _sign(rng) * float(rng.uniform(0.8, 2.0))
    can = WarmObject(ObjectKind.CAN, x, y, 0.4 * size, size, _can_k(settings, rng), turn)
    return [can, hand] if rng.random() < 0.5 else [hand, can]


def _breathing(
    ambient_c: float, settings: RandomisationSettings, rng: np.random.Generator
) -> list[WarmObject]:
    face = _random_thing(ObjectKind.FACE, ambient_c, settings, rng)
    towards = face.angle + float(rng.normal(0.0, 0.5))
    reach = float(rng.uniform(0.7, 1.6)) * face.half_height
    x, y = face.x + reach * math.cos(towards), face.y + reach * math.sin(towards)
    size = face.half_width * float(rng.uniform(0.3, 0.9))
    return [WarmObject(ObjectKind.PATCH, x, y, size, size, _even(rng, settings.breath_k)), face]


def _with_plumes(
    bare: Frame,
    gas: str,
    ambient_c: float,
    contrast: float,
    settings: RandomisationSettings,
    rng: np.random.Generator,
) -> Frame:
    """Return a scene's temperatures with plumes that can be seen; drawn again where they cannot.

    Args:
        bare: without plumes, degC.
        gas: class of the plumes.
        ambient_c: temperature of the surroundings, degC.
        contrast: of what they have to stand out against, K.
        settings: how they vary.
        rng: draws them.
    """
    seen = bare
    for _ in range(_TRIES):
        seen = bare.copy()
        plumes = _random_plumes(gas, ambient_c, contrast, settings, rng)
        add_plumes(seen, plumes[::-1], ambient_c)
        changed = np.abs(seen[::4, ::4] - bare[::4, ::4]) > 0.5 * settings.visible[0] * contrast
        if changed.mean() >= settings.visible_area:
            break
    return seen


def _random_plumes(
    gas: str, ambient_c: float, contrast: float, settings: RandomisationSettings, rng: np.random.Generator
) -> tuple[PlumeView, ...]:
    is_one = gas != "Mixture" or rng.random() < settings.mixed_share
    parts = (gas,) if is_one else ("Perfume", "Smoke")
    return tuple(_random_plume(part, ambient_c, contrast, settings, rng) for part in parts)


def _random_plume(
    gas: str, ambient_c: float, contrast: float, settings: RandomisationSettings, rng: np.random.Generator
) -> PlumeView:
    x, y, direction = *_place(rng), _angle(rng)
    if rng.random() < settings.outside_share:
        x, y, direction = _edge(rng)
    least = _even(rng, settings.visible) * contrast
    spray_k = max(_log(rng, settings.spray_k), least)
    if rng.random() < settings.hot_smoke_share:
        smoke_k = _even(rng, settings.hot_smoke_c) - ambient_c
    else:
        smoke_k = _log(rng, settings.smoke_k)
    return PlumeView(
        gas=gas,
        x=x,
        y=y,
        direction=direction,
        half_angle=_even(rng, settings.spread),
        length=WIDTH * _log(rng, settings.length),
        warm_k=max(smoke_k, least),
        cold_k=spray_k,
        strength=_even(rng, settings.strength),
        offset=_random_offset(rng),
        age_s=_even(rng, (0.0, 100.0)),
        nozzle=WIDTH * _even(rng, settings.nozzle),
        turbulence=float(rng.random()),
    )


def _stored(
    frame: Frame,
    without: Frame,
    detector: Detector,
    settings: RandomisationSettings,
    rng: np.random.Generator,
) -> _Stored:
    """Return a frame as some camera or app stores it; `without` is the frame without its plume."""
    is_app_sized = (detector.height, detector.width) == (HEIGHT, WIDTH)
    if is_app_sized and rng.random() < settings.screenshot_share:
        limits = _limits(frame, settings, rng)
        shown = np.clip(frame, *limits)
        style = AppStyle(
            list(Caption)[rng.integers(len(Caption))],
            list(TemperatureUnit)[rng.integers(len(TemperatureUnit))],
            _even(rng, settings.least_span_k),
        )
        pixels = _compressed(screenshot(shown, style), settings, rng)
        portrait = cv2.rotate(shown - np.clip(without, *limits), cv2.ROTATE_90_CLOCKWISE)
        added = np.asarray(
            cv2.resize(portrait, (pixels.shape[1] // 2, pixels.shape[0] // 2)), dtype=np.float32
        )
        span_k = max(_span(shown), style.least_span_k)
        return _Stored(pixels, "rgb8", without_overlay(added) / np.float32(span_k), span_k)
    if rng.random() < 0.5:
        frame, without = (np.ascontiguousarray(np.rot90(one)) for one in (frame, without))
    if rng.random() < settings.grey_share:
        limits = _limits(frame, settings, rng)
        shown = np.clip(frame, *limits)
        # The range an app fills is its own: that of `to_field` is near enough.
        grey = np.rint(255 * to_field(shown, "32FC1")).astype(np.uint8)
        grey = _compressed(np.repeat(grey[..., np.newaxis], 3, axis=2), settings, rng)[..., 0]
        span_k = _span(shown)
        return _Stored(grey, "mono8", (shown - np.clip(without, *limits)) / np.float32(span_k), span_k)
    span_k = _span(frame)
    return _Stored(frame, "32FC1", (frame - without) / np.float32(span_k), span_k)


def _span(frame: Frame) -> float:
    """Return the range, K, over which `to_field` stretches temperatures."""
    bulk = field_range(frame, "32FC1")
    return max(bulk.high - bulk.low, MIN_SPAN_KELVIN)


def _limits(frame: Frame, settings: RandomisationSettings, rng: np.random.Generator) -> Range:
    """Draw where an app with a narrow range cuts a frame off, about its median, degC; mostly nowhere."""
    if rng.random() >= settings.clip_share:
        return -math.inf, math.inf
    middle = float(np.median(frame[::4, ::4]))
    below, above = (_even(rng, settings.clip_k) for _ in range(2))
    return middle - below, middle + above


def _compressed(
    pixels: npt.NDArray[np.uint8], settings: RandomisationSettings, rng: np.random.Generator
) -> npt.NDArray[Any]:
    """Return a picture after JPEG, whose blocks stay, or as it is."""
    if rng.random() >= settings.jpeg_share:
        return pixels
    least, most = settings.jpeg_quality
    quality = int(rng.integers(least, most + 1))
    # In OpenCV's order of colours, so that brightness keeps more of its detail than colour.
    encoded = cv2.imencode(".jpg", pixels[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    decoded = np.asarray(cv2.imdecode(encoded, cv2.IMREAD_COLOR), dtype=np.uint8)
    return np.ascontiguousarray(decoded[..., ::-1])
