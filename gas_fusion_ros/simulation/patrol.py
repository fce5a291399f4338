"""A robot's patrol along a pipeline with leaks, as a pure function of time.

Everything is fixed by the seed when the patrol is made: the same seed, duration and number of leaks
give the same values at the same time, in whatever order and in whichever process they are asked for.

The robot walks at a steady pace beside the pipe, with the gas array on board and a thermal camera on
a pan head. The camera looks across at the pipe; when a leak shows, it turns to it and hunts a little,
so that the plume is in view most of the time. Perspective is left out: the pipe keeps its size.

Ground truth is honest about the gas, not kind to the sensors: the air is `gas` from the moment the
mean concentration at the robot exceeds `plume.LEAK_THRESHOLD` until it falls below it. The array
lags behind both; until `Encounter.recovered_s` it still reads gas in air that is clean again.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from gas_fusion_ros.base.observation import CLEAN_AIR, PAPER_CLASSES
from gas_fusion_ros.simulation import mq_response, plume, renderer
from gas_fusion_ros.simulation.warm_objects import PIPELINE_KINDS, ObjectKind, WarmObject

MIN_DURATION_S, MAX_DURATION_S = 60.0, 3600.0
LEAK_GASES = tuple(name for name in PAPER_CLASSES if name != CLEAN_AIR)

_STEP_S = 0.1
_SLOW_STEP_S = 1.0

FloatArray = npt.NDArray[np.float64]


class Pose(NamedTuple):
    """Where the robot is: metres in the map frame, yaw in radians (-pi, pi], 0 along x (REP-103)."""

    x: float
    y: float
    yaw: float


@dataclass(frozen=True)
class Encounter:
    """The robot's way through one leak's gas.

    Attributes:
        gas: class of the gas.
        first_sign_s: the camera can see the plume, or the array is 5 % on its way to the gas.
        start_s: the mean concentration at the robot rises above the threshold.
        end_s: it falls below the threshold again.
        recovered_s: the array has come back to within 5 % of clean air, or the patrol ends, and the plume is
            out of sight.
        x: where the leak is on the pipe, metres.
        y: where the leak is on the pipe, metres.
    """

    gas: str
    first_sign_s: float
    start_s: float
    end_s: float
    recovered_s: float
    x: float
    y: float


@dataclass(frozen=True)
class PatrolSettings:
    """The robot and its route.

    Attributes:
        speed_m_s: walking speed.
        pipe_distance_m: from the robot's path to the pipe, on its left.
        bend_every_m: mean distance between bends of the route.
        clean_s: least time in clean air before, between and after leaks.
        encounter_s: shortest and longest time in one leak's gas.
        sight_lead_s: how long before the gas is reached the camera can see the plume.
        sight_linger_s: how long after leaving the gas it still can.
        object_every_m: mean distance between warm objects, and between warm or damp patches.
    """

    speed_m_s: float = 0.4
    pipe_distance_m: float = 3.0
    bend_every_m: float = 60.0
    clean_s: float = 60.0
    encounter_s: tuple[float, float] = (30.0, 70.0)
    sight_lead_s: float = 2.0
    sight_linger_s: float = 10.0
    object_every_m: float = 2.5

    def __post_init__(self) -> None:
        for name in ("speed_m_s", "pipe_distance_m", "bend_every_m", "object_every_m"):
            if not getattr(self, name) > 0.0:
                raise ValueError(f"{name} must be above 0, not {getattr(self, name)}")
        for name in ("clean_s", "sight_lead_s", "sight_linger_s"):
            if not getattr(self, name) >= 0.0:
                raise ValueError(f"{name} must not be negative, not {getattr(self, name)}")
        shortest, longest = self.encounter_s
        if not 0.0 < shortest <= longest:
            raise ValueError(f"encounter_s must be ascending and above 0, not {self.encounter_s}")

    def max_leaks(self, duration_s: float) -> int:
        """How many leaks a patrol of `duration_s` holds at most."""
        return max(0, int((duration_s - self.clean_s) // (self.clean_s + self.encounter_s[0])))


class Patrol:
    """A patrol of `duration_s` seconds; times outside of it give the values at its ends."""

    def __init__(
        self,
        seed: int,
        duration_s: float = 600.0,
        leaks: int = 3,
        settings: PatrolSettings | None = None,
        statistics: mq_response.MqStatistics | None = None,
    ) -> None:
        """Make the world.

        Args:
            seed: 0 or above.
            duration_s: 60 to 3600 seconds.
            leaks: how many; each needs room, see `PatrolSettings.max_leaks`.
            settings: the robot and its route; a walking robot by default.
            statistics: what the array's readings, and the gases of the leaks, are drawn from; the
                package's own by default. Frames know the gases of these alone.

        Raises:
            ValueError: an argument is out of range; the message names it.
        """
        chosen = settings or PatrolSettings()
        _check(seed, duration_s, leaks, chosen)
        self.seed = seed
        self.duration_s = duration_s
        self.settings = chosen
        self._statistics = statistics or mq_response.default_statistics()
        self._times = np.arange(0.0, duration_s + _STEP_S, _STEP_S)
        self._slow_times = np.arange(0.0, duration_s + _SLOW_STEP_S, _SLOW_STEP_S)
        self._route = self._make_route()
        spans = _place_leaks(duration_s, leaks, chosen, self._rng("leaks"))
        kinds = LEAK_GASES if statistics is None else [g for g in statistics.classes if g != CLEAN_AIR]
        gases = _draw_gases(leaks, kinds, self._rng("gases"))
        self._mean = self._make_mean(spans)
        self._concentration = self._mean * plume.whiffs(self._times, self._rng("whiffs"))
        self._activation = mq_response.response(self._concentration, _STEP_S)
        self.encounters: tuple[Encounter, ...] = self._make_encounters(spans, gases)
        self._clean_counts = mq_response.wander(
            CLEAN_AIR, self._slow_times, self._rng("air"), self._statistics
        )
        self._gas_counts = self._make_gas_counts()

    def pose(self, t_s: float) -> Pose:
        """Return where the robot is."""
        x, y, yaw = _interpolate(self._route, t_s, _STEP_S)
        return Pose(float(x), float(y), math.remainder(yaw, math.tau))

    def distance(self, t_s: float) -> float:
        """Return how far the robot has walked, metres."""
        return self.settings.speed_m_s * min(max(t_s, 0.0), self.duration_s)

    def mean_concentration(self, t_s: float) -> float:
        """Return the mean concentration at the robot, relative to the middle of a plume."""
        return float(_interpolate(self._mean, t_s, _STEP_S))

    def concentration(self, t_s: float) -> float:
        """Return the concentration at the robot, with its whiffs and blanks."""
        return float(_interpolate(self._concentration, t_s, _STEP_S))

    def activation(self, t_s: float) -> float:
        """Return how far the array has gone from clean air to the gas, 0..1."""
        return float(_interpolate(self._activation, t_s, _STEP_S))

    def encounter(self, t_s: float) -> Encounter | None:
        """Return the leak in whose gas the robot is."""
        return next((one for one in self.encounters if one.start_s <= t_s < one.end_s), None)

    def label(self, t_s: float) -> str:
        """Return the class of the air at the robot."""
        encounter = self.encounter(t_s)
        return CLEAN_AIR if encounter is None else encounter.gas

    def clean(self, t_s: float) -> bool:
        """Whether neither air, array nor camera has any sign of a leak: no alarm may begin here."""
        return not any(one.first_sign_s <= t_s < one.recovered_s for one in self.encounters)

    def reading(self, t_s: float) -> npt.NDArray[np.float32]:
        """Return the seven channels in the paper's order, shape (7,), whole ADC counts."""
        clean = _interpolate(self._clean_counts, t_s, _SLOW_STEP_S)
        gas = _interpolate(self._gas_counts, t_s, _SLOW_STEP_S)
        counts = clean + self.activation(t_s) * (gas - clean)
        noise = self._statistics.of(self.label(t_s)).noise
        return mq_response.to_adc(counts + noise * self._rng("noise", t_s).standard_normal(noise.size))

    def frame(self, t_s: float) -> npt.NDArray[np.float32]:
        """Return the thermal frame, shape (156, 206), degC."""
        return renderer.render(self.scene(t_s), self._rng("netd", t_s))

    def scene(self, t_s: float) -> renderer.Scene:
        """Return what the camera looks at."""
        return self._world.scene(t_s)

    @cached_property
    def _world(self) -> _World:
        return _World(self, self._rng("world"))

    def _rng(self, purpose: str, t_s: float | None = None) -> np.random.Generator:
        """Make the generator of one purpose, and of one millisecond where a time is given."""
        # Milliseconds, so that times that differ by a rounding error of the caller's clock agree.
        moment = () if t_s is None else (round(1000.0 * min(max(t_s, 0.0), self.duration_s)),)
        return np.random.default_rng((self.seed, *purpose.encode(), *moment))

    def _make_route(self) -> FloatArray:
        """Return x, y and (unwrapped) yaw over time, shape (N, 3)."""
        rng = self._rng("route")
        speed, length = self.settings.speed_m_s, self.settings.speed_m_s * self.duration_s
        walked = speed * self._times
        yaw = np.full(len(walked), rng.uniform(-math.pi, math.pi))
        at = rng.uniform(0.3, 1.0) * self.settings.bend_every_m
        while at < length:
            turn = rng.uniform(math.radians(25.0), math.radians(80.0)) * rng.choice((-1.0, 1.0))
            # A bend takes four metres.
            yaw += turn * np.clip((walked - at) / 4.0, 0.0, 1.0)
            at += rng.uniform(0.5, 1.5) * self.settings.bend_every_m
        steps = speed * _STEP_S * np.stack([np.cos(yaw[:-1]), np.sin(yaw[:-1])], axis=1)
        return np.column_stack([np.vstack([np.zeros((1, 2)), np.cumsum(steps, axis=0)]), yaw])

    def _make_mean(self, spans: FloatArray) -> FloatArray:
        mean = np.zeros_like(self._times)
        for start, end in spans:
            distance = self.settings.speed_m_s * (self._times - (start + end) / 2.0)
            reach = self.settings.speed_m_s * (end - start) / 2.0
            mean = np.maximum(mean, plume.mean_concentration(distance, reach))
        return mean

    def _make_encounters(self, spans: FloatArray, gases: Sequence[str]) -> tuple[Encounter, ...]:
        return tuple(
            self._make_encounter(float(start), float(end), gas)
            for (start, end), gas in zip(spans, gases, strict=True)
        )

    def _make_encounter(self, start: float, end: float, gas: str) -> Encounter:
        settings = self.settings
        quiet = self._times[self._activation <= 0.05]
        # The array may not have recovered where the patrol ends, nor be quiet where it begins.
        quiet_before = quiet[quiet < start].max(initial=0.0)
        quiet_after = quiet[quiet >= end].min(initial=self._times[-1])
        pose = self.pose((start + end) / 2.0)
        return Encounter(
            gas=gas,
            first_sign_s=min(float(quiet_before), start - settings.sight_lead_s),
            start_s=start,
            end_s=end,
            recovered_s=max(float(quiet_after), end + settings.sight_linger_s),
            x=pose.x - settings.pipe_distance_m * math.sin(pose.yaw),
            y=pose.y + settings.pipe_distance_m * math.cos(pose.yaw),
        )

    def _make_gas_counts(self) -> FloatArray:
        """Return what the array would read in the gas of the leak at hand, shape (N, 7)."""
        counts = self._clean_counts.copy()
        # The next gas takes over shortly before it is met: the array has forgotten the last by then.
        takeovers = [one.start_s - 5.0 for one in self.encounters]
        for index, encounter in enumerate(self.encounters):
            until = takeovers[index + 1] if index + 1 < len(takeovers) else math.inf
            span = (self._slow_times >= takeovers[index]) & (self._slow_times < until)
            rng = self._rng(f"gas {index}")
            # A gas that is taken over from within a step is at no time of the grid.
            if span.any():
                counts[span] = mq_response.wander(
                    encounter.gas, self._slow_times[span], rng, self._statistics
                )
        return counts


