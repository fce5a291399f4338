"""The alarms' log: one JSON line per event, appended (https://jsonlines.org)."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterator
from dataclasses import asdict
from datetime import datetime, timezone
from enum import Enum
from pathlib import Path
from typing import Any, BinaryIO

from gas_fusion_ros.alarm.leak_alarm import AlarmEvent, Memory
from gas_fusion_ros.base.observation import RobotPose
from gas_fusion_ros.base.problems import Problems
from gas_fusion_ros.base.units import NANOSECONDS_PER_SECOND

WRITE_PROBLEM = "event_log_write"
"""The cause under which a lost line is counted."""
ROTATION_PROBLEM = "event_log_rotation"
"""The cause under which is counted that a log could not be begun anew, and grows on."""


class EventLogError(RuntimeError):
    """The log cannot be opened; the message names the file and the reason."""


class Entry(str, Enum):
    """What a line of the log is about."""

    CHANGE = "change"
    START = "start"
    RESTORE = "restore"
    STOP = "stop"


def format_event(event: AlarmEvent) -> str:
    """One JSON object without a line break; a number that is not finite becomes null.

    `stamp` is ISO 8601 in UTC, `stamp_ns` the same exactly.
    """
    record = {
        "event": Entry.CHANGE.value,
        **_when(event.stamp_ns),
        "state": event.state.value,
        "previous": event.previous.value,
        "gas": event.gas or None,
        "severity": event.severity.value if event.severity is not None else None,
        "confidence": round(event.confidence, 4),
        "peak": round(event.peak, 4),
        "duration_s": event.duration_ns / NANOSECONDS_PER_SECOND,
        "fault": event.fault,
        "reasons": list(event.reasons),
        "shelved": event.shelved,
        "alarm": event.alarm or None,
        "sequence": event.sequence,
        "pose": place_to_json(event.pose),
    }
    return json.dumps(record, allow_nan=False)


def format_start(stamp_ns: int, memory: Memory) -> list[str]:
    """The lines of a start: itself, with the number of alarms that stand again, and each of these."""
    start = {"event": Entry.START.value, **_when(stamp_ns), "standing": len(memory.alarms)}
    restored = [
        {
            "event": Entry.RESTORE.value,
            **_when(stamp_ns),
            "state": alarm.state.value,
            "gas": alarm.gas,
            "severity": alarm.severity.value,
            "peak": round(alarm.peak, 4),
            "alarm": alarm.number,
            "since_ns": alarm.since_ns,
            "pose": place_to_json(alarm.pose),
        }
        for alarm in memory.alarms
    ]
    return [json.dumps(record, allow_nan=False) for record in (start, *restored)]


def format_stop(stamp_ns: int, memory: Memory) -> str:
    """The line of an orderly stop, with the number of alarms that stand."""
    return json.dumps({"event": Entry.STOP.value, **_when(stamp_ns), "standing": len(memory.alarms)})


def read_events(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the entries of a log, older part first; a line that a power cut or a kill left cut is none.

    Raises:
        OSError: it cannot be read.
    """
    for part in (rotated(path), path):
        if not part.exists():
            continue
        with part.open(encoding="utf-8", errors="replace") as file:
            for line in file:
                try:
                    entry = json.loads(line)
                except ValueError:
                    continue
                if isinstance(entry, dict):
                    yield entry


def rotated(path: Path) -> Path:
    """The place of a log's older part."""
    return path.with_name(f"{path.name}.1")


def _when(stamp_ns: int) -> dict[str, Any]:
    return {"stamp": _iso(stamp_ns), "stamp_ns": stamp_ns}


def place_to_json(pose: RobotPose | None) -> dict[str, Any] | None:
    """A pose as an object of strict JSON; a number that is not finite becomes null."""
    if pose is None:
        return None
    return {
        name: None if isinstance(value, float) and not math.isfinite(value) else value
        for name, value in asdict(pose).items()
    }


def _iso(stamp_ns: int) -> str:
    seconds, rest = divmod(stamp_ns, NANOSECONDS_PER_SECOND)
    moment = datetime.fromtimestamp(seconds, tz=timezone.utc)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{rest // 1000:06d}Z"


class EventLog:
    """Appends events to a file, each handed to the operating system before `write` returns.

    It is not synced to the disk: that can block for seconds on an SD card. After a power cut the
    last lines may be missing or cut; the next one starts on a line of its own. A file that has grown beyond
    `max_bytes` becomes `rotated(path)`, in the place of the one before.

    Args:
        path: the file; its folder is made.
        problems: where lines that are lost are counted.
        max_bytes: size from which on a new file is begun; 0 for never.
        robot: name that every line has as `robot`; empty for none.

    Raises:
        EventLogError: it cannot be opened for writing.
    """

    def __init__(self, path: Path, problems: Problems, max_bytes: int = 0, robot: str = "") -> None:
        self.path = path.expanduser()
        self._robot = robot
        self._problems = problems
        self._max_bytes = max_bytes
        self._size = 0
        self._cut = False
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._file: BinaryIO | None = None
            self._open()
        except OSError as error:
            raise EventLogError(
                f"event log {self.path}: {error.strerror or error}; name a file that this user may write"
            ) from error

    def write(self, event: AlarmEvent) -> bool:
        """Append `event`; False where it could not be written, which is counted and never raised."""
        return self.write_line(format_event(event))

    def write_line(self, record: str) -> bool:
        """Append one JSON object; as `write`."""
        line = (("\n" if self._cut else "") + self._named(record) + "\n").encode()
        try:
            self._rotate(len(line))
            if self._file is None:
                raise OSError("the log is closed")
            written = self._file.write(line)
        except OSError as error:
            self._problems.add(WRITE_PROBLEM, f"event log {self.path}: {error.strerror or error}")
            return False
        if written != len(line):
            self._cut = True
            self._problems.add(WRITE_PROBLEM, f"event log {self.path}: line cut short; is the disk full?")
            return False
        self._cut = False
        self._size += written
        return True

    def close(self) -> None:
        """Close the file; safe to call twice."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _named(self, record: str) -> str:
        if not self._robot:
            return record
        return json.dumps({"robot": self._robot, **json.loads(record)}, allow_nan=False)

    def _open(self) -> None:
        # A pipe without a reader is refused instead of waited for.
        descriptor = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NONBLOCK, 0o666)
        self._file = os.fdopen(descriptor, "ab", buffering=0)
        self._size = self.path.stat().st_size
        self._cut = self._ends_within_a_line()

    def _rotate(self, more: int) -> None:
        if self._file is None or not 0 < self._max_bytes < self._size + more or self._size == 0:
            return
        full = self._file
        try:
            os.replace(self.path, rotated(self.path))
            self._open()
        except OSError as error:  # a log that is too long is better than none
            self._problems.add(ROTATION_PROBLEM, f"event log {self.path}: {error.strerror or error}")
            return
        full.close()

    def _ends_within_a_line(self) -> bool:
        if self.path.stat().st_size == 0 or not self.path.is_file():
            return False
        with self.path.open("rb") as file:
            file.seek(-1, 2)
            return file.read(1) != b"\n"
