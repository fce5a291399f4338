"""Where along the route one leak is: a posterior over its place and the length of its gas.

The gas of a leak is met along a stretch of the route that reaches as far behind the leak as before it. How
far is not known. So every hypothesis is a stretch: where it begins, and half its length; the leak is in its
middle. Each drags a sensor along, which answers to the gas with the delays of an MQ sensor, and is judged by
two things that the pipeline tells of each reading:

- the leak probability, which is high once the sensor has answered by some share that nobody knows;
- the departure from clean air, which follows the answer at some scale that nobody knows.

Both unknowns are hypotheses too and are summed out. Errors of readings in a row have the same cause, so each
counts only as much as it is long beside the time that such errors last.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from gas_fusion_ros.mapping.settings import SensorResponse

FloatArray = npt.NDArray[np.float64]

_BEGINS = 33
_HALVES = 96
_SHORTEST_M, _LONGEST_M = 0.3, 80.0
_TYPICAL_M = 5.0
_TAIL = 8.0
"""How fast longer stretches become rare: P(half length > h) = (1 + h / typical) to this power, negative.

This, the two below that say so, and the length of errors were chosen by the log score of the places on
simulated patrols of other seeds than those that are reported. With 4 the posterior of a robot that is still
in the gas was too far ahead and too wide.
"""
_SHARES = np.array((0.1, 0.3, 0.5, 0.7, 0.9))
"""Share of the sensor's full answer at which a network calls it a leak."""
_SHARE_WIDTH = 0.08
_ERRORS = np.array((0.03, 0.2))
"""How often it errs."""
_SCALES = np.geomspace(0.06, 3.0, 9)
"""Departure of the full answer, relative to its limit."""
_MOST_DEPARTURE = 10.0
"""What is beyond it counts as much."""
_SCALE_ERROR = 0.2
_FLOOR_ERROR = 0.03
_ERRORS_LAST_S = 3.0
_DEPARTURE_LAG = 2
"""Readings by which the departure is late: it is the median of five."""
_SATURATION = 0.6
"""Concentration of 63 % of the full answer, relative to the middle of the stretch. Chosen.

The oxide alone saturates far below that; but at its ends a stretch thins out, and does not stop at once.
"""
_ASYMMETRY = 0.06
"""Standard deviation of the leak's place about the middle of its stretch, relative to half its length.

Chosen. Eddies and wind make the gas reach farther to one side.
"""


@dataclass(frozen=True)
class AlongRoute:
    """Where along the route the leak is.

    Attributes:
        median_m: the posterior's median.
        deviation_m: standard deviation of a normal distribution whose 90 % interval is as long as the
            posterior's.
    """

    median_m: float
    deviation_m: float


class LeakPosterior:
    """The posterior of one leak. Not thread-safe.

    Args:
        first_m: the stretch may begin from here on, metres along the route.
        last_m: and up to here.
        response: the sensor.
        floor: departure in clean air before.
    """

    def __init__(self, first_m: float, last_m: float, response: SensorResponse, floor: float) -> None:
        begins = np.linspace(first_m, last_m, _BEGINS)
        halves = np.geomspace(_SHORTEST_M, _LONGEST_M, _HALVES)
        self._begin, self._half = (axis.ravel() for axis in np.meshgrid(begins, halves, indexing="ij"))
        self._centre = self._begin + self._half
        self._order = np.argsort(self._centre)
        self._response = response
        self._floor = min(floor, _MOST_DEPARTURE)
        self._inside = np.zeros_like(self._centre)
        self._fast = np.zeros_like(self._centre)
        self._slow = np.zeros_like(self._centre)
        self._answers = np.zeros((_DEPARTURE_LAG + 1, self._centre.size))
        # On a grid that is even in the logarithm.
        self._prior = np.log(self._half) - (_TAIL + 1.0) * np.log1p(self._half / _TYPICAL_M)
        self._called = np.zeros((len(_SHARES), len(_ERRORS), self._centre.size))
        self._departed = np.zeros((len(_SCALES), self._centre.size))

    def rest(self) -> None:
        """The robot was away: the sensor has recovered."""
        for part in (self._inside, self._fast, self._slow, self._answers):
            part[:] = 0.0

    def add(self, along_m: float, step_s: float, evidence: float, departure: float | None) -> None:
        """Take in a reading.

        Args:
            along_m: where the robot was, metres along the route.
            step_s: time since the reading before, seconds.
            evidence: leak probability, 0..1.
            departure: from clean air, relative to its limit; None where nobody knows.
        """
        answer = self._follow(along_m, step_s)
        weight = min(1.0, step_s / _ERRORS_LAST_S)
        steps = 1.0 / (1.0 + np.exp((_SHARES[:, None] - answer) / _SHARE_WIDTH))
        errors = _ERRORS[:, None]
        called = errors + (1.0 - 2.0 * errors) * steps[:, None, :]
        self._called += weight * (evidence * np.log(called) + (1.0 - evidence) * np.log1p(-called))
        if departure is not None:
            expected = _SCALES[:, None] * self._answers[0]
            spread = np.hypot(_FLOOR_ERROR, _SCALE_ERROR * expected)
            off = (min(departure, _MOST_DEPARTURE) - self._floor - expected) / spread
            self._departed -= weight * (0.5 * off * off + np.log(spread))

    def along_route(self) -> AlongRoute:
        """Return where the leak is by now."""
        weights = self._weights()[self._order]
        shares = np.cumsum(weights)
        low, middle, high = np.interp((0.05, 0.5, 0.95), shares, self._centre[self._order])
        half = float(weights @ self._half[self._order])
        deviation = (high - low) / (2.0 * 1.645)
        return AlongRoute(float(middle), math.hypot(deviation, _ASYMMETRY * half))

    def _weights(self) -> FloatArray:
        logs = self._prior + _sum_out(self._called, (0, 1)) + _sum_out(self._departed, (0,))
        weights = np.exp(logs - logs.max())
        return np.asarray(weights / weights.sum())

    def _follow(self, along_m: float, step_s: float) -> FloatArray:
        """Let every hypothesis's sensor answer for a while; return how far it has."""
        response = self._response
        is_there = (along_m >= self._begin) & (along_m <= self._centre + self._half)
        self._inside += _share(step_s, response.housing_s) * (is_there - self._inside)
        # The oxide saturates at a small part of the gas in a plume.
        goal = 1.0 - np.exp(-self._inside / _SATURATION)
        up = _share(step_s, response.rise_s)
        for part, fall_s in ((self._fast, response.fall_fast_s), (self._slow, response.fall_slow_s)):
            part += np.where(goal > part, up, _share(step_s, fall_s)) * (goal - part)
        self._answers[:-1] = self._answers[1:]
        self._answers[-1] = 0.5 * (self._fast + self._slow)
        return self._answers[-1]


def _share(step_s: float, constant_s: float) -> float:
    return 1.0 - math.exp(-step_s / constant_s)


def _sum_out(logs: FloatArray, axes: tuple[int, ...]) -> npt.NDArray[np.float64]:
    """Sum likelihoods over the unknowns of the first axes, by their logarithms."""
    most = logs.max(axis=axes, keepdims=True)
    return np.asarray(np.log(np.exp(logs - most).sum(axis=axes)) + most.reshape(logs.shape[-1]))
