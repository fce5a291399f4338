"""How `ros2 bag play` is called so that the classifier hears of a bag what an evaluation takes from it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

from gas_fusion_ros.bags.reader import BagReader
from gas_fusion_ros.bags.topics import (
    ARRAY_INFO,
    CAMERA_STATUS,
    COMPRESSED_IMAGE,
    COMPRESSED_TYPE,
    GAS_READINGS,
    RAW_IMAGE,
    BagTopics,
    TopicError,
    find_topics,
)
from gas_fusion_ros.base.problems import Problem, Problems
from gas_fusion_ros.base.quoting import quoted, shown

CLOCK_RATE_HZ = "100"

_TOPIC_NAME = re.compile(r"(/[A-Za-z_]\w*)+", re.ASCII)


@dataclass(frozen=True)
class BagPlayback:
    """What is played and how.

    Attributes:
        bag: a rosbag2 directory or file.
        rate: speed, 1 for that of the recording.
        loops: whether it plays over and over.
        bag_namespace: topics of the bag outside of it are left alone; empty leaves none alone.
        namespace: the classifier's.
        topics: topics of the bag to play; those that are None are looked for as an evaluation does.
    """

    bag: Path
    rate: float = 1.0
    loops: bool = False
    bag_namespace: str = ""
    namespace: str = ""
    topics: BagTopics = field(default_factory=BagTopics)

    def __post_init__(self) -> None:
        if not self.rate > 0:
            raise ValueError(f"rate must be above 0, not {self.rate:g}")


@dataclass(frozen=True)
class PlayCommand:
    """How a bag is played, and what the classifier must know of it.

    Attributes:
        arguments: the command line.
        doubts: what is doubtful about it.
        image_transport: the classifier's parameter of this name that hears the images.
    """

    arguments: list[str]
    doubts: list[Problem]
    image_transport: str


def play_command(playback: BagPlayback) -> PlayCommand:
    """Return how a bag is played.

    Only what the sensors said is played, of themselves too; the verdicts in the bag would mix with those
    made now.

    Raises:
        BagReadError: the bag cannot be read.
        TopicError: there is nothing for the classifier in it, or not the topic that was asked for.
    """
    problems = Problems()
    found, is_compressed = _find_topics(playback, problems)
    # What the classifier node subscribes to, below its namespace.
    remapped = {
        recorded: _topic(playback.namespace, heard)
        for recorded, heard in (
            (found.gas, GAS_READINGS),
            (found.image, COMPRESSED_IMAGE if is_compressed else RAW_IMAGE),
            (found.array, ARRAY_INFO),
            (found.camera, CAMERA_STATUS),
        )
        if recorded is not None
    }
    doubts = problems.take_unreported()
    if found.gas is None and found.image is None:
        raise TopicError(f"{shown(playback.bag)}: {'; '.join(doubt.detail for doubt in doubts)}")
    for name in remapped:
        # It becomes an argument of a command line, which must not take it for an option.
        if not _TOPIC_NAME.fullmatch(name):
            raise TopicError(f"{shown(playback.bag)}: the topic {quoted(name)} has no name that ROS allows")
    command = ["ros2", "bag", "play", str(playback.bag), "--clock", CLOCK_RATE_HZ]
    command += ["--rate", f"{playback.rate:g}", "--disable-keyboard-controls"]
    if playback.loops:
        command.append("--loop")
    command += ["--topics", *remapped]
    command += ["--remap", *(f"{recorded}:={heard}" for recorded, heard in remapped.items())]
    return PlayCommand(command, doubts, "compressed" if is_compressed else "raw")


def _find_topics(playback: BagPlayback, problems: Problems) -> tuple[BagTopics, bool]:
    """The topics, and whether the images are compressed."""
    # What else is wrong with the bag, its player says.
    with BagReader(playback.bag, Problems()) as reader:
        prefix = _topic(playback.bag_namespace, "")
        inside = [topic for topic in reader.topics if topic.name.startswith(prefix)]
        found = find_topics(inside, playback.topics, problems, ("pose",), reader.first_messages).topics
    types = {topic.name: topic.type_name for topic in inside}
    return found, types.get(found.image or "") == COMPRESSED_TYPE


def _topic(namespace: str, topic: str) -> str:
    return "/".join(["", *filter(None, namespace.split("/")), topic])
