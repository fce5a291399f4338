"""Bags with labels become folders to train on, and everything that becomes no row is counted."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from recordings import S, colours, write_folder, write_image

from gas_fusion_ros.alarm.source_watch import Source
from gas_fusion_ros.array.array_file import load_array
from gas_fusion_ros.array.description import ArrayChannel, ArrayDescription
from gas_fusion_ros.bags.reader import BagReadError
from gas_fusion_ros.bags.serializer import BagMessages
from gas_fusion_ros.bags.topics import BagTopics, TopicError
from gas_fusion_ros.bags.writer import BagWriter
from gas_fusion_ros.base.dataset import Dataset
from gas_fusion_ros.base.observation import GasReading, RobotPose, ThermalFrame
from gas_fusion_ros.base.problems import Problems
from gas_fusion_ros.export.bag_making import BagTarget, make_bag
from gas_fusion_ros.export.bag_sources import FolderSettings, FolderSource
from gas_fusion_ros.export.dataset_making import (
    DatasetMaking,
    DatasetMakingError,
    DatasetSettings,
    DatasetSummary,
    _names,
)
from gas_fusion_ros.ros.messages import encode_frame, encode_label, encode_pose, encode_reading
from gas_fusion_ros.ros.source_messages import encode_source_status
from gas_fusion_ros.truth.labels import LabelError

MAKER = BagMessages()
CHANNELS = ("mq2", "CO2")
MS = 1_000_000


def reading(stamp_s: float, *counts: float, channels: Sequence[str] = CHANNELS) -> tuple[int, str, Any]:
    values = np.array(counts or (stamp_s, 1.0)[: len(channels)], dtype=np.float32)
    stamp_ns = round(stamp_s * S)
    return stamp_ns, "/gas/readings", encode_reading(GasReading(stamp_ns, tuple(channels), values), MAKER)


def image(stamp_s: float, value: int = 0, encoding: str = "mono16") -> tuple[int, str, Any]:
    # A slope of tenths of a kelvin over the wall: a frame of one value is no picture.
    pixels = (value + np.add.outer(np.arange(24), np.arange(32))).astype(
        np.uint16 if encoding == "mono16" else np.float32
    )
    stamp_ns = round(stamp_s * S)
    return stamp_ns, "/thermal/image_raw", encode_frame(ThermalFrame(stamp_ns, pixels, encoding), MAKER)


def label(stamp_s: float, text: str, topic: str = "/truth/label") -> tuple[int, str, Any]:
    return round(stamp_s * S), topic, encode_label(text, MAKER)


def pose(stamp_s: float, topic: str) -> tuple[int, str, Any]:
    stamp_ns = round(stamp_s * S)
    return stamp_ns, topic, encode_pose(RobotPose(1.0, 2.0, stamp_ns=stamp_ns), MAKER)


def bag_of(path: Path, *messages: tuple[int, str, Any], in_order_given: bool = False) -> Path:
    """Write a bag; recorded at the messages' stamps, or else a millisecond apart in the order given."""
    with BagWriter(path) as writer:
        for number, (stamp_ns, topic, message) in enumerate(messages):
            recorded_ns = S + number * MS if in_order_given else stamp_ns
            writer.write(topic, message.__msgtype__, MAKER.serialize(message), recorded_ns)
    return path


def no_tick() -> None:
    pass


def made(
    root: Path, *bags: Path, settings: DatasetSettings | None = None
) -> tuple[DatasetSummary, dict[str, int], Dataset]:
    problems = Problems()
    making = DatasetMaking(bags, settings or DatasetSettings(), problems)
    summary = making.write(root, "test", no_tick)
    return summary, problems.counts(), Dataset.load(root, making.channels)


def rows(dataset: Dataset) -> list[tuple[float, str]]:
    return [((row.stamp_ns or 0) / S, row.label) for row in dataset.rows]


def identities(dataset: Dataset) -> list[tuple[str, int]]:
    return [(row.label, row.serial) for row in dataset.rows]


# --- the array ------------------------------------------------------------------------------

ARRAY = ArrayDescription((ArrayChannel("CO2", "MG-811", 0.5, 0.01), ArrayChannel("mq9")), serial_id="7")


def array_info(stamp_s: float, array: ArrayDescription | None) -> tuple[int, str, Any]:
    stamp_ns = round(stamp_s * S)
    source = Source("serial", True, "running")
    told = encode_source_status(source, stamp_ns, "", "gas_sensor", MAKER, array)
    return stamp_ns, "/gas/array_info", told


