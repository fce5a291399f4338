"""Simulated time: never backwards, never faster than asked, never far ahead of the verdicts."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gas_fusion_ros.demo.pacing import Pace, PaceSettings, UnderWay

S = 1_000_000_000
SETTINGS = PaceSettings(start_ns=S, end_ns=101 * S, speed=10.0, lead_ns=20 * S, patience_ns=2 * S)


def test_time_runs_at_the_speed_and_stops_at_the_end() -> None:
    pace = Pace(SETTINGS, wall_ns=0)
    assert pace.advance(S, classified_ns=0) == 11 * S
    assert pace.advance(2 * S, classified_ns=11 * S) == 21 * S
    assert not pace.finished
    for wall in range(3, 12):
        pace.advance(wall * S, classified_ns=pace.now_ns)
    assert pace.now_ns == SETTINGS.end_ns
    assert pace.finished
    assert pace.stalls == 0


def test_time_waits_for_the_verdicts_and_does_not_catch_up_in_a_jump() -> None:
    pace = Pace(SETTINGS, wall_ns=0)
    assert pace.advance(4 * S, classified_ns=S) == 21 * S
    assert pace.advance(5 * S, classified_ns=S) == 21 * S
    assert pace.advance(5 * S + S // 10, classified_ns=15 * S) == 22 * S
    assert pace.stalls == 0


def test_lost_verdicts_hold_the_time_only_as_long_as_patience_lasts() -> None:
    pace = Pace(SETTINGS, wall_ns=0)
    pace.advance(2 * S, classified_ns=0)
    assert pace.advance(3 * S, classified_ns=0) == 21 * S
    assert pace.advance(5 * S, classified_ns=0) > 21 * S
    assert pace.stalls == 1


def test_time_stays_below_what_it_is_held_at() -> None:
    pace = Pace(SETTINGS, wall_ns=0)
    assert pace.advance(S, classified_ns=0, hold_ns=5 * S) == 5 * S - 1
    assert pace.advance(2 * S, classified_ns=0, hold_ns=5 * S) == 5 * S - 1
    assert pace.advance(3 * S, classified_ns=0, hold_ns=None) > 5 * S
    assert pace.stalls == 0


def test_what_never_comes_holds_the_time_only_as_long_as_patience_lasts() -> None:
    pace = Pace(SETTINGS, wall_ns=0)
    pace.advance(S, classified_ns=0, hold_ns=5 * S)
    assert pace.advance(4 * S, classified_ns=0, hold_ns=5 * S) > 5 * S
    assert pace.stalls == 1


@given(
    steps=st.lists(
        st.tuples(st.integers(0, S), st.floats(0.0, 1.0, allow_nan=False)), min_size=1, max_size=60
    )
)
def test_invariants(steps: list[tuple[int, float]]) -> None:
    pace = Pace(SETTINGS, wall_ns=0)
    wall = classified = 0
    for passed, share in steps:
        wall += passed
        classified = max(classified, round(pace.now_ns * share))
        before = pace.now_ns
        now = pace.advance(wall, classified)
        assert before <= now <= SETTINGS.end_ns
        assert now - before <= passed * SETTINGS.speed + 1
        if pace.stalls == 0:
            assert now <= max(classified, SETTINGS.start_ns) + SETTINGS.lead_ns


@pytest.mark.parametrize(
    ("name", "value"),
    [("start_ns", 0), ("end_ns", S), ("speed", 0.0), ("speed", float("nan")), ("lead_ns", 0)],
)
def test_bad_settings_are_named(name: str, value: float) -> None:
    values = {"start_ns": S, "end_ns": 2 * S, "speed": 1.0, "lead_ns": S, name: value}
    with pytest.raises(ValueError, match=name):
        PaceSettings(**values)  # type: ignore[arg-type]


def test_time_stays_below_the_message_that_the_queue_has_no_room_for() -> None:
    under_way = UnderWay(range(10 * S, 20 * S, S), depth=3)
    assert under_way.hold_ns(arrived=0) == 13 * S
    assert under_way.hold_ns(arrived=6) == 19 * S
    assert under_way.hold_ns(arrived=7) is None
    assert not under_way.all_came(9)
    assert under_way.all_came(10)


def test_time_waits_no_longer_for_a_message_than_it_is_of_use() -> None:
    under_way = UnderWay((10 * S, 20 * S), depth=5, wait_ns=4 * S)
    assert [under_way.hold_ns(arrived) for arrived in range(3)] == [14 * S, 24 * S, None]


def test_what_is_given_up_leaves_room_and_a_straggler_takes_none() -> None:
    under_way = UnderWay(range(0, 10 * S, S), depth=2)
    under_way.give_up(arrived=1, now_ns=3 * S)
    assert under_way.hold_ns(arrived=1) == 6 * S, "the next that is awaited is that of 4 s"
    assert under_way.hold_ns(arrived=2) == 7 * S
    under_way.give_up(arrived=5, now_ns=4 * S)
    assert under_way.hold_ns(arrived=1) == 6 * S, "nothing is given up twice"
    assert under_way.all_came(arrived=7)


@given(
    depth=st.integers(1, 6),
    gaps=st.lists(st.integers(0, S), min_size=1, max_size=40),
    takes=st.lists(st.integers(0, 3), min_size=40, max_size=40),
)
def test_no_queue_overflows_below_the_hold(depth: int, gaps: list[int], takes: list[int]) -> None:
    stamps = [sum(gaps[: index + 1]) for index in range(len(gaps))]
    under_way = UnderWay(stamps, depth)
    arrived = 0
    for taken in takes:
        hold_ns = under_way.hold_ns(arrived)
        sent = len(stamps) if hold_ns is None else sum(stamp < hold_ns for stamp in stamps)
        assert sent - arrived <= depth
        arrived = min(sent, arrived + taken)
