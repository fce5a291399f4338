"""Reads MCAP files: by their index, or where that is missing or damaged, by a walk through their records."""

from __future__ import annotations

import os
from binascii import crc32
from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path

from gas_fusion_ros.bags.storage.limits import MIB, Room, is_usable_time
from gas_fusion_ros.bags.storage.mcap_records import (
    FOOTER_SIZE,
    HEAD,
    MAGIC,
    MESSAGE_HEAD,
    Channel,
    ChunkIndex,
    Opcode,
    RecordError,
    Schema,
    Statistics,
    parse_chunk_index,
    parse_footer,
    parse_statistics,
    records,
)
from gas_fusion_ros.bags.storage.mcap_sections import (
    Contents,
    DamageError,
    McapSection,
    look_into,
    message_head,
    report_damage,
    section_records,
)
from gas_fusion_ros.bags.storage.mcap_walk import walk
from gas_fusion_ros.bags.storage.raw import (
    Part,
    RawMessage,
    StorageError,
    StoredTopic,
    interface_name,
    merge,
)
from gas_fusion_ros.base.closing import closed_on_failure
from gas_fusion_ros.base.files import open_regular
from gas_fusion_ros.base.problems import Problems

_NO_SCHEMA = Schema(0, "", "", "")
_UP_TO_CRC = HEAD.size + 16
"""Bytes of the footer that its checksum covers."""
_LONGEST_SUMMARY = 64 * MIB
_MOST_MEMBERS = 1_000_000
"""Channels of all sets of them that are kept: which are in a section is a help, not more."""


