"""What `gas-fusion inspect` says of a bag."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from gas_fusion_ros.bags.topics import TopicChoice
from gas_fusion_ros.pipeline.array_choice import ArrayFigures


@dataclass(frozen=True)
class TopicFigures:
    """A topic.

    Attributes:
        name: full topic name.
        type_name: interface name.
        messages: how many were read.
        rate_hz: messages per second between the first and the last; None below two.
        largest_gap_s: longest time between two recordings; None below two.
    """

    name: str
    type_name: str
    messages: int
    rate_hz: float | None
    largest_gap_s: float | None


@dataclass(frozen=True)
class StampFigures:
    """The header stamps of a stream, in order of recording.

    Attributes:
        messages: how many there were.
        zero: not set.
        duplicates: the same as the message before.
        out_of_order: older than one before, within the pairing's `reset_jump`.
        jumps_back: further back than that, which begins a new run.
        largest_jump_back_s: the furthest of those.
        period_s: median time between two stamps; None below two.
        gaps: how often there was more than three times that.
        largest_gap_s: longest time between two stamps; None below two.
        offset_s: median of time of recording minus stamp; None without stamps.
        least_offset_s: least of it; below 0 stamps lie in the future.
        greatest_offset_s: greatest of it.
    """

    messages: int
    zero: int
    duplicates: int
    out_of_order: int
    jumps_back: int
    largest_jump_back_s: float
    period_s: float | None
    gaps: int
    largest_gap_s: float | None
    offset_s: float | None
    least_offset_s: float | None
    greatest_offset_s: float | None


@dataclass(frozen=True)
class ChannelFigures:
    """A gas channel.

    Attributes:
        name: the channel.
        least: least value, ADC counts; None where all are NaN.
        mean: of its values.
        greatest: greatest value.
        nan_share: share of readings in which it is NaN, 0..1.
        out_of_range_share: share in which no working sensor gives its value.
        stuck_share: share in which it had not changed for minutes.
    """

    name: str
    least: float | None
    mean: float | None
    greatest: float | None
    nan_share: float
    out_of_range_share: float
    stuck_share: float


@dataclass(frozen=True)
class GasFigures:
    """The gas readings.

    Attributes:
        topic: full topic name.
        frames: frames of reference.
        stamps: their stamps.
        channels: the channels of the first reading.
        unreadable: how many readings could not be decoded, by cause.
        scale: why readings cannot be of the array that the model is given, the first time; empty where all
            can.
    """

    topic: str
    frames: tuple[str, ...]
    stamps: StampFigures
    channels: tuple[ChannelFigures, ...]
    unreadable: Mapping[str, int]
    scale: str = ""


@dataclass(frozen=True)
class PixelFigures:
    """The pictures of one encoding.

    Attributes:
        images: how many.
        least: least finite value; None without one.
        greatest: greatest finite value.
        unit: of both.
        nan_share: share of pixels that are not finite, 0..1.
    """

    images: int
    least: float | None
    greatest: float | None
    unit: str
    nan_share: float


@dataclass(frozen=True)
class ImageFigures:
    """The thermal images.

    Attributes:
        topic: full topic name.
        stamps: their stamps.
        sizes: how many images of each size, by `<width>x<height>`.
        encodings: the pixels of each encoding.
        frozen: images equal to the one before.
        unreadable: how many images could not be decoded, by cause.
        doubt: what is to be set of counts whose unit is not known; empty where there are none.
    """

    topic: str
    stamps: StampFigures
    sizes: Mapping[str, int]
    encodings: Mapping[str, PixelFigures]
    frozen: int
    unreadable: Mapping[str, int]
    doubt: str = ""


@dataclass(frozen=True)
class PairingFigures:
    """What became of readings and images by the classifier's pairing.

    Attributes:
        slop_s: greatest distance of a pair.
        pairs: readings with an image within that.
        gas_only: readings without.
    """

    slop_s: float
    pairs: int
    gas_only: int

    @property
    def paired_share(self) -> float | None:
        """Share of the readings that have an image, 0..1; None without readings."""
        decided = self.pairs + self.gas_only
        return self.pairs / decided if decided else None


@dataclass(frozen=True)
class LabelFigures:
    """The true labels.

    Attributes:
        topic: full topic name.
        seconds: how long each class holds.
    """

    topic: str
    seconds: Mapping[str, float]


@dataclass(frozen=True)
class ArrayFound:
    """The array that the bag tells of last.

    Attributes:
        figures: what it is; their source is the topic.
        without_baseline: its channels that are not calibrated.
        changes: how often another array, or the same one calibrated anew, was told of after the first.
    """

    figures: ArrayFigures
    without_baseline: tuple[str, ...]
    changes: int


@dataclass(frozen=True)
class Inspection:
    """A bag.

    Attributes:
        bag: its path.
        storage: kinds of its files, such as `mcap`.
        files: how many there are.
        size_bytes: of all files.
        start_ns: time of recording of the first message; None without messages.
        duration_s: until the last message.
        topics: all topics.
        gas: the readings; None without a topic of them.
        array: the array behind the readings; None where the bag describes none.
        images: the thermal images; None without a topic of them.
        pairing: readings with images; None without a topic of either.
        labels: the true labels; None without a topic of them.
        choices: how a topic was taken where there were several, or a doubt.
        losses: what could not be read, by cause.
        warnings: what an evaluation will trip over, a sentence each.
    """

    bag: str
    storage: str
    files: int
    size_bytes: int
    start_ns: int | None
    duration_s: float
    topics: tuple[TopicFigures, ...]
    gas: GasFigures | None = None
    array: ArrayFound | None = None
    images: ImageFigures | None = None
    pairing: PairingFigures | None = None
    labels: LabelFigures | None = None
    choices: tuple[TopicChoice, ...] = ()
    losses: Mapping[str, int] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return it as what `--json` prints."""
        return asdict(self)
