"""Every kind of recording is read, in order of time and in bounded memory."""

from __future__ import annotations

import hashlib
import random
import shutil
import sqlite3
import tracemalloc
from pathlib import Path

import lz4.frame
import numpy as np
import pytest
from made_bags import (
    CLOUD,
    EPOCH,
    KINDS,
    MCAP,
    SECOND,
    SQLITE,
    STORE,
    STRING,
    Made,
    image,
    reading,
    storage_file,
    text,
    texts,
    write_bag,
)
from rosbags.rosbag2 import CompressionMode, StoragePlugin, Writer
from rosbags.rosbag2.storage_mcap import McapWriter

from gas_fusion_ros.bags.reader import BagReader, BagReadError
from gas_fusion_ros.bags.writer import BagWriter
from gas_fusion_ros.base.observation import PAPER_CHANNELS
from gas_fusion_ros.base.problems import Problems
from gas_fusion_ros.ros.messages import decode_frame, decode_reading

BOTH = {"/a", "/b"}


def read(path: Path, topics: set[str] = BOTH, problems: Problems | None = None) -> list[tuple[str, int, str]]:
    """Topic, time and content of each text; without `problems` nothing may go wrong."""
    found = Problems() if problems is None else problems
    with BagReader(path, found) as bag:
        messages = [(m.topic, m.stamp_ns, m.message.data) for m in bag.messages(topics)]
    if problems is None:
        assert found.counts() == {}
    return messages


def contents(messages: list[Made]) -> list[tuple[str, int, str]]:
    return [(made.topic, made.stamp_ns, made.message.data) for made in messages]


@pytest.mark.parametrize(("storage", "compression"), KINDS)
def test_every_kind_of_directory_is_read(
    tmp_path: Path, storage: StoragePlugin, compression: CompressionMode
) -> None:
    # 3 MB: several chunks.
    made = texts(3000)
    bag = write_bag(tmp_path / "bag", made, storage, compression)
    assert read(bag) == contents(made)


@pytest.mark.parametrize(("storage", "compression"), KINDS)
def test_the_file_alone_is_read(tmp_path: Path, storage: StoragePlugin, compression: CompressionMode) -> None:
    made = texts(20)
    bag = write_bag(tmp_path / "bag", made, storage, compression)
    assert read(storage_file(bag)) == contents(made)


@pytest.mark.parametrize(("storage", "compression"), KINDS)
def test_what_is_in_a_bag(tmp_path: Path, storage: StoragePlugin, compression: CompressionMode) -> None:
    path = write_bag(
        tmp_path / "bag", texts(21), storage, compression, topics=[("/silent", CLOUD), ("/a", STRING)]
    )
    with BagReader(path, Problems()) as bag:
        assert [(topic.name, topic.type_name, topic.messages) for topic in bag.topics] == [
            ("/a", STRING, 11),
            ("/b", STRING, 10),
            ("/silent", CLOUD, 0),
        ]
        assert bag.message_count == 21
        assert (bag.start_ns, bag.end_ns) == (EPOCH, EPOCH + 20 * SECOND)
        assert bag.size_bytes == storage_file(path).stat().st_size
        assert bag.sha256() == hashlib.sha256(storage_file(path).read_bytes()).hexdigest()


def test_only_what_is_asked_for_is_read_and_as_often_as_it_is(tmp_path: Path) -> None:
    made = texts(10)
    with BagReader(write_bag(tmp_path / "bag", made), Problems()) as bag:
        for _ in range(2):
            found = [message.message.data for message in bag.messages({"/b", "/not there"})]
            assert found == [entry.message.data for entry in made if entry.topic == "/b"]


def test_size_is_that_of_the_serialized_message(tmp_path: Path) -> None:
    made = text("/a", EPOCH, "x" * 500)
    for storage, compression in KINDS:
        path = write_bag(tmp_path / f"{storage}{compression}", [made], storage, compression)
        with BagReader(path, Problems()) as bag:
            (message,) = bag.messages({"/a"})
            assert message.size == len(STORE.serialize_cdr(made.message, STRING))


@pytest.mark.parametrize("storage", [MCAP, SQLITE])
def test_messages_come_in_order_of_time_whatever_the_order_of_writing(
    tmp_path: Path, storage: StoragePlugin
) -> None:
    # 3 MB of chunks of 1 MiB whose times overlap entirely; equal times stay in order of writing.
    made = texts(3000)
    shuffled = made[:]
    random.Random(0).shuffle(shuffled)
    twins = [text("/a", EPOCH - SECOND, f"twin {number}") for number in range(5)]
    bag = write_bag(tmp_path / "bag", shuffled + twins, storage)
    assert read(bag) == contents(twins) + contents(made)


