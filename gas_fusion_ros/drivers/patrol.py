"""What the simulated array and the simulated camera share: a patrol, sampled on a grid of stamps."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Generic, TypeVar

from gas_fusion_ros.base.problems import Problems
from gas_fusion_ros.base.units import NANOSECONDS_PER_SECOND
from gas_fusion_ros.drivers import DriverError, DriverState
from gas_fusion_ros.drivers.grid import Grid
from gas_fusion_ros.settings.fields import setting
from gas_fusion_ros.simulation.patrol import Patrol

T = TypeVar("T")


@dataclass(frozen=True)
class SimulatedSettings:
    """Which patrol to sample and how often; the same seed, duration and leaks give the same world.

    Attributes:
        period_ns: time between samples.
        start_ns: the clock's time at which the patrol begins.
    """

    seed: int = setting(0, "which patrol is simulated", minimum=0, maximum=2**31 - 1)
    duration_s: float = setting(
        600.0, "length of the patrol, s; then it begins again", minimum=60.0, maximum=3600.0
    )
    leaks: int = setting(3, "leaks on the patrol", minimum=0, maximum=39)
    period_ns: int = 500_000_000
    start_ns: int = 0

    def __post_init__(self) -> None:
        if self.period_ns <= 0:
            raise ValueError(f"period_ns is {self.period_ns}; expected a positive number of nanoseconds")
        if self.duration_s <= 0:
            raise ValueError(f"duration_s is {self.duration_s}; expected a positive number of seconds")


class PatrolDriver(ABC, Generic[T]):
    """Samples a patrol at stamps that are multiples of the period.

    Args:
        settings: which patrol and how often.
        max_backlog: the most samples that one poll gives out.
    """

    def __init__(self, settings: SimulatedSettings, max_backlog: int) -> None:
        self.problems = Problems()
        self._patrol_settings = settings
        self._max_backlog = max_backlog
        self._world: tuple[Patrol, Grid] | None = None

    @property
    def state(self) -> DriverState:
        """Whether there is a world."""
        return DriverState.CLOSED if self._world is None else DriverState.RUNNING

    def open(self) -> None:
        """Make the world.

        Raises:
            DriverError: the patrol cannot hold that many leaks.
        """
        settings = self._patrol_settings
        try:
            patrol = Patrol(settings.seed, settings.duration_s, settings.leaks)
        except ValueError as error:
            raise DriverError(f"simulated patrol: {error}") from None
        self._world = patrol, Grid(settings.period_ns, settings.start_ns, self._max_backlog, self.problems)

    def poll(self, now_ns: int) -> list[T]:
        """Return the samples whose time has come, oldest first."""
        if self._world is None:
            return []
        patrol, grid = self._world
        return [self.sample(patrol, self._elapsed_s(stamp_ns), stamp_ns) for stamp_ns in grid.due(now_ns)]

    def close(self) -> None:
        """Forget the world; safe to call twice."""
        self._world = None

    @abstractmethod
    def sample(self, patrol: Patrol, elapsed_s: float, stamp_ns: int) -> T:
        """Sense `patrol` at `elapsed_s` since its beginning, in a sample stamped `stamp_ns`."""

    def _elapsed_s(self, stamp_ns: int) -> float:
        settings = self._patrol_settings
        return (stamp_ns - settings.start_ns) / NANOSECONDS_PER_SECOND % settings.duration_s
