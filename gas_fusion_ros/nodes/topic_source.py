"""One topic of somebody else's driver: found, heard and converted."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from enum import Enum

from diagnostic_msgs.msg import DiagnosticStatus
from rclpy.qos import QoSProfile, ReliabilityPolicy
from rclpy.topic_endpoint_info import TopicEndpointInfo

from gas_fusion_ros.array.description import Unit
from gas_fusion_ros.base.problems import Problems
from gas_fusion_ros.base.quoting import listed, quoted, shown
from gas_fusion_ros.base.units import NANOSECONDS_PER_SECOND
from gas_fusion_ros.drivers.gas.lines.remark import Remark
from gas_fusion_ros.drivers.gas.lines.types import LineForm
from gas_fusion_ros.nodes.bounded_subscriber import BoundedSubscriber
from gas_fusion_ros.nodes.managed_node import ManagedNode
from gas_fusion_ros.nodes.parameter_file_check import without_place
from gas_fusion_ros.nodes.parameters import ParameterError
from gas_fusion_ros.nodes.source_table import SourceRow
from gas_fusion_ros.ros import messages
from gas_fusion_ros.ros.foreign_readings import (
    FOREIGN_TYPES,
    OLFACTION_TYPE,
    Convert,
    ForeignValues,
    converter,
    header_stamp_ns,
)
from gas_fusion_ros.ros.message_maker import message_class
from gas_fusion_ros.ros.messages import Level, MessageError

_DEPTH = 100
_OLFACTION_SOURCE = "https://github.com/MAPIRlab/olfaction_msgs"
_PATIENCE_NS = 5 * NANOSECONDS_PER_SECOND
"""How long nobody need publish before it is said: a graph takes its time to show all there are."""


class StampFrom(str, Enum):
    """Where the acquisition time of messages with a header comes from."""

    HEADER = "header"
    ARRIVAL = "arrival"


@dataclass(frozen=True)
class TopicSettings:
    """How topics are heard, whatever they are.

    Attributes:
        max_age_ns: how long a topic may send nothing that can be used.
        stamp_from: of messages with a header; others are stamped at arrival.
        line_form: which forms of lines of text are read.
        unit: what the array's readings are.
    """

    max_age_ns: int
    stamp_from: StampFrom
    line_form: LineForm
    unit: Unit


class TopicSource:
    """Looks for the topic, subscribes by the type that it turns out to have, and hands on its values.

    Args:
        node: the node that hears.
        row: which topic, and whose values it has.
        settings: how it is heard.
        problems: where what is refused or missing is counted, by cause and topic.
        take: is given the values of each message.

    Raises:
        ParameterError: the row names no topic, or a type that cannot be converted.
    """

    def __init__(
        self,
        node: ManagedNode,
        row: SourceRow,
        settings: TopicSettings,
        problems: Problems,
        take: Callable[[ForeignValues], None],
    ) -> None:
        self.topic = _resolved(node, row.topic)
        self._node = node
        self._row = row
        self._settings = settings
        self._problems = problems
        self._take = take
        self._convert: Convert | None = None
        self._type_name = ""
        self._subscriber: BoundedSubscriber | None = None
        self._heard_as: tuple[type, ReliabilityPolicy] | None = None
        self._since_ns = node.watch_ns()
        self._is_heard = False
        self._last_header_ns = 0
        self._heard = 0
        self._heard_in_time = 0
        self._taken = 0
        self._fault = ""
        if row.type_name:
            self._converted_type(row.type_name)

    @property
    def is_fresh(self) -> bool:
        """Whether it has sent something that could be used, not too long ago."""
        return self._is_heard and self._age_ns <= self._settings.max_age_ns

    @property
    def _age_ns(self) -> int:
        return self._node.watch_ns() - self._since_ns

    def begin(self) -> None:
        """Begin to wait for it."""
        self._since_ns, self._is_heard = self._node.watch_ns(), False
        self._heard_in_time = self._heard

    def look(self) -> None:
        """Subscribe once the topic is there; say what is wrong with it where anything is."""
        publishers = self._node.get_publishers_info_by_topic(self.topic)
        self._fault = ""
        message_type = self._message_type(sorted({one.topic_type for one in publishers}))
        if message_type is not None:
            self._subscribe(message_type, _hearing_all(publishers))
        is_late = self._age_ns > max(_PATIENCE_NS, self._settings.max_age_ns)
        if is_late and not self._fault:
            self._blame("silent" if publishers else "no_publisher", self._silence(bool(publishers)))

    def mute(self) -> None:
        """Hear no more until the next look; safe to call twice."""
        if self._subscriber is not None:
            self._node.destroy_subscription(self._subscriber.sub)
            self._subscriber = self._heard_as = None

    def status(self) -> DiagnosticStatus:
        """How the topic does."""
        level, message = (Level.ERROR, self._fault) if self._fault else (Level.OK, "heard")
        if not self._fault and not self.is_fresh:
            level, message = Level.WARN, "not heard"
        values = {
            "channels": " ".join(self._row.channels),
            "type": self._type_name or self._row.type_name,
            "messages": self._heard,
            "readings": self._taken,
        }
        return messages.diagnostic_status(
            f"{self._node.diagnostic_name}: {self.topic}", level, message, values
        )

    def _message_type(self, found: Sequence[str]) -> type | None:
        """Return the class of the messages; None where nobody publishes any that can be used."""
        type_name = self._row.type_name or (found[0] if len(found) == 1 else "")
        if not found:
            return None
        if not type_name:
            row = f"{','.join(self._row.channels)}={self._row.topic} {found[0]}"
            self._blame(
                "topic_types", f"is published as {listed(found)}; say in sources which: {quoted(row)}"
            )
            return None
        if type_name not in found:
            self._blame(
                "topic_type",
                f"is published as {listed(found)}, and sources says {type_name}; correct the row",
            )
            return None
        try:
            return self._converted_type(type_name)
        except ParameterError as error:
            self._fault = str(error)
            self._problems.add(f"topic_type {self.topic}", self._fault)
            return None

    def _subscribe(self, message_type: type, qos: QoSProfile) -> None:
        heard_as = (message_type, qos.reliability)
        if heard_as == self._heard_as:
            return
        self.mute()
        self._subscriber = BoundedSubscriber(
            self._node, message_type, self.topic, qos, self._problems, self._hear
        )
        self._heard_as = heard_as

    def _converted_type(self, type_name: str) -> type:
        """Return the class of a type, and keep what converts it: that remembers lines before.

        Raises:
            ParameterError: it cannot be converted, or is not installed; says what to do.
        """
        convert = self._convert
        try:
            if type_name != self._type_name:
                convert = converter(type_name, self._row.channels, self._settings.line_form, self._tell)
            message_type = message_class(type_name)
        except MessageError as error:
            raise ParameterError(f"sources: {self.topic}: {error.detail}") from None
        except (ImportError, AttributeError):
            raise ParameterError(f"sources: {self.topic} is a {type_name}, {_missing(type_name)}") from None
        self._convert, self._type_name = convert, type_name
        return message_type

    def _hear(self, message: object) -> None:
        self._heard += 1
        try:
            for values in self._values(message):
                self._check_unit(values)
                self._since_ns, self._is_heard = self._node.watch_ns(), True
                self._heard_in_time = self._heard
                self._taken += 1
                self._take(values)
        except MessageError as error:
            self._problems.add(f"{error.cause} {self.topic}", error.detail)
        except Exception as error:  # whatever somebody sends may end no node
            self._problems.add(f"message_failed {self.topic}", f"{type(error).__name__}: {error}")

    def _values(self, message: object) -> Sequence[ForeignValues]:
        now_ns = self._node.get_clock().now().nanoseconds
        if now_ns <= 0:
            raise MessageError("no_time", "the node's clock has not begun; is /clock published?")
        stamp_ns = header_stamp_ns(message) if self._settings.stamp_from is StampFrom.HEADER else None
        assert self._convert is not None
        if stamp_ns is None:
            return self._convert(message, now_ns)
        self._check_stamp(stamp_ns, now_ns)
        values = self._convert(message, stamp_ns)
        self._last_header_ns = stamp_ns
        return values

    def _check_stamp(self, stamp_ns: int, now_ns: int) -> None:
        """Refuse what has been heard before, or comes late; say where the clocks differ.

        Raises:
            MessageError: it is not newer than the message before, and no clock has jumped.
        """
        back_ns = self._last_header_ns - stamp_ns
        if 0 <= back_ns <= self._settings.max_age_ns:
            raise MessageError(
                "stamp_not_rising",
                f"header.stamp is {_seconds(back_ns)} s before that of the message before; it must be the "
                "time of acquisition. Where its driver cannot tell that, set stamp_from to arrival",
            )
        off_ns = stamp_ns - now_ns
        if abs(off_ns) > self._settings.max_age_ns:
            where = "ahead of" if off_ns > 0 else "behind"
            self._problems.add(
                f"clock {self.topic}",
                f"header.stamp is {_seconds(abs(off_ns))} s {where} this node's clock; set the "
                "clocks, or stamp_from to arrival",
            )

    def _check_unit(self, values: ForeignValues) -> None:
        unit = self._settings.unit
        if values.unit is not None and values.unit is not unit:
            raise MessageError(
                "unit",
                f"its values are in {values.unit.value}, and the array's in {unit.value}; set array_file to "
                f"a file with unit: {values.unit.value}",
            )

    def _tell(self, remark: Remark) -> None:
        self._problems.add(f"{remark.cause} {self.topic}", remark.text)

    def _blame(self, cause: str, reason: str) -> None:
        self._fault = f"it {reason}"
        self._problems.add(f"{cause} {self.topic}", self._fault)

    def _silence(self, is_published: bool) -> str:
        """Why nothing of it can be used."""
        age = f"{self._age_ns / NANOSECONDS_PER_SECOND:.0f} s"
        if not is_published:
            return f"has had no publisher for {age}; {self._others()}"
        if self._heard > self._heard_in_time:
            return f"has sent nothing that can be read for {age}; its other problems say why"
        return f"has a publisher that has sent nothing for {age}; is its driver running?"

    def _others(self) -> str:
        """What to look at where the topic is not there."""
        there = sorted(
            name
            for name, types in self._node.get_topic_names_and_types()
            if set(types) & set(FOREIGN_TYPES) and self._node.count_publishers(name)
        )
        near = get_close_matches(self.topic, there, n=1)
        if near:
            return f"is {near[0]} meant?"
        if there:
            return f"there is {listed(there)}"
        return "is its driver running, and ROS_DOMAIN_ID the same?"


def _seconds(nanoseconds: int) -> str:
    return f"{nanoseconds / NANOSECONDS_PER_SECOND:.3f}"


def _hearing_all(publishers: Sequence[TopicEndpointInfo]) -> QoSProfile:
    """Reliable where all publishers are; whoever asks for that does not hear the others."""
    reliable = ReliabilityPolicy.RELIABLE
    are_reliable = all(one.qos_profile.reliability == reliable for one in publishers)
    return QoSProfile(depth=_DEPTH, reliability=reliable if are_reliable else ReliabilityPolicy.BEST_EFFORT)


def _missing(type_name: str) -> str:
    """What to do where a type is not installed."""
    package = type_name.partition("/")[0]
    released = f"install ros-$ROS_DISTRO-{package.replace('_', '-')}"
    built = f" or build {_OLFACTION_SOURCE} in your workspace" if type_name == OLFACTION_TYPE else ""
    return f"and {package} is not installed here: {released}{built}, source it and start this node again"


def _resolved(node: ManagedNode, topic: str) -> str:
    try:
        return str(node.resolve_topic_name(topic))
    except RuntimeError as error:  # rclpy's RCLError, which has no public name
        raise ParameterError(
            f"sources: {shown(topic)} is no name of a topic: {without_place(error)}"
        ) from None
