"""Listens to gas readings for a while: a node for the length of a call."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import rclpy
from diagnostic_msgs.msg import DiagnosticArray
from rclpy.context import Context
from rclpy.exceptions import InvalidTopicNameException
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.qos import QoSProfile, ReliabilityPolicy
from rclpy.signals import SignalHandlerOptions
from sensor_msgs.msg import PointCloud2

from gas_fusion_ros.array.calibration import LEAST_READINGS, MOST_READINGS
from gas_fusion_ros.array.description import ArrayDescription
from gas_fusion_ros.base.problems import Problems
from gas_fusion_ros.base.quoting import listed, one_line, shown
from gas_fusion_ros.nodes.bounded_subscriber import BoundedSubscriber
from gas_fusion_ros.nodes.qos import LATCHED
from gas_fusion_ros.ros.messages import MessageError, channel_names, decode_reading
from gas_fusion_ros.ros.source_messages import decode_array

_LOOK_S = 0.1
_TYPE = "sensor_msgs/msg/PointCloud2"
_QOS = QoSProfile(depth=100, reliability=ReliabilityPolicy.BEST_EFFORT)
"""Hears a publisher of either kind; to miss a reading changes no mean."""


class ListenError(ValueError):
    """Nothing can be heard; the message says why and what would be right."""


@dataclass(frozen=True)
class HeardReadings:
    """What came on a topic; N readings, at least one, of C channels, in the order of their stamps.

    Attributes:
        channels: names, length C.
        readings: shape (N, C), float32, as published; NaN where invalid.
        stamps_ns: shape (N,), acquisition times, ascending.
        seconds: for how long was listened since the first.
        array_topic: the latched topic beside that of the readings, where an array describes itself.
        array: how it did so there, the last time; None where it did not.
    """

    channels: tuple[str, ...]
    readings: npt.NDArray[np.float32]
    stamps_ns: npt.NDArray[np.int64]
    seconds: float
    array_topic: str
    array: ArrayDescription | None


def listen(
    topic: str,
    channels: Sequence[str] | None,
    duration_s: float,
    problems: Problems,
    tick: Callable[[], None],
    has_ended: Callable[[], bool],
    patience_s: float,
) -> HeardReadings:
    """Listen to the readings of a topic, and to `array_info` beside it, as `camera_info` is beside an image.

    Args:
        topic: its name; without a slash at its begin, below the root.
        channels: channels to take; None for those of the first reading.
        duration_s: for how long, seconds of a steady clock from the first reading on.
        problems: where messages that cannot be used are counted.
        tick: called once for each second of the duration.
        has_ended: asked often; when it says so, what has come by then is all.
        patience_s: for how long nothing may come. Where the duration needs a slower array it is longer.

    Raises:
        ListenError: ROS cannot start, nobody publishes, the topic is of another type, falls silent or has no
            reading that can be used, or it ended before the first.
    """
    context = Context()
    try:
        rclpy.init(args=[], context=context, signal_handler_options=SignalHandlerOptions.NO)
    except RuntimeError as error:
        raise ListenError(f"ROS cannot start: {one_line(str(error))}") from None
    try:
        node = Node("gas_fusion_listener", context=context, enable_rosout=False)
        try:
            ear = _Ear(node, topic, channels, problems)
            ear.listen(duration_s, max(patience_s, duration_s / LEAST_READINGS), tick, has_ended)
        finally:
            node.destroy_node()
    except InvalidTopicNameException as error:
        raise ListenError(f"{shown(topic)} is no name of a topic: {one_line(str(error))}") from None
    finally:
        context.try_shutdown()
    return ear.heard()


class _Ear:
    def __init__(self, node: Node, topic: str, channels: Sequence[str] | None, problems: Problems) -> None:
        self._node = node
        self._topic = topic
        self._names = None if channels is None else tuple(channels)
        self._problems = problems
        self._readings: list[npt.NDArray[np.float32]] = []
        self._stamps: list[int] = []
        self._refusal = ""
        self._seconds = 0.0
        self._heard_s = time.monotonic()
        self._array_topic = f"{topic.rpartition('/')[0]}/array_info"
        self._array: ArrayDescription | None = None
        BoundedSubscriber(node, PointCloud2, topic, _QOS, problems, self._hear)
        BoundedSubscriber(node, DiagnosticArray, self._array_topic, LATCHED, problems, self._hear_array)

    def listen(
        self, duration_s: float, patience_s: float, tick: Callable[[], None], has_ended: Callable[[], bool]
    ) -> None:
        executor = SingleThreadedExecutor(context=self._node.context)
        executor.add_node(self._node)
        begun_s: float | None = None
        ticks = 0
        try:
            while not has_ended() and self._seconds < duration_s and len(self._stamps) < MOST_READINGS:
                executor.spin_once(timeout_sec=_LOOK_S)
                now_s = time.monotonic()
                if self._stamps and begun_s is None:
                    begun_s = now_s
                self._seconds = 0.0 if begun_s is None else min(now_s - begun_s, duration_s)
                for _ in range(int(self._seconds) - ticks):
                    tick()
                ticks = max(ticks, int(self._seconds))
                if now_s - self._heard_s > patience_s:
                    raise ListenError(self._silence(patience_s))
        finally:
            executor.shutdown()

    def heard(self) -> HeardReadings:
        if self._names is None or not self._stamps:
            raise ListenError(f"no reading has come on {shown(self._topic)} yet")
        order = np.argsort(self._stamps, kind="stable")
        return HeardReadings(
            self._names,
            np.stack(self._readings)[order],
            np.array(self._stamps, dtype=np.int64)[order],
            self._seconds,
            self._array_topic,
            self._array,
        )

    def _hear(self, message: PointCloud2) -> None:
        try:
            names = self._names or channel_names(message)
            reading = decode_reading(message, names)
        except (MessageError, ValueError) as error:
            self._problems.add("reading_unusable", f"{shown(self._topic)}: {error}")
            self._refusal = self._refusal or str(error)
            return
        self._names = names
        self._heard_s = time.monotonic()
        self._readings.append(reading.counts)
        self._stamps.append(reading.stamp_ns)

    def _hear_array(self, message: DiagnosticArray) -> None:
        try:
            self._array = decode_array(message, shown(self._array_topic)) or self._array
        except MessageError as error:
            self._problems.add(error.cause, error.detail)

    def _silence(self, patience_s: float) -> str:
        """Why nothing has been heard for so long."""
        topic = shown(self._topic)
        if self._stamps:
            return f"{topic} fell silent for {patience_s:g} s, after {len(self._stamps)} readings"
        if self._refusal:
            return f"no reading on {topic} can be used: {self._refusal}"
        types = {one.topic_type for one in self._node.get_publishers_info_by_topic(self._topic)}
        if types - {_TYPE}:
            return f"{topic} is of the type {listed(types)}; readings are {_TYPE}"
        if types:
            return f"the publisher of {topic} has been silent for {patience_s:g} s"
        return f"nobody has published {topic} for {patience_s:g} s; {self._others()}"

    def _others(self) -> str:
        found = [name for name, types in self._node.get_topic_names_and_types() if _TYPE in types]
        others = [name for name in found if self._node.count_publishers(name)]
        if others:
            return f"there is {listed(sorted(others))}"
        return "is the node of the array active, and ROS_DOMAIN_ID the same?"
