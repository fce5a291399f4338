"""ament_copyright: one licence file stands for all files, so only it and CONTRIBUTING.md are checked."""

from __future__ import annotations

from pathlib import Path

import pytest

main = pytest.importorskip("ament_copyright.main", reason="ament_copyright comes with ROS 2").main

ROOT = Path(__file__).parents[1]


@pytest.mark.copyright
@pytest.mark.linter
def test_copyright() -> None:
    assert main(argv=[str(ROOT / "LICENSE"), str(ROOT / "CONTRIBUTING.md")]) == 0
