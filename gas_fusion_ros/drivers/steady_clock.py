"""A steady clock for drivers that ask a chip at times of their own; tests put another in its place."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class SteadyClock:
    """A clock that never goes back, and how to wait by it.

    Attributes:
        now_ns: its time, nanoseconds.
        sleep_s: waits for so many seconds.
    """

    now_ns: Callable[[], int] = time.monotonic_ns
    sleep_s: Callable[[float], None] = time.sleep
