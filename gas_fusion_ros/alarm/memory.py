"""Keeps the standing alarms in a file, so that they stand again after a restart."""

from __future__ import annotations

import fcntl
import json
import math
import os
from pathlib import Path
from typing import Any

from gas_fusion_ros.alarm.event_log import place_to_json
from gas_fusion_ros.alarm.leak_alarm import MAX_STANDING, AlarmState, Memory, Severity, StandingAlarm
from gas_fusion_ros.base.closing import Closing
from gas_fusion_ros.base.documents import read_json
from gas_fusion_ros.base.files import write_durably
from gas_fusion_ros.base.observation import RobotPose

FORMAT_VERSION = 1


class AlarmMemoryError(RuntimeError):
    """The file cannot be used; the message names it and the remedy."""


def format_memory(memory: Memory) -> str:
    """Return what is written of the standing alarms, one JSON object."""
    alarms = [
        {
            "number": alarm.number,
            "gas": alarm.gas,
            "severity": alarm.severity.value,
            "state": alarm.state.value,
            "since_ns": alarm.since_ns,
            "peak": alarm.peak,
            "pose": place_to_json(alarm.pose),
        }
        for alarm in memory.alarms
    ]
    content = {
        "format_version": FORMAT_VERSION,
        "raised": memory.raised,
        "omitted": memory.omitted,
        "alarms": alarms,
    }
    return json.dumps(content, indent=1, allow_nan=False) + "\n"


def parse_memory(content: Any) -> Memory:
    """Return the standing alarms that `format_memory` wrote, from the JSON document read back.

    Raises:
        ValueError: it wrote nothing like that; says what is wrong.
    """
    try:
        version = content["format_version"]
        if version != FORMAT_VERSION:
            raise ValueError(f"format_version is {version!r}; this release reads {FORMAT_VERSION}")
        alarms = tuple(_alarm(entry) for entry in content["alarms"])
        memory = Memory(alarms, _count(content["raised"]), _count(content["omitted"]))
    except (KeyError, TypeError) as error:
        raise ValueError(f"it is no list of standing alarms: {type(error).__name__}: {error}") from None
    numbers = [alarm.number for alarm in alarms]
    if len(alarms) > MAX_STANDING or numbers != sorted(set(numbers)) or numbers[-1:] > [memory.raised]:
        raise ValueError(f"the numbers of its alarms contradict one another: {numbers[:5]}")
    return memory


class AlarmMemory(Closing):
    """The file of one node's standing alarms, written whole and flushed to the disk at each change.

    Args:
        path: its place; the folder is made.

    Raises:
        AlarmMemoryError: it cannot be written there.
    """

    def __init__(self, path: Path) -> None:
        self.path = path.expanduser()
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            if self.path.exists() and not self.path.is_file():
                raise AlarmMemoryError(f"state file {self.path} is no regular file; name another")
            if not os.access(self.path if self.path.exists() else self.path.parent, os.W_OK):
                raise PermissionError(None, "it is not writable")
        except OSError as error:
            raise AlarmMemoryError(
                f"state file {self.path}: {error.strerror or error}; name a file that this user may write, "
                "or 'none'"
            ) from error
        self._written: str | None = None
        self._lock: int | None = None

    def claim(self) -> None:
        """Keep other processes' classifiers from this file until `close`, or until this process ends.

        Raises:
            AlarmMemoryError: one has it already.
        """
        self.close()
        lock = os.open(self.path.with_name(f"{self.path.name}.lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(lock)
            raise AlarmMemoryError(
                f"state file {self.path} is another classifier's, which runs; name another in state_file"
            ) from error
        self._lock = lock

    def close(self) -> None:
        """Let others have the file; safe to call twice."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    @property
    def aside(self) -> Path:
        """Where a file that cannot be read is put; it stays there until an operator has taken note of it."""
        return self.path.with_name(f"{self.path.name}.damaged")

    def settle(self) -> None:
        """An operator has taken note that a file could not be read.

        Raises:
            OSError: that cannot be written down.
        """
        if self.aside.exists():
            os.replace(self.aside, self.aside.with_name(f"{self.aside.name}.acknowledged"))

    def load(self) -> Memory:
        """Return what stood when it was last written; nothing where there is no file yet.

        Raises:
            AlarmMemoryError: it cannot be read; the file is set aside, so that the next one can be written.
        """
        try:
            memory = parse_memory(read_json(self.path))
        except FileNotFoundError:
            return Memory()
        except (OSError, ValueError) as error:
            os.replace(self.path, self.aside)
            raise AlarmMemoryError(
                f"state file {self.path} cannot be read ({error}); it is now {self.aside}"
            ) from None
        self._written = format_memory(memory)
        return memory

    def save(self, memory: Memory) -> None:
        """Write what stands, unless the file says so already; it is on the disk when this returns.

        Raises:
            OSError: it cannot be written.
        """
        text = format_memory(memory)
        if text != self._written:
            write_durably(self.path, text.encode())
            self._written = text


def _alarm(entry: Any) -> StandingAlarm:
    pose = entry["pose"]
    state = AlarmState(entry["state"])
    if not state.is_leak:
        raise ValueError(f"an alarm's state is {state.value}")
    peak = float(entry["peak"])
    if not 0.0 <= peak <= 1.0:
        raise ValueError(f"an alarm's peak is {peak}")
    return StandingAlarm(
        number=_count(entry["number"]),
        gas=str(entry["gas"]),
        severity=Severity(entry["severity"]),
        state=state,
        since_ns=_count(entry["since_ns"]),
        peak=peak,
        pose=None if pose is None else _pose(pose),
    )


def _pose(entry: Any) -> RobotPose:
    x, y, z, yaw = (
        math.nan if entry[name] is None else float(entry[name]) for name in ("x", "y", "z", "yaw")
    )
    return RobotPose(x, y, z, yaw, str(entry["frame_id"]), _whole(entry["stamp_ns"]))


def _count(value: Any) -> int:
    if _whole(value) < 0:
        raise ValueError(f"{value!r} is no whole number from 0 on")
    return int(value)


def _whole(value: Any) -> int:
    """A stamp of somebody else's may be negative: that must cost no alarm."""
    if isinstance(value, bool) or not isinstance(value, int) or not -(2**63) <= value < 2**63:
        raise ValueError(f"{value!r} is no whole number of 64 bits")
    return value
