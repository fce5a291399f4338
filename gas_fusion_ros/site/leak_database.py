"""The leaks of a site over all patrols, in a file of SQLite: alarms of the same place and gas are one leak.

A sighting is of a known leak where one may be the other, see `LeakPlace.may_be`. The leak's
place is then that of both, each weighed by what it knows.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from gas_fusion_ros.base.leak_places import LeakPlace
from gas_fusion_ros.site.site_file import opened

_LEAST_VARIANCE = 0.09
"""However often a leak is seen, the map is not known better, square metres."""
Matrix = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Sighting:
    """A leak as one alarm found it.

    Attributes:
        gas: its gas.
        place: where, and when; its frame must be fixed to the site.
        strength: how far the array departed from clean air at most, 1 at the limit; None where nobody knows.
    """

    gas: str
    place: LeakPlace
    strength: float | None = None


@dataclass(frozen=True)
class SiteLeak:
    """A leak of the site.

    Attributes:
        number: from 1.
        gas: its gas.
        frame_id: frame of the place.
        x: metres.
        y: metres.
        covariance: xx, xy, yy, square metres.
        first_seen_ns: stamp of the first sighting.
        last_seen_ns: stamp of the last one.
        sightings: how many.
        trend_per_day: by how much its strength grows a day; None of fewer than two strengths at two times.
    """

    number: int
    gas: str
    frame_id: str
    x: float
    y: float
    covariance: tuple[float, float, float]
    first_seen_ns: int
    last_seen_ns: int
    sightings: int
    trend_per_day: float | None


class LeakDatabase:
    """The file. One that is not there is made. Each call opens it for its own length.

    Args:
        path: the file.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def see(self, sighting: Sighting) -> SiteLeak:
        """Take in a sighting, and return the leak that it is of. One that is there already changes nothing.

        Raises:
            SiteError: the file cannot be used.
        """
        with opened(self._path) as site:
            number = _leak_of(site, sighting)
            if number is None:
                number = _add_leak(site, sighting)
            elif not _has(site, number, sighting.place.stamp_ns):
                _fuse(site, number, sighting.place)
            place = sighting.place
            site.execute(
                "INSERT OR IGNORE INTO sighting VALUES (?, ?, ?, ?, ?)",
                (number, place.stamp_ns, place.x, place.y, sighting.strength),
            )
            return _leak(site, number)

    def leaks(self) -> tuple[SiteLeak, ...]:
        """Return every leak, in the order in which they were first seen.

        Raises:
            SiteError: the file cannot be used.
        """
        with opened(self._path) as site:
            numbers = [number for (number,) in site.execute("SELECT number FROM leak ORDER BY number")]
            return tuple(_leak(site, number) for number in numbers)


def _leak_of(site: sqlite3.Connection, sighting: Sighting) -> int | None:
    """The number of the nearest leak that a sighting may be of; None where there is none."""
    place = sighting.place
    rows = site.execute(
        "SELECT number, x, y, xx, xy, yy, frame_id FROM leak WHERE gas = ? AND frame_id = ?",
        (sighting.gas, place.frame_id),
    )
    known = {number: LeakPlace(*columns) for number, *columns in rows}
    same = {number: one.squared_distance(place) for number, one in known.items() if one.may_be(place)}
    return min(same, key=same.__getitem__, default=None)


def _has(site: sqlite3.Connection, number: int, stamp_ns: int) -> bool:
    asked = "SELECT 1 FROM sighting WHERE leak = ? AND stamp_ns = ?"
    return site.execute(asked, (number, stamp_ns)).fetchone() is not None


def _add_leak(site: sqlite3.Connection, sighting: Sighting) -> int:
    place = sighting.place
    cursor = site.execute(
        "INSERT INTO leak (gas, frame_id, x, y, xx, xy, yy) VALUES (?, ?, ?, ?, ?, ?, ?)",
        (sighting.gas, place.frame_id, place.x, place.y, *place.covariance),
    )
    assert cursor.lastrowid is not None
    return cursor.lastrowid


def _fuse(site: sqlite3.Connection, number: int, seen_at: LeakPlace) -> None:
    x, y, *covariance = site.execute(
        "SELECT x, y, xx, xy, yy FROM leak WHERE number = ?", (number,)
    ).fetchone()
    known, seen = np.linalg.inv(_matrix(covariance)), np.linalg.inv(_matrix(seen_at.covariance))
    both = np.linalg.inv(known + seen)
    place = both @ (known @ (x, y) + seen @ (seen_at.x, seen_at.y))
    both += np.diag(np.maximum(0.0, _LEAST_VARIANCE - both.diagonal()))
    site.execute(
        "UPDATE leak SET x = ?, y = ?, xx = ?, xy = ?, yy = ? WHERE number = ?",
        (*place.tolist(), both[0, 0], both[0, 1], both[1, 1], number),
    )


def _leak(site: sqlite3.Connection, number: int) -> SiteLeak:
    gas, frame_id, x, y, *covariance = site.execute(
        "SELECT gas, frame_id, x, y, xx, xy, yy FROM leak WHERE number = ?", (number,)
    ).fetchone()
    seen = site.execute("SELECT stamp_ns, strength FROM sighting WHERE leak = ?", (number,)).fetchall()
    stamps = [stamp for stamp, _ in seen]
    xx, xy, yy = covariance
    return SiteLeak(
        number, gas, frame_id, x, y, (xx, xy, yy), min(stamps), max(stamps), len(seen), _trend(seen)
    )


def _trend(seen: list[tuple[int, float | None]]) -> float | None:
    known = [(stamp, strength) for stamp, strength in seen if strength is not None]
    days = np.array([(stamp - known[0][0]) / 86_400e9 for stamp, _ in known])
    if len(known) < 2 or float(np.ptp(days)) == 0.0:
        return None
    return float(np.polyfit(days, [strength for _, strength in known], 1)[0])


def _matrix(covariance: object) -> Matrix:
    xx, xy, yy = np.asarray(covariance, dtype=np.float64)
    return np.array(((xx, xy), (xy, yy)))
