"""Publishes what an operator looks at: markers on the map, and the thermal picture with what is said of it.

A node of its own: what it costs, it costs beside the classifier, on whichever machine it runs.
"""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass
from typing import Any

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from geometry_msgs.msg import PoseWithCovarianceStamped
from rclpy.subscription import Subscription
from rclpy.timer import Timer
from sensor_msgs.msg import CompressedImage, Image
from std_msgs.msg import Bool
from visualization_msgs.msg import MarkerArray

from gas_fusion_ros.alarm.types import AlarmStatus
from gas_fusion_ros.base.leak_places import HeardLeaks
from gas_fusion_ros.base.shipped_files import DEFAULT_MODEL, find_bundle
from gas_fusion_ros.base.units import NANOSECONDS_PER_SECOND
from gas_fusion_ros.drivers.thermal.raw_frames import RawSettings
from gas_fusion_ros.model.bundle import Bundle
from gas_fusion_ros.model.picture_evidence import PictureEvidence, PictureEvidenceError
from gas_fusion_ros.model.runtimes import create_runtime
from gas_fusion_ros.nodes.bounded_subscriber import BoundedSubscriber
from gas_fusion_ros.nodes.managed_node import ManagedNode
from gas_fusion_ros.nodes.operator_markers import MarkerMaker, Shown, nothing
from gas_fusion_ros.nodes.parameters import ParameterError
from gas_fusion_ros.nodes.picture_annotator import PictureAnnotator
from gas_fusion_ros.nodes.pose_source import PoseSource
from gas_fusion_ros.nodes.qos import LATCHED, LATCHED_LEAKS, LATEST, OVERRIDABLE, RELIABLE, SENSOR_DATA
from gas_fusion_ros.nodes.runner import run
from gas_fusion_ros.pipeline.frame_decoder import FrameDecoder
from gas_fusion_ros.pipeline.settings import IMAGE_TOPICS, POSE_TYPES
from gas_fusion_ros.ros import messages
from gas_fusion_ros.ros.alarm_status import decode_alarm_status
from gas_fusion_ros.ros.classifier_messages import Classification, decode_classification
from gas_fusion_ros.ros.leak_pose import LEAK_POSE_TOPIC, decode_leak_pose
from gas_fusion_ros.ros.messages import Level, MessageError
from gas_fusion_ros.settings.fields import group, setting, specs_of
from gas_fusion_ros.view.annotated_picture import Opinion
from gas_fusion_ros.view.banner import AlarmWord, banner
from gas_fusion_ros.view.trail import Trail

MARKERS_TOPIC = "gas/markers"
ANNOTATED_TOPIC = "thermal/annotated"

_MARKERS_PERIOD_S = 1.0
_LOOK_PERIOD_S = 0.2
_ALARM_SILENCE_NS = 3 * NANOSECONDS_PER_SECOND
"""The alarm is repeated every second, by a steady clock."""
_LAST_PICTURE_S = 2.0
_IMAGE_TYPES = {"raw": Image, "compressed": CompressedImage}


@dataclass(frozen=True)
class TrailSettings:
    """How much of the way is shown."""

    points: int = setting(2000, "points of the trail; the oldest give way", minimum=2, maximum=20_000)
    spacing: float = setting(
        0.5,
        "distance between two of them, m; each has the colour of the highest leak probability from there to "
        "the next",
        minimum=0.01,
        maximum=100.0,
    )


@dataclass(frozen=True)
class OperatorViewSettings:
    """What the operator's view takes."""

    pose_topic: str = setting("", "topic of the robot's pose; empty for none: then there is no trail")
    pose_type: str = setting("PoseStamped", "type of the pose topic", choices=POSE_TYPES)
    trail: TrailSettings = group(TrailSettings)
    letter_m: float = setting(
        1.5,
        "height of letters on the map, m; alarms and trail are drawn in proportion",
        minimum=0.01,
        maximum=100.0,
        name="letter_height",
    )
    timeout_ns: int = setting(
        10 * NANOSECONDS_PER_SECOND,
        "after so long without a classification the trail goes on in grey and the picture says so, s",
        minimum=0.1,
        maximum=3600.0,
    )
    image_transport: str = setting(
        "raw", "how images come, as image_transport of gas_classifier", choices=tuple(IMAGE_TOPICS)
    )
    raw: RawSettings = group(RawSettings)
    rate_hz: float = setting(
        5.0, "annotated pictures per second at most, drawn while somebody listens", minimum=0.1, maximum=60.0
    )
    evidence: bool = setting(
        False,
        "whether the same stands beside the picture with its Grad-CAM map: what in it spoke for the class "
        "that the model sees in the picture alone",
    )
    model: str = setting(
        DEFAULT_MODEL,
        "model bundle of that map: a name below models/ or a folder; it needs a network for pictures",
    )


