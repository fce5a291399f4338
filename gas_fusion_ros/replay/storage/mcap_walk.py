"""Finds out what is in an MCAP file without an index, as a crash leaves it, by reading it once."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import BinaryIO

from gas_fusion_ros.problems import Problems
from gas_fusion_ros.replay.storage.mcap_records import HEAD, MAGIC, MESSAGE_HEAD, Opcode, parse_chunk
from gas_fusion_ros.replay.storage.mcap_sections import (
    Contents,
    DamageError,
    Section,
    message_head,
    report_damage,
    section_records,
)
from gas_fusion_ros.units import NANOSECONDS_PER_SECOND

_RUN_SIZE = 1 << 20
"""Messages outside of chunks are read together until they are this long, bytes."""
_LAST_OPCODE = 0x0F
_FIRST_PRIVATE_OPCODE = 0x80


def walk(file: BinaryIO, name: str, problems: Problems) -> Contents:
    """Read a file from its begin as far as its records go.

    Args:
        file: an MCAP file.
        name: what it is called in messages.
        problems: where damage and a missing end are counted.
    """
    return _Walker(file, name, problems).walk()


class _Walker:
    def __init__(self, file: BinaryIO, name: str, problems: Problems) -> None:
        self._file = file
        self._name = name
        self._problems = problems
        self._size = os.fstat(file.fileno()).st_size
        self._contents = Contents()
        self._run: Section | None = None

    def walk(self) -> Contents:
        position = len(MAGIC)
        lost = ""
        while not lost:
            self._file.seek(position)
            head = self._file.read(HEAD.size)
            if len(head) < HEAD.size:
                lost = "it is cut off"
                break
            opcode, length = HEAD.unpack(head)
            size = HEAD.size + length
            if opcode in (Opcode.FOOTER, Opcode.DATA_END):
                break
            if not 0 < opcode <= _LAST_OPCODE and opcode < _FIRST_PRIVATE_OPCODE:
                lost = f"what stands at byte {position} is no record"
            elif position + size > self._size:
                lost = "it is cut off"
                if opcode == Opcode.CHUNK:
                    self._look_into(Section(position, self._size - position, cut=True))
            else:
                self._take(opcode, Section(position, size))
            position += size
        self._end_run()
        if lost:
            self._report_end(lost)
        return self._contents

    def _take(self, opcode: int, section: Section) -> None:
        """Take in a whole record."""
        if opcode == Opcode.MESSAGE:
            self._lengthen_run(section)
            return
        self._end_run()
        if opcode == Opcode.CHUNK:
            self._look_into(section)
        elif opcode in (Opcode.SCHEMA, Opcode.CHANNEL):
            content = self._file.read(section.size - HEAD.size)
            self._contents.learn(opcode, memoryview(content))

    def _look_into(self, section: Section) -> None:
        """Count what a chunk holds."""
        stamps: list[int] = []
        channels: set[int] = set()
        try:
            for opcode, content in section_records(self._file, section):
                self._contents.learn(opcode, content)
                if opcode == Opcode.MESSAGE:
                    channel, stamp_ns = message_head(content)
                    self._contents.counts[channel] += 1
                    channels.add(channel)
                    stamps.append(stamp_ns)
        except DamageError as error:
            report_damage(self._problems, self._name, self._timed(section), self._contents.start_ns, error)
        if stamps:
            known = replace(section, start_ns=min(stamps), end_ns=max(stamps), channels=frozenset(channels))
            self._contents.sections.append(known)

    def _timed(self, section: Section) -> Section:
        """A chunk with the times of its head."""
        self._file.seek(section.offset + HEAD.size)
        head = parse_chunk(self._file.read(min(section.size - HEAD.size, 1 << 8)))
        return replace(section, start_ns=head.start_ns, end_ns=head.end_ns)

    def _lengthen_run(self, section: Section) -> None:
        """Add a message outside of chunks."""
        channel, stamp_ns = message_head(memoryview(self._file.read(MESSAGE_HEAD.size)))
        self._contents.counts[channel] += 1
        run = self._run
        if run is None:
            run = replace(section, size=0, start_ns=stamp_ns, end_ns=stamp_ns)
        self._run = replace(
            run,
            size=run.size + section.size,
            start_ns=min(run.start_ns, stamp_ns),
            end_ns=max(run.end_ns, stamp_ns),
            channels=run.channels | {channel},
        )
        if self._run.size >= _RUN_SIZE:
            self._end_run()

    def _end_run(self) -> None:
        if self._run is not None:
            self._contents.sections.append(self._run)
            self._run = None

    def _report_end(self, reason: str) -> None:
        start_ns, end_ns = self._contents.start_ns, self._contents.end_ns
        duration_s = (end_ns - start_ns) / NANOSECONDS_PER_SECOND if start_ns and end_ns else 0.0
        self._problems.add(
            "bag_truncated",
            f"{self._name} has no end ({reason}), the recorder was not ended properly: "
            f"{self._contents.counts.total()} messages in {duration_s:.1f} s are read, what followed is "
            "lost; `mcap recover` writes a whole file",
        )
