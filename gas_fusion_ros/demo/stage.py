"""The whole graph of a demo: clock, sensors, classifier, ground truth, recorder and an operator."""

from __future__ import annotations

import re
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from diagnostic_msgs.msg import DiagnosticArray
from geometry_msgs.msg import PoseStamped
from rcl_interfaces.msg import Log
from rclpy.client import Client
from rclpy.context import Context
from rclpy.node import Node
from rclpy.parameter import Parameter
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from rclpy.serialization import serialize_message
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import CameraInfo, Image, PointCloud2
from std_msgs.msg import Bool, String
from std_srvs.srv import Trigger
from visualization_msgs.msg import MarkerArray

from gas_fusion_ros.bags.writer import BagWriter
from gas_fusion_ros.base.observation import PAPER_CHANNELS
from gas_fusion_ros.base.units import NANOSECONDS_PER_SECOND
from gas_fusion_ros.demo.bag_recorder import BagRecorderNode, Listener, RecordedTopic
from gas_fusion_ros.demo.composition import (
    ACTIVATE,
    CLEANUP,
    CONFIGURE,
    DEACTIVATE,
    Composition,
    CompositionError,
    LifecycleClient,
)
from gas_fusion_ros.demo.ground_truth_node import GroundTruthNode
from gas_fusion_ros.demo.heard import Heard
from gas_fusion_ros.demo.pacing import UnderWay
from gas_fusion_ros.demo.programme import ParameterValue, Programme
from gas_fusion_ros.nodes.gas_classifier import GasClassifierNode
from gas_fusion_ros.nodes.gas_sensor import GasSensorNode
from gas_fusion_ros.nodes.managed_node import ManagedNode
from gas_fusion_ros.nodes.qos import RELIABLE, SENSOR_DATA
from gas_fusion_ros.nodes.thermal_camera import ThermalCameraNode
from gas_fusion_ros.pipeline.settings import NO_STATE_FILE
from gas_fusion_ros.ros.alarm_status import decode_alarm_status
from gas_fusion_ros.ros.classifier_messages import decode_classification
from gas_fusion_ros.ros.messages import decode_reading, encode_label, ns_to_stamp, stamp_to_ns
from gas_fusion_ros.truth.label_times import LabelTimes

_TRUTH_PERIOD_S = 0.5
_LOG_WARN = 30  # Log.WARN, which is an int in one distribution and bytes in another
_USUAL = re.compile(r"^alarm \d+ |not a sensor: |array_info is published")
"""Leak alarms, which the report has, that nothing is a sensor, and that nodes start one after another."""
_LEAD_IN_STEPS = 1
_LEAD_IN_STEP_NS = 1_200_000_000
_ACKNOWLEDGE_AFTER_NS = 5 * NANOSECONDS_PER_SECOND
_POLL_S = 0.02

# Deep enough for whatever waits while the disk is slow.
_ALL = QoSProfile(depth=1000, reliability=ReliabilityPolicy.RELIABLE)
_ALL_LATCHED = QoSProfile(
    depth=1000, reliability=ReliabilityPolicy.RELIABLE, durability=DurabilityPolicy.TRANSIENT_LOCAL
)
_ALL_SENSOR_DATA = QoSProfile(depth=100, reliability=ReliabilityPolicy.BEST_EFFORT)

TOPICS = (
    RecordedTopic("/clock", Clock, _ALL),
    RecordedTopic("/diagnostics", DiagnosticArray, _ALL),
    RecordedTopic("/rosout", Log, _ALL_LATCHED),
    RecordedTopic("gas/readings", PointCloud2, _ALL),
    RecordedTopic("gas/array_info", DiagnosticArray, _ALL_LATCHED),
    RecordedTopic("gas/class", String, _ALL),
    RecordedTopic("gas/classification", DiagnosticArray, _ALL),
    RecordedTopic("gas/alarm", Bool, _ALL_LATCHED),
    RecordedTopic("gas/alarm_state", DiagnosticArray, _ALL_LATCHED),
    RecordedTopic("thermal/image_raw", Image, _ALL_SENSOR_DATA),
    RecordedTopic("thermal/image", Image, _ALL_SENSOR_DATA),
    RecordedTopic("thermal/camera_info", CameraInfo, _ALL_SENSOR_DATA),
    RecordedTopic("thermal/camera_status", DiagnosticArray, _ALL_LATCHED),
    RecordedTopic("pose", PoseStamped, _ALL),
    RecordedTopic("truth/leaks", DiagnosticArray, _ALL_LATCHED),
    RecordedTopic("truth/markers", MarkerArray, _ALL_LATCHED),
)
"""What is recorded of a demo."""


LATCHED_TOPICS = frozenset(f"/{one.name.lstrip('/')}" for one in TOPICS if one.qos is _ALL_LATCHED)


