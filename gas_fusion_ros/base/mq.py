"""MQ gas sensors: from ADC counts to resistances, and what may be known of a channel.

The conventions are those of the MQ data sheets (Hanwei, Winsen): the sensing layer Rs stands in series
with a load resistor RL across the circuit voltage Vc, and the output is the voltage over RL, so that

    Rs = RL * (Vc / Vout - 1)

Sensitivity curves are drawn as Rs/R0 over the concentration, where R0 is Rs at the data sheet's reference
point (MQ-2: 1000 ppm hydrogen). Reducing gases lower Rs and so raise the counts.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum

import numpy as np
import numpy.typing as npt

Values = npt.NDArray[np.float32]

_FAMILIES = "mq|tgs|mics|mp|mg|gm"
_SENSOR = re.compile(rf"({_FAMILIES})[\s_\-\u2010-\u2015]*([1-9]\d{{0,3}}b?|3\d\da)", re.ASCII)
_SENSOR_WITHIN = re.compile(
    rf"(?<![a-z])({_FAMILIES})[\s_\-\u2010-\u2015]*"
    r"(3\d\da(?![a-z])|[1-9]\d{0,3}b(?![a-z])|[1-9]\d{0,3})(?!\d)",
    re.ASCII,
)
_HUMP = re.compile(r"(?<=[a-z])(?=(?:MQ|TGS|MiCS|MICS)[\s_-]*\d)", re.ASCII)
"""Before the sensor in names of programs: `sensorMQ2`, `ppmMQ7`."""
_WORD = re.compile(r"[^\W\d_]+\d*|%|\u2126")


@dataclass(frozen=True)
class Circuit:
    """The voltage divider of a sensor and the converter behind it.

    Attributes:
        load_ohm: RL, ohm. The data sheets leave it open (20 kOhm for MQ-5); boards differ, so measure it.
        supply_v: Vc, volt.
        reference_v: voltage that the converter reads as full scale, volt.
        full_scale: its greatest count; 1023 for 10 bits.
    """

    load_ohm: float = 10_000.0
    supply_v: float = 5.0
    reference_v: float = 5.0
    full_scale: int = 1023

    def __post_init__(self) -> None:
        for name in ("load_ohm", "supply_v", "reference_v", "full_scale"):
            value = getattr(self, name)
            if not (np.isfinite(value) and value > 0):
                raise ValueError(f"{name} must be a number above 0, not {value!r}")


def sensing_resistance(counts: npt.ArrayLike, circuit: Circuit) -> Values:
    """Rs in ohm, same shape as `counts`; NaN where none can give them (0, NaN, Vout above Vc)."""
    output_v = np.asarray(counts, np.float64) * (circuit.reference_v / circuit.full_scale)
    fraction = output_v / circuit.supply_v
    possible = (fraction > 1e-9) & (fraction < 1 + 1e-9)  # room for rounding, none for an infinite Rs
    ratio = 1.0 / np.where(possible, fraction, np.nan)
    return (circuit.load_ohm * np.maximum(ratio - 1.0, 0.0)).astype(np.float32)


def counts_of_resistance(rs_ohm: npt.ArrayLike, circuit: Circuit) -> Values:
    """Counts, not rounded, of Rs in ohm; clipped at full scale, NaN where Rs is negative or NaN."""
    rs = np.asarray(rs_ohm, np.float64)
    output_v = circuit.supply_v * circuit.load_ohm / (circuit.load_ohm + np.where(rs >= 0, rs, np.nan))
    counts = output_v * (circuit.full_scale / circuit.reference_v)
    return np.minimum(counts, circuit.full_scale).astype(np.float32)


def resistance_ratio(rs_ohm: npt.ArrayLike, r0_ohm: npt.ArrayLike) -> Values:
    """Rs/R0, shapes broadcast; NaN where R0 is not above 0."""
    r0 = np.asarray(r0_ohm, np.float64)
    return (np.asarray(rs_ohm, np.float64) / np.where(r0 > 0, r0, np.nan)).astype(np.float32)


class ChannelHealth(str, Enum):
    """What is known of a channel's latest value."""

    OK = "ok"
    OUT_OF_RANGE = "out_of_range"
    STUCK = "stuck"
    NAN = "nan"
    WARMING_UP = "warming_up"


