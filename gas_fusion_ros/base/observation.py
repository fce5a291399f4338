"""The dataclasses that travel from driver to alarm.

Every stamp is an acquisition time in nanoseconds since the clock's epoch.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import cached_property

import numpy as np
import numpy.typing as npt

PAPER_CHANNELS = ("mq2", "mq3", "mq5", "mq6", "mq7", "mq8", "mq135")
"""The data set's seven sensors, in the order of the paper's Table 2."""

POSITION_FIELDS = ("x", "y", "z")
"""Where the array stands: fields of a reading's message beside its channels."""

PAPER_CLASSES = ("Mixture", "NoGas", "Perfume", "Smoke")
"""The data set's four situations, in the paper's label order (0..3)."""

MOST_COUNTS = 2.0**24
"""No ADC of a gas sensor counts further, and float32 would not either."""

CLEAN_AIR = "NoGas"
"""The class that means: no leak."""

UNKNOWN = "Unknown"
"""The label of a verdict on an input unlike training; no class of a model has this name."""

PICTURE_ALONE = "PictureAlone"
"""What an alarm names that a picture raises against calm readings; no class of a model has this name."""

RESERVED_CLASSES = (UNKNOWN, PICTURE_ALONE)
"""Names that no class of a model may have."""


def check_channel_names(channels: Sequence[str]) -> None:
    """Refuse names that a gas array's channels cannot have.

    Raises:
        ValueError: there is none, two are equal, or one is the name of a position field.
    """
    if not channels or len(set(channels)) != len(channels):
        raise ValueError(
            f"channels must be different names, at least one, not {', '.join(channels) or 'none'}"
        )
    taken = [name for name in channels if name in POSITION_FIELDS]
    if taken:
        raise ValueError(
            f"channels must not be named {', '.join(taken)}: a reading's message holds the array's position "
            f"in its fields {', '.join(POSITION_FIELDS)}"
        )


class Mode(str, Enum):
    """What a verdict was made from."""

    FUSION = "fusion"
    GAS_ONLY = "gas_only"
    THERMAL_ONLY = "thermal_only"


@dataclass(frozen=True)
class GasReading:
    """One reading of the whole gas sensor array.

    Attributes:
        stamp_ns: acquisition time, nanoseconds.
        channels: names of the channels, length C.
        counts: shape (C,), float32, ADC counts; NaN marks an invalid channel (REP-117).
        frame_id: coordinate frame of the array.
    """

    stamp_ns: int
    channels: tuple[str, ...]
    counts: npt.NDArray[np.float32]
    frame_id: str = "gas_sensor_link"

    @property
    def valid(self) -> npt.NDArray[np.bool_]:
        """Which channels have a value that an ADC can give, shape (C,)."""
        return np.asarray(np.abs(self.counts) <= MOST_COUNTS)  # of NaN it is not

    def has_value_of(self, channels: Sequence[str]) -> bool:
        """Whether any of these channels is there and valid."""
        pairs = zip(self.channels, self.valid.tolist(), strict=True)
        return any(is_valid and name in channels for name, is_valid in pairs)


@dataclass(frozen=True)
class ThermalFrame:
    """One thermal picture.

    Attributes:
        stamp_ns: acquisition time, nanoseconds.
        pixels: shape (H, W) or, for rgb8, (H, W, 3).
        encoding: `mono8`, `mono16` (raw counts), `32FC1` (degC) or `rgb8` (pseudo-colour).
        frame_id: optical frame of the camera.
    """

    stamp_ns: int
    pixels: npt.NDArray[np.generic]
    encoding: str
    frame_id: str = "thermal_camera_optical_frame"


@dataclass(frozen=True)
class Observation:
    """What one classification is made from: a reading, a frame, or both.

    Attributes:
        reading: the gas reading; None while the gas array is silent.
        frame: the thermal frame nearest to the reading; None where none was near enough.
        arrival_ns: steady-clock time at which the later of the two arrived; 0 offline.
        stretch: number of the stretch of time that it belongs to. Another number than the observation before
            means that time has jumped back: what came before is not its past.
    """

    reading: GasReading | None
    frame: ThermalFrame | None
    arrival_ns: int = 0
    stretch: int = 0

    def __post_init__(self) -> None:
        if self.reading is None and self.frame is None:
            raise ValueError("an observation needs a reading, a frame, or both")

    @property
    def stamp_ns(self) -> int:
        """The reading's stamp; the frame's where there is no reading."""
        source = self.reading if self.reading is not None else self.frame
        assert source is not None
        return source.stamp_ns

    @property
    def frame_id(self) -> str:
        """The reading's coordinate frame; the camera's where there is no reading."""
        source = self.reading if self.reading is not None else self.frame
        assert source is not None
        return source.frame_id

    @property
    def pair_offset_ns(self) -> int | None:
        """Frame stamp minus reading stamp; None where there is no pair."""
        if self.reading is None or self.frame is None:
            return None
        return self.frame.stamp_ns - self.reading.stamp_ns


@dataclass(frozen=True)
class RobotPose:
    """Where the robot was at `stamp_ns`: metres and radians in `frame_id` (REP-103, REP-105)."""

    x: float
    y: float
    z: float = 0.0
    yaw: float = 0.0
    frame_id: str = "map"
    stamp_ns: int = 0


@dataclass(frozen=True)
class Verdict:
    """The outcome of one classification.

    Attributes:
        stamp_ns: the observation's stamp.
        frame_id: the observation's coordinate frame.
        mode: what the verdict was made from.
        classes: class names, length K.
        probabilities: shape (K,), float32, calibrated, summing to 1.
        model: the bundle's name.
        pair_offset_ns: frame stamp minus reading stamp; None without a pair.
        invalid_channels: channels of the reading that carried no value.
        novelty: how unlike training the input is; 1 is the limit. None where the model cannot tell.
        departure: how far the array is from its own clean air; 1 is the limit. None where that is not known.
        readings_alone: of a fused verdict what its readings say without the picture; None where they were not
            asked or cannot say, see `model.classifier.Classifier`.
    """

    stamp_ns: int
    frame_id: str
    mode: Mode
    classes: tuple[str, ...]
    probabilities: npt.NDArray[np.float32]
    model: str
    pair_offset_ns: int | None = None
    invalid_channels: tuple[str, ...] = ()
    novelty: float | None = None
    departure: float | None = None
    readings_alone: Verdict | None = None

    @property
    def is_unknown(self) -> bool:
        """Whether the input is unlike training, so that no class can be trusted."""
        return self.novelty is not None and self.novelty > 1.0

    @property
    def departs(self) -> bool:
        """Whether the array is known to be in no clean air, whatever the class."""
        return self.departure is not None and self.departure > 1.0

    @cached_property
    def label(self) -> str:
        """The most probable class; `UNKNOWN` of an input unlike training, or of air that is not clean."""
        most_probable = self.classes[int(np.argmax(self.probabilities))]
        contradicts = self.departs and most_probable == CLEAN_AIR
        return UNKNOWN if self.is_unknown or contradicts else most_probable

    @cached_property
    def confidence(self) -> float:
        """The largest probability, of an unknown input too."""
        return float(np.max(self.probabilities))

    @cached_property
    def by_class(self) -> Mapping[str, float]:
        """The probability of each class."""
        return dict(zip(self.classes, self.probabilities.tolist(), strict=True))

    @property
    def has_reading(self) -> bool:
        """Whether a valid gas reading is behind the verdict."""
        return self.mode is not Mode.THERMAL_ONLY
