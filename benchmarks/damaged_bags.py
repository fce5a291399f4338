"""Small bags of every kind, and damage to them, for `benchmarks.damaged`."""

from __future__ import annotations

import random
import struct
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from rosbags.rosbag2 import CompressionFormat, CompressionMode, StoragePlugin, Writer
from rosbags.typesys import Stores, get_typestore

from gas_fusion_ros.bags.serializer import BagMessages
from gas_fusion_ros.bags.storage.mcap_records import CHUNK_HEAD, HEAD, MAGIC, Opcode, parse_chunk, records
from gas_fusion_ros.base.observation import PAPER_CHANNELS, GasReading, ThermalFrame
from gas_fusion_ros.ros.messages import encode_frame, encode_label, encode_reading

SECOND = 1_000_000_000
START_NS = 1_700_000_000 * SECOND
READINGS = 40

_PLUGINS: Mapping[str, tuple[StoragePlugin, CompressionMode]] = {
    "mcap": (StoragePlugin.MCAP, CompressionMode.NONE),
    "mcap, zstd chunks": (StoragePlugin.MCAP, CompressionMode.STORAGE),
    "mcap, lz4 chunks": (StoragePlugin.MCAP, CompressionMode.NONE),
    "mcap, zstd file": (StoragePlugin.MCAP, CompressionMode.FILE),
    "sqlite3": (StoragePlugin.SQLITE3, CompressionMode.NONE),
    "sqlite3, zstd messages": (StoragePlugin.SQLITE3, CompressionMode.MESSAGE),
    "sqlite3, zstd file": (StoragePlugin.SQLITE3, CompressionMode.FILE),
}
KINDS = tuple(_PLUGINS)
_EXTREMES = (0, 1, 0xFF, 0x7FFF, 0x8000, 2**31 - 1, 2**31, 2**32 - 1, 2**62, 2**63 - 1, 2**63, 2**64 - 1)


def write_whole_bag(folder: Path, kind: str) -> Path:
    """Write an undamaged bag of one of `KINDS` into a folder that is not there; return its storage file."""
    plugin, mode = _PLUGINS[kind]
    writer = Writer(folder, version=9, storage_plugin=plugin)
    if mode is not CompressionMode.NONE:
        writer.set_compression(mode, CompressionFormat.ZSTD)
    maker, store = BagMessages(), get_typestore(Stores.ROS2_JAZZY)
    with writer:
        connections: dict[str, Any] = {}

        def put(topic: str, message: Any, stamp_ns: int) -> None:
            if topic not in connections:
                connections[topic] = writer.add_connection(topic, message.__msgtype__, typestore=store)
            writer.write(connections[topic], stamp_ns, maker.serialize(message))

        rng = np.random.default_rng(0)
        for number in range(READINGS):
            stamp_ns = START_NS + number * 2 * SECOND
            put("/truth/label", encode_label("Smoke" if number > READINGS // 2 else "NoGas", maker), stamp_ns)
            counts = rng.integers(300, 600, len(PAPER_CHANNELS)).astype(np.float32)
            put(
                "/gas/readings", encode_reading(GasReading(stamp_ns, PAPER_CHANNELS, counts), maker), stamp_ns
            )
            pixels = rng.uniform(20.0, 40.0, (48, 64)).astype(np.float32)
            put("/thermal/image", encode_frame(ThermalFrame(stamp_ns, pixels, "32FC1"), maker), stamp_ns)
    (file,) = (path for path in folder.iterdir() if path.name != "metadata.yaml")
    if kind == "mcap, lz4 chunks":
        file.write_bytes(_with_lz4_chunks(file.read_bytes()))
    return file


def damaged(data: bytes, rng: random.Random) -> bytes:
    """Return a file with one to four damages to it, such as disks, crashes and ill will leave."""
    content = bytearray(data)
    for _ in range(rng.randint(1, 4)):
        rng.choice(_DAMAGES)(content, rng)
    return bytes(content)


def _cut(content: bytearray, rng: random.Random) -> None:
    del content[rng.randrange(len(content) + 1) :]


def _flip(content: bytearray, rng: random.Random) -> None:
    for _ in range(rng.choice((1, 1, 4, 64))):
        if content:
            content[rng.randrange(len(content))] ^= 1 << rng.randrange(8)


def _overwrite(content: bytearray, rng: random.Random) -> None:
    begin, size = _stretch(content, rng)
    fill = rng.choice((b"\0", b"\xff", None))
    content[begin : begin + size] = rng.randbytes(size) if fill is None else fill * size


def _remove(content: bytearray, rng: random.Random) -> None:
    begin, size = _stretch(content, rng)
    del content[begin : begin + size]


def _repeat(content: bytearray, rng: random.Random) -> None:
    begin, size = _stretch(content, rng)
    content[begin:begin] = content[begin : begin + size]


def _set_number(content: bytearray, rng: random.Random) -> None:
    """Put an extreme number where one may stand, near the ends rather than in the data between."""
    size = rng.choice((1, 2, 4, 8))
    reach = len(content) if rng.random() < 0.5 else min(len(content), 4096)
    if reach < size:
        return
    begin = rng.randrange(reach - size + 1)
    if rng.random() < 0.5:
        begin = len(content) - size - begin
    number = rng.choice(_EXTREMES) & ((1 << 8 * size) - 1)
    content[begin : begin + size] = number.to_bytes(size, rng.choice(("little", "big")))


def _stretch(content: bytearray, rng: random.Random) -> tuple[int, int]:
    begin = rng.randrange(len(content) + 1)
    return begin, min(rng.choice((1, 8, 100, 4096, 65536)), len(content) - begin)


_DAMAGES: tuple[Callable[[bytearray, random.Random], None], ...] = (
    _cut,
    _flip,
    _flip,
    _overwrite,
    _remove,
    _repeat,
    _set_number,
    _set_number,
)


def _with_lz4_chunks(data: bytes) -> bytes:
    """An MCAP file with its chunks packed by lz4, and no index."""
    from lz4.frame import compress

    packed = bytearray(MAGIC)
    for opcode, content in records(data[len(MAGIC) : -len(MAGIC)]):
        record = bytes(content)
        if opcode == Opcode.CHUNK:
            head = parse_chunk(record)
            its = compress(record[head.data_offset :])
            record = CHUNK_HEAD.pack(head.start_ns, head.end_ns, head.size, head.crc)
            record += struct.pack("<I", 3) + b"lz4" + struct.pack("<Q", len(its)) + its
        elif opcode not in (Opcode.HEADER, Opcode.SCHEMA, Opcode.CHANNEL):
            continue
        packed += HEAD.pack(opcode, len(record)) + record
    packed += HEAD.pack(Opcode.DATA_END, 4) + bytes(4) + HEAD.pack(Opcode.FOOTER, 20) + bytes(20)
    return bytes(packed + MAGIC)
