"""What is said of lines: why some are refused, what was left out of others."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Remark:
    """Something about lines that their reader's owner should know.

    Attributes:
        cause: a short stable key; remarks of one cause are one.
        reason: what was seen, a clause.
        remedy: what to set or to send instead, a clause.
    """

    cause: str
    reason: str
    remedy: str

    @property
    def text(self) -> str:
        """Reason and remedy in a line."""
        return f"{self.reason}; {self.remedy}"


class LineRefusedError(ValueError):
    """A line, or a header, cannot be read.

    Attributes:
        remark: why, and what would be right.
    """

    def __init__(self, remark: Remark) -> None:
        super().__init__(remark.text)
        self.remark = remark
