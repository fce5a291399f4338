"""Gas readings of a simulated patrol."""

from __future__ import annotations

from dataclasses import dataclass

from gas_fusion_ros.drivers import DriverError, DriverState
from gas_fusion_ros.drivers.grid import Grid
from gas_fusion_ros.observation import PAPER_CHANNELS, GasReading
from gas_fusion_ros.problems import Problems
from gas_fusion_ros.simulation.patrol import Patrol

_MAX_BACKLOG = 256


@dataclass(frozen=True)
class SimulatedGasSettings:
    """Which patrol to sense and how often.

    Attributes:
        seed: the patrol; the same seed, duration and leaks give the same world.
        duration_s: length of the patrol, after which it begins again.
        leaks: how many leaks it meets.
        period_ns: time between readings.
        start_ns: the clock's time at which the patrol begins.
        channels: which of the data set's sensors the array carries, in this order.
        frame_id: coordinate frame of the array.
    """

    seed: int = 0
    duration_s: float = 600.0
    leaks: int = 3
    period_ns: int = 500_000_000
    start_ns: int = 0
    channels: tuple[str, ...] = PAPER_CHANNELS
    frame_id: str = "gas_sensor_link"

    def __post_init__(self) -> None:
        if self.period_ns <= 0:
            raise ValueError(f"period_ns is {self.period_ns}; expected a positive number of nanoseconds")
        if self.duration_s <= 0:
            raise ValueError(f"duration_s is {self.duration_s}; expected a positive number of seconds")
        unknown = [name for name in self.channels if name.lower() not in PAPER_CHANNELS]
        if unknown or not self.channels:
            raise ValueError(
                f"channels: {', '.join(unknown) or 'none given'}; "
                f"the simulation knows {', '.join(PAPER_CHANNELS)}"
            )


class SimulatedGasDriver:
    """Samples a patrol at stamps that are multiples of the period."""

    def __init__(self, settings: SimulatedGasSettings) -> None:
        self._settings = settings
        self.channels = settings.channels
        self.problems = Problems()
        self._columns = [PAPER_CHANNELS.index(name.lower()) for name in settings.channels]
        self._grid = self._make_grid()
        self._patrol: Patrol | None = None

    @property
    def state(self) -> DriverState:
        """Whether there is a world."""
        return DriverState.CLOSED if self._patrol is None else DriverState.RUNNING

    def open(self) -> None:
        """Make the world.

        Raises:
            DriverError: the patrol cannot hold that many leaks.
        """
        settings = self._settings
        try:
            self._patrol = Patrol(settings.seed, settings.duration_s, settings.leaks)
        except ValueError as error:
            raise DriverError(f"simulated patrol: {error}") from None
        self._grid = self._make_grid()

    def poll(self, now_ns: int) -> list[GasReading]:
        """Return the readings whose time has come, oldest first."""
        patrol = self._patrol
        if patrol is None:
            return []
        return [self._reading(patrol, stamp_ns) for stamp_ns in self._grid.due(now_ns)]

    def close(self) -> None:
        """Forget the world; safe to call twice."""
        self._patrol = None

    def _make_grid(self) -> Grid:
        return Grid(self._settings.period_ns, self._settings.start_ns, _MAX_BACKLOG, self.problems)

    def _reading(self, patrol: Patrol, stamp_ns: int) -> GasReading:
        elapsed_s = (stamp_ns - self._settings.start_ns) / 1e9 % self._settings.duration_s
        counts = patrol.reading(elapsed_s)[self._columns]
        return GasReading(stamp_ns, self.channels, counts, self._settings.frame_id)
