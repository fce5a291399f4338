"""What comes on a topic decides what it is taken for, before how much comes; and the choice is said."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from made_bags import EPOCH, SECOND, Made, compressed_image, image, reading, scan, write_bag

from gas_fusion_ros.bags.reader import BagReader
from gas_fusion_ros.bags.topics import BagTopics, FoundTopics, find_topics
from gas_fusion_ros.base.problems import Problems

COLOUR = np.zeros((48, 64, 3), np.uint8)
COUNTS = np.full((12, 16), 29_000, np.uint16)
GREY = np.zeros((12, 16), np.uint8)


def camera(pixels: npt.NDArray[Any], encoding: str, topic: str) -> Made:
    """A picture whose frame says nothing."""
    return image(EPOCH, pixels, encoding, topic, frame_id="camera")


def often(made: Made, times: int) -> list[Made]:
    return [Made(made.topic, made.type_name, made.stamp_ns + n * SECOND, made.message) for n in range(times)]


def found_in(folder: Path, made: Iterable[Made]) -> tuple[FoundTopics, dict[str, str]]:
    bag = write_bag(folder / "bag", sorted(made, key=lambda one: one.stamp_ns))
    problems = Problems()
    with BagReader(bag, problems) as reader:
        found = find_topics(reader.topics, BagTopics(), problems, samples=reader.first_messages)
    return found, {problem.cause: problem.detail for problem in problems.take_unreported()}


def test_a_lidar_is_no_array_however_much_it_sends(tmp_path: Path) -> None:
    made = [*often(scan(EPOCH, "/lidar/points"), 50), reading(EPOCH, [1.0] * 7, "/nose")]
    found, said = found_in(tmp_path, made)
    assert found.topics.gas == "/nose"
    assert "topic_ambiguous" not in said
    (choice,) = found.choices
    assert (choice.kind, choice.topic) == ("gas", "/nose")
    assert choice.told == "1 point of mq2, mq3, mq5, mq6, mq7, mq8, mq135"
    assert choice.others == {"/lidar/points": "1024 points of x, y, z, intensity"}


def test_a_lidar_alone_is_no_array_either(tmp_path: Path) -> None:
    found, said = found_in(tmp_path, [scan(EPOCH, "/lidar/points"), scan(EPOCH, "/radar/target", points=1)])
    assert found.topics.gas is None
    assert "/lidar/points (1024 points of x, y, z, intensity)" in said["topic_missing_gas"]
    assert "/radar/target (1 point" in said["topic_missing_gas"]
    assert "--gas-topic takes it all the same" in said["topic_missing_gas"]


def test_sensors_go_before_single_points_of_other_kinds(tmp_path: Path) -> None:
    others = often(reading(EPOCH, [1.0, 2.0], "/other", channels=("quality", "height")), 20)
    found, _ = found_in(tmp_path, [*others, reading(EPOCH, [1.0] * 7, "/nose")])
    assert found.topics.gas == "/nose"


@pytest.mark.parametrize(
    ("thermal", "told"),
    [
        (camera(COUNTS, "mono16", "/cam1/image"), "mono16 16x12"),
        (camera(COUNTS.astype(np.float32), "32FC1", "/cam1/image"), "32FC1 16x12"),
        (camera(COLOUR, "rgb8", "/lepton/image"), "rgb8 64x48"),
        (camera(GREY, "mono8", "/front/thermal"), "mono8 16x12"),
        (compressed_image(EPOCH, b"", "mono16; png compressed ", "/cam1/image/compressed"), "'mono16; png"),
        (compressed_image(EPOCH, b"", "jpeg", "/ir/image/compressed"), "'jpeg'"),
    ],
)
def test_a_colour_camera_is_not_the_thermal_one_however_much_it_sends(
    tmp_path: Path, thermal: Made, told: str
) -> None:
    made = [
        *often(camera(COLOUR, "bgr8", "/camera/color/image_raw"), 40),
        *often(
            compressed_image(EPOCH, b"", "rgb8; jpeg compressed bgr8", "/camera/color/image_raw/compressed"),
            40,
        ),
        *often(camera(COUNTS, "16UC1", "/camera/depth/image_rect_raw"), 40),
        thermal,
        reading(EPOCH, [1.0] * 7),
    ]
    found, said = found_in(tmp_path, made)
    assert found.topics.image == thermal.topic
    assert said == {}
    (choice,) = found.choices
    assert choice.told.startswith(told)
    assert choice.others["/camera/color/image_raw"] == "bgr8 64x48"
    assert choice.others["/camera/depth/image_rect_raw"] == "16UC1 16x12, a map of depth"
    assert f"{thermal.topic} ({told}" in choice.sentence
    assert "; not /camera/" in choice.sentence


def test_colours_of_an_unknown_camera_alone_are_taken_and_doubted(tmp_path: Path) -> None:
    found, said = found_in(tmp_path, [camera(COLOUR, "bgr8", "/front/image"), reading(EPOCH, [1.0] * 7)])
    assert found.topics.image == "/front/image"
    assert said["topic_doubtful"].startswith("/front/image (bgr8 64x48) is taken for the thermal images")
    assert "--image-topic chooses" in said["topic_doubtful"]


def test_a_frame_that_is_named_after_a_thermal_camera_says_so_too(tmp_path: Path) -> None:
    named = image(EPOCH, COLOUR, "rgb8", "/b/image", frame_id="thermal_camera_optical_frame")
    found, said = found_in(tmp_path, [*often(camera(COLOUR, "bgr8", "/a/image"), 5), named])
    assert found.topics.image == "/b/image"
    assert "topic_doubtful" not in said


def test_of_one_picture_raw_and_compressed_the_raw_one_is_taken(tmp_path: Path) -> None:
    made = [
        camera(COUNTS, "mono16", "/flir/image"),
        *often(compressed_image(EPOCH, b"", "mono16; png compressed ", "/flir/image/compressed"), 5),
        *often(compressed_image(EPOCH, b"", "16UC1; compressedDepth png", "/flir/image/compressedDepth"), 9),
    ]
    assert found_in(tmp_path, made)[0].topics.image == "/flir/image"


def test_names_of_convention_are_not_looked_into(tmp_path: Path) -> None:
    made = [
        camera(COLOUR, "rgb8", "/thermal/image_raw"),
        camera(COUNTS, "mono16", "/flir/image"),
        reading(EPOCH, [1.0] * 7),
    ]
    found, said = found_in(tmp_path, made)
    assert (found.topics.image, said) == ("/thermal/image_raw", {})
    (choice,) = found.choices
    assert choice.sentence == "/thermal/image_raw; not /flir/image"