class McapFile:
    """An open MCAP file; damage is counted in `problems` and costs the chunks that it hit.

    Args:
        path: the file.
        name: what it is called in messages.
        problems: where losses are counted.
        room: what reading it may take.

    Raises:
        OSError: it cannot be read.
        StorageError: it is no MCAP file.
    """

    kind = "mcap"

    def __init__(self, path: Path, name: str, problems: Problems, room: Room) -> None:
        self._name = name
        self._problems = problems
        self._room = room
        self._channel_sets: dict[frozenset[int], frozenset[int]] = {}
        self._members = 0
        self._file = open_regular(path)
        with closed_on_failure(self._file):
            self._size = os.fstat(self._file.fileno()).st_size
            if self._file.read(len(MAGIC)) != MAGIC:
                raise StorageError("it does not begin as an MCAP file does")
            self._contents = Contents()
            if not self._read_index():
                # What the index does say of topics helps where the chunk that says so is damaged.
                known = Contents(self._contents.schemas, self._contents.channels)
                self._contents = walk(self._file, name, known, problems, room.limits)

    @property
    def topics(self) -> tuple[StoredTopic, ...]:
        """The topics in it."""
        return tuple(self._topic(channel) for channel in self._contents.channels.values())

    @property
    def start_ns(self) -> int | None:
        """Time of recording of its first message; None without messages."""
        return self._contents.start_ns

    @property
    def end_ns(self) -> int | None:
        """Time of recording of its last message; None without messages."""
        return self._contents.end_ns

    def messages(self, topics: Collection[str]) -> Iterator[RawMessage]:
        """Yield the messages of `topics` in order of time of recording."""
        channels = self._contents.channels.values()
        wanted = {channel.id: self._topic(channel) for channel in channels if channel.topic in topics}
        return merge(
            [
                Part(section.start_ns, partial(self._read, section, wanted))
                for section in self._contents.sections
                if not section.channels or section.channels & wanted.keys()
            ]
        )

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _topic(self, channel: Channel) -> StoredTopic:
        schema = self._contents.schemas.get(channel.schema_id, _NO_SCHEMA)
        return StoredTopic(
            name=channel.topic,
            type_name=interface_name(schema.name),
            messages=self._contents.counts[channel.id],
            definition=schema.definition,
            definition_format=schema.encoding,
            serialization=channel.message_encoding,
        )

    def _read(self, section: McapSection, wanted: Mapping[int, StoredTopic]) -> Iterator[RawMessage]:
        found: list[RawMessage] = []
        taken = 0
        try:
            try:
                for opcode, content in section_records(self._file, section, self._room.limits):
                    if opcode == Opcode.MESSAGE:
                        channel, stamp_ns = message_head(content)
                        topic = wanted.get(channel)
                        if topic is not None:
                            taken += self._take(len(content))
                            data = bytes(content[MESSAGE_HEAD.size :])
                            found.append(RawMessage(topic.name, topic.type_name, stamp_ns, data))
            except DamageError as error:
                self._report(section, error)
            found.sort(key=lambda message: message.stamp_ns)
            yield from found
        finally:
            self._room.give(taken)

    def _take(self, size: int) -> int:
        taken = self._room.take(size)
        if taken is None:
            raise DamageError(
                "the messages to be held at a time, for their times overlap, take more than "
                f"{self._room.limits.memory_text}"
            )
        return taken

    def _report(self, section: McapSection, error: DamageError) -> None:
        if section.offset not in self._contents.reported:
            self._contents.reported.add(section.offset)
            report_damage(self._problems, self._name, section, self.start_ns or 0, error)

    def _read_index(self) -> bool:
        """Read the summary at the file's end; return whether it says all that is needed."""
        end = self._size - FOOTER_SIZE
        self._file.seek(max(end, 0))
        footer = self._file.read()
        if end < len(MAGIC) or footer[0] != Opcode.FOOTER or not footer.endswith(MAGIC):
            return False
        parsed = parse_footer(footer[HEAD.size :])
        if not len(MAGIC) < parsed.summary_start < end:
            return False
        try:
            if end - parsed.summary_start > _LONGEST_SUMMARY:
                raise RecordError(f"it has {end - parsed.summary_start} bytes")
            self._file.seek(parsed.summary_start)
            data = self._file.read(end - parsed.summary_start)
            if parsed.summary_crc and crc32(data + footer[:_UP_TO_CRC]) != parsed.summary_crc:
                raise RecordError("its checksum is wrong")
            return self._read_summary(data)
        except RecordError as error:
            self._problems.add(
                "bag_damaged", f"the index of {self._name} is damaged ({error}): the file is read without it"
            )
            return False

    def _read_summary(self, data: bytes) -> bool:
        contents = self._contents
        statistics = Statistics(0, -1, 0, {})
        chunks = 0
        for opcode, content in records(data):
            contents.learn(opcode, content)
            if opcode == Opcode.STATISTICS:
                statistics = parse_statistics(bytes(content))
            elif opcode == Opcode.CHUNK_INDEX:
                chunks += 1
                self._add_chunk(parse_chunk_index(bytes(content)))
        # The writer may leave topics or chunks out of the summary, or write messages outside of chunks.
        self._check_sections()
        contents.counts.update(statistics.channel_messages)
        complete = statistics.channels == len(contents.channels) and statistics.chunks == chunks
        return complete and (chunks > 0 or statistics.messages == 0)

    def _add_chunk(self, index: ChunkIndex) -> None:
        if index.length < HEAD.size or index.offset + index.length > self._size:
            raise RecordError(f"it names {index.length} bytes at byte {index.offset} as a chunk")
        # A chunk that only describes topics has no times.
        if index.end_ns or index.channels:
            self._contents.sections.append(
                McapSection(
                    index.offset,
                    index.length,
                    is_chunk=True,
                    start_ns=index.start_ns,
                    end_ns=index.end_ns,
                    channels=self._kept(index.channels),
                )
            )

    def _kept(self, channels: frozenset[int]) -> frozenset[int]:
        """The same set, kept once; the empty one, which says nothing, where too many differ."""
        kept = self._channel_sets.get(channels)
        if kept is None:
            self._members += len(channels)
            if self._members > _MOST_MEMBERS:
                return frozenset()
            kept = self._channel_sets[channels] = channels
        return kept

    def _check_sections(self) -> None:
        """Refuse an index that names a part of the file twice; look into chunks whose times cannot be.

        Raises:
            RecordError: it does, or such a chunk is damaged.
        """
        contents, end = self._contents, len(MAGIC)
        for section in sorted(contents.sections, key=lambda section: section.offset):
            if section.offset < end:
                raise RecordError(f"it names byte {section.offset} twice")
            end = section.offset + section.size
        for number, section in enumerate(contents.sections):
            if not (is_usable_time(section.start_ns) and is_usable_time(section.end_ns)):
                look = look_into(self._file, section, self._room.limits, contents.learn)
                if look.section is None:
                    raise RecordError("the times of a chunk are none") from look.damage
                contents.sections[number] = replace(look.section, channels=section.channels)
