"""Figures as the report's text."""

from __future__ import annotations

import math

from gas_fusion_ros.evaluation.schema import LeakPose, Place
from gas_fusion_ros.report.figure_style import hours_text

DASH = "\u2013"
"""A figure that there is none of."""


def share_text(share: float | None) -> str:
    """A share of 0..1 with four digits; never 1 for nearly all, nor 0 for a few."""
    if share is None:
        return DASH
    if 0 < share < 0.00005:
        return "<0.0001"
    if 0.99995 <= share < 1:
        return ">0.9999"
    return f"{share:.4f}"


def percent_text(share: float) -> str:
    """A share of 0..1 in percent with one digit; never 100 for nearly all, nor 0 for a few."""
    if 0 < share < 0.0005:
        return "<0.1 %"
    if 0.9995 <= share < 1:
        return ">99.9 %"
    return f"{share * 100:.1f} %"


def number_text(number: float | None, unit: str = "") -> str:
    """A number with three significant digits, and its unit."""
    if number is None:
        return DASH
    digits = f"{number:,.0f}" if abs(number) >= 100 else f"{number:.3g}"
    return f"{digits.replace('-', _MINUS)} {unit}".rstrip()


_MINUS = "\u2212"


def place_text(place: Place | LeakPose | None) -> str:
    """Where something was, to a tenth of a metre."""
    if place is None:
        return DASH
    # Of what rounds to -0 only the 0 is shown.
    x, y = (f"{round(value, 1) + 0.0:.1f}".replace("-", _MINUS) for value in (place.x, place.y))
    return f"{x}, {y} m in {place.frame_id}" if place.frame_id else f"{x}, {y} m"


def leak_place_text(place: LeakPose | None) -> str:
    """Where a leak is, and how far it may be from there: the standard deviation of its longer axis."""
    if place is None:
        return DASH
    (xx, xy), (_, yy) = place.covariance
    longer = 0.5 * (xx + yy) + math.hypot(0.5 * (xx - yy), xy)
    return f"{place_text(place)} \u00b1 {math.sqrt(longer):.1f} m"


def seconds_text(seconds: float | None) -> str:
    """A delay, to a tenth of a second."""
    return DASH if seconds is None else f"{seconds:.1f} s".replace("-", _MINUS)


def duration_text(seconds: float) -> str:
    """How long something took: seconds up to a minute, else h:min:s."""
    return f"{seconds:.1f} s" if seconds < 60 else hours_text(seconds)


def count_text(count: int, noun: str) -> str:
    """A number with its noun, in the plural where it has one."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"
