"""Thermal frames of a simulated patrol."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gas_fusion_ros.drivers import DriverError, DriverState
from gas_fusion_ros.drivers.grid import Grid
from gas_fusion_ros.observation import ThermalFrame
from gas_fusion_ros.problems import Problems
from gas_fusion_ros.simulation.patrol import Patrol

# Rendering costs time: after a gap only the newest frames are worth it.
_MAX_BACKLOG = 64
_STEPS_PER_K = 100.0
"""A radiometric camera's counts are steps of 0.01 K; a bag of such frames is half the size."""


@dataclass(frozen=True)
class SimulatedThermalSettings:
    """Which patrol to look at and how often.

    Attributes:
        seed: the patrol; the same seed, duration and leaks give the same world.
        duration_s: length of the patrol, after which it begins again.
        leaks: how many leaks it meets.
        period_ns: time between frames (8 Hz: below the 9 Hz of exportable thermal cameras).
        start_ns: the clock's time at which the patrol begins.
        frame_id: optical frame of the camera.
    """

    seed: int = 0
    duration_s: float = 600.0
    leaks: int = 3
    period_ns: int = 125_000_000
    start_ns: int = 0
    frame_id: str = "thermal_camera_optical_frame"

    def __post_init__(self) -> None:
        if self.period_ns <= 0:
            raise ValueError(f"period_ns is {self.period_ns}; expected a positive number of nanoseconds")
        if self.duration_s <= 0:
            raise ValueError(f"duration_s is {self.duration_s}; expected a positive number of seconds")


class SimulatedThermalDriver:
    """Renders a patrol at stamps that are multiples of the period, as 32FC1 degC, 156 x 206."""

    def __init__(self, settings: SimulatedThermalSettings) -> None:
        self._settings = settings
        self.problems = Problems()
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

    def poll(self, now_ns: int) -> list[ThermalFrame]:
        """Return the frames whose time has come, oldest first."""
        patrol = self._patrol
        if patrol is None:
            return []
        return [self._frame(patrol, stamp_ns) for stamp_ns in self._grid.due(now_ns)]

    def close(self) -> None:
        """Forget the world; safe to call twice."""
        self._patrol = None

    def _make_grid(self) -> Grid:
        return Grid(self._settings.period_ns, self._settings.start_ns, _MAX_BACKLOG, self.problems)

    def _frame(self, patrol: Patrol, stamp_ns: int) -> ThermalFrame:
        elapsed_s = (stamp_ns - self._settings.start_ns) / 1e9 % self._settings.duration_s
        celsius = np.rint(patrol.frame(elapsed_s) * np.float32(_STEPS_PER_K)) / np.float32(_STEPS_PER_K)
        return ThermalFrame(stamp_ns, celsius, "32FC1", self._settings.frame_id)
