"""Bags that somebody made to do harm are bounded in time and memory, and said in a line for each cause."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest
from crafted import (
    FORGED,
    GIB,
    alias_bomb,
    chunk,
    described,
    endless_view,
    mcap,
    message,
    nested,
    page_that_names_itself,
    pages_in_circles,
    record,
    sqlite_bag,
    zstd_zeros,
)
from in_process import invoke
from made_bags import CLOUD, EPOCH, IMAGE, SECOND, STORE, STRING, image, reading, text, texts, write_bag
from measured import measured

from gas_fusion_ros.bags.reader import BagReader, BagReadError
from gas_fusion_ros.bags.storage.limits import MIB, MOST_FILES, BagLimits
from gas_fusion_ros.bags.storage.mcap_records import HEAD, Opcode
from gas_fusion_ros.base.problems import Problems

LAST = 2**63 - 1


def read(path: Path, limits: BagLimits | None = None) -> tuple[list[int], dict[str, str]]:
    """Times of recording of what is in /a, and the first detail of each problem."""
    problems = Problems()
    with BagReader(path, problems, limits) as bag:
        stamps = [message.stamp_ns for message in bag.messages({"/a"})]
    return stamps, {problem.cause: problem.detail for problem in problems.take_unreported()}


def file_of(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def traced(action: Callable[[], object]) -> float:
    """The most memory that an action takes, MiB, and what it returns is forgotten."""
    tracemalloc.start()
    try:
        action()
        return tracemalloc.get_traced_memory()[1] / MIB
    finally:
        tracemalloc.stop()


# --- chunks, messages and files that unpack to gigabytes ---


@pytest.mark.parametrize(
    ("claimed", "said"),
    [
        (4 * GIB, "is more than 64 MiB, the limit of --unpack-memory"),
        (1000, "it unpacks to more than 1000 bytes"),
        (64 * MIB, f"it unpacks to more than {64 * MIB} bytes"),
    ],
)
@pytest.mark.parametrize("is_indexed", [True, False])
def test_a_chunk_is_unpacked_as_far_as_it_says_and_the_limit_goes(
    claimed: int, said: str, is_indexed: bool, tmp_path: Path
) -> None:
    packed = zstd_zeros(4 * GIB)
    assert len(packed) < 140_000
    good = message(EPOCH)
    content = mcap(
        described(),
        chunk(packed, claimed, "zstd", EPOCH - 5, EPOCH - 1),
        chunk(good, len(good)),
        chunk_times=[(EPOCH - 5, EPOCH - 1), (EPOCH, EPOCH)] if is_indexed else None,
    )
    found: list[tuple[list[int], dict[str, str]]] = []
    peak = traced(lambda: found.append(read(file_of(tmp_path / "bag.mcap", content))))
    ((stamps, told),) = found
    assert stamps == [EPOCH]
    assert said in told["bag_damaged"]
    assert peak < 200


def test_the_limit_of_memory_can_be_raised_and_lowered(tmp_path: Path) -> None:
    long = text("/a", EPOCH, "x" * 3 * MIB)
    path = write_bag(tmp_path / "bag", [long])
    assert read(path)[0] == [EPOCH]
    stamps, told = read(path, BagLimits(memory_bytes=MIB))
    assert stamps == []
    assert "more than 1 MiB, the limit of --unpack-memory" in told["bag_damaged"]


def test_a_chunk_of_lz4_is_no_exception(tmp_path: Path) -> None:
    packed = pytest.importorskip("lz4.frame").compress(bytes(300 * MIB))
    path = file_of(tmp_path / "bag.mcap", mcap(described(), chunk(packed, 1000, "lz4")))
    found: list[tuple[list[int], dict[str, str]]] = []
    peak = traced(lambda: found.append(read(path)))
    assert "it unpacks to more than 1000 bytes" in found[0][1]["bag_damaged"]
    assert peak < 50


def test_a_message_is_unpacked_up_to_the_limit(tmp_path: Path) -> None:
    path = sqlite_bag(tmp_path / "bag.db3", [(EPOCH, zstd_zeros(4 * GIB))])
    found: list[tuple[list[int], dict[str, str]]] = []
    peak = traced(lambda: found.append(read(path)))
    assert f"it unpacks to more than {64 * MIB} bytes" in found[0][1]["message_undecodable"]
    assert peak < 200


def test_a_file_is_unpacked_up_to_the_limit_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "unpacked"))
    (tmp_path / "unpacked").mkdir()
    path = file_of(tmp_path / "bag.mcap.zstd", zstd_zeros(GIB, mcap()[:8]))
    with pytest.raises(BagReadError, match=r"it unpacks to more than 0\.01 GiB, the limit of --unpack-disk"):
        read(path, BagLimits(disk_bytes=GIB // 100))
    assert list((tmp_path / "unpacked").iterdir()) == []


def test_a_file_is_not_unpacked_where_it_would_fill_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Usage:
        free = GIB + MIB

    monkeypatch.setattr("shutil.disk_usage", lambda _: Usage)
    path = file_of(tmp_path / "bag.mcap.zstd", zstd_zeros(GIB, mcap()[:8]))
    with pytest.raises(BagReadError, match=r"which is what .* has free beside 1 GiB; TMPDIR names another"):
        read(path)


def test_a_command_refuses_a_bomb_in_a_line_and_little_memory(tmp_path: Path) -> None:
    path = file_of(tmp_path / "bag.mcap", mcap(described(), chunk(zstd_zeros(4 * GIB), 4 * GIB, "zstd")))
    done = measured("evaluate", path, "--output", tmp_path / "out")
    assert done.exit_code == 2
    assert len(done.lines) == 1
    assert done.peak_mb < 300


# --- many times the same ---


def test_chunks_whose_times_overlap_are_held_within_the_limit(tmp_path: Path) -> None:
    data = bytes(STORE.serialize_cdr(text("/a", 0, "x" * 100_000).message, STRING))
    inside = b"".join(message(EPOCH + number, data) for number in range(10))
    chunks = [chunk(inside, len(inside)) for _ in range(8)]
    path = file_of(tmp_path / "bag.mcap", mcap(described(), *chunks))
    assert len(read(path)[0]) == 80
    stamps, told = read(path, BagLimits(memory_bytes=3 * MIB))
    assert 10 < len(stamps) < 80
    assert "their times overlap, take more than 3 MiB, the limit of --unpack-memory" in told["bag_damaged"]


def test_messages_of_no_size_take_room_too(tmp_path: Path) -> None:
    inside = message(EPOCH, b"") * 100_000
    path = file_of(tmp_path / "bag.mcap", mcap(described(), chunk(inside, len(inside))))
    _, told = read(path, BagLimits(memory_bytes=8 * MIB))
    assert "take more than 8 MiB" in told["bag_damaged"]


@pytest.mark.timeout(20)
@pytest.mark.parametrize("opcode", [0, 0x10, 0x80])
def test_a_chunk_of_nothing_but_strange_records_is_left(opcode: int, tmp_path: Path) -> None:
    strange = zstd_zeros(63 * MIB) if opcode == 0 else record(opcode, b"") * 1_000_000
    size = 63 * MIB if opcode == 0 else len(strange)
    bad = chunk(strange, size, "zstd" if opcode == 0 else "", EPOCH, EPOCH)
    path = file_of(tmp_path / "bag.mcap", mcap(described(), *[bad] * 10, message(EPOCH)))
    stamps, told = read(path)
    assert stamps == [EPOCH]
    assert "more than 10000 records of no known kind" in told["bag_damaged"]


def test_an_index_that_names_a_chunk_many_times_is_not_followed(tmp_path: Path) -> None:
    good = message(EPOCH)
    content = mcap(described(), chunk(good, len(good)), chunk_times=[(EPOCH, EPOCH)], times_named=1000)
    stamps, told = read(file_of(tmp_path / "bag.mcap", content))
    assert stamps == [EPOCH]
    assert "it names byte" in told["bag_damaged"]


def test_what_a_file_describes_is_bounded(tmp_path: Path) -> None:
    many = [described(f"/{number}" + "x" * MIB, channel=number) for number in range(2, 40)]
    path = file_of(tmp_path / "bag.mcap", mcap(described(), *many, message(EPOCH)))
    found: list[tuple[list[int], dict[str, str]]] = []
    peak = traced(lambda: found.append(read(path)))
    assert found[0][0] == [EPOCH]
    assert "describes more than 16 MiB" in found[0][1]["bag_damaged"]
    assert peak < 100


def test_a_record_that_is_long_is_not_read_whole(tmp_path: Path) -> None:
    path = tmp_path / "bag.mcap"
    with path.open("wb") as file:
        file.write(mcap()[:8] + described() + message(EPOCH))
        # Sparse: it takes no room on the disk.
        file.write(HEAD.pack(Opcode.SCHEMA, GIB))
        file.seek(GIB, 1)
        file.write(HEAD.pack(Opcode.MESSAGE, GIB) + message(EPOCH)[9:31])
        file.seek(GIB - 22, 1)
        file.write(message(EPOCH + 1))
    found: list[tuple[list[int], dict[str, str]]] = []
    peak = traced(lambda: found.append(read(path)))
    assert found[0][0] == [EPOCH, EPOCH + 1]
    assert peak < 50


# --- times that are none ---


@pytest.mark.parametrize("stamp_ns", [2**63, 2**64 - 1, 0])
@pytest.mark.parametrize("is_indexed", [True, False])
@pytest.mark.parametrize("has_chunks", [True, False])
def test_a_time_that_is_none_costs_its_message_and_no_other(
    stamp_ns: int, is_indexed: bool, has_chunks: bool, tmp_path: Path
) -> None:
    if is_indexed and not has_chunks:
        pytest.skip("an index is of chunks")
    inside = [message(EPOCH), message(stamp_ns), message(EPOCH + SECOND)]
    together = b"".join(inside)
    times = (min(EPOCH, stamp_ns), max(EPOCH + SECOND, stamp_ns))
    content = mcap(
        described(),
        *([chunk(together, len(together), "", *times)] if has_chunks else inside),
        chunk_times=[times] if is_indexed else None,
    )
    path = file_of(tmp_path / "bag.mcap", content)
    stamps, told = read(path)
    assert stamps == [EPOCH, EPOCH + SECOND]
    assert f"was recorded at {stamp_ns} ns; expected 1 to {LAST}" in told["message_time_unusable"]
    with BagReader(path, Problems()) as bag:
        assert (bag.start_ns, bag.end_ns) == (EPOCH, EPOCH + SECOND)


@pytest.mark.parametrize("stamp_ns", [0, -1, -(2**63)])
def test_a_time_that_is_none_in_sqlite_costs_its_message_and_no_other(stamp_ns: int, tmp_path: Path) -> None:
    data = bytes(STORE.serialize_cdr(text("/a", 0, "said").message, STRING))
    path = sqlite_bag(tmp_path / "bag.db3", [(EPOCH, data), (stamp_ns, data), (LAST, data)])
    stamps, told = read(path)
    assert stamps == [EPOCH, LAST]
    assert set(told) == {"message_time_unusable"}


def test_an_evaluation_goes_on_past_a_time_that_is_none(tmp_path: Path) -> None:
    values = [400.0] * 7
    clouds = [
        bytes(STORE.serialize_cdr(reading(EPOCH + n * 2 * SECOND, values).message, CLOUD)) for n in range(5)
    ]
    stamps = [EPOCH, EPOCH + 2 * SECOND, 2**63 + 5, EPOCH + 6 * SECOND, EPOCH + 8 * SECOND]
    inside = [message(stamp, data) for stamp, data in zip(stamps, clouds, strict=True)]
    path = file_of(tmp_path / "bag.mcap", mcap(described("/gas/readings", CLOUD), *inside))
    code, said = invoke("evaluate", path, "--output", tmp_path / "out", "--no-html", "--no-images")
    assert code == 1
    assert said.count("gas-fusion: bag: message_time_unusable") == 1
    assert "4 alone" in said


# --- sqlite3 ---


@pytest.mark.parametrize("table", ["messages", "topics"])
def test_a_view_is_no_table(table: str, tmp_path: Path) -> None:
    path = endless_view(tmp_path / "bag.db3", table)
    with pytest.raises(BagReadError, match=f"{table} is no plain table"):
        read(path)


def test_a_view_of_definitions_is_passed_over(tmp_path: Path) -> None:
    import sqlite3

    data = bytes(STORE.serialize_cdr(text("/a", 0, "said").message, STRING))
    path = sqlite_bag(tmp_path / "bag.db3", [(EPOCH, data)])
    database = sqlite3.connect(path)
    database.execute(
        "CREATE VIEW message_definitions AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) "
        "SELECT i AS topic_type, 'x' AS encoded_message_definition, 'ros2msg' AS encoding FROM n"
    )
    database.commit()
    database.close()
    assert read(path) == ([EPOCH], {})


def test_a_computed_column_is_no_plain_table(tmp_path: Path) -> None:
    import sqlite3

    path = tmp_path / "bag.db3"
    sqlite_bag(path, [])
    database = sqlite3.connect(path)
    database.execute("DROP TABLE messages")
    database.execute(
        "CREATE TABLE messages(id INTEGER PRIMARY KEY, topic_id INTEGER, timestamp INTEGER, "
        "data BLOB AS (zeroblob(900000000)))"
    )
    database.execute("INSERT INTO messages(topic_id, timestamp) VALUES (1, 5)")
    database.commit()
    database.close()
    with pytest.raises(BagReadError, match="messages has computed columns"):
        read(path)


@pytest.mark.timeout(30)
def test_pages_that_lead_in_circles_come_to_an_end(tmp_path: Path) -> None:
    path = pages_in_circles(tmp_path / "bag.db3")
    stamps, told = read(path)
    assert stamps == [EPOCH]
    assert "damaged (it goes in circles)" in told["bag_damaged"]


@pytest.mark.timeout(30)
@pytest.mark.parametrize("claimed", [1500, 1 << 31, 1 << 62])
def test_a_page_that_names_itself_comes_to_an_end(claimed: int, tmp_path: Path) -> None:
    path = page_that_names_itself(tmp_path / "bag.db3", claimed)
    found: list[tuple[list[int], dict[str, str]]] = []
    assert traced(lambda: found.append(read(path))) < 50
    assert found[0][0] == []
    assert found[0][1]


def test_a_long_blob_is_left_out_and_the_limit_told(tmp_path: Path) -> None:
    data = bytes(STORE.serialize_cdr(text("/a", 0, "said").message, STRING))
    path = sqlite_bag(tmp_path / "bag.db3", [(EPOCH, bytes(3 * MIB)), (EPOCH + 1, data)])
    stamps, told = read(path, BagLimits(memory_bytes=MIB))
    assert stamps == [EPOCH + 1]
    assert "more than 1 MiB, the limit of --unpack-memory" in told["bag_damaged"]


# --- metadata and folders ---


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (alias_bomb(), "it has an alias in line 2"),
        (nested(200), "it is nested deeper than 64 levels"),
        (nested(5000), "nest"),
        ("a: " + "x" * (5 << 20), "expected 4194304 at most"),
        ("[" + "0, " * 200_000 + "]", "it holds more than 100000 values"),
        ("a: 2024-99-99", "it is no YAML"),
        ("\tx: : [", "it is no YAML"),
        ("a: &a [*a]", "it has an alias"),
    ],
    ids=["aliases", "depth", "great depth", "size", "count", "date", "syntax", "loop"],
)
def test_metadata_are_read_within_limits(content: str, said: str, tmp_path: Path) -> None:
    path = write_bag(tmp_path / "bag", texts(4))
    (path / "metadata.yaml").write_text(content)
    stamps, told = read(path)
    assert len(stamps) == 2
    assert said in told["bag_without_metadata"]
    assert len(told["bag_without_metadata"]) < 600


def test_metadata_of_very_many_files_are_not_used(tmp_path: Path) -> None:
    path = write_bag(tmp_path / "bag", texts(4))
    names = "".join(f"  - f{number}\n" for number in range(MOST_FILES + 1))
    (path / "metadata.yaml").write_text(
        f"rosbag2_bagfile_information:\n  relative_file_paths:\n{names}  topics_with_message_count: []\n"
    )
    stamps, told = read(path)
    assert len(stamps) == 2
    assert f"it names {MOST_FILES + 1} files; expected {MOST_FILES} at most" in told["bag_without_metadata"]


def test_a_folder_of_very_many_files_is_refused_in_a_line(tmp_path: Path) -> None:
    for number in range(MOST_FILES + 20):
        (tmp_path / f"{number}.mcap").touch()
    code, said = invoke("inspect", tmp_path)
    assert code == 2
    assert said.count("\n") == 1
    assert f"it holds more than {MOST_FILES} storage files" in said


# --- names ---


def assert_no_forgery(said: str) -> None:
    assert all(line.isprintable() for line in said.splitlines())
    assert not any(line.startswith("[FATAL]") for line in said.splitlines())
    assert max(map(len, said.splitlines())) < 2100


def test_no_name_in_a_bag_forges_a_line(tmp_path: Path) -> None:
    wicked = [FORGED + "x" * 100_000, *(f"{FORGED}{number}" for number in range(6))]
    messages = [
        reading(EPOCH + SECOND, [1.0] * 7, channels=wicked, frame_id=FORGED),
        reading(EPOCH + 3 * SECOND, [1.0] * 7, topic=f"/{FORGED}/gas/readings"),
        reading(EPOCH + 4 * SECOND, [1.0] * 6, channels=("mq2", *wicked[:5])),
        text("/truth/label", EPOCH, FORGED),
        text("/gas/alarm_state", EPOCH, FORGED),
        text(f"/{FORGED}/truth/leaks", EPOCH, FORGED),
        text(f"/{FORGED * 1000}", EPOCH, "x"),
    ]
    path = write_bag(tmp_path / f"bag {FORGED.replace('/', '')}", messages)
    for command in (
        ("inspect", path),
        ("evaluate", path, "--output", tmp_path / "out"),
        ("label", path, "--from-truth", "--output", tmp_path / "labels.csv"),
        ("label", path, "--from-alarms", "--output", tmp_path / "labels.csv"),
        ("dataset", path, "--output", tmp_path / "set"),
        ("evaluate", path, "--output", tmp_path / f"out{FORGED}", "--gas-topic", FORGED),
        ("inspect", tmp_path / FORGED),
    ):
        code, said = invoke(*command)
        assert code in (0, 1, 2)
        assert said
        assert_no_forgery(said)


def test_an_encoding_of_megabytes_is_quoted_and_cut(tmp_path: Path) -> None:
    import numpy as np

    made = image(EPOCH, np.zeros((4, 4), np.uint8), "x" * 5_000_000 + FORGED)
    path = write_bag(tmp_path / "bag", [made, reading(EPOCH, [400.0] * 7)])
    code, said = invoke("inspect", path)
    assert code == 1
    assert f"({5_000_000 + len(FORGED)} characters)" in said
    assert_no_forgery(said)


def test_an_image_larger_than_any_camera_is_refused(tmp_path: Path) -> None:
    import numpy as np

    made = image(EPOCH, np.zeros((2049, 2048), np.uint8), "mono8")
    path = write_bag(tmp_path / "bag", [made, reading(EPOCH, [400.0] * 7)])
    code, said = invoke("inspect", path)
    assert code == 1
    assert "an image of 2048x2049 pixels is larger than a thermal camera's" in said


def test_a_definition_that_would_make_endless_code_is_not_used(tmp_path: Path) -> None:
    levels = 8
    definition = "string data\nt/A0 a\n" + "".join(
        "=" * 80 + f"\nMSG: t/A{level}\n" + f"t/A{level + 1}[1000] a\n" for level in range(levels)
    )
    definition += "=" * 80 + f"\nMSG: t/A{levels}\nuint8 x\n"
    schema = b"\x01\0" + b"".join(
        len(part).to_bytes(4, "little") + part.encode() for part in (STRING, "ros2msg", definition)
    )
    channel = described()[len(record(Opcode.SCHEMA, b"\x01\0" + bytes(12))) + len(STRING) + len("ros2msg") :]
    path = file_of(tmp_path / "bag.mcap", mcap(record(Opcode.SCHEMA, schema), channel, message(EPOCH)))
    # A standard type is read by its standard definition.
    assert read(path) == ([EPOCH], {})


def test_every_bag_here_is_of_a_type_that_is_looked_at() -> None:
    assert {CLOUD, IMAGE, STRING} <= set(STORE.fielddefs)
