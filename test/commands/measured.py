"""Runs `gas-fusion` in a process of its own, and measures what it takes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
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


# A process begins with the most memory that the one it was forked from had, which here is that of all tests.
_BETWEEN = """
import json, os, subprocess, sys
child = subprocess.Popen(sys.argv[2:], stdin=subprocess.DEVNULL)
_, status, used = os.wait4(child.pid, 0)
code = os.waitstatus_to_exitcode(status)
with open(sys.argv[1], "w") as file:
    json.dump([code, used.ru_utime + used.ru_stime, used.ru_maxrss * 1024 / 1e6], file)
"""


def command_of(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "gas_fusion_ros", *map(str, arguments)]


def start(command: Sequence[str], output: int) -> subprocess.Popen[bytes]:
    environment = {**os.environ, "COLUMNS": "300", "NO_COLOR": "1", "TERM": "dumb", "PYTHONPATH": str(ROOT)}
    return subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=output,
        env=environment,
        start_new_session=True,
    )


def end_of(child: subprocess.Popen[bytes], max_seconds: float) -> int:
    """Wait for a process; return its exit code. Too long by the clock is a failure."""
    try:
        return child.wait(max_seconds)
    except subprocess.TimeoutExpired:
        os.killpg(child.pid, signal.SIGKILL)
        child.wait()
        raise AssertionError(f"it does not end within {max_seconds:g} s") from None


def measured(*arguments: str | Path) -> Measured:
    """Run a command that must keep the bounds on time and memory, and say its lines without a traceback."""
    with tempfile.TemporaryFile() as output, tempfile.NamedTemporaryFile("r") as told:
        between = [sys.executable, "-c", _BETWEEN, told.name, *command_of(*arguments)]
        assert end_of(start(between, output.fileno()), MAX_WALL_S) == 0
        code, seconds, peak_mb = json.load(told)
        output.seek(0)
        said = output.read().decode("utf-8", errors="backslashreplace")
    assert seconds <= MAX_SECONDS
    assert peak_mb <= MAX_PEAK_MB
    assert "Traceback" not in said, said
    return Measured(code, said, seconds, peak_mb)
