"""What lines from a sensor array are read as: for whoever looks at a port or a capture before using it."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from gas_fusion_ros.array.expected import Expected
from gas_fusion_ros.array.scale import BITS, WINDOW, judge, looks_like_volts, told_by_range
from gas_fusion_ros.base.mq import Quantity
from gas_fusion_ros.base.observation import PAPER_CHANNELS
from gas_fusion_ros.base.quoting import listed
from gas_fusion_ros.base.shipped_files import DEFAULT_MODEL, find_bundle
from gas_fusion_ros.base.units import NANOSECONDS_PER_SECOND
from gas_fusion_ros.drivers.gas.lines.columns import ColumnNames
from gas_fusion_ros.drivers.gas.lines.protocol_lines import ProtocolLines
from gas_fusion_ros.drivers.gas.lines.reader import LineReader
from gas_fusion_ros.drivers.gas.lines.refusals import late_header, no_values
from gas_fusion_ros.drivers.gas.lines.remark import Remark
from gas_fusion_ros.drivers.gas.lines.splitter import Line, LineSplitter
from gas_fusion_ros.drivers.gas.lines.types import (
    LineForm,
    LineReading,
    Lines,
    Manner,
    Order,
    Tellers,
    Values,
)
from gas_fusion_ros.inspection.missing_channels import CHANNELS, told_missing_channels
from gas_fusion_ros.model.bundle import Bundle, BundleError
from gas_fusion_ros.model.expected_readings import expected_readings

SCALE = "scale"
"""Cause of the note on readings of another scale."""
NEVER = "never"
"""Cause of the note on channels without a value in any reading."""
BEFORE_USE = (CHANNELS, SCALE)
"""Causes of the notes on what is to be done before readings are of use."""

_UNCONFIRMED_ROWS = 6
_OFTEN = 0.1
"""Part of the lines of the commonest sensor that others are named in: fewer are garbled names."""


@dataclass(frozen=True)
class HeardLine:
    """A line, and what became of it.

    Attributes:
        content: its bytes.
        readings: readings that are certain with it, of earlier lines too.
        remarks: why it is none, or earlier ones are none, and what was left out.
    """

    content: bytes
    readings: tuple[Values, ...]
    remarks: tuple[Remark, ...]


@dataclass(frozen=True)
class Refused:
    """Lines that were refused for one reason.

    Attributes:
        remark: the first one's.
        count: how many there were.
    """

    remark: Remark
    count: int


@dataclass(frozen=True)
class Heard:
    """What a port or a capture sends; C channels.

    Attributes:
        channels: names of the channels, in the order of a reading; length C.
        rows: lines that hold values, read or not.
        readings: lines that became readings.
        first: shape (C,), the first reading; None without any.
        manner: how the last reading was written; None likewise.
        line_end: `LF`, `CR LF` or `CR`; empty where no line ended.
        refused: what was refused, by reason.
        notes: what was left out, and what is to be known of the scale.
        least: the least value.
        greatest: the greatest value.
        rate_hz: readings per second; None where nobody knows.
    """

    channels: tuple[str, ...]
    rows: int
    readings: int
    first: Values | None
    manner: Manner | None
    line_end: str
    refused: tuple[Refused, ...]
    notes: tuple[Remark, ...]
    least: float = math.nan
    greatest: float = math.nan
    rate_hz: float | None = None

    @property
    def has_late_header(self) -> bool:
        """Whether values came before a header of another order."""
        return any(one.remark.cause == late_header().cause for one in self.refused)

    @property
    def format(self) -> str:
        """In words, how the lines are written; empty where none was read."""
        if self.manner is None:
            return ""
        separated = f"values separated by {self.manner.delimiter}"
        if self.manner.delimiter == "json":
            separated = "JSON lists"
        form = {
            LineForm.VALUES: f"{separated}, in the order of the channels",
            LineForm.HEADER: f"{separated}, under a line of names",
            LineForm.LABELS: "values with their names before them",
            LineForm.JSON: "JSON objects",
        }.get(self.manner.form, "the project's own protocol")
        decimal = ", decimal comma" if self.manner.has_decimal_comma else ""
        return f"{form}{decimal}; {self.unit}; lines end with {self.line_end}"

    @property
    def unit(self) -> str:
        """In words, what the values are."""
        said = Quantity.UNSAID if self.manner is None else self.manner.quantity
        if said not in (Quantity.RAW, Quantity.UNSAID):
            return {Quantity.VOLT: "volts", Quantity.MILLIVOLT: "millivolts"}.get(said, said.value)
        bits = next((bits for bits in BITS if self.greatest < 2**bits), None)
        if bits is None:
            return "numbers"
        return "volts" if looks_like_volts(self.least, self.greatest) else f"counts of {bits} bits"

    def to_json(self) -> dict[str, Any]:
        """Return it as docs/serial_protocol.md describes."""
        first = None
        if self.first is not None:
            first = dict(zip(self.channels, map(_json_number, self.first.tolist()), strict=True))
        return {
            "format": self.format,
            "channels": list(self.channels),
            "rows": self.rows,
            "readings": self.readings,
            "refused": [
                {"reason": one.remark.reason, "remedy": one.remark.remedy, "count": one.count}
                for one in self.refused
            ],
            "first": first,
            "notes": [{"reason": one.reason, "remedy": one.remedy} for one in self.notes],
            "rate_hz": self.rate_hz,
        }


@dataclass
class _Tally:
    """What one pass over lines has found."""

    refused: dict[str, Refused] = field(default_factory=dict)
    notes: dict[Remark, None] = field(default_factory=dict)
    latest: list[Remark] = field(default_factory=list)

    def refuse(self, remark: Remark) -> None:
        before = self.refused.get(remark.cause)
        self.refused[remark.cause] = (
            Refused(remark, 1) if before is None else Refused(before.remark, before.count + 1)
        )
        self.latest.append(remark)

    def note(self, remark: Remark) -> None:
        if remark not in self.notes:
            self.latest.append(remark)
        self.notes[remark] = None


class SerialListener:
    """Reads what a port or a capture sends as the driver would, and keeps account.

    Values without names wait until six lines have come, so that none is told under a wrong name.

    Args:
        channels: the names that are wanted; None for those that the lines name.
        form: which forms are read.
        sample: bytes that say beforehand what the lines name: a capture from its beginning.
        began_before: whether the first bytes may be the tail of a line.
        heard: called with each line.
    """

    def __init__(
        self,
        channels: Sequence[str] | None,
        form: LineForm,
        sample: bytes,
        began_before: bool,
        heard: Callable[[HeardLine], None],
    ) -> None:
        self._tally = _Tally()
        self._heard = heard
        self._splitter = LineSplitter(began_before=began_before)
        self._lines = _lines(channels, form, sample, began_before, self._tally)
        self._line_ends: set[str] = set()
        self._readings = 0
        self._after_first = 0  # Several may come at once, from what was waiting.
        self._first: LineReading | None = None
        self._last: LineReading | None = None
        self._latest: list[Values] = []
        self._seen: npt.NDArray[np.bool_] | None = None  # shape (C,): channels that ever had a value
        self._least, self._greatest = math.inf, -math.inf

    def feed(self, data: bytes, at_ns: int) -> None:
        """Take bytes that came at `at_ns`."""
        for line in self._splitter.feed(data, at_ns):
            self._line_ends.add(_line_end(line, self._splitter))
            self._take(line)

    def finish(self) -> Heard:
        """Say what was heard: no further bytes come."""
        for line in self._splitter.finish():
            self._take(line)
        self._tell(b"", self._lines.finish())
        if not (self._lines.data_lines or self._tally.refused):
            self._tally.refuse(no_values())
        channels = self._lines.channels
        return Heard(
            channels,
            self._lines.data_lines,
            self._readings,
            None if self._first is None else self._first.counts,
            self._lines.manner,
            " and ".join(sorted(self._line_ends)),
            tuple(self._tally.refused.values()),
            (
                *self._tally.notes,
                *_never(channels, self._seen),
                *_for_model(channels, self._latest, self._least, self._greatest),
            ),
            self._least,
            self._greatest,
            self._rate_hz,
        )

    def _take(self, line: Line) -> None:
        self._tell(line.content, self._lines.take(line, self._splitter.recent))

    def _tell(self, content: bytes, readings: Sequence[LineReading]) -> None:
        for reading in readings:
            self._count(reading)
        remarks, self._tally.latest = self._tally.latest, []
        if content or readings or remarks:
            self._heard(HeardLine(content, tuple(one.counts for one in readings), tuple(remarks)))

    def _count(self, reading: LineReading) -> None:
        self._readings += 1
        self._after_first += self._first is not None and reading.at_ns > self._first.at_ns
        self._first = self._first or reading
        self._last = reading
        self._latest = [*self._latest[1 - WINDOW :], reading.counts]
        is_known: npt.NDArray[np.bool_] = np.isfinite(reading.counts)
        self._seen = is_known if self._seen is None else self._seen | is_known
        known = reading.counts[is_known]
        if known.size:
            self._least = min(self._least, float(known.min()))
            self._greatest = max(self._greatest, float(known.max()))

    @property
    def _rate_hz(self) -> float | None:
        if self._first is None or self._last is None or self._last.at_ns == self._first.at_ns:
            return None
        seconds = (self._last.at_ns - self._first.at_ns) / NANOSECONDS_PER_SECOND
        return round(self._after_first / seconds, 2)


def _lines(
    channels: Sequence[str] | None, form: LineForm, sample: bytes, began_before: bool, tally: _Tally
) -> Lines:
    tellers = Tellers(tally.refuse, tally.note)
    if form is LineForm.PROTOCOL:
        return ProtocolLines(channels or PAPER_CHANNELS, tellers)
    order, named = _named_in(sample, channels, form, began_before)
    if order.header is None and channels is None:
        channels = named or None
    return LineReader(channels, form, order, tellers, _UNCONFIRMED_ROWS)


def _named_in(
    sample: bytes, channels: Sequence[str] | None, form: LineForm, began_before: bool
) -> tuple[Order, tuple[str, ...]]:
    """Return the header that a sample begins with, and the channels of its lines: those that they name.

    Where most lines name none, what few name is a banner's, and the channels are the paper's. Of a header of
    another order that comes once, after values, nobody knows whether it is theirs: they are not read then.
    """
    order = Order()
    expected = tuple(channels or PAPER_CHANNELS)
    tally = _Tally()
    reader = LineReader(channels, form, order, Tellers(tally.refuse, tally.note))
    splitter = LineSplitter(began_before=began_before)
    lines = [*splitter.feed(sample, 0), *splitter.finish()]
    before = 0
    for line in lines:
        reader.take(line, splitter.recent)
        if order.header is not None:
            break
        before += 1
    header = order.header
    # A header that is none by itself is one by the row below it.
    has_rows = header is not None and reader.data_lines - reader.named_lines > (not header.is_certain)
    # Nobody changes the sketch of a port in these seconds; of a capture, the next header tells how often it
    # comes.
    is_regular = began_before or any(
        line.content == lines[before].content for line in lines[2 * before + 1 :]
    )
    if header is not None and has_rows and not is_regular:
        found = map(ColumnNames(channels).read, header.names)
        names = dict.fromkeys(one.name for one in found if one is not None)
        if [name for name in names if name in expected] != list(expected):
            return Order(refusal=late_header()), ()
    if reader.data_lines > 2 * reader.named_lines:
        return order, expected
    often = max(reader.sensors.values(), default=0) * _OFTEN
    return order, tuple(name for name, count in reader.sensors.items() if count >= often)


def _line_end(line: Line, splitter: LineSplitter) -> str:
    if splitter.is_cr_only:
        return "CR"
    return "CR LF" if line.content.endswith(b"\r") else "LF"


def _never(channels: tuple[str, ...], seen: npt.NDArray[np.bool_] | None) -> list[Remark]:
    """Say which channels, of those in `seen`, shape (C,), never had a value; nothing without a reading."""
    if seen is None:
        return []
    dead = [name for name, was_seen in zip(channels, seen.tolist(), strict=True) if not was_seen]
    if not dead:
        return []
    return [
        Remark(NEVER, f"{listed(dead)} never had a value", "wire or sensor? Else leave it out of channels")
    ]


def _for_model(
    channels: tuple[str, ...], latest: Sequence[Values], least: float, greatest: float
) -> list[Remark]:
    """Say what is to be known before the last readings go to the default model: of channels and scale."""
    if not latest:
        return []
    try:
        bundle = Bundle.load(find_bundle(DEFAULT_MODEL))
    except (BundleError, OSError):
        return _scale(None, channels, latest, least, greatest)
    missing = told_missing_channels(bundle, channels)
    scale = _scale(expected_readings(bundle, None), channels, latest, least, greatest)
    return scale if missing is None else [missing, *scale]


def _scale(
    expected: Expected | None,
    channels: tuple[str, ...],
    latest: Sequence[Values],
    least: float,
    greatest: float,
) -> list[Remark]:
    if expected is not None and set(expected.names) <= set(channels):
        places = [channels.index(name) for name in expected.names]
        complaint = judge(expected, np.stack(latest)[:, places])
        if complaint is not None:
            reason = complaint.text.removesuffix(expected.remedy).strip()
            return [Remark(SCALE, reason, expected.remedy)]
    reason, remedy = told_by_range(least, greatest)
    return [Remark(SCALE, reason, remedy)] if reason else []


def _json_number(value: float) -> float | None:
    """Return a float32 as it was written."""
    return float(f"{value:.7g}") if math.isfinite(value) else None
