"""The alarm's log: one JSON line per event, appended (https://jsonlines.org)."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import BinaryIO

from gas_fusion_ros.alarm import AlarmEvent
from gas_fusion_ros.problems import Problems
from gas_fusion_ros.units import NANOSECONDS_PER_SECOND

WRITE_PROBLEM = "event_log_write"
"""The cause under which a lost line is counted."""


class EventLogError(RuntimeError):
    """The log cannot be opened; the message names the file and the reason."""


@dataclass(frozen=True)
class RobotPose:
    """Where the robot was at `stamp_ns`: metres and radians in `frame_id` (REP-103, REP-105)."""

    x: float
    y: float
    z: float = 0.0
    yaw: float = 0.0
    frame_id: str = "map"
    stamp_ns: int = 0


def format_event(event: AlarmEvent, pose: RobotPose | None) -> str:
    """One JSON object without a line break; a number that is not finite becomes null.

    `stamp` is ISO 8601 in UTC, `stamp_ns` the same exactly.
    """
    place = None
    if pose is not None:
        place = {
            name: None if isinstance(value, float) and not math.isfinite(value) else value
            for name, value in asdict(pose).items()
        }
    record = {
        "stamp": _iso(event.stamp_ns),
        "stamp_ns": event.stamp_ns,
        "state": event.state.value,
        "previous": event.previous.value,
        "gas": event.gas or None,
        "severity": event.severity.value if event.severity is not None else None,
        "confidence": round(event.confidence, 4),
        "peak": round(event.peak, 4),
        "duration_s": event.duration_ns / NANOSECONDS_PER_SECOND,
        "fault": event.fault,
        "alarm": event.alarm,
        "sequence": event.sequence,
        "pose": place,
    }
    return json.dumps(record, allow_nan=False)


def _iso(stamp_ns: int) -> str:
    seconds, rest = divmod(stamp_ns, NANOSECONDS_PER_SECOND)
    moment = datetime.fromtimestamp(seconds, tz=timezone.utc)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{rest // 1000:06d}Z"


class EventLog:
    """Appends events to a file, each handed to the operating system before `write` returns.

    It is not synced to the disk: that can block for seconds on an SD card. After a power cut the
    last lines may be missing or cut; the next one starts on a line of its own.
    """

    def __init__(self, path: Path, problems: Problems) -> None:
        """Open `path` for appending, making its folder.

        Raises:
            EventLogError: it cannot be opened for writing.
        """
        self.path = path.expanduser()
        self._problems = problems
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._file: BinaryIO | None = self.path.open("ab", buffering=0)
            self._cut = self._ends_within_a_line()
        except OSError as error:
            raise EventLogError(
                f"event log {self.path}: {error.strerror or error}; name a file that this user may write"
            ) from error

    def write(self, event: AlarmEvent, pose: RobotPose | None = None) -> bool:
        """Append `event`; False where it could not be written, which is counted and never raised."""
        line = (("\n" if self._cut else "") + format_event(event, pose) + "\n").encode()
        try:
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
        return True

    def close(self) -> None:
        """Close the file; safe to call twice."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _ends_within_a_line(self) -> bool:
        if self.path.stat().st_size == 0 or not self.path.is_file():
            return False
        with self.path.open("rb") as file:
            file.seek(-1, 2)
            return file.read(1) != b"\n"
