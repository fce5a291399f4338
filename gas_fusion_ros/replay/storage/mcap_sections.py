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


class DamageError(RuntimeError):
    """A section cannot be read, or not to its end; the message says why."""


@dataclass(frozen=True)
class Section:
    """A chunk, or a run of messages outside of chunks.

    Attributes:
        offset: of its first record in the file.
        size: of its records in the file, bytes.
        start_ns: time of recording of its first message.
        end_ns: time of recording of its last message.
        channels: which channels have messages in it; empty where that is not known.
        cut: whether the file ends within it.
    """

    offset: int
    size: int
    start_ns: int = 0
    end_ns: int = 0
    channels: frozenset[int] = frozenset()
    cut: bool = False


@dataclass
class Contents:
    """What is known of a file.

    Attributes:
        schemas: types by their number.
        channels: topics by their number.
        counts: messages of each channel.
        sections: in the order of the file.
    """

    schemas: dict[int, Schema] = field(default_factory=dict)
    channels: dict[int, Channel] = field(default_factory=dict)
    counts: Counter[int] = field(default_factory=Counter)
    sections: list[Section] = field(default_factory=list)

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

    A chunk that is damaged is left out whole, for nobody knows where; of one that is cut off, what is there
    is yielded.

    Raises:
        DamageError: the section is damaged; what could be read has been yielded.
    """
    file.seek(section.offset)
    data = file.read(section.size)
    try:
        if section.cut:
            yield from _cut_chunk(data)
        elif data[:1] == bytes([Opcode.CHUNK]):
            ((_, content),) = records(data)
            yield from records(_chunk(content))
        else:
            yield from records(data)
    except (RecordError, CompressionError, ValueError) as error:
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


def report_damage(
    problems: Problems, name: str, section: Section, begin_ns: int | None, error: DamageError
) -> None:
    """Count a section that cannot be read.

    Args:
        problems: where it is counted.
        name: the file.
        section: what is lost.
        begin_ns: first time of recording in the file; None where that is not known yet.
        error: why.
    """
    begin_ns = section.start_ns if begin_ns is None else begin_ns
    since, until = (
        (stamp_ns - begin_ns) / NANOSECONDS_PER_SECOND for stamp_ns in (section.start_ns, section.end_ns)
    )
    problems.add(
        "bag_damaged",
        f"{name} is damaged at byte {section.offset} ({error}): "
        f"its messages from {since:.1f} s to {until:.1f} s are left out",
    )


def _chunk(content: memoryview) -> bytes:
    """The records of a whole chunk."""
    head = parse_chunk(bytes(content[: 1 << 8]))
    packed = content[head.data_offset : head.data_offset + head.data_size]
    data = decompress(bytes(packed), head.compression)
    if len(data) != head.size:
        raise RecordError(f"a chunk of {head.size} bytes has {len(data)}")
    if head.crc and crc32(data) != head.crc:
        raise RecordError("a chunk's checksum is wrong")
    return data


def _cut_chunk(data: bytes) -> Iterator[tuple[int, memoryview]]:
    """The whole records of what there is of a chunk."""
    try:
        head = parse_chunk(data[HEAD.size : HEAD.size + (1 << 8)])
        yield from records(decompress_cut(data[HEAD.size + head.data_offset :], head.compression))
    except RecordError:
        pass  # That the end is missing is known.