def test_a_bag_of_several_files_is_read_as_one(tmp_path: Path) -> None:
    made = texts(30)
    bag = tmp_path / "bag"
    bag.mkdir()
    # Eleven files, so that their order by name as text is wrong, and times that overlap.
    for number in range(11):
        part = write_bag(tmp_path / f"part_{number}", made[number::11])
        shutil.move(storage_file(part), bag / f"bag_{number}.mcap")
    _write_metadata(bag, [f"bag_{number}.mcap" for number in range(11)], {"/a": 15, "/b": 15})
    assert read(bag) == contents(made)


def test_a_directory_whose_files_are_of_two_kinds_is_read(tmp_path: Path) -> None:
    made = texts(10)
    bag = tmp_path / "bag"
    bag.mkdir()
    for number, (storage, part) in enumerate([(SQLITE, made[:5]), (MCAP, made[5:])]):
        file = storage_file(write_bag(tmp_path / f"part_{number}", part, storage))
        shutil.move(file, bag / f"bag_{number}{file.suffix}")
    problems = Problems()
    assert read(bag, problems=problems) == contents(made)
    assert set(problems.counts()) == {"bag_without_metadata"}


def test_the_metadata_stand_for_their_directory(tmp_path: Path) -> None:
    made = texts(3)
    assert read(write_bag(tmp_path / "bag", made) / "metadata.yaml") == contents(made)


def test_paths_in_old_metadata_name_the_directory(tmp_path: Path) -> None:
    made = texts(3)
    bag = write_bag(tmp_path / "bag", made)
    _write_metadata(bag, [f"bag/{storage_file(bag).name}"], {"/a": 2, "/b": 1})
    assert read(bag) == contents(made)


def test_chunks_compressed_by_lz4_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = texts(2000)
    opened = McapWriter.__init__

    def with_lz4(self: McapWriter, path: Path, compression: CompressionMode) -> None:
        opened(self, path, compression)
        self.compression, self.compressor = "lz4", lz4.frame.compress

    monkeypatch.setattr(McapWriter, "__init__", with_lz4)
    bag = write_bag(tmp_path / "bag", made)
    assert b"lz4" in storage_file(bag).read_bytes()
    assert read(bag) == contents(made)


def test_types_defined_by_the_bag_are_decoded(tmp_path: Path) -> None:
    with Writer(tmp_path / "bag", version=9, storage_plugin=MCAP) as writer:
        topic = writer.add_connection(
            "/own", "my_msgs/msg/Own", msgdef="uint8 first\nuint8 second\n", rihs01="RIHS01_0"
        )
        writer.write(topic, EPOCH, bytes([0, 1, 0, 0, 7, 9]))
    problems = Problems()
    with BagReader(tmp_path / "bag", problems) as bag:
        (message,) = bag.messages({"/own"})
    assert (message.message.first, message.message.second) == (7, 9)
    assert problems.counts() == {}


@pytest.mark.parametrize("storage", [MCAP, SQLITE])
def test_types_named_as_of_old_are_those_of_today(tmp_path: Path, storage: StoragePlugin) -> None:
    with Writer(tmp_path / "bag", version=9, storage_plugin=storage) as writer:
        topic = writer.add_connection("/a", "std_msgs/String", msgdef="string data\n", rihs01="RIHS01_0")
        writer.write(topic, EPOCH, bytes(STORE.serialize_cdr(STORE.types[STRING]("good"), STRING)))
    with BagReader(tmp_path / "bag", Problems()) as bag:
        assert [topic.type_name for topic in bag.topics] == [STRING]
    assert read(tmp_path / "bag") == [("/a", EPOCH, "good")]


def test_types_defined_in_idl_are_decoded(tmp_path: Path) -> None:
    definition = (
        f"{'=' * 80}\nIDL: my_msgs/msg/Own\n"
        "module my_msgs { module msg { struct Own { my_msgs::msg::Part part; octet last; }; }; };\n"
        f"{'=' * 80}\nIDL: my_msgs/msg/Part\n"
        "module my_msgs { module msg { struct Part { octet first; }; }; };\n"
    )
    with Writer(tmp_path / "bag", version=9, storage_plugin=SQLITE) as writer:
        topic = writer.add_connection("/own", "my_msgs/msg/Own", msgdef=definition, rihs01="RIHS01_0")
        writer.write(topic, EPOCH, bytes([0, 1, 0, 0, 7, 9]))
    problems = Problems()
    with BagReader(tmp_path / "bag", problems) as bag:
        (message,) = bag.messages({"/own"})
    assert (message.message.part.first, message.message.last) == (7, 9)
    assert problems.counts() == {}


