"""Labelled readings to teach from: bags, and folders or CSVs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from gas_fusion_ros.array.array_file import ARRAY_FILE_NAME, load_array
from gas_fusion_ros.array.calibration import saturated_shares
from gas_fusion_ros.array.description import ArrayChannel, ArrayDescription
from gas_fusion_ros.bags.reader import BagMessage, BagReader
from gas_fusion_ros.bags.recognition import is_table
from gas_fusion_ros.bags.storage.limits import BagLimits
from gas_fusion_ros.bags.topics import ARRAY_INFO, BagTopics, find_topics
from gas_fusion_ros.base.dataset import Dataset, MissingColumnError
from gas_fusion_ros.base.observation import UNKNOWN
from gas_fusion_ros.base.problems import Problems
from gas_fusion_ros.base.quoting import listed, shown
from gas_fusion_ros.base.table.columns import MOST_NAMES
from gas_fusion_ros.base.table.options import AS_FOUND, TableOptions
from gas_fusion_ros.model.bundle import Bundle, file_sha256
from gas_fusion_ros.ros.messages import MessageError, channel_names, decode_reading
from gas_fusion_ros.ros.source_messages import decode_array
from gas_fusion_ros.teaching.windows import ROW_PERIOD_NS, Recording
from gas_fusion_ros.truth.label_track import LabelTrack
from gas_fusion_ros.truth.labelling import read_label_track, recording_start
from gas_fusion_ros.truth.labels import read_intervals
from gas_fusion_ros.truth.track import Moments

MOST_SATURATED = 0.1
"""Share of a class's readings of a channel that may be at an end of the converter's range."""
_BESIDE = ("image", "leaks", "pose")
_MOST_ARRAYS = 10
_PERIOD_TOLERANCE = 0.05
"""Readings come a little early at times: this part of a period is forgiven."""


class SourceError(ValueError):
    """A recording cannot be taught from; the message names it and says what would be right."""


@dataclass(frozen=True)
class Labelled:
    """Labelled readings of one recording; N of C channels.

    Attributes:
        path: as it was given.
        sha256: over its files.
        channels: names, length C.
        readings: shape (N, C), float32, as recorded; NaN where invalid.
        stamps_ns: shape (N,).
        labels: the class of each, length N.
        bags: which of its time lines each is of, length N.
        arrays: what it says of the array itself, each once, in its order.
        notes: what was taken for what in a table, a sentence each.
        spellings: its classes, as it calls them itself.
    """

    path: Path
    sha256: str
    channels: tuple[str, ...]
    readings: npt.NDArray[np.float32]
    stamps_ns: npt.NDArray[np.int64]
    labels: tuple[str, ...]
    bags: tuple[str, ...]
    arrays: tuple[ArrayDescription, ...] = ()
    notes: tuple[str, ...] = ()
    spellings: tuple[str, ...] = ()


@dataclass(frozen=True)
class KnownArray:
    """The array of a recording, and whose word that is."""

    array: ArrayDescription
    told: str


def array_of(
    source: Path, given: Path | None, bundle: Bundle, told: Sequence[ArrayDescription] = ()
) -> KnownArray:
    """Return a recording's array: of the file given, else as the recording says, or else the bundle's.

    Args:
        source: the recording; beside a table the file `ARRAY_FILE_NAME` may say it.
        given: an array file.
        bundle: what is taught.
        told: what a bag says of its array.

    Raises:
        ArrayFileError: the file cannot be used.
        SourceError: it has no baseline of any of the bundle's channels, or a bag tells of several arrays.
    """
    beside = (source if source.is_dir() else source.parent) / ARRAY_FILE_NAME
    if given is not None:
        known = KnownArray(load_array(given), f"--array {given}")
    elif len(told) > 1:
        raise SourceError(
            f"{shown(source)} tells of {len(told)} arrays, or of one that was calibrated anew; say by "
            "--array which "
            "holds, or record one bag of each"
        )
    elif told:
        known = KnownArray(told[0], f"as {ARRAY_INFO} of {source} says")
    elif is_table(source) and beside.is_file():
        known = KnownArray(load_array(beside), str(beside))
    else:
        assert bundle.array is not None  # else it could not be taught
        return KnownArray(bundle.array, f"the one that model '{bundle.name}' learned from")
    calibrated = [one.name for one in known.array.channels if one.baseline is not None]
    if not set(calibrated) & set(bundle.channels):
        raise SourceError(
            f"the array, {known.told}, has no baseline of {', '.join(bundle.channels)}; `gas-fusion "
            "calibrate` "
            "measures them in clean air"
        )
    return known


def read_table(
    path: Path, channels: Sequence[str], problems: Problems, options: TableOptions = AS_FOUND
) -> Labelled:
    """Read the labelled rows of a folder or a CSV.

    Args:
        path: the folder or its CSV.
        channels: columns to read.
        problems: where unreadable rows are counted.
        options: what the table does not tell by itself.

    Raises:
        DatasetError: it cannot be read.
        SourceError: it lacks a column of a channel, or of the classes.
    """
    try:
        dataset = Dataset.load_readable(path, channels, problems, options)
    except MissingColumnError as error:
        raise SourceError(f"{error}; name an array of just these by --array") from None
    rows = dataset.rows.select(~dataset.rows.of_label(""))
    if not rows:
        others = dataset.facts.unused_columns
        named = f"; --label-column names another of {listed(others, MOST_NAMES)}" if others else ""
        raise SourceError(
            f"{shown(path)} has no labels: it needs a column 'Gas' that holds the class of each row{named}"
        )
    return Labelled(
        path,
        file_sha256(dataset.csv_path),
        dataset.channels,
        rows.counts,
        rows.indices * ROW_PERIOD_NS if rows.stamps_ns is None else rows.stamps_ns,
        tuple(rows.label_names[code] for code in rows.label_codes.tolist()),
        tuple(rows.bag_names[code] for code in rows.bag_codes.tolist()),
        notes=dataset.facts.told,
        spellings=dataset.facts.spellings,
    )


@dataclass(frozen=True)
class BagSettings:
    """How bags are read.

    Attributes:
        topics: names where they are not to be found by convention.
        labels: a CSV of intervals; None for the bag's label topic.
        limits: what of the machine unpacking may take.
        classes: what classes are to be called, by their names in the labels.
    """

    topics: BagTopics
    labels: Path | None
    limits: BagLimits
    classes: Mapping[str, str] = field(default_factory=dict)


def read_bag(path: Path, settings: BagSettings, problems: Problems, tick: Callable[[], None]) -> Labelled:
    """Read the readings of a bag whose class is known.

    Args:
        path: the bag.
        settings: how.
        problems: where unreadable messages are counted.
        tick: called for each message.

    Raises:
        BagReadError: the bag cannot be read.
        TopicError: a topic that was named is not there.
        LabelError: the CSV of intervals cannot be used.
        SourceError: it has no readings or no labels.
    """
    readings, stamps, labels = [], [], []
    names: tuple[str, ...] = ()
    arrays: list[ArrayDescription] = []
    with BagReader(path, problems, settings.limits) as reader:
        topics = find_topics(reader.topics, settings.topics, problems, _BESIDE, reader.first_messages).topics
        if topics.gas is None:
            raise SourceError(f"{shown(path)} has no gas readings; --gas-topic names their topic")
        track, is_stamped = _truth(reader, topics, settings, problems)
        moments = Moments()
        for message in reader.messages({topics.gas, *([topics.array] if topics.array else [])}):
            tick()
            if message.topic == topics.array:
                _hear_array(message, arrays, problems)
                continue
            try:
                names = names or channel_names(message.message)
                reading = decode_reading(message.message, names)
            except (MessageError, ValueError) as error:
                problems.add("reading_unusable", f"{shown(topics.gas)}: {error}")
                continue
            at_ns = reading.stamp_ns if is_stamped else moments.of(reading.stamp_ns, message.stamp_ns)
            label = track.at(at_ns)
            if label is not None and label != UNKNOWN:
                readings.append(reading.counts)
                stamps.append(reading.stamp_ns)
                labels.append(settings.classes.get(label, label))
        sha256 = reader.sha256()
    if not readings:
        raise SourceError(
            f"{shown(path)} has no reading whose class its labels tell; `gas-fusion inspect` shows its times"
        )
    return Labelled(
        path,
        sha256,
        names,
        np.stack(readings),
        np.array(stamps, dtype=np.int64),
        tuple(labels),
        ("",) * len(labels),
        tuple(arrays),
        spellings=track.classes,
    )


def _hear_array(message: BagMessage, arrays: list[ArrayDescription], problems: Problems) -> None:
    """Add what a message says of the array, if that is new."""
    try:
        array = decode_array(message.message, shown(message.topic))
    except MessageError as error:
        problems.add(error.cause, error.detail)
        return
    if array is not None and array not in arrays and len(arrays) < _MOST_ARRAYS:
        arrays.append(array)


def _truth(
    reader: BagReader, topics: BagTopics, settings: BagSettings, problems: Problems
) -> tuple[LabelTrack, bool]:
    """Return what was in the air, and whether its times are stamps, as those of a CSV are."""
    if settings.labels is not None:
        start = recording_start(reader, topics.gas)
        return LabelTrack.of_intervals(read_intervals(settings.labels, start.stamp_ns)), True
    if topics.label is None:
        raise SourceError(
            f"{shown(reader.path)} has no labels: give a CSV with --labels (`gas-fusion label` writes "
            "one), or name "
            "a topic of std_msgs/msg/String with --label-topic"
        )
    return read_label_track(reader, topics.label, problems), False


def deviations(source: Labelled, known: KnownArray, channels: Sequence[str]) -> npt.NDArray[np.float32]:
    """Return a recording's ln(Rs/R0), shape (N, C), of some channels; NaN where the array has none of it.

    Raises:
        SourceError: a channel is saturated, or no reading of any has a value.
    """
    there = [one for one in known.array.channels if one.name in source.channels]
    if not there:
        raise SourceError(
            f"{shown(source.path)} has the channels {listed(source.channels)}, none of them of {known.told}"
        )
    array = replace(known.array, channels=tuple(there))
    readings = source.readings[:, [source.channels.index(name) for name in array.names]]
    _check_saturation(source, array, readings)
    placed = np.full((len(readings), len(channels)), np.nan, dtype=np.float32)
    for column, name in enumerate(channels):
        if name in array.names:
            placed[:, column] = readings[:, array.names.index(name)]
    bare = {name: ArrayChannel(name) for name in channels}
    described = tuple({**bare, **{one.name: one for one in there}}[name] for name in channels)
    out = replace(array, channels=described).deviations(placed)
    if not np.isfinite(out).any():
        raise SourceError(
            f"{shown(source.path)} has no reading that {known.told} makes ln(Rs/R0) of; is its unit right, "
            "and are "
            f"{listed(channels)} calibrated?"
        )
    return out


def _check_saturation(source: Labelled, array: ArrayDescription, readings: npt.NDArray[np.float32]) -> None:
    labels = np.array(source.labels)
    for label in sorted(set(source.labels)):
        shares = saturated_shares(array, readings[labels == label])
        stuck = [
            f"{name} ({share:.0%})"
            for name, share in zip(array.names, shares, strict=True)
            if share > MOST_SATURATED
        ]
        if stuck:
            raise SourceError(
                f"{shown(source.path)}: saturated in {shown(label)}, at an end of 0 ... {array.full_scale:g} "
                f"{array.unit.value}: {', '.join(stuck)}; record farther from the source, or leave these "
                "channels "
                "out of the array file"
            )


@dataclass(frozen=True)
class Material:
    """What is taught from, together.

    Attributes:
        recording: ln(Rs/R0) as it stands, labels by `classes`; in time order within each class and bag.
        classes: names, those of the model that are not forgotten first.
        readings: how many there were of each taught class, before they were thinned.
    """

    recording: Recording
    classes: tuple[str, ...]
    readings: dict[str, int]


def together(parts: Sequence[tuple[Labelled, npt.NDArray[np.float32]]], known: Iterable[str]) -> Material:
    """Put recordings together, each on time lines of its own, thinned to a reading every two seconds.

    Args:
        parts: recordings with their ln(Rs/R0), shape (N, C) each.
        known: the model's classes that are not forgotten.
    """
    readings = Counter(label for source, _ in parts for label in source.labels)
    classes = tuple(dict.fromkeys([*known, *sorted(readings)]))
    lines: dict[tuple[int, str], int] = {}
    values, labels, stamps, bags = [], [], [], []
    for number, (source, deviation) in enumerate(parts):
        mine = np.array([classes.index(label) for label in source.labels], dtype=np.int64)
        line = np.array([lines.setdefault((number, bag), len(lines)) for bag in source.bags], dtype=np.int64)
        order = np.lexsort((source.stamps_ns, mine, line))
        order = order[_apart(line[order], mine[order], source.stamps_ns[order])]
        values.append(deviation[order])
        labels.append(mine[order])
        stamps.append(source.stamps_ns[order])
        bags.append(line[order])
    recording = Recording(
        np.concatenate(values), np.concatenate(labels), np.concatenate(stamps), np.concatenate(bags)
    )
    return Material(recording, classes, dict(readings))


def _apart(
    lines: npt.NDArray[np.int64], labels: npt.NDArray[np.int64], stamps: npt.NDArray[np.int64]
) -> npt.NDArray[np.int64]:
    """Return places, so that those of one line and class are a period apart; all are in this order."""
    step_ns = ROW_PERIOD_NS * (1 - _PERIOD_TOLERANCE)
    kept: list[int] = []
    for place in range(len(stamps)):
        last = kept[-1] if kept else None
        same = last is not None and (lines[last], labels[last]) == (lines[place], labels[place])
        if last is None or not same or stamps[place] - stamps[last] >= step_ns:
            kept.append(place)
    return np.array(kept, dtype=np.int64)
