"""Simulated time: never backwards, never faster than asked, never far ahead of the verdicts."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gas_fusion_ros.replay.pacing import Pace, PaceSettings

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
