"""When each leak of a site was seen, and how strongly."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

from gas_fusion_ros.site.site_file import opened


@dataclass(frozen=True)
class SightingRecord:
    """One sighting of a leak.

    Attributes:
        stamp_ns: when.
        strength: how far the array departed from clean air at most, 1 at the limit; None where nobody knows.
    """

    stamp_ns: int
    strength: float | None


def sightings_by_leak(path: Path) -> dict[int, tuple[SightingRecord, ...]]:
    """The sightings of each leak, by its number, in the order of time.

    Raises:
        SiteError: the file cannot be used.
    """
    found: defaultdict[int, list[SightingRecord]] = defaultdict(list)
    with opened(path) as site:
        for leak, *record in site.execute("SELECT leak, stamp_ns, strength FROM sighting ORDER BY stamp_ns"):
            found[leak].append(SightingRecord(*record))
    return {number: tuple(records) for number, records in found.items()}


def mark_surveyed(path: Path, leak: int, stamp_ns: int) -> None:
    """Note that a sighting is of a bag, and not of a robot's own mapper.

    Raises:
        SiteError: the file cannot be used.
    """
    with opened(path) as site:
        site.execute("INSERT OR IGNORE INTO surveyed VALUES (?, ?)", (leak, stamp_ns))


def was_mapped(path: Path, start_ns: int, end_ns: int) -> bool:
    """Whether a robot's own mapper saw a leak in a stretch of time.

    Raises:
        SiteError: the file cannot be used.
    """
    with opened(path) as site:
        found = site.execute(
            "SELECT 1 FROM (SELECT leak, stamp_ns FROM sighting EXCEPT SELECT leak, stamp_ns FROM surveyed) "
            "WHERE stamp_ns BETWEEN ? AND ?",
            (start_ns, end_ns),
        ).fetchone()
        return found is not None
