"""What the places of leaks and the gas map are made with."""

from __future__ import annotations

import math
from dataclasses import dataclass

from gas_fusion_ros.base.units import NANOSECONDS_PER_SECOND
from gas_fusion_ros.settings.fields import group, setting

SIDES = ("unknown", "left", "right")
MOST_KERNEL_CELLS = 10
"""Widths of the kernel in cells: the cost of a reading grows with its square."""
_CLOSEST_M = 0.1
"""A path that is nearer to a pipe is on it."""


@dataclass(frozen=True)
class SensorResponse:
    """How an MQ sensor follows the gas: quickly up, and down in two parts, of which the second is slow.

    The defaults are assumed: typical of heated tin dioxide behind a steel mesh.

    Attributes:
        housing_s: time constant of the air's exchange through the mesh, seconds.
        rise_s: that of the answer to gas.
        fall_fast_s: that of the first half of the recovery.
        fall_slow_s: that of the rest.
    """

    housing_s: float = setting(
        1.5,
        "time constant of the air's exchange through the sensors' mesh, s",
        minimum=0.01,
        maximum=600.0,
    )
    rise_s: float = setting(
        4.0, "time constant of the sensors' answer to gas, s", minimum=0.01, maximum=600.0
    )
    fall_fast_s: float = setting(
        5.0,
        "time constant of the first half of their recovery, s",
        minimum=0.01,
        maximum=3600.0,
        name="fall_fast",
    )
    fall_slow_s: float = setting(
        15.0, "time constant of the rest of their recovery, s", minimum=0.01, maximum=3600.0, name="fall_slow"
    )


@dataclass(frozen=True)
class PipeSettings:
    """Where the pipe is, seen from the route: nine robots in ten walk between the two distances from it.

    Attributes:
        side: on which side of the robot it runs; `unknown` for either.
        nearest_m: the lesser distance.
        farthest_m: the greater one.
    """

    side: str = setting(
        "unknown", "on which side of the robot the pipe runs, seen in its walking direction", choices=SIDES
    )
    nearest_m: float = setting(
        1.0,
        "distance from the robot's path to the pipe that is rarely less, m",
        minimum=0.0,
        maximum=100.0,
        name="nearest",
    )
    farthest_m: float = setting(
        6.0,
        "distance that is rarely more, m; a pipe of known distance has this and the nearest close together",
        minimum=0.0,
        maximum=100.0,
        name="farthest",
    )

    def __post_init__(self) -> None:
        if not self.nearest_m <= self.farthest_m:
            raise ValueError(
                f"pipe.nearest must not be above pipe.farthest, not {self.nearest_m:g} and "
                f"{self.farthest_m:g}"
            )

    @property
    def offset_m(self) -> float:
        """Where the pipe is expected to run, metres to the left of the path."""
        return {"unknown": 0.0, "left": 1.0, "right": -1.0}[self.side] * self._mean_m

    @property
    def offset_deviation_m(self) -> float:
        """Standard deviation of that."""
        spread_m = self._mean_m * math.sqrt(math.expm1(self._width**2))
        return math.hypot(spread_m, self._mean_m) if self.side == "unknown" else spread_m

    @property
    def _width(self) -> float:
        """Standard deviation of the distance's logarithm: half and twice a distance are as likely."""
        nearest, farthest = self._between
        return math.log(farthest / nearest) / (2.0 * 1.645)

    @property
    def _mean_m(self) -> float:
        nearest, farthest = self._between
        return math.sqrt(nearest * farthest) * math.exp(0.5 * self._width**2)

    @property
    def _between(self) -> tuple[float, float]:
        return max(self.nearest_m, _CLOSEST_M), max(self.farthest_m, _CLOSEST_M)


@dataclass(frozen=True)
class MappingSettings:
    """What the map and the places are made with.

    Attributes:
        response: the sensors' delays.
        pipe: where the pipe is, seen from the route.
        cell_m: edge of the map's cells.
        kernel_m: how far a reading speaks for its surroundings: standard deviation of a normal distribution.
        map_mb: memory that the map takes at most; beyond it what was not visited for longest is forgotten.
        path_tolerance_m: a robot within this distance of where it went before is on the same path.
        approach_ns: how long before an alarm its gas may have begun.

    Raises:
        ValueError: the kernel is of so many cells that a reading would cost too much.
    """

    response: SensorResponse = group(SensorResponse)
    pipe: PipeSettings = group(PipeSettings)
    cell_m: float = setting(0.5, "edge of the map's cells, m", minimum=0.05, maximum=10.0, name="map_cell")
    kernel_m: float = setting(
        0.5,
        "how far a reading speaks for its surroundings on the map, m: standard deviation of a normal "
        "distribution",
        minimum=0.05,
        maximum=10.0,
        name="map_kernel",
    )
    map_mb: float = setting(
        50.0,
        "memory that the map takes at most, MB; beyond it what was not visited for longest is forgotten",
        minimum=1.0,
        maximum=1000.0,
        name="map_memory",
    )
    path_tolerance_m: float = setting(
        1.0,
        "a robot within this distance of where it went before is on the same path, m",
        minimum=0.05,
        maximum=10.0,
        name="path_tolerance",
    )
    approach_ns: int = setting(
        40 * NANOSECONDS_PER_SECOND,
        "how long before an alarm its gas may have begun, s",
        minimum=1.0,
        maximum=600.0,
    )

    def __post_init__(self) -> None:
        if self.kernel_m > MOST_KERNEL_CELLS * self.cell_m:
            raise ValueError(
                f"map_kernel must be at most {MOST_KERNEL_CELLS} times map_cell, not {self.kernel_m:g} m of "
                f"{self.cell_m:g} m"
            )
