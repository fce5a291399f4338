"""The file of a site: one of SQLite, whose tables have a version.

One of an earlier version is brought up to date, and nothing is lost by that: tables are added in one
transaction, and those that are there stay as they are.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from gas_fusion_ros.base.files import open_regular
from gas_fusion_ros.base.quoting import shown

FORMAT = 2
"""2 added patrols and verdicts to the leaks of 1."""

_WAIT_S = 1.0
_MAGIC = b"SQLite format 3\0"
_LEAKS = """
CREATE TABLE leak (
    number INTEGER PRIMARY KEY, gas TEXT NOT NULL, frame_id TEXT NOT NULL, x REAL NOT NULL, y REAL NOT NULL,
    xx REAL NOT NULL, xy REAL NOT NULL, yy REAL NOT NULL
) STRICT;
CREATE TABLE sighting (
    leak INTEGER NOT NULL REFERENCES leak(number), stamp_ns INTEGER NOT NULL, x REAL NOT NULL,
    y REAL NOT NULL, strength REAL, UNIQUE (leak, stamp_ns)
) STRICT;
"""
_PATROLS = """
CREATE TABLE patrol (
    number INTEGER PRIMARY KEY, bag_sha256 TEXT NOT NULL UNIQUE, bag TEXT NOT NULL, robot TEXT NOT NULL,
    model TEXT NOT NULL, start_ns INTEGER NOT NULL, end_ns INTEGER NOT NULL, frame_id TEXT, length_m REAL,
    readings INTEGER NOT NULL
) STRICT;
CREATE TABLE patrol_alarm (
    patrol INTEGER NOT NULL REFERENCES patrol(number), number INTEGER NOT NULL, gas TEXT NOT NULL,
    severity TEXT NOT NULL, since_ns INTEGER NOT NULL, until_ns INTEGER NOT NULL, peak REAL NOT NULL,
    x REAL, y REAL, frame_id TEXT
) STRICT;
CREATE TABLE visited (
    patrol INTEGER NOT NULL REFERENCES patrol(number), i INTEGER NOT NULL, j INTEGER NOT NULL,
    UNIQUE (patrol, i, j)
) STRICT;
CREATE INDEX visited_cell ON visited (i, j);
CREATE TABLE sensor (
    patrol INTEGER NOT NULL REFERENCES patrol(number), channel TEXT NOT NULL, counts REAL NOT NULL,
    log_ratio REAL, baseline REAL, calibrated TEXT, readings INTEGER NOT NULL, UNIQUE (patrol, channel)
) STRICT;
CREATE TABLE surveyed (
    leak INTEGER NOT NULL REFERENCES leak(number), stamp_ns INTEGER NOT NULL, UNIQUE (leak, stamp_ns)
) STRICT;
CREATE TABLE verdict (
    entry INTEGER PRIMARY KEY AUTOINCREMENT, robot TEXT NOT NULL, number INTEGER NOT NULL,
    since_ms INTEGER NOT NULL, since_ns INTEGER NOT NULL, until_ns INTEGER, gas TEXT NOT NULL,
    severity TEXT NOT NULL, peak REAL NOT NULL, x REAL, y REAL, frame_id TEXT, said TEXT NOT NULL,
    judged_by TEXT NOT NULL, judged_ns INTEGER NOT NULL, UNIQUE (robot, number, since_ms)
) STRICT;
"""
_ADDED = (_LEAKS, _PATROLS)
"""What each version added, from 1 on."""


class SiteError(RuntimeError):
    """The file of a site cannot be used; the message names it and says why."""


@contextmanager
def opened(path: Path) -> Iterator[sqlite3.Connection]:
    """One transaction: all of it is kept, or nothing. A file that is not there is made.

    Raises:
        SiteError: the file cannot be used, or is of a later version.
    """
    try:
        site = sqlite3.connect(path, timeout=_WAIT_S, isolation_level=None)
        try:
            site.execute("BEGIN IMMEDIATE")
            _prepare(site, path)
            yield site
            site.execute("COMMIT")
        finally:
            site.close()
    except (sqlite3.Error, OverflowError) as error:
        raise SiteError(f"{shown(path)} cannot be used as the file of a site: {error}") from None


def is_site_file(path: Path) -> bool:
    """Whether a file holds a site's tables: a bag may be a file of SQLite too."""
    try:
        with open_regular(path) as file:
            if file.read(len(_MAGIC)) != _MAGIC:
                return False
        site = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=_WAIT_S)
        try:
            names = {name for (name,) in site.execute("SELECT name FROM sqlite_master")}
        finally:
            site.close()
    except (OSError, sqlite3.Error):
        return False
    return {"leak", "sighting"} <= names


def _prepare(site: sqlite3.Connection, path: Path) -> None:
    (version,) = site.execute("PRAGMA user_version").fetchone()
    if version == FORMAT:
        return
    if version > FORMAT:
        raise SiteError(
            f"{shown(path)} is of version {version}; this program knows up to {FORMAT}: update it, or name "
            "another file"
        )
    (tables,) = site.execute("SELECT count(*) FROM sqlite_master").fetchone()
    if version < 0 or (tables > 0) != (version > 0):
        raise SiteError(f"{shown(path)} is no file of a site; name another")
    for added in _ADDED[version:]:
        for statement in added.split(";")[:-1]:
            site.execute(statement)
    site.execute(f"PRAGMA user_version = {FORMAT}")