class Quantity(str, Enum):
    """What the values of a sensor are, as far as the name of its column says."""

    RAW = "raw"
    UNSAID = "unsaid"
    VOLT = "volt"
    MILLIVOLT = "millivolt"
    PERCENT = "percent"
    OHM = "ohm"
    OTHER = "other"
    """Computed or of another kind: ppm, a ratio, a threshold, a digital output; or nobody knows."""


_WORDS = {
    **dict.fromkeys(
        ("raw", "adc", "analog", "analogue", "analogread", "counts", "count", "ao"), Quantity.RAW
    ),
    **dict.fromkeys(("v", "volt", "volts", "voltage", "vout", "vrl"), Quantity.VOLT),
    **dict.fromkeys(("mv", "millivolt", "millivolts"), Quantity.MILLIVOLT),
    **dict.fromkeys(("%", "percent", "pct"), Quantity.PERCENT),
    **dict.fromkeys(("ohm", "ohms", "\u03c9", "\u2126"), Quantity.OHM),
}
_SAYING_NOTHING = re.compile(
    "sensor|values?|val|readings?|out|output|level|signal|pin|channel|gas|smoke|lpg|cng|co|co2|h2|h2s|ch4|nh3|nox|"
    "alcohol|ethanol|methane|butane|propane|hydrogen|benzene|ammonia|(air)?quality|air|carbon|monoxide|dioxide|"
    r"a\d{1,2}",
    re.ASCII,
)
"""Words of a column's name that say neither a quantity nor that it is another: gases, pins."""


@dataclass(frozen=True)
class SensorColumn:
    """What the name of a column says.

    Attributes:
        name: the channel, such as `mq2`.
        quantity: what its values are.
    """

    name: str
    quantity: Quantity


def channel_name(text: str) -> str | None:
    """Return the channel that a data sheet's or a sketch's name of a sensor means, or None.

    `MQ-135`, `MQ_135`, `mq 135` and `"MQ135"` are all `mq135`; `TGS 2602` is `tgs2602`. Nothing may stand
    beside the name: see `sensor_column`.
    """
    match = _SENSOR.fullmatch(_bare(text))
    return None if match is None else match[1] + match[2]


def sensor_column(text: str) -> SensorColumn | None:
    """Return what the name of a column says of the sensor in it; None where none or several are named.

    `MQ-2 (raw)` and `mq2_adc` are counts of mq2, `MQ2 [V]` is its voltage, `MQ2_ppm` another quantity.
    """
    bare = _bare(text)
    found = list(_SENSOR_WITHIN.finditer(bare))
    if len(found) != 1:
        return None
    sensor = found[0]
    beside = f"{bare[: sensor.start()]} {bare[sensor.end() :]}"
    return SensorColumn(sensor[1] + sensor[2], quantity_of(beside))


def sensors_in(text: str) -> list[str]:
    """Return the channels of all sensors that a text names, in its order."""
    return [match[1] + match[2] for match in _SENSOR_WITHIN.finditer(_bare(text))]


def quantity_of(words: str) -> Quantity:
    """Return what a value is by the words that stand beside a sensor's name, such as `raw` or `[V]`."""
    said = set()
    for word in _WORD.findall(_bare(words)):
        if word in _WORDS:
            said.add(_WORDS[word])
        elif word == "rs":
            said.add(Quantity.OTHER)
        elif not _SAYING_NOTHING.fullmatch(word):
            return Quantity.OTHER
    if said == {Quantity.OTHER, Quantity.OHM}:
        return Quantity.OHM
    return said.pop() if len(said) == 1 else Quantity.OTHER if said else Quantity.UNSAID


def _bare(text: str) -> str:
    return _HUMP.sub(" ", text.strip().strip("\"'").strip()).lower()
