"""Whether three digits behind a sign are thousands or a fraction: `5,550` is 5550 or 5.55."""

from __future__ import annotations

import re
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

from gas_fusion_ros.base.mq import Quantity
from gas_fusion_ros.drivers.gas.lines import refusals
from gas_fusion_ros.drivers.gas.lines.remark import LineRefusedError

_GROUPED = re.compile(r"[+-]?[1-9]\d{0,2}([.,])\d{3}", re.ASCII)
_FRACTION = re.compile(r"[+-]?\d*([.,])\d+", re.ASCII)
_WHOLE = re.compile(r"\d+", re.ASCII)
_THOUSAND = 1000
_MOST_VOLT = 5.5
"""What is less may be volts, which many sketches print with three decimals."""
_MOST_THOUSANDS = 65.535
"""What is more would be beyond a 16-bit converter, were it thousands."""
_SAYING_SO = (Quantity.VOLT, Quantity.OHM, Quantity.PERCENT)
"""Quantities that have fractions."""


@dataclass(frozen=True)
class Written:
    """A channel's value as it was written.

    Attributes:
        channel: which one it is of.
        text: what stood there.
        value: what it is as a fraction; NaN or None where it is no number.
        quantity: what its unit says.
    """

    channel: Hashable
    text: str
    value: float | None
    quantity: Quantity


class Thousands:
    """Remembers what a stream says of its signs.

    - A sign with other than three digits behind it, or a zero alone before it, is the decimal sign.
    - A number of four digits without any sign says that thousands have none.
    - A channel that is written as a whole number below a thousand at other times has whole numbers: three
      digits behind a sign are then thousands.
    """

    def __init__(self) -> None:
        self._decimal: set[str] = set()
        self._thousands: set[str] = set()
        self._whole: set[Hashable] = set()
        self._marked: set[tuple[Hashable, str]] = set()
        self._has_bare_thousands = False

    @property
    def marks(self) -> frozenset[str]:
        """The signs that are known to mark thousands."""
        return frozenset(self._thousands - self._decimal)

    def values(self, written: Sequence[Written], beside: Sequence[str] = ()) -> list[float | None]:
        """Return the values of the channels of a line.

        Args:
            written: the channels' values.
            beside: what else stands in the line.

        Raises:
            LineRefusedError: a value may be thousands or a fraction, and nothing tells.
        """
        for text in (*(one.text for one in written), *beside):
            self._heed_sign(text)
        for one in written:
            self._heed_whole(one)
        return [self._value(one, written) for one in written]

    def _heed_sign(self, text: str) -> None:
        fraction = _FRACTION.fullmatch(text)
        if fraction is not None and not _GROUPED.fullmatch(text):
            self._decimal.add(fraction[1])

    def _heed_whole(self, one: Written) -> None:
        if _WHOLE.fullmatch(one.text):
            self._has_bare_thousands |= int(one.text) >= _THOUSAND
            self._whole.add(one.channel)
        grouped = _GROUPED.fullmatch(one.text)
        if grouped is not None:
            self._marked.add((one.channel, grouped[1]))
        self._thousands |= {mark for channel, mark in self._marked if channel in self._whole}

    def _value(self, one: Written, written: Sequence[Written]) -> float | None:
        grouped = _GROUPED.fullmatch(one.text)
        if grouped is None or one.value is None or one.quantity in _SAYING_SO:
            return one.value
        sign = grouped[1]
        if sign in self._decimal or self._has_bare_thousands:
            return one.value
        if sign in self._thousands:
            return round(one.value * _THOUSAND)
        if abs(one.value) > _MOST_THOUSANDS or (sign == "." and _may_all_be_volts(written)):
            return one.value
        raise LineRefusedError(refusals.thousands_or_fraction(one.text))


def _may_all_be_volts(written: Sequence[Written]) -> bool:
    return all(one.value is None or not abs(one.value) > _MOST_VOLT for one in written)
