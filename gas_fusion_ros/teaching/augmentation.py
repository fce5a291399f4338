"""Robust training of windows: copies of them as other days, other arrays and broken channels would give them.

First the air changes (pulses, onsets), then the array (gain, baseline, drift, noise), then what is read of it
(truncation, dead channels). Values may leave the ADC's range 0..1023: clipping there would be a perturbation
of its own, which flattens pulses and hides how far a channel has moved. Stretching time is not done here:
windows are cut out of the recording at another pace.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from gas_fusion_ros.teaching.limits import Limit, check_limits
from gas_fusion_ros.teaching.windows import Windows

Scalar = TypeVar("Scalar", bound=np.generic)
Values = npt.NDArray[np.floating]
Mask = npt.NDArray[np.bool_]

_LEAST_OWN = 3
"""Newest readings that stay of the window's own class where an onset is mixed in."""


@dataclass(frozen=True)
class AugmentationSettings:
    """How far windows are altered; 0 for any of them but the two ranges leaves that effect out.

    The defaults are for windows of ln(Rs/R0), where a gain is a sensor's slope and an offset an error of its
    baseline; `COUNTS` is for windows of counts. They come from experiments on the published data set;
    `onset_from_clean` is a judgement.

    Attributes:
        gain: standard deviation of the logarithm of each channel's gain.
        common_gain: standard deviation of the logarithm of the gain that all channels share.
        offset: standard deviation of each channel's baseline offset, in the windows' unit.
        drift: standard deviation of each channel's drift over the window.
        noise: standard deviation of white noise.
        pulse: standard deviation of the logarithm of the pulse height.
        calm: probability that the pulse height of clean air is drawn from `calmest` to `liveliest` instead.
        calmest: least pulse height of such clean air, above 0.
        liveliest: greatest pulse height of such clean air.
        onset: probability that the older part of a window comes from another class.
        onset_from_clean: probability that what comes before a gas is clean air, not another gas.
        fastest_response: least time constant of the change, readings, above 0.
        slowest_response: greatest time constant of the change, readings.
        truncation: probability that only the newest readings are kept.
        dropout: probability that a window may lose channels.
        channel_dropout: probability that such a window loses a channel.
    """

    gain: float = 0.16
    common_gain: float = 0.04
    offset: float = 0.15
    drift: float = 0.02
    noise: float = 0.004
    pulse: float = 0.15
    calm: float = 0.6
    calmest: float = 0.05
    liveliest: float = 1.3
    onset: float = 0.05
    onset_from_clean: float = 0.8
    fastest_response: float = 1.0
    slowest_response: float = 6.0
    truncation: float = 0.12
    dropout: float = 0.4
    channel_dropout: float = 0.2

    def __post_init__(self) -> None:
        check_limits(self, self._limits())

    def _limits(self) -> Iterator[Limit]:
        for name in ("gain", "common_gain", "offset", "drift", "noise", "pulse"):
            yield name, 0 <= getattr(self, name) < np.inf, "a finite number of at least 0"
        for name in ("calm", "onset", "onset_from_clean", "truncation", "dropout", "channel_dropout"):
            yield name, 0 <= getattr(self, name) <= 1, "a probability, 0..1"
        for least, most in (("calmest", "liveliest"), ("fastest_response", "slowest_response")):
            yield least, 0 < getattr(self, least) < np.inf, "a finite number above 0"
            yield most, getattr(self, least) <= getattr(self, most) < np.inf, f"at least {least}"


COUNTS = AugmentationSettings(gain=0.06, offset=12.0, drift=3.0, noise=0.6)
"""For windows of ADC counts."""


def augment(
    windows: Windows, clean: int | None, settings: AugmentationSettings, rng: np.random.Generator
) -> Windows:
    """Return an altered copy of windows; labels and rows stay.

    The effects only see to what is valid; all else is filled anew in the end: see `filled`.

    Args:
        windows: N windows; the other classes among them are what onsets are mixed from.
        clean: the class of clean air; None where there is none.
        settings: how far they are altered.
        rng: decides all of it.
    """
    out = scale_pulses(windows, pulse_heights(windows.labels, clean, settings, rng))
    out = mix_onsets(out, clean, settings, rng)
    out = scale_gain(out, gains(out, settings, rng))
    out = shift_baseline(out, _per_channel(out, settings.offset, rng))
    out = add_drift(out, _per_channel(out, settings.drift, rng))
    out = add_noise(out, settings.noise, rng)
    out = truncate(out, settings.truncation, rng)
    out = kill_channels(out, lost_channels(out.valid, settings, rng))
    return filled(out)


