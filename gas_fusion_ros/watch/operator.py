"""What an operator does at the page."""

from __future__ import annotations

from typing import Protocol


class Operator(Protocol):
    """Passes an operator's word on to whoever keeps the alarms. May be called from any thread."""

    def acknowledge(self, number: int) -> str:
        """Acknowledge an alarm; return why that could not be passed on, empty where it was."""
        ...

    def shelve(self, number: int) -> str:
        """Mute an alarm for a time; return as `acknowledge` does."""
        ...
