"""ament_flake8, with the settings of setup.cfg; where ROS 2 is missing, the flake8 that it runs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FOLDERS = ("gas_fusion_ros", "launch", "test", "training")
ARGUMENTS = ("--config", str(ROOT / "setup.cfg"), *(str(ROOT / folder) for folder in FOLDERS))


@pytest.mark.timeout(600)
@pytest.mark.flake8
@pytest.mark.linter
def test_flake8() -> None:
    try:
        from ament_flake8.main import main_with_errors
    except ImportError:
        pytest.importorskip("flake8", reason="flake8 comes with ROS 2 or requirements/development.txt")
        result = subprocess.run([sys.executable, "-m", "flake8", *ARGUMENTS], capture_output=True, text=True)
        assert result.returncode == 0, result.stdout + result.stderr
    else:
        result, errors = main_with_errors(argv=list(ARGUMENTS))
        assert result == 0, "\n".join(errors)
