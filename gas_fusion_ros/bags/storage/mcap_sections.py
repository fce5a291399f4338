"""The parts of an MCAP file that hold messages, and the way into them."""

from __future__ import annotations

from binascii import crc32
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import BinaryIO

from gas_fusion_ros.bags.storage.compression import CompressionError, decompress, decompress_cut
from gas_fusion_ros.bags.storage.limits import MIB, MOST_DESCRIBED, BagLimits, Room, is_usable_time
from gas_fusion_ros.bags.storage.mcap_records import (
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
from gas_fusion_ros.base.problems import Problems
from gas_fusion_ros.base.units import NANOSECONDS_PER_SECOND

_LONGEST_HEAD = 256
"""Bytes before a chunk's data: numbers, and the name of the compression."""


class DamageError(RuntimeError):
    """A section cannot be read, or not to its end; the message says why."""


@dataclass(frozen=True)
class McapSection:
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
        described: bytes of both.
        counts: messages of each channel.
        sections: in the order of the file.
        reported: offsets of those whose damage was counted already.
    """

    schemas: dict[int, Schema] = field(default_factory=dict)
    channels: dict[int, Channel] = field(default_factory=dict)
    counts: Counter[int] = field(default_factory=Counter)
    sections: list[McapSection] = field(default_factory=list)
    reported: set[int] = field(default_factory=set)
    described: int = 0

    def learn(self, opcode: int, content: memoryview) -> None:
        """Take in a record if it describes a topic or type.

        Raises:
            RecordError: it cannot be understood, or the file describes too much.
        """
        if opcode not in (Opcode.SCHEMA, Opcode.CHANNEL):
            return
        if len(content) > MOST_DESCRIBED:
            raise _too_much_described()
        record: Schema | Channel
        before: Schema | Channel | None
        if opcode == Opcode.SCHEMA:
            record = parse_schema(bytes(content))
            before = self.schemas.get(record.id)
        else:
            record = parse_channel(bytes(content))
            before = self.channels.get(record.id)
        # Writers repeat them in every chunk.
        if record == before:
            return
        self.described += record.size - (0 if before is None else before.size)
        if self.described > MOST_DESCRIBED:
            self.described -= record.size - (0 if before is None else before.size)
            raise _too_much_described()
        if isinstance(record, Schema):
            self.schemas[record.id] = record
        else:
            self.channels[record.id] = record

    @property
    def start_ns(self) -> int | None:
        """Time of recording of the first message; None without messages."""
        return min((section.start_ns for section in self._timed()), default=None)

    @property
    def end_ns(self) -> int | None:
        """Time of recording of the last message; None without messages."""
        return max((section.end_ns for section in self._timed()), default=None)

    def _timed(self) -> Iterator[McapSection]:
        """The sections with a message whose time of recording can be one."""
        return (section for section in self.sections if section.end_ns > 0)


@dataclass(frozen=True)
class Look:
    """What a look into a section found.

    Attributes:
        section: the section with its times and channels; None without messages. Times that can be none of a
            recording are passed over, and both are 0 where there is no other.
        damage: what ended the look; None where nothing did.
    """

    section: McapSection | None
    damage: DamageError | None


def section_records(
    file: BinaryIO, section: McapSection, limits: BagLimits
) -> Iterator[tuple[int, memoryview]]:
    """Yield opcode and content of each record in a section, of a chunk those inside.

    A whole chunk that does not fit its checksum is left out, for nobody knows where it is wrong; of one that
    is cut off, what is there is yielded.

    Raises:
        DamageError: the section is damaged; what could be read has been yielded.
    """
    try:
        if section.size > limits.memory_bytes + MIB:
            raise RecordError(f"it has {section.size} bytes, more than {limits.memory_text}")
        file.seek(section.offset)
        data = file.read(section.size)
        if section.is_cut:
            yield from _cut_chunk(data, limits)
        elif section.is_chunk:
            yield from records(_chunk(data, limits))
        else:
            yield from records(data)
    except (OSError, RecordError, CompressionError) as error:
        raise DamageError(str(error)) from error


def look_into(
    file: BinaryIO, section: McapSection, limits: BagLimits, on_record: Callable[[int, memoryview], None]
) -> Look:
    """Find out by its records what messages a section holds, as far as it can be read.

    Args:
        file: the MCAP file.
        section: where to look.
        limits: what reading it may take.
        on_record: hears of each record.

    Returns:
        What was found, up to the damage if there is any.
    """
    start_ns = end_ns = 0
    room = Room(limits)
    channels: set[int] = set()
    damage: DamageError | None = None
    try:
        for opcode, content in section_records(file, section, limits):
            if opcode == Opcode.MESSAGE:
                channel, stamp_ns = message_head(content)
                if room.take(len(content)) is None:
                    raise DamageError(f"its messages take more than {limits.memory_text}")
                channels.add(channel)
                if is_usable_time(stamp_ns):
                    start_ns = min(start_ns or stamp_ns, stamp_ns)
                    end_ns = max(end_ns, stamp_ns)
            on_record(opcode, content)
    except (DamageError, RecordError) as error:
        damage = DamageError(str(error))
    found = replace(section, start_ns=start_ns, end_ns=end_ns, channels=frozenset(channels))
    return Look(found if channels else None, damage)


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
    problems: Problems, name: str, section: McapSection, begin_ns: int, error: DamageError
) -> None:
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


def _too_much_described() -> RecordError:
    return RecordError(f"the file describes more than {MOST_DESCRIBED // MIB} MiB of topics and types")


def _chunk(data: bytes, limits: BagLimits) -> bytes:
    """The records in a whole chunk's record."""
    opcode, size = HEAD.unpack_from(data) if len(data) > HEAD.size else (0, 0)
    if opcode != Opcode.CHUNK or HEAD.size + size != len(data):
        raise RecordError("there is no chunk where the index says")
    content = memoryview(data)[HEAD.size :]
    head = parse_chunk(bytes(content[:_LONGEST_HEAD]))
    if head.size > limits.memory_bytes:
        raise RecordError(f"a chunk of {head.size} bytes is more than {limits.memory_text}")
    packed = bytes(content[head.data_offset :][: head.data_size])
    unpacked = decompress(packed, head.compression, head.size)
    if len(unpacked) != head.size:
        raise RecordError(f"a chunk of {head.size} bytes has {len(unpacked)}")
    if head.crc and crc32(unpacked) != head.crc:
        raise RecordError("a chunk's checksum is wrong")
    return unpacked


def _cut_chunk(data: bytes, limits: BagLimits) -> Iterator[tuple[int, memoryview]]:
    """The whole records of what there is of a chunk."""
    try:
        head = parse_chunk(data[HEAD.size :][:_LONGEST_HEAD])
        packed = data[HEAD.size + head.data_offset :]
        most_bytes = min(head.size, limits.memory_bytes)
        yield from records(decompress_cut(packed, head.compression, most_bytes))
    except RecordError:
        pass  # That the end is missing is known.
