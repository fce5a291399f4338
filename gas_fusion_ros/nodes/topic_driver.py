"""A gas driver whose devices are topics of others."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from diagnostic_msgs.msg import DiagnosticStatus

from gas_fusion_ros.base.observation import GasReading
from gas_fusion_ros.base.problems import Problems
from gas_fusion_ros.base.units import NANOSECONDS_PER_SECOND
from gas_fusion_ros.drivers import DriverState
from gas_fusion_ros.drivers.gas.latest_values import LatestValues
from gas_fusion_ros.nodes.managed_node import ManagedNode
from gas_fusion_ros.nodes.parameters import ParameterError
from gas_fusion_ros.nodes.source_table import SourceRow, channels_of
from gas_fusion_ros.nodes.topic_source import TopicSettings, TopicSource
from gas_fusion_ros.ros.foreign_readings import ForeignValues

_LOOK_NS = NANOSECONDS_PER_SECOND // 2
_QUEUE = 1000


@dataclass(frozen=True)
class TopicDriverSettings:
    """Which topics make up the array.

    Attributes:
        rows: the topics and their channels, C of them in all.
        wait_ns: how long a new value waits for those of the other channels.
        frame_id: coordinate frame of the array.
        topics: how they are heard.
    """

    rows: tuple[SourceRow, ...]
    wait_ns: int
    frame_id: str
    topics: TopicSettings


class TopicDriver:
    """Hears topics while it is polled, and joins their values into readings of all channels.

    To be used by one thread, the executor's.

    Args:
        node: the node that hears.
        settings: what it hears.
        own_topic: where the node publishes; it cannot be heard.
    """

    def __init__(self, node: ManagedNode, settings: TopicDriverSettings, own_topic: str) -> None:
        self.problems = Problems()
        self._node = node
        self._settings = settings
        self._own_topic = own_topic
        self._channels = channels_of(settings.rows)
        self._sources: list[TopicSource] = []
        self._looked_ns: int | None = None
        self._ready: deque[GasReading] = deque()
        self._values = self._no_values()

    def _no_values(self) -> LatestValues:
        settings = self._settings
        age_ns, now_ns = settings.topics.max_age_ns, self._node.watch_ns()
        return LatestValues(len(self._channels), settings.wait_ns, age_ns, now_ns)

    @property
    def state(self) -> DriverState:
        """Whether any topic sends what can be used."""
        if not self._sources:
            return DriverState.CLOSED
        is_fresh = any(source.is_fresh for source in self._sources)
        return DriverState.RUNNING if is_fresh else DriverState.DISCONNECTED

    def open(self) -> None:
        """Check the topics and the types that are given; they are heard from the first poll on.

        Raises:
            ParameterError: one cannot be heard; says what would be right.
        """
        sources, first = [], 0
        for row in self._settings.rows:
            places = range(first, first + len(row.channels))
            first = places.stop
            sources.append(self._source(row, places))
        self._sources, self._looked_ns = sources, None
        self._start()

    def _source(self, row: SourceRow, places: Sequence[int]) -> TopicSource:
        def take(values: ForeignValues) -> None:
            now_ns = self._node.watch_ns()
            self._values.take(places, values.values, values.stamp_ns, now_ns)
            self._join(now_ns)

        source = TopicSource(self._node, row, self._settings.topics, self.problems, take)
        if source.topic == self._own_topic:
            raise ParameterError(
                f"sources: {source.topic} is what this node publishes itself; let the other driver publish "
                "another topic"
            )
        return source

    def poll(self, now_ns: int) -> Sequence[GasReading]:
        """Return the readings that have become whole, or have waited long enough, oldest first."""
        del now_ns  # messages are stamped when they arrive
        at_ns = self._node.watch_ns()
        if self._looked_ns is None:
            for source in self._sources:
                source.begin()
        if self._looked_ns is None or not 0 <= at_ns - self._looked_ns < _LOOK_NS:
            self._looked_ns = at_ns
            for source in self._sources:
                source.look()
        self._join(at_ns)
        readings = list(self._ready)
        self._ready.clear()
        return readings

    def _join(self, at_ns: int) -> None:
        joined = self._values.due(at_ns)
        if joined is None:
            return
        if len(self._ready) >= _QUEUE:
            self._ready.popleft()
            self.problems.add(
                "queue_overflow", f"more than {_QUEUE} readings came between two polls; lower poll_period"
            )
        frame_id = self._settings.frame_id
        self._ready.append(GasReading(joined.stamp_ns, self._channels, joined.counts, frame_id))

    def mute(self) -> None:
        """Hear nothing until the next poll; what was heard is forgotten."""
        for source in self._sources:
            source.mute()
        self._start()

    def _start(self) -> None:
        self._looked_ns = None
        self._ready.clear()
        self._values = self._no_values()

    def close(self) -> None:
        """Hear nothing any more; safe to call twice."""
        self.mute()
        self._sources = []

    def statuses(self) -> list[DiagnosticStatus]:
        """How each topic does."""
        return [source.status() for source in self._sources]
