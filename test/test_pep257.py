"""ament_pep257, with the convention that ruff checks: Google's."""

from __future__ import annotations

from pathlib import Path

import pytest

main = pytest.importorskip("ament_pep257.main", reason="ament_pep257 comes with ROS 2").main

ROOT = Path(__file__).parents[1]
FOLDERS = ("gas_fusion_ros", "launch", "training")
# As in pyproject.toml: magic methods need no docstring, the class says what its constructor takes.
NOT_CHECKED = ("D105", "D107", "D401")


@pytest.mark.pep257
@pytest.mark.linter
def test_pep257() -> None:
    folders = [str(ROOT / folder) for folder in FOLDERS]
    assert main(argv=["--convention", "google", "--add-ignore", *NOT_CHECKED, "--", *folders]) == 0
