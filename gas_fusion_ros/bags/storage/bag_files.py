"""Which files a bag consists of, and how each is opened."""

from __future__ import annotations

import itertools
import os
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from gas_fusion_ros.bags.storage import mcap_records, sqlite_file
from gas_fusion_ros.bags.storage.compression import ZSTD_MAGIC, CompressionError, decompress_file
from gas_fusion_ros.bags.storage.limits import MOST_FILES, Room
from gas_fusion_ros.bags.storage.mcap_file import McapFile
from gas_fusion_ros.bags.storage.metadata import METADATA, MetadataError, read_metadata
from gas_fusion_ros.bags.storage.raw import StorageError, StorageFile
from gas_fusion_ros.bags.storage.sqlite_file import SqliteFile
from gas_fusion_ros.base.files import open_regular
from gas_fusion_ros.base.problems import Problems
from gas_fusion_ros.base.quoting import listed, shown

_COMPRESSED = (".zstd", ".zst")
_PLAIN = (".mcap", ".db3")
_ROS1_MAGIC = b"#ROSBAG"


@dataclass(frozen=True)
class BagFiles:
    """The storage files of a bag.

    Attributes:
        paths: in the order of recording, as far as it is known; at least one.
        promised: messages by topic, where metadata.yaml names them for just these files.
    """

    paths: tuple[Path, ...]
    promised: Mapping[str, int] | None = None


def is_bag(path: Path) -> bool:
    """Whether a path is a bag by its names, or by the first bytes of a file; nothing is opened but files."""
    if path.is_dir():
        return (path / METADATA).exists() or any(_storage_files(path))
    if not path.is_file() or path.name == METADATA or path.name.endswith((*_PLAIN, *_COMPRESSED)):
        return True
    with open_regular(path) as file:
        head = file.read(16)
    return head.startswith((ZSTD_MAGIC, mcap_records.MAGIC, sqlite_file.MAGIC, _ROS1_MAGIC))


def find_files(path: Path, problems: Problems) -> BagFiles:
    """Find the storage files of a bag; what is missing is counted in `problems`.

    Args:
        path: a rosbag2 directory, the metadata.yaml in it, or one storage file.
        problems: where losses are counted.

    Raises:
        StorageError: there is no such path, or no storage file.
    """
    if not path.exists():
        raise StorageError("there is no such file or directory")
    if not path.is_dir():
        if path.name != METADATA:
            return BagFiles((path,))
        path = path.parent
    found = {file.name: file for file in sorted(_storage_files(path), key=_in_sequence)}
    if not (path / METADATA).exists():
        problems.add(
            "bag_without_metadata",
            f"{shown(path)} has no {METADATA}, the recorder was not ended properly: its storage files are "
            "read as they are; `ros2 bag reindex` writes one",
        )
        return BagFiles(_any_of(found))
    try:
        metadata = read_metadata(path / METADATA)
    except MetadataError as error:
        problems.add(
            "bag_without_metadata",
            f"{shown(path / METADATA)} cannot be used, {error}: the storage files are read as they are",
        )
        return BagFiles(_any_of(found))
    missing = [name for name in metadata.files if not (path / name).is_file()]
    for name in missing:
        problems.add(
            "bag_file_missing",
            f"{shown(name)}, which {shown(path / METADATA)} names, is not there: its messages are lost",
        )
    unlisted = [name for name in found if name not in metadata.files]
    for name in unlisted:
        problems.add(
            "bag_file_unlisted",
            f"{shown(name)} is not named in {shown(path / METADATA)}: it is read too; move it "
            "away if it is not of the bag",
        )
    named = {name: path / name for name in metadata.files if name not in missing}
    if missing and not (named or unlisted):
        raise StorageError(
            f"the storage files that its {METADATA} names are not there: {listed(missing)}; copy the "
            "whole folder again"
        )
    paths = _any_of({**named, **{name: found[name] for name in unlisted}})
    return BagFiles(paths, None if missing or unlisted else metadata.counts)


def open_file(path: Path, unpack_folder: Callable[[], Path], problems: Problems, room: Room) -> StorageFile:
    """Open a storage file by what it holds, whatever its name.

    Args:
        path: the file.
        unpack_folder: makes a folder for a file that was compressed as a whole, to last as long as its use.
        problems: where losses are counted.
        room: what reading it may take.

    Raises:
        OSError: it cannot be read, or is no regular file.
        StorageError: nothing can be read from it.
    """
    with open_regular(path) as file:
        head = file.read(16)
    if head.startswith(ZSTD_MAGIC):
        return _open_compressed(path, unpack_folder(), problems, room)
    return _open_plain(path, shown(path.name), head, problems, room)


def _open_compressed(path: Path, folder: Path, problems: Problems, room: Room) -> StorageFile:
    target = folder / "unpacked"
    name = shown(path.name)
    try:
        cut = decompress_file(path, target, room.limits)
    except CompressionError as error:
        raise StorageError(str(error)) from error
    except OSError as error:
        raise StorageError(f"it cannot be unpacked into {folder}, see TMPDIR: {error.strerror}") from error
    if cut:
        problems.add("bag_truncated", f"{name} cannot be unpacked to its end ({cut}): what came out is read")
    with target.open("rb") as file:
        head = file.read(16)
    return _open_plain(target, name, head, problems, room)


def _open_plain(path: Path, name: str, head: bytes, problems: Problems, room: Room) -> StorageFile:
    if head.startswith(mcap_records.MAGIC):
        return McapFile(path, name, problems, room)
    if head.startswith(sqlite_file.MAGIC):
        return SqliteFile(path, name, problems, room.limits)
    if head.startswith(_ROS1_MAGIC):
        raise StorageError("it is a bag of ROS 1; `rosbags-convert` turns it into one of ROS 2")
    if not head:
        raise StorageError("it is empty, 0 bytes")
    raise StorageError("it is neither MCAP nor SQLite, which rosbag2 records")


def _storage_files(folder: Path) -> Iterator[Path]:
    with os.scandir(folder) as entries:
        names = (entry.name for entry in entries if entry.name.endswith((*_PLAIN, *_COMPRESSED)))
        # One more than are read is refused: the others need no look.
        yield from itertools.islice(
            (folder / name for name in names if _is_storage(folder / name)), MOST_FILES + 1
        )


def _is_storage(path: Path) -> bool:
    if not path.is_file():
        return False
    if path.suffix in _COMPRESSED:
        unpacked = path.with_suffix("")
        # A recorder that dies while it compresses leaves both.
        return unpacked.suffix in _PLAIN and not unpacked.exists()
    return path.suffix in _PLAIN


def _any_of(files: Mapping[str, Path]) -> tuple[Path, ...]:
    if not files:
        raise StorageError(f"it holds no storage file ({', '.join(_PLAIN)}), so it is no bag of rosbag2")
    if len(files) > MOST_FILES:
        raise StorageError(
            f"it holds more than {MOST_FILES} storage files, and no more are read: name single files instead"
        )
    return tuple(files.values())


def _in_sequence(path: Path) -> tuple[tuple[int, str], ...]:
    """Sorts bag_2 before bag_10."""
    return tuple((int(part) if part.isdecimal() else -1, part) for part in re.split(r"(\d+)", path.name))
