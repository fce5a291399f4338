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
    (
        SensorState("mq2", 500.0, 0.1, 0.05, "2026-01-02T03:04:05Z", 90),
        SensorState("mq3", 1.0, None, None, None, 5),
    ),
)


def test_a_patrol_comes_back_as_it_was(tmp_path: Path) -> None:
    log = PatrolLog(tmp_path / "site.db")
    earlier = replace(PATROL, bag_sha256="bb", start_ns=1_000, alarms=(), sensors=())
    log.add(PATROL)
    log.add(earlier)
    assert log.patrols() == (earlier, PATROL)
    assert log.bags() == {"aa", "bb"}


def test_the_same_bag_counts_once_with_its_last_word(tmp_path: Path) -> None:
    log = PatrolLog(tmp_path / "site.db")
    log.add(PATROL)
    moved = replace(PATROL, bag="elsewhere", alarms=PATROL.alarms[:1])
    log.add(moved, {(7, 7)})
    assert log.patrols() == (moved,)
    assert log.coverage() == {"map": {(7, 7): 1}}


def test_coverage_counts_patrols_by_frame(tmp_path: Path) -> None:
    log = PatrolLog(tmp_path / "site.db")
    log.add(PATROL, {(0, 0), (-3, 2)})
    log.add(replace(PATROL, bag_sha256="bb"), {(0, 0)})
    log.add(replace(PATROL, bag_sha256="cc", frame_id="odom"), {(0, 0)})
    assert log.coverage() == {"map": {(-3, 2): 1, (0, 0): 2}, "odom": {(0, 0): 1}}


def test_passes_are_later_patrols_within_reach_of_a_place(tmp_path: Path) -> None:
    log = PatrolLog(tmp_path / "site.db")
    later = replace(PATROL, start_ns=PATROL.start_ns + 1)
    log.add(PATROL, {(5, 5)})
    log.add(replace(later, bag_sha256="near"), {(3, 5), (4, 5), (5, 5)})
    log.add(replace(later, bag_sha256="corner"), {(3, 3), (7, 7)})
    log.add(replace(later, bag_sha256="other", frame_id="odom"), {(5, 5)})
    assert log.passes(11.0, 11.0, "map", 4.0, PATROL.start_ns) == 1
    assert log.passes(11.0, 11.0, "map", 4.0, 0) == 2
    assert log.passes(11.0, 11.0, "map", 6.0, PATROL.start_ns) == 2


def test_cells_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patrol_log, "MOST_CELLS", 5)
    PatrolLog(tmp_path / "site.db").add(PATROL, [(i, 0) for i in range(20)])
    assert len(PatrolLog(tmp_path / "site.db").coverage()["map"]) == 5
