"""The alarm's log: every line can be read back, and no failing disk stops the alarm."""

from __future__ import annotations

import json
import math
import os
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gas_fusion_ros.alarm.event_log import (
    WRITE_PROBLEM,
    EventLog,
    EventLogError,
    format_event,
    format_start,
    format_stop,
    read_events,
    rotated,
)
from gas_fusion_ros.alarm.leak_alarm import AlarmEvent, AlarmState, Memory, Severity, StandingAlarm
from gas_fusion_ros.base.observation import RobotPose
from gas_fusion_ros.base.problems import Problems

EVENT = AlarmEvent(
    stamp_ns=1_700_000_000_123_456_789,
    previous=AlarmState.PENDING,
    state=AlarmState.ACTIVE,
    gas="Smoke",
    severity=Severity.CRITICAL,
    confidence=0.91,
    peak=0.95,
    duration_ns=2_500_000_000,
    fault=False,
    alarm=3,
    sequence=7,
)
FULL_DISK = Path("/dev/full")


def lines(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_a_line_says_what_when_where_and_how_long(tmp_path: Path) -> None:
    log = EventLog(tmp_path / "alarms.jsonl", Problems())
    assert log.write(replace(EVENT, pose=RobotPose(1.5, -2.0, yaw=0.5)))
    assert lines(log.path) == [
        {
            "event": "change",
            "stamp": "2023-11-14T22:13:20.123456Z",
            "stamp_ns": 1_700_000_000_123_456_789,
            "state": "active",
            "previous": "pending",
            "gas": "Smoke",
            "severity": "critical",
            "confidence": 0.91,
            "peak": 0.95,
            "duration_s": 2.5,
            "fault": False,
            "reasons": [],
            "shelved": False,
            "alarm": 3,
            "sequence": 7,
            "pose": {"x": 1.5, "y": -2.0, "z": 0.0, "yaw": 0.5, "frame_id": "map", "stamp_ns": 0},
        }
    ]


def test_a_fault_has_neither_gas_nor_severity_nor_pose(tmp_path: Path) -> None:
    log = EventLog(tmp_path / "alarms.jsonl", Problems())
    log.write(AlarmEvent(5, AlarmState.CLEAR, AlarmState.FAULT, "", None, 0.0, 0.0, 0, True, 0, 1))
    (line,) = lines(log.path)
    assert (line["gas"], line["severity"], line["pose"], line["fault"]) == (None, None, None, True)


numbers = st.floats()


@given(st.builds(RobotPose, numbers, numbers, numbers, numbers, st.text()), st.integers(0, 2**62))
def test_any_event_is_one_line_of_strict_json(pose: RobotPose, stamp: int) -> None:
    event = AlarmEvent(stamp, AlarmState.CLEAR, AlarmState.ACTIVE, "a\nb", None, 1.0, 1.0, 3, False, 1, 1)
    line = format_event(replace(event, pose=pose))
    assert len(line.splitlines()) == 1
    assert json.loads(line)["pose"]["x"] == (pose.x if math.isfinite(pose.x) else None)
    assert json.loads(line)["stamp_ns"] == stamp


def test_what_was_logged_before_stays(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "alarms.jsonl"
    for _ in range(2):
        log = EventLog(path, Problems())
        log.write(EVENT)
        log.close()
        log.close()
    assert len(lines(path)) == 2


def test_a_line_can_be_read_before_the_log_is_closed(tmp_path: Path) -> None:
    log = EventLog(tmp_path / "alarms.jsonl", Problems())
    log.write(EVENT)
    assert len(lines(log.path)) == 1


def test_after_a_cut_line_the_next_starts_on_its_own(tmp_path: Path) -> None:
    path = tmp_path / "alarms.jsonl"
    path.write_text('{"stamp": "2023-11-14T22')
    log = EventLog(path, Problems())
    log.write(EVENT)
    log.write(EVENT)
    assert [json.loads(line)["gas"] for line in path.read_text().splitlines()[1:]] == ["Smoke", "Smoke"]


@pytest.mark.parametrize("make", ["folder", "below_a_file"])
def test_a_file_that_cannot_be_opened_is_a_clear_error(tmp_path: Path, make: str) -> None:
    path = tmp_path / "alarms.jsonl"
    if make == "folder":
        path.mkdir()
    else:
        path.write_text("")
        path = path / "alarms.jsonl"
    with pytest.raises(EventLogError, match=r"event log .*alarms\.jsonl"):
        EventLog(path, Problems())


@pytest.mark.skipif(not FULL_DISK.exists(), reason="needs /dev/full, a device that is always full")
def test_a_full_disk_is_counted_and_said_once() -> None:
    problems = Problems()
    log = EventLog(FULL_DISK, problems)
    assert [log.write(EVENT), log.write(EVENT)] == [False, False]
    assert problems.counts() == {WRITE_PROBLEM: 2}
    (said,) = problems.take_unreported()
    assert str(FULL_DISK) in said.detail


def test_writing_to_a_closed_log_is_counted(tmp_path: Path) -> None:
    problems = Problems()
    log = EventLog(tmp_path / "alarms.jsonl", problems)
    log.close()
    assert not log.write(EVENT)
    assert problems.counts() == {WRITE_PROBLEM: 1}


def test_a_start_names_every_alarm_that_stands_again(tmp_path: Path) -> None:
    pose = RobotPose(1.0, 2.0)
    alarm = StandingAlarm(4, "Smoke", Severity.CRITICAL, AlarmState.LATCHED, 17, 0.98765, pose)
    memory = Memory((alarm,), raised=4)
    log = EventLog(tmp_path / "alarms.jsonl", Problems())
    for line in format_start(5_000_000_000, memory):
        assert log.write_line(line)
    assert log.write_line(format_stop(6_000_000_000, memory))
    start, restored, stop = lines(log.path)
    assert (start["event"], start["standing"], start["stamp_ns"]) == ("start", 1, 5_000_000_000)
    assert (restored["event"], restored["alarm"], restored["gas"]) == ("restore", 4, "Smoke")
    assert (restored["state"], restored["since_ns"], restored["peak"]) == ("latched", 17, 0.9877)
    assert restored["pose"]["x"] == 1.0  # type: ignore[index]
    assert (stop["event"], stop["standing"]) == ("stop", 1)


def test_a_log_that_has_grown_is_begun_anew_and_read_whole(tmp_path: Path) -> None:
    size = len(format_event(EVENT)) + 1
    log = EventLog(tmp_path / "alarms.jsonl", Problems(), max_bytes=3 * size)
    for number in range(7):
        assert log.write(replace(EVENT, sequence=number + 1))
    assert rotated(log.path).stat().st_size <= 3 * size
    assert [entry["sequence"] for entry in read_events(log.path)] == [4, 5, 6, 7]


def test_a_log_that_cannot_be_begun_anew_grows_on(tmp_path: Path) -> None:
    problems = Problems()
    log = EventLog(tmp_path / "alarms.jsonl", problems, max_bytes=100)
    (rotated(log.path) / "in the way").mkdir(parents=True)
    for number in range(3):
        assert log.write(replace(EVENT, sequence=number + 1))
    assert [json.loads(line)["sequence"] for line in log.path.read_text().splitlines()] == [1, 2, 3]
    assert problems.counts() == {"event_log_rotation": 2}


@given(st.integers(0, 400))
def test_a_line_that_was_cut_harms_no_reader(tmp_path_factory: pytest.TempPathFactory, cut: int) -> None:
    path = tmp_path_factory.mktemp("log") / "alarms.jsonl"
    whole = format_event(EVENT)
    path.write_text(whole + "\n" + whole[:cut])
    log = EventLog(path, Problems())
    log.write(replace(EVENT, sequence=8))
    entries = [entry["sequence"] for entry in read_events(path)]
    assert entries == [7, 7, 8] if cut >= len(whole) else entries == [7, 8]


def test_a_pipe_that_nobody_reads_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "alarms.jsonl")
    with pytest.raises(EventLogError, match=r"alarms\.jsonl"):
        EventLog(tmp_path / "alarms.jsonl", Problems())


def test_every_line_names_the_robot_where_it_has_a_name(tmp_path: Path) -> None:
    log = EventLog(tmp_path / "alarms.jsonl", Problems(), robot="site/robot1")
    assert log.write(EVENT)
    assert log.write_line(format_stop(6_000_000_000, Memory()))
    log.close()
    lines = (tmp_path / "alarms.jsonl").read_text(encoding="utf-8").splitlines()
    assert [json.loads(line).pop("robot") for line in lines] == ["site/robot1"] * 2
    assert json.loads(lines[0]) == {"robot": "site/robot1", **json.loads(format_event(EVENT))}