@dataclass(frozen=True)
class StageSettings:
    """What the classifier runs with.

    Attributes:
        model: model bundle, a name or a folder.
        device: auto, cpu or cuda.
        event_log: file that gets a line for each alarm event.
        patience_s: wall time to wait for what is under way before it counts as lost.
    """

    model: str
    device: str
    event_log: Path
    patience_s: float = 10.0


@dataclass(frozen=True)
class NodeCounts:
    """What became of the readings, as the nodes counted.

    Attributes:
        published: readings that went out.
        refused: readings that the classifier had and gave no verdict on, by cause.
        lost: readings that some queue had no room for, by the stage that was too slow.
        problems: everything that went wrong, by cause.
        late_images: images that came when their reading had gone on without them.
    """

    published: int
    refused: Mapping[str, int]
    lost: Mapping[str, int]
    problems: Mapping[str, int]
    late_images: int = 0

    @property
    def dropped_by(self) -> dict[str, int]:
        """The readings that were published and have no verdict, by cause."""
        return {**self.refused, **self.lost}


_UNCLASSIFIED_CAUSES = ("unusable_observation", "callback_failed", "classification_failed")
_UNREADABLE_READING = "reading_"
_READING_COUNTERS = ("zero_stamp_readings", "duplicate_readings")
_IMAGE_COUNTERS = ("zero_stamp_images", "duplicate_images", "future_images", "stale_images")


def arrived_readings(classifier: GasClassifierNode) -> int:
    """Return how many readings a classifier has got, whether it could read them or not."""
    unreadable = sum(
        count for cause, count in classifier.problem_counts().items() if cause.startswith(_UNREADABLE_READING)
    )
    return classifier.pairing_counters.readings + unreadable


def refused_readings(classifier: GasClassifierNode) -> dict[str, int]:
    """Return the readings that reached a classifier and led to no verdict, by cause."""
    counters = classifier.pairing_counters
    counts = {
        **{name: getattr(counters, name) for name in _READING_COUNTERS},
        **{
            cause: count
            for cause, count in classifier.problem_counts().items()
            if cause in _UNCLASSIFIED_CAUSES or cause.startswith(_UNREADABLE_READING)
        },
        "skipped": classifier.skipped,
    }
    return {cause: count for cause, count in counts.items() if count}


