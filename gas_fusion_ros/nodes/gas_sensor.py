"""Publishes the readings of an MQ gas sensor array, a recording or a simulation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from diagnostic_msgs.msg import DiagnosticStatus
from rclpy.lifecycle import LifecyclePublisher
from sensor_msgs.msg import PointCloud2

from gas_fusion_ros.alarm.source_watch import WARMING_UP, Source
from gas_fusion_ros.base.mq import ChannelHealth, ChannelMonitor, ChannelSettings, ChannelState
from gas_fusion_ros.base.observation import PAPER_CHANNELS, GasReading
from gas_fusion_ros.drivers import DriverState, GasDriver
from gas_fusion_ros.drivers.gas.recorded import RecordedGasDriver, RecordedGasSettings
from gas_fusion_ros.drivers.gas.serial import SerialGasDriver, SerialGasSettings
from gas_fusion_ros.drivers.gas.simulated import SimulatedGasDriver, SimulatedGasSettings
from gas_fusion_ros.nodes.driver_node import POLL_SPECS, SIMULATION_SPECS, DriverNode
from gas_fusion_ros.nodes.parameters import ParameterError, ParameterSpec
from gas_fusion_ros.nodes.qos import RELIABLE
from gas_fusion_ros.nodes.runner import run
from gas_fusion_ros.ros import messages

SPECS = (
    ParameterSpec(
        "driver",
        "",
        "where the readings come from; must be given",
        choices=("simulated", "recorded", "serial"),
    ),
    ParameterSpec("channels", list(PAPER_CHANNELS), "channels of the array, in order", read_only=True),
    ParameterSpec("frame_id", "gas_sensor_link", "coordinate frame of the array", read_only=True),
    ParameterSpec(
        "period",
        0.5,
        "time between readings of the drivers simulated and recorded, s",
        minimum=0.001,
        maximum=3600.0,
    ),
    ParameterSpec("recorded.path", "", "what the driver recorded plays: a CSV in the data set's layout"),
    ParameterSpec("recorded.loop", True, "begin again after the last row"),
    ParameterSpec("serial.port", "/dev/ttyACM0", "the microcontroller's port"),
    ParameterSpec("serial.baud", 115200, "bits per second", minimum=300, maximum=4_000_000),
    ParameterSpec(
        "health.minimum_counts",
        1.0,
        "least plausible count; below it a channel goes out as NaN",
        minimum=-1e9,
        maximum=1e9,
    ),
    ParameterSpec(
        "health.maximum_counts",
        1022.0,
        "greatest plausible count, below the ADC's full scale; above it a channel goes out as NaN",
        minimum=-1e9,
        maximum=1e9,
    ),
    ParameterSpec(
        "health.stuck_after",
        180.0,
        "a channel whose count has not moved for this long is reported stuck, s; a pause between two "
        "readings counts for a tenth of it at most; 0 switches it off",
        minimum=0.0,
        maximum=86400.0,
    ),
    ParameterSpec(
        "health.warm_up",
        180.0,
        "for how long after the first reading the channels are reported as warming up, s; pauses count, "
        "for heaters stay powered",
        minimum=0.0,
        maximum=172800.0,
    ),
)


class GasSensorNode(DriverNode[GasReading]):
    """Publishes `gas/readings`; a channel out of the ADC's range goes out as NaN (REP-117).

    `gas/array_info` tells, latched, what array that is: driver, state and each channel's health.
    """

    SOURCE_TOPIC = "gas/array_info"
    SPECS = (*SPECS, *POLL_SPECS, *SIMULATION_SPECS)

    def __init__(self, node_name: str = "gas_sensor", **node_arguments: Any) -> None:
        super().__init__(node_name, **node_arguments)
        self._publisher: LifecyclePublisher[PointCloud2] = self.create_lifecycle_publisher(
            PointCloud2, "gas/readings", RELIABLE
        )
        self._monitor: ChannelMonitor | None = None
        self._states: tuple[ChannelState, ...] = ()

    def create_driver(self) -> GasDriver:
        """Build the driver that the parameters name."""
        parameters = self.parameters
        channels = parameters.texts("channels")
        frame_id = parameters.text("frame_id")
        match parameters.required_text("driver"):
            case "recorded":
                return RecordedGasDriver(
                    RecordedGasSettings(
                        path=parameters.required_text("recorded.path"),
                        period_ns=parameters.nanoseconds("period"),
                        loop=parameters.flag("recorded.loop"),
                        start_ns=parameters.nanoseconds("start_time"),
                        channels=channels,
                        frame_id=frame_id,
                    )
                )
            case "serial":
                return SerialGasDriver(
                    SerialGasSettings(
                        port=parameters.text("serial.port"),
                        baud=parameters.integer("serial.baud"),
                        channels=channels,
                        frame_id=frame_id,
                    )
                )
            case "simulated":
                return SimulatedGasDriver(
                    SimulatedGasSettings(
                        seed=parameters.integer("simulated.seed"),
                        duration_s=parameters.number("simulated.duration"),
                        leaks=parameters.integer("simulated.leaks"),
                        period_ns=parameters.nanoseconds("period"),
                        start_ns=parameters.nanoseconds("start_time"),
                        channels=channels,
                        frame_id=frame_id,
                    )
                )
            case unknown:
                raise ParameterError(f"driver is '{unknown}', which this node does not have")

    def configure(self) -> None:
        """Open the driver and begin to watch the channels' health."""
        self._monitor = ChannelMonitor(
            ChannelSettings(
                channels=self.parameters.texts("channels"),
                minimum_counts=self.parameters.number("health.minimum_counts"),
                maximum_counts=self.parameters.number("health.maximum_counts"),
                stuck_ns=self.parameters.nanoseconds("health.stuck_after"),
                warm_up_ns=self.parameters.nanoseconds("health.warm_up"),
            )
        )
        self._states = ()
        super().configure()

    def publish(self, sample: GasReading) -> None:
        """Publish one reading, invalid channels as NaN."""
        assert self._monitor is not None
        # Not by the stamps: a step of the system clock warms no heater.
        self._states = self._monitor.update(self.watch_ns(), sample.counts)
        masked = replace(sample, counts=self._monitor.masked(sample.counts))
        self._publisher.publish(messages.encode_reading(masked))

    def source(self) -> Source:
        """What stands behind the readings now; until the first one the channels warm up, where they do."""
        source = super().source()
        channels = tuple((one.name, one.health) for one in self._states)
        if not channels and self.parameters.number("health.warm_up") > 0:
            warming = ChannelHealth.WARMING_UP
            channels = tuple((name, warming) for name in self.parameters.texts("channels"))
        is_running = source.state == DriverState.RUNNING.value
        warms_up = any(health is ChannelHealth.WARMING_UP for _, health in channels)
        state = WARMING_UP if is_running and warms_up else source.state
        return replace(source, state=state, channels=channels)

    def diagnostics(self) -> list[DiagnosticStatus]:
        """The state of the driver, then of each channel."""
        # The last counts of an unplugged array would look alive.
        states = self._states if self.driver_is_running else ()
        return [self.driver_status({}), *messages.channel_diagnostics(states, self.diagnostic_name)]


def main(args: Sequence[str] | None = None) -> None:
    """Run the node."""
    run(GasSensorNode, args)


if __name__ == "__main__":
    main()
