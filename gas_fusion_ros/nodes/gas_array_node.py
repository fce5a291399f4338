"""What every node of a gas sensor array does: readings with their health out, the array told, calibration."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from rclpy.lifecycle import LifecyclePublisher
from sensor_msgs.msg import PointCloud2

from gas_fusion_ros.alarm.source_watch import RUNNING, WARMING_UP, Source
from gas_fusion_ros.array.description import Unit, plausible_readings
from gas_fusion_ros.array.scale import FullScaleWatch
from gas_fusion_ros.array.settings import CalibrationSettings
from gas_fusion_ros.base.mq import ChannelHealth
from gas_fusion_ros.base.observation import PAPER_CHANNELS, GasReading
from gas_fusion_ros.base.quoting import shown
from gas_fusion_ros.base.shipped_files import find_array
from gas_fusion_ros.base.units import NANOSECONDS_PER_SECOND
from gas_fusion_ros.drivers import DriverState
from gas_fusion_ros.drivers.gas.channel_health import ChannelMonitor, ChannelSettings, ChannelState
from gas_fusion_ros.nodes.array_keeper import ArrayKeeper, ArraySettings
from gas_fusion_ros.nodes.driver_node import DriverNode, DriverNodeSettings
from gas_fusion_ros.nodes.parameters import ParameterError
from gas_fusion_ros.nodes.qos import RELIABLE
from gas_fusion_ros.ros import messages, source_messages
from gas_fusion_ros.settings.fields import group, setting

S = TypeVar("S", bound="GasArraySettings")

READINGS_TOPIC = "gas/readings"


@dataclass(frozen=True)
class GasArraySettings(DriverNodeSettings):
    """What the node of a gas sensor array takes, wherever its readings come from."""

    frame_id: str = setting("gas_sensor_link", "coordinate frame of the array", read_only=True)
    period_ns: int = NANOSECONDS_PER_SECOND // 2
    channels: tuple[str, ...] = setting(PAPER_CHANNELS, "channels of the array, in order", read_only=True)
    health: ChannelSettings = group(ChannelSettings)
    array_file: str = setting(
        "",
        "file that describes the array, as `gas-fusion calibrate` and the service gas/calibrate write it, or "
        "the name of a shipped one; told on gas/array_info; empty for none",
    )
    calibration: CalibrationSettings = group(CalibrationSettings)


class GasArrayNode(DriverNode[GasReading, S]):
    """Publishes `gas/readings`; a channel out of the ADC's range goes out as NaN (REP-117).

    `gas/array_info` tells, latched, what array that is: driver, state and each channel's health. The service
    `gas/calibrate` measures its baseline in the clean air of the last minutes.
    """

    SOURCE_TOPIC = "gas/array_info"

    def __init__(self, node_name: str, **node_arguments: Any) -> None:
        super().__init__(node_name, **node_arguments)
        self._publisher: LifecyclePublisher[PointCloud2] = self.create_lifecycle_publisher(
            PointCloud2, READINGS_TOPIC, RELIABLE
        )
        self._monitor: ChannelMonitor | None = None
        self._states: tuple[ChannelState, ...] = ()
        self._full_scale: FullScaleWatch | None = None
        self._keeper = ArrayKeeper(self, self._calibration_hindrance, self._take_calibrated)

    def prepare(self) -> None:
        """Begin to watch the channels' health, and read how the array describes itself."""
        settings = self.settings
        self._keeper.configure(
            ArraySettings(
                find_array(settings.array_file) if settings.array_file else None,
                settings.channels,
                settings.health.maximum_counts,
                settings.calibration,
            )
        )
        plausible = self._plausible()
        self._monitor, self._states = ChannelMonitor(settings.health, plausible), ()
        self._full_scale = FullScaleWatch(plausible[1])

    @property
    def array_unit(self) -> Unit:
        """What the readings are: as the array's file says, else counts."""
        return Unit.COUNTS if self._keeper.array is None else self._keeper.array.unit

    def _plausible(self) -> tuple[float, float]:
        """The least and the greatest plausible reading.

        Raises:
            ParameterError: the parameters contradict each other, or the array.
        """
        array = self._keeper.array
        try:
            return self.settings.health.plausible(
                *(plausible_readings() if array is None else array.plausible)
            )
        except ValueError as error:
            raise ParameterError(f"health: {error}") from None

    def _take_calibrated(self) -> None:
        assert self._monitor is not None
        self._monitor.plausible = plausible = self._plausible()
        self._full_scale = FullScaleWatch(plausible[1])
        self.tell_source_anew()

    def source_message(self, source: Source, stamp_ns: int, frame_id: str) -> DiagnosticArray:
        """What stands behind the readings, and how the array describes itself."""
        return source_messages.encode_source_status(
            source, stamp_ns, frame_id, self.diagnostic_name, array=self._keeper.array
        )

    def publish(self, sample: GasReading) -> None:
        """Publish one reading, invalid channels as NaN."""
        assert self._monitor is not None
        assert self._full_scale is not None
        if complaint := self._full_scale.add(sample.counts):
            self.problems.add("scale", complaint)
        # Not by the stamps: a step of the system clock warms no heater.
        self._states = self._monitor.update(self.watch_ns(), sample.counts)
        if not any(one.health is ChannelHealth.WARMING_UP for one in self._states):
            self._keeper.hear(sample.stamp_ns, sample.counts)
        masked = replace(sample, counts=self._monitor.masked(sample.counts))
        self._publisher.publish(messages.encode_reading(masked))

    def source(self) -> Source:
        """What stands behind the readings now; until the first one the channels warm up, where they do."""
        source = super().source()
        channels = tuple((one.name, one.health) for one in self._states)
        if not channels and self._monitor is not None and self._monitor.settings.warm_up_ns > 0:
            warming = ChannelHealth.WARMING_UP
            channels = tuple((name, warming) for name in self._monitor.settings.channels)
        is_running = source.state == DriverState.RUNNING.value
        warms_up = any(health is ChannelHealth.WARMING_UP for _, health in channels)
        state = WARMING_UP if is_running and warms_up else source.state
        return replace(source, state=state, channels=channels, warnings=self._keeper.look())

    def _calibration_hindrance(self) -> str:
        source = self.source()
        if source.state == "inactive":
            return "the node is not active"
        if not source.is_sensor:
            return (
                f"the driver {shown(source.driver)} is no sensor, its air is not the array's; a recording is "
                "for `gas-fusion calibrate`"
            )
        if source.state == WARMING_UP:
            return (
                "the channels warm up, for health.warm_up = "
                f"{self.settings.health.warm_up_ns / NANOSECONDS_PER_SECOND:g} s after the first reading"
            )
        if source.state != RUNNING:
            return f"the driver is {source.state}"
        named = self.settings.array_file
        if named and find_array(named) != Path(named).expanduser():
            return f"array_file {shown(named)} names a shipped array; name a file of your own"
        return ""

    def diagnostics(self) -> list[DiagnosticStatus]:
        """The state of the driver, of the array where a file describes it, then of each channel."""
        # The last counts of an unplugged array would look alive.
        states = self._states if self.driver_is_running else ()
        return [
            self.driver_status({}),
            *self._keeper.diagnostics(),
            *source_messages.channel_diagnostics(states, self.diagnostic_name),
        ]
