"""Alarms of the same place on later patrols are one leak, and others are others."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gas_fusion_ros.base.leak_places import LeakPlace
from gas_fusion_ros.site.leak_database import LeakDatabase, Sighting
from gas_fusion_ros.site.site_file import SiteError

DAY_NS = 86_400 * 10**9
FIRST = Sighting("Smoke", LeakPlace(10.0, 5.0, 4.0, 0.0, 1.0, "map", DAY_NS), 1.0)


def at(stamp_ns: int, x: float = 10.0, frame_id: str = "map") -> Sighting:
    """The first sighting at another time and place."""
    return replace(FIRST, place=replace(FIRST.place, stamp_ns=stamp_ns, x=x, frame_id=frame_id))


def test_same_place_is_one_leak_and_is_known_better(tmp_path: Path) -> None:
    database = LeakDatabase(tmp_path / "site.db")
    database.see(FIRST)
    again = replace(at(3 * DAY_NS, x=12.0), strength=2.0)
    leak = database.see(again)
    assert (leak.number, leak.sightings, leak.x, leak.y) == (1, 2, pytest.approx(11.0), pytest.approx(5.0))
    assert (leak.first_seen_ns, leak.last_seen_ns) == (DAY_NS, 3 * DAY_NS)
    assert leak.covariance == pytest.approx((2.0, 0.0, 0.5))
    assert leak.trend_per_day == pytest.approx(0.5)
    assert LeakDatabase(tmp_path / "site.db").leaks() == (leak,)


@pytest.mark.parametrize(
    "other",
    [
        at(2 * DAY_NS, x=30.0),
        replace(at(2 * DAY_NS), gas="Perfume"),
        at(2 * DAY_NS, frame_id="odom"),
    ],
)
def test_other_place_gas_or_frame_is_another_leak(tmp_path: Path, other: Sighting) -> None:
    database = LeakDatabase(tmp_path / "site.db")
    database.see(FIRST)
    leak = database.see(other)
    assert (leak.number, leak.sightings, leak.trend_per_day) == (2, 1, None)


@pytest.mark.parametrize("x", [18.5, 18.6])
def test_a_leak_of_the_site_is_what_its_place_may_be(tmp_path: Path, x: float) -> None:
    """99 in 100 pairs of sightings with these covariances are within 8.58 m."""
    database = LeakDatabase(tmp_path / "site.db")
    database.see(FIRST)
    other = at(2 * DAY_NS, x)
    assert (database.see(other).number == 1) == FIRST.place.may_be(other.place) == (x < 18.584)


def test_sighting_that_is_told_twice_counts_once(tmp_path: Path) -> None:
    database = LeakDatabase(tmp_path / "site.db")
    assert database.see(FIRST) == database.see(FIRST)


@settings(max_examples=10, deadline=None)
@given(offsets=st.lists(st.floats(-0.5, 0.5), min_size=1, max_size=20))
def test_place_stays_among_its_sightings(
    tmp_path_factory: pytest.TempPathFactory, offsets: list[float]
) -> None:
    database = LeakDatabase(tmp_path_factory.mktemp("site") / "site.db")
    for number, offset in enumerate(offsets):
        leak = database.see(at(number, x=10.0 + offset))
    assert min(offsets) - 1e-6 <= leak.x - 10.0 <= max(offsets) + 1e-6
    xx, xy, yy = leak.covariance
    assert np.linalg.eigvalsh([[xx, xy], [xy, yy]]).min() >= 0.09 - 1e-9


@pytest.mark.parametrize("content", [b"no database", b""])
def test_only_a_file_of_a_site_is_taken(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "site.db"
    path.write_bytes(content)
    if not content:
        assert LeakDatabase(path).leaks() == ()
        return
    with pytest.raises(SiteError, match=r"site\.db'? cannot be used as the file of a site"):
        LeakDatabase(path).see(FIRST)
    assert path.read_bytes() == content
