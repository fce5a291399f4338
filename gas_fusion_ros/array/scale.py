"""Whether readings are of the scale that is expected, and if not, what is likely the cause and the remedy."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from gas_fusion_ros.array.description import Divider, Unit, Values
from gas_fusion_ros.array.expected import STRANGE, Change, Expected, Floats
from gas_fusion_ros.base.quoting import shown

WINDOW = 60
"""Latest readings of which each channel's median is judged."""
EARLY = 10
"""Readings from which on the first judgement is made, and between two."""

_EARLY_STRANGE = 1.67 * STRANGE
"""A few readings are judged mildly. No 10 of the data set come beyond 0.99."""
_FITS = 0.85 * STRANGE
"""What was strange must come below this to fit again: 60 readings of the data set lie at most at 0.80."""
_MOST_TOLD = 2
_MOST_EXAMPLES = 3
_UNLIKE_ALL = 0.9
"""What a named cause must explain better than, else it is another array altogether."""
_FREE_SHIFT = 0.15
"""A load resistor fits whatever the common shift: it must explain more than a cause without a free number."""
_LEAST_SHIFT, _MOST_SHIFT = 0.4, 2.5
"""How far load resistors of 1 to 100 kiloohm in place of 10 shift ln(Rs/RL), and what is worth telling."""
_SAME = 1.1
"""Scales nearer to one another than by this factor are one."""
_SUPPLY_3V3 = 3.3 / 5.0
_GAS = (0.25, 3.0)
"""Factors of a reading that a gas may bring about."""
BITS = (10, 12, 14, 16)
"""Of the converters behind MQ arrays."""
_MOST_VOLT = 5.5
_UNIFORM = 2.5
"""Up to this ratio of the largest factor of a channel to the least, it is told as one."""


@dataclass(frozen=True)
class Cause:
    """What may be behind readings of another scale.

    Attributes:
        name: as told, such as `a 12-bit converter`.
        change: what would be right of the array's description.
        restored: shape (C,), what the expected array would have read.
        penalty: what is added to the distance of `restored` before causes are compared.
    """

    name: str
    change: Change
    restored: Floats
    penalty: float = 0.0


@dataclass(frozen=True)
class ScaleComplaint:
    """Readings are not of the scale that is expected.

    Attributes:
        causes: the names of the most likely ones, the best first.
        text: what is seen, the causes and their remedies, in a sentence.
    """

    causes: tuple[str, ...]
    text: str


@dataclass(frozen=True)
class _Converter:
    name: str
    unit: Unit
    full_scale: float


_CONVERTERS = (
    _Converter("a 10-bit converter", Unit.COUNTS, 1023.0),
    _Converter("a 12-bit converter", Unit.COUNTS, 4095.0),
    _Converter("a 14-bit converter", Unit.COUNTS, 16383.0),
    _Converter("a 16-bit converter", Unit.COUNTS, 65535.0),
    _Converter("an ADS1115 in its range of 6.144 V", Unit.COUNTS, 26667.0),
    _Converter("volts", Unit.VOLT, 5.0),
    _Converter("millivolts", Unit.COUNTS, 5000.0),
    _Converter("shares of the supply, 0 to 1", Unit.COUNTS, 1.0),
    _Converter("percent of the supply", Unit.COUNTS, 100.0),
)


class ScaleWatch:
    """Judges the latest readings, again and again, in memory of constant size. Not thread-safe.

    Args:
        expected: what readings are compared with.
    """

    def __init__(self, expected: Expected) -> None:
        self._expected = expected
        self._latest: deque[Floats] = deque(maxlen=WINDOW)
        self._until_next = EARLY
        self._complaint: ScaleComplaint | None = None

    @property
    def complaint(self) -> ScaleComplaint | None:
        """What stands against the scale; None while readings fit, or too few have come."""
        return self._complaint

    def add(self, channels: Sequence[str], reading: Values) -> None:
        """Take in a reading, shape (C,), NaN where invalid; one without expected channels is passed over."""
        by_name = dict(zip(channels, reading.tolist(), strict=True))
        values = np.array([by_name.get(name, np.nan) for name in self._expected.names], dtype=np.float64)
        values[~np.isfinite(values)] = np.nan
        if np.isnan(values).all():
            return
        self._latest.append(values)
        self._until_next -= 1
        if self._until_next == 0:
            self._until_next = EARLY
            self._judge()

    def forget(self) -> None:
        """Begin anew: what comes may be of another array."""
        self._latest.clear()
        self._until_next, self._complaint = EARLY, None

    def _judge(self) -> None:
        readings = _medians(np.stack(self._latest))
        if self._complaint is not None:
            limit = _FITS
        else:
            limit = STRANGE if len(self._latest) == WINDOW else _EARLY_STRANGE
        if self._expected.misfit(readings) <= limit:
            self._complaint = None
        elif self._complaint is None:
            self._complaint = explain(self._expected, readings)