def test_a_sqlite_file_from_before_bags_carried_definitions_is_read(tmp_path: Path) -> None:
    made = texts(4)
    bag = write_bag(tmp_path / "bag", made, SQLITE)
    with sqlite3.connect(storage_file(bag)) as database:
        for table in ("message_definitions", "schema", "metadata"):
            database.execute(f"DROP TABLE {table}")
        for column in ("offered_qos_profiles", "type_description_hash"):
            database.execute(f"ALTER TABLE topics DROP COLUMN {column}")
    assert read(bag) == contents(made)


def test_a_standard_type_is_decoded_as_the_bag_defines_it(tmp_path: Path) -> None:
    with Writer(tmp_path / "bag", version=9, storage_plugin=MCAP) as writer:
        topic = writer.add_connection("/a", STRING, msgdef="uint8 added\nstring data\n", rihs01="RIHS01_0")
        writer.write(topic, EPOCH, b"\x00\x01\x00\x00\x05\x00\x00\x00\x03\x00\x00\x00ab\x00")
    with BagReader(tmp_path / "bag", Problems()) as bag:
        (message,) = bag.messages({"/a"})
    assert (message.message.added, message.message.data) == (5, "ab")


def test_a_standard_type_whose_definition_is_damaged_is_decoded_by_the_standard(tmp_path: Path) -> None:
    with Writer(tmp_path / "bag", version=9, storage_plugin=MCAP) as writer:
        topic = writer.add_connection("/a", STRING, msgdef="string dtaa\n", rihs01="RIHS01_0")
        writer.write(topic, EPOCH, bytes(STORE.serialize_cdr(STORE.types[STRING]("good"), STRING)))
    assert read(tmp_path / "bag") == [("/a", EPOCH, "good")]


def test_readings_and_images_decode_as_those_of_rclpy(tmp_path: Path) -> None:
    celsius = np.linspace(10, 30, 64, dtype=np.float32).reshape(8, 8)
    made = [reading(EPOCH, range(7)), image(EPOCH + 1, celsius, "32FC1")]
    with BagReader(write_bag(tmp_path / "bag", made), Problems()) as bag:
        cloud, picture = (message.message for message in bag.messages({"/gas/readings", "/thermal/image"}))
    decoded = decode_reading(cloud, PAPER_CHANNELS)
    assert decoded.stamp_ns == EPOCH
    assert decoded.counts.tolist() == list(range(7))
    np.testing.assert_array_equal(decode_frame(picture).pixels, celsius)


@pytest.mark.parametrize(
    ("storage", "compression"), [kind for kind in KINDS if kind[1] is not CompressionMode.FILE]
)
def test_memory_does_not_grow_with_the_bag(
    tmp_path: Path, storage: StoragePlugin, compression: CompressionMode
) -> None:
    noise = random.Random(0)
    made = (text("/a", EPOCH + number, noise.randbytes(150_000).hex()) for number in range(200))
    path = write_bag(tmp_path / "bag", made, storage, compression)
    tracemalloc.start()
    with BagReader(path, Problems()) as bag:
        count = sum(1 for _ in bag.messages({"/a"}))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert count == 200
    assert peak < 15_000_000, "60 MB were read; a few chunks of 1 MiB may be held"


def test_files_compressed_as_a_whole_are_unpacked_outside_of_memory_and_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = (text("/a", EPOCH + number, "x" * 300_000) for number in range(200))
    path = write_bag(tmp_path / "bag", made, MCAP, CompressionMode.FILE)
    unpacked = tmp_path / "unpacked"
    unpacked.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(unpacked))
    tracemalloc.start()
    with BagReader(path, Problems()) as bag:
        assert any(path.is_file() for path in unpacked.rglob("*"))
        assert sum(1 for _ in bag.messages({"/a"})) == 200
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 15_000_000
    assert list(unpacked.iterdir()) == []


def test_close_twice_is_harmless(tmp_path: Path) -> None:
    bag = BagReader(write_bag(tmp_path / "bag", texts(1)), Problems())
    bag.close()
    bag.close()


