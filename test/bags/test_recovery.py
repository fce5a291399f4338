"""Of a damaged bag everything readable is delivered, and every loss has a cause and a clear detail."""

from __future__ import annotations

import errno
import shutil
import sqlite3
from binascii import crc32
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from made_bags import (
    EPOCH,
    KINDS,
    MCAP,
    SECOND,
    SQLITE,
    STORE,
    STRING,
    storage_file,
    text,
    texts,
    write_bag,
)
from rosbags.rosbag2 import CompressionMode, StoragePlugin, Writer

from gas_fusion_ros.bags.reader import BagReader, BagReadError
from gas_fusion_ros.bags.storage import bag_files
from gas_fusion_ros.bags.storage.mcap_records import HEAD, Opcode
from gas_fusion_ros.base.problems import Problems

BOTH = {"/a", "/b"}
Found = list[tuple[str, int, str]]


def read(path: Path) -> tuple[Found, Problems]:
    """Topic, time and content of each text, and what went wrong."""
    problems = Problems()
    with BagReader(path, problems) as bag:
        return [(m.topic, m.stamp_ns, m.message.data) for m in bag.messages(BOTH)], problems


def wanted(count: int, length: int = 1000) -> Found:
    return [(made.topic, made.stamp_ns, made.message.data) for made in texts(count, length)]


def only_detail(problems: Problems, cause: str) -> str:
    assert set(problems.counts()) == {cause}
    (problem,) = problems.take_unreported()
    return problem.detail


def records_of(data: bytes) -> list[tuple[int, int, int]]:
    """Opcode, begin and end of each record of an MCAP file."""
    found = []
    position = 8
    while position < len(data) - 8:
        opcode, size = HEAD.unpack_from(data, position)
        found.append((opcode, position, position + HEAD.size + size))
        position += HEAD.size + size
    return found


def chunks_of(path: Path) -> list[tuple[int, int]]:
    return [(begin, end) for opcode, begin, end in records_of(path.read_bytes()) if opcode == Opcode.CHUNK]


def needs_statistics(path: Path) -> None:
    if all(opcode != Opcode.STATISTICS for opcode, _, _ in records_of(path.read_bytes())):
        pytest.skip("rosbags before 0.11 writes no statistics")


def cut(path: Path, size: int) -> Path:
    with path.open("r+b") as file:
        file.truncate(size)
    return path


def overwrite(path: Path, offset: int, data: bytes) -> None:
    with path.open("r+b") as file:
        file.seek(offset)
        file.write(data)


# --- mcap ---


