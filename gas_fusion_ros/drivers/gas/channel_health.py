"""The health of each channel of an MQ array: plausible, stuck, warming up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from gas_fusion_ros.base.mq import ChannelHealth
from gas_fusion_ros.base.observation import PAPER_CHANNELS, check_channel_names
from gas_fusion_ros.base.units import NANOSECONDS_PER_SECOND
from gas_fusion_ros.settings.fields import advised_setting, setting

Values = npt.NDArray[np.float32]

_STUCK_STEPS = 10


@dataclass(frozen=True)
class ChannelSettings:
    """What a working channel looks like.

    Attributes:
        channels: names, length C.
        minimum_counts: 0 is a broken wire or a sensor without heater; None as the array has it.
        maximum_counts: full scale is a short circuit; None likewise.
        stuck_ns: how long a value must not change to be called stuck. In the data set the longest run of
            equal values is 29 readings, 58 s. The time between two readings counts for a tenth of it at
            most, for nothing is known of a pause: it takes ten equal steps. 0 switches the check off.
        warm_up_ns: time from the first reading until the heater has settled; 0 where it has already. The
            data sheets' own values hold after more than 24 h of preheating; a start takes minutes. Pauses
            count in full: a heater stays powered while nobody reads.
    """

    channels: tuple[str, ...] = PAPER_CHANNELS
    minimum_counts: float | None = advised_setting(
        "least plausible reading, in the array's unit; below it a channel goes out as NaN",
        minimum=0.0,
        maximum=1e9,
        advice="one count, or a 1023rd of the full scale where that is less; of volts a 50,000th; 1 ohm",
    )
    maximum_counts: float | None = advised_setting(
        "greatest plausible reading, in the array's unit; above it a channel goes out as NaN",
        minimum=0.0,
        maximum=1e9,
        advice="a count or a 1023rd below the full scale that array_file tells, 1022 without; 16777216 ohm",
    )
    stuck_ns: int = setting(
        180 * NANOSECONDS_PER_SECOND,
        "a channel whose count has not moved for this long is reported stuck, s; a pause between two "
        "readings counts for a tenth of it at most; 0 switches it off",
        minimum=0.0,
        maximum=86400.0,
        name="stuck_after",
    )
    warm_up_ns: int = setting(
        180 * NANOSECONDS_PER_SECOND,
        "for how long after the first reading the channels are reported as warming up, s; pauses count, "
        "for heaters stay powered",
        minimum=0.0,
        maximum=172800.0,
    )

    def __post_init__(self) -> None:
        check_channel_names(self.channels)
        for name in ("stuck_ns", "warm_up_ns"):
            value = getattr(self, name)
            if not isinstance(value, int) or value < 0:
                raise ValueError(f"{name} must be an integer of at least 0, not {value!r}")

    def plausible(self, least: float, greatest: float) -> tuple[float, float]:
        """Return the range of a plausible reading: what is given, else these of the array.

        Raises:
            ValueError: it is empty.
        """
        least = least if self.minimum_counts is None else self.minimum_counts
        greatest = greatest if self.maximum_counts is None else self.maximum_counts
        if not least < greatest:
            raise ValueError(f"minimum_counts must be below maximum_counts, not {least:g} and {greatest:g}")
        return least, greatest


@dataclass(frozen=True)
class ChannelState:
    """A channel's latest value and health.

    Attributes:
        name: the channel.
        counts: its latest value, ADC counts; NaN where there is none.
        health: the first that holds of nan, out_of_range, stuck, warming_up, ok.
    """

    name: str
    counts: float
    health: ChannelHealth


class ChannelMonitor:
    """Follows the health of every channel of an array; the stamps may go back (a looping bag).

    Args:
        settings: what a working channel looks like.
        plausible: the least and the greatest plausible reading.

    Attributes:
        settings: as given.
        plausible: as given; to be set anew where the array turns out to be another.
    """

    def __init__(self, settings: ChannelSettings, plausible: tuple[float, float]) -> None:
        self.settings = settings
        self.plausible = plausible
        self._last_ns: int | None = None
        self._warm_ns = 0
        self._values = np.full(len(settings.channels), np.nan, np.float32)
        self._unchanged_ns = [0] * len(settings.channels)

    def update(self, stamp_ns: int, counts: Sequence[float] | Values) -> tuple[ChannelState, ...]:
        """Take in a reading; return the state of each channel, in order.

        Args:
            stamp_ns: acquisition time.
            counts: shape (C,), ADC counts; NaN where a channel has none.

        Raises:
            ValueError: `counts` has not one value per channel.
        """
        values = self._checked(counts)
        step = 0 if self._last_ns is None else max(stamp_ns - self._last_ns, 0)
        self._last_ns = stamp_ns
        self._warm_ns += step
        observed_ns = min(step, -(-self.settings.stuck_ns // _STUCK_STEPS))
        for index in range(len(values)):
            unchanged = values[index] == self._values[index]
            self._unchanged_ns[index] = self._unchanged_ns[index] + observed_ns if unchanged else 0
        self._values = values
        return tuple(
            ChannelState(name, float(value), self._health(float(value), unchanged_ns))
            for name, value, unchanged_ns in zip(
                self.settings.channels, values, self._unchanged_ns, strict=True
            )
        )

    def masked(self, counts: Sequence[float] | Values) -> Values:
        """A copy of `counts`, shape (C,), float32, NaN where a value is out of range (REP-117).

        A stuck or warming channel keeps its value: still air can look stuck, and a warming sensor
        does respond to a leak. Both are reported, and neither may blind the classifier.

        Raises:
            ValueError: `counts` has not one value per channel.
        """
        values = self._checked(counts)
        values[~self._in_range(values)] = np.nan
        return values

    def _checked(self, counts: Sequence[float] | Values) -> Values:
        values = np.array(counts, np.float32)
        if values.shape != (len(self.settings.channels),):
            raise ValueError(f"counts must have shape ({len(self.settings.channels)},), not {values.shape}")
        return values

    def _in_range(self, values: Values) -> npt.NDArray[np.bool_]:
        least, greatest = self.plausible
        return (values >= least) & (values <= greatest)

    def _health(self, value: float, unchanged_ns: int) -> ChannelHealth:
        if value != value:
            return ChannelHealth.NAN
        least, greatest = self.plausible
        if not least <= value <= greatest:
            return ChannelHealth.OUT_OF_RANGE
        if 0 < self.settings.stuck_ns <= unchanged_ns:
            return ChannelHealth.STUCK
        return ChannelHealth.WARMING_UP if self._warm_ns < self.settings.warm_up_ns else ChannelHealth.OK
