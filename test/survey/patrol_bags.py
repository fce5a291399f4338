"""Recorded patrols of one site, for tests of what reads many."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from made_bags import EPOCH, SECOND, Made, pose, reading, write_bag
from telling_runtime import HIGH, LOW, in_order

DAY = 86_400


def patrol_bag(
    folder: Path,
    day: int = 0,
    smoke: range | None = range(20, 40),
    clean: list[float] = LOW,
    robot: str = "",
) -> Path:
    """A minute's walk of 30 m along x, a day's number of days after the first; with gas at 10 to 20 m."""
    begin = EPOCH + day * DAY * SECOND
    prefix = f"/{robot}" if robot else ""
    messages: list[Made] = []
    for second in range(60):
        counts = HIGH if smoke is not None and second in smoke else clean
        messages.append(replace(reading(begin + second * SECOND, counts), topic=f"{prefix}/gas/readings"))
    walk = [
        pose(begin + half * SECOND // 2 - SECOND // 4, half * 0.25, topic=f"{prefix}/pose")
        for half in range(1, 120)
    ]
    return write_bag(folder / f"patrol{day}{robot}", in_order(messages, walk))