class FullScaleWatch:
    """Tells when most channels read more than the array can, again and again: another converter.

    Such readings go out as NaN, so that nobody after the driver can judge them.

    Args:
        greatest: the greatest reading of a working sensor.
    """

    def __init__(self, greatest: float) -> None:
        self._greatest = greatest
        self._beyond = 0

    def add(self, reading: Values) -> str:
        """Take in a reading, shape (C,), NaN where invalid; say what stands against it, empty for nothing."""
        known = reading[np.isfinite(reading)]
        is_beyond = known.size > 0 and 2 * int((known > self._greatest).sum()) > known.size
        self._beyond = self._beyond + 1 if is_beyond else 0
        if self._beyond < EARLY:
            return ""
        largest = float(known.max())
        likely = (one for one in _CONVERTERS if one.unit is Unit.COUNTS and one.full_scale >= largest)
        converter = min(likely, key=lambda one: one.full_scale, default=None)
        cause = "" if converter is None else f": {converter.name} (--full-scale {converter.full_scale:.10g})?"
        return (
            f"readings up to {largest:.4g} are beyond {self._greatest:.4g}, the greatest of this array, and "
            f"go out as NaN{cause}; calibrate the array with its full scale in clean air (gas-fusion "
            "calibrate), and name the file as array_file"
        )


def judge(expected: Expected, readings: Values) -> ScaleComplaint | None:
    """Say what stands against the scale of readings, shape (N, C), NaN where invalid; None for nothing."""
    limit = STRANGE if len(readings) >= WINDOW else _EARLY_STRANGE
    medians = _medians(readings.astype(np.float64))
    if not np.isfinite(medians).any() or expected.misfit(medians) <= limit:
        return None
    return explain(expected, medians)


def told_by_range(least: float, greatest: float) -> tuple[str, str]:
    """Say what readings are that a 10-bit converter cannot give, by their range alone, and the remedy.

    Both are empty where it can give them.
    """
    if looks_like_volts(least, greatest):
        option = "--unit volt --full-scale 5"
    else:
        bits = next((bits for bits in BITS if greatest < 2**bits), None)
        option = "" if bits in (None, BITS[0]) else f"--full-scale {2**bits - 1}"
    if not option:
        return "", ""
    return (
        f"values from {least:g} to {greatest:g} are not those of a 10-bit converter ({option})?",
        "Calibrate the array with that option in clean air (gas-fusion calibrate), and name the file as "
        "array_file",
    )


def looks_like_volts(least: float, greatest: float) -> bool:
    """Whether readings of this range are volts."""
    return greatest <= _MOST_VOLT and least != round(least)


def explain(expected: Expected, readings: Floats) -> ScaleComplaint:
    """Say what likely makes readings, shape (C,), unlike those that are expected; NaN where invalid."""
    ranked = sorted(
        _causes(expected, readings), key=lambda cause: expected.distance(cause.restored) + cause.penalty
    )
    told = ranked[:_MOST_TOLD]
    likely = " or ".join(_with_option(cause.name, expected.option(cause.change)) for cause in told)
    seen, may_be_gas = _seen(expected, readings)
    doubt = f"{expected.doubt} " if may_be_gas and expected.doubt else ""
    return ScaleComplaint(tuple(cause.name for cause in told), f"{seen}: {likely}? {doubt}{expected.remedy}")


def _with_option(name: str, option: str) -> str:
    return f"{name} ({option})" if option else name


