"""Follows the gas readings of a bag, in memory of constant size."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import numpy as np

from gas_fusion_ros.array.description import plausible_readings
from gas_fusion_ros.array.expected import Expected
from gas_fusion_ros.array.scale import ScaleWatch
from gas_fusion_ros.base.mq import ChannelHealth
from gas_fusion_ros.base.observation import GasReading
from gas_fusion_ros.base.problems import Problems
from gas_fusion_ros.base.quoting import shown
from gas_fusion_ros.drivers.gas.channel_health import ChannelMonitor, ChannelSettings
from gas_fusion_ros.inspection.schema import ChannelFigures, GasFigures
from gas_fusion_ros.inspection.times import StampFollower
from gas_fusion_ros.ros.messages import MessageError, channel_names, decode_reading, stamp_to_ns

if TYPE_CHECKING:
    from sensor_msgs.msg import PointCloud2


_MOST_FRAMES = 100
_LONGEST_NAME = 255


class GasFollower:
    """Follows the readings of one topic.

    Args:
        topic: full topic name.
        problems: where unreadable readings are counted.
        expected: what the readings are compared with.
    """

    def __init__(self, topic: str, problems: Problems, expected: Expected) -> None:
        self._topic = topic
        self._problems = problems
        self._frames: dict[str, None] = {}
        self._stamps = StampFollower()
        self._unreadable: Counter[str] = Counter()
        self._channels: ChannelFollower | None = None
        self._scale_watch = ScaleWatch(expected)
        self._scale = ""

    def add(self, msg: PointCloud2, recorded_ns: int) -> int:
        """Take in a message; return its stamp, nanoseconds."""
        stamp_ns = stamp_to_ns(msg.header.stamp)
        self._stamps.add(stamp_ns, recorded_ns)
        if len(self._frames) < _MOST_FRAMES:
            self._frames[str(msg.header.frame_id[:_LONGEST_NAME])] = None
        try:
            if self._channels is None:
                self._channels = ChannelFollower(channel_names(msg))
            reading = decode_reading(msg, self._channels.names)
            self._channels.add(reading)
            self._judge_scale(reading)
        except MessageError as error:
            self._count(error.cause, error.detail)
        except ValueError as error:
            self._count("reading_channels", str(error))
        return stamp_ns

    def expect(self, expected: Expected) -> None:
        """Judge the scale of the readings to come by this."""
        self._scale_watch = ScaleWatch(expected)

    def figures(self) -> GasFigures:
        """What was found so far."""
        return GasFigures(
            topic=self._topic,
            frames=tuple(self._frames),
            stamps=self._stamps.figures(),
            channels=() if self._channels is None else self._channels.figures(),
            unreadable=dict(self._unreadable),
            scale=self._scale,
        )

    def _judge_scale(self, reading: GasReading) -> None:
        self._scale_watch.add(reading.channels, reading.counts)
        if not self._scale and self._scale_watch.complaint is not None:
            self._scale = self._scale_watch.complaint.text

    def _count(self, cause: str, detail: str) -> None:
        self._unreadable[cause] += 1
        self._problems.add(cause, f"{shown(self._topic)}: {detail}")


class ChannelFollower:
    """Follows the values of each channel.

    Args:
        names: of the channels, length C.

    Raises:
        ValueError: a reading cannot have channels of these names.
    """

    def __init__(self, names: tuple[str, ...]) -> None:
        # Nobody knows from a bag when the array was switched on.
        self._monitor = ChannelMonitor(ChannelSettings(names, warm_up_ns=0), plausible_readings())
        self.names = names
        self._readings = 0
        self._least = np.full(len(names), np.inf)
        self._greatest = np.full(len(names), -np.inf)
        self._sum = np.zeros(len(names))
        self._known = np.zeros(len(names), dtype=np.int64)
        self._health: tuple[Counter[ChannelHealth], ...] = tuple(Counter() for _ in names)

    def add(self, reading: GasReading) -> None:
        """Take in a reading of these channels."""
        self._readings += 1
        known = np.isfinite(reading.counts)
        self._known += known
        self._sum += np.where(known, reading.counts, 0.0)
        self._least = np.where(known, np.minimum(self._least, reading.counts), self._least)
        self._greatest = np.where(known, np.maximum(self._greatest, reading.counts), self._greatest)
        for state, health in zip(
            self._monitor.update(reading.stamp_ns, reading.counts), self._health, strict=True
        ):
            health[state.health] += 1

    def figures(self) -> tuple[ChannelFigures, ...]:
        """What was found so far."""
        return tuple(self._figures(index) for index in range(len(self.names)))

    def _figures(self, index: int) -> ChannelFigures:
        known = int(self._known[index])
        health, readings = self._health[index], max(self._readings, 1)
        return ChannelFigures(
            name=self.names[index],
            least=float(self._least[index]) if known else None,
            mean=float(self._sum[index]) / known if known else None,
            greatest=float(self._greatest[index]) if known else None,
            nan_share=health[ChannelHealth.NAN] / readings,
            out_of_range_share=health[ChannelHealth.OUT_OF_RANGE] / readings,
            stuck_share=health[ChannelHealth.STUCK] / readings,
        )
