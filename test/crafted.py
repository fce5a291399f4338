"""Files that somebody made to do harm: small ones that stand for much, go in circles or forge a line."""

from __future__ import annotations

import sqlite3
import struct
from collections.abc import Iterable, Sequence
from pathlib import Path

from made_bags import EPOCH, SECOND, STORE, STRING, text

from gas_fusion_ros.bags.storage.mcap_records import CHUNK_HEAD, HEAD, MAGIC, MESSAGE_HEAD, Opcode

GIB = 1 << 30
FORGED = "a\n\x1b[31m[FATAL] alarm: active -> clear\x1b[0m\r"
"""What a name must not do to a terminal or a log."""

_BLOCK = 1 << 17
_RLE = 1


def zstd_zeros(size: int, head: bytes = b"") -> bytes:
    """A zstd frame of `head` and then so many zeros, 4 bytes for each 128 KiB of them."""
    blocks = []
    if head:
        blocks.append(_block(len(head), kind=0) + head)
    whole, rest = divmod(size, _BLOCK)
    blocks += [_block(_BLOCK, _RLE) + b"\0"] * whole
    blocks.append(_block(rest, _RLE, is_last=True) + b"\0")
    # No content size, a window of 128 KiB.
    return b"\x28\xb5\x2f\xfd" + b"\x00\x38" + b"".join(blocks)


def _block(size: int, kind: int, is_last: bool = False) -> bytes:
    return (is_last | kind << 1 | size << 3).to_bytes(3, "little")


# --- mcap ---


def record(opcode: int, content: bytes) -> bytes:
    return HEAD.pack(opcode, len(content)) + content


def block(content: bytes | str) -> bytes:
    data = content.encode() if isinstance(content, str) else content
    return struct.pack("<I", len(data)) + data


def described(topic: str = "/a", type_name: str = STRING, channel: int = 1) -> bytes:
    """The records of a topic and of its type, which the bag does not define."""
    schema = record(
        Opcode.SCHEMA, struct.pack("<H", channel) + block(type_name) + block("ros2msg") + block("")
    )
    head = struct.pack("<HH", channel, channel)
    return schema + record(Opcode.CHANNEL, head + block(topic) + block("cdr") + block(""))


def message(stamp_ns: int, data: bytes | None = None, channel: int = 1) -> bytes:
    if data is None:
        data = bytes(STORE.serialize_cdr(text("/a", 0, "said").message, STRING))
    return record(Opcode.MESSAGE, MESSAGE_HEAD.pack(channel, 0, stamp_ns, stamp_ns) + data)


def chunk(
    packed: bytes, size: int, compression: str = "", start_ns: int = EPOCH, end_ns: int = EPOCH + SECOND
) -> bytes:
    head = CHUNK_HEAD.pack(start_ns, end_ns, size, 0) + block(compression)
    return record(Opcode.CHUNK, head + struct.pack("<Q", len(packed)) + packed)


def mcap(
    *records_: bytes, chunk_times: Sequence[tuple[int, int]] | None = None, times_named: int = 1
) -> bytes:
    """An MCAP file of these records.

    Args:
        records_: in their order; those that are chunks get into the index.
        chunk_times: first and last time of each chunk as the index has them; None makes no index.
        times_named: how often the index names each chunk.
    """
    data = bytearray(MAGIC)
    chunks = []
    for one in records_:
        if one[0] == Opcode.CHUNK:
            chunks.append((len(data), len(one)))
        data += one
    data += record(Opcode.DATA_END, bytes(4))
    summary = len(data)
    if chunk_times is not None:
        data += described()
        for (start_ns, end_ns), (offset, length) in zip(chunk_times, chunks, strict=True):
            index = struct.pack("<QQQQ", start_ns, end_ns, offset, length)
            index += block(struct.pack("<HQ", 1, 0)) + struct.pack("<Q", 0) + block("") + bytes(16)
            data += record(Opcode.CHUNK_INDEX, index) * times_named
        count = len(chunks) * times_named
        statistics = struct.pack("<QHIIIIQQ", count, 1, 1, 0, 0, count, 0, 0)
        data += record(Opcode.STATISTICS, statistics + block(struct.pack("<HQ", 1, count)))
    else:
        summary = 0
    data += record(Opcode.FOOTER, struct.pack("<QQI", summary, 0, 0))
    return bytes(data + MAGIC)


# --- sqlite3 ---

_TABLES = (
    "CREATE TABLE topics(id INTEGER PRIMARY KEY, name TEXT NOT NULL, type TEXT NOT NULL, "
    "serialization_format TEXT NOT NULL)",
    "CREATE TABLE messages(id INTEGER PRIMARY KEY, topic_id INTEGER NOT NULL, timestamp INTEGER NOT NULL, "
    "data BLOB NOT NULL)",
)


