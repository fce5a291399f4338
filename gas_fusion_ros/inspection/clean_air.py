"""The readings of clean air in a recording: a bag, or a folder or CSV in the data set's layout."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from gas_fusion_ros.array.calibration import MOST_READINGS
from gas_fusion_ros.bags.reader import BagMessage, BagReader
from gas_fusion_ros.bags.storage.limits import BagLimits
from gas_fusion_ros.bags.topics import BagTopics, find_topics
from gas_fusion_ros.base.dataset import Dataset
from gas_fusion_ros.base.observation import CLEAN_AIR
from gas_fusion_ros.base.problems import Problems
from gas_fusion_ros.base.quoting import shown
from gas_fusion_ros.base.table.options import AS_FOUND, TableOptions
from gas_fusion_ros.pipeline.array_choice import KnownArray
from gas_fusion_ros.ros.messages import MessageError, channel_names, decode_reading
from gas_fusion_ros.ros.source_messages import decode_array

_BESIDE = ("image", "label", "leaks", "pose")


class CleanAirError(ValueError):
    """A recording has no readings to calibrate with; the message names it and says what would be right."""


@dataclass(frozen=True)
class CleanAir:
    """Readings of clean air; N readings of C channels.

    Attributes:
        channels: names, length C.
        readings: shape (N, C), float32, as recorded; NaN where invalid.
        stamps_ns: shape (N,), acquisition times, ascending or not; None where they are not known.
        told: whose word it is that this is clean air, in words.
        array: how the array described itself beside the readings, the last time; None where it did not.
        notes: what was taken for what in a table, a sentence each.
    """

    channels: tuple[str, ...]
    readings: npt.NDArray[np.float32]
    stamps_ns: npt.NDArray[np.int64] | None
    told: str
    array: KnownArray | None = None
    notes: tuple[str, ...] = ()

    def last(self, count: int) -> CleanAir:
        """Return the last readings, so many or all."""
        stamps_ns = None if self.stamps_ns is None else self.stamps_ns[-count:]
        return replace(self, readings=self.readings[-count:], stamps_ns=stamps_ns)


def read_folder(
    path: Path, channels: Sequence[str], problems: Problems, options: TableOptions = AS_FOUND
) -> CleanAir:
    """Read the rows of a folder or CSV that are labelled as clean air; where nothing is labelled, all.

    Args:
        path: the folder, or its CSV.
        channels: columns to read.
        problems: where unreadable rows are counted.
        options: what the table does not tell by itself.

    Raises:
        DatasetError: it cannot be read, or lacks a column.
        CleanAirError: every row is of a gas.
    """
    dataset = Dataset.load_readable(path, tuple(channels), problems, options)
    labelled = any(row.label for row in dataset.rows)
    rows = [row for row in dataset.rows if not labelled or row.label == CLEAN_AIR][:MOST_READINGS]
    if not rows:
        raise CleanAirError(f"{shown(dataset.csv_path.name)} has no row of the class {CLEAN_AIR}, clean air")
    stamps = [row.stamp_ns for row in rows if row.stamp_ns is not None]
    return CleanAir(
        tuple(channels),
        np.stack([row.counts for row in rows]),
        np.array(stamps, dtype=np.int64) if len(stamps) == len(rows) else None,
        f"rows of the class {CLEAN_AIR}" if labelled else "all rows, on your word: none is labelled",
        notes=dataset.facts.told,
    )


def read_bag(
    path: Path,
    gas_topic: str | None,
    channels: Sequence[str] | None,
    problems: Problems,
    limits: BagLimits,
    tick: Callable[[], None],
) -> CleanAir:
    """Read all readings of a bag, and what it tells of its array.

    Args:
        path: the bag.
        gas_topic: topic of the readings; None for the one that is found.
        channels: channels to read; None for those of the first reading.
        problems: where unusable messages are counted.
        limits: what of the machine unpacking may take.
        tick: called for each reading.

    Raises:
        BagReadError: the bag cannot be read.
        TopicError: there is no such topic.
        CleanAirError: no reading could be read.
    """
    readings, stamps = [], []
    first_reason = ""
    names = None if channels is None else tuple(channels)
    with BagReader(path, problems, limits) as reader:
        topics = find_topics(
            reader.topics, BagTopics(gas=gas_topic), problems, _BESIDE, reader.first_messages
        ).topics
        topic, array_topic = topics.gas, topics.array
        if topic is None:
            raise CleanAirError(f"{shown(path.name)} has no topic of gas readings; name one with --gas-topic")
        array = None
        for message in reader.messages({topic} if array_topic is None else {topic, array_topic}):
            if message.topic == array_topic:
                array = _told_array(message, problems) or array
                continue
            tick()
            try:
                names = names or channel_names(message.message)
                reading = decode_reading(message.message, names)
            except (MessageError, ValueError) as error:
                problems.add("reading_unusable", f"{shown(topic)}: {error}")
                first_reason = first_reason or str(error)
                continue
            readings.append(reading.counts)
            stamps.append(reading.stamp_ns)
            if len(readings) == MOST_READINGS:
                break
    if names is None or not readings:
        raise CleanAirError(f"no reading on {shown(topic)} can be used: {first_reason or 'it has none'}")
    order = np.argsort(stamps, kind="stable")
    return CleanAir(
        names,
        np.stack(readings)[order],
        np.array(stamps, dtype=np.int64)[order],
        "all readings, on your word",
        array,
    )


def _told_array(message: BagMessage, problems: Problems) -> KnownArray | None:
    topic = shown(message.topic)
    try:
        array = decode_array(message.message, topic)
    except MessageError as error:
        problems.add(error.cause, error.detail)
        return None
    return None if array is None else KnownArray(topic, array)
