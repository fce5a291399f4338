"""Where each leak is: follows the alarms along the route, and sharpens each place as the robot goes on."""

from __future__ import annotations

import math
from collections import OrderedDict, deque
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from gas_fusion_ros.base.leak_places import LeakPlace
from gas_fusion_ros.base.observation import CLEAN_AIR, RobotPose
from gas_fusion_ros.base.units import NANOSECONDS_PER_SECOND
from gas_fusion_ros.mapping.leak_posterior import LeakPosterior
from gas_fusion_ros.mapping.route import Route
from gas_fusion_ros.mapping.settings import MappingSettings

MOST_LEAKS = 16
"""Leaks that are followed; beyond them the oldest keeps its place as it is."""
_MOST_PLACES = 4096
"""Of leaks that are followed no more."""
_MOST_READINGS = 2048
"""Kept for an alarm to come: of a faster array the time before it is shorter."""
_CLEAN_BEFORE = 1.5
"""Times `approach` that are kept before an alarm, for clean air to be among them."""
_LONGEST_STEP_S = 5.0
_POSE_DEVIATION_M = 0.3
_FARTHEST_M = 1e8
_SURE = 0.5
"""Leak probability from which on a reading was made in gas."""


@dataclass(frozen=True)
class PlacedReading:
    """What the pipeline said of a reading, and where the robot was.

    Attributes:
        stamp_ns: acquisition time.
        pose: where the robot was, see `is_usable`.
        evidence: probability of a leak, 0..1.
        departure: from clean air, relative to its limit; None where nobody knows.
    """

    stamp_ns: int
    pose: RobotPose
    evidence: float
    departure: float | None = None


@dataclass(frozen=True, kw_only=True)
class PlacedLeak(LeakPlace):
    """Where the leak of an alarm is, by the readings up to `stamp_ns`.

    Attributes:
        alarm: number of its alarm.
        gas: the gas that this names.
        strength: the largest departure that was read in its gas, 1 at the limit; None where nobody knows.
    """

    alarm: int
    gas: str
    strength: float | None = None


def evidence_of(probabilities: Mapping[str, float], departure: float | None) -> float:
    """Return how far a verdict speaks for a leak, 0..1: departure beyond its limit is certain evidence.

    Of probabilities that are no numbers it is NaN.
    """
    if departure is not None and departure > 1.0:
        return 1.0
    leak = sum(probability for name, probability in probabilities.items() if name != CLEAN_AIR)
    return min(max(leak, 0.0), 1.0)


def is_usable(pose: RobotPose | None) -> bool:
    """Whether a pose is a place on a planet."""
    # Of NaN it is not.
    return pose is not None and abs(pose.x) <= _FARTHEST_M and abs(pose.y) <= _FARTHEST_M


class LeakPlaces:
    """Keeps the place of each leak. Not thread-safe; memory and the cost of a reading are bounded.

    Args:
        settings: sensors, pipe and path.
    """

    def __init__(self, settings: MappingSettings) -> None:
        self._settings = settings
        self._heard: deque[PlacedReading] = deque(maxlen=_MOST_READINGS)
        self._leaks: OrderedDict[int, _FollowedLeak] = OrderedDict()
        self._settled: OrderedDict[int, PlacedLeak] = OrderedDict()

    def add(self, reading: PlacedReading) -> None:
        """Take in a reading. Where stamps go back, or poses are of another frame, the past is another's."""
        if self._heard:
            last = self._heard[-1]
            if reading.stamp_ns == last.stamp_ns:
                return
            if reading.stamp_ns < last.stamp_ns or reading.pose.frame_id != last.pose.frame_id:
                self._heard.clear()
        self._heard.append(reading)
        oldest_ns = reading.stamp_ns - round(_CLEAN_BEFORE * self._settings.approach_ns)
        while self._heard[0].stamp_ns < oldest_ns:
            self._heard.popleft()
        for leak in self._leaks.values():
            leak.add(reading)

    def begin(self, alarm: int, gas: str, stamp_ns: int) -> None:
        """An alarm was raised; without any reading before it, its leak has no place."""
        if alarm in self._leaks or alarm in self._settled or not self._heard:
            return
        # An alarm may stand on for long after its gas: what is new from here on is of this one.
        for other in self._leaks.values():
            other.leave()
        self._leaks[alarm] = _FollowedLeak(alarm, gas, stamp_ns, list(self._heard), self._settings)
        while len(self._leaks) > MOST_LEAKS:
            oldest, leak = self._leaks.popitem(last=False)
            self._settled[oldest] = leak.place()
        while len(self._settled) > _MOST_PLACES:
            self._settled.popitem(last=False)

    def end(self, alarm: int) -> None:
        """The gas of an alarm is sensed no more: what comes on new ways is not of its leak."""
        if alarm in self._leaks:
            self._leaks[alarm].leave()

    @property
    def alarms(self) -> tuple[int, ...]:
        """Numbers of the alarms whose leaks are followed, the oldest first."""
        return tuple(self._leaks)

    def place(self, alarm: int) -> PlacedLeak | None:
        """Return where the leak of an alarm is; None where nobody knows."""
        leak = self._leaks.get(alarm)
        return self._settled.get(alarm) if leak is None else leak.place()


