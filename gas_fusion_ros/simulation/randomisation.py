"""How far randomised thermal scenes vary: domain randomisation, as one set of settings.

Networks for pictures carry over from drawn to real ones where the real ones are one more variation of what
was drawn (Tobin et al. 2017, Domain Randomization for Transferring Deep Neural Networks from Simulation to
the Real World). Every range is wider than what one camera in one room shows; none is fitted to a picture.
Where no source is named, a range is a judgement.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, fields

Range = tuple[float, float]
"""Least and greatest value; even between them unless the setting says log."""


@dataclass(frozen=True)
class Detector:
    """A kind of camera, by its data sheet.

    Attributes:
        name: what it is called.
        width: columns, pixels.
        height: rows, pixels.
        netd_k: noise-equivalent temperature difference, K: the data sheet's, up to that of a fast frame rate,
            a warm camera, or a cold scene.
    """

    name: str
    width: int
    height: int
    netd_k: Range


DETECTORS = (
    # Data sheet of 2018, revision 11: 0.1 K RMS at 1 Hz, 32 x 24; noise grows as the root of the rate.
    Detector("MLX90640", 32, 24, (0.1, 0.4)),
    # Engineering data sheet 500-0659-00-09, revision 203: below 50 mK, 80 x 60 or 160 x 120.
    Detector("Lepton 2.5", 80, 60, (0.03, 0.1)),
    Detector("Lepton 3.5", 160, 120, (0.03, 0.1)),
    # The data set's camera, 206 x 156: 70 mK. A phone's app shows single frames of a warm detector.
    Detector("Seek Compact", 206, 156, (0.05, 0.3)),
)


@dataclass(frozen=True)
class RandomisationSettings:
    """How far randomised scenes vary.

    Objects show `emissivity * (own - ambient)` of their temperature above ambient: the rest they mirror.

    Attributes:
        detectors: the cameras, each as likely as another.
        ambient_c: degC; rooms, halls, and outdoors from frost to a hot day.
        flat_share: share of scenes with a bare wall and nothing else but a plume.
        flat_k: contrast of a bare wall, K, log; together with bands and noise about 2 K.
        background_k: contrast of other backgrounds, K, log: walls to a landscape under a clear sky.
        objects: how many things stand in a scene that is not flat.
        skin_c: degC; face and hands, the hands of a cold day included.
        skin_emissivity: 0.98 in the tables of camera makers.
        cold_can_k: a can that is being emptied, below ambient, K: its liquid boils and draws the heat.
        metal_emissivity: bare aluminium or steel: 0.05 polished to 0.2 as received.
        painted_emissivity: paint, plastics, brick, concrete: 0.9 to 0.96.
        machine_c: degC; motors and boilers to hot pipes, log above ambient.
        lamp_c: degC; lamps, heaters, soldering irons, log above ambient.
        beam_k: poles, gaps, windows, screens, against what is behind, K, log, warmer or colder.
        breath_k: breath in front of a face, K.
        suspicious_share: share of the scenes that are not flat, of every class, with something that misleads:
            a hot machine, a cold can in a hand, somebody breathing, a pole.
        spray_k: droplets that evaporate, below what is behind, K, log: wet-bulb depression of a room up to
            the boiling point of the propellant at the nozzle.
        smoke_k: thin or distant smoke above ambient, K, log.
        hot_smoke_share: share of smoke that is near its source.
        hot_smoke_c: degC; of that.
        strength: density of a plume, 0 nothing to 1 dense.
        spread: half its opening angle, radians: a jet to a cloud.
        length: distance over which it thins out to 1/e, shares of the frame's width, log.
        nozzle: half its width at the source, shares of the frame's width.
        outside_share: share of plumes whose source is out of the frame.
        mixed_share: share of mixtures that are one plume with a warm core; others are two plumes.
        visible: contrast of a plume, in units of its surroundings' (background, bands, noise), at least.
        visible_area: share of the frame in which it has at least half of that, at least.
        hidden_share: share of gas scenes whose plume is not in view.
        seen: what a plume must add to a stretched picture, of its range 0..1, to be seen; at least half
            of `visible` too.
        seen_area: share of the picture in which it must.
        blur: of the lens, standard deviation, shares of the frame's width.
        vignetting_k: corners against the middle, K.
        shutter_offset_k: drift since the shutter closed, K; Lepton closes it each 3 min or 1.5 K.
        shade_k: soft shade since then, standard deviation, K.
        band_k: columns' and rows' offsets, standard deviation, K, log; 0 in one scene of four.
        smoothing_share: share of cameras that filter their noise.
        smoothing: standard deviation of that filter, pixels.
        dead_share: share of pixels that are dead and not replaced, in one camera of four.
        screenshot_share: share of the pictures of the data set's camera that are an app's screenshots.
        grey_share: share of the others that come as 8-bit grey.
        least_span_k: contrast below which an app does not fill its range, K.
        clip_share: share of apps' pictures that are cut off at some K from their median.
        clip_k: where, K.
        jpeg_quality: of pictures an app has stored, percent; of less the colour bar is lost at times.
        jpeg_share: share of apps' pictures that were compressed so.
    """

    detectors: tuple[Detector, ...] = DETECTORS
    ambient_c: Range = (-5.0, 40.0)
    flat_share: float = 0.35
    flat_k: Range = (0.05, 0.6)
    background_k: Range = (0.3, 12.0)
    objects: tuple[int, int] = (0, 6)
    skin_c: Range = (24.0, 36.0)
    skin_emissivity: float = 0.98
    cold_can_k: Range = (1.0, 20.0)
    metal_emissivity: Range = (0.05, 0.2)
    painted_emissivity: Range = (0.9, 0.96)
    machine_c: Range = (45.0, 100.0)
    lamp_c: Range = (40.0, 150.0)
    beam_k: Range = (0.3, 15.0)
    breath_k: Range = (0.3, 3.0)
    suspicious_share: float = 0.6
    spray_k: Range = (0.5, 15.0)
    smoke_k: Range = (0.8, 12.0)
    hot_smoke_share: float = 0.5
    hot_smoke_c: Range = (40.0, 100.0)
    strength: Range = (0.35, 1.0)
    spread: Range = (0.02, 0.35)
    length: Range = (0.4, 4.0)
    nozzle: Range = (0.008, 0.08)
    outside_share: float = 0.5
    mixed_share: float = 0.5
    visible: Range = (2.5, 8.0)
    visible_area: float = 0.05
    hidden_share: float = 0.03
    seen: float = 0.1
    seen_area: float = 0.03
    blur: Range = (0.002, 0.012)
    vignetting_k: Range = (-1.5, 1.5)
    shutter_offset_k: Range = (-2.0, 2.0)
    shade_k: Range = (0.0, 0.3)
    band_k: Range = (0.01, 0.2)
    smoothing_share: float = 0.5
    smoothing: Range = (0.4, 1.2)
    dead_share: Range = (0.0001, 0.001)
    screenshot_share: float = 0.6
    grey_share: float = 0.4
    least_span_k: Range = (1.0, 8.0)
    clip_share: float = 0.3
    clip_k: Range = (0.5, 8.0)
    jpeg_quality: tuple[int, int] = (65, 98)
    jpeg_share: float = 0.7

    def __post_init__(self) -> None:
        if not self.detectors:
            raise ValueError("detectors is empty; expected at least one")
        for problem in self._problems():
            raise ValueError(problem)

    def _problems(self) -> Iterator[str]:
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, float):
                if field.name.endswith("_share") and not 0.0 <= value <= 1.0:
                    yield f"{field.name} is {value}; expected 0 to 1"
            elif isinstance(value, tuple) and field.name != "detectors":
                least, most = value
                if not (math.isfinite(least) and math.isfinite(most) and least <= most):
                    yield f"{field.name} is {value}; expected the least and then the greatest value"
                if field.name in _LOGARITHMIC and least <= 0:
                    yield f"{field.name} is {value}; expected values above 0: it is drawn by its logarithm"


_LOGARITHMIC = frozenset({"flat_k", "background_k", "beam_k", "spray_k", "smoke_k", "length", "band_k"})

WIDE = RandomisationSettings()
"""Wide enough that a real picture is one more variation."""
