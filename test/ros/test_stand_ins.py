"""The stand-ins against the real message_filters and cv_bridge: one suite, run on both.

Each run is a process of its own, because both implementations have the same module names.
"""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
REAL = "GAS_FUSION_REAL_PYTHONPATH"
MODULES = ("message_filters", "cv_bridge")


def run_suite(module: str, folder: Path, search_path: str) -> None:
    suite = ROOT / "test" / "stand_ins" / f"{module}_suite.py"
    inherited = os.environ.get("PYTHONPATH", "")
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join(part for part in (search_path, inherited) if part),
        "GAS_FUSION_SUITE_FOLDER": os.path.realpath(folder),
    }
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(suite)]
    result = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=100, check=False
    )
    assert result.returncode == 0, result.stdout + result.stderr


def real_folder(module: str) -> Path | None:
    """Where the real module is: it is a package, the stand-in a single file."""
    for folder in filter(None, os.environ.get(REAL, "").split(os.pathsep)):
        if (Path(folder) / module / "__init__.py").is_file():
            return Path(folder)
    spec = importlib.util.find_spec(module)
    if spec is None or not spec.submodule_search_locations:
        return None
    return Path(next(iter(spec.submodule_search_locations))).parent


@pytest.mark.parametrize("module", MODULES)
def test_the_stand_in_passes_the_suite(module: str) -> None:
    run_suite(module, ROOT / "standalone", str(ROOT / "standalone"))


@pytest.mark.parametrize("module", MODULES)
def test_the_real_one_passes_the_same_suite(module: str) -> None:
    folder = real_folder(module)
    if folder is None:
        pytest.skip(f"the real {module} is not installed, and {REAL} names no folder that has it")
    run_suite(module, folder, os.environ.get(REAL) or str(folder))