class _World:
    """What stands along the pipe, and where the camera looks."""

    def __init__(self, patrol: Patrol, rng: np.random.Generator) -> None:
        self._patrol = patrol
        settings = patrol.settings
        half_view = math.tan(math.radians(renderer.FIELD_OF_VIEW_DEG / 2.0)) * settings.pipe_distance_m
        self._pixels_per_m = renderer.WIDTH / 2.0 / half_view
        self._camera = renderer.random_camera(rng)
        self._background = renderer.random_background(rng)
        self._pipe = renderer.random_pipe(rng)
        self._phases = rng.uniform(0.0, math.tau, 5)
        self._plumes = [renderer.random_plume(one.gas, self._pipe, rng) for one in patrol.encounters]
        self._objects, self._object_positions = self._place_objects(rng)

    def scene(self, t_s: float) -> renderer.Scene:
        """Compose the scene at one time."""
        look = self._look(t_s)
        pipe = self._pipe_at(look)
        travelled = round(look * self._pixels_per_m)
        across, down = self._background.texture_offset
        warming = 0.6 * math.sin(t_s / 180.0 + self._phases[0])
        return renderer.Scene(
            background=replace(
                self._background,
                ambient_c=self._background.ambient_c + warming,
                texture_offset=(across + travelled, down),
            ),
            pipe=pipe,
            objects=self._objects_at(look),
            plume=self._plume_at(t_s, look, pipe),
            camera=self._camera,
        )

    def _place_objects(self, rng: np.random.Generator) -> tuple[list[WarmObject], FloatArray]:
        length = self._patrol.settings.speed_m_s * self._patrol.duration_s
        count = math.ceil(2.0 * length / self._patrol.settings.object_every_m)
        positions = np.sort(rng.uniform(-2.0, length + 2.0, count))
        kinds = list(PIPELINE_KINDS)
        # Half of them patches, the other half things.
        shares = [0.5 if kind is ObjectKind.PATCH else 0.5 / (len(kinds) - 1) for kind in kinds]
        drawn = rng.choice(len(kinds), size=count, p=shares)
        return [renderer.random_object(kinds[index], 0.0, rng) for index in drawn], positions

    def _objects_at(self, look: float) -> tuple[WarmObject, ...]:
        reach = (renderer.WIDTH / 2.0 + 60.0) / self._pixels_per_m
        first, last = np.searchsorted(self._object_positions, (look - reach, look + reach))
        return tuple(
            replace(self._objects[index], x=self._column(self._object_positions[index], look))
            for index in range(first, last)
        )

    def _column(self, position: float, look: float) -> float:
        return renderer.WIDTH / 2.0 + (position - look) * self._pixels_per_m

    def _pipe_at(self, look: float) -> renderer.Pipe:
        return replace(
            self._pipe,
            y=self._pipe.y + 6.0 * math.sin(look / 7.0 + self._phases[1]),
            angle=0.5 * self._pipe.angle + 0.1 * math.sin(look / 11.0 + self._phases[2]),
        )

    def _look(self, t_s: float) -> float:
        """Return the place along the route that the camera looks at, metres from its start."""
        robot = self._patrol.distance(t_s)
        hunt = 0.55 * math.sin(t_s / 5.3 + self._phases[3]) + 0.35 * math.sin(t_s / 2.1 + self._phases[4])
        for encounter in self._patrol.encounters:
            attention = self._sight(encounter, t_s)
            if attention > 0.0:
                leak = self._leak_position(encounter)
                # The head does not turn all the way: the leak stays a little ahead, then behind.
                aim = leak - 0.4 * math.tanh((leak - robot) / 4.0)
                return robot + attention * (aim - robot) + hunt
        return robot + hunt

    def _sight(self, encounter: Encounter, t_s: float) -> float:
        """Return how far the camera has noticed a leak, 0..1: it turns within two seconds."""
        settings = self._patrol.settings
        since = t_s - (encounter.start_s - settings.sight_lead_s)
        left = encounter.end_s + settings.sight_linger_s - t_s
        return min(max(min(since, left) / 2.0, 0.0), 1.0)

    def _leak_position(self, encounter: Encounter) -> float:
        return self._patrol.distance((encounter.start_s + encounter.end_s) / 2.0)

    def _plume_at(self, t_s: float, look: float, pipe: renderer.Pipe) -> renderer.PlumeView | None:
        for encounter, view in zip(self._patrol.encounters, self._plumes, strict=True):
            attention = self._sight(encounter, t_s)
            if attention > 0.0:
                x = self._column(self._leak_position(encounter), look)
                # The fourth root: a plume stays visible well beyond the distance at which it fades by half.
                nearness = self._patrol.mean_concentration(t_s) ** 0.25
                return replace(
                    view,
                    x=x,
                    y=pipe.y + (x - pipe.x) * math.tan(pipe.angle),
                    strength=view.strength * attention * nearness,
                    age_s=view.age_s + t_s,
                )
        return None


