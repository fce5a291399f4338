"""Thermal frames of a simulated patrol."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from gas_fusion_ros.base.observation import ThermalFrame
from gas_fusion_ros.drivers.patrol import PatrolDriver, SimulatedSettings
from gas_fusion_ros.drivers.registry import DriverEntry
from gas_fusion_ros.simulation.patrol import Patrol

# Rendering costs time: after a gap only the newest frames are worth it.
_MAX_BACKLOG = 64
_STEPS_PER_K = np.float32(100.0)
"""A radiometric camera's counts are steps of 0.01 K; a bag of such frames is half the size."""


@dataclass(frozen=True)
class SimulatedThermalSettings(SimulatedSettings):
    """Which patrol to look at and how often.

    Attributes:
        period_ns: time between frames (8 Hz: below the 9 Hz of exportable thermal cameras).
        frame_id: optical frame of the camera.
    """

    period_ns: int = 125_000_000
    frame_id: str = "thermal_camera_optical_frame"


class SimulatedThermalDriver(PatrolDriver[ThermalFrame]):
    """Renders a patrol at stamps that are multiples of the period, as 32FC1 degC, 156 x 206."""

    def __init__(self, settings: SimulatedThermalSettings) -> None:
        super().__init__(settings, _MAX_BACKLOG)
        self._frame_id = settings.frame_id

    def sample(self, patrol: Patrol, elapsed_s: float, stamp_ns: int) -> ThermalFrame:
        """The frame at `elapsed_s`."""
        return ThermalFrame(stamp_ns, in_camera_steps(patrol.frame(elapsed_s)), "32FC1", self._frame_id)


def in_camera_steps(celsius: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Temperatures in the steps of 0.01 K in which a radiometric camera tells them."""
    return np.rint(celsius * _STEPS_PER_K) / _STEPS_PER_K


DRIVER = DriverEntry("simulated", SimulatedThermalSettings, SimulatedThermalDriver, is_sensor=False)
