"""Fixtures shared by all tests."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def gas_fusion_data() -> Path:
    """The data set's folder, named by GAS_FUSION_DATA."""
    folder = os.environ.get("GAS_FUSION_DATA")
    if not folder:
        pytest.skip("GAS_FUSION_DATA is not set: it names the data set's folder")
    return Path(folder)
