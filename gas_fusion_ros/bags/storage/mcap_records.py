"""The records of an MCAP file (https://mcap.dev/spec), as far as reading messages needs them."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum

MAGIC = b"\x89MCAP0\r\n"
HEAD = struct.Struct("<BQ")
"""Opcode and length, before the content of every record."""
MESSAGE_HEAD = struct.Struct("<HIQQ")
"""Channel, sequence, log time and publish time, before the data of a message."""
CHUNK_HEAD = struct.Struct("<QQQI")
"""First and last time, uncompressed size and checksum of a chunk; compression and data follow."""
FOOTER_SIZE = HEAD.size + 20 + len(MAGIC)

_U16 = struct.Struct("<H")
_U32 = struct.Struct("<I")
_U64 = struct.Struct("<Q")


class Opcode(IntEnum):
    """The kinds of record that are looked at."""

    HEADER = 0x01
    FOOTER = 0x02
    SCHEMA = 0x03
    CHANNEL = 0x04
    MESSAGE = 0x05
    CHUNK = 0x06
    CHUNK_INDEX = 0x08
    STATISTICS = 0x0B
    DATA_END = 0x0F


_KNOWN = frozenset(range(1, 0x10))
_MOST_STRANGE = 10_000
"""Records of later editions of the format, and of others, among those that are known: a few at most. A chunk
of zeros is nothing but such."""


class RecordError(ValueError):
    """A record ends before its fields do."""


@dataclass(frozen=True)
class Schema:
    """The definition of a type."""

    id: int
    name: str
    encoding: str
    definition: str

    @property
    def size(self) -> int:
        """Characters in it, and what it takes beside them, about."""
        return len(self.name) + len(self.encoding) + len(self.definition) + 256


@dataclass(frozen=True)
class Channel:
    """A topic."""

    id: int
    schema_id: int
    topic: str
    message_encoding: str

    @property
    def size(self) -> int:
        """Characters in it, and what it takes beside them, about."""
        return len(self.topic) + len(self.message_encoding) + 256


@dataclass(frozen=True)
class Chunk:
    """The head of a chunk.

    Attributes:
        start_ns: time of recording of its first message.
        end_ns: time of recording of its last message.
        size: uncompressed, bytes.
        crc: CRC-32 of the uncompressed records; 0 where there is none.
        compression: `zstd`, `lz4` or empty.
        data_offset: where its records begin within the chunk record's content.
        data_size: their size there, bytes.
    """

    start_ns: int
    end_ns: int
    size: int
    crc: int
    compression: str
    data_offset: int
    data_size: int


@dataclass(frozen=True)
class ChunkIndex:
    """Where a chunk is.

    Attributes:
        start_ns: time of recording of its first message.
        end_ns: time of recording of its last message.
        offset: of the chunk's record in the file.
        length: of the chunk's record, its head included.
        channels: which channels have messages in it; empty where the file does not say.
    """

    start_ns: int
    end_ns: int
    offset: int
    length: int
    channels: frozenset[int]


@dataclass(frozen=True)
class Statistics:
    """How much a file says that there is in it."""

    messages: int
    channels: int
    chunks: int
    channel_messages: dict[int, int]


@dataclass(frozen=True)
class Footer:
    """Where the summary is.

    Attributes:
        summary_start: in the file; 0 without a summary.
        summary_crc: CRC-32 of the summary and of the footer up to it; 0 where there is none.
    """

    summary_start: int
    summary_crc: int


class _Fields:
    """Takes the fields of a record one after the other."""

    def __init__(self, content: bytes) -> None:
        self._content = content
        self.position = 0

    def number(self, kind: struct.Struct) -> int:
        try:
            value: int = kind.unpack_from(self._content, self.position)[0]
        except struct.error as error:
            raise RecordError(f"a record of {len(self._content)} bytes is too short") from error
        self.position += kind.size
        return value

    def block(self) -> bytes:
        size = self.number(_U32)
        if self.position + size > len(self._content):
            raise RecordError(f"a field of {size} bytes does not fit into its record")
        block = self._content[self.position : self.position + size]
        self.position += size
        return block

    def text(self) -> str:
        return self.block().decode("utf-8", errors="replace")


def parse_schema(content: bytes) -> Schema:
    """Read the content of a Schema record."""
    fields = _Fields(content)
    return Schema(fields.number(_U16), fields.text(), fields.text(), fields.text())


def parse_channel(content: bytes) -> Channel:
    """Read the content of a Channel record."""
    fields = _Fields(content)
    return Channel(fields.number(_U16), fields.number(_U16), fields.text(), fields.text())


def parse_chunk(content: bytes) -> Chunk:
    """Read the beginning of a Chunk record's content, which may be cut after it."""
    fields = _Fields(content)
    start_ns, end_ns, size = (fields.number(_U64) for _ in range(3))
    crc, compression, data_size = fields.number(_U32), fields.text(), fields.number(_U64)
    return Chunk(start_ns, end_ns, size, crc, compression, fields.position, data_size)


def parse_footer(content: bytes) -> Footer:
    """Read the content of a Footer record."""
    fields = _Fields(content)
    summary_start = fields.number(_U64)
    fields.number(_U64)  # where the summary's offsets start
    return Footer(summary_start, fields.number(_U32))


def parse_chunk_index(content: bytes) -> ChunkIndex:
    """Read the content of a Chunk Index record."""
    fields = _Fields(content)
    start_ns, end_ns, offset, length = (fields.number(_U64) for _ in range(4))
    channels = frozenset(channel for channel, _ in _pairs(fields.block()))
    return ChunkIndex(start_ns, end_ns, offset, length, channels)


def parse_statistics(content: bytes) -> Statistics:
    """Read the content of a Statistics record."""
    fields = _Fields(content)
    messages = fields.number(_U64)
    fields.number(_U16)  # schemas
    channels = fields.number(_U32)
    *_, chunks = (fields.number(_U32) for _ in ("attachments", "metadata", "chunks"))
    for _ in ("first time", "last time"):
        fields.number(_U64)
    return Statistics(messages, channels, chunks, dict(_pairs(fields.block())))


def _pairs(block: bytes) -> Iterator[tuple[int, int]]:
    whole = len(block) - len(block) % 10
    return struct.iter_unpack("<HQ", block[:whole])


def records(data: bytes) -> Iterator[tuple[int, memoryview]]:
    """Yield opcode and content of each whole record in `data`.

    Raises:
        RecordError: the last record is cut, or there are too many of no known kind; all whole ones before
            have been yielded.
    """
    view = memoryview(data)
    position = strange = 0
    while position < len(data):
        start = position + HEAD.size
        if start > len(data):
            raise RecordError("a record's head is cut")
        opcode, size = HEAD.unpack_from(data, position)
        position = start + size
        if position > len(data):
            raise RecordError(f"a record of {size} bytes is cut")
        if opcode not in _KNOWN:
            strange += 1
            if strange > _MOST_STRANGE:
                raise RecordError(f"there are more than {_MOST_STRANGE} records of no known kind")
        yield opcode, view[start:position]
