"""Makes the rows of a data set folder from one bag: pairs readings with images and looks their class up."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np

from gas_fusion_ros.array.description import ArrayDescription
from gas_fusion_ros.bags.reader import BagMessage, BagReader
from gas_fusion_ros.bags.storage.limits import BagLimits
from gas_fusion_ros.bags.topics import BagTopics
from gas_fusion_ros.base.observation import UNKNOWN, ThermalFrame
from gas_fusion_ros.base.problems import Problems
from gas_fusion_ros.base.quoting import shown
from gas_fusion_ros.base.units import NANOSECONDS_PER_SECOND
from gas_fusion_ros.drivers.thermal.raw_frames import RawSettings
from gas_fusion_ros.export.dataset_folder import DatasetFolder, DatasetRow
from gas_fusion_ros.model.thermal import ThermalError, raw_counts
from gas_fusion_ros.pairing.pairing import Pair, Pairing
from gas_fusion_ros.pairing.types import PairingCounters, PairingSettings
from gas_fusion_ros.pipeline.frame_decoder import FrameDecoder
from gas_fusion_ros.ros.messages import MessageError, decode_reading, stamp_to_ns
from gas_fusion_ros.ros.source_messages import decode_array
from gas_fusion_ros.truth.label_track import LabelTrack
from gas_fusion_ros.truth.track import Moments

_PERIOD_TOLERANCE = 0.05
"""Readings come a little early at times: this part of a period is forgiven."""
_LAG_NS = 5 * NANOSECONDS_PER_SECOND
"""How far, in stamps, images may come after their readings in a bag and still be paired."""
_SEVERAL = 2
_DROPS = {
    "zero_stamp_readings": "readings with a stamp of zero",
    "duplicate_readings": "readings with the stamp of another",
    "zero_stamp_images": "images with a stamp of zero",
    "duplicate_images": "images with the stamp of another",
    "stale_images": "images far older than those before them",
}


@dataclass(frozen=True)
class RowSettings:
    """How readings become rows.

    Attributes:
        channels: gas channels to take.
        slop_ns: largest distance between a reading and its image.
        period_ns: least time between two rows of a bag; 0 takes every reading.
    """

    channels: tuple[str, ...]
    slop_ns: int
    period_ns: int

    @property
    def least_step_ns(self) -> float:
        """The period less what is forgiven."""
        return self.period_ns * (1.0 - _PERIOD_TOLERANCE)


@dataclass
class LeftOut:
    """Readings that became no row, by the reason; `unlabelled` and `thinned` are no losses.

    Attributes:
        unlabelled: nobody knows their class.
        not_finite: a channel is NaN (invalid), which training refuses.
        thinned: nearer to the row before than the period asked for.
        out_of_order: their stamp lies before that of a row already written.
        undecodable: their message cannot be read, see the losses.
        refused: the pairing dropped them: their stamp is zero or comes twice.
    """

    unlabelled: int = 0
    not_finite: int = 0
    thinned: int = 0
    out_of_order: int = 0
    undecodable: int = 0
    refused: int = 0


@dataclass(frozen=True)
class BagShare:
    """What one bag gave.

    Attributes:
        name: what the column `Bag` calls it.
        path: as it was given.
        sha256: over its storage files.
        topics: which were read, by what they hold.
        labels: the CSV or the topic that its labels are from.
        readings: how many it holds.
        images: how many it holds.
        rows: how many readings became rows, by class.
        rows_with_image: how many of them have an image.
        left_out: the other readings.
    """

    name: str
    path: str
    sha256: str
    topics: dict[str, str | None]
    labels: str
    readings: int
    images: int
    rows: dict[str, int]
    rows_with_image: int
    left_out: LeftOut


@dataclass(frozen=True)
class BagTruth:
    """What was in the air during a bag.

    Attributes:
        track: the class at each time.
        source: the CSV or the topic that it is from.
        is_stamped: whether its times are stamps, as a CSV's are; those of a topic are times of recording.
    """

    track: LabelTrack
    source: str
    is_stamped: bool


@dataclass(frozen=True)
class BagPlan:
    """A bag to be read, and what is true in it.

    Attributes:
        path: where it is.
        name: what the column `Bag` calls it.
        topics: those to read.
        truth: what was in the air.
        messages: how many there are to read; None where the bag cannot say.
        limits: what unpacking and reading it may take.
    """

    path: Path
    name: str
    topics: BagTopics
    truth: BagTruth
    messages: int | None
    limits: BagLimits = field(default_factory=BagLimits)


class BagRows:
    """Makes the rows of one bag.

    Args:
        plan: the bag, and what is true in it.
        settings: how readings become rows.
        folder: gets the rows.
        problems: where losses are counted.

    Attributes:
        arrays: how the array described itself, each description once; two where there are more.
    """

    def __init__(
        self,
        plan: BagPlan,
        settings: RowSettings,
        folder: DatasetFolder,
        problems: Problems,
    ) -> None:
        self._plan = plan
        self._settings = settings
        self._folder = folder
        self._problems = problems
        self.arrays: list[ArrayDescription] = []
        self._frames = FrameDecoder(RawSettings())
        self._left_out = LeftOut()
        self._rows: Counter[str] = Counter()
        self._rows_with_image = 0
        self._moments = Moments()
        self._stretch = 0
        self._newest_ns: int | None = None

    def write(self, tick: Callable[[], None]) -> BagShare:
        """Write them in time order; memory does not grow with the bag's length.

        Args:
            tick: called for each message read.
        """
        plan, slop_ns = self._plan, self._settings.slop_ns
        pairing: Pairing[BagMessage, BagMessage] = Pairing(
            PairingSettings(slop_ns=slop_ns, wait_ns=slop_ns + _LAG_NS)
        )
        with BagReader(plan.path, self._problems, plan.limits) as reader:
            for pair in self._pairs(reader, pairing, tick):
                self._add(pair)
            sha256 = reader.sha256()
        counters = pairing.counters
        self._count_drops(counters)
        return BagShare(
            name=plan.name,
            path=str(plan.path),
            sha256=sha256,
            topics={kind: name for kind, name in asdict(plan.topics).items() if kind != "pose"},
            labels=plan.truth.source,
            readings=counters.readings,
            images=counters.images,
            rows=dict(sorted(self._rows.items())),
            rows_with_image=self._rows_with_image,
            left_out=self._left_out,
        )

    def _pairs(
        self, reader: BagReader, pairing: Pairing[BagMessage, BagMessage], tick: Callable[[], None]
    ) -> Iterator[Pair[BagMessage, BagMessage]]:
        used = self._plan.topics
        topics = [topic for topic in (used.gas, used.image, used.array) if topic is not None]
        for message in reader.messages(topics):
            if message.topic == used.array:
                self._hear_array(message)
                tick()
                continue
            stamp_ns = stamp_to_ns(message.message.header.stamp)
            add = pairing.add_reading if message.topic == self._plan.topics.gas else pairing.add_image
            # A clock of 0 has not started: so the pairs follow from the stamps alone.
            yield from add(stamp_ns, message, 0, 0)
            tick()
        yield from pairing.flush()

    def _hear_array(self, message: BagMessage) -> None:
        try:
            array = decode_array(message.message, self._place(message))
        except MessageError as error:
            self._problems.add(error.cause, error.detail)
            return
        if array is not None and array not in self.arrays and len(self.arrays) < _SEVERAL:
            self.arrays.append(array)

    def _add(self, pair: Pair[BagMessage, BagMessage]) -> None:
        if pair.reading is None or pair.reading_stamp_ns is None:
            return
        stamp_ns = pair.reading_stamp_ns
        if pair.stretch != self._stretch:
            self._stretch, self._newest_ns = pair.stretch, None
        label = self._label(stamp_ns, pair.reading.stamp_ns)
        if label is None or label == UNKNOWN:
            self._left_out.unlabelled += 1
        elif self._newest_ns is not None and stamp_ns <= self._newest_ns:
            self._left_out.out_of_order += 1
            self._problems.add(
                "reading_out_of_order",
                f"a reading of {shown(self._plan.path)} at {stamp_ns} ns comes after a later one; rows "
                "are in time "
                "order, so it is left out",
            )
        elif self._newest_ns is not None and stamp_ns - self._newest_ns < self._settings.least_step_ns:
            self._left_out.thinned += 1
        else:
            self._add_row(pair.reading, pair.image, label)

    def _label(self, stamp_ns: int, recorded_ns: int) -> str | None:
        truth = self._plan.truth
        return truth.track.at(stamp_ns if truth.is_stamped else self._moments.of(stamp_ns, recorded_ns))

    def _add_row(self, reading_message: BagMessage, image: BagMessage | None, label: str) -> None:
        try:
            reading = decode_reading(reading_message.message, self._settings.channels)
        except MessageError as error:
            self._left_out.undecodable += 1
            self._problems.add(error.cause, f"{self._place(reading_message)}: {error.detail}")
            return
        if not np.isfinite(reading.counts).all():
            self._left_out.not_finite += 1
            return
        frame = None if image is None else self._frame(image)
        self._folder.add(DatasetRow(reading, label, frame, self._bag_name))
        self._newest_ns = reading.stamp_ns
        self._rows[label] += 1
        self._rows_with_image += frame is not None

    @property
    def _bag_name(self) -> str:
        """The bag, and which stretch in it: where its time goes back, what comes after does not follow."""
        return self._plan.name if self._stretch == 0 else f"{self._plan.name}#{self._stretch + 1}"

    def _place(self, message: BagMessage) -> str:
        """Where a message is from, for a sentence."""
        return f"{shown(message.topic)} of {shown(self._plan.path)}"

    def _count_drops(self, counters: PairingCounters) -> None:
        self._left_out.refused = counters.dropped_readings
        for cause, what in _DROPS.items():
            count = getattr(counters, cause)
            if count:
                self._problems.add(cause, f"{count} {what} in {shown(self._plan.path)} are left out")

    def _frame(self, image: BagMessage) -> ThermalFrame | None:
        try:
            frame = self._frames.decode(image.message)
            if frame.encoding == "32FC1":
                raw_counts(frame)  # refuses a picture without a single finite pixel
        except MessageError as error:
            self._problems.add(error.cause, f"{self._place(image)}: {error.detail}")
        except ThermalError as error:
            self._problems.add("image_unusable", f"{self._place(image)}: {error}")
        else:
            return frame
        return None
