"""What the fleet's benchmark counts, and a run of it small enough for a test."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("paho.mqtt.enums", reason="paho-mqtt>=2 is not installed")
pytest.importorskip("psutil", reason="psutil is not installed")

from benchmarks.fleet import Heard, Run, Told, broken_limits, measure, result_table
from benchmarks.mosquitto import NoMosquittoError

QUEUE = "0123456789abcdef"


def told(last: int = 3, **news: Any) -> Told:
    values = {"states": 5, "raised": 1, "waiting": 0, "problems": {}, "memory_mb": (50.0, 51.0), "cpu_s": 1.0}
    return Told({"robot1": (QUEUE, last)}, **{**values, **news})


def heard(numbers: list[int], age_ms: int = 5) -> Heard:
    all_of_it = Heard()
    for number in numbers:
        event = {"queue": QUEUE, "number": number, "stamp_ns": 0}
        all_of_it.hear("gas_fusion/robot1/events", json.dumps(event).encode(), age_ms * 1_000_000)
    state = {"stamp_ns": 0, "online": True}
    all_of_it.hear("gas_fusion/robot1/state", json.dumps(state).encode(), age_ms * 1_000_000)
    return all_of_it


def broken(one: Told, all_of_it: Heard) -> list[str]:
    return broken_limits(Run((one,), all_of_it, (1.0,), (9.0, 9.0), 10.0))


def test_events_that_come_again_are_no_loss_and_are_not_timed_twice() -> None:
    all_of_it = heard([1, 2, 2, 3])
    assert (all_of_it.again, len(all_of_it.events_ms)) == (1, 3)
    assert broken(told(), all_of_it) == []


def test_what_is_lost_late_or_grows_is_told() -> None:
    assert broken(told(), heard([1, 3])) == ["1 events lost, 0 not taken"]
    assert broken(told(waiting=2), heard([1, 2, 3])) == ["0 events lost, 2 not taken"]
    assert broken(told(), heard([1, 2, 3], age_ms=400)) == [
        "p99 of states is 400 ms; at most 300 are allowed",
        "p99 of events is 400 ms; at most 300 are allowed",
    ]
    assert broken(told(memory_mb=(50.0, 65.0)), heard([1, 2, 3])) == ["a process grew from 50.0 to 65.0 MB"]


def test_a_small_fleet_loses_nothing(tmp_path: Path) -> None:
    try:
        run = measure(robots=2, seconds=2.0, seed=0, folder=tmp_path)
    except NoMosquittoError as error:
        pytest.skip(str(error))
    assert run.heard.lost(run.told) == 0
    assert sum(one.states for one in run.told) == 4
    assert 0 < len(run.heard.states_ms) <= 4
    assert len(run.heard.numbers) == 2
    assert run.bare_ms
    assert result_table(run).row_count > 8
