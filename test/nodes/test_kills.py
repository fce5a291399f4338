"""Each node killed once while an alarm stands, as the benchmark does it many times."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.kills import NODES, broken_limits, kill_all


@pytest.mark.usefixtures("ros_domain")
def test_no_kill_costs_an_alarm(tmp_path: Path) -> None:
    kills = kill_all(1, 0, tmp_path)
    assert broken_limits(kills) == []
    assert kills.kills == dict.fromkeys(NODES, 1)
    assert all(len(seconds) == 1 for seconds in kills.seconds.values())
    assert kills.raised >= 1
