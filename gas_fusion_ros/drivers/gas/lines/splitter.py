"""Cuts the bytes of a port or a file into lines, whatever ends them."""

from __future__ import annotations

from dataclasses import dataclass

MAX_LINE_BYTES = 1024
_RECENT_BYTES = 512


@dataclass(frozen=True)
class Line:
    """What stood between two line ends.

    Attributes:
        at_ns: when its first byte arrived, on the clock that `feed` is given.
        content: its bytes, without the line end.
        has_end: whether a line end came. What grows too long without one is handed out as it is.
        is_tail: whether bytes may have stood before it that nobody has seen.
    """

    at_ns: int
    content: bytes
    has_end: bool = True
    is_tail: bool = False


class LineSplitter:
    """Takes bytes as they come; lines end with LF, with CR LF, or all with CR alone.

    Which of them is told from the first line end. A CR inside a line that LF ends stays in it: it is no line
    end there, but noise.

    Args:
        began_before: whether the first bytes may be the tail of a line that began earlier. What precedes the
            first line end is told to be one then, for it may look whole.

    Attributes:
        recent: the last bytes that were fed, line ends included.
        is_cr_only: whether lines end with CR alone; None as long as no line end came.
    """

    def __init__(self, *, began_before: bool) -> None:
        self.recent = b""
        self.is_cr_only: bool | None = None
        self._pending = b""
        self._began_ns = 0
        self._is_torn = began_before

    def feed(self, data: bytes, at_ns: int) -> list[Line]:
        """Return the lines that end in `data`, which arrived at `at_ns`."""
        self.recent = (self.recent + data)[-_RECENT_BYTES:]
        if not self._pending:
            self._began_ns = at_ns
        *contents, self._pending = self._cut(self._pending + data)
        lines = []
        for content in contents:
            lines.append(Line(self._began_ns, content, is_tail=self._is_torn))
            self._is_torn = False
            self._began_ns = at_ns
        if len(self._pending) > MAX_LINE_BYTES:
            lines.append(Line(self._began_ns, self._pending, has_end=False))
            self._pending, self._is_torn = b"", True
        return lines

    def finish(self) -> list[Line]:
        """Return what came after the last line end, if anything: no further bytes come."""
        rest, self._pending = self._pending, b""
        has_end = self.is_cr_only is not False and rest.endswith(b"\r")
        return [] if self._is_torn or not rest.strip() else [Line(self._began_ns, rest, has_end)]

    def _cut(self, data: bytes) -> list[bytes]:
        if self.is_cr_only is None:
            self.is_cr_only = _ends_with_cr_alone(data)
        elif self.is_cr_only is False and len(data) > MAX_LINE_BYTES and b"\n" not in data:
            # After a banner with other line ends.
            self.is_cr_only = data.count(b"\r") > 1
        if self.is_cr_only is None:
            return [data]
        if not self.is_cr_only:
            return data.split(b"\n")
        if b"\n" in data:
            self.is_cr_only = False
            return data.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
        return data.split(b"\r")


def _ends_with_cr_alone(data: bytes) -> bool | None:
    """Return whether the first line ends with CR alone; None where that cannot be told yet."""
    newline, carriage_return = data.find(b"\n"), data.find(b"\r")
    if carriage_return < 0:
        return None if newline < 0 else False
    if 0 <= newline < carriage_return:
        return False
    after = data[carriage_return:].lstrip(b"\r")
    return None if not after else not after.startswith(b"\n")
