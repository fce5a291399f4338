"""What stands is read back as it was written, whole, whatever cuts the writing off."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gas_fusion_ros.alarm.leak_alarm import AlarmState, Memory, Severity, StandingAlarm
from gas_fusion_ros.alarm.memory import AlarmMemory, AlarmMemoryError, format_memory, parse_memory
from gas_fusion_ros.base.observation import RobotPose

poses = st.builds(
    RobotPose,
    *[st.floats(allow_nan=False, allow_infinity=False)] * 4,
    st.text(),
    st.integers(-(2**62), 2**62),
)
alarms = st.builds(
    StandingAlarm,
    number=st.integers(1, 1000),
    gas=st.text(min_size=1),
    severity=st.sampled_from(Severity),
    state=st.sampled_from([AlarmState.ACTIVE, AlarmState.ACKNOWLEDGED, AlarmState.LATCHED]),
    since_ns=st.integers(0, 2**62),
    peak=st.floats(0, 1),
    pose=st.none() | poses,
)
memories = st.builds(
    Memory,
    st.lists(alarms, max_size=5, unique_by=lambda alarm: alarm.number).map(
        lambda found: tuple(sorted(found, key=lambda alarm: alarm.number))
    ),
    raised=st.integers(1000, 2**40),
    omitted=st.integers(0, 100),
)
ONE = Memory((StandingAlarm(3, "Smoke", Severity.CRITICAL, AlarmState.LATCHED, 17, 0.9),), raised=3)


@given(memories)
def test_what_is_written_is_read_back(memory: Memory) -> None:
    assert parse_memory(json.loads(format_memory(memory))) == memory


def test_a_pose_that_is_no_place_stays_none() -> None:
    alarm = StandingAlarm(1, "Smoke", Severity.CRITICAL, AlarmState.ACTIVE, 1, 0.5, RobotPose(math.nan, 1.0))
    (read,) = parse_memory(json.loads(format_memory(Memory((alarm,), 1)))).alarms
    assert read.pose is not None
    assert math.isnan(read.pose.x)


@given(memories, st.data())
def test_a_file_that_was_cut_is_refused(
    tmp_path_factory: pytest.TempPathFactory, memory: Memory, data: st.DataObject
) -> None:
    text = format_memory(memory).encode()
    path = tmp_path_factory.mktemp("cut") / "alarms.json"
    path.write_bytes(text[: data.draw(st.integers(0, len(text) - 2))])
    with pytest.raises(AlarmMemoryError, match="cannot be read"):
        AlarmMemory(path).load()


@pytest.mark.parametrize(
    "text",
    [
        "[]",
        "{}",
        "[" * 100_000,
        '{"format_version": 2, "raised": 0, "omitted": 0, "alarms": []}',
        '{"format_version": 1, "raised": -1, "omitted": 0, "alarms": []}',
        '{"format_version": 1, "raised": true, "omitted": 0, "alarms": []}',
        format_memory(ONE).replace("latched", "clear"),
        format_memory(ONE).replace("0.9", "1.9"),
        format_memory(ONE).replace('"raised": 3', '"raised": 2'),
        format_memory(Memory(ONE.alarms * 2, 3)),
    ],
)
def test_what_is_no_list_of_alarms_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "alarms.json"
    path.write_text(text)
    with pytest.raises(AlarmMemoryError, match="cannot be read"):
        AlarmMemory(path).load()


def test_a_file_is_made_with_its_folder_and_only_written_where_it_changes(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "alarms.json"
    file = AlarmMemory(path)
    assert file.load() == Memory()
    file.save(ONE)
    first = path.stat().st_ino
    file.save(ONE)
    assert path.stat().st_ino == first
    assert AlarmMemory(path).load() == ONE
    assert [entry.name for entry in path.parent.iterdir()] == ["alarms.json"]


def test_a_damaged_file_is_set_aside_and_the_next_is_written(tmp_path: Path) -> None:
    path = tmp_path / "alarms.json"
    path.write_text('{"format_version": 1, "ala')
    file = AlarmMemory(path)
    with pytest.raises(AlarmMemoryError, match=r"alarms\.json cannot be read .* it is now .*damaged"):
        file.load()
    file.save(ONE)
    assert AlarmMemory(path).load() == ONE
    assert path.with_name("alarms.json.damaged").read_text().endswith('"ala')


@pytest.mark.parametrize("make", ["folder", "pipe", "below a file"])
def test_what_is_no_file_is_refused_with_the_remedy(tmp_path: Path, make: str) -> None:
    path = tmp_path / "alarms.json"
    if make == "folder":
        path.mkdir()
    elif make == "pipe":
        os.mkfifo(path)
    else:
        path.write_text("")
        path = path / "alarms.json"
    with pytest.raises(AlarmMemoryError, match="name a"):
        AlarmMemory(path)


def test_a_file_has_one_keeper_at_a_time(tmp_path: Path) -> None:
    path = tmp_path / "alarms.json"
    with AlarmMemory(path) as first:
        first.claim()
        first.claim()
        with pytest.raises(AlarmMemoryError, match="another classifier's, which runs"):
            AlarmMemory(path).claim()
    with AlarmMemory(path) as second:
        second.claim()


def test_a_keeper_that_was_killed_is_none(tmp_path: Path) -> None:
    path = tmp_path / "alarms.json"
    program = (
        "import os, signal, sys; from pathlib import Path;"
        "from gas_fusion_ros.alarm.memory import AlarmMemory;"
        "AlarmMemory(Path(sys.argv[1])).claim(); os.kill(os.getpid(), signal.SIGKILL)"
    )
    assert subprocess.run([sys.executable, "-c", program, path], check=False).returncode < 0
    AlarmMemory(path).claim()