def array_bags(folder: Path, *arrays: tuple[ArrayDescription | None, ...]) -> list[Path]:
    """A bag for each, that tells of these arrays one after the other."""
    return [
        bag_of(
            folder / f"bag{number}",
            label(1, "NoGas"),
            *(array_info(place + 1, array) for place, array in enumerate(told)),
            reading(2),
            reading(9),
        )
        for number, told in enumerate(arrays)
    ]


def test_the_folder_tells_of_the_array_and_a_bag_of_it_again(tmp_path: Path) -> None:
    bags = array_bags(tmp_path, (ARRAY,), (ARRAY, None, ARRAY))
    summary, losses, _ = made(tmp_path / "out", *bags)
    found = load_array(tmp_path / "out" / "array.yaml")
    # With the folder's channels, whether it was told of them or not.
    assert found == replace(ARRAY, channels=(ArrayChannel("mq2"), ARRAY.channels[0]))
    assert (summary.array, losses) == (found, {"topic_missing_image": 2})
    provenance = json.loads((tmp_path / "out" / "provenance.json").read_text())
    assert provenance["array"] == "array.yaml"
    assert provenance["bags"][0]["topics"]["array"] == "/gas/array_info"


@pytest.mark.parametrize(
    ("arrays", "loss"),
    [
        ([(ARRAY, replace(ARRAY, serial_id="8"))], "arrays_differ"),
        ([(ARRAY,), (replace(ARRAY, full_scale=4095.0),)], "arrays_differ"),
        ([(ARRAY,), (None,)], "array_unknown"),
        ([(ARRAY,), ()], "array_unknown"),
        ([(None,), ()], None),
    ],
)
def test_a_folder_of_several_arrays_or_of_unknown_ones_tells_of_none(
    tmp_path: Path, arrays: list[tuple[ArrayDescription | None, ...]], loss: str | None
) -> None:
    summary, losses, _ = made(tmp_path / "out", *array_bags(tmp_path, *arrays))
    assert summary.array is None
    assert not (tmp_path / "out" / "array.yaml").exists()
    assert set(losses) - {"topic_missing_image"} == ({loss} if loss else set())


# --- rows -----------------------------------------------------------------------------------


def test_a_reading_takes_the_label_that_holds_and_the_nearest_image(tmp_path: Path) -> None:
    bag = bag_of(
        tmp_path / "bag",
        label(1, "NoGas"),
        *(reading(second) for second in (1, 2, 3, 4)),
        *(image(second, round(100 * second)) for second in (1.02, 1.97, 2.04, 3.5)),
        label(3, "Smoke"),
    )
    summary, losses, dataset = made(tmp_path / "out", bag)
    assert rows(dataset) == [(1, "NoGas"), (2, "NoGas"), (3, "Smoke"), (4, "Smoke")]
    images = [row.image for row in dataset.rows]
    assert [None if path is None else path.name for path in images] == [
        "0_NoGas.png",
        "1_NoGas.png",
        None,
        None,
    ]
    assert (summary.rows, summary.images, summary.left_out) == ({"NoGas": 2, "Smoke": 2}, 2, {})
    assert losses == {}
    assert dataset.counts.tolist() == [[1, 1], [2, 1], [3, 1], [4, 1]]


def test_a_label_recorded_after_its_reading_counts_from_its_time(tmp_path: Path) -> None:
    messages = (reading(1), image(1), label(1, "NoGas"), reading(2), image(2), label(2, "Smoke"))
    _, _, dataset = made(tmp_path / "out", bag_of(tmp_path / "bag", *messages))
    assert rows(dataset) == [(1, "NoGas"), (2, "Smoke")]


def test_what_becomes_no_row_is_counted_by_its_reason(tmp_path: Path) -> None:
    bag = bag_of(
        tmp_path / "bag",
        reading(1),  # before the first label
        label(2, "NoGas"),
        reading(2),
        reading(3, math.nan, 1.0),
        reading(4, 1.0, math.inf),
        reading(4),
        reading(5, 1.0, channels=("mq2",)),
        (round(5.5 * S), *reading(0)[1:]),
        reading(6),
        label(7, "Unknown"),
        reading(8),
    )
    summary, losses, dataset = made(tmp_path / "out", bag)
    assert rows(dataset) == [(2, "NoGas"), (6, "NoGas")]
    assert summary.left_out == {"unlabelled": 2, "not_finite": 2, "undecodable": 1, "refused": 2}
    assert summary.bags[0].readings == 2 + 2 + 2 + 1 + 2
    assert losses == {
        "topic_missing_image": 1,
        "reading_missing_channel": 1,
        "zero_stamp_readings": 1,
        "duplicate_readings": 1,
    }


