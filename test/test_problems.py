"""What went wrong is counted, said once until a new beginning, and told apart from what is over."""

from __future__ import annotations

from gas_fusion_ros.problems import Growth, Problem, Problems


def test_each_cause_is_counted_and_said_once() -> None:
    problems = Problems()
    for detail in ("first", "second"):
        problems.add("bad_line", detail)
    assert problems.counts() == {"bad_line": 2}
    assert problems.take_unreported() == [Problem("bad_line", "first")]
    assert problems.take_unreported() == []


def test_clear_begins_anew() -> None:
    problems = Problems()
    problems.add("bad_line", "first")
    problems.clear()
    assert problems.counts() == {}
    assert problems.take_unreported() == []
    problems.add("bad_line", "after")
    assert problems.take_unreported() == [Problem("bad_line", "after")]


def test_growth_is_what_came_since_the_last_look() -> None:
    growth = Growth()
    assert growth.since_last({"bad_line": 2}) == {"bad_line": 2}
    assert growth.since_last({"bad_line": 2, "late_poll": 1}) == {"late_poll": 1}
    assert growth.since_last({"bad_line": 5, "late_poll": 1}) == {"bad_line": 3}
    assert growth.since_last({}) == {}
