"""Runs `gas-fusion` in the test's own process, which takes no start of Python."""

from __future__ import annotations

import re
from pathlib import Path

from typer.testing import CliRunner

from gas_fusion_ros.cli import app


def invoke(*arguments: str | Path) -> tuple[int, str]:
    """Run the command line; return its exit code and all that it says."""
    # Wide, so that no sentence is broken where a test looks for it.
    environment = {"COLUMNS": "300", "NO_COLOR": "1", "TERM": "dumb"}
    result = CliRunner().invoke(app, [*map(str, arguments)], env=environment)
    return result.exit_code, re.sub(r"\x1b\[[0-9;]*m", "", result.output)
