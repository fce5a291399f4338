"""What the readers of lines have in common."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

import numpy as np
import numpy.typing as npt

from gas_fusion_ros.base.mq import Quantity
from gas_fusion_ros.drivers.gas.lines.remark import Remark
from gas_fusion_ros.drivers.gas.lines.shape import Header
from gas_fusion_ros.drivers.gas.lines.splitter import Line

Values = npt.NDArray[np.float32]


class LineForm(str, Enum):
    """What a sketch prints: the choices of the parameter `serial.format`."""

    AUTO = "auto"
    PROTOCOL = "protocol"
    """The project's own, as strict as docs/serial_protocol.md has it."""
    VALUES = "values"
    """Values in the order of the channels; names above them that are no sensors' say nothing."""
    HEADER = "header"
    """Values after a line of names, and none before it."""
    LABELS = "labels"
    JSON = "json"


@dataclass(frozen=True)
class LineReading:
    """One reading.

    Attributes:
        at_ns: the `at_ns` of its line.
        counts: shape (C,), float32, as sent; NaN where a channel has no value.
    """

    at_ns: int
    counts: Values


@dataclass
class Order:
    """The last header of a port, kept for whoever reads that port next.

    Attributes:
        header: None as long as there was none.
        refusal: why no values without names are read since a text that was none; None where they are.
    """

    header: Header | None = None
    refusal: Remark | None = None


@dataclass(frozen=True)
class Tellers:
    """Who is told what lines say beside readings.

    Attributes:
        refused: a line was no reading.
        noted: something was left out, or taken in another way than written; may be said again and again.
    """

    refused: Callable[[Remark], None]
    noted: Callable[[Remark], None]


@dataclass(frozen=True)
class Manner:
    """How the last reading was written.

    Attributes:
        form: what it was.
        delimiter: of values, as in `Row`; empty else.
        has_decimal_comma: whether numbers are written as `2,71`.
        quantity: what the values are said to be.
    """

    form: LineForm
    delimiter: str = ""
    has_decimal_comma: bool = False
    quantity: Quantity = Quantity.UNSAID


class Lines(Protocol):
    """Makes readings of lines.

    Attributes:
        channels: names of the channels of a reading.
        data_lines: how many lines held values, whether or not they became readings.
        manner: how the last reading was written; None before one.
    """

    data_lines: int
    manner: Manner | None

    @property
    def channels(self) -> tuple[str, ...]:
        """The channels of a reading."""

    def take(self, line: Line, recent: bytes) -> list[LineReading]:
        """Take a line; return the readings that are certain now, of earlier lines too.

        Args:
            line: one line; a carriage return before its end does no harm.
            recent: the last bytes of the port, to tell what bytes are that are no text.
        """

    def finish(self) -> list[LineReading]:
        """Return what still waits and may be read, refuse the rest: no further line comes."""
