"""The robot's name at the broker, and the topics that are its own."""

from __future__ import annotations

import re
from dataclasses import dataclass

from gas_fusion_ros.base.quoting import quoted

_NAME = re.compile(r"[A-Za-z0-9_.\-]{1,64}")
_PREFIX = re.compile(r"[A-Za-z0-9_.\-]+(/[A-Za-z0-9_.\-]+)*")
_LONGEST_PREFIX = 200


@dataclass(frozen=True)
class RobotTopics:
    """Where a robot's documents go.

    Attributes:
        robot: the robot's name.
        state: retained, repeated; the broker's last will as well.
        alarms: retained: what stood when it was last known.
        events: what changed, each once and numbered.
    """

    robot: str
    state: str
    alarms: str
    events: str


def robot_topics(prefix: str, robot: str, namespace: str) -> RobotTopics:
    """Return the topics of a robot.

    Args:
        prefix: what they begin with.
        robot: its name; where it is empty, the namespace's.
        namespace: the node's, as `/site/robot1`.

    Raises:
        ValueError: no name is given, or a name would not be one level of a topic; names the parameter.
    """
    name = robot or namespace.strip("/").replace("/", ".")
    if not name:
        raise ValueError(
            "robot is not set, and the node has no namespace to take its place; name the robot in one of the "
            "two, so that the broker can tell it from the others"
        )
    if not _NAME.fullmatch(name):
        raise ValueError(
            f"robot is {quoted(name)}; it must be 1 to 64 of the characters A-Z, a-z, 0-9, '_', '-' and '.'"
        )
    _check_prefix(prefix)
    place = f"{prefix}/{name}"
    return RobotTopics(name, f"{place}/state", f"{place}/alarms", f"{place}/events")


@dataclass(frozen=True)
class FleetTopics:
    """Where the documents of all robots are that begin with a prefix.

    Raises:
        ValueError: the prefix is none.
    """

    prefix: str

    def __post_init__(self) -> None:
        _check_prefix(self.prefix)

    @property
    def state(self) -> str:
        """Filter of every robot's state."""
        return f"{self.prefix}/+/state"

    @property
    def alarms(self) -> str:
        """Filter of what stands at every robot."""
        return f"{self.prefix}/+/alarms"

    def robot_of(self, topic: str) -> str:
        """The name of the robot whose state or alarms are on a topic.

        Raises:
            ValueError: its name is none that a robot can have.
        """
        name = topic.removeprefix(f"{self.prefix}/").rpartition("/")[0]
        if not _NAME.fullmatch(name):
            raise ValueError(f"{quoted(name)} is no name of a robot; its relay would not start with it")
        return name


def _check_prefix(prefix: str) -> None:
    if not _PREFIX.fullmatch(prefix) or len(prefix) > _LONGEST_PREFIX:
        raise ValueError(
            f"topic_prefix is {quoted(prefix)}; it must be names of the characters A-Z, a-z, 0-9, '_', '-' "
            f"and '.', separated by single slashes, {_LONGEST_PREFIX} characters at most"
        )
