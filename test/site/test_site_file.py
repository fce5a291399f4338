"""A site's file of an earlier version is brought up to date, and nothing that it knew is lost."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from gas_fusion_ros.site.leak_database import LeakDatabase
from gas_fusion_ros.site.leak_history import SightingRecord, mark_surveyed, sightings_by_leak, was_mapped
from gas_fusion_ros.site.site_file import FORMAT, SiteError, is_site_file, opened

DAY_NS = 86_400 * 10**9
FIRST_VERSION = """
CREATE TABLE leak (
    number INTEGER PRIMARY KEY, gas TEXT NOT NULL, frame_id TEXT NOT NULL, x REAL NOT NULL, y REAL NOT NULL,
    xx REAL NOT NULL, xy REAL NOT NULL, yy REAL NOT NULL
) STRICT;
CREATE TABLE sighting (
    leak INTEGER NOT NULL REFERENCES leak(number), stamp_ns INTEGER NOT NULL, x REAL NOT NULL,
    y REAL NOT NULL, strength REAL, UNIQUE (leak, stamp_ns)
) STRICT;
INSERT INTO leak VALUES (1, 'Smoke', 'map', 11.0, 5.0, 2.0, 0.0, 0.5);
INSERT INTO sighting VALUES (1, 86400000000000, 10.0, 5.0, 1.0), (1, 172800000000000, 12.0, 5.0, 3.0);
PRAGMA user_version = 1;
"""


@pytest.fixture
def first_version(tmp_path: Path) -> Path:
    """A file as the first version wrote it."""
    path = tmp_path / "site.db"
    connection = sqlite3.connect(path)
    connection.executescript(FIRST_VERSION)
    connection.close()
    return path


def test_the_first_version_is_migrated_without_loss(first_version: Path) -> None:
    (leak,) = LeakDatabase(first_version).leaks()
    assert (leak.gas, leak.x, leak.sightings, leak.trend_per_day) == ("Smoke", 11.0, 2, pytest.approx(2.0))
    assert sightings_by_leak(first_version) == {
        1: (SightingRecord(DAY_NS, 1.0), SightingRecord(2 * DAY_NS, 3.0))
    }
    with opened(first_version) as site:
        assert site.execute("PRAGMA user_version").fetchone() == (FORMAT,)
        assert site.execute("SELECT count(*) FROM patrol").fetchone() == (0,)


def test_a_migration_that_fails_leaves_the_file_as_it_was(first_version: Path) -> None:
    connection = sqlite3.connect(first_version)
    connection.execute("CREATE TABLE verdict (other TEXT)")
    connection.commit()
    before = list(connection.iterdump())
    with pytest.raises(SiteError, match="verdict"), opened(first_version):
        pass
    assert list(connection.iterdump()) == before
    assert connection.execute("PRAGMA user_version").fetchone() == (1,)


def test_a_later_version_is_refused_with_the_remedy(first_version: Path) -> None:
    connection = sqlite3.connect(first_version)
    connection.execute(f"PRAGMA user_version = {FORMAT + 1}")
    connection.commit()
    with pytest.raises(SiteError, match="update it"), opened(first_version):
        pass


def test_what_is_begun_and_fails_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "site.db"
    LeakDatabase(path).leaks()
    with pytest.raises(ZeroDivisionError):
        _fail_after_inserting(path)
    assert LeakDatabase(path).leaks() == ()


def _fail_after_inserting(path: Path) -> None:
    with opened(path) as site:
        site.execute("INSERT INTO leak VALUES (1, 'Smoke', 'map', 0, 0, 1, 0, 1)")
        raise ZeroDivisionError


def test_a_site_file_is_told_from_a_bag(first_version: Path, tmp_path: Path) -> None:
    assert is_site_file(first_version)
    bag = tmp_path / "bag.db3"
    connection = sqlite3.connect(bag)
    connection.execute("CREATE TABLE messages (id INTEGER)")
    connection.commit()
    (tmp_path / "text.db").write_text("SQLite", encoding="utf-8")
    assert not is_site_file(bag)
    assert not is_site_file(tmp_path / "text.db")
    assert not is_site_file(tmp_path / "nothing.db")
    assert not is_site_file(tmp_path)


def test_what_a_robot_saw_is_told_from_what_a_bag_gave(first_version: Path) -> None:
    assert was_mapped(first_version, 0, DAY_NS)
    assert not was_mapped(first_version, DAY_NS + 1, 2 * DAY_NS - 1)
    mark_surveyed(first_version, 1, DAY_NS)
    mark_surveyed(first_version, 1, DAY_NS)
    assert not was_mapped(first_version, 0, DAY_NS)
    assert was_mapped(first_version, 0, 2 * DAY_NS)
