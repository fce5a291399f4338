"""The version of the code that a result was measured with."""

from __future__ import annotations

import subprocess
from pathlib import Path


def code_version() -> str:
    """Return the checkout's commit, with `-dirty` where files differ from it; `unknown` without git."""
    command = ["git", "-C", str(Path(__file__).parent), "describe", "--always", "--dirty", "--abbrev=12"]
    try:
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
