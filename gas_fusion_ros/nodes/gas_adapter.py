"""Publishes as an array's readings what other people's drivers publish in their own ways."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from diagnostic_msgs.msg import DiagnosticStatus

from gas_fusion_ros.base.units import NANOSECONDS_PER_SECOND
from gas_fusion_ros.drivers.gas.lines.types import LineForm
from gas_fusion_ros.drivers.registry import FoundDrivers
from gas_fusion_ros.nodes.driver_node import driver_specs
from gas_fusion_ros.nodes.gas_array_node import READINGS_TOPIC, GasArrayNode, GasArraySettings
from gas_fusion_ros.nodes.runner import run
from gas_fusion_ros.nodes.source_table import SourceRow, channels_of, read_sources
from gas_fusion_ros.nodes.topic_driver import TopicDriver, TopicDriverSettings
from gas_fusion_ros.nodes.topic_source import StampFrom, TopicSettings
from gas_fusion_ros.settings.fields import setting

_NO_DRIVERS = FoundDrivers({})


@dataclass(frozen=True)
class GasAdapterSettings(GasArraySettings):
    """Which topics are heard.

    Attributes:
        rows: `sources`, read.
        channels: those of the rows, in order.
    """

    driver: str = "topics"
    sources: tuple[str, ...] = setting(
        (),
        "the topics, a row CHANNEL=TOPIC for each sensor's own, CHANNEL,CHANNEL,...=TOPIC for one with "
        "several, in the order of its values; behind it may stand its type, else the one that it has counts. "
        "Must be given",
    )
    period_ns: int = setting(
        NANOSECONDS_PER_SECOND // 2,
        "how long a new value waits for those of the other channels, s; a reading goes out once all that are "
        "not silent have one, or then",
        minimum=0.0,
        maximum=3600.0,
    )
    max_age_ns: int = setting(
        5 * NANOSECONDS_PER_SECOND,
        "a channel that has been silent for longer is NaN, s",
        minimum=0.01,
        maximum=3600.0,
    )
    stamp_from: str = setting(
        StampFrom.HEADER.value,
        "acquisition time of messages with a header: its stamp, or that of their arrival; others, and stamps "
        "of 0, are always of the arrival",
        choices=tuple(one.value for one in StampFrom),
    )
    line_format: str = setting(
        LineForm.AUTO.value,
        "how lines of std_msgs/String are written, as serial.format of gas_sensor",
        choices=tuple(form.value for form in LineForm if form is not LineForm.PROTOCOL),
    )
    is_sensor: bool = setting(
        True, "false where a simulation or a recording publishes the topics: it is shown as such"
    )
    rows: tuple[SourceRow, ...] = ()
    channels: tuple[str, ...] = ()
    start_ns: int = 0


class GasAdapterNode(GasArrayNode[GasAdapterSettings]):
    """Publishes what it hears on the topics of `sources`."""

    DRIVERS = _NO_DRIVERS
    SETTINGS = GasAdapterSettings
    SPECS = driver_specs(GasAdapterSettings, _NO_DRIVERS)

    def __init__(self, node_name: str = "gas_adapter", **node_arguments: Any) -> None:
        super().__init__(node_name, **node_arguments)
        self._topics: TopicDriver | None = None

    @property
    def driver_name(self) -> str:
        """What stands behind the readings, as `gas/array_info` tells it."""
        return GasAdapterSettings.driver

    @property
    def driver_is_sensor(self) -> bool:
        """As whoever knows the topics says."""
        return bool(self.parameters.value("is_sensor"))

    def read_settings(self) -> GasAdapterSettings:
        """Take the settings, and the channels from the rows of `sources`."""
        rows = read_sources([text for text in self.parameters.value("sources") if text])
        return self.parameters.settings(GasAdapterSettings, rows=rows, channels=channels_of(rows))

    def create_driver(self) -> TopicDriver:
        """Make what hears the topics."""
        settings = self.settings
        topics = TopicSettings(
            settings.max_age_ns,
            StampFrom(settings.stamp_from),
            LineForm(settings.line_format),
            self.array_unit,
        )
        driver_settings = TopicDriverSettings(settings.rows, settings.period_ns, settings.frame_id, topics)
        own_topic = self.resolve_topic_name(READINGS_TOPIC)
        self._topics = TopicDriver(self, driver_settings, own_topic)
        return self._topics

    def deactivate(self) -> None:
        """Stop polling, and hearing."""
        super().deactivate()
        if self._topics is not None:
            self._topics.mute()

    def cleanup(self) -> None:
        """Close the topics."""
        super().cleanup()
        self._topics = None

    def diagnostics(self) -> list[DiagnosticStatus]:
        """As any array's, then the state of each topic."""
        return [*super().diagnostics(), *([] if self._topics is None else self._topics.statuses())]


def main(args: Sequence[str] | None = None) -> None:
    """Run the node."""
    run(GasAdapterNode, args)


if __name__ == "__main__":
    main()
