"""What the benchmark does to test windows, and only to them: dead or stuck channels, another array, noise."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import numpy.typing as npt

from gas_fusion_ros.array.description import ArrayDescription
from gas_fusion_ros.teaching.augmentation import add_noise, filled, kill_channels, scale_gain, shift_baseline
from gas_fusion_ros.teaching.windows import Windows

GAIN = 0.1
"""Share by which a channel's gain is off."""
OFFSET = 20.0
"""ADC counts by which a channel's baseline is off."""
NOISE = 5.0
"""Standard deviation of white noise, ADC counts."""
FULL_SCALE = 1023
"""Greatest count of a 10-bit ADC."""

Effect = Callable[[Windows, np.random.Generator], Windows]


class PerturbationError(ValueError):
    """Windows or channels do not fit; the message says what would be right."""


@dataclass(frozen=True)
class Perturbation:
    """A change made to test windows.

    Attributes:
        kind: what is done.
        channels: names of the channels it is done to; none where it is done to all.
        width: C of the windows it is for.
        effect: does it.
    """

    kind: str
    channels: tuple[str, ...]
    width: int
    effect: Effect

    @property
    def name(self) -> str:
        """Its name in results, such as `mq2 dead` or `mq2+mq3 dead`."""
        return f"{'+'.join(self.channels)} {self.kind}" if self.channels else self.kind

    def apply(
        self, windows: Windows, rng: np.random.Generator, array: ArrayDescription | None = None
    ) -> Windows:
        """Return changed windows; `rng` decides what is random, and another call with it is another draw.

        Args:
            windows: of counts, or of ln(Rs/R0) where an array is given; what happens, happens to counts.
            rng: decides.
            array: what made ln(Rs/R0) of counts.

        Raises:
            PerturbationError: the windows have another number of channels.
        """
        if windows.values.shape[2] != self.width:
            raise PerturbationError(
                f"windows have {windows.values.shape[2]} channels; {self.name} is for {self.width}"
            )
        if array is None:
            return filled(self.effect(windows, rng))
        counts = windows.with_readings(array.readings_of(windows.values))
        values = array.deviations((changed := self.effect(counts, rng)).values)
        known = np.isfinite(values)
        return filled(windows.with_readings(np.where(known, values, np.float32(0)), changed.valid & known))


def perturbations(channels: Sequence[str]) -> list[Perturbation]:
    """Return all of them for windows of an array, of which at least one channel is always left.

    A dead channel is known to be dead: nothing of it is valid. One that is clamped or frozen is not: its
    values pass for readings.

    Args:
        channels: names in the order of the windows, length C.

    Raises:
        PerturbationError: there is no channel, or a name stands twice.
    """
    if not channels or len(set(channels)) < len(channels):
        raise PerturbationError(f"channels must be different names, at least one, not {list(channels)}")
    width = len(channels)
    return [
        *_dead(channels),
        Perturbation("gain", (), width, _gain),
        Perturbation("offset", (), width, _offset),
        Perturbation("gain and offset", (), width, _gain_and_offset),
        Perturbation("noise", (), width, _noise),
        *_faults(channels, "clamped high", _clamped(FULL_SCALE)),
        *_faults(channels, "clamped low", _clamped(0)),
        *_faults(channels, "frozen", _first_valid),
    ]


def _dead(channels: Sequence[str]) -> Iterator[Perturbation]:
    width = len(channels)
    for count in (1, 2):
        if count < width:
            for lost in combinations(range(width), count):
                names = tuple(channels[index] for index in lost)
                yield Perturbation("dead", names, width, _killer(np.isin(np.arange(width), lost)))


def _killer(dead: npt.NDArray[np.bool_]) -> Effect:
    return lambda windows, _: kill_channels(windows, dead)


def _faults(
    channels: Sequence[str], kind: str, stuck: Callable[[Windows], npt.NDArray[np.float32]]
) -> Iterator[Perturbation]:
    """Yield a perturbation for each channel: it shows `stuck` of the windows, shape (N, 1, C), throughout."""
    for index, name in enumerate(channels):
        yield Perturbation(kind, (name,), len(channels), _stuck(index, stuck))


def _stuck(channel: int, stuck: Callable[[Windows], npt.NDArray[np.float32]]) -> Effect:
    def effect(windows: Windows, _: np.random.Generator) -> Windows:
        values = windows.values.copy()
        values[:, :, channel] = stuck(windows)[:, :, channel]
        return windows.with_readings(values)

    return effect


def _clamped(level: int) -> Callable[[Windows], npt.NDArray[np.float32]]:
    return lambda windows: np.full_like(windows.values[:, :1], level)


def _first_valid(windows: Windows) -> npt.NDArray[np.float32]:
    first = windows.valid.argmax(axis=1, keepdims=True)
    return np.take_along_axis(windows.values, first, axis=1)


def _signs(windows: Windows, rng: np.random.Generator) -> npt.NDArray[np.float64]:
    """Draw -1 or 1 for each channel, the same in all windows: they are all of one array."""
    return rng.choice([-1.0, 1.0], windows.values.shape[2])


def _gain(windows: Windows, rng: np.random.Generator) -> Windows:
    return scale_gain(windows, 1 + GAIN * _signs(windows, rng))


def _offset(windows: Windows, rng: np.random.Generator) -> Windows:
    return shift_baseline(windows, OFFSET * _signs(windows, rng))


def _gain_and_offset(windows: Windows, rng: np.random.Generator) -> Windows:
    return _offset(_gain(windows, rng), rng)


def _noise(windows: Windows, rng: np.random.Generator) -> Windows:
    return add_noise(windows, NOISE, rng)
