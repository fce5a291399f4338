"""Rows that wait until several of them tell what their columns are."""

from __future__ import annotations

from dataclasses import dataclass, replace

from gas_fusion_ros.drivers.gas.lines.cells import Row
from gas_fusion_ros.drivers.gas.lines.evidence import LEAST_ROWS_OF_TWINS, first_is_time, raw_twin
from gas_fusion_ros.drivers.gas.lines.layout import Layout

MOST_HELD = 32
_WATCHED = 12
_FIRST_STRENGTH, _MOST_STRENGTH = 2, 4

Held = tuple[int, Row]
"""The `at_ns` of a row's line, and the row."""


class Habit:
    """What lines usually have, a checksum for example, so that a line without it is known to be cut.

    Several lines without it, one after the other, are a new habit.
    """

    def __init__(self) -> None:
        self._usually = False
        self._strength = 0

    @property
    def is_had(self) -> bool:
        """Whether lines usually have it."""
        return self._usually

    def is_kept_by(self, has: bool) -> bool:
        """Take in whether the next line has it; return False where it lacks what is usual."""
        if self._strength == 0:
            self._usually, self._strength = has, _FIRST_STRENGTH
        elif has is self._usually:
            self._strength = min(self._strength + 1, _MOST_STRENGTH)
        else:
            self._strength -= 1
            if self._strength == 0:
                self._usually, self._strength = has, _FIRST_STRENGTH
        return has or not self._usually


@dataclass(frozen=True)
class Sorted:
    """What became of waiting rows.

    Attributes:
        certain: rows without their first values, which are a time.
        refused: rows whose first values are none, or nobody can tell.
    """

    certain: tuple[Held, ...] = ()
    refused: tuple[Held, ...] = ()


class TimeBefore:
    """Takes rows with one value too many; leaves out the first where it is certain to be a time.

    Attributes:
        held: rows of which that is not known yet, `MOST_HELD` at most.
    """

    def __init__(self) -> None:
        self.held: list[Held] = []
        self._last: float | None = None

    def take(self, at_ns: int, row: Row) -> Sorted:
        """Take a row; return what is known now of it and of those that waited."""
        first = row.values[0]
        if self._last is not None and first is not None and first > self._last:
            self._last = first
            return Sorted(certain=((at_ns, _without_first(row)),))
        self._last = None  # The board has started again.
        refused = self._refused_by(first, len(row.values))
        self.held.append((at_ns, row))
        if first_is_time([one.values for _, one in self.held][-_WATCHED:]):
            self._last = first
            held, self.held = self.held, []
            certain = tuple((then_ns, _without_first(one)) for then_ns, one in held)
            return Sorted(certain, refused)
        return Sorted(refused=refused)

    def _refused_by(self, first: float | None, length: int) -> tuple[Held, ...]:
        """Let go of rows that the next one shows to have no time, and of the oldest beyond `MOST_HELD`."""
        if not self.held:
            return ()
        _, before = self.held[-1]
        goes_on = first is not None and before.values[0] is not None and first > before.values[0]
        number = (
            len(self.held) - MOST_HELD + 1 if goes_on and len(before.values) == length else len(self.held)
        )
        refused, self.held = self.held[: max(number, 0)], self.held[max(number, 0) :]
        return tuple(refused)


class Twins:
    """Takes rows in which each channel has two columns; tells which of them is the converter's reading.

    Args:
        layout: where each channel has two places.

    Attributes:
        held: rows of which that is not known yet.
    """

    def __init__(self, layout: Layout) -> None:
        self.held: list[Held] = []
        self._layout = layout
        self._pairs = [(places[0], places[1]) for places in layout.resolution.places]

    def take(self, at_ns: int, row: Row) -> bool:
        """Take a row; return whether there are enough to decide."""
        self.held.append((at_ns, row))
        return len(self.held) >= LEAST_ROWS_OF_TWINS

    def decided(self) -> tuple[Layout, str, list[str]] | None:
        """Return the layout with one place per channel, which of two it is, and the names of the others.

        None where which is the reading is not certain.
        """
        raw = raw_twin([row for _, row in self.held], self._pairs)
        if raw is None:
            return None
        places = tuple((pair[raw],) for pair in self._pairs)
        others = [self._layout.names[pair[1 - raw]] for pair in self._pairs]
        resolution = replace(self._layout.resolution, places=places)
        return replace(self._layout, resolution=resolution), ("first", "second")[raw], others


def _without_first(row: Row) -> Row:
    return replace(row, cells=row.cells[1:], values=row.values[1:], quantities=row.quantities[1:])
