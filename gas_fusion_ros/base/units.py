"""Units of time: stamps and intervals are integers in nanoseconds, people speak of seconds."""

from __future__ import annotations

NANOSECONDS_PER_SECOND = 1_000_000_000
SECONDS_PER_HOUR = 3600.0

MAX_TIME_S = 2e9
"""A bound for times since the clock's epoch, seconds: builtin_interfaces/Time ends at 2^31."""
