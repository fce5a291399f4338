"""The project's own protocol as one of the forms."""

from __future__ import annotations

from collections.abc import Sequence

from gas_fusion_ros.drivers.gas.line_protocol import LineError, LineParser
from gas_fusion_ros.drivers.gas.lines import refusals
from gas_fusion_ros.drivers.gas.lines.remark import Remark
from gas_fusion_ros.drivers.gas.lines.splitter import Line
from gas_fusion_ros.drivers.gas.lines.types import LineForm, LineReading, Manner, Tellers


class ProtocolLines:
    """Reads the project's own protocol and nothing else; see `Lines`.

    Args:
        channels: the channels of a line, in order, unless a header names them.
        tellers: who is told what is refused.
    """

    def __init__(self, channels: Sequence[str], tellers: Tellers) -> None:
        self.channels = tuple(channels)
        self.data_lines = 0
        self.manner: Manner | None = None
        self._parser = LineParser(channels)
        self._tellers = tellers

    def take(self, line: Line, recent: bytes) -> list[LineReading]:
        """Take a line; return its reading where it has one. `recent` says nothing here."""
        del recent
        if line.is_tail:
            self._parser.heed_tail(line.content)
            return []
        if not line.has_end:
            self._tellers.refused(refusals.endless())
            return []
        try:
            counts = self._parser.parse(line.content)
        except LineError as error:
            self.data_lines += 1
            self._tellers.refused(
                Remark("bad_line", str(error), "serial.format: auto reads other forms than the protocol too")
            )
            return []
        if counts is None:
            return []
        self.data_lines += 1
        self.manner = Manner(LineForm.PROTOCOL)
        return [LineReading(line.at_ns, counts)]

    def finish(self) -> list[LineReading]:
        """Nothing waits."""
        return []
