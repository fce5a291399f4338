"""Each node killed once while an alarm stands, as the benchmark does it many times."""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest

from benchmarks.kills import NODES, broken_limits, kill_all


def test_no_kill_costs_an_alarm(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")
    monkeypatch.setenv("ROS_DOMAIN_ID", os.environ.get("ROS_DOMAIN_ID") or str(random.randint(1, 100)))
    kills = kill_all(1, 0, tmp_path)
    assert broken_limits(kills) == []
    assert kills.kills == dict.fromkeys(NODES, 1)
    assert all(len(seconds) == 1 for seconds in kills.seconds.values())
    assert kills.raised >= 1
