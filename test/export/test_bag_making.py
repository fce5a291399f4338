"""Bags with their ground truth, as other programs read them."""

from __future__ import annotations

import shutil
import subprocess
import tracemalloc
from pathlib import Path

import pytest
from recordings import S, colours, connections, read, write_folder, write_image
from rosbags.interfaces import ConnectionExtRosbag2, QosDurability

from gas_fusion_ros.alarm.source_watch import Source
from gas_fusion_ros.array.description import ArrayChannel, ArrayDescription
from gas_fusion_ros.bags.writer import BagError, BagFormat, Compression, Storage
from gas_fusion_ros.export.bag_making import BagTarget, make_bag
from gas_fusion_ros.export.bag_sources import START_NS, FolderSettings, FolderSource, PatrolSource
from gas_fusion_ros.ros import messages
from gas_fusion_ros.ros.source_messages import decode_array, decode_source
from gas_fusion_ros.simulation.patrol import Patrol
from gas_fusion_ros.truth.decoding import decode_leaks
from gas_fusion_ros.truth.ground_truth import patrol_truth

FORMATS = [BagFormat(storage, compression) for storage in Storage for compression in Compression]
ROWS = ("0,5,NoGas", "1,6,NoGas", "0,8,Smoke", "1,9,Smoke")


def no_tick() -> None:
    pass


def test_the_array_is_told_first_and_late_listeners_hear_of_it(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "data", "Serial Number,MQ2,Gas", ROWS)
    array = ArrayDescription((ArrayChannel("mq2", "MQ-2", 0.5, 0.01),), serial_id="7")
    source = FolderSource(folder, FolderSettings(("mq2",), array=array))
    make_bag(source, BagTarget(tmp_path / "bag", "robot1"), no_tick)
    stamp_ns, topic, message = read(tmp_path / "bag")[0]
    assert (stamp_ns, topic) == (START_NS, "/robot1/gas/array_info")
    assert decode_array(message, topic) == array
    assert decode_source(message, topic) == Source("recorded", is_sensor=False, state="running")
    extension = connections(tmp_path / "bag")[topic].ext
    assert isinstance(extension, ConnectionExtRosbag2)
    assert extension.offered_qos_profiles[0].durability is QosDurability.TRANSIENT_LOCAL


def folder_source(tmp_path: Path) -> FolderSource:
    folder = write_folder(tmp_path / "data", "Serial Number,MQ2,Gas", ROWS)
    write_image(folder, "0_Smoke.png", colours(200))
    return FolderSource(folder, FolderSettings(("mq2",)))


@pytest.mark.parametrize(
    "bag_format", FORMATS, ids=lambda one: f"{one.storage.value}-{one.compression.value}"
)
def test_every_format_holds_the_same(tmp_path: Path, bag_format: BagFormat) -> None:
    path = tmp_path / "bag"
    summary = make_bag(folder_source(tmp_path), BagTarget(path, bag_format=bag_format), no_tick)
    assert (summary.readings, summary.images, summary.classes, summary.leaks) == (4, 1, ("NoGas", "Smoke"), 1)
    assert summary.duration_s == 6.0

    told = read(path)
    at_topic = [((stamp_ns - START_NS) / S, topic) for stamp_ns, topic, _ in told]
    labels = [(second, "/truth/label") for second in range(7)]
    readings = [(second, "/gas/readings") for second in (0, 2, 4, 6)]
    images = [(4, "/thermal/image_raw"), (4, "/thermal/camera_info")]
    assert sorted(at_topic) == sorted([(0, "/truth/leaks"), *labels, *readings, *images])
    assert [message.data for _, topic, message in told if topic == "/truth/label"] == [
        *["NoGas"] * 4,
        *["Smoke"] * 3,
    ]
    for stamp_ns, topic, message in told:
        if topic == "/gas/readings":
            assert messages.decode_reading(message, ("mq2",)).stamp_ns == stamp_ns
        if topic == "/thermal/image_raw":
            assert messages.decode_frame(message).pixels[0, 0].tolist() == [200, 20, 10]  # type: ignore[attr-defined]
            assert messages.stamp_to_ns(message.header.stamp) == stamp_ns


def test_the_truth_comes_before_what_it_is_about(tmp_path: Path) -> None:
    make_bag(folder_source(tmp_path), BagTarget(tmp_path / "bag"), no_tick)
    at_start = [topic for stamp_ns, topic, _ in read(tmp_path / "bag") if stamp_ns == START_NS]
    assert at_start == ["/truth/leaks", "/truth/label", "/gas/readings"]


def test_a_namespace_is_in_front_of_every_topic_and_the_leaks_are_latched(tmp_path: Path) -> None:
    make_bag(folder_source(tmp_path), BagTarget(tmp_path / "bag", "site/robot1"), no_tick)
    durability = {
        topic: connection.ext.offered_qos_profiles[0].durability
        for topic, connection in connections(tmp_path / "bag").items()
        if isinstance(connection.ext, ConnectionExtRosbag2)
    }
    assert all(topic.startswith("/site/robot1/") for topic in durability)
    latched = [topic for topic, kind in durability.items() if kind is QosDurability.TRANSIENT_LOCAL]
    assert latched == ["/site/robot1/truth/leaks"]


