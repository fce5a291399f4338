"""ament_pep257, with the convention that ruff checks, Google's; without ROS 2, the tool that it runs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FOLDERS = [str(ROOT / folder) for folder in ("gas_fusion_ros", "launch", "training")]
# As in pyproject.toml: magic methods need no docstring, the class says what its constructor takes.
NOT_CHECKED = ("D105", "D107", "D401")
# What ament_pep257 gives pydocstyle besides: every file, but in no hidden folder.
MATCH = ("--match", r".*\.py", "--match-dir", r"[^\._].*")


@pytest.mark.timeout(600)
@pytest.mark.pep257
@pytest.mark.linter
def test_pep257() -> None:
    try:
        from ament_pep257.main import main
    except ImportError:
        pytest.importorskip("pydocstyle", reason="it comes with ROS 2 or requirements/development.txt")
        ignored = ",".join(NOT_CHECKED)
        arguments = [*MATCH, "--convention", "google", "--add-ignore", ignored, *FOLDERS]
        result = subprocess.run(
            [sys.executable, "-m", "pydocstyle", *arguments], capture_output=True, text=True
        )
        assert result.returncode == 0, result.stdout + result.stderr
    else:
        assert main(argv=["--convention", "google", "--add-ignore", *NOT_CHECKED, "--", *FOLDERS]) == 0
