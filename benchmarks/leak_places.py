"""How well the places of leaks are told on simulated patrols: `python -m benchmarks.leak_places`.

The whole pipeline plays each patrol; poses, verdicts and alarms go to the mapper's code as on a robot. The
estimate is compared with the leak 30 s after the robot has passed it, and at the patrol's end. No setting
differs between speeds and distances: the mapper is told on which side of the robot the pipe is, no more.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated

import numpy as np
import typer

from benchmarks.patrols import START_NS, PatrolRun
from gas_fusion_ros.alarm.types import AlarmEvent
from gas_fusion_ros.base.leak_places import LeakPlace
from gas_fusion_ros.base.observation import RobotPose
from gas_fusion_ros.base.shipped_files import DEFAULT_MODEL, find_bundle
from gas_fusion_ros.base.units import NANOSECONDS_PER_SECOND
from gas_fusion_ros.mapping.gas_map import GasMap
from gas_fusion_ros.mapping.leak_places import LeakPlaces, PlacedReading, evidence_of
from gas_fusion_ros.mapping.settings import SIDES, MappingSettings, PipeSettings
from gas_fusion_ros.model.bundle import Bundle, BundleError
from gas_fusion_ros.model.runtimes import Runtime, create_runtime
from gas_fusion_ros.pipeline.offline import Decision
from gas_fusion_ros.simulation.patrol import Encounter, Patrol, PatrolSettings

AFTER_S = 30.0
_WITHIN_90 = 4.605
"""Squared distance in deviations within which nine in ten of a normal distribution in the plane lie."""
_LONG_ROUTE_M = 10_000.0
_STEP_M = 0.2


@dataclass(frozen=True)
class Case:
    """One kind of patrol."""

    speed_m_s: float
    pipe_m: float
    with_images: bool


_WALKS = ((0.4, 3.0), (0.2, 3.0), (0.8, 3.0), (0.4, 1.5), (0.4, 5.0))
CASES = tuple(Case(*walk, with_images) for with_images in (False, True) for walk in _WALKS)
_ROW = "{:<10}{:>5}{:>9}" + 2 * "{:>12}{:>8}{:>7}{:>11}"


@dataclass(frozen=True)
class Miss:
    """How far an estimate is from the leak.

    Attributes:
        distance_m: metres.
        is_within: whether the leak is in the estimate's 90 % ellipse.
    """

    distance_m: float
    is_within: bool


class MappedRun(PatrolRun):
    """A patrol whose verdicts, alarms and poses go to the mapper."""

    def __init__(self, patrol: Patrol, bundle: Bundle, runtime: Runtime, settings: MappingSettings) -> None:
        super().__init__(patrol, bundle, runtime)
        self._places = LeakPlaces(settings)
        self._map = GasMap(settings)
        self._raised: dict[int, float] = {}
        self._due = [(self._passing_s(one) + AFTER_S, one) for one in patrol.encounters]
        self.after: list[Miss | None] = []
        self.costs_s: list[float] = []

    def on_decision(self, decision: Decision) -> None:
        """Map a verdict, and judge the estimates that are due."""
        super().on_decision(decision)
        verdict = decision.verdict
        now_s = self._seconds(verdict.stamp_ns)
        at = self._patrol.pose(now_s)
        began_s = time.perf_counter()
        evidence = evidence_of(verdict.by_class, verdict.departure)
        pose = RobotPose(at.x, at.y, yaw=at.yaw)
        self._places.add(PlacedReading(verdict.stamp_ns, pose, evidence, verdict.departure))
        self._map.add(at.x, at.y, evidence)
        self.costs_s.append(time.perf_counter() - began_s)
        while self._due and self._due[0][0] <= now_s:
            self.after.append(self._miss(self._due.pop(0)[1]))

    def on_alarm(self, event: AlarmEvent) -> None:
        """Let the mapper hear of an alarm."""
        super().on_alarm(event)
        if event.raises_alarm:
            self._raised[event.alarm] = self._seconds(event.stamp_ns)
            self._places.begin(event.alarm, event.gas, event.stamp_ns)
        elif event.alarm and not event.state.is_sensed:
            self._places.end(event.alarm)

    def at_last(self) -> list[Miss | None]:
        """How far the last estimates are from the leaks."""
        return [self._miss(one) for one in self._patrol.encounters]

    def _passing_s(self, encounter: Encounter) -> float:
        return 0.5 * (encounter.start_s + encounter.end_s)

    def _miss(self, encounter: Encounter) -> Miss | None:
        """How far the estimate of the first alarm on a leak is off; None without an alarm by now."""
        for alarm, raised_s in self._raised.items():
            if encounter.first_sign_s <= raised_s < encounter.recovered_s:
                place = self._places.place(alarm)
                return None if place is None else _miss(place, encounter)
        return None


def _miss(place: LeakPlace, encounter: Encounter) -> Miss:
    off = np.array((encounter.x - place.x, encounter.y - place.y))
    xx, xy, yy = place.covariance
    within = float(off @ np.linalg.solve(np.array(((xx, xy), (xy, yy))), off)) <= _WITHIN_90
    return Miss(float(np.hypot(*off)), within)


def row(case: Case, runs: Sequence[MappedRun]) -> Iterator[str]:
    """A line of the table: the case, then both moments."""
    yield "images" if case.with_images else "gas alone"
    yield f"{case.speed_m_s:g}"
    yield f"{case.pipe_m:g}"
    for misses in (
        [one for run in runs for one in run.after],
        [one for run in runs for one in run.at_last()],
    ):
        known = [miss for miss in misses if miss is not None]
        distances = [miss.distance_m for miss in known]
        yield f"{len(known)} of {len(misses)}"
        yield f"{np.median(distances):.2f}" if known else "-"
        yield f"{max(distances):.2f}" if known else "-"
        yield f"{sum(miss.is_within for miss in known) / len(known):.0%}" if known else "-"


def long_route(settings: MappingSettings) -> str:
    """Map a winding route of 10 km; return what that took."""
    gas_map, places = GasMap(settings), LeakPlaces(settings)
    x = y = 0.0
    laps_s: list[float] = []
    readings = round(_LONG_ROUTE_M / _STEP_M)
    for quarter in range(4):
        began_s = time.perf_counter()
        for number in range(quarter * readings // 4, (quarter + 1) * readings // 4):
            # Bends of some 90 degrees, on the whole onward.
            heading = 0.8 * math.sin(number * _STEP_M / 40.0)
            x, y = x + _STEP_M * math.cos(heading), y + _STEP_M * math.sin(heading)
            stamp_ns = START_NS + number * NANOSECONDS_PER_SECOND // 2
            places.add(PlacedReading(stamp_ns, RobotPose(x, y), 0.0, 0.0))
            gas_map.add(x, y, 0.0)
        laps_s.append(time.perf_counter() - began_s)
    per_reading_ms = [f"{lap_s / (readings / 4) * 1e3:.2f}" for lap_s in laps_s]
    return (
        f"10 km, {readings} readings: map {gas_map.memory_mb:.1f} MB, "
        f"{', '.join(per_reading_ms)} ms per reading in the four quarters"
    )


def main(
    seeds: Annotated[int, typer.Option(help="How many patrols of each kind, from --first on.", min=1)] = 10,
    first: Annotated[int, typer.Option(help="The first seed.", min=0)] = 0,
    duration: Annotated[float, typer.Option(help="Length of each patrol, s.")] = 600.0,
    leaks: Annotated[int, typer.Option(help="Leaks on each patrol.", min=1)] = 3,
    model: Annotated[str, typer.Option(help="Model bundle: a name or a folder.")] = DEFAULT_MODEL,
    images: Annotated[bool, typer.Option(help="Also with the camera, or by gas alone only.")] = True,
    side: Annotated[str, typer.Option(help="Side of the pipe that the mapper is told.")] = "left",
) -> None:
    """Play patrols of several speeds and distances; print how far the leaks' places are off."""
    if side not in SIDES:
        raise typer.BadParameter(f"--side must be one of {', '.join(SIDES)}, not {side!r}")
    settings = MappingSettings(pipe=PipeSettings(side))
    try:
        bundle = Bundle.load(find_bundle(model))
    except (FileNotFoundError, BundleError) as error:
        raise typer.BadParameter(str(error)) from None
    runtime = create_runtime(bundle, device="cpu", threads=1)
    print(
        f"{bundle.name}, seeds {first} to {first + seeds - 1}, pipe told to be: {side}. Distance from the "
        f"leak, m, {AFTER_S:g} s after passing and at the patrol's end"
    )
    figures = ("median", "worst", "in ellipse")
    print(_ROW.format("by", "m/s", "pipe, m", f"{AFTER_S:g} s, told", *figures, "end, told", *figures))
    costs_s: list[float] = []
    for case in CASES:
        if case.with_images and not images:
            continue
        runs = []
        for seed in range(first, first + seeds):
            walk = PatrolSettings(speed_m_s=case.speed_m_s, pipe_distance_m=case.pipe_m)
            run = MappedRun(Patrol(seed, duration, leaks, walk), bundle, runtime, settings)
            run.run(with_images=case.with_images)
            runs.append(run)
            costs_s += run.costs_s
        print(_ROW.format(*row(case, runs)), flush=True)
    told = ", ".join(f"{np.percentile(costs_s, share) * 1e3:.2f}" for share in (50, 99, 100))
    print(f"mapping, ms per reading: mean {np.mean(costs_s) * 1e3:.2f}; 50 %, 99 %, most {told}")
    print(long_route(settings))


if __name__ == "__main__":
    typer.run(main)
