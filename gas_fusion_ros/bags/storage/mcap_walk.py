"""Finds out what is in an MCAP file without an index, as a crash leaves it, by reading it once."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import BinaryIO

from gas_fusion_ros.bags.storage.limits import MOST_DESCRIBED, BagLimits, is_usable_time
from gas_fusion_ros.bags.storage.mcap_records import HEAD, MAGIC, MESSAGE_HEAD, Opcode, RecordError
from gas_fusion_ros.bags.storage.mcap_sections import (
    Contents,
    DamageError,
    McapSection,
    look_into,
    message_head,
)
from gas_fusion_ros.base.problems import Problems
from gas_fusion_ros.base.units import NANOSECONDS_PER_SECOND

_RUN_SIZE = 1 << 20
"""Messages outside of chunks are read together until they are this long, bytes."""
_LAST_OPCODE = 0x0F
_FIRST_PRIVATE_OPCODE = 0x80


def walk(file: BinaryIO, name: str, known: Contents, problems: Problems, limits: BagLimits) -> Contents:
    """Read a file from its begin as far as its records go.

    Args:
        file: an MCAP file.
        name: what it is called in messages.
        known: the topics that are known already.
        problems: where damage and a missing end are counted.
        limits: what reading it may take.
    """
    return _Walker(file, name, known, problems, limits).walk()


class _Walker:
    def __init__(
        self, file: BinaryIO, name: str, known: Contents, problems: Problems, limits: BagLimits
    ) -> None:
        self._file = file
        self._name = name
        self._problems = problems
        self._limits = limits
        self._size = os.fstat(file.fileno()).st_size
        self._contents = known
        self._run: McapSection | None = None

    def walk(self) -> Contents:
        position: int | None = len(MAGIC)
        while position is not None:
            position = self._step(position)
        self._end_run()
        return self._contents

    def _step(self, position: int) -> int | None:
        """Take in the record at `position`; return where the next one is, None where there is none."""
        self._file.seek(position)
        head = self._file.read(HEAD.size)
        if len(head) < HEAD.size:
            self._report_end("it is cut off")
            return None
        opcode, length = HEAD.unpack(head)
        end = position + HEAD.size + length
        if opcode in (Opcode.FOOTER, Opcode.DATA_END):
            return None
        if not 0 < opcode <= _LAST_OPCODE and opcode < _FIRST_PRIVATE_OPCODE:
            self._report_end(f"at byte {position} is no record")
            return None
        is_cut = end > self._size
        is_chunk = opcode == Opcode.CHUNK
        if is_chunk or not is_cut:
            self._take(
                opcode, McapSection(position, min(end, self._size) - position, is_chunk, is_cut=is_cut)
            )
        if is_cut:
            self._report_end("it is cut off")
            return None
        return end

    def _take(self, opcode: int, section: McapSection) -> None:
        """Take in a record."""
        try:
            if opcode == Opcode.MESSAGE:
                self._lengthen_run(section)
                return
            self._end_run()
            if opcode == Opcode.CHUNK:
                self._look_into(section)
            elif opcode in (Opcode.SCHEMA, Opcode.CHANNEL):
                # A byte more than can be taken in is refused there.
                content = self._file.read(min(section.size - HEAD.size, MOST_DESCRIBED + 1))
                self._contents.learn(opcode, memoryview(content))
        except (RecordError, DamageError) as error:
            self._contents.reported.add(section.offset)
            self._problems.add("bag_damaged", f"{self._name} is damaged at byte {section.offset} ({error})")

    def _look_into(self, section: McapSection) -> None:
        """Take in a chunk, as far as it can be read."""
        look = look_into(self._file, section, self._limits, self._learn)
        if look.section is not None:
            self._contents.sections.append(look.section)
        if look.damage is not None:
            raise look.damage

    def _learn(self, opcode: int, content: memoryview) -> None:
        self._contents.learn(opcode, content)
        if opcode == Opcode.MESSAGE:
            channel, _ = message_head(content)
            self._contents.counts[channel] += 1

    def _lengthen_run(self, section: McapSection) -> None:
        """Take in a message outside of chunks."""
        channel, stamp_ns = message_head(memoryview(self._file.read(MESSAGE_HEAD.size)))
        self._contents.counts[channel] += 1
        # A long one goes alone: it may be too long to be read, which is no reason to lose others.
        if section.size > _RUN_SIZE:
            self._end_run()
        run = self._run or replace(section, size=0)
        if is_usable_time(stamp_ns):
            start_ns, end_ns = min(run.start_ns or stamp_ns, stamp_ns), max(run.end_ns, stamp_ns)
            run = replace(run, start_ns=start_ns, end_ns=end_ns)
        self._run = replace(run, size=run.size + section.size, channels=run.channels | {channel})
        if self._run.size >= _RUN_SIZE:
            self._end_run()

    def _end_run(self) -> None:
        if self._run is not None:
            self._contents.sections.append(self._run)
            self._run = None

    def _report_end(self, reason: str) -> None:
        self._end_run()
        contents = self._contents
        duration_s = ((contents.end_ns or 0) - (contents.start_ns or 0)) / NANOSECONDS_PER_SECOND
        self._problems.add(
            "bag_truncated",
            f"{self._name} has no end ({reason}), so the recorder was not ended properly: "
            f"{contents.counts.total()} messages in {duration_s:.1f} s are read, what followed is lost; "
            "`mcap recover` writes a whole file",
        )