class OperatorViewNode(ManagedNode):
    """Classification, alarm, poses, leaks and images in; `gas/markers` and `thermal/annotated` out.

    The markers are repeated every second, whole, and latched. Images are heard, and drawn on, only while
    somebody listens to what comes of them.

    Attributes:
        trail: the way since the last activate.
    """

    SPECS = specs_of(OperatorViewSettings)

    def __init__(self, node_name: str = "operator_view", **node_arguments: Any) -> None:
        super().__init__(node_name, **node_arguments)
        self._markers_publisher = self.create_lifecycle_publisher(MarkerArray, MARKERS_TOPIC, LATCHED)
        self._annotated_publisher = self.create_lifecycle_publisher(Image, ANNOTATED_TOPIC, LATEST)
        self._pose = PoseSource(self)
        self._settings = OperatorViewSettings()
        self._evidence: PictureEvidence | None = None
        self._frames: FrameDecoder | None = None
        self._annotator: PictureAnnotator | None = None
        self._image: Subscription[Any] | None = None
        self._word_subscriptions: list[Subscription[Any]] = []
        self._view_timers: list[Timer] = []
        self._forget()

    def configure(self) -> None:
        """Load the model, where its map is asked for."""
        self._settings = settings = self.parameters.settings(OperatorViewSettings)
        self._frames = FrameDecoder(settings.raw)
        self._evidence = self._evidence_of(settings) if settings.evidence else None
        messages.cv_bridge()
        if not settings.pose_topic:
            self.get_logger().warning("pose_topic is empty: there is no trail, and no state beside the robot")

    def _evidence_of(self, settings: OperatorViewSettings) -> PictureEvidence:
        bundle = Bundle.load(find_bundle(settings.model))
        try:
            evidence = PictureEvidence(bundle, create_runtime(bundle, "cpu", 1))
        except PictureEvidenceError as error:
            raise ParameterError(f"model: {error}") from None
        if evidence.without_maps:
            raise ParameterError(f"evidence is true, but {evidence.without_maps}")
        return evidence

    def activate(self) -> None:
        """Start to listen, and to show."""
        assert self._frames is not None
        self._forget()
        settings = self._settings
        self._annotator = PictureAnnotator(
            self._frames,
            self._evidence,
            settings.rate_hz,
            self._annotated_publisher.publish,
            self.problems,
        )
        self._pose.subscribe(settings.pose_topic, settings.pose_type)
        heard = [
            BoundedSubscriber(self, kind, topic, qos, self.problems, hear)
            for kind, topic, qos, hear in (
                (DiagnosticArray, "gas/classification", RELIABLE, self._hear_classification),
                # Not latched: what a classifier said before it hung is no sign of life.
                (Bool, "gas/alarm", RELIABLE, self._hear_alarm),
                (DiagnosticArray, "gas/alarm_state", LATCHED, self._hear_state),
                (PoseWithCovarianceStamped, LEAK_POSE_TOPIC, LATCHED_LEAKS, self._hear_leak),
            )
        ]
        self._word_subscriptions = [subscriber.sub for subscriber in heard]
        self._view_timers = [
            self.steady_timer(_LOOK_PERIOD_S, self._look),
            self.watch_timer(_MARKERS_PERIOD_S, self._show),
        ]
        self._show()

    def deactivate(self) -> None:
        """Stop listening, and delete what is shown: nobody keeps it true any more."""
        for timer in self._view_timers:
            self.destroy_timer(timer)
        for subscription in self._word_subscriptions:
            self.destroy_subscription(subscription)
        self._view_timers, self._word_subscriptions = [], []
        self._pose.unsubscribe()
        self._mute_images()
        if self._annotator is not None:
            self._annotator.stop(_LAST_PICTURE_S)
            self._annotator = None
            self._markers_publisher.publish(nothing())

    def cleanup(self) -> None:
        """Free the model."""
        self._frames = self._evidence = None

    def diagnostics(self) -> list[DiagnosticStatus]:
        """What is shown, and to how many."""
        problems = self.new_problems()
        level, message = (Level.WARN, ", ".join(problems)) if problems else (Level.OK, "showing")
        if self._annotator is None:
            level, message = Level.STALE, "not active"
        values = {
            "state": banner(self._word()).text,
            "trail_points": len(self.trail.points),
            "leaks": len(self._leaks.places),
            "viewers": self._annotated_publisher.get_subscription_count(),
            "pictures": self.drawn,
            **self.problem_counts(),
        }
        return [messages.diagnostic_status(f"{self.diagnostic_name}: view", level, message, values)]

    @property
    def drawn(self) -> int:
        """Pictures annotated since the last activate."""
        return 0 if self._annotator is None else self._annotator.drawn

    @property
    def hears_images(self) -> bool:
        """Whether it is subscribed to images, as it is while somebody listens to the annotated ones."""
        return self._image is not None

    def _forget(self) -> None:
        trail = self._settings.trail
        self.trail = Trail(trail.points, trail.spacing)
        self._leaks = HeardLeaks()
        self._said: Classification | None = None
        self._said_ns = 0
        self._is_raised = True
        self._alarm_ns: int | None = None
        self._standing: AlarmStatus | None = None

    def _hear_classification(self, message: DiagnosticArray) -> None:
        try:
            self._said = decode_classification(message)
        except ValueError as error:
            self.problems.add("classification_unusable", f"gas/classification: {error}")
            return
        self._said_ns = self.watch_ns()
        self._follow()

    def _hear_alarm(self, message: Bool) -> None:
        self._is_raised = bool(message.data)
        self._alarm_ns = self.steady_ns()

    def _hear_state(self, message: DiagnosticArray) -> None:
        try:
            self._standing = decode_alarm_status(message)
        except MessageError as error:
            self._standing = None  # what stood before is not known to stand now
            self.problems.add(error.cause, error.detail)
        self._show()

    def _hear_leak(self, message: PoseWithCovarianceStamped) -> None:
        try:
            self._leaks.add(decode_leak_pose(message))
        except MessageError as error:
            self.problems.add(error.cause, error.detail)

    def _hear_image(self, message: Image | CompressedImage) -> None:
        if self._annotator is not None:
            self._annotator.submit(message, self._opinion(), self.steady_ns())

    def _look(self) -> None:
        """Follow the robot, and see whether anybody looks at pictures."""
        self._follow()
        is_watched = self._annotated_publisher.get_subscription_count() > 0
        if is_watched and self._image is None:
            transport = self._settings.image_transport
            self._image = self.create_subscription(
                _IMAGE_TYPES[transport],
                IMAGE_TOPICS[transport],
                self._hear_image,
                copy(SENSOR_DATA),
                qos_overriding_options=OVERRIDABLE,
            )
        elif not is_watched:
            self._mute_images()
        self.report_problems()

    def _mute_images(self) -> None:
        if self._image is not None:
            self.destroy_subscription(self._image)
            self._image = None

    def _follow(self) -> None:
        pose, said = self._pose.latest, self._latest_word()
        if pose is not None:
            self.trail.add(pose, None if said is None else said.leak_probability)

    def _show(self) -> None:
        standing = self._standing
        shown = Shown(
            self.trail,
            () if standing is None else standing.alarms,
            self._leaks.places,
            banner(self._word()),
            self._pose.latest,
        )
        view = MarkerMaker(self._settings.letter_m).whole_view(shown, self.get_clock().now().to_msg())
        self._markers_publisher.publish(view)

    def _word(self) -> AlarmWord:
        heard_ns = self._alarm_ns
        is_heard = heard_ns is not None and self.steady_ns() - heard_ns < _ALARM_SILENCE_NS
        return AlarmWord(is_heard, self._is_raised, self._standing)

    def _latest_word(self) -> Classification | None:
        """What was said last of the air; None where that is too long ago."""
        # Simulated time that goes back makes nothing fresh.
        is_fresh = 0 <= self.watch_ns() - self._said_ns < self._settings.timeout_ns
        return self._said if is_fresh else None

    def _opinion(self) -> Opinion:
        said, state = self._latest_word(), banner(self._word())
        if said is None:
            return Opinion("no classification", {}, state)
        return Opinion(f"{said.label} by {said.mode.value}", said.probabilities, state)


def main(args: Sequence[str] | None = None) -> None:
    """Run the node."""
    run(OperatorViewNode, args)


if __name__ == "__main__":
    main()
