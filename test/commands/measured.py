"""Runs `gas-fusion` in a process of its own, and measures what it takes."""

from __future__ import annotations

import os
import resource
import select
import signal
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
MAX_SECONDS = 30.0
"""Of the processor: by the clock it takes longer on a machine that has other work."""
MAX_WALL_S = 100.0
MAX_PEAK_MB = 600.0


@dataclass(frozen=True)
class Measured:
    """What a command did: its exit code, what it said, its time of the processor and its most memory."""

    exit_code: int
    said: str
    seconds: float
    peak_mb: float

    @property
    def lines(self) -> list[str]:
        return self.said.splitlines()


def start(*arguments: object, output: int) -> subprocess.Popen[bytes]:
    environment = {**os.environ, "COLUMNS": "300", "NO_COLOR": "1", "TERM": "dumb", "PYTHONPATH": str(ROOT)}
    return subprocess.Popen(
        [sys.executable, "-m", "gas_fusion_ros", *map(str, arguments)],
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=output,
        env=environment,
        start_new_session=True,
    )


def end_of(child: subprocess.Popen[bytes], max_seconds: float) -> tuple[int, resource.struct_rusage]:
    """Wait for a process; return its exit code and what it took. Too long by the clock is a failure."""
    handle = os.pidfd_open(child.pid)
    try:
        if not select.select([handle], [], [], max_seconds)[0]:
            child.send_signal(signal.SIGKILL)
            child.wait()
            raise AssertionError(f"it does not end within {max_seconds:g} s")
    finally:
        os.close(handle)
    _, status, used = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    return child.returncode, used


def measured(*arguments: str | Path) -> Measured:
    """Run a command that must keep the bounds on time and memory, and say its lines without a traceback."""
    with tempfile.TemporaryFile() as output:
        code, used = end_of(start(*arguments, output=output.fileno()), MAX_WALL_S)
        output.seek(0)
        said = output.read().decode("utf-8", errors="backslashreplace")
    seconds, peak_mb = used.ru_utime + used.ru_stime, used.ru_maxrss * 1024 / 1e6
    assert seconds <= MAX_SECONDS
    assert peak_mb <= MAX_PEAK_MB
    assert "Traceback" not in said, said
    return Measured(code, said, seconds, peak_mb)