def _medians(readings: Floats) -> Floats:
    """Return the median of each column that has a value, shape (C,), else NaN.

    As np.nanmedian, which takes five times as long for a few columns.
    """
    counts = (~np.isnan(readings)).sum(axis=0)
    ordered = np.sort(np.vstack([readings, np.full(readings.shape[1], np.nan)]), axis=0)  # NaN comes last
    columns = np.arange(readings.shape[1])
    lower, upper = (
        np.where(counts > 0, (counts - 1) // 2, len(readings)),
        np.where(counts > 0, counts // 2, 0),
    )
    return np.asarray((ordered[lower, columns] + ordered[upper, columns]) / 2.0)


def _causes(expected: Expected, readings: Floats) -> Iterator[Cause]:
    yield from _of_dead_array(expected, readings)
    yield from _of_converter(expected, readings)
    yield from _of_supply(expected, readings)
    yield from _of_divider(expected, readings)
    yield from _of_load(expected, readings)
    # Compared as if it left a distance of its own: nothing is restored of another array.
    yield Cause("another array altogether", Change(), expected.typical, _UNLIKE_ALL)


def _of_dead_array(expected: Expected, readings: Floats) -> Iterator[Cause]:
    if not np.nan_to_num(readings).any():
        yield Cause("an array without power, or with its output unplugged", Change(), expected.typical)


def _of_converter(expected: Expected, readings: Floats) -> Iterator[Cause]:
    array = expected.array
    if array.unit is Unit.OHM:
        yield Cause("kiloohm", Change(unit=Unit.OHM), readings * 1000.0)
        return
    for one in _CONVERTERS:
        factor = one.full_scale / array.full_scale
        if max(factor, 1.0 / factor) > _SAME:
            yield Cause(one.name, Change(one.unit, one.full_scale), readings / factor)


def _of_supply(expected: Expected, readings: Floats) -> Iterator[Cause]:
    array = expected.array
    if array.unit is Unit.OHM:
        return
    for name, factor in (
        ("a supply of 3.3 V under a reference of 5 V", _SUPPLY_3V3),
        ("a reference of 3.3 V under a supply of 5 V", 1.0 / _SUPPLY_3V3),
    ):
        full_scale = float(f"{array.full_scale * factor:.3g}")
        yield Cause(name, Change(array.unit, full_scale), readings / factor)


def _of_divider(expected: Expected, readings: Floats) -> Iterator[Cause]:
    array = expected.array
    if array.unit is Unit.OHM:
        return
    other = Divider.LOAD_HIGH if array.divider is Divider.LOAD_LOW else Divider.LOAD_LOW
    name = "an output over the other resistor"
    yield Cause(name, Change(divider=other), array.full_scale - readings)


def _of_load(expected: Expected, readings: Floats) -> Iterator[Cause]:
    """All channels shifted alike in ln(Rs/RL)."""
    array = expected.array
    shifts = (array.log_resistances(readings) - array.log_resistances(expected.typical)).astype(np.float64)
    known = shifts[np.isfinite(shifts)]
    shift = float(np.median(known)) if len(known) else 0.0
    if not _LEAST_SHIFT <= abs(shift) <= _MOST_SHIFT:
        return
    level = replace(array, channels=tuple(replace(one, baseline=0.0) for one in array.channels))
    restored = level.readings_of(array.log_resistances(readings) - np.float32(shift)).astype(np.float64)
    restored = np.where(np.isnan(restored) & np.isfinite(readings), readings, restored)
    yield Cause("other load resistors", Change(), restored, _FREE_SHIFT)


def _seen(expected: Expected, readings: Floats) -> tuple[str, bool]:
    """Say what is seen, and whether a gas might do it."""
    with np.errstate(divide="ignore", invalid="ignore"):
        ratios = readings / expected.typical
    known = np.sort(ratios[np.isfinite(ratios)])
    trimmed = known[1:-1] if len(known) > 3 else known
    pairs = zip(expected.names, readings, expected.typical, strict=True)
    examples = [
        f"{shown(name)} {value:.4g} against {usual:.4g}" for name, value, usual in pairs if np.isfinite(value)
    ]
    least, most = float(trimmed[0]), float(trimmed[-1])
    if least > 0.0 and most / least <= _UNIFORM:
        told = f"all channels are about {float(np.median(known)):.3g} times"
    else:
        told = f"channels are {known[0]:.3g} to {known[-1]:.3g} times"
    may_be_gas = _GAS[0] <= least <= most <= _GAS[1]
    return f"{told} what {expected.owner} ({', '.join(examples[:_MOST_EXAMPLES])})", may_be_gas
