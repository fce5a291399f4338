"""ament_flake8, with the settings of setup.cfg."""

from __future__ import annotations

from pathlib import Path

import pytest

main_with_errors = pytest.importorskip(
    "ament_flake8.main", reason="ament_flake8 comes with ROS 2"
).main_with_errors

ROOT = Path(__file__).parents[1]
FOLDERS = ("gas_fusion_ros", "launch", "test", "training")


@pytest.mark.flake8
@pytest.mark.linter
def test_flake8() -> None:
    folders = [str(ROOT / folder) for folder in FOLDERS]
    result, errors = main_with_errors(argv=["--config", str(ROOT / "setup.cfg"), *folders])
    assert result == 0, "\n".join(errors)
