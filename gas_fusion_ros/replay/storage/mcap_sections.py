"""The parts of an MCAP file that hold messages, and the way into them."""

from __future__ import annotations

from binascii import crc32
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import BinaryIO

from gas_fusion_ros.problems import Problems
from gas_fusion_ros.replay.storage.compression import CompressionError, decompress, decompress_cut
from gas_fusion_ros.replay.storage.mcap_records import (
    HEAD,
    MESSAGE_HEAD,
    Channel,
    Opcode,
    RecordError,
    Schema,
    parse_channel,
    parse_chunk,
    parse_schema,
    records,
)
from gas_fusion_ros.units import NANOSECONDS_PER_SECOND

_LONGEST_HEAD = 256
"""Bytes before a chunk's data: numbers, and the name of the compression."""


class DamageError(RuntimeError):
    """A section cannot be read, or not to its end; the message says why."""


@dataclass(frozen=True)
class Section:
    """A chunk, or a run of messages outside of chunks.

    Attributes:
        offset: of its first record in the file.
        size: of its records in the file, bytes.
        is_chunk: whether it is one chunk.
        start_ns: time of recording of its first message.
        end_ns: time of recording of its last message.
        channels: which channels have messages in it; empty where that is not known.
        is_cut: whether the file ends within it.
    """

    offset: int
    size: int
    is_chunk: bool
    start_ns: int = 0
    end_ns: int = 0
    channels: frozenset[int] = frozenset()
    is_cut: bool = False


@dataclass
class Contents:
    """What is known of a file.

    Attributes:
        schemas: types by their number.
        channels: topics by their number.
        counts: messages of each channel.
        sections: in the order of the file.
        reported: offsets of those whose damage was counted already.
    """

    schemas: dict[int, Schema] = field(default_factory=dict)
    channels: dict[int, Channel] = field(default_factory=dict)
    counts: Counter[int] = field(default_factory=Counter)
    sections: list[Section] = field(default_factory=list)
    reported: set[int] = field(default_factory=set)

    def learn(self, opcode: int, content: memoryview) -> None:
        """Take in a record if it describes a topic or type."""
        if opcode == Opcode.SCHEMA:
            schema = parse_schema(bytes(content))
            self.schemas[schema.id] = schema
        elif opcode == Opcode.CHANNEL:
            channel = parse_channel(bytes(content))
            self.channels[channel.id] = channel

    @property
    def start_ns(self) -> int | None:
        """Time of recording of the first message; None without messages."""
        return min((section.start_ns for section in self.sections), default=None)

    @property
    def end_ns(self) -> int | None:
        """Time of recording of the last message; None without messages."""
        return max((section.end_ns for section in self.sections), default=None)


def section_records(file: BinaryIO, section: Section) -> Iterator[tuple[int, memoryview]]:
    """Yield opcode and content of each record in a section, of a chunk those inside.

    A whole chunk that does not fit its checksum is left out, for nobody knows where it is wrong; of one that
    is cut off, what is there is yielded.

    Raises:
        DamageError: the section is damaged; what could be read has been yielded.
    """
    try:
        file.seek(section.offset)
        data = file.read(section.size)
        if section.is_cut:
            yield from _cut_chunk(data)
        elif section.is_chunk:
            yield from records(_chunk(data))
        else:
            yield from records(data)
    except (OSError, RecordError, CompressionError) as error:
        raise DamageError(str(error)) from error


def message_head(content: memoryview) -> tuple[int, int]:
    """Channel and time of recording of a message record.

    Raises:
        DamageError: the record is too short.
    """
    if len(content) < MESSAGE_HEAD.size:
        raise DamageError(f"a message record of {len(content)} bytes is too short")
    channel, _, stamp_ns, _ = MESSAGE_HEAD.unpack_from(content)
    return channel, stamp_ns


def report_damage(problems: Problems, name: str, section: Section, begin_ns: int, error: DamageError) -> None:
    """Count a section that cannot be read.

    Args:
        problems: where it is counted.
        name: the file.
        section: what is lost.
        begin_ns: first time of recording in the file.
        error: why.
    """
    since, until = (
        (stamp_ns - begin_ns) / NANOSECONDS_PER_SECOND for stamp_ns in (section.start_ns, section.end_ns)
    )
    problems.add(
        "bag_damaged",
        f"{name} is damaged at byte {section.offset} ({error}): "
        f"its messages from {since:.1f} s to {until:.1f} s are left out",
    )


def _chunk(data: bytes) -> bytes:
    """The records in a whole chunk's record."""
    opcode, size = HEAD.unpack_from(data) if len(data) > HEAD.size else (0, 0)
    if opcode != Opcode.CHUNK or HEAD.size + size != len(data):
        raise RecordError("there is no chunk where the index says")
    content = memoryview(data)[HEAD.size :]
    head = parse_chunk(bytes(content[:_LONGEST_HEAD]))
    unpacked = decompress(bytes(content[head.data_offset :][: head.data_size]), head.compression)
    if len(unpacked) != head.size:
        raise RecordError(f"a chunk of {head.size} bytes has {len(unpacked)}")
    if head.crc and crc32(unpacked) != head.crc:
        raise RecordError("a chunk's checksum is wrong")
    return unpacked


def _cut_chunk(data: bytes) -> Iterator[tuple[int, memoryview]]:
    """The whole records of what there is of a chunk."""
    try:
        head = parse_chunk(data[HEAD.size :][:_LONGEST_HEAD])
        yield from records(decompress_cut(data[HEAD.size + head.data_offset :], head.compression))
    except RecordError:
        pass  # That the end is missing is known.