@pytest.mark.parametrize("compression", [CompressionMode.NONE, CompressionMode.STORAGE])
def test_a_cut_mcap_file_gives_every_message_before_the_cut(
    tmp_path: Path, compression: CompressionMode
) -> None:
    file = storage_file(write_bag(tmp_path / "bag", texts(4000), MCAP, compression))
    begin, end = chunks_of(file)[2]
    cut(file, (begin + end) // 2)
    found, problems = read(file)
    # Two whole chunks, about 1000 messages each, and what there is of the third.
    assert len(found) > 2100 if compression is CompressionMode.NONE else len(found) > 2000
    assert found == wanted(4000)[: len(found)]
    detail = only_detail(problems, "bag_truncated")
    assert file.name in detail
    assert f"{len(found)} messages" in detail
    assert "mcap recover" in detail


def test_an_mcap_file_cut_between_records_is_cut_too(tmp_path: Path) -> None:
    file = storage_file(write_bag(tmp_path / "bag", texts(3000)))
    _, end = chunks_of(file)[0]
    found, problems = read(cut(file, end))
    assert found == wanted(3000)[: len(found)]
    assert len(found) > 1000
    assert "has no end" in only_detail(problems, "bag_truncated")


def test_an_mcap_file_that_lacks_its_index_only_is_whole(tmp_path: Path) -> None:
    file = storage_file(write_bag(tmp_path / "bag", texts(3000)))
    (data_end,) = (end for opcode, _, end in records_of(file.read_bytes()) if opcode == Opcode.DATA_END)
    found, problems = read(cut(file, data_end))
    assert found == wanted(3000)
    assert problems.counts() == {}


def test_zeros_after_the_last_block_that_reached_the_disk_end_an_mcap_file(tmp_path: Path) -> None:
    file = storage_file(write_bag(tmp_path / "bag", texts(3000)))
    _, end = chunks_of(file)[0]
    overwrite(file, end, bytes(file.stat().st_size - end))
    found, problems = read(file)
    assert found == wanted(3000)[: len(found)]
    assert len(found) > 1000
    assert f"at byte {end} is no record" in only_detail(problems, "bag_truncated")


def test_an_mcap_file_of_the_first_eight_bytes_is_an_empty_bag(tmp_path: Path) -> None:
    file = storage_file(write_bag(tmp_path / "bag", texts(3)))
    found, problems = read(cut(file, 8))
    assert found == []
    assert problems.counts() == {"bag_truncated": 1, "bag_empty": 1}


def test_a_chunk_that_cannot_be_unpacked_costs_its_messages_alone(tmp_path: Path) -> None:
    file = storage_file(write_bag(tmp_path / "bag", texts(4000), MCAP, CompressionMode.STORAGE))
    needs_statistics(file)
    begin, end = chunks_of(file)[1]
    overwrite(file, (begin + end) // 2, b"\xff" * 32)
    found, problems = read(file)
    whole = wanted(4000)
    missing = [number for number, message in enumerate(whole) if message not in set(found)]
    # One run of about 1000 messages.
    assert missing == list(range(missing[0], missing[-1] + 1))
    assert 900 < len(missing) < 1100
    assert len(found) + len(missing) == 4000
    assert problems.counts() == {"bag_damaged": 1, "bag_messages_missing": 2}
    details = {problem.cause: problem.detail for problem in problems.take_unreported()}
    assert f"at byte {begin}" in details["bag_damaged"]
    assert f"from {missing[0]:.1f} s to {missing[-1]:.1f} s" in details["bag_damaged"]
    kept = sum(topic == "/a" for topic, _, _ in found)
    assert f"of 2000 messages of /a in {file} {kept} could be read" in details["bag_messages_missing"]


def test_damage_is_counted_once_however_often_the_bag_is_read(tmp_path: Path) -> None:
    file = storage_file(write_bag(tmp_path / "bag", texts(4000), MCAP, CompressionMode.STORAGE))
    begin, end = chunks_of(file)[1]
    overwrite(file, (begin + end) // 2, b"\xff" * 32)
    problems = Problems()
    with BagReader(file, problems) as bag:
        assert [len(list(bag.messages(BOTH))) for _ in range(2)] == [len(read(file)[0])] * 2
    assert problems.counts()["bag_damaged"] == 1


def test_a_chunk_whose_checksum_is_wrong_is_left_out(tmp_path: Path) -> None:
    file = storage_file(write_bag(tmp_path / "bag", texts(3000)))
    begin, _ = chunks_of(file)[0]
    # The library writes 0, none; CRC-32 of the records stands after the chunk's two times and its size.
    overwrite(file, begin + HEAD.size + 24, crc32(b"other records").to_bytes(4, "little"))
    found, problems = read(file)
    assert found == wanted(3000)[-len(found) :]
    assert "checksum is wrong" in {p.cause: p.detail for p in problems.take_unreported()}["bag_damaged"]


@pytest.mark.parametrize("opcode", [Opcode.CHUNK_INDEX, Opcode.STATISTICS, Opcode.CHANNEL])
def test_a_damaged_index_is_done_without(tmp_path: Path, opcode: Opcode) -> None:
    file = storage_file(write_bag(tmp_path / "bag", texts(3000)))
    needs_statistics(file)
    begin = next(begin for kind, begin, _ in reversed(records_of(file.read_bytes())) if kind == opcode)
    overwrite(file, begin + 1, b"\x03")  # its length
    found, problems = read(file)
    assert found == wanted(3000)
    assert set(problems.counts()) <= {"bag_damaged"}


# --- sqlite ---


@pytest.mark.parametrize("share", [0.3, 0.6, 0.95])
def test_a_cut_sqlite_file_gives_what_can_be_reached(tmp_path: Path, share: float) -> None:
    file = storage_file(write_bag(tmp_path / "bag", texts(3000), SQLITE))
    cut(file, int(file.stat().st_size * share))
    found, problems = read(file)
    # The file holds the messages in order, and an index of a few percent.
    assert len(found) > 3000 * share * 0.95
    assert found == wanted(3000)[: len(found)]
    detail = only_detail(problems, "bag_truncated")
    assert file.name in detail
    assert f"{len(found)} messages" in detail


def test_a_hole_in_a_sqlite_file_costs_the_rows_in_it(tmp_path: Path) -> None:
    # 20 kB a message: several pages each, most of them holding nothing but data.
    file = storage_file(write_bag(tmp_path / "bag", texts(300, 20_000), SQLITE))
    middle = file.stat().st_size // 2 // 4096 * 4096
    overwrite(file, middle, b"\xff" * 4096 * 40)
    found, problems = read(file)
    assert set(found) <= set(wanted(300, 20_000))
    assert len(found) > 300 - 60
    assert [stamp for _, stamp, _ in found] == sorted(stamp for _, stamp, _ in found)
    assert "bag_damaged" in problems.counts()


def test_a_sqlite_file_whose_index_is_damaged_is_read_in_order_of_time(tmp_path: Path) -> None:
    made = texts(3000)
    made[10], made[500] = made[500], made[10]
    file = storage_file(write_bag(tmp_path / "bag", made, SQLITE))
    with sqlite3.connect(file) as database:
        (page,) = database.execute(
            "SELECT rootpage FROM sqlite_master WHERE name = 'timestamp_idx'"
        ).fetchone()
    overwrite(file, (page - 1) * 4096, b"\xff" * 4096)
    found, problems = read(file)
    assert found == wanted(3000)
    assert set(problems.counts()) == {"bag_damaged"}


def test_a_sqlite_file_without_index_is_read_in_order_of_time(tmp_path: Path) -> None:
    file = storage_file(write_bag(tmp_path / "bag", reversed(texts(3000)), SQLITE))
    with sqlite3.connect(file) as database:
        database.execute("DROP INDEX timestamp_idx")
    found, problems = read(file)
    assert found == wanted(3000)
    assert problems.counts() == {}


def test_messages_in_the_log_that_a_crash_leaves_are_read(tmp_path: Path) -> None:
    file = storage_file(write_bag(tmp_path / "bag", texts(5), SQLITE))
    database = sqlite3.connect(file)
    database.execute("PRAGMA journal_mode = WAL")
    data = bytes(STORE.serialize_cdr(STORE.types[STRING]("late"), STRING))
    database.execute(
        "INSERT INTO messages (topic_id, timestamp, data) VALUES (1, ?, ?)", (EPOCH + 60 * SECOND, data)
    )
    database.commit()
    crashed = tmp_path / "crashed"
    crashed.mkdir()
    for part in file.parent.glob(f"{file.name}*"):
        shutil.copy(part, crashed)
    database.close()
    assert (crashed / f"{file.name}-wal").stat().st_size
    found, problems = read(crashed / file.name)
    assert found == [*wanted(5), ("/a", EPOCH + 60 * SECOND, "late")]
    assert problems.counts() == {}


def test_a_sqlite_file_of_something_else_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "other.db3"
    with sqlite3.connect(file) as database:
        database.execute("CREATE TABLE notes (text TEXT)")
    with pytest.raises(BagReadError, match="no such table: topics"):
        BagReader(file, Problems())


# --- directories ---


def several_files(path: Path, parts: int) -> list[Path]:
    """A bag of `parts` files with ten messages each."""
    made = texts(10 * parts)
    path.mkdir()
    files = []
    for number in range(parts):
        part = write_bag(path.with_name(f"part_{number}"), made[10 * number : 10 * (number + 1)])
        files.append(path / f"bag_{number}.mcap")
        shutil.move(storage_file(part), files[-1])
    lines = (path.with_name("part_0") / "metadata.yaml").read_text().splitlines()
    begin = next(number for number, line in enumerate(lines) if "relative_file_paths" in line)
    lines[begin + 1 : begin + 2] = [f"  - {file.name}" for file in files]
    text_of = "\n".join(lines).replace("message_count: 5\n", f"message_count: {5 * parts}\n")
    (path / "metadata.yaml").write_text(text_of)
    return files


def test_a_file_that_is_missing_costs_its_messages(tmp_path: Path) -> None:
    files = several_files(tmp_path / "bag", 3)
    assert read(tmp_path / "bag")[1].counts() == {}
    files[1].unlink()
    found, problems = read(tmp_path / "bag")
    assert found == wanted(30)[:10] + wanted(30)[20:]
    assert "bag_1.mcap" in only_detail(problems, "bag_file_missing")


def test_a_bag_of_which_only_the_metadata_are_left_names_the_files_to_look_for(tmp_path: Path) -> None:
    for file in several_files(tmp_path / "bag", 2):
        file.unlink()
    with pytest.raises(BagReadError, match=r"metadata\.yaml names are not there: bag_0\.mcap, bag_1\.mcap"):
        BagReader(tmp_path / "bag", Problems())


def test_a_file_that_is_not_listed_is_read_too(tmp_path: Path) -> None:
    several_files(tmp_path / "bag", 2)
    late = storage_file(write_bag(tmp_path / "late", texts(30)[20:]))
    shutil.move(late, tmp_path / "bag" / "bag_2.mcap")
    found, problems = read(tmp_path / "bag")
    assert found == wanted(30)
    assert "bag_2.mcap is not named" in only_detail(problems, "bag_file_unlisted")


def test_a_file_of_which_nothing_can_be_read_costs_its_messages(tmp_path: Path) -> None:
    files = several_files(tmp_path / "bag", 3)
    cut(files[1], 0)
    found, problems = read(tmp_path / "bag")
    assert found == wanted(30)[:10] + wanted(30)[20:]
    assert problems.counts() == {"bag_damaged": 1, "bag_metadata_wrong": 1}
    assert "bag_1.mcap: it is empty" in problems.take_unreported()[0].detail


@pytest.mark.parametrize("content", [None, "", "{", "rosbag2_bagfile_information: 3\n", "\xff\x00"])
def test_a_bag_is_read_without_its_metadata(tmp_path: Path, content: str | None) -> None:
    bag = write_bag(tmp_path / "bag", texts(5))
    metadata = bag / "metadata.yaml"
    metadata.unlink()
    if content is not None:
        metadata.write_bytes(content.encode("latin-1"))
    found, problems = read(bag)
    assert found == wanted(5)
    detail = only_detail(problems, "bag_without_metadata")
    assert str(bag) in detail
    assert "\n" not in detail


def test_metadata_that_do_not_fit_the_files_are_not_believed(tmp_path: Path) -> None:
    bag = write_bag(tmp_path / "bag", texts(6))
    metadata = bag / "metadata.yaml"
    metadata.write_text(metadata.read_text().replace("message_count: 3\n", "message_count: 8\n", 1))
    found, problems = read(bag)
    assert found == wanted(6)
    assert "/a: 8 promised, 3 there" in only_detail(problems, "bag_metadata_wrong")


def test_a_file_that_cannot_be_unpacked_to_its_end_gives_what_came_out(tmp_path: Path) -> None:
    bag = write_bag(tmp_path / "bag", texts(4000), MCAP, CompressionMode.FILE)
    file = storage_file(bag)
    cut(file, file.stat().st_size * 2 // 3)
    found, problems = read(bag)
    assert found == wanted(4000)[: len(found)]
    assert len(found) > 1000
    assert problems.counts()["bag_truncated"] == 2
    assert "cannot be unpacked to its end" in problems.take_unreported()[0].detail


# --- messages ---


@pytest.mark.parametrize("storage", [MCAP, SQLITE])
def test_a_message_that_cannot_be_decoded_is_counted_and_skipped(
    tmp_path: Path, storage: StoragePlugin
) -> None:
    with Writer(tmp_path / "bag", version=9, storage_plugin=storage) as writer:
        topic = writer.add_connection("/a", STRING, typestore=STORE)
        good = bytes(STORE.serialize_cdr(STORE.types[STRING]("good"), STRING))
        for number, data in enumerate([good, good[:6], b"", b"\x28\xb5\x2f\xfdbroken", good]):
            writer.write(topic, EPOCH + number, data)
    found, problems = read(tmp_path / "bag")
    assert found == [("/a", EPOCH, "good"), ("/a", EPOCH + 4, "good")]
    assert problems.counts() == {"message_undecodable": 3}
    assert "a message of /a" in problems.take_unreported()[0].detail


@pytest.mark.parametrize("definition", ["", "]][["])
def test_messages_of_an_unknown_type_are_counted_and_skipped(tmp_path: Path, definition: str) -> None:
    with Writer(tmp_path / "bag", version=9, storage_plugin=MCAP) as writer:
        own = writer.add_connection("/a", "my_msgs/msg/Own", msgdef=definition, rihs01="RIHS01_0")
        known = writer.add_connection("/b", STRING, typestore=STORE)
        for number in range(3):
            writer.write(own, EPOCH + number, b"\0\1\0\0")
        writer.write(known, EPOCH, bytes(STORE.serialize_cdr(STORE.types[STRING]("good"), STRING)))
    found, problems = read(tmp_path / "bag")
    assert found == [("/b", EPOCH, "good")]
    assert problems.counts() == {"message_type_unknown": 3}
    assert "my_msgs/msg/Own of /a" in problems.take_unreported()[0].detail


def test_messages_of_another_type_than_their_topic_are_counted_and_skipped(tmp_path: Path) -> None:
    bag = tmp_path / "bag"
    bag.mkdir()
    for number, type_name in enumerate([STRING, "std_msgs/msg/Bool"]):
        with Writer(tmp_path / f"part_{number}", version=9, storage_plugin=MCAP) as writer:
            topic = writer.add_connection("/a", type_name, typestore=STORE)
            for place in range(3 - number):
                data = b"\0\1\0\0\1" if number else STORE.serialize_cdr(STORE.types[STRING]("good"), STRING)
                writer.write(topic, EPOCH + place, bytes(data))
        shutil.move(storage_file(tmp_path / f"part_{number}"), bag / f"bag_{number}.mcap")
    found, problems = read(bag)
    assert found == [("/a", EPOCH + place, "good") for place in range(3)]
    assert problems.counts() == {"bag_without_metadata": 1, "message_type_mixed": 2}
    _, mixed = problems.take_unreported()
    assert "/a" in mixed.detail
    assert "is std_msgs/msg/String, some messages are std_msgs/msg/Bool" in mixed.detail


def test_a_full_disk_is_said_where_a_file_must_be_unpacked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    bag = write_bag(tmp_path / "bag", texts(3), MCAP, CompressionMode.FILE)
    monkeypatch.setattr(bag_files, "decompress_file", fail)
    with pytest.raises(BagReadError, match="see TMPDIR: No space left"):
        BagReader(bag, Problems())


# --- anything ---


@pytest.fixture(scope="module")
def whole_bags(tmp_path_factory: pytest.TempPathFactory) -> dict[Any, Path]:
    folder = tmp_path_factory.mktemp("whole")
    return {kind: write_bag(folder / f"{number}", texts(60, 300), *kind) for number, kind in enumerate(KINDS)}


def damaged_copy(bag: Path, folder: Path, data: bytes) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(bag, folder)
    storage_file(folder).write_bytes(data)
    return folder


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(kind=st.sampled_from(KINDS), share=st.floats(0, 1))
def test_wherever_a_file_is_cut_what_is_read_is_true_and_what_is_lost_is_said(
    tmp_path: Path, whole_bags: dict[Any, Path], kind: Any, share: float
) -> None:
    data = storage_file(whole_bags[kind]).read_bytes()
    bag = damaged_copy(whole_bags[kind], tmp_path / "cut", data[: int(share * len(data))])
    try:
        found, problems = read(bag)
    except BagReadError:
        return
    assert set(found) <= set(wanted(60, 300))
    assert len(found) == 60 or problems.counts()


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    kind=st.sampled_from(KINDS),
    damage=st.lists(st.tuples(st.floats(0, 1), st.binary(min_size=1, max_size=20)), min_size=1, max_size=4),
)
def test_whatever_is_overwritten_nothing_breaks_and_no_message_is_lost_silently(
    tmp_path: Path, whole_bags: dict[Any, Path], kind: Any, damage: list[tuple[float, bytes]]
) -> None:
    data = bytearray(storage_file(whole_bags[kind]).read_bytes())
    for share, patch in damage:
        begin = int(share * (len(data) - len(patch)))
        data[begin : begin + len(patch)] = patch
    bag = damaged_copy(whole_bags[kind], tmp_path / "overwritten", bytes(data))
    try:
        found, problems = read(bag)
    except BagReadError:
        return
    assert len(found) >= 60 or problems.counts()


def test_an_undamaged_bag_of_one_text_has_no_problem(tmp_path: Path) -> None:
    found, problems = read(write_bag(tmp_path / "bag", [text("/a", EPOCH, "only")]))
    assert found == [("/a", EPOCH, "only")]
    assert problems.counts() == {}
