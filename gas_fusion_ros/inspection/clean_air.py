"""The readings of clean air in a recording: a bag, or a folder or CSV in the data set's layout."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
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
from gas_fusion_ros.base.quoting import listed, shown
from gas_fusion_ros.base.table.classes import check_aliases
from gas_fusion_ros.base.table.options import AS_FOUND, TableOptions
from gas_fusion_ros.pipeline.array_choice import KnownArray
from gas_fusion_ros.ros.messages import MessageError, channel_names, decode_reading
from gas_fusion_ros.ros.source_messages import decode_array
from gas_fusion_ros.truth.label_track import LabelTrack
from gas_fusion_ros.truth.labelling import read_label_track
from gas_fusion_ros.truth.track import Moments

_BESIDE = ("image", "leaks", "pose")


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
        TableError: a class that is to be renamed is not there.
        CleanAirError: every row is of a gas.
    """
    dataset = Dataset.load_readable(path, tuple(channels), problems, options)
    check_aliases(options.classes, dataset.facts.spellings)
    labelled = not dataset.rows.of_label("").all()
    rows = dataset.rows.select(dataset.rows.of_label(CLEAN_AIR)) if labelled else dataset.rows
    if not rows:
        raise CleanAirError(_no_clean_air(dataset.facts.spellings))
    rows = rows[:MOST_READINGS]
    return CleanAir(
        tuple(channels),
        rows.counts,
        rows.stamps_ns,
        f"rows of the class {CLEAN_AIR}" if labelled else "all rows, on your word: none is labelled",
        notes=dataset.facts.told,
    )


@dataclass(frozen=True)
class BagSettings:
    """How a bag is read.

    Attributes:
        topics: names where they are not to be found by convention.
        channels: channels to read; None for those of the first reading.
        classes: what classes are to be called, by their names on the label topic.
        limits: what of the machine unpacking may take.
    """

    topics: BagTopics
    channels: Sequence[str] | None
    classes: Mapping[str, str]
    limits: BagLimits


def read_bag(path: Path, settings: BagSettings, problems: Problems, tick: Callable[[], None]) -> CleanAir:
    """Read the readings of a bag that are labelled as clean air; where nothing is labelled, all.

    What the bag tells of its array comes with them.

    Args:
        path: the bag.
        settings: how.
        problems: where unusable messages are counted.
        tick: called for each reading.

    Raises:
        BagReadError: the bag cannot be read.
        TopicError: there is no such topic.
        TableError: a class that is to be renamed is not there.
        CleanAirError: no reading could be read, or every one is of a gas.
    """
    readings, stamps = [], []
    first_reason = ""
    names = None if settings.channels is None else tuple(settings.channels)
    with BagReader(path, problems, settings.limits) as reader:
        topics = find_topics(reader.topics, settings.topics, problems, _BESIDE, reader.first_messages).topics
        topic, array_topic = topics.gas, topics.array
        if topic is None:
            raise CleanAirError(f"{shown(path.name)} has no topic of gas readings; name one with --gas-topic")
        air = _labelled_air(reader, topics.label, settings.classes, problems)
        array = None
        moments = Moments()
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
            if air is not None and not air.holds_at(moments.of(reading.stamp_ns, message.stamp_ns)):
                first_reason = first_reason or f"none lies where {shown(air.topic)} says {CLEAN_AIR}"
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
        "all readings, on your word: none is labelled" if air is None else air.told,
        array,
    )


@dataclass(frozen=True)
class _LabelledAir:
    """When a label topic says that the air was clean."""

    topic: str
    track: LabelTrack
    clean: frozenset[str]

    def holds_at(self, moment_ns: int) -> bool:
        """Whether it was clean at that moment."""
        return self.track.at(moment_ns) in self.clean

    @property
    def told(self) -> str:
        """Whose word it is."""
        return f"those of the class {CLEAN_AIR} on {shown(self.topic)}"


def _labelled_air(
    reader: BagReader, label_topic: str | None, classes: Mapping[str, str], problems: Problems
) -> _LabelledAir | None:
    """Return when the air was clean; None where nothing is labelled.

    Raises:
        TableError: a class that is to be renamed is not there.
        CleanAirError: it never was.
    """
    track = LabelTrack() if label_topic is None else read_label_track(reader, label_topic, problems)
    check_aliases(classes, track.classes)
    if label_topic is None or not track.classes:
        return None
    clean = frozenset(name for name in track.classes if classes.get(name, name) == CLEAN_AIR)
    if not clean:
        raise CleanAirError(_no_clean_air(track.classes))
    return _LabelledAir(label_topic, track, clean)


def _no_clean_air(classes: Sequence[str]) -> str:
    return (
        f"nothing is labelled {CLEAN_AIR}, clean air: the classes are {listed(classes)}; record some, or say "
        f"by --classes NAME={CLEAN_AIR} which of them it is"
    )


def _told_array(message: BagMessage, problems: Problems) -> KnownArray | None:
    topic = shown(message.topic)
    try:
        array = decode_array(message.message, topic)
    except MessageError as error:
        problems.add(error.cause, error.detail)
        return None
    return None if array is None else KnownArray(topic, array)
