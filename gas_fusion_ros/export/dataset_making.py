"""Turns bags with labels into a folder that `training` reads as it reads the published data set."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from gas_fusion_ros.array.array_file import ARRAY_FILE_NAME
from gas_fusion_ros.array.description import ArrayChannel, ArrayDescription
from gas_fusion_ros.bags.reader import BagReader
from gas_fusion_ros.bags.storage.limits import BagLimits
from gas_fusion_ros.bags.topics import BY_GAS_ALONE, BagTopics, find_topics
from gas_fusion_ros.base.problems import Problems
from gas_fusion_ros.base.quoting import listed, shown
from gas_fusion_ros.base.units import NANOSECONDS_PER_SECOND
from gas_fusion_ros.export.dataset_folder import DatasetFolder
from gas_fusion_ros.export.dataset_rows import BagPlan, BagRows, BagShare, BagTruth, RowSettings
from gas_fusion_ros.export.judged_truth import judged_truth
from gas_fusion_ros.pairing.types import PairingSettings
from gas_fusion_ros.ros.messages import channel_names
from gas_fusion_ros.site.verdicts import sidecar_of
from gas_fusion_ros.truth.label_track import LabelTrack
from gas_fusion_ros.truth.labelling import read_label_track, recording_start
from gas_fusion_ros.truth.labels import read_intervals


class DatasetMakingError(ValueError):
    """No folder can be made; the message names the bag or the option and says what would be right."""


@dataclass(frozen=True)
class DatasetSettings:
    """How bags become rows.

    Attributes:
        topics: names of topics where they are not to be found by convention.
        channels: gas channels to take; None takes all of the first bag's.
        with_images: whether thermal images are taken; else every row goes without, and none are missed.
        labels: a CSV of intervals for each bag, in their order; empty takes the label topics.
        verdicts: files with what operators say of alarms, which then stands for the label topics, as do those
            beside the bags; empty takes those beside bags that have no label topic.
        slop_ns: largest distance between a reading and its image.
        period_ns: least time between two rows of a bag; 0 takes every reading.
        limits: what unpacking and reading a bag may take.
    """

    topics: BagTopics = field(default_factory=BagTopics)
    with_images: bool = True
    channels: tuple[str, ...] | None = None
    labels: tuple[Path, ...] = ()
    verdicts: tuple[Path, ...] = ()
    slop_ns: int = PairingSettings().slop_ns
    period_ns: int = 0
    limits: BagLimits = field(default_factory=BagLimits)


@dataclass(frozen=True)
class DatasetSummary:
    """What a folder holds; `array` is None where the bags tell of none, or of several."""

    rows: dict[str, int]
    images: int
    channels: tuple[str, ...]
    bags: tuple[BagShare, ...]
    array: ArrayDescription | None = None

    @property
    def left_out(self) -> dict[str, int]:
        """Readings that became no row, by the reason, over all bags."""
        total: Counter[str] = Counter()
        for share in self.bags:
            total.update(asdict(share.left_out))
        return {reason: count for reason, count in total.items() if count}


class DatasetMaking:
    """Bags that are about to become a folder: looked into, so that what cannot be is refused beforehand.

    Args:
        bags: rosbag2 directories or files.
        settings: how they become rows.
        problems: where losses are counted.

    Raises:
        DatasetMakingError: a bag has no readings or no labels, or the channels are not known.
        BagReadError: a bag cannot be read at all.
        TopicError: a topic that was asked for is not there.
        SiteError: a file with verdicts cannot be used.
        LabelError: a CSV of intervals cannot be used.
    """

    def __init__(self, bags: Sequence[Path], settings: DatasetSettings, problems: Problems) -> None:
        self._settings = settings
        self._problems = problems
        if settings.labels and settings.verdicts:
            raise DatasetMakingError("give --labels or --verdicts, not both")
        if settings.labels and len(settings.labels) != len(bags):
            raise DatasetMakingError(
                f"--labels is given {len(settings.labels)} times for {len(bags)} bags; expected a CSV for "
                "each, in their order"
            )
        files = settings.labels or (None,) * len(bags)
        self._plans = [
            self._plan(path, name, labels)
            for path, name, labels in zip(bags, _names(bags), files, strict=True)
        ]
        self.channels = settings.channels or self._first_channels()

    @property
    def messages(self) -> int | None:
        """How many messages there are to read; None where a bag cannot say."""
        counts = [plan.messages for plan in self._plans]
        return None if None in counts else sum(count or 0 for count in counts)

    def write(self, root: Path, made_by: str, tick: Callable[[], None]) -> DatasetSummary:
        """Write the folder, bag after bag, each in time order; memory does not grow with their length.

        Args:
            root: a new or empty folder.
            made_by: name and version of the program, for the provenance.
            tick: called for each message read.

        Raises:
            DatasetFolderError: the folder cannot be written, or a class cannot name a folder.
            DatasetMakingError: no reading became a row.
        """
        rows = RowSettings(self.channels, self._settings.slop_ns, self._settings.period_ns)
        with DatasetFolder(root, self.channels) as folder:
            of_bags = [BagRows(plan, rows, folder, self._problems) for plan in self._plans]
            shares = tuple(one.write(tick) for one in of_bags)
            array = self._array([one.arrays for one in of_bags])
            summary = DatasetSummary(folder.rows_by_class, folder.images, self.channels, shares, array)
            if not summary.rows:
                raise DatasetMakingError(
                    f"no reading became a row: {_listed(summary.left_out)}{self._missing_channels()}"
                )
            self._check_sizes(folder)
            if array is not None:
                folder.describe(array)
            folder.finish(self._provenance(summary, made_by))
        return summary

    def _plan(self, path: Path, name: str, labels: Path | None) -> BagPlan:
        settings = self._settings
        # Damage is counted when the messages are read, not twice.
        with BagReader(path, Problems(), self._settings.limits) as reader:
            topics = find_topics(
                reader.topics,
                self._settings.topics,
                self._problems,
                ("pose",) if self._settings.with_images else ("pose", "image"),
                reader.first_messages,
                BY_GAS_ALONE,
            ).topics
            if topics.gas is None:
                raise DatasetMakingError(f"{shown(path)} has no gas readings; --gas-topic names their topic")
            if labels is not None:
                start = recording_start(reader, topics.gas)
                truth = BagTruth(
                    LabelTrack.of_intervals(read_intervals(labels, start.stamp_ns)), str(labels), True
                )
            elif settings.verdicts or (topics.label is None and sidecar_of(path).exists()):
                truth = judged_truth(reader, topics.gas, settings.verdicts, self._problems)
            elif topics.label is not None:
                track = read_label_track(reader, topics.label, self._problems)
                truth = BagTruth(track, topics.label, False)
            else:
                raise DatasetMakingError(
                    f"{shown(path)} has no labels: give a CSV with --labels (`gas-fusion label` writes "
                    "one), a file with verdicts of operators with --verdicts (`gas-fusion watch` writes "
                    "one), or name a topic of std_msgs/msg/String with --label-topic"
                )
            wanted = {topics.gas, topics.image, topics.array}
            counts = [topic.messages for topic in reader.topics if topic.name in wanted]
        messages = None if None in counts else sum(count or 0 for count in counts)
        return BagPlan(path, name, topics, truth, messages, self._settings.limits)

    def _first_channels(self) -> tuple[str, ...]:
        for plan in self._plans:
            channels = _channels_of(plan)
            if channels:
                return channels
        raise DatasetMakingError("no reading has a channel: a float32 field beside x, y and z")

    def _missing_channels(self) -> str:
        """Which channels the bags do not have, to end a message with; empty where they have all."""
        text = ""
        for plan in self._plans:
            there = _channels_of(plan)
            missing = [name for name in self.channels if name not in there]
            if missing:
                text += (
                    f"; {shown(plan.topics.gas)} of {shown(plan.path)} has no channel {listed(missing)}, its "
                    f"channels are {listed(there)}"
                )
        return text

    def _array(self, told: Sequence[Sequence[ArrayDescription]]) -> ArrayDescription | None:
        """The one array that every bag tells of, with the folder's channels; None where they do not agree.

        Args:
            told: the arrays of each bag.
        """
        arrays = [array for of_bag in told for array in of_bag]
        if not arrays:
            return None
        if any(array != arrays[0] for array in arrays):
            self._problems.add(
                "arrays_differ",
                "the bags tell of several arrays, or of one that was calibrated anew: the folder gets no "
                f"{ARRAY_FILE_NAME}; make a folder of each",
            )
            return None
        silent = [plan.name for plan, of_bag in zip(self._plans, told, strict=True) if not of_bag]
        if silent:
            self._problems.add(
                "array_unknown",
                f"{listed(silent)} tell of no array, unlike the others: the folder gets no "
                f"{ARRAY_FILE_NAME}; make a folder of the others",
            )
            return None
        known = {channel.name: channel for channel in arrays[0].channels}
        channels = tuple(known.get(name, ArrayChannel(name)) for name in self.channels)
        return replace(arrays[0], channels=channels)

    def _check_sizes(self, folder: DatasetFolder) -> None:
        if len(folder.image_sizes) > 1:
            sizes = ", ".join(f"{width} x {height}" for width, height in sorted(folder.image_sizes))
            self._problems.add(
                "image_sizes",
                f"{folder.root} has images of {sizes} pixels; training takes one size: make a folder of the "
                "bags of each camera",
            )

    def _provenance(self, summary: DatasetSummary, made_by: str) -> dict[str, Any]:
        settings = self._settings
        return {
            "made_by": made_by,
            "channels": self.channels,
            "slop_s": settings.slop_ns / NANOSECONDS_PER_SECOND,
            "period_s": settings.period_ns / NANOSECONDS_PER_SECOND,
            "rows": summary.rows,
            "images": summary.images,
            "array": None if summary.array is None else ARRAY_FILE_NAME,
            "left_out": summary.left_out,
            "losses": self._problems.counts(),
            "bags": [asdict(share) for share in summary.bags],
        }


def _channels_of(plan: BagPlan) -> tuple[str, ...]:
    """The channels of a bag's first reading that has any; empty where none has."""
    assert plan.topics.gas is not None
    with BagReader(plan.path, Problems(), plan.limits) as reader:
        for message in reader.messages([plan.topics.gas]):
            channels = channel_names(message.message)
            if channels:
                return channels
    return ()


def _names(bags: Sequence[Path]) -> list[str]:
    """A name for each bag: its own, with as many of the folders above it as tell it from the others."""
    resolved = [path.resolve() for path in bags]
    for path, count in Counter(resolved).items():
        if count > 1:
            raise DatasetMakingError(
                f"{shown(path)} is given {count} times; its rows would be in the folder twice"
            )
    names = [path.name for path in resolved]
    depth = 1
    while len(set(names)) < len(names):
        depth += 1
        names = [Path(*path.parts[-depth:]).as_posix() for path in resolved]
    return names


def _listed(counts: Mapping[str, int]) -> str:
    reasons = [f"{count} {reason.replace('_', ' ')}" for reason, count in counts.items()]
    return ", ".join(reasons) or "there is none"