def test_a_bag_of_our_writer_is_read_by_the_library_of_foxglove(tmp_path: Path) -> None:
    reader = pytest.importorskip("mcap.reader", reason="needs mcap")
    data = [bytes(STORE.serialize_cdr(made.message, STRING)) for made in texts(3000)]
    with BagWriter(tmp_path / "bag") as bag:
        for number, cdr in enumerate(data):
            bag.write("/a", STRING, cdr, EPOCH + number)
    with (storage_file(tmp_path / "bag")).open("rb") as file:
        foxglove = reader.make_reader(file, validate_crcs=True)
        found = [
            (channel.topic, message.log_time, message.data)
            for _, channel, message in foxglove.iter_messages()
        ]
    assert found == [("/a", EPOCH + number, cdr) for number, cdr in enumerate(data)]


def test_a_bag_of_the_library_of_foxglove_is_read(tmp_path: Path) -> None:
    """Chunks with checksums, messages outside of chunks, files without a summary: what the format allows."""
    writer = pytest.importorskip("mcap.writer", reason="needs mcap")
    made = texts(50)
    definition, _ = STORE.generate_msgdef(STRING, ros_version=2)
    options = [
        {"compression": writer.CompressionType.LZ4},
        {"compression": writer.CompressionType.ZSTD, "chunk_size": 3000},
        {"compression": writer.CompressionType.NONE, "use_statistics": False},
        {"use_chunking": False},
        {"use_chunking": False, "use_summary_offsets": False, "use_statistics": False},
        {"repeat_channels": False, "repeat_schemas": False},
        {"index_types": writer.IndexType.NONE},
    ]
    for number, option in enumerate(options):
        path = tmp_path / f"{number}.mcap"
        with path.open("wb") as file:
            mcap = writer.Writer(file, **option)
            mcap.start(profile="ros2")
            schema = mcap.register_schema(STRING, "ros2msg", definition.encode())
            channels = {topic: mcap.register_channel(topic, "cdr", schema) for topic in sorted(BOTH)}
            for entry in made:
                data = bytes(STORE.serialize_cdr(entry.message, STRING))
                mcap.add_message(channels[entry.topic], entry.stamp_ns, data, entry.stamp_ns)
            mcap.finish()
        assert read(path) == contents(made), option


def test_nothing_to_read_is_an_error_that_names_path_and_reason(tmp_path: Path) -> None:
    empty = tmp_path / "empty.mcap"
    empty.touch()
    foreign = tmp_path / "notes.txt"
    foreign.write_text("no bag\n")
    old = tmp_path / "old.bag"
    old.write_bytes(b"#ROSBAG V2.0\n")
    folder = tmp_path / "folder"
    folder.mkdir()
    data = tmp_path / "data"
    data.mkdir()
    table = data / "My Table.CSV"
    table.write_text("MQ2,MQ3\n5,6\n")
    other = tmp_path / "other.db3"
    shutil.copy(storage_file(write_bag(tmp_path / "bag", texts(1), SQLITE)), other)
    with other.open("r+b") as file:
        file.write(b"\0" * 4096)
    cases = {
        tmp_path / "missing": "no such file",
        empty: "is empty",
        foreign: "neither MCAP nor SQLite",
        old: "rosbags-convert",
        folder: "no storage file",
        other: "neither MCAP nor SQLite",
        table: f"that is a table: `gas-fusion bag --data '{table}' --output DIR` makes a bag of it",
        data: f"that is a table: `gas-fusion bag --data {data} --output DIR` makes a bag of it",
    }
    for path, reason in cases.items():
        with pytest.raises(BagReadError, match=reason) as caught:
            BagReader(path, Problems())
        assert str(path) in str(caught.value)


@pytest.mark.parametrize("storage", [MCAP, SQLITE])
def test_an_empty_bag_has_no_messages_and_says_so(tmp_path: Path, storage: StoragePlugin) -> None:
    path = write_bag(tmp_path / "bag", [], storage, topics=[("/a", STRING)])
    problems = Problems()
    with BagReader(path, problems) as bag:
        assert list(bag.messages({"/a"})) == []
        assert (bag.start_ns, bag.end_ns, bag.message_count) == (None, None, 0)
    assert problems.counts() == {"bag_empty": 1}


def _write_metadata(bag: Path, files: list[str], counts: dict[str, int]) -> None:
    topics = "".join(
        f"    - topic_metadata: {{name: {name}, type: {STRING}, serialization_format: cdr}}\n"
        f"      message_count: {count}\n"
        for name, count in counts.items()
    )
    (bag / "metadata.yaml").write_text(
        "rosbag2_bagfile_information:\n  version: 4\n  storage_identifier: mcap\n"
        f"  relative_file_paths: [{', '.join(files)}]\n  topics_with_message_count:\n{topics}"
    )
