"""The benchmarks of hostile messages and of kills judge what they find; both run at live nodes elsewhere."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from benchmarks import fuzz, kills
from benchmarks.fuzz import Found
from benchmarks.kills import Kills

LINE = "[INFO] [1795904390.039864424] [robot.gas_classifier]: active\n"
GOOD = Found(resident_mb=400.0, answers_s=[0.1, 0.2], most_cpu_s=0.2, log=LINE, longest_text=300, exit_code=0)


def test_a_good_run_breaks_no_limit() -> None:
    assert fuzz.broken_limits(GOOD) == []
    assert kills.broken_limits(Kills(raised=3, lines=40)) == []


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"resident_mb": 601.0}, "resident 601 MB"),
        ({"answers_s": [0.1, float("inf")]}, "after inf s"),
        ({"answers_s": []}, "after inf s"),
        ({"most_cpu_s": 1.5}, "1.50 s of CPU"),
        ({"log": LINE + "forged\n" + LINE}, "1 lines forged"),
        ({"log": LINE[:-1] + "\x1b[2J\n"}, "1 lines forged"),
        ({"log": LINE[:-1] + "x" * 2000 + "\n"}, "a log line of 2060 characters"),
        ({"longest_text": 5000}, "published 5000 characters"),
        ({"bad_events": 2}, "2 lines of the event log"),
        ({"exit_code": None}, "exit code is None"),
    ],
)
def test_a_broken_limit_is_named_with_its_measure(change: dict[str, Any], said: str) -> None:
    (text,) = fuzz.broken_limits(replace(GOOD, **change))
    assert said in text


@pytest.mark.parametrize("counted", ["lost", "false_first_words", "false_words", "unreadable_lines"])
def test_whatever_is_lost_is_named(counted: str) -> None:
    (text,) = kills.broken_limits(Kills(**{counted: 2}))  # type: ignore[arg-type]
    assert text.startswith("2 ")