def test_images_that_cannot_be_used_leave_their_rows_without_one(tmp_path: Path) -> None:
    nothing = image(1, encoding="32FC1")[2]
    nothing.data = np.full((24, 32), np.nan, dtype=np.float32).view(np.uint8).reshape(-1)
    unknown = image(2)[2]
    unknown.encoding = "bayer_rggb16"
    topic = "/thermal/image_raw"
    bag = bag_of(
        tmp_path / "bag",
        label(1, "NoGas"),
        *(reading(second) for second in (1, 2, 3)),
        (S, topic, nothing),
        (2 * S, topic, unknown),
        image(3),
    )
    summary, losses, dataset = made(tmp_path / "out", bag)
    assert [row.image is None for row in dataset.rows] == [True, True, False]
    assert losses == {"image_unusable": 1, "image_encoding": 1}
    assert summary.bags[0].rows_with_image == 1


def test_rows_are_at_least_a_period_apart_give_or_take_the_jitter(tmp_path: Path) -> None:
    stamps = (1, 1.5, 2.0, 2.98, 3.5, 4.0, 10.0, 10.9)
    bag = bag_of(tmp_path / "bag", label(1, "NoGas"), *(reading(stamp) for stamp in stamps))
    summary, _, dataset = made(tmp_path / "out", bag, settings=DatasetSettings(period_ns=S))
    assert [stamp for stamp, _ in rows(dataset)] == [1, 2, 2.98, 4, 10]
    assert summary.left_out == {"thinned": 3}


def test_rows_are_in_time_order_and_a_late_reading_is_left_out(tmp_path: Path) -> None:
    messages = [label(1, "NoGas"), reading(1), reading(10), reading(20), reading(19.5), reading(30)]
    bag = bag_of(tmp_path / "bag", *messages, in_order_given=True)
    csv = tmp_path / "labels.csv"
    csv.write_text("start,end,class\n0,100,NoGas\n")
    summary, losses, dataset = made(tmp_path / "out", bag, settings=DatasetSettings(labels=(csv,)))
    assert [stamp for stamp, _ in rows(dataset)] == [1, 10, 19.5, 20, 30], "it still waited"
    late = [reading(1), *(image(second) for second in (1, 10, 20)), reading(10), reading(20), reading(19.5)]
    bag = bag_of(tmp_path / "late", *late, in_order_given=True)
    summary, losses, dataset = made(tmp_path / "out2", bag, settings=DatasetSettings(labels=(csv,)))
    assert [stamp for stamp, _ in rows(dataset)] == [1, 10, 20]
    assert (summary.left_out, losses) == ({"out_of_order": 1}, {"reading_out_of_order": 1})


def test_where_time_goes_back_another_recording_begins(tmp_path: Path) -> None:
    stamps = [1, 2, 3, 4, 1, 2, 3, 4]
    bag = bag_of(tmp_path / "bag", *(reading(stamp) for stamp in stamps), in_order_given=True)
    csv = tmp_path / "labels.csv"
    csv.write_text("start,end,class\n0,100,NoGas\n")
    _, _, dataset = made(tmp_path / "out", bag, settings=DatasetSettings(labels=(csv,)))
    assert [row.bag for row in dataset.rows] == ["bag"] * 4 + ["bag#2"] * 4
    assert [stamp for stamp, _ in rows(dataset)] == stamps


def test_a_simulation_recorded_in_wall_time_finds_its_labels(tmp_path: Path) -> None:
    wall_ns = 1_700_000_000 * S
    with BagWriter(tmp_path / "bag") as writer:
        for second, text in enumerate(["NoGas", "NoGas", "Smoke"]):
            for _, topic, message in (label(second, text), reading(1 + second)):
                cdr = MAKER.serialize(message)
                writer.write(topic, message.__msgtype__, cdr, wall_ns + second * S)
    _, _, dataset = made(tmp_path / "out", tmp_path / "bag")
    assert rows(dataset) == [(1, "NoGas"), (2, "NoGas"), (3, "Smoke")]


# --- labels and several bags ----------------------------------------------------------------


