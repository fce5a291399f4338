"""What operators say of alarms, in the file of a site or beside a bag: the last word on each holds."""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any

from gas_fusion_ros.base.quoting import shown
from gas_fusion_ros.site.site_file import SiteError, opened

MOST_VERDICTS = 100_000
"""In a file."""
_NS_PER_MS = 1_000_000
_COLUMNS = (
    "robot, number, since_ns, until_ns, gas, severity, peak, x, y, frame_id, said, judged_by, judged_ns"
)


class Said(str, Enum):
    """What an operator says of an alarm."""

    TRUE_LEAK = "true leak"
    FALSE_ALARM = "false alarm"
    NOT_KNOWN = "not known"


@dataclass(frozen=True)
class AlarmKey:
    """Which alarm: numbers may begin anew, and clocks may be set back, but hardly both to the millisecond.

    Attributes:
        robot: the robot's namespace without slashes at its ends; empty without one.
        number: the alarm's number.
        since_ms: when it was raised: as `gas/alarm_state` tells it, in milliseconds.
    """

    robot: str
    number: int
    since_ms: int


@dataclass(frozen=True)
class Judgement:
    """An operator's word on an alarm.

    Attributes:
        robot: as in `AlarmKey`.
        number: the alarm's number.
        since_ns: stamp at which it was raised.
        until_ns: stamp from which on its gas was sensed no more; None where that is not known.
        gas: the gas that it named.
        severity: `warning` or `critical`.
        peak: highest leak probability.
        x: where the robot was when it was raised, metres; None where nobody knows.
        y: likewise.
        frame_id: frame of the two.
        said: what the operator says.
        judged_by: who.
        judged_ns: when, by the clock of the machine on which it was said.
    """

    robot: str
    number: int
    since_ns: int
    until_ns: int | None
    gas: str
    severity: str
    peak: float
    x: float | None
    y: float | None
    frame_id: str | None
    said: Said
    judged_by: str
    judged_ns: int

    @property
    def key(self) -> AlarmKey:
        """The alarm that it is on."""
        return alarm_key(self.robot, self.number, self.since_ns)

    @property
    def end_ns(self) -> int:
        """Where its stretch ends, as far as that is known."""
        return self.since_ns if self.until_ns is None else max(self.since_ns, self.until_ns)


def alarm_key(robot: str, number: int, since_ns: int) -> AlarmKey:
    """Return which alarm that is."""
    return AlarmKey(robot, number, (since_ns + _NS_PER_MS // 2) // _NS_PER_MS)


class VerdictBook:
    """The verdicts in a file. Each call opens it for its own length; may be called from any thread.

    Args:
        path: the file; one that is not there is made.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def give(self, judgement: Judgement) -> None:
        """Keep a verdict in the place of the one before on the same alarm, whatever the clocks say.

        Raises:
            SiteError: the file cannot be used, or is full.
        """
        key = judgement.key
        with opened(self._path) as site:
            site.execute(
                "DELETE FROM verdict WHERE robot = ? AND number = ? AND since_ms = ?",
                (key.robot, key.number, key.since_ms),
            )
            (count,) = site.execute("SELECT count(*) FROM verdict").fetchone()
            if count >= MOST_VERDICTS:
                raise SiteError(f"{shown(self._path)} holds {count} verdicts; begin another file")
            site.execute(
                f"INSERT INTO verdict (since_ms, {_COLUMNS}) "
                "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    key.since_ms,
                    judgement.robot,
                    judgement.number,
                    judgement.since_ns,
                    judgement.until_ns,
                    judgement.gas,
                    judgement.severity,
                    judgement.peak,
                    judgement.x,
                    judgement.y,
                    judgement.frame_id,
                    judgement.said.value,
                    judgement.judged_by,
                    judgement.judged_ns,
                ),
            )

    def end(self, key: AlarmKey, until_ns: int) -> None:
        """Say until when the gas of an alarm was sensed; nothing changes where nobody has judged it.

        Raises:
            SiteError: the file cannot be used.
        """
        with opened(self._path) as site:
            site.execute(
                "UPDATE verdict SET until_ns = ? WHERE robot = ? AND number = ? AND since_ms = ?",
                (until_ns, key.robot, key.number, key.since_ms),
            )

    def judgements(self) -> tuple[Judgement, ...]:
        """Every verdict, in the order in which they were given.

        Raises:
            SiteError: the file cannot be used.
        """
        with opened(self._path) as site:
            rows = site.execute(f"SELECT {_COLUMNS} FROM verdict ORDER BY entry").fetchall()
        try:
            return tuple(Judgement(*_with_said(row)) for row in rows)
        except ValueError as error:
            raise SiteError(f"{shown(self._path)} holds a verdict that is none: {error}") from None


def _with_said(row: Sequence[Any]) -> list[Any]:
    """The columns of a verdict, what was said as `Said`."""
    place = _COLUMNS.split(", ").index("said")
    return [*row[:place], Said(row[place]), *row[place + 1 :]]


def last_words(judgements: Iterable[Judgement]) -> list[Judgement]:
    """Of verdicts on one leak, by robot, gas and time, the last one; in the order of time.

    An alarm that was judged on the robot may be judged again in its bag, there under another number.

    Args:
        judgements: in the order in which they were given.
    """
    kept: defaultdict[tuple[str, str], list[Judgement]] = defaultdict(list)
    for judgement in reversed(list(judgements)):
        # Sorted, and none overlaps another: only its neighbours may be of its time.
        others = kept[judgement.robot, judgement.gas]
        place = bisect_left(others, judgement.since_ns, key=lambda one: one.since_ns)
        is_free_before = place == 0 or others[place - 1].end_ns < judgement.since_ns
        is_free_after = place == len(others) or others[place].since_ns > judgement.end_ns
        if is_free_before and is_free_after:
            others.insert(place, judgement)
    words = (one for some in kept.values() for one in some)
    return sorted(words, key=lambda one: (one.since_ns, one.robot, one.number))


def sidecar_of(bag: Path) -> Path:
    """The file beside a bag that keeps the verdicts on its alarms where no site's file is named."""
    whole = bag.resolve()
    return whole.with_name(f"{whole.name}.verdicts.db")


def judgements_in(paths: Iterable[Path]) -> list[Judgement]:
    """The verdicts of several files, in the order in which they were given: between files by the clocks.

    Raises:
        SiteError: a file cannot be used.
    """
    books = [VerdictBook(path).judgements() for path in paths]
    filled = [book for book in books if book]
    if len(filled) == 1:
        return list(filled[0])
    return sorted((one for book in filled for one in book), key=lambda one: one.judged_ns)