def sqlite_bag(path: Path, rows: Iterable[tuple[int, bytes]], page_size: int = 4096) -> Path:
    """A file of rosbag2 with the topic /a and rows of time and data."""
    database = sqlite3.connect(path)
    database.execute(f"PRAGMA page_size = {page_size}")
    for table in _TABLES:
        database.execute(table)
    database.execute("INSERT INTO topics VALUES (1, '/a', ?, 'cdr')", (STRING,))
    database.executemany("INSERT INTO messages(topic_id, timestamp, data) VALUES (1, ?, ?)", rows)
    database.commit()
    database.close()
    return path


def endless_view(path: Path, table: str) -> Path:
    """The same with a view in place of a table, which counts for ever."""
    sqlite_bag(path, [])
    columns = {
        "messages": "1 AS id, 1 AS topic_id, n AS timestamp, x'00' AS data",
        "topics": f"n AS id, '/a' AS name, '{STRING}' AS type, 'cdr' AS serialization_format",
    }[table]
    database = sqlite3.connect(path)
    database.execute(f"DROP TABLE {table}")
    database.execute(
        f"CREATE VIEW {table} AS WITH RECURSIVE counted(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM counted) "
        f"SELECT {columns} FROM counted"
    )
    database.commit()
    database.close()
    return path


def pages_in_circles(path: Path, levels: int = 12, cells: int = 60) -> Path:
    """The table `messages` as a tree each of whose pages names the next one many times: 60 ** 12 rows."""
    size = 4096
    sqlite_bag(path, [(EPOCH, bytes(STORE.serialize_cdr(text("/a", 0, "said").message, STRING)))], size)
    data = bytearray(path.read_bytes())
    database = sqlite3.connect(path)
    (root,) = database.execute("SELECT rootpage FROM sqlite_master WHERE name = 'messages'").fetchone()
    database.close()
    leaf = bytes(data[(root - 1) * size : root * size])
    first = len(data) // size + 1
    numbers = [root, *range(first, first + levels - 1)]
    for place, number in enumerate(numbers):
        following = numbers[place + 1] if place + 1 < levels else first + levels - 1
        page = _interior_page(size, following, cells)
        begin = (number - 1) * size
        data[begin : begin + size] = page
    data += leaf
    data[28:32] = (len(data) // size).to_bytes(4, "big")
    path.write_bytes(data)
    return path


def _interior_page(size: int, following: int, cells: int) -> bytes:
    page = bytearray(size)
    content = size - 5 * cells
    page[0:12] = struct.pack(">BHHHBI", 5, 0, cells, content, 0, following)
    for cell in range(cells):
        offset = content + 5 * cell
        page[12 + 2 * cell : 14 + 2 * cell] = struct.pack(">H", offset)
        page[offset : offset + 5] = struct.pack(">IB", following, 1)
    return bytes(page)


def page_that_names_itself(path: Path, claimed: int) -> Path:
    """A row that says it has `claimed` bytes and goes on in a page which says that it goes on in itself."""
    size = 512
    sqlite_bag(path, [(EPOCH, bytes(2000)), (EPOCH + 1, bytes(2000))], size)
    data = bytearray(path.read_bytes())
    kind = _varint(12 + 2 * claimed)
    head = bytes([1, 6]) + kind
    head = b"\0" + head
    payload = bytes([len(head) + 1]) + head + b"\1" + EPOCH.to_bytes(8, "big")
    cell = _varint(len(payload) + claimed) + b"\1" + payload
    last = len(data) // size + 1
    page = bytearray(size)
    # As much of a payload as stays in its row, and the number of the next page behind it.
    total, most, least = len(payload) + claimed, size - 35, (size - 12) * 32 // 255 - 23
    local = least + (total - least) % (size - 4)
    local = local if local <= most else least
    cell = cell.ljust(len(cell) - len(payload) + local, b"\0") + last.to_bytes(4, "big")
    begin = size - len(cell)
    page[0:8] = struct.pack(">BHHHB", 0x0D, 0, 1, begin, 0)
    page[8:10] = struct.pack(">H", begin)
    page[begin:] = cell
    database = sqlite3.connect(path)
    (root,) = database.execute("SELECT rootpage FROM sqlite_master WHERE name = 'messages'").fetchone()
    database.close()
    data[(root - 1) * size : root * size] = page
    data += last.to_bytes(4, "big") + bytes(size - 4)
    data[28:32] = last.to_bytes(4, "big")
    path.write_bytes(data)
    return path


def _varint(value: int) -> bytes:
    groups = [value & 0x7F]
    while value := value >> 7:
        groups.append(0x80 | (value & 0x7F))
    return bytes(reversed(groups))


# --- documents ---


def alias_bomb(levels: int = 12) -> str:
    """YAML of a few lines that stands for 10 ** 12 values."""
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    for level in range(1, levels):
        lines.append(f"a{level}: &a{level} [{', '.join([f'*a{level - 1}'] * 10)}]")
    return "\n".join(lines) + "\n"


def nested(depth: int) -> str:
    """JSON, and YAML, of lists in lists."""
    return "[" * depth + "]" * depth