def pulse_heights(
    labels: npt.NDArray[np.int64], clean: int | None, settings: AugmentationSettings, rng: np.random.Generator
) -> Values:
    """Draw the factor of each window's pulses, shape (N,); clean air may be calmer than recorded."""
    heights = np.exp(rng.normal(0, settings.pulse, len(labels)))
    calm = _log_uniform(settings.calmest, settings.liveliest, len(labels), rng)
    is_calm = rng.random(len(labels)) < settings.calm
    if clean is None:
        return heights
    return np.where(is_calm & (labels == clean), calm, heights)


def scale_pulses(windows: Windows, heights: Values) -> Windows:
    """Scale each channel's deviation from the mean of its valid readings by a factor per window, (N,)."""
    known = windows.valid.sum(axis=1, keepdims=True)
    total = np.where(windows.valid, windows.values, 0).sum(axis=1, keepdims=True)
    mean = total / np.maximum(known, 1)
    scaled = mean + (windows.values - mean) * heights[:, np.newaxis, np.newaxis]
    return _with_values(windows, scaled)


def mix_onsets(
    windows: Windows, clean: int | None, settings: AugmentationSettings, rng: np.random.Generator
) -> Windows:
    """Let some windows begin in the air of another class.

    At least the newest three readings are of the window's own class, whose label it keeps; one with
    fewer readings than four keeps all but the oldest. Windows of a single class stay as they are.
    """
    length = windows.values.shape[1]
    mixed = rng.random(len(windows)) < settings.onset
    earlier = earlier_windows(windows.labels, clean, settings.onset_from_clean, rng)
    own = rng.integers(min(_LEAST_OWN, length - 1), max(length, 2), len(windows))
    constants = _log_uniform(settings.fastest_response, settings.slowest_response, len(windows), rng)
    mixed &= (earlier >= 0) & (length > 1)
    if not mixed.any():
        return windows
    values, valid = windows.values.copy(), windows.valid.copy()
    blend = blend_onset(windows.take(earlier[mixed]), windows.take(mixed), own[mixed], constants[mixed])
    values[mixed], valid[mixed] = blend.values, blend.valid
    return windows.with_readings(values, valid)


def earlier_windows(
    labels: npt.NDArray[np.int64], clean: int | None, from_clean: float, rng: np.random.Generator
) -> npt.NDArray[np.int64]:
    """Draw for each window one of another class that may come before it, shape (N,); -1 where there is none.

    Args:
        labels: shape (N,).
        clean: the class of clean air; None where there is none: then any other class comes before.
        from_clean: probability that clean air comes before a gas; certain where there is no other gas.
        rng: decides.
    """
    other = np.full(len(labels), -1, dtype=np.int64)
    for label in np.unique(labels):
        mine = np.flatnonzero(labels == label)
        other[mine] = _draw(np.flatnonzero((labels != label) & (labels != clean)), len(mine), rng)
    if clean is None:
        return other
    air = _draw(np.flatnonzero(labels == clean), len(labels), rng)
    takes_air = (labels != clean) & ((rng.random(len(labels)) < from_clean) | (other < 0))
    return np.where(takes_air & (air >= 0), air, other)


def blend_onset(earlier: Windows, own: Windows, newest: npt.NDArray[np.int64], constants: Values) -> Windows:
    """Go over from earlier air to a window's own as an MQ sensor responds: by 1 - exp(-t / constant).

    A channel that only one of both has keeps its own readings where it has them, and has none before.

    Args:
        earlier: N windows.
        own: N windows.
        newest: shape (N,), readings at the end that are of the own air; t is 1 at the first of them.
        constants: shape (N,), readings.
    """
    length = own.values.shape[1]
    since = (np.arange(length) - (length - newest[:, np.newaxis]) + 1)[:, :, np.newaxis]
    response = 1 - np.exp(-np.maximum(since, 0) / constants[:, np.newaxis, np.newaxis])
    has_earlier = earlier.valid.any(axis=1, keepdims=True)
    share = np.where(has_earlier, response, 1.0)
    has_own = own.valid.any(axis=1, keepdims=True)
    values = earlier.values * (1 - share) + own.values * share
    valid = np.where(since > 0, own.valid, earlier.valid & has_own)
    return _with_values(own.with_readings(own.values, valid), values)


def gains(windows: Windows, settings: AugmentationSettings, rng: np.random.Generator) -> Values:
    """Draw each window's gains, shape (N, C): one per channel times one that the channels share."""
    channels = windows.values.shape[2]
    own = rng.normal(0, settings.gain, (len(windows), channels))
    return np.exp(own + rng.normal(0, settings.common_gain, (len(windows), 1)))


def scale_gain(windows: Windows, gain: Values) -> Windows:
    """Multiply values by gains of a shape that broadcasts to (N, C)."""
    return _with_values(windows, windows.values * _over_time(windows, gain))


