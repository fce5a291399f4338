"""The colours of what an operator is shown, told apart with any colour vision."""

from __future__ import annotations

from collections.abc import Mapping

from gas_fusion_ros.alarm.types import AlarmState
from gas_fusion_ros.view.banner import Urgency

Colour = tuple[int, int, int]
"""Red, green and blue, 0..255."""

UNKNOWN_COLOUR: Colour = (150, 150, 150)
LEAK_COLOUR: Colour = (204, 121, 167)
"""Of where a leak is estimated to be."""
URGENCY_COLOURS: Mapping[Urgency, Colour] = {
    Urgency.ALARM: (213, 50, 0),
    Urgency.UNKNOWN: (230, 159, 0),
    Urgency.SUSPECTED: (240, 228, 66),
    Urgency.NONE: (86, 180, 233),
}
ALARM_COLOURS: Mapping[AlarmState, Colour] = {
    AlarmState.ACTIVE: (213, 50, 0),
    AlarmState.LATCHED: (230, 159, 0),
    AlarmState.ACKNOWLEDGED: (240, 228, 66),
}

_CALM, _MIDDLE, _LEAK = (86, 180, 233), (240, 228, 66), (213, 50, 0)


def leak_colour(probability: float | None) -> Colour:
    """From blue at 0 over yellow to red at 1; grey where nothing is known."""
    if probability is None:
        return UNKNOWN_COLOUR
    share = min(1.0, max(0.0, probability))
    low, high, at = (_CALM, _MIDDLE, 2 * share) if share < 0.5 else (_MIDDLE, _LEAK, 2 * share - 1)
    red, green, blue = (round(one + at * (other - one)) for one, other in zip(low, high, strict=True))
    return red, green, blue