class _FollowedLeak:
    """One leak: the path through its gas and the posterior along it."""

    def __init__(
        self, alarm: int, gas: str, stamp_ns: int, heard: list[PlacedReading], settings: MappingSettings
    ) -> None:
        self._alarm, self._gas = alarm, gas
        self._settings = settings
        self._frame_id = heard[-1].pose.frame_id
        self._is_over = False
        self._is_away = False
        self._stamp_ns = heard[0].stamp_ns
        self._place: PlacedLeak | None = None
        self._strength: float | None = None
        first = heard[0].pose
        self._route = Route(first.x, first.y, settings.path_tolerance_m)
        alongs = [self._route.follow(one.pose.x, one.pose.y) for one in heard]
        approach = [
            along
            for one, along in zip(heard, alongs, strict=True)
            if along is not None and stamp_ns - settings.approach_ns <= one.stamp_ns <= stamp_ns
        ] or [self._route.length_m]
        departures = [one.departure for one in heard if one.departure is not None]
        floor = float(np.percentile(departures, 25.0)) if departures else 0.0
        self._posterior = LeakPosterior(min(approach) - 1.0, max(approach) + 1.0, settings.response, floor)
        for one, along in zip(heard, alongs, strict=True):
            self._take(one, along)

    def leave(self) -> None:
        self._is_over = True

    def add(self, reading: PlacedReading) -> None:
        pose = reading.pose
        if pose.frame_id != self._frame_id:
            self._is_away = True
        elif self._is_over:
            self._take(reading, self._route.locate(pose.x, pose.y))
        else:
            self._take(reading, self._route.follow(pose.x, pose.y))

    def place(self) -> PlacedLeak:
        if self._place is None:
            self._place = self._locate()
        return self._place

    def _take(self, reading: PlacedReading, along_m: float | None) -> None:
        step_s = (reading.stamp_ns - self._stamp_ns) / NANOSECONDS_PER_SECOND
        self._stamp_ns = reading.stamp_ns
        if along_m is None:
            self._is_away = True
            return
        if self._is_away or step_s < 0.0:
            self._posterior.rest()
            self._is_away = False
        step_s = min(max(step_s, 0.0), _LONGEST_STEP_S)
        self._posterior.add(along_m, step_s, reading.evidence, reading.departure)
        if reading.departure is not None and reading.evidence >= _SURE:
            self._strength = max(reading.departure, self._strength or 0.0)
        self._place = None

    def _locate(self) -> PlacedLeak:
        along = self._posterior.along_route()
        x, y, heading = self._route.at(along.median_m)
        ahead_x, ahead_y = math.cos(heading), math.sin(heading)
        pipe = self._settings.pipe
        ahead = along.deviation_m**2 + _POSE_DEVIATION_M**2
        aside = pipe.offset_deviation_m**2 + _POSE_DEVIATION_M**2
        return PlacedLeak(
            alarm=self._alarm,
            gas=self._gas,
            x=x - pipe.offset_m * ahead_y,
            y=y + pipe.offset_m * ahead_x,
            xx=ahead * ahead_x**2 + aside * ahead_y**2,
            xy=(ahead - aside) * ahead_x * ahead_y,
            yy=ahead * ahead_y**2 + aside * ahead_x**2,
            frame_id=self._frame_id,
            stamp_ns=self._stamp_ns,
            strength=self._strength,
        )
