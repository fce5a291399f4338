"""The simulated time of a run: as fast as asked for, never far ahead of what has arrived."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class PaceSettings:
    """How simulated time runs.

    Attributes:
        start_ns: the first time; above 0, for a stamp of zero is no time.
        end_ns: the last time, at which the clock stops.
        speed: simulated seconds per second of wall time, at most.
        lead_ns: how far the time may be ahead of the newest verdict's stamp.
        patience_ns: wall time after which a clock that was held for its lead goes on all the
            same, so that lost messages do not stop a run for good.
    """

    start_ns: int
    end_ns: int
    speed: float
    lead_ns: int
    patience_ns: int = 5_000_000_000

    def __post_init__(self) -> None:
        if self.start_ns <= 0:
            raise ValueError(f"start_ns is {self.start_ns}; it must be above 0")
        if self.end_ns <= self.start_ns:
            raise ValueError(f"end_ns is {self.end_ns}; it must be above start_ns {self.start_ns}")
        if not self.speed > 0:
            raise ValueError(f"speed is {self.speed}; it must be above 0")
        if self.lead_ns <= 0:
            raise ValueError(f"lead_ns is {self.lead_ns}; it must be above 0")


class Pace:
    """Turns wall time into simulated time.

    Without the lead's limit, a machine that is too slow for the speed would pile up messages and
    lose some; with it, the run just takes longer.

    Args:
        settings: speed and limits.
        wall_ns: the steady clock at the start.
    """

    def __init__(self, settings: PaceSettings, wall_ns: int) -> None:
        self._settings = settings
        self._wall_ns = wall_ns
        self._now_ns = settings.start_ns
        self._leader_ns = settings.start_ns
        self._progress_wall_ns = wall_ns
        self.stalls = 0
        """How often patience ran out."""

    @property
    def now_ns(self) -> int:
        """The simulated time."""
        return self._now_ns

    @property
    def finished(self) -> bool:
        """Whether the end is reached."""
        return self._now_ns >= self._settings.end_ns

    def advance(self, wall_ns: int, classified_ns: int, hold_ns: int | None = None) -> int:
        """Let wall time pass and return the simulated time.

        Args:
            wall_ns: the steady clock; not before that of the last call.
            classified_ns: stamp of the newest verdict; 0 before the first.
            hold_ns: the time stays below this until something arrives; None where nothing is awaited.
        """
        settings = self._settings
        passed_ns = round((wall_ns - self._wall_ns) * settings.speed)
        self._wall_ns = wall_ns
        if classified_ns > self._leader_ns:
            self._leader_ns = classified_ns
            self._progress_wall_ns = wall_ns
        limit_ns = min(self._leader_ns + settings.lead_ns, settings.end_ns)
        if hold_ns is not None:
            limit_ns = min(limit_ns, hold_ns - 1)
        if self._now_ns < limit_ns or self.finished:
            self._progress_wall_ns = wall_ns
        elif wall_ns - self._progress_wall_ns > settings.patience_ns:
            self.stalls += 1
            self._leader_ns = self._now_ns
            self._progress_wall_ns = wall_ns
            limit_ns = min(self._leader_ns + settings.lead_ns, settings.end_ns)
        self._now_ns = max(self._now_ns, min(self._now_ns + passed_ns, limit_ns))
        return self._now_ns


class UnderWay:
    """Messages sent at known stamps through a queue, which drops the oldest where it is full.

    Simulated time that stays below `hold_ns` never lets more of them be under way than the queue holds.

    Args:
        stamps_ns: when each is sent, ascending.
        depth: how many the queue holds.
        wait_ns: how long after its stamp a message may still be of use; None where it always is.
    """

    def __init__(self, stamps_ns: Sequence[int], depth: int, wait_ns: int | None = None) -> None:
        self._stamps_ns = stamps_ns
        self._depth = depth
        self._wait_ns = wait_ns
        self._given_up = 0

    def hold_ns(self, arrived: int) -> int | None:
        """Return the time that must not come yet; None where it may run on.

        Args:
            arrived: how many have arrived so far.
        """
        first = arrived + self._given_up
        holds = []
        if first + self._depth < len(self._stamps_ns):
            holds.append(self._stamps_ns[first + self._depth])
        if self._wait_ns is not None and first < len(self._stamps_ns):
            holds.append(self._stamps_ns[first] + self._wait_ns)
        return min(holds, default=None)

    def all_came(self, arrived: int) -> bool:
        """Whether none is awaited any more."""
        return arrived + self._given_up >= len(self._stamps_ns)

    def give_up(self, arrived: int, now_ns: int) -> None:
        """Await no longer what was due by `now_ns` and has not arrived."""
        due = bisect_right(self._stamps_ns, now_ns)
        self._given_up = max(self._given_up, due - arrived)