class Stage:
    """Sets the graph up, gives it its time, and takes it down.

    Each group of nodes spins in a thread of its own; every transition and the operator's
    acknowledgement go over the services that a robot's operator would use.

    Args:
        context: the ROS context.
        programme: what is played.
        settings: what the classifier runs with.
        bag: gets every message.
        heard: learns what the messages say.
    """

    def __init__(
        self, context: Context, programme: Programme, settings: StageSettings, bag: BagWriter, heard: Heard
    ) -> None:
        self._programme = programme
        self._patience_s = settings.patience_s
        self._heard = heard
        # The lead-in ends one step before the start.
        self._now_ns = programme.start_ns - (_LEAD_IN_STEPS + 1) * _LEAD_IN_STEP_NS
        self._warnings: dict[str, None] = {}
        self._diagnosed_ns: dict[str, int] = {}
        self._diagnosed_changed = threading.Condition()
        self._to_acknowledge_ns: int | None = None
        self._is_leading_in = self._going_down = False
        self._readings_under_way = UnderWay(programme.reading_stamps_ns, RELIABLE.depth)
        self._images_under_way = UnderWay(
            programme.image_stamps_ns, SENSOR_DATA.depth, programme.image_wait_ns
        )
        self._is_active = False
        self._composition = Composition(context)
        self._gas, self._camera, self._classifier = self._create_pipeline(context, settings)
        self._recorder = BagRecorderNode(TOPICS, bag, self._listeners(), self._now_ns, **_on(context))
        self._labels = LabelTimes(programme.truth.intervals if programme.truth is not None else ())
        truth = self._create_truth(context)
        self._control = Node("demo", context=context)
        self._clock = self._control.create_publisher(Clock, "/clock", RELIABLE)
        self._acknowledge: Client = self._control.create_client(Trigger, "gas/acknowledge_alarm")
        self._lifecycles = [LifecycleClient(self._control, node.get_name()) for node in self._managed]
        self._composition.spin(*(node for node in (self._gas, self._camera, truth) if node is not None))
        self._composition.spin(self._classifier)
        self._composition.spin(self._recorder)
        self._composition.spin(self._control)

    @property
    def now_ns(self) -> int:
        """The simulated time last published."""
        return self._now_ns

    @property
    def is_active(self) -> bool:
        """Whether every node is active."""
        return self._is_active

    @property
    def hold_ns(self) -> int | None:
        """The time that must not come yet: a queue on the way to the classifier would lose something.

        Or a reading would go on without an image that is still to come.
        """
        holds = (
            self._readings_under_way.hold_ns(arrived_readings(self._classifier)),
            self._images_under_way.hold_ns(self._arrived_images()),
        )
        return min((hold for hold in holds if hold is not None), default=None)

    @property
    def warnings(self) -> tuple[str, ...]:
        """What the nodes logged as warnings or worse, each once."""
        return tuple(self._warnings)

    def start(self) -> None:
        """Bring every node to active and let time run up to the start.

        Raises:
            CompositionError: a node refused, did not answer or failed; says why.
        """
        try:
            for transition in (CONFIGURE, ACTIVATE):
                # The classifier first: it must listen before the sensors speak.
                for lifecycle in self._lifecycles:
                    lifecycle.request(transition)
        except CompositionError as error:
            raise CompositionError(f"{error}{self._reason()}") from error
        self._is_active = self._is_leading_in = True
        for _ in range(_LEAD_IN_STEPS):
            self._lead_in_step()
        self._is_leading_in = False

    def set_time(self, now_ns: int) -> None:
        """Publish the simulated time, and let the operator look at the alarm.

        Raises:
            CompositionError: a node failed.
        """
        self._composition.check()
        self._now_ns = now_ns
        self._clock.publish(Clock(clock=ns_to_stamp(now_ns)))
        self._record_labels()
        self._acknowledge_alarm()

    def give_up_waiting(self) -> None:
        """Wait no longer for what was due by now."""
        self._readings_under_way.give_up(arrived_readings(self._classifier), self._now_ns)
        self._images_under_way.give_up(self._arrived_images(), self._now_ns)

    def finish(self) -> NodeCounts:
        """Let what is under way arrive, bring every node down and count.

        Raises:
            CompositionError: a node refused or failed.
        """
        self._wait_until(
            lambda: (
                self._gas.published >= self._programme.readings
                and self._images_under_way.all_came(self._arrived_images())
            )
        )
        return self.abort()

    def abort(self) -> NodeCounts:
        """Bring every node down in order and count, however far the run came.

        Raises:
            CompositionError: a node refused or failed.
        """
        self._is_active = False
        classifier, *sensors = self._lifecycles
        for lifecycle in sensors:
            lifecycle.request(DEACTIVATE)
        published = self._gas.published
        self._wait_until(lambda: arrived_readings(self._classifier) >= published)
        self._going_down = True
        # Deactivating decides every reading that still waits for an image.
        classifier.request(DEACTIVATE)
        arrived, refused = arrived_readings(self._classifier), refused_readings(self._classifier)
        decided = arrived - sum(refused.values())
        self._wait_until(lambda: self._heard.classified_readings >= decided)
        lost = {
            "lost_before_the_classifier": published - arrived,
            "lost_after_the_classifier": decided - self._heard.classified_readings,
        }
        counts = self._count(published, refused, {cause: count for cause, count in lost.items() if count > 0})
        for lifecycle in self._lifecycles:
            lifecycle.request(CLEANUP)
        return counts

    def join(self, node: Node) -> None:
        """Serve a further node in a thread of its own, until `close`, which destroys it with the others."""
        self._composition.spin(node)

    def close(self) -> None:
        """Stop every thread and destroy the nodes; safe to call twice."""
        self._composition.close()

    @property
    def _managed(self) -> list[ManagedNode]:
        return [self._classifier, *([self._camera] if self._camera else []), self._gas]

    def _create_pipeline(
        self, context: Context, settings: StageSettings
    ) -> tuple[GasSensorNode, ThermalCameraNode | None, GasClassifierNode]:
        programme = self._programme
        classifier_parameters = {
            "model": settings.model,
            "device": settings.device,
            "event_log": str(settings.event_log),
            # Each demo is a run of its own.
            "state_file": NO_STATE_FILE,
            "expect_images": programme.camera is not None,
            "pose_topic": "pose" if programme.patrol is not None else "",
            **programme.classifier,
        }
        gas = GasSensorNode(**_on(context, programme.gas))
        camera = ThermalCameraNode(**_on(context, programme.camera)) if programme.camera is not None else None
        return gas, camera, GasClassifierNode(**_on(context, classifier_parameters))

    def _create_truth(self, context: Context) -> GroundTruthNode | None:
        programme = self._programme
        if programme.truth is None:
            return None
        return GroundTruthNode(
            programme.truth, programme.patrol, programme.start_ns, _TRUTH_PERIOD_S, **_on(context)
        )

    def _listeners(self) -> dict[str, Listener]:
        return {
            "/rosout": self._hear_log,
            "/diagnostics": self._hear_diagnostics,
            "gas/readings": self._hear_reading,
            "gas/classification": lambda msg, _: self._heard.add_classification(decode_classification(msg)),
            "gas/alarm_state": self._hear_alarm_state,
            "thermal/camera_info": lambda _, __: self._heard.add_image(),
        }

    def _hear_reading(self, msg: PointCloud2, _: int) -> None:
        self._heard.add_reading(decode_reading(msg, PAPER_CHANNELS))

    def _hear_alarm_state(self, msg: DiagnosticArray, _: int) -> None:
        status = decode_alarm_status(msg)
        # Deactivating leaves a fault behind, rightly, but it is no part of what was played.
        if not (self._going_down and status.fault):
            self._heard.add_alarm_state(status)

    def _hear_log(self, msg: Log, _: int) -> None:
        """Keep what a user should know; what belongs to every demo is none of it."""
        is_unusual = not self._is_leading_in and not self._going_down and not _USUAL.search(msg.msg)
        if msg.level >= _LOG_WARN and is_unusual:
            self._warnings[f"{msg.name}: {msg.msg}"] = None

    def _hear_diagnostics(self, msg: DiagnosticArray, _: int) -> None:
        names = {status.name.split(":")[0] for status in msg.status}
        with self._diagnosed_changed:
            self._diagnosed_ns.update(dict.fromkeys(names, stamp_to_ns(msg.header.stamp)))
            self._diagnosed_changed.notify_all()

    def _lead_in_step(self) -> None:
        """Move time on until every node has noticed: so none begins in the middle of the programme."""
        names = [node.get_name() for node in self._managed]
        self._now_ns += _LEAD_IN_STEP_NS
        deadline_s = time.monotonic() + self._patience_s
        noticed = False
        while not noticed:
            if time.monotonic() > deadline_s:
                raise CompositionError(f"not all of {', '.join(names)} noticed that /clock runs")
            self.set_time(self._now_ns)
            with self._diagnosed_changed:
                noticed = self._diagnosed_changed.wait_for(
                    lambda: all(self._diagnosed_ns.get(name, 0) >= self._now_ns for name in names),
                    timeout=_POLL_S,
                )

    def _record_labels(self) -> None:
        """Record the true label at its own time: as heard it may be seconds of simulated time late."""
        for stamp_ns, label in self._labels.due(self._now_ns):
            message = serialize_message(encode_label(label))
            self._recorder.write("truth/label", "std_msgs/msg/String", message, stamp_ns)

    def _acknowledge_alarm(self) -> None:
        """Acknowledge a leak alarm a few seconds after it came, as an operator would."""
        if self._heard.alarm.state not in ("active", "latched"):
            self._to_acknowledge_ns = None
        elif self._to_acknowledge_ns is None:
            self._to_acknowledge_ns = self._now_ns + _ACKNOWLEDGE_AFTER_NS
        elif self._now_ns >= self._to_acknowledge_ns and self._acknowledge.service_is_ready():
            self._to_acknowledge_ns = self._now_ns + _ACKNOWLEDGE_AFTER_NS
            self._acknowledge.call_async(Trigger.Request())

    def _count(self, published: int, refused: Mapping[str, int], lost: Mapping[str, int]) -> NodeCounts:
        counters = self._classifier.pairing_counters
        problems = Counter(self._recorder.problems.counts())
        problems.update(
            {name: getattr(counters, name) for name in _IMAGE_COUNTERS if getattr(counters, name)}
        )
        for node in self._managed:
            problems.update(node.problem_counts())
        return NodeCounts(
            published=published,
            refused=refused,
            lost=lost,
            problems=dict(problems),
            late_images=max(
                0, min(counters.images - counters.images_used, self._programme.pairs - counters.pairs)
            ),
        )

    def _arrived_images(self) -> int:
        """Images that the classifier has got, or never will for what they are."""
        unusable = sum(
            count
            for node in self._managed
            for cause, count in node.problem_counts().items()
            if cause == "unreadable_image" or cause.startswith("image_")
        )
        return self._classifier.pairing_counters.images + unusable

    def _reason(self) -> str:
        """Why a node refused, from the node itself: what it logs may arrive seconds later, or not at all."""
        return "".join(f"; {node.get_name()}: {node.failure}" for node in self._managed if node.failure)

    def _wait_until(self, condition: Callable[[], bool]) -> None:
        """Poll, because the nodes' counters notify nobody."""
        deadline_s = time.monotonic() + self._patience_s
        while not condition() and time.monotonic() < deadline_s:
            self._composition.check()
            time.sleep(_POLL_S)


def _on(context: Context, parameters: Mapping[str, ParameterValue] | None = None) -> dict[str, Any]:
    """A node's arguments: its context, simulated time and its parameters."""
    values = {"use_sim_time": True, **(parameters or {})}
    return {
        "context": context,
        "parameter_overrides": [Parameter(name, value=value) for name, value in values.items()],
    }