def test_intervals_of_a_csv_count_from_the_first_reading_and_win_over_the_topic(tmp_path: Path) -> None:
    bag = bag_of(tmp_path / "bag", label(99, "NoGas"), *(reading(second) for second in range(100, 106)))
    csv = tmp_path / "labels.csv"
    csv.write_text("start,end,class\n1,2,Smoke\n4,4.5,Perfume\n")
    summary, _, dataset = made(tmp_path / "out", bag, settings=DatasetSettings(labels=(csv,)))
    assert rows(dataset) == [(101, "Smoke"), (102, "Smoke"), (104, "Perfume")]
    assert summary.left_out == {"unlabelled": 3}
    assert summary.bags[0].labels == str(csv)


def test_several_bags_come_one_after_another_and_serial_numbers_go_on(tmp_path: Path) -> None:
    late = bag_of(tmp_path / "late" / "bag", label(50, "NoGas"), reading(50), image(50))
    early = bag_of(tmp_path / "early" / "bag", label(5, "NoGas"), reading(5), label(6, "Smoke"), reading(6))
    summary, _, dataset = made(tmp_path / "out", late, early)
    assert [(row.bag, row.serial, row.label) for row in dataset.rows] == [
        ("late/bag", 0, "NoGas"),
        ("early/bag", 1, "NoGas"),
        ("early/bag", 0, "Smoke"),
    ]
    provenance = json.loads((tmp_path / "out" / "provenance.json").read_text())
    assert [bag["name"] for bag in provenance["bags"]] == ["late/bag", "early/bag"]
    assert [len(bag["sha256"]) for bag in provenance["bags"]] == [64, 64]
    assert provenance["bags"][0]["topics"]["gas"] == "/gas/readings"
    assert (provenance["rows"], provenance["channels"]) == ({"NoGas": 2, "Smoke": 1}, list(CHANNELS))
    assert (provenance["made_by"], provenance["slop_s"]) == ("test", 0.06)
    assert provenance["losses"] == {"topic_missing_image": 1}
    assert summary.bags[1].rows == {"NoGas": 1, "Smoke": 1}


def test_where_the_robot_was_makes_no_difference(tmp_path: Path) -> None:
    sensed = (label(1, "NoGas"), reading(1), image(1))
    plain = bag_of(tmp_path / "plain" / "bag", *sensed)
    posed = bag_of(tmp_path / "posed" / "bag", *sensed, pose(1, "/arm/pose"), pose(1, "/base/pose"))
    told = []
    for number, bag in enumerate((plain, posed)):
        _, losses, _ = made(tmp_path / f"out{number}", bag)
        provenance = json.loads((tmp_path / f"out{number}" / "provenance.json").read_text())
        told.append((losses, provenance["bags"][0]["topics"]))
    assert told[0] == told[1]
    assert told[0] == (
        {},
        {
            "gas": "/gas/readings",
            "image": "/thermal/image_raw",
            "label": "/truth/label",
            "leaks": None,
            "array": None,
            "camera": None,
        },
    )


def test_pictures_of_two_sizes_are_told_of(tmp_path: Path) -> None:
    slope = np.add.outer(np.arange(48), np.arange(64)).astype(np.uint16)
    large = encode_frame(ThermalFrame(2 * S, slope, "mono16"), MAKER)
    bag = bag_of(
        tmp_path / "bag",
        *(label(1, "NoGas"), reading(1), image(1), reading(2)),
        (2 * S, "/thermal/image_raw", large),
    )
    _, losses, _ = made(tmp_path / "out", bag)
    assert losses == {"image_sizes": 1}


def test_names_tell_bags_apart() -> None:
    assert _names([Path("/a/one/bag"), Path("/a/two/bag"), Path("/x.mcap")]) == [
        "one/bag",
        "two/bag",
        "/x.mcap",
    ]
    assert _names([Path("/a/one"), Path("/a/two")]) == ["one", "two"]
    with pytest.raises(DatasetMakingError, match="is given 2 times"):
        _names([Path("/a/one"), Path("/a/../a/one")])


# --- channels and topics --------------------------------------------------------------------


def test_channels_can_be_chosen(tmp_path: Path) -> None:
    bag = bag_of(tmp_path / "bag", label(1, "NoGas"), reading(1, 5.0, 6.0))
    summary, _, dataset = made(tmp_path / "out", bag, settings=DatasetSettings(channels=("CO2",)))
    assert summary.channels == ("CO2",)
    assert dataset.counts.tolist() == [[6.0]]