def _check(seed: int, duration_s: float, leaks: int, settings: PatrolSettings) -> None:
    if seed < 0:
        raise ValueError(f"seed must be 0 or above, not {seed}")
    if not MIN_DURATION_S <= duration_s <= MAX_DURATION_S:
        raise ValueError(
            f"duration_s must be within {MIN_DURATION_S:.0f}..{MAX_DURATION_S:.0f} seconds, not {duration_s}"
        )
    most = settings.max_leaks(duration_s)
    if not 0 <= leaks <= most:
        raise ValueError(
            f"leaks must be within 0..{most} for a patrol of {duration_s:g} s, not {leaks}: each needs "
            f"{settings.encounter_s[0]:g} s in gas and {settings.clean_s:g} s of clean air around it"
        )


def _place_leaks(
    duration_s: float, leaks: int, settings: PatrolSettings, rng: np.random.Generator
) -> FloatArray:
    """Return start and end of each encounter, shape (leaks, 2), seconds."""
    shortest, longest = settings.encounter_s
    spare = duration_s - settings.clean_s * (leaks + 1) - shortest * leaks
    longer = rng.uniform(0.0, longest - shortest, leaks)
    if longer.sum() > spare:
        longer *= spare / longer.sum()
    gaps = settings.clean_s + (spare - longer.sum()) * rng.dirichlet(np.ones(leaks + 1))
    ends = np.cumsum(gaps[:-1] + shortest + longer)
    return np.stack([ends - shortest - longer, ends], axis=1)


def _draw_gases(count: int, kinds: Sequence[str], rng: np.random.Generator) -> list[str]:
    """Return a gas per leak: every gas once, in random order, before any comes again."""
    gases: list[str] = []
    while len(gases) < count:
        gases.extend(str(name) for name in rng.permutation(kinds))
    return gases[:count]


def _interpolate(series: FloatArray, t_s: float, step_s: float) -> FloatArray:
    """Return a series' value between two points of its grid; the end values outside of it."""
    position = min(max(t_s / step_s, 0.0), len(series) - 1.0)
    index = min(int(position), len(series) - 2)
    part = position - index
    value: FloatArray = (1.0 - part) * series[index] + part * series[index + 1]
    return value
