"""Writes a recording as a bag, with its ground truth on topics that `gas-fusion evaluate` takes as labels."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gas_fusion_ros.alarm.source_watch import RUNNING, Source
from gas_fusion_ros.bags.serializer import BagMessages
from gas_fusion_ros.bags.topics import ARRAY_INFO, GAS_READINGS, ROBOT_POSE, TRUTH_LABEL, TRUTH_LEAKS
from gas_fusion_ros.bags.writer import BagFormat, BagWriter
from gas_fusion_ros.base.observation import GasReading, ThermalFrame
from gas_fusion_ros.base.units import NANOSECONDS_PER_SECOND
from gas_fusion_ros.drivers.thermal.calibration import from_field_of_view
from gas_fusion_ros.export.bag_sources import BagInstant, BagSource
from gas_fusion_ros.ros import messages
from gas_fusion_ros.ros.source_messages import encode_source_status
from gas_fusion_ros.simulation.renderer import FIELD_OF_VIEW_DEG
from gas_fusion_ros.truth.label_times import LabelTimes

CAMERA_TOPIC = "thermal/camera_info"
_NODE = "gas_sensor"
"""Whose name the array's messages have on a robot."""


@dataclass(frozen=True)
class BagTarget:
    """Where a bag goes.

    Attributes:
        path: the directory to create; it must not exist.
        namespace: robot's name in front of every topic, such as `robot1`; empty for none.
        bag_format: storage and compression.
    """

    path: Path
    namespace: str = ""
    bag_format: BagFormat = field(default_factory=BagFormat)


@dataclass(frozen=True)
class BagSummary:
    """What a bag holds.

    Attributes:
        readings: gas readings.
        images: thermal images.
        classes: classes of the ground truth, sorted; none where nobody knows.
        leaks: leaks in the ground truth.
        duration_s: from the first message to the last.
    """

    readings: int
    images: int
    classes: tuple[str, ...]
    leaks: int
    duration_s: float


def make_bag(source: BagSource, target: BagTarget, tick: Callable[[], None]) -> BagSummary:
    """Write a recording as a bag, message by message: memory does not grow with its length.

    Each message is recorded at its stamp. Written once at the start, latched, are `gas/array_info` where the
    array describes itself, and `truth/leaks` where the classes are known; then `truth/label` comes at each
    change and every second while anything is sensed.

    Args:
        source: the recording.
        target: where it goes.
        tick: called after each instant of the source.

    Raises:
        BagError: the bag exists or cannot be written.
    """
    prefix = f"/{target.namespace}/" if target.namespace else "/"
    latched = frozenset({f"{prefix}{ARRAY_INFO}", f"{prefix}{TRUTH_LEAKS}"})
    with BagWriter(target.path, latched, target.bag_format) as writer:
        maker = _Maker(source, prefix, writer)
        return maker.write(tick)


class _Maker:
    """Puts a source's messages into a bag."""

    def __init__(self, source: BagSource, prefix: str, writer: BagWriter) -> None:
        self._source = source
        self._prefix = prefix
        self._writer = writer
        self._messages = BagMessages()

    def write(self, tick: Callable[[], None]) -> BagSummary:
        source = self._source
        labels = LabelTimes(source.truth)
        readings = images = last_ns = 0
        first_ns = None
        for instant in source.instants():
            last_ns = instant.stamp_ns
            if first_ns is None:
                first_ns = last_ns
                self._write_array(first_ns)
                self._write_leaks(first_ns)
            # Labels before what is sensed at the same time, for they say what that is.
            for stamp_ns, label in labels.due(last_ns):
                self._put(TRUTH_LABEL, messages.encode_label(label, self._messages), stamp_ns)
            self._write_instant(instant)
            readings += instant.reading is not None
            images += instant.frame is not None
            tick()
        return BagSummary(
            readings=readings,
            images=images,
            classes=tuple(sorted({stretch.label for stretch in source.truth})),
            leaks=len(source.leaks),
            duration_s=(last_ns - (first_ns or 0)) / NANOSECONDS_PER_SECOND,
        )

    def _write_array(self, stamp_ns: int) -> None:
        array = self._source.array
        if array is not None:
            # Neither a recording that is played nor a simulation is a sensor.
            source = Source(self._source.driver, False, RUNNING)
            told = encode_source_status(
                source, stamp_ns, GasReading.frame_id, _NODE, self._messages, array=array
            )
            self._put(ARRAY_INFO, told, stamp_ns)

    def _write_leaks(self, stamp_ns: int) -> None:
        if self._source.truth:
            leaks = messages.encode_leaks(self._source.leaks, stamp_ns, self._messages)
            self._put(TRUTH_LEAKS, leaks, stamp_ns)

    def _write_instant(self, instant: BagInstant) -> None:
        if instant.pose is not None:
            self._put(ROBOT_POSE, messages.encode_pose(instant.pose, self._messages), instant.stamp_ns)
        if instant.reading is not None:
            self._put(
                GAS_READINGS, messages.encode_reading(instant.reading, self._messages), instant.stamp_ns
            )
        if instant.frame is not None:
            self._write_frame(instant.frame)

    def _write_frame(self, frame: ThermalFrame) -> None:
        height, width = frame.pixels.shape[:2]
        camera = from_field_of_view(width, height, FIELD_OF_VIEW_DEG)
        info = messages.encode_camera_info(camera, frame.stamp_ns, frame.frame_id, self._messages)
        self._put(self._source.image_topic, messages.encode_frame(frame, self._messages), frame.stamp_ns)
        self._put(CAMERA_TOPIC, info, frame.stamp_ns)

    def _put(self, topic: str, message: Any, stamp_ns: int) -> None:
        cdr = self._messages.serialize(message)
        self._writer.write(f"{self._prefix}{topic}", message.__msgtype__, cdr, stamp_ns)
