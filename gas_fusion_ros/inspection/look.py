"""Looks through a bag once and says what is in it and what an evaluation will trip over."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from gas_fusion_ros.array.description import ArrayDescription
from gas_fusion_ros.bags.reader import BagMessage, BagReader
from gas_fusion_ros.bags.topics import BagTopics, find_topics
from gas_fusion_ros.base.problems import Problems
from gas_fusion_ros.base.quoting import shown
from gas_fusion_ros.base.units import NANOSECONDS_PER_SECOND
from gas_fusion_ros.inspection.array_told import ArrayFollower
from gas_fusion_ros.inspection.gas import GasFollower
from gas_fusion_ros.inspection.images import ImageFollower
from gas_fusion_ros.inspection.schema import Inspection, LabelFigures, PairingFigures
from gas_fusion_ros.inspection.times import ArrivalFollower
from gas_fusion_ros.inspection.warnings import warnings_of
from gas_fusion_ros.model.bundle import Bundle
from gas_fusion_ros.model.expected_readings import expected_readings
from gas_fusion_ros.pairing.pairing import Pairing, PairingSettings
from gas_fusion_ros.truth.label_track import LabelTrack

_REMEDIES = {"image": "evaluate and dataset take it by gas alone with --no-images"}


def inspect(
    reader: BagReader,
    wanted: BagTopics,
    bundle: Bundle,
    pairing: PairingSettings,
    problems: Problems,
    on_message: Callable[[], None],
) -> Inspection:
    """Look through a bag.

    Args:
        reader: the bag.
        wanted: topics given by the user; None is looked for.
        bundle: the model that the bag may be evaluated with.
        pairing: how readings and images will be paired.
        problems: what the reader was given; losses are counted there.
        on_message: called after each message, for a progress bar.

    Raises:
        TopicError: a wanted topic is not there or has another type.
        ImportError: cv_bridge cannot be used.
    """
    chosen = find_topics(reader.topics, wanted, problems, ("pose",), reader.first_messages, _REMEDIES)
    look = _Look(reader, chosen.topics, bundle, pairing, problems)
    look.through(on_message)
    found = replace(look.inspection(), choices=chosen.choices)
    counts = problems.counts()
    losses = [
        f"{problem.detail} ({counts[problem.cause]} times)" if counts[problem.cause] > 1 else problem.detail
        for problem in problems.take_unreported()
    ]
    return replace(found, losses=counts, warnings=(*losses, *warnings_of(found, bundle, pairing)))


class _Look:
    """One pass through a bag."""

    def __init__(
        self,
        reader: BagReader,
        topics: BagTopics,
        bundle: Bundle,
        pairing: PairingSettings,
        problems: Problems,
    ) -> None:
        self._reader = reader
        self._topics = topics
        self._problems = problems
        self._bundle = bundle
        self._told: ArrayDescription | None = None
        self._arrivals = {
            (topic.name, topic.type_name): ArrivalFollower(topic.name, topic.type_name)
            for topic in reader.topics
        }
        expected = expected_readings(bundle, None)
        self._gas = None if topics.gas is None else GasFollower(topics.gas, problems, expected)
        self._images = None if topics.image is None else ImageFollower(topics.image, problems)
        self._array = None if topics.array is None else ArrayFollower(topics.array, problems)
        self._labels = LabelTrack()
        self._pairing: Pairing[None, None] = Pairing(pairing)

    def through(self, on_message: Callable[[], None]) -> None:
        """Follow every message."""
        handlers: dict[str | None, Callable[[BagMessage], None]] = {
            self._topics.gas: self._add_reading,
            self._topics.image: self._add_image,
            self._topics.label: self._add_label,
            self._topics.array: self._add_array,
        }
        decoded = {topic for topic in handlers if topic is not None}
        others = {topic.name for topic in self._reader.topics} - decoded
        for message in self._reader.messages(decoded, others):
            self._arrivals[message.topic, message.type_name].add(message.stamp_ns)
            if message.topic in decoded:
                handlers[message.topic](message)
            on_message()
        self._pairing.flush()

    def inspection(self) -> Inspection:
        """What was found, without losses and warnings."""
        reader = self._reader
        start_ns, end_ns = reader.start_ns or 0, reader.end_ns or 0
        return Inspection(
            bag=str(reader.path),
            storage=reader.storage,
            files=reader.file_count,
            size_bytes=reader.size_bytes,
            start_ns=reader.start_ns,
            duration_s=(end_ns - start_ns) / NANOSECONDS_PER_SECOND,
            topics=tuple(follower.figures() for follower in self._arrivals.values()),
            gas=None if self._gas is None else self._gas.figures(),
            array=None if self._array is None else self._array.found(),
            images=None if self._images is None else self._images.figures(),
            pairing=self._pairing_figures(),
            labels=self._label_figures(end_ns),
        )

    def _add_reading(self, message: BagMessage) -> None:
        assert self._gas is not None
        stamp_ns = self._gas.add(message.message, message.stamp_ns)
        self._pairing.add_reading(stamp_ns, None, message.stamp_ns, message.stamp_ns)

    def _add_image(self, message: BagMessage) -> None:
        assert self._images is not None
        stamp_ns = self._images.add(message.message, message.stamp_ns)
        self._pairing.add_image(stamp_ns, None, message.stamp_ns, message.stamp_ns)

    def _add_array(self, message: BagMessage) -> None:
        assert self._array is not None
        array = self._array.add(message.message)
        if self._gas is None or array == self._told:
            return
        self._told = array
        # Of one without any baseline the warnings tell.
        if array is None or any(one.baseline is not None for one in array.channels):
            self._gas.expect(expected_readings(self._bundle, array))

    def _add_label(self, message: BagMessage) -> None:
        try:
            self._labels.add(message.stamp_ns, str(message.message.data))
        except ValueError as error:
            self._problems.add("label_unusable", f"{shown(message.topic)}: {error}")

    def _pairing_figures(self) -> PairingFigures | None:
        if self._gas is None or self._images is None:
            return None
        slop_s = self._pairing.settings.slop_ns / NANOSECONDS_PER_SECOND
        counters = self._pairing.counters
        return PairingFigures(slop_s, counters.pairs, counters.gas_only)

    def _label_figures(self, end_ns: int) -> LabelFigures | None:
        if self._topics.label is None:
            return None
        seconds: dict[str, float] = {}
        for one in self._labels.intervals(end_ns):
            length_s = (one.end_ns - one.start_ns) / NANOSECONDS_PER_SECOND
            seconds[one.label] = seconds.get(one.label, 0.0) + length_s
        return LabelFigures(self._topics.label, seconds)
