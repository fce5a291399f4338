"""The patrols of a site, in its file: when, where, what alarmed, and how the sensors were in clean air."""

from __future__ import annotations

import math
import sqlite3
from collections import defaultdict
from collections.abc import Collection
from dataclasses import astuple, dataclass, replace
from pathlib import Path
from typing import Any

from gas_fusion_ros.site.site_file import opened

CELL_M = 2.0
"""Side of the cells of the coverage."""
MOST_CELLS = 100_000
"""Of a patrol: further ones are not kept."""

Cell = tuple[int, int]


@dataclass(frozen=True)
class PatrolAlarm:
    """An alarm of a patrol.

    Attributes:
        number: its number in the patrol.
        gas: the gas that it names.
        severity: `warning` or `critical`.
        since_ns: stamp at which it was raised.
        until_ns: stamp from which on its gas was sensed no more.
        peak: highest leak probability.
        x: where the robot was when it was raised, metres; None where nobody knows.
        y: likewise.
        frame_id: frame of the two.
    """

    number: int
    gas: str
    severity: str
    since_ns: int
    until_ns: int
    peak: float
    x: float | None = None
    y: float | None = None
    frame_id: str | None = None


@dataclass(frozen=True)
class SensorState:
    """How a sensor was in the clean air of a patrol.

    Attributes:
        channel: its name.
        counts: median of its readings, as they came.
        log_ratio: median of its ln(Rs/RL); None where nobody says how readings become resistances.
        baseline: the ln(Rs/RL) of clean air that its array was calibrated with; None without one.
        calibrated: when that was, ISO 8601; None where nobody says.
        readings: how many of clean air the medians are of.
    """

    channel: str
    counts: float
    log_ratio: float | None
    baseline: float | None
    calibrated: str | None
    readings: int


@dataclass(frozen=True)
class Patrol:
    """A recorded patrol.

    Attributes:
        bag: the bag's path as it was given.
        bag_sha256: its hash: a bag counts once, wherever it lies.
        robot: the namespace of its topics.
        model: the bundle that the alarms are of.
        start_ns: stamp of the first reading or pose.
        end_ns: stamp of the last one.
        frame_id: frame of the poses; None without any.
        length_m: how far the robot went, metres; None without poses.
        readings: gas readings.
        alarms: in the order in which they were raised.
        sensors: in the order of a reading.
    """

    bag: str
    bag_sha256: str
    robot: str
    model: str
    start_ns: int
    end_ns: int
    frame_id: str | None
    length_m: float | None
    readings: int
    alarms: tuple[PatrolAlarm, ...] = ()
    sensors: tuple[SensorState, ...] = ()


class PatrolLog:
    """The patrols in a site's file, and the cells that they were in. Each call opens it for its own length.

    Cells have a side of `CELL_M`, and are named by x and y over that, rounded down.

    Args:
        path: the file; one that is not there is made.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def add(self, patrol: Patrol, visited: Collection[Cell] = ()) -> None:
        """Keep a patrol, in the place of one of the same bag.

        Args:
            patrol: the patrol.
            visited: cells in which the robot was.

        Raises:
            SiteError: the file cannot be used.
        """
        with opened(self._path) as site:
            self._forget(site, patrol.bag_sha256)
            head = (patrol.bag_sha256, patrol.bag, patrol.robot, patrol.model, patrol.start_ns, patrol.end_ns)
            number = site.execute(
                "INSERT INTO patrol (bag_sha256, bag, robot, model, start_ns, end_ns, frame_id, length_m, "
                "readings) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (*head, patrol.frame_id, patrol.length_m, patrol.readings),
            ).lastrowid
            for table, rows in (
                ("patrol_alarm", [astuple(alarm) for alarm in patrol.alarms]),
                ("visited", sorted(visited)[:MOST_CELLS]),
                ("sensor", [astuple(sensor) for sensor in patrol.sensors]),
            ):
                if rows:
                    marks = ", ".join("?" * (len(rows[0]) + 1))
                    site.executemany(
                        f"INSERT INTO {table} VALUES ({marks})",
                        [(number, *row) for row in rows],
                    )

    def bags(self) -> frozenset[str]:
        """Hashes of the bags whose patrols are kept.

        Raises:
            SiteError: the file cannot be used.
        """
        with opened(self._path) as site:
            return frozenset(one for (one,) in site.execute("SELECT bag_sha256 FROM patrol"))

    def patrols(self) -> tuple[Patrol, ...]:
        """Every patrol, the earliest first.

        Raises:
            SiteError: the file cannot be used.
        """
        with opened(self._path) as site:
            alarms = _rows_of(site, "patrol_alarm", "since_ns, number")
            sensors = _rows_of(site, "sensor", "rowid")
            heads = site.execute(
                "SELECT number, bag, bag_sha256, robot, model, start_ns, end_ns, frame_id, length_m, "
                "readings FROM patrol ORDER BY start_ns, number"
            ).fetchall()
        return tuple(
            replace(
                Patrol(*head),
                alarms=tuple(PatrolAlarm(*row) for row in alarms[number]),
                sensors=tuple(SensorState(*row) for row in sensors[number]),
            )
            for number, *head in heads
        )

    def coverage(self) -> dict[str, dict[Cell, int]]:
        """How many patrols were in each cell, by the frame of their poses.

        Raises:
            SiteError: the file cannot be used.
        """
        found: defaultdict[str, dict[Cell, int]] = defaultdict(dict)
        with opened(self._path) as site:
            for frame_id, i, j, count in site.execute(
                "SELECT frame_id, i, j, count(*) FROM visited JOIN patrol ON patrol = number "
                "GROUP BY frame_id, i, j ORDER BY frame_id, i, j"
            ):
                found[frame_id][i, j] = count
        return dict(found)

    def passes(self, x: float, y: float, frame_id: str, within_m: float, after_ns: int) -> int:
        """How many patrols that began after a stamp came within a distance of a place, by their cells.

        Raises:
            SiteError: the file cannot be used.
        """
        i, j, reach = math.floor(x / CELL_M), math.floor(y / CELL_M), math.floor(within_m / CELL_M)
        with opened(self._path) as site:
            (count,) = site.execute(
                "SELECT count(DISTINCT patrol) FROM visited JOIN patrol ON patrol = number "
                "WHERE frame_id = :frame_id AND start_ns > :after_ns "
                "AND i BETWEEN :i - :reach AND :i + :reach AND j BETWEEN :j - :reach AND :j + :reach "
                "AND (i - :i) * (i - :i) + (j - :j) * (j - :j) <= :reach * :reach",
                {"frame_id": frame_id, "after_ns": after_ns, "i": i, "j": j, "reach": reach},
            ).fetchone()
        return int(count)

    def _forget(self, site: sqlite3.Connection, sha256: str) -> None:
        found = site.execute("SELECT number FROM patrol WHERE bag_sha256 = ?", (sha256,)).fetchone()
        if found is None:
            return
        for table in ("patrol_alarm", "visited", "sensor"):
            site.execute(f"DELETE FROM {table} WHERE patrol = ?", found)
        site.execute("DELETE FROM patrol WHERE number = ?", found)


def _rows_of(site: sqlite3.Connection, table: str, order: str) -> defaultdict[int, list[tuple[Any, ...]]]:
    """The rows of a table by the patrol that they are of, without its number."""
    rows: defaultdict[int, list[tuple[Any, ...]]] = defaultdict(list)
    for number, *row in site.execute(f"SELECT * FROM {table} ORDER BY {order}"):
        rows[number].append(tuple(row))
    return rows
