"""What went wrong is counted, said once until a new beginning, and told apart from what is over."""

from __future__ import annotations

from gas_fusion_ros.base.problems import Growth, Problem, Problems


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


def test_a_detail_is_one_line_of_bounded_length() -> None:
    problems = Problems()
    problems.add("forged", "a\n[FATAL] b\x1b[0m" + "x" * 5_000_000)
    (problem,) = problems.take_unreported()
    assert problem.detail.startswith(r"a\n[FATAL] b\x1b[0m")
    assert problem.detail.isprintable()
    assert len(problem.detail) < 600


def test_the_number_of_causes_is_bounded_and_no_problem_uncounted() -> None:
    problems = Problems()
    for number in range(1000):
        problems.add(f"cause_{number}", "detail")
    counts = problems.counts()
    assert len(counts) <= 257
    assert sum(counts.values()) == 1000
    assert counts["further_problems"] == 1000 - 256
