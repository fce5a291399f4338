"""Stamps on a grid of the absolute clock, so that drivers in different processes agree.

A gas and a camera driver that play the same recording or simulation, each polled by its own node,
stamp at the same multiples of their periods and so stay in step without knowing of each other.
"""

from __future__ import annotations

from dataclasses import dataclass

from gas_fusion_ros.base.problems import Problems
from gas_fusion_ros.base.units import NANOSECONDS_PER_SECOND
from gas_fusion_ros.drivers import DriverState


class Grid:
    """Yields each multiple of the period once, as time passes it."""

    def __init__(self, period_ns: int, start_ns: int, max_backlog: int, problems: Problems) -> None:
        """Start with no past.

        Args:
            period_ns: distance of the stamps.
            start_ns: no stamp before this time until it is first reached; 0 for none.
            max_backlog: the most stamps one poll may yield; where more are due, time has leapt, and only the
                newest comes.
            problems: where a poll that came too late is counted, as `late_poll`.
        """
        self._period_ns = period_ns
        self._start_ns = start_ns
        self._max_backlog = max_backlog
        self._problems = problems
        self._last: int | None = None
        self._has_begun = False
        self._first_ns: int | None = None

    @property
    def first_ns(self) -> int | None:
        """The first stamp since the start, or since time last went back."""
        return self._first_ns

    def due(self, now_ns: int) -> list[int]:
        """The stamps since the last call up to `now_ns`, oldest first.

        Where time went back the grid starts anew, before its start too: a clock that is set right does not
        silence a sensor. A time of zero means that the clock is not
        running yet, and yields nothing.
        """
        if now_ns <= 0:
            return []
        tick = now_ns // self._period_ns
        if self._last is None or tick < self._last:
            self._restart(now_ns)
        assert self._last is not None
        first = self._last + 1
        self._last = max(self._last, tick)
        stamps = [index * self._period_ns for index in range(self._bounded(first, tick), tick + 1)]
        self._has_begun = self._has_begun or bool(stamps)
        return stamps

    def _restart(self, now_ns: int) -> None:
        # A tick at this very moment still counts, so that a start at `start_ns` loses nothing.
        begin_ns = now_ns if self._has_begun else max(now_ns, self._start_ns)
        self._last = max(0, (begin_ns - 1) // self._period_ns)
        self._first_ns = (self._last + 1) * self._period_ns

    def _bounded(self, first: int, tick: int) -> int:
        late = tick - first
        if late < self._max_backlog:
            return first
        self._problems.add(
            "late_poll",
            f"{late} stamps passed unused because the driver was not polled for "
            f"{(late + 1) * self._period_ns / NANOSECONDS_PER_SECOND:.1f} s; poll it at least every "
            f"{self._max_backlog * self._period_ns / NANOSECONDS_PER_SECOND:.1f} s",
        )
        return tick


@dataclass(frozen=True)
class Cue:
    """What to play: the item at `index`, stamped `stamp_ns`."""

    stamp_ns: int
    index: int


class Playback:
    """Maps the stamps of a grid to the items of a recording, looping or once.

    Item 0 belongs to `start_ns`: 0 means the clock's epoch when looping, and the first stamp after
    the first poll when playing once.
    """

    def __init__(self, grid: Grid, period_ns: int, start_ns: int, length: int, loop: bool) -> None:
        self._grid = grid
        self._period_ns = period_ns
        self._start_ns = start_ns
        self._length = length
        self._loop = loop
        self._finished = False

    @property
    def state(self) -> DriverState:
        """Finished once the last item has been played; never when looping."""
        return DriverState.FINISHED if self._finished else DriverState.RUNNING

    def due(self, now_ns: int) -> list[Cue]:
        """The items due since the last call, oldest first."""
        stamps = self._grid.due(now_ns)
        cues = [Cue(stamp_ns, self._position(stamp_ns)) for stamp_ns in stamps]
        if self._loop:
            return [Cue(cue.stamp_ns, cue.index % self._length) for cue in cues]
        if cues:
            self._finished = cues[-1].index >= self._length - 1
        return [cue for cue in cues if 0 <= cue.index < self._length]

    def _position(self, stamp_ns: int) -> int:
        origin_ns = self._start_ns
        if not self._loop and origin_ns == 0:
            origin_ns = self._grid.first_ns or stamp_ns
        return (stamp_ns - origin_ns) // self._period_ns
