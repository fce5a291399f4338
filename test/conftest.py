"""Fixtures shared by all tests."""

from __future__ import annotations

import os
from collections.abc import Generator
from pathlib import Path

import pluggy
import pytest


@pytest.fixture(scope="session")
def gas_fusion_data() -> Path:
    """The data set's folder, named by GAS_FUSION_DATA."""
    folder = os.environ.get("GAS_FUSION_DATA")
    if not folder:
        pytest.skip("GAS_FUSION_DATA is not set: it names the data set's folder")
    return Path(folder)


@pytest.hookimpl(hookwrapper=True)
def pytest_pycollect_makemodule(
    module_path: Path, parent: pytest.Collector
) -> Generator[None, pluggy.Result[pytest.Module], None]:
    """Keep a module that skips itself from taking its whole folder along.

    The pytest plugin of launch_testing imports each module before it is collected, where pytest does
    not expect `importorskip`.
    """
    outcome = yield
    if isinstance(outcome.exception, pytest.skip.Exception):
        outcome.force_result(pytest.Module.from_parent(parent, path=module_path))
