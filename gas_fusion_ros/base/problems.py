"""Counts what goes wrong, by cause, so that each cause is said once and none is lost."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from gas_fusion_ros.base.quoting import one_line

_MOST_CAUSES = 256
_FURTHER = "further_problems"


@dataclass(frozen=True)
class Problem:
    """A cause and the detail of its first occurrence."""

    cause: str
    detail: str


class Problems:
    """A thread-safe tally of problems by cause.

    A cause is a short stable key such as `truncated_image`; the detail is a sentence that
    names the file, field or parameter and says what would be right. Whatever a detail quotes, it is kept as
    one line of bounded length, and the number of causes is bounded: those beyond count as `further_problems`.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: Counter[str] = Counter()
        self._unreported: list[Problem] = []

    def add(self, cause: str, detail: str) -> None:
        """Count one occurrence of `cause`; its first detail waits for `take_unreported`."""
        with self._lock:
            if cause not in self._counts:
                if len(self._counts) >= _MOST_CAUSES:
                    cause = _FURTHER
                if cause not in self._counts:
                    self._unreported.append(Problem(cause, one_line(detail)))
            self._counts[cause] += 1

    def clear(self) -> None:
        """Begin anew: the counts restart, and each cause is said once again."""
        with self._lock:
            self._counts.clear()
            self._unreported.clear()

    def counts(self) -> dict[str, int]:
        """How often each cause occurred."""
        with self._lock:
            return dict(self._counts)

    def take_unreported(self) -> list[Problem]:
        """The causes that appeared since the last call, each once until `clear`."""
        with self._lock:
            unreported, self._unreported = self._unreported, []
            return unreported


class Growth:
    """Tells what grew between two looks at counts, so that a status can recover from what is over."""

    def __init__(self) -> None:
        self._before: Mapping[str, int] = {}

    def since_last(self, counts: Mapping[str, int]) -> dict[str, int]:
        """By how much each of `counts` grew since the last call, where it did."""
        before, self._before = self._before, dict(counts)
        growth = {cause: count - before.get(cause, 0) for cause, count in counts.items()}
        return {cause: more for cause, more in growth.items() if more > 0}
