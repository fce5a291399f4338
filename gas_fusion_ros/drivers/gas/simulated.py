"""Gas readings of a simulated patrol."""

from __future__ import annotations

from dataclasses import dataclass

from gas_fusion_ros.base.observation import PAPER_CHANNELS, GasReading
from gas_fusion_ros.drivers.patrol import PatrolDriver, SimulatedSettings
from gas_fusion_ros.drivers.registry import DriverEntry
from gas_fusion_ros.simulation.patrol import Patrol

_MAX_BACKLOG = 256


@dataclass(frozen=True)
class SimulatedGasSettings(SimulatedSettings):
    """Which patrol to sense, how often and with which array.

    Attributes:
        channels: which of the data set's sensors the array carries, in this order.
        frame_id: coordinate frame of the array.
    """

    channels: tuple[str, ...] = PAPER_CHANNELS
    frame_id: str = "gas_sensor_link"

    def __post_init__(self) -> None:
        super().__post_init__()
        unknown = [name for name in self.channels if name.lower() not in PAPER_CHANNELS]
        if unknown or not self.channels:
            raise ValueError(
                f"channels: {', '.join(unknown) or 'none given'}; "
                f"the simulation knows {', '.join(PAPER_CHANNELS)}"
            )


class SimulatedGasDriver(PatrolDriver[GasReading]):
    """Samples a patrol's gas at stamps that are multiples of the period."""

    def __init__(self, settings: SimulatedGasSettings) -> None:
        super().__init__(settings, _MAX_BACKLOG)
        self.channels = settings.channels
        self._frame_id = settings.frame_id
        self._columns = [PAPER_CHANNELS.index(name.lower()) for name in settings.channels]

    def sample(self, patrol: Patrol, elapsed_s: float, stamp_ns: int) -> GasReading:
        """The reading at `elapsed_s`."""
        return GasReading(stamp_ns, self.channels, patrol.reading(elapsed_s)[self._columns], self._frame_id)


DRIVER = DriverEntry("simulated", SimulatedGasSettings, SimulatedGasDriver, is_sensor=False)