def shift_baseline(windows: Windows, offset: Values) -> Windows:
    """Add offsets of a shape that broadcasts to (N, C)."""
    return _with_values(windows, windows.values + _over_time(windows, offset))


def add_drift(windows: Windows, drift: Values) -> Windows:
    """Add drifts, shape (N, C): all of it at the oldest place, none at the newest."""
    age = np.linspace(1, 0, windows.values.shape[1]) if windows.values.shape[1] > 1 else np.zeros(1)
    return _with_values(windows, windows.values + age[:, np.newaxis] * _over_time(windows, drift))


def add_noise(windows: Windows, deviation: float, rng: np.random.Generator) -> Windows:
    """Add white noise of a standard deviation."""
    noise = rng.standard_normal(windows.values.shape, dtype=np.float32) * np.float32(deviation)
    return windows.with_readings(windows.values + noise)


def truncate(windows: Windows, probability: float, rng: np.random.Generator) -> Windows:
    """Keep only the newest 1 to W - 1 readings of some windows valid, as just after the array's start."""
    length = windows.values.shape[1]
    truncated = rng.random(len(windows)) < probability
    kept = np.where(truncated, rng.integers(1, max(length, 2), len(windows)), length)
    recent = np.arange(length) >= length - kept[:, np.newaxis]
    return windows.with_readings(windows.values, windows.valid & recent[:, :, np.newaxis])


def lost_channels(valid: Mask, settings: AugmentationSettings, rng: np.random.Generator) -> Mask:
    """Draw which channels each window loses, shape (N, C): never its last one with a newest reading.

    Args:
        valid: shape (N, W, C).
        settings: how often.
        rng: decides.
    """
    shape = (valid.shape[0], valid.shape[2])
    may_lose = rng.random((len(valid), 1)) < settings.dropout
    lost = may_lose & (rng.random(shape) < settings.channel_dropout)
    living = valid[:, -1]
    kept = (rng.random(shape) + living).argmax(axis=1)
    bare = np.flatnonzero(~(living & ~lost).any(axis=1))
    lost[bare, kept[bare]] = False
    return lost


def kill_channels(windows: Windows, dead: Mask) -> Windows:
    """Take channels from windows: not valid, 0; `dead` broadcasts to (N, C)."""
    lost = _over_time(windows, dead)
    return windows.with_readings(
        np.where(lost, np.float32(0), windows.values), windows.valid & np.logical_not(lost)
    )


def filled(windows: Windows) -> Windows:
    """Fill what is not valid from the valid values beside it, as `Window` of model.window says."""
    length = windows.values.shape[1]
    some = np.flatnonzero(~windows.valid.all(axis=(1, 2)))
    if not len(some):
        return windows
    valid, values = windows.valid[some], windows.values[some]
    places = np.arange(length)[np.newaxis, :, np.newaxis]
    before = np.maximum.accumulate(np.where(valid, places, -1), axis=1)
    after = np.minimum.accumulate(np.where(valid, places, length)[:, ::-1], axis=1)[:, ::-1]
    # A side without a valid reading takes the other side's; with none at all any place will do.
    low = np.minimum(np.where(before < 0, after, before), length - 1)
    high = np.where(after == length, low, after)
    share = (places - low) / np.maximum(high - low, 1) * (high > low)
    lower, upper = (np.take_along_axis(values, place, axis=1) for place in (low, high))
    fills = np.where(valid.any(axis=1, keepdims=True), lower + (upper - lower) * share, 0)
    out = windows.values.copy()
    out[some] = np.where(valid, values, fills)
    return windows.with_readings(out)


def _with_values(windows: Windows, values: Values) -> Windows:
    return windows.with_readings(values.astype(np.float32))


def _over_time(windows: Windows, values: npt.NDArray[Scalar]) -> npt.NDArray[Scalar]:
    """Return values that broadcast to (N, C) as shape (N, 1, C)."""
    shape = (len(windows), windows.values.shape[2])
    return np.broadcast_to(values, shape)[:, np.newaxis]


def _per_channel(windows: Windows, deviation: float, rng: np.random.Generator) -> Values:
    return rng.normal(0, deviation, (len(windows), windows.values.shape[2]))


def _log_uniform(least: float, most: float, count: int, rng: np.random.Generator) -> Values:
    return np.exp(rng.uniform(np.log(least), np.log(most), count))


def _draw(among: npt.NDArray[np.int64], count: int, rng: np.random.Generator) -> npt.NDArray[np.int64]:
    """Draw indices with replacement; -1 where there are none."""
    return rng.choice(among, count) if len(among) else np.full(count, -1, dtype=np.int64)
