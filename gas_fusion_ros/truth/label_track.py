"""Labels as they stream from a topic: what was in the air at any time, as far as they have come."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import replace

from gas_fusion_ros.base.observation import UNKNOWN
from gas_fusion_ros.base.quoting import shown
from gas_fusion_ros.truth.labels import MOST_INTERVALS, check_class, merge_intervals
from gas_fusion_ros.truth.scoring import Interval, Leak, leaks_of

_MOST_LEAKS = 10_000


class LabelTrack:
    """The truth of a run, fed as it streams or known from the start. Memory grows with the changes alone.

    Where one interval ends and the next begins, the next holds; where none follows, the end belongs to it.
    """

    def __init__(self) -> None:
        """Make a track that says nothing yet."""
        # Parallel lists; the last interval is open, its end unknown, while labels stream in.
        self._starts: list[int] = []
        self._intervals: list[Interval] = []
        self._is_open = False
        self._leaks: dict[Leak, None] = {}

    @classmethod
    def of_intervals(cls, intervals: Iterable[Interval]) -> LabelTrack:
        """The track of intervals that are all known; between them nothing is said.

        Raises:
            LabelError: two of different classes overlap.
        """
        track = cls()
        track._intervals = merge_intervals(intervals)
        track._starts = [one.start_ns for one in track._intervals]
        return track

    def add(self, stamp_ns: int, label: str) -> None:
        """From `stamp_ns` on `label` holds until another is added.

        Raises:
            ValueError: it lies before the label that holds, is no class, or one change too many; or the
                track was made of intervals.
        """
        if self._intervals and not self._is_open:
            raise ValueError("a track made of intervals takes no further label")
        check_class(label)
        last = self._intervals[-1] if self._intervals else None
        if last is not None and stamp_ns < last.start_ns:
            raise ValueError(
                f"label {shown(label)} at {stamp_ns} ns lies before the last, at {last.start_ns} ns"
            )
        if last is not None and last.label == label:
            return
        if len(self._intervals) >= MOST_INTERVALS:
            raise ValueError(f"the label changed {MOST_INTERVALS} times before; that is no label")
        if last is not None:
            self._intervals[-1] = replace(last, end_ns=stamp_ns)
        self._intervals.append(Interval(label, stamp_ns, stamp_ns))
        self._starts.append(stamp_ns)
        self._is_open = True

    def add_leaks(self, leaks: Iterable[Leak]) -> None:
        """Leaks with their signs, as `truth/leaks` tells; one told again counts once.

        Raises:
            ValueError: there are too many in all.
        """
        more = dict.fromkeys(leaks)
        if len(self._leaks) + len(more) > _MOST_LEAKS and len(self._leaks | more) > _MOST_LEAKS:
            raise ValueError(f"more than {_MOST_LEAKS} leaks are told of; that is no recording of a patrol")
        self._leaks |= more

    def at(self, stamp_ns: int) -> str | None:
        """The class at a stamp; None where nothing is said, nor yet."""
        index = bisect_right(self._starts, stamp_ns) - 1
        if index < 0:
            return None
        found = self._intervals[index]
        holds_on = self._is_open and index == len(self._intervals) - 1
        return found.label if holds_on or stamp_ns <= found.end_ns else None

    @property
    def classes(self) -> tuple[str, ...]:
        """The classes that were said so far, the first one first."""
        return tuple(dict.fromkeys(one.label for one in self._intervals if one.label != UNKNOWN))

    def intervals(self, end_ns: int) -> list[Interval]:
        """What was said up to `end_ns`, cut there."""
        shown = [one for one in self._intervals if one.start_ns <= end_ns]
        if self._is_open and shown and shown[-1] is self._intervals[-1]:
            shown[-1] = replace(shown[-1], end_ns=end_ns)
        return [replace(one, end_ns=min(one.end_ns, end_ns)) for one in shown]

    def leaks(self, end_ns: int) -> list[Leak]:
        """The leaks that had begun by `end_ns`, cut there: those told, or else the stretches with gas."""
        if not self._leaks:
            return leaks_of(self.intervals(end_ns))
        begun = sorted(
            (leak for leak in self._leaks if leak.start_ns < end_ns), key=lambda leak: leak.start_ns
        )
        return [replace(leak, end_ns=min(leak.end_ns, end_ns)) for leak in begun]
