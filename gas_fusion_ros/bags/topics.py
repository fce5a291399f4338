"""Finds the topics of a bag that matter: by the package's names, else by what comes on them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from gas_fusion_ros.bags.reader import BagTopic
from gas_fusion_ros.bags.topic_fit import Fit, fit_of_images, fit_of_readings
from gas_fusion_ros.base.problems import Problems
from gas_fusion_ros.base.quoting import MOST_NAMES, shown

GAS_READINGS = "gas/readings"
RAW_IMAGE, RADIOMETRIC_IMAGE = "thermal/image_raw", "thermal/image"
COMPRESSED_IMAGE = f"{RAW_IMAGE}/compressed"
"""As image_transport calls what it makes of the raw ones."""
COMPRESSED_TYPE = "sensor_msgs/msg/CompressedImage"
TRUTH_LABEL = "truth/label"
"""std_msgs/String; a label holds from its time of recording on until the next."""
TRUTH_LEAKS = "truth/leaks"
"""diagnostic_msgs/DiagnosticArray; one status per leak, its message the gas, its values `start_ns`, `end_ns`,
`first_sign_ns` and `recovered_ns`, decimal integers."""

BY_GAS_ALONE = {"image": "--no-images says that it is by gas alone"}
"""Remedy of a command that has that option, for bags without thermal images."""

ARRAY_INFO = "gas/array_info"
CAMERA_STATUS = "thermal/camera_status"
ROBOT_POSE = "pose"
"""Of one of three types, see `BagTopics`."""


def robot_of(gas_topic: str | None) -> str:
    """The robot whose readings come on a topic: its namespace; empty without one."""
    topic = gas_topic or ""
    return topic.removesuffix(GAS_READINGS).strip("/") if topic.endswith(GAS_READINGS) else ""


class TopicError(ValueError):
    """A topic that was asked for cannot be had; the message names what there is instead."""


@dataclass(frozen=True)
class BagTopics:
    """Names of the topics that matter; None where there is none, or none was asked for.

    Attributes:
        gas: readings, sensor_msgs/PointCloud2.
        image: thermal images, sensor_msgs/Image or sensor_msgs/CompressedImage.
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
class TopicChoice:
    """A topic that was taken among several of its type, or in doubt.

    Attributes:
        kind: attribute of `BagTopics`.
        topic: full name of the one taken; None where none of them fits.
        told: what comes on it; empty where nothing is known.
        others: the others by name, with what comes on them; those of convention's names are not looked into.
    """

    kind: str
    topic: str | None
    told: str
    others: Mapping[str, str] = field(default_factory=dict)

    @property
    def sentence(self) -> str:
        """The choice in a line."""
        others = ", ".join(_with_look(name, told) for name, told in list(self.others.items())[:MOST_NAMES])
        chosen = "none" if self.topic is None else _with_look(self.topic, self.told)
        return f"{chosen}; not {others}" if others else chosen


Samples = Callable[[Collection[str]], Mapping[str, Any]]
"""Returns the first message of each of these topics, as far as it can be read."""
_NOT_SEEN = Fit(rank=8)
"""Of a topic without a sample: better than a map of depth, and nothing else."""


def _no_samples(_: Collection[str]) -> Mapping[str, Any]:
    return {}


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
    fit: Callable[[str, Any], Fit] = lambda _, __: Fit()
    """How well a topic fits, by its name and a message."""

    @property
    def types(self) -> str:
        """The types, for a sentence."""
        *others, last = self.type_names
        return f"{', '.join(others)} or {last}" if others else last