def test_without_labels_there_is_no_truth(tmp_path: Path) -> None:
    source = FolderSource(write_folder(tmp_path / "data", "MQ2", ["5"]), FolderSettings(("mq2",)))
    summary = make_bag(source, BagTarget(tmp_path / "bag"), no_tick)
    assert (summary.classes, summary.leaks) == ((), 0)
    assert set(connections(tmp_path / "bag")) == {"/gas/readings"}


def test_a_patrol_carries_its_leaks_and_poses(tmp_path: Path) -> None:
    patrol = Patrol(seed=4, duration_s=200.0, leaks=1)
    make_bag(PatrolSource(patrol, ("mq2",), S, 100 * S), BagTarget(tmp_path / "bag"), no_tick)
    told = read(tmp_path / "bag")
    [leaks] = [message for _, topic, message in told if topic == "/truth/leaks"]
    assert decode_leaks(leaks) == patrol_truth(patrol).leaks
    labels = [(stamp_ns, message.data) for stamp_ns, topic, message in told if topic == "/truth/label"]
    leak = patrol_truth(patrol).leaks[0]
    assert (leak.start_ns, leak.label) in labels
    assert (leak.end_ns, "NoGas") in labels
    poses = [messages.decode_pose(message) for _, topic, message in told if topic == "/pose"]
    assert [(pose.x, pose.y) for pose in poses[:5]] == [patrol.pose(float(k))[:2] for k in range(5)]


def test_the_same_source_makes_the_same_bag(tmp_path: Path) -> None:
    for name in ("one", "two"):
        source = PatrolSource(Patrol(0, 60.0, 0), ("mq2",), 10 * S, 20 * S)
        make_bag(source, BagTarget(tmp_path / name / "bag"), no_tick)
    files = [(tmp_path / name / "bag" / "bag.mcap").read_bytes() for name in ("one", "two")]
    assert files[0] == files[1]


def test_memory_does_not_grow_with_the_bag(tmp_path: Path) -> None:
    rows = [f"{index},5,NoGas" for index in range(300)]
    source = FolderSource(
        write_folder(tmp_path / "data", "Serial Number,MQ2,Gas", rows),
        FolderSettings(("mq2",)),
        render_seed=0,
    )
    next(source.instants())  # what the renderer keeps is not the bag's
    tracemalloc.start()
    make_bag(source, BagTarget(tmp_path / "bag", bag_format=BagFormat(compression=Compression.NONE)), no_tick)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (tmp_path / "bag" / "bag.mcap").stat().st_size > 300 * 156 * 206 * 4
    assert peak < 12_000_000, "38 MB were written; only about one chunk of 1 MiB may be held"


def test_an_existing_bag_is_not_overwritten(tmp_path: Path) -> None:
    with pytest.raises(BagError, match="exists already"):
        make_bag(folder_source(tmp_path), BagTarget(tmp_path), no_tick)


# --- other programs -------------------------------------------------------------------------


def test_foxgloves_library_reads_the_bag(tmp_path: Path) -> None:
    reader_module = pytest.importorskip("mcap.reader")
    make_bag(folder_source(tmp_path), BagTarget(tmp_path / "bag"), no_tick)
    with (tmp_path / "bag" / "bag.mcap").open("rb") as file:
        reader = reader_module.make_reader(file, validate_crcs=True)
        summary = reader.get_summary()
        topics = [channel.topic for _, channel, _ in reader.iter_messages()]
    schemas = {schema.name: schema.encoding for schema in summary.schemas.values()}
    assert schemas["sensor_msgs/msg/PointCloud2"] == "ros2msg"
    assert len(topics) == summary.statistics.message_count == 4 + 2 + 7 + 1
    channels = {channel.topic: channel for channel in summary.channels.values()}
    assert "transient_local" in channels["/truth/leaks"].metadata["offered_qos_profiles"]
    assert channels["/gas/readings"].message_encoding == "cdr"


@pytest.mark.parametrize(
    "bag_format", FORMATS, ids=lambda one: f"{one.storage.value}-{one.compression.value}"
)
def test_ros2_bag_reads_the_bag(tmp_path: Path, bag_format: BagFormat) -> None:
    if shutil.which("ros2") is None:
        pytest.skip("the command ros2 is not installed")
    make_bag(folder_source(tmp_path), BagTarget(tmp_path / "bag", bag_format=bag_format), no_tick)
    info = subprocess.run(
        ["ros2", "bag", "info", str(tmp_path / "bag")], capture_output=True, text=True, timeout=60, check=True
    ).stdout
    assert "/gas/readings | Type: sensor_msgs/msg/PointCloud2 | Count: 4" in info
    subprocess.run(
        ["ros2", "bag", "play", "--rate", "10", "--disable-keyboard-controls", str(tmp_path / "bag")],
        capture_output=True,
        timeout=60,
        check=True,
    )
