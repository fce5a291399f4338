"""Finds the topics of a bag that matter: by the package's names, else by type."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from gas_fusion_ros.bags.reader import BagTopic
from gas_fusion_ros.base.problems import Problems
from gas_fusion_ros.base.quoting import MOST_NAMES, shown

GAS_READINGS = "gas/readings"
RAW_IMAGE, RADIOMETRIC_IMAGE = "thermal/image_raw", "thermal/image"
TRUTH_LABEL = "truth/label"
"""std_msgs/String; a label holds from its time of recording on until the next."""
TRUTH_LEAKS = "truth/leaks"
"""diagnostic_msgs/DiagnosticArray; one status per leak, its message the gas, its values `start_ns`, `end_ns`,
`first_sign_ns` and `recovered_ns`, decimal integers."""

ARRAY_INFO = "gas/array_info"
CAMERA_STATUS = "thermal/camera_status"
ROBOT_POSE = "pose"
"""Of one of three types, see `BagTopics`."""


class TopicError(ValueError):
    """A topic that was asked for cannot be had; the message names what there is instead."""


@dataclass(frozen=True)
class BagTopics:
    """Names of the topics that matter; None where there is none, or none was asked for.

    Attributes:
        gas: readings, sensor_msgs/PointCloud2.
        image: thermal images, sensor_msgs/Image.
        label: true labels, std_msgs/String.
        leaks: true leaks, diagnostic_msgs/DiagnosticArray.
        array: what the array says of itself, diagnostic_msgs/DiagnosticArray; looked for by its name alone.
        pose: where the robot is, geometry_msgs/PoseStamped, geometry_msgs/PoseWithCovarianceStamped or
            nav_msgs/Odometry.
        camera: what the camera says of itself, as `array`.
    """

    gas: str | None = None
    image: str | None = None
    label: str | None = None
    leaks: str | None = None
    pose: str | None = None
    array: str | None = None
    camera: str | None = None


@dataclass(frozen=True)
class _Kind:
    """A kind of topic: `names` are those of convention, the best first, seen without a namespace."""

    key: str
    what: str
    type_names: tuple[str, ...]
    names: tuple[str, ...]
    by_type: bool = False
    """Whether a topic of another name will do."""
    names_are_ours: bool = True
    """Whether a topic of such a name is meant to be of this kind, so that another type is a mistake."""

    @property
    def types(self) -> str:
        """The types, for a sentence."""
        *others, last = self.type_names
        return f"{', '.join(others)} or {last}" if others else last


_GAS = _Kind("gas", "gas readings", ("sensor_msgs/msg/PointCloud2",), (GAS_READINGS,), by_type=True)
# The classifier node hears thermal/image_raw, so that is what it saw where there are both.
_IMAGE = _Kind(
    "image", "thermal images", ("sensor_msgs/msg/Image",), (RAW_IMAGE, RADIOMETRIC_IMAGE), by_type=True
)
_LABEL = _Kind("label", "labels", ("std_msgs/msg/String",), (TRUTH_LABEL,))
_LEAKS = _Kind("leaks", "leaks", ("diagnostic_msgs/msg/DiagnosticArray",), (TRUTH_LEAKS,))
_POSE = _Kind(
    "pose",
    "poses of the robot",
    (
        "geometry_msgs/msg/PoseStamped",
        "geometry_msgs/msg/PoseWithCovarianceStamped",
        "nav_msgs/msg/Odometry",
    ),
    (ROBOT_POSE,),
    names_are_ours=False,
)
_ARRAY = _Kind("array", "states of the array", ("diagnostic_msgs/msg/DiagnosticArray",), (ARRAY_INFO,))
_CAMERA = _Kind("camera", "states of the camera", ("diagnostic_msgs/msg/DiagnosticArray",), (CAMERA_STATUS,))
_KINDS = (_GAS, _IMAGE, _LABEL, _LEAKS, _POSE, _ARRAY, _CAMERA)
"""In the order in which they are looked for: the others near the readings."""


def find_topics(
    topics: Sequence[BagTopic], wanted: BagTopics, problems: Problems, without: Collection[str] = ()
) -> BagTopics:
    """Find the topics that matter.

    By convention they are named `gas/readings`, `thermal/image_raw` or `thermal/image`, `truth/label`,
    `truth/leaks` and `pose`, in any namespace; the others are looked for in that of the readings first.
    Readings and images of another name are found by their type.

    Args:
        topics: what the bag holds.
        wanted: names given by the user; None is looked for.
        problems: where `topic_missing_gas`, `topic_missing_image`, `topic_ambiguous` and
            `topic_wrong_type` are counted.
        without: attributes of `BagTopics` that stay None: neither looked for nor missed.

    Raises:
        TopicError: a wanted topic is not there or has another type.
    """
    found: dict[str, str | None] = {}
    for kind in _KINDS:
        if kind.key not in without:
            asked = getattr(wanted, kind.key)
            found[kind.key] = _find(kind, asked, topics, found.get(_GAS.key), problems)
    return BagTopics(**found)


def _find(
    kind: _Kind, wanted: str | None, topics: Sequence[BagTopic], gas: str | None, problems: Problems
) -> str | None:
    if wanted is not None:
        return _asked_for(kind, wanted, topics)
    if kind.names_are_ours:
        _say_mistyped(kind, topics, problems)
    candidates = [
        topic for topic in _of_type(kind, topics) if kind.by_type or _convention(kind, topic.name) is not None
    ]
    if not candidates:
        if kind.by_type:
            problems.add(
                f"topic_missing_{kind.key}",
                f"there are no {kind.what}: no topic is {kind.types}; there is {_listed(topics)}",
            )
        return None
    return _best(kind, candidates, gas, problems)


def _of_type(kind: _Kind, topics: Iterable[BagTopic]) -> list[BagTopic]:
    return [topic for topic in topics if topic.type_name in kind.type_names]


def _say_mistyped(kind: _Kind, topics: Iterable[BagTopic], problems: Problems) -> None:
    """Count the topics of a name of convention that are of another type."""
    for topic in topics:
        if _convention(kind, topic.name) is not None and topic.type_name not in kind.type_names:
            problems.add(
                "topic_wrong_type",
                f"{shown(topic.name)} is {shown(topic.type_name)}; {kind.what} are {kind.types}",
            )


def _asked_for(kind: _Kind, wanted: str, topics: Sequence[BagTopic]) -> str:
    named = [topic for topic in topics if topic.name in (wanted, f"/{wanted}")]
    if _of_type(kind, named):
        return named[0].name
    if named:
        raise TopicError(
            f"{shown(named[0].name)} is {shown(named[0].type_name)}; {kind.what} are {kind.types}"
        )
    there = _listed(_of_type(kind, topics))
    raise TopicError(f"there is no topic {shown(wanted)}; of type {kind.types} there is {there}")


def _best(kind: _Kind, candidates: Sequence[BagTopic], gas: str | None, problems: Problems) -> str:
    filled = [topic for topic in candidates if topic.messages != 0] or candidates
    ranks = {topic: _rank(kind, topic.name, gas) for topic in filled}
    best = [topic for topic in filled if ranks[topic] == min(ranks.values())]
    # The most messages; of equally many the first by name.
    chosen = min(best, key=lambda topic: (-(topic.messages or 0), topic.name))
    if len(best) > 1:
        problems.add(
            "topic_ambiguous",
            f"{len(best)} topics may be the {kind.what}: {_listed(best)}; {shown(chosen.name)} is taken, "
            f"--{kind.key}-topic chooses",
        )
    return chosen.name


def _rank(kind: _Kind, name: str, gas: str | None) -> tuple[bool, bool, int, int]:
    """Sorts the likelier first: in the namespace of the readings, named by convention, near the readings."""
    convention = _convention(kind, name)
    namespace = None if convention is None else name.removesuffix(kind.names[convention])
    gas_namespace = None
    shared = 0
    if gas is not None:
        gas_namespace = gas.removesuffix(_GAS.names[0]) if _convention(_GAS, gas) is not None else None
        shared = _shared_parts(name, gas)
    at_home = namespace is not None and namespace == gas_namespace
    return not at_home, convention is None, -shared, convention or 0


def _shared_parts(one: str, other: str) -> int:
    shared = 0
    for left, right in zip(one.split("/"), other.split("/"), strict=False):
        if left != right:
            break
        shared += 1
    return shared


def _convention(kind: _Kind, name: str) -> int | None:
    """Which name of convention this is, in whatever namespace; None where it is none."""
    for number, convention in enumerate(kind.names):
        if f"/{name}".endswith(f"/{convention}"):
            return number
    return None


def _listed(topics: Sequence[BagTopic]) -> str:
    told = [f"{shown(topic.name)} ({shown(topic.type_name)})" for topic in topics[:MOST_NAMES]]
    more = len(topics) - MOST_NAMES
    return f"{', '.join(told)} and {more} more" if more > 0 else ", ".join(told) or "none"
