"""Waits for what another thread brings about."""

from __future__ import annotations

import time
from collections.abc import Callable

PATIENCE_S = 20.0


def wait_until(condition: Callable[[], bool]) -> float:
    """Wait until a condition holds, and return for how many seconds."""
    began = time.monotonic()
    while not condition():
        assert time.monotonic() - began < PATIENCE_S, "the condition was never met"
        time.sleep(0.001)
    return time.monotonic() - began
