"""Nodes keep alarms over a restart: each test has a place of its own for them."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def _ros_home(ros_home: object) -> None:
    pass