def test_topics_can_be_chosen(tmp_path: Path) -> None:
    messages = [label(1, "Smoke", "/air"), reading(1), label(1, "NoGas")]
    bag = bag_of(tmp_path / "bag", *messages)
    settings = DatasetSettings(topics=BagTopics(label="/air", gas="/gas/readings"))
    assert rows(made(tmp_path / "out", bag, settings=settings)[2]) == [(1, "Smoke")]
    with pytest.raises(TopicError, match="/none"):
        made(tmp_path / "out2", bag, settings=DatasetSettings(topics=BagTopics(gas="/none")))


# --- refusals -------------------------------------------------------------------------------


def test_what_cannot_be_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    out = tmp_path / "out"
    no_labels = bag_of(tmp_path / "no_labels", reading(1))
    no_gas = bag_of(tmp_path / "no_gas", label(1, "NoGas"), image(1))
    no_channel = bag_of(tmp_path / "no_channel", label(1, "NoGas"), reading(1, channels=()))
    good = bag_of(tmp_path / "good", label(1, "NoGas"), reading(1))
    csv = tmp_path / "labels.csv"
    csv.write_text("start,end,class\n5,1,NoGas\n")
    for bags, settings, error, complaint in [
        ([good, no_labels], DatasetSettings(), DatasetMakingError, "no_labels has no labels"),
        ([no_gas], DatasetSettings(), DatasetMakingError, "no_gas has no gas readings"),
        ([no_channel], DatasetSettings(), DatasetMakingError, "no reading has a channel"),
        ([tmp_path / "none"], DatasetSettings(), BagReadError, "none"),
        ([good], DatasetSettings(labels=(csv,)), LabelError, r"labels\.csv line 2"),
        ([good], DatasetSettings(labels=(csv, csv)), DatasetMakingError, "given 2 times for 1 bags"),
    ]:
        with pytest.raises(error, match=complaint):
            made(out, *bags, settings=settings)
    assert not out.exists()


def test_a_folder_without_a_row_is_refused(tmp_path: Path) -> None:
    bag = bag_of(tmp_path / "bag", reading(1), reading(2, math.nan, math.nan), label(2, "NoGas"))
    with pytest.raises(DatasetMakingError, match="no reading became a row: 1 unlabelled, 1 not finite"):
        made(tmp_path / "out", bag)


# --- there and back -------------------------------------------------------------------------


def test_a_folder_comes_back_from_its_bag(tmp_path: Path) -> None:
    labels = ["NoGas", "NoGas", "Smoke", "Smoke", "NoGas", "Perfume"]
    serials = [0, 1, 0, 1, 2, 0]
    lines = [
        f"{serial},{5 * at},{at}.5,{name}"
        for at, (serial, name) in enumerate(zip(serials, labels, strict=True))
    ]
    folder = write_folder(tmp_path / "data", "Serial Number,MQ2,CO2,Gas", lines)
    for name in ("0_NoGas.png", "1_Smoke.png", "0_Perfume.png"):
        write_image(folder, name, colours(len(name)))
    make_bag(FolderSource(folder, FolderSettings(CHANNELS)), BagTarget(tmp_path / "bag"), no_tick)
    summary, losses, back = made(tmp_path / "out", tmp_path / "bag")
    assert (summary.left_out, losses) == ({}, {})
    original = Dataset.load(folder, CHANNELS)
    np.testing.assert_array_equal(back.counts, original.counts)
    assert identities(back) == identities(original)
    assert [row.stamp_ns for row in back.rows] == [1000 * S + 2 * S * index for index in range(6)]
    for one, other in zip(back.rows, original.rows, strict=True):
        assert (one.image is None) == (other.image is None)
    assert not list((tmp_path / "out").glob("*.part"))

    # And once more: now the stamps are in the folder.
    make_bag(FolderSource(tmp_path / "out", FolderSettings(CHANNELS)), BagTarget(tmp_path / "bag2"), no_tick)
    _, _, again = made(tmp_path / "out2", tmp_path / "bag2")
    assert [row.stamp_ns for row in again.rows] == [row.stamp_ns for row in back.rows]


def test_the_real_recording_comes_back_from_its_bag(tmp_path: Path, gas_fusion_data: Path) -> None:
    channels = ("mq2", "mq135")
    source = FolderSource(gas_fusion_data, FolderSettings(channels))
    make_bag(source, BagTarget(tmp_path / "bag"), no_tick)
    summary, _, back = made(tmp_path / "out", tmp_path / "bag")
    original = Dataset.load(gas_fusion_data, channels)
    np.testing.assert_array_equal(back.counts, original.counts)
    assert [row.label for row in back.rows] == [row.label for row in original.rows]
    assert summary.images == sum(row.image is not None for row in original.rows)
