"""What `ros2 bag play` is told to play of a bag, and what to call it."""

from __future__ import annotations

from pathlib import Path

import made_bags
import numpy as np
import pytest
from made_bags import EPOCH, Made

from gas_fusion_ros.bags.reader import BagReadError
from gas_fusion_ros.bags.ros2_bag_play import BagPlayback, play_command
from gas_fusion_ros.bags.topics import BagTopics, TopicError
from gas_fusion_ros.base.observation import PAPER_CHANNELS

DIAGNOSTICS = "diagnostic_msgs/msg/DiagnosticArray"


def reading(topic: str) -> Made:
    return made_bags.reading(EPOCH, [500.0] * len(PAPER_CHANNELS), topic)


def image(topic: str) -> Made:
    return made_bags.image(EPOCH, np.zeros((4, 5), np.uint16), "mono16", topic)


def played(command: list[str]) -> dict[str, str]:
    """What each topic that is played is called."""
    topics = command[command.index("--topics") + 1 : command.index("--remap")]
    remaps = dict(rule.split(":=") for rule in command[command.index("--remap") + 1 :])
    assert topics == list(remaps)
    return remaps


def test_the_sensors_are_played_as_the_classifier_hears_them_and_nothing_else(tmp_path: Path) -> None:
    verdict = made_bags.text("/gas/class", EPOCH, "Smoke")
    poses = [made_bags.pose(EPOCH, 1.0, topic=topic) for topic in ("/arm/pose", "/base/pose")]
    heard = [reading("/gas/readings"), image("/thermal/image")]
    bag = made_bags.write_bag(tmp_path / "bag", [*heard, verdict, *poses])
    playing = play_command(BagPlayback(bag))
    command, doubts = playing.arguments, playing.doubts
    assert command[:6] == ["ros2", "bag", "play", str(bag), "--clock", "100"]
    assert command[6:9] == ["--rate", "1", "--disable-keyboard-controls"]
    assert played(command) == {"/gas/readings": "/gas/readings", "/thermal/image": "/thermal/image_raw"}
    assert doubts == []


def test_what_the_array_says_of_itself_is_played_with_its_readings(tmp_path: Path) -> None:
    message = made_bags.STORE.types[DIAGNOSTICS](header=made_bags.header(EPOCH, ""), status=[])
    told = Made("/robot1/gas/array_info", DIAGNOSTICS, EPOCH, message)
    bag = made_bags.write_bag(tmp_path / "bag", [told, reading("/robot1/gas/readings")])
    command = play_command(BagPlayback(bag, namespace="again")).arguments
    assert played(command) == {
        "/robot1/gas/readings": "/again/gas/readings",
        "/robot1/gas/array_info": "/again/gas/array_info",
    }
    camera = Made("/robot1/thermal/camera_status", DIAGNOSTICS, EPOCH, message)
    bag = made_bags.write_bag(tmp_path / "both", [told, camera, reading("/robot1/gas/readings")])
    command = play_command(BagPlayback(bag)).arguments
    assert played(command)["/robot1/thermal/camera_status"] == "/thermal/camera_status"
    alone = made_bags.write_bag(tmp_path / "alone", [told])
    with pytest.raises(TopicError, match="there are no gas readings"):
        play_command(BagPlayback(alone))


def test_of_two_image_topics_one_is_played(tmp_path: Path) -> None:
    topics = [reading("/gas/readings"), image("/thermal/image"), image("/thermal/image_raw")]
    bag = made_bags.write_bag(tmp_path / "bag", topics)
    command = play_command(BagPlayback(bag)).arguments
    assert played(command) == {"/gas/readings": "/gas/readings", "/thermal/image_raw": "/thermal/image_raw"}


def test_rate_loop_and_namespaces(tmp_path: Path) -> None:
    topics = [
        make(f"/{robot}/{name}")
        for robot in ("one", "two")
        for make, name in ((reading, "gas/readings"), (image, "thermal/image"))
    ]
    bag = made_bags.write_bag(tmp_path / "bag", topics)
    playing = play_command(BagPlayback(bag, rate=2.5, loops=True, bag_namespace="two", namespace="/again/"))
    command, doubts = playing.arguments, playing.doubts
    assert "--loop" in command
    assert command[command.index("--rate") + 1] == "2.5"
    assert played(command) == {
        "/two/gas/readings": "/again/gas/readings",
        "/two/thermal/image": "/again/thermal/image_raw",
    }
    assert doubts == []
    doubts = play_command(BagPlayback(bag)).doubts
    assert [doubt.cause for doubt in doubts] == ["topic_ambiguous"]


def test_compressed_images_are_played_as_such_and_the_classifier_is_told(tmp_path: Path) -> None:
    picture = made_bags.compressed_image(EPOCH, b"", "jpeg", topic="/flir/image/compressed")
    bag = made_bags.write_bag(tmp_path / "bag", [reading("/gas/readings"), picture])
    playing = play_command(BagPlayback(bag))
    assert played(playing.arguments)["/flir/image/compressed"] == "/thermal/image_raw/compressed"
    assert playing.image_transport == "compressed"
    bag = made_bags.write_bag(tmp_path / "raw", [reading("/gas/readings"), image("/thermal/image")])
    assert play_command(BagPlayback(bag)).image_transport == "raw"


def test_topics_can_be_chosen(tmp_path: Path) -> None:
    bag = made_bags.write_bag(tmp_path / "bag", [reading("/a"), reading("/b"), image("/c"), image("/d")])
    command = play_command(BagPlayback(bag, topics=BagTopics(gas="/b", image="/d"))).arguments
    assert played(command) == {"/b": "/gas/readings", "/d": "/thermal/image_raw"}


def test_what_cannot_be_played_is_refused(tmp_path: Path) -> None:
    bag = made_bags.write_bag(tmp_path / "bag", [made_bags.text("/a", EPOCH, "")])
    with pytest.raises(TopicError, match=r"bag: there are no gas readings.*no thermal images"):
        play_command(BagPlayback(bag))
    with pytest.raises(BagReadError, match="nowhere"):
        play_command(BagPlayback(tmp_path / "nowhere"))
    with pytest.raises(ValueError, match="rate must be above 0, not 0"):
        BagPlayback(bag, rate=0.0)


@pytest.mark.parametrize("name", ["/--loop", "/a b", "/a\n", "/a:=/b", "/ü"])
def test_a_name_that_is_none_of_a_topic_goes_into_no_command(name: str, tmp_path: Path) -> None:
    bag = made_bags.write_bag(tmp_path / "bag", [reading(name)])
    with pytest.raises(TopicError, match="has no name that ROS allows"):
        play_command(BagPlayback(bag))
