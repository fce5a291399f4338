"""When the ground truth is said on its topic: at each change and every second."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence

from gas_fusion_ros.base.units import NANOSECONDS_PER_SECOND
from gas_fusion_ros.truth.scoring import Interval

_LABEL_PERIOD_NS = NANOSECONDS_PER_SECOND
_PAUSE_NS = 60 * NANOSECONDS_PER_SECOND
"""A time without readings and images in which no label is repeated either."""


class LabelTimes:
    """The class at each change and every second, as far as time has come."""

    def __init__(self, truth: Sequence[Interval]) -> None:
        """Take which class is there when, in time order."""
        self._changes = deque((stretch.start_ns, stretch.label) for stretch in truth)
        self._label = ""
        self._next_ns = 0

    def due(self, now_ns: int) -> Iterator[tuple[int, str]]:
        """What is to be said by `now_ns`, and when; of a pause only its end."""
        changes = self._changes
        while changes or self._label:
            is_change = bool(changes) and (not self._label or changes[0][0] <= self._next_ns)
            if is_change:
                self._next_ns = changes[0][0]
            if self._next_ns > now_ns:
                return
            if is_change:
                self._label = changes.popleft()[1]
            elif now_ns - self._next_ns > _PAUSE_NS:
                self._next_ns = min(now_ns, changes[0][0]) if changes else now_ns
                continue
            yield self._next_ns, self._label
            self._next_ns += _LABEL_PERIOD_NS
