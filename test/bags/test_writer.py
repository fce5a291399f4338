"""The bags we write are read back by the rosbags reader, whole and with bounded memory."""

from __future__ import annotations

import errno
import tracemalloc
from pathlib import Path

import pytest
from rosbags.interfaces import ConnectionExtRosbag2, QosDurability
from rosbags.rosbag2 import Reader
from rosbags.rosbag2.storage_mcap import McapWriter
from rosbags.typesys import Stores, get_typestore

from gas_fusion_ros.bags.writer import BagError, BagWriter

STORE = get_typestore(Stores.ROS2_JAZZY)
STRING = "std_msgs/msg/String"


def string_cdr(text: str) -> bytes:
    return bytes(STORE.serialize_cdr(STORE.types[STRING](text), STRING))


def read(path: Path) -> list[tuple[str, int, str]]:
    with Reader(path) as reader:
        return [
            (connection.topic, stamp, str(vars(STORE.deserialize_cdr(data, connection.msgtype))["data"]))
            for connection, stamp, data in reader.messages()
        ]


def test_messages_come_back_with_topic_stamp_and_content(tmp_path: Path) -> None:
    with BagWriter(tmp_path / "bag") as bag:
        bag.write("/gas/class", STRING, string_cdr("NoGas"), 1_000)
        bag.write("/truth/label", STRING, string_cdr("Smoke"), 2_000)
        bag.write("/gas/class", STRING, string_cdr("Smoke"), 3_000)
        assert bag.counts == {"/gas/class": 2, "/truth/label": 1}

    assert read(tmp_path / "bag") == [
        ("/gas/class", 1_000, "NoGas"),
        ("/truth/label", 2_000, "Smoke"),
        ("/gas/class", 3_000, "Smoke"),
    ]


def test_latched_topics_are_offered_as_latched(tmp_path: Path) -> None:
    with BagWriter(tmp_path / "bag", latched_topics=frozenset({"/gas/alarm"})) as bag:
        bag.write("/gas/alarm", "std_msgs/msg/Bool", b"\x00\x01\x00\x00\x01", 1)
        bag.write("/gas/class", STRING, string_cdr("NoGas"), 2)

    with Reader(tmp_path / "bag") as reader:
        durability = {
            connection.topic: connection.ext.offered_qos_profiles[0].durability
            for connection in reader.connections
            if isinstance(connection.ext, ConnectionExtRosbag2)
        }
    assert durability == {
        "/gas/alarm": QosDurability.TRANSIENT_LOCAL,
        "/gas/class": QosDurability.VOLATILE,
    }


def test_the_bag_is_compressed(tmp_path: Path) -> None:
    with BagWriter(tmp_path / "bag") as bag:
        for stamp in range(100):
            bag.write("/gas/class", STRING, string_cdr("x" * 10_000), stamp)
    size = sum(file.stat().st_size for file in (tmp_path / "bag").iterdir())
    assert size < 100_000


def test_memory_does_not_grow_with_the_messages(tmp_path: Path) -> None:
    message = string_cdr("y" * 100_000)
    with BagWriter(tmp_path / "bag") as bag:
        bag.write("/gas/class", STRING, message, 0)
        tracemalloc.start()
        for stamp in range(1, 300):
            bag.write("/gas/class", STRING, message, stamp)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert peak < 8_000_000, "30 MB were written; only about one chunk of 1 MiB may be held"


def test_an_exception_leaves_what_was_written_readable(tmp_path: Path) -> None:
    def interrupted_run() -> None:
        with BagWriter(tmp_path / "bag") as bag:
            bag.write("/gas/class", STRING, string_cdr("NoGas"), 5)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted_run()
    assert read(tmp_path / "bag") == [("/gas/class", 5, "NoGas")]


def test_an_existing_directory_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BagError, match="exists already"):
        BagWriter(tmp_path)


def test_a_directory_below_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(BagError, match="cannot be created"):
        BagWriter(tmp_path / "file" / "bag")


def test_unknown_and_changing_types_are_refused_and_the_bag_goes_on(tmp_path: Path) -> None:
    with BagWriter(tmp_path / "bag") as bag:
        with pytest.raises(BagError, match="my_msgs/msg/Own"):
            bag.write("/own", "my_msgs/msg/Own", b"", 1)
        bag.write("/gas/class", STRING, string_cdr("NoGas"), 2)
        with pytest.raises(BagError, match="was recorded as std_msgs/msg/String"):
            bag.write("/gas/class", "std_msgs/msg/Bool", b"", 3)
    assert read(tmp_path / "bag") == [("/gas/class", 2, "NoGas")]


def test_close_twice_is_harmless_and_writing_after_it_an_error(tmp_path: Path) -> None:
    bag = BagWriter(tmp_path / "bag")
    bag.close()
    bag.close()
    with pytest.raises(BagError, match="is closed"):
        bag.write("/gas/class", STRING, string_cdr("NoGas"), 1)


def test_a_full_disk_is_said_and_stays_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    bag = BagWriter(tmp_path / "bag")
    bag.write("/gas/class", STRING, string_cdr("NoGas"), 1)
    monkeypatch.setattr(McapWriter, "write", fail)
    with pytest.raises(BagError, match="No space left"):
        bag.write("/gas/class", STRING, string_cdr("NoGas"), 2)
    monkeypatch.undo()
    with pytest.raises(BagError, match="No space left"):
        bag.write("/gas/class", STRING, string_cdr("NoGas"), 3)
    bag.close()
