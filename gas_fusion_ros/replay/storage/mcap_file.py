"""Reads MCAP files: by their index, or where that is missing or damaged, by a walk through their records."""

from __future__ import annotations

import os
from binascii import crc32
from collections.abc import Collection, Iterator, Mapping
from functools import partial
from pathlib import Path

from gas_fusion_ros.problems import Problems
from gas_fusion_ros.replay.storage.mcap_records import (
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
from gas_fusion_ros.replay.storage.mcap_sections import (
    Contents,
    DamageError,
    Section,
    message_head,
    report_damage,
    section_records,
)
from gas_fusion_ros.replay.storage.mcap_walk import walk
from gas_fusion_ros.replay.storage.raw import (
    Part,
    RawMessage,
    StorageError,
    StoredTopic,
    interface_name,
    merge,
)

_NO_SCHEMA = Schema(0, "", "", "")
_UP_TO_CRC = HEAD.size + 16
"""Bytes of the footer that its checksum covers."""


class McapFile:
    """An open MCAP file; damage is counted in `problems` and costs the chunks that it hit.

    Args:
        path: the file.
        name: what it is called in messages.
        problems: where losses are counted.

    Raises:
        OSError: it cannot be read.
        StorageError: it is no MCAP file.
    """

    kind = "mcap"

    def __init__(self, path: Path, name: str, problems: Problems) -> None:
        self._name = name
        self._problems = problems
        self._file = path.open("rb")
        try:
            self._size = os.fstat(self._file.fileno()).st_size
            if self._file.read(len(MAGIC)) != MAGIC:
                raise StorageError("it does not begin as an MCAP file does")
            self._contents = Contents()
            if not self._read_index():
                # What the index does say of topics helps where the chunk that says so is damaged.
                known = Contents(self._contents.schemas, self._contents.channels)
                self._contents = walk(self._file, name, known, problems)
        except BaseException:
            self._file.close()
            raise

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

    def _read(self, section: Section, wanted: Mapping[int, StoredTopic]) -> Iterator[RawMessage]:
        found: list[RawMessage] = []
        try:
            for opcode, content in section_records(self._file, section):
                if opcode == Opcode.MESSAGE:
                    channel, stamp_ns = message_head(content)
                    topic = wanted.get(channel)
                    if topic is not None:
                        data = bytes(content[MESSAGE_HEAD.size :])
                        found.append(RawMessage(topic.name, topic.type_name, stamp_ns, data))
        except DamageError as error:
            self._report(section, error)
        found.sort(key=lambda message: message.stamp_ns)
        return iter(found)

    def _report(self, section: Section, error: DamageError) -> None:
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
        self._file.seek(parsed.summary_start)
        data = self._file.read(end - parsed.summary_start)
        try:
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
        contents.counts.update(statistics.channel_messages)
        complete = statistics.channels == len(contents.channels) and statistics.chunks == chunks
        return complete and (chunks > 0 or statistics.messages == 0)

    def _add_chunk(self, index: ChunkIndex) -> None:
        if index.length < HEAD.size or index.offset + index.length > self._size:
            raise RecordError(f"it names {index.length} bytes at byte {index.offset} as a chunk")
        # A chunk that only describes topics has no times.
        if index.end_ns or index.channels:
            self._contents.sections.append(
                Section(
                    index.offset,
                    index.length,
                    is_chunk=True,
                    start_ns=index.start_ns,
                    end_ns=index.end_ns,
                    channels=index.channels,
                )
            )
