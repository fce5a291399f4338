"""How a page is told numbers, texts, alarms and leaks: strict JSON of bounded size."""

from __future__ import annotations

import math
from dataclasses import asdict
from typing import Any

from gas_fusion_ros.alarm.types import StandingAlarm
from gas_fusion_ros.base.leak_places import LeakPlace
from gas_fusion_ros.base.units import NANOSECONDS_PER_SECOND

MOST_LETTERS = 200
"""Of a text that comes from elsewhere."""


def seconds(stamp_ns: int) -> float:
    """A stamp in seconds, to the millisecond."""
    return round(stamp_ns / NANOSECONDS_PER_SECOND, 3)


def number(value: float | None) -> float | None:
    """A number as JSON has it: none is infinite or NaN."""
    return None if value is None or not math.isfinite(value) else round(value, 3)


def cut(text: str) -> str:
    """A text of at most `MOST_LETTERS`."""
    return text[:MOST_LETTERS]


def alarm_json(alarm: StandingAlarm) -> dict[str, Any]:
    """An alarm that stands."""
    place = alarm.pose
    return {
        "number": alarm.number,
        "state": alarm.state.value,
        "gas": cut(alarm.gas),
        "severity": alarm.severity.value,
        "since_s": seconds(alarm.since_ns),
        "peak": number(alarm.peak),
        "shelved": alarm.shelved,
        "x": None if place is None else number(place.x),
        "y": None if place is None else number(place.y),
    }


def leak_json(place: LeakPlace) -> dict[str, Any]:
    """Where a leak is thought to be, with its ellipse."""
    return {
        "x": number(place.x),
        "y": number(place.y),
        "frame_id": cut(place.frame_id),
        **{name: number(value) for name, value in asdict(place.ellipse).items()},
    }