_GAS = _Kind(
    "gas",
    "gas readings",
    ("sensor_msgs/msg/PointCloud2",),
    (GAS_READINGS,),
    by_type=True,
    fit=fit_of_readings,
)
# The classifier node hears thermal/image_raw, so that is what it saw where there are both.
_IMAGE = _Kind(
    "image",
    "thermal images",
    ("sensor_msgs/msg/Image", COMPRESSED_TYPE),
    (RAW_IMAGE, RADIOMETRIC_IMAGE, COMPRESSED_IMAGE, f"{RADIOMETRIC_IMAGE}/compressed"),
    by_type=True,
    fit=fit_of_images,
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


@dataclass(frozen=True)
class FoundTopics:
    """The topics that matter, and how they were chosen.

    Attributes:
        topics: their names.
        choices: where there were several, or a doubt.
    """

    topics: BagTopics
    choices: tuple[TopicChoice, ...] = ()


def find_topics(
    topics: Sequence[BagTopic],
    wanted: BagTopics,
    problems: Problems,
    without: Collection[str] = (),
    samples: Samples = _no_samples,
    remedies: Mapping[str, str] = MappingProxyType({}),
) -> FoundTopics:
    """Find the topics that matter.

    By convention they are named `gas/readings`, `thermal/image_raw` or `thermal/image`, `truth/label`,
    `truth/leaks` and `pose`, in any namespace; the others are looked for in that of the readings first.
    Readings and images of another name are found by their type: what comes on the topic decides, and only
    then how much.

    Args:
        topics: what the bag holds.
        wanted: names given by the user; None is looked for.
        problems: where `topic_missing_gas`, `topic_missing_image`, `topic_ambiguous`, `topic_doubtful` and
            `topic_wrong_type` are counted.
        without: attributes of `BagTopics` that stay None: neither looked for nor missed.
        samples: gives a message of topics that are found by their type.
        remedies: what the caller offers where a kind of topic is missing, by attribute of `BagTopics`.

    Raises:
        TopicError: a wanted topic is not there or has another type.
    """
    found: dict[str, str | None] = {}
    choices = []
    for kind in _KINDS:
        if kind.key in without:
            continue
        asked = getattr(wanted, kind.key)
        if asked is not None:
            found[kind.key] = _asked_for(kind, asked, topics)
            continue
        choice = _choose(kind, topics, found.get(_GAS.key), problems, samples, remedies.get(kind.key, ""))
        found[kind.key] = choice.topic
        if choice.others or choice.told:
            choices.append(choice)
    return FoundTopics(BagTopics(**found), tuple(choices))


def _choose(
    kind: _Kind,
    topics: Sequence[BagTopic],
    gas: str | None,
    problems: Problems,
    samples: Samples,
    remedy: str,
) -> TopicChoice:
    if kind.names_are_ours:
        _say_mistyped(kind, topics, problems)
    candidates = [
        topic for topic in _of_type(kind, topics) if kind.by_type or _convention(kind, topic.name) is not None
    ]
    fits = _fits(kind, candidates, samples)
    fitting = [topic for topic in candidates if fits.get(topic, Fit()).is_fit]
    if fitting:
        return _best(kind, fitting, candidates, fits, gas, problems)
    looks = {topic.name: fits[topic].told for topic in candidates}
    if kind.by_type:
        there = ", ".join(_with_look(name, told) for name, told in list(looks.items())[:MOST_NAMES])
        reason = (
            f"{there} is none; --{kind.key}-topic takes it all the same"
            if candidates
            else f"no topic is {kind.types}; there is {_listed(topics)}"
        )
        ending = f"; {remedy}" if remedy else ""
        problems.add(f"topic_missing_{kind.key}", f"there are no {kind.what}: {reason}{ending}")
    return TopicChoice(kind.key, None, "", looks)


def _fits(kind: _Kind, candidates: Sequence[BagTopic], samples: Samples) -> dict[BagTopic, Fit]:
    """How well those fit that have no name of convention, if it comes down to them."""
    if not kind.by_type or any(
        _convention(kind, topic.name) is not None and topic.messages != 0 for topic in candidates
    ):
        return {}
    strangers = {topic.name: topic for topic in candidates if topic.messages != 0}
    first = samples(strangers) if strangers else {}
    return {
        topic: kind.fit(name, first[name]) if name in first else _NOT_SEEN
        for name, topic in strangers.items()
    }


def _with_look(name: str, told: str) -> str:
    return f"{shown(name)} ({told})" if told else shown(name)


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


def _best(
    kind: _Kind,
    fitting: Sequence[BagTopic],
    candidates: Sequence[BagTopic],
    fits: Mapping[BagTopic, Fit],
    gas: str | None,
    problems: Problems,
) -> TopicChoice:
    filled = [topic for topic in fitting if topic.messages != 0] or fitting
    ranks = {topic: _rank(kind, topic, gas, fits.get(topic, Fit())) for topic in filled}
    best = [topic for topic in filled if ranks[topic] == min(ranks.values())]
    # The most messages; of equally many the first by name.
    chosen = min(best, key=lambda topic: (-(topic.messages or 0), topic.name))
    fit = fits.get(chosen, Fit())
    if len(best) > 1:
        problems.add(
            "topic_ambiguous",
            f"{len(best)} topics may be the {kind.what}: {_listed(best)}; {shown(chosen.name)} is taken, "
            f"--{kind.key}-topic chooses",
        )
    elif fit.is_doubtful:
        problems.add(
            "topic_doubtful",
            f"{_with_look(chosen.name, fit.told)} is taken for the {kind.what} for want of a better topic, "
            f"though neither name nor pixels say so; --{kind.key}-topic chooses",
        )
    others = {topic.name: fits.get(topic, Fit()).told for topic in candidates if topic is not chosen}
    return TopicChoice(kind.key, chosen.name, fit.told, others)


def _rank(kind: _Kind, topic: BagTopic, gas: str | None, fit: Fit) -> tuple[bool, bool, int, int, int, bool]:
    """Sorts the likelier first: in the namespace of the readings, named by convention, fitting, near them."""
    name = topic.name
    convention = _convention(kind, name)
    namespace = None if convention is None else name.removesuffix(kind.names[convention])
    gas_namespace = None
    shared = 0
    if gas is not None:
        gas_namespace = gas.removesuffix(_GAS.names[0]) if _convention(_GAS, gas) is not None else None
        shared = _shared_parts(name, gas)
    at_home = namespace is not None and namespace == gas_namespace
    is_compressed = topic.type_name == COMPRESSED_TYPE
    return not at_home, convention is None, fit.rank, -shared, convention or 0, is_compressed


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
