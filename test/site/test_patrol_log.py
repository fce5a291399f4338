"""A patrol is kept once, as it was."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from gas_fusion_ros.site import patrol_log
from gas_fusion_ros.site.patrol_log import Patrol, PatrolAlarm, PatrolLog, SensorState

PATROL = Patrol(
    "bags/monday",
    "aa",
    "robot1",
    "fusion1",
    5_000,
    9_000,
    "map",
    12.5,
    100,
    (
        PatrolAlarm(1, "Smoke", "critical", 6_000, 7_000, 0.9, 1.0, 2.0, "map"),
        PatrolAlarm(2, "Perfume", "warning", 7_000, 8_000, 0.8),
    ),
    frozenset({(0, 0), (-3, 2)}),
    (
        SensorState("mq2", 500.0, 0.1, 0.05, "2026-01-02T03:04:05Z", 90),
        SensorState("mq3", 1.0, None, None, None, 5),
    ),
)


def test_a_patrol_comes_back_as_it_was(tmp_path: Path) -> None:
    log = PatrolLog(tmp_path / "site.db")
    earlier = replace(PATROL, bag_sha256="bb", start_ns=1_000, alarms=(), visited=frozenset(), sensors=())
    log.add(PATROL)
    log.add(earlier)
    assert log.patrols() == (earlier, PATROL)
    assert log.bags() == {"aa", "bb"}


def test_the_same_bag_counts_once_with_its_last_word(tmp_path: Path) -> None:
    log = PatrolLog(tmp_path / "site.db")
    log.add(PATROL)
    moved = replace(PATROL, bag="elsewhere", alarms=PATROL.alarms[:1], visited=frozenset({(7, 7)}))
    log.add(moved)
    assert log.patrols() == (moved,)


def test_cells_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patrol_log, "MOST_CELLS", 5)
    PatrolLog(tmp_path / "site.db").add(replace(PATROL, visited=frozenset((i, 0) for i in range(20))))
    (kept,) = PatrolLog(tmp_path / "site.db").patrols()
    assert len(kept.visited) == 5
