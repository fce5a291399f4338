"""Pairs readings with images, classifies each pair and keeps the leak alarm."""

from __future__ import annotations

import time
from collections.abc import Sequence
from copy import copy
from typing import Any

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from message_filters import Subscriber
from rclpy.qos import QoSCompatibility, QoSProfile, qos_check_compatible
from rclpy.timer import Timer
from sensor_msgs.msg import CompressedImage, Image, PointCloud2
from std_msgs.msg import String

from gas_fusion_ros.alarm.clock import Conditions
from gas_fusion_ros.alarm.leak_alarm import CommandResult, Reason
from gas_fusion_ros.alarm.source_watch import SLOW_WARNING, Publishers, Source, SourceSettings, SourceWatch
from gas_fusion_ros.array.array_file import ArrayFileError
from gas_fusion_ros.array.description import ArrayDescription
from gas_fusion_ros.base.observation import GasReading, Observation
from gas_fusion_ros.base.problems import Growth, Problems
from gas_fusion_ros.base.quoting import listed
from gas_fusion_ros.base.shipped_files import find_bundle
from gas_fusion_ros.base.units import NANOSECONDS_PER_SECOND
from gas_fusion_ros.base.worker import Worker
from gas_fusion_ros.model.bundle import Bundle
from gas_fusion_ros.model.classifier import Classifier, ClassifierError, Sample
from gas_fusion_ros.model.runtimes import Runtime, create_runtime
from gas_fusion_ros.nodes.alarm_interface import AlarmInterface
from gas_fusion_ros.nodes.bounded_subscriber import BoundedSubscriber, ReadingSubscriber
from gas_fusion_ros.nodes.managed_node import ManagedNode
from gas_fusion_ros.nodes.parameters import ParameterError
from gas_fusion_ros.nodes.qos import LATCHED, NO_EVENTS, OVERRIDABLE, RELIABLE, SENSOR_DATA
from gas_fusion_ros.nodes.runner import run
from gas_fusion_ros.nodes.wake_up import WakeUp
from gas_fusion_ros.pairing.pairing import PairingCounters
from gas_fusion_ros.pipeline.array_choice import ARRAY_TOPIC, ArrayChoice, array_of_file
from gas_fusion_ros.pipeline.camera_choice import CAMERA_TOPIC, pictures_refusal
from gas_fusion_ros.pipeline.frame_decoder import FrameDecoder
from gas_fusion_ros.pipeline.reading_decoder import ReadingDecoder
from gas_fusion_ros.pipeline.self_test import self_test
from gas_fusion_ros.pipeline.settings import IMAGE_TOPICS, ClassifierSettings
from gas_fusion_ros.ros import messages, source_messages
from gas_fusion_ros.ros.messages import Level
from gas_fusion_ros.ros.pending_frame import PendingFrame
from gas_fusion_ros.ros.synchronizer import ObservationSynchronizer
from gas_fusion_ros.settings.fields import specs_of

_LOOK_PERIOD_S = 0.5
# Below the time that a node has for its last words, of which the alarm's comes after it.
_WAIT_FOR_WORKER_S = 2.0
_IMAGE_TYPES = {"raw": Image, "compressed": CompressedImage}
"""By the parameter `image_transport`."""


class GasClassifierNode(ManagedNode):
    """`gas/readings` and `thermal/image_raw`, raw or compressed, in; class, classification and alarm out.

    The subscriptions pair, and take every reading into the classifier's window; one worker thread runs the
    network, so services always answer. A classification that is skipped is missing in no window.
    """

    SPECS = specs_of(ClassifierSettings)

    def __init__(self, node_name: str = "gas_classifier", **node_arguments: Any) -> None:
        super().__init__(node_name, **node_arguments)
        self._class_publisher = self.create_lifecycle_publisher(
            String, "gas/class", RELIABLE, event_callbacks=NO_EVENTS
        )
        self._classification_publisher = self.create_lifecycle_publisher(
            DiagnosticArray, "gas/classification", RELIABLE, event_callbacks=NO_EVENTS
        )
        self._alarm = AlarmInterface(self, self._self_test, self._plan)
        self._settings = ClassifierSettings()
        self._bundle: Bundle | None = None
        self._runtime: Runtime | None = None
        self._sources: SourceWatch | None = None
        self._conditions = Conditions()
        self._classifier: Classifier | None = None
        self._array: ArrayChoice | None = None
        self._decoder: ReadingDecoder | None = None
        self._frames: FrameDecoder | None = None
        self._told_doubt = False
        self._told_missing: frozenset[str] = frozenset()
        self._model = ""
        self._device = ""
        self._worker: Worker[Sample] | None = None
        self._synchronizer: ObservationSynchronizer | None = None
        self._subscribers: list[Subscriber | BoundedSubscriber] = []
        self._gas: ReadingSubscriber | None = None
        self._image: Subscriber | None = None
        self._look_out: Timer | None = None
        self._wake_up: WakeUp | None = None
        self._classified = 0
        self._skipped = 0
        self._counters = PairingCounters()
        self._drop_growth = Growth()
        self._skip_growth = Growth()

    def configure(self) -> None:
        """Load and check the bundle, start its runtime and run each of its modes once."""
        self._settings = settings = self.parameters.settings(ClassifierSettings)
        bundle = Bundle.load(find_bundle(settings.model))
        if settings.channels:
            bundle.check_channels(settings.channels)
        self._alarm.configure(bundle, settings)
        runtime = create_runtime(bundle, settings.device, settings.threads, settings.precision)
        if runtime.note:
            self.get_logger().info(runtime.note)
        self._classifier = self._classifier_of(bundle, runtime)
        self._classifier.warm_up()
        self._frames = FrameDecoder(settings.raw, settings.pairing.image_offset_ns)
        self._told_doubt = False
        self._bundle, self._runtime = bundle, runtime
        self._model, self._device = bundle.name, f"{runtime.device}, {runtime.precision}"
        messages.cv_bridge()
        self.get_logger().info(f"model {bundle.name} runs on {self._device}")
        silent = self._alarm.settings.gases_without_alarm(bundle.classes)
        if silent:
            self.get_logger().warning(
                f"{listed(silent)} raises no alarm: neither alarm.critical_classes nor alarm.warning_classes "
                "names it"
            )
        self._tell_array()

    def _classifier_of(self, bundle: Bundle, runtime: Runtime) -> Classifier:
        try:
            given = array_of_file(self._settings.array_file)
            array = None if given is None else given.array
            classifier = Classifier(
                bundle, runtime, array, self._settings.tracking, self._alarm.settings.off_threshold
            )
        except (ArrayFileError, ClassifierError) as error:
            raise ParameterError(f"array_file: {error}") from None
        self._array = ArrayChoice(given, self._change_array)
        self._decoder = ReadingDecoder(bundle, self._settings.channels, self._array)
        return classifier

    def activate(self) -> None:
        """Start the alarm, the worker and the subscriptions."""
        assert self._classifier is not None
        assert self._bundle is not None
        assert self._decoder is not None
        assert self._frames is not None
        self._classifier.forget()
        self._classified, self._told_missing = 0, frozenset()
        self._drop_growth, self._skip_growth = Growth(), Growth()
        self._alarm.activate()
        self._worker = Worker(self._classify, self._settings.inbox, self._count_failure)
        gas = ReadingSubscriber(self, PointCloud2, "gas/readings", RELIABLE, self.problems)
        image = Subscriber(
            self,
            _IMAGE_TYPES[self._settings.image_transport],
            IMAGE_TOPICS[self._settings.image_transport],
            qos_profile=copy(SENSOR_DATA),
            qos_overriding_options=OVERRIDABLE,
        )
        self._gas, self._image = gas, image
        takes_images = self._bundle.preparation is not None
        expects_images = takes_images and self._settings.expect_images
        self._sources = SourceWatch(
            SourceSettings(self._alarm.settings.timeout_ns, expects_images), self.watch_ns()
        )
        self._judge_camera()
        self._synchronizer = ObservationSynchronizer(
            gas,
            image,
            self._decoder.decode,
            self._settings.pairing,
            self.get_clock(),
            self.problems,
            self._hear_reading,
            self._hear_image,
            self._frames.take,
        )
        self._synchronizer.registerCallback(self._prepare)
        self._wake_up = WakeUp(self, self._pass_time)
        gas.registerCallback(lambda _: self._plan())  # behind the synchronizer
        # Last: what sensors say of themselves is there at once, and acts on all of the above.
        array = BoundedSubscriber(
            self, DiagnosticArray, ARRAY_TOPIC, LATCHED, self.problems, self._hear_array
        )
        camera = BoundedSubscriber(
            self, DiagnosticArray, CAMERA_TOPIC, LATCHED, self.problems, self._hear_camera
        )
        self._subscribers = [gas, image, array, camera]
        self._look_out = self.steady_timer(_LOOK_PERIOD_S, self._look_around)

    def deactivate(self) -> None:
        """Stop listening; what waits is classified as far as the inbox holds it; a fault stays behind."""
        for subscriber in self._subscribers:
            self.destroy_subscription(subscriber.sub)
        self._subscribers, self._gas, self._image = [], None, None
        if self._look_out is not None:
            self.destroy_timer(self._look_out)
            self._look_out = None
        if self._wake_up is not None:
            self._wake_up.destroy()
            self._wake_up = None
        if self._synchronizer is not None:
            self._synchronizer.flush()
            self._counters = self._synchronizer.counters
            self._synchronizer = None
        if self._worker is not None:
            self._worker.wait_idle(_WAIT_FOR_WORKER_S)
            self._worker.stop(_WAIT_FOR_WORKER_S / 4)  # one that is stuck has had its time
            self._skipped = self._worker.skipped
            self._worker = None
        self._alarm.deactivate()
        self._sources, self._conditions = None, Conditions()

    def cleanup(self) -> None:
        """Free the runtime, and its GPU memory with it, and close the event log."""
        self._classifier = self._bundle = self._runtime = self._array = self._decoder = None
        self._alarm.cleanup()

    def tallies(self) -> list[Problems]:
        """The node's own problems and the classifier's."""
        return [self.problems] if self._classifier is None else [self.problems, self._classifier.problems]

    def diagnostics(self) -> list[DiagnosticStatus]:
        """One status each for the pairing, the classification and the alarm."""
        return [self._pairing_status(), self._classification_status(), self._alarm_status()]

    @property
    def hindrance(self) -> str:
        """As of any node; besides, that the network does not answer."""
        busy_s = 0.0 if self._worker is None else self._worker.busy_s
        if busy_s > self._settings.alarm.timeout_ns / NANOSECONDS_PER_SECOND:
            return f"the network has not answered for {busy_s:.0f} s"
        return super().hindrance

    @property
    def pairing_counters(self) -> PairingCounters:
        """What became of the readings and images since the last activate."""
        return self._synchronizer.counters if self._synchronizer is not None else self._counters

    @property
    def classified(self) -> int:
        """Verdicts published since the last activate."""
        return self._classified

    @property
    def skipped(self) -> int:
        """Observations that were not classified for lack of time since the last activate."""
        return self._worker.skipped if self._worker is not None else self._skipped

    def _hear_reading(self, reading: GasReading) -> None:
        assert self._sources is not None
        assert self._bundle is not None
        if not self._sources.has_readings(self.watch_ns()):
            self._look()  # with its readings an array that warms up is there
        channels = dict(zip(reading.channels, reading.valid.tolist(), strict=True))
        self._sources.hear_reading(reading.stamp_ns, self.watch_ns(), channels)
        if reading.has_value_of(self._bundle.channels):
            self._alarm.hear(reading.stamp_ns)
        self._tell_missing()

    def _tell_missing(self) -> None:
        """Say once of each channel of the model that readings lack it: what it alone senses is missed."""
        assert self._decoder is not None
        new = [name for name in self._decoder.missing if name not in self._told_missing]
        if new:
            self._told_missing |= {*new}
            self.get_logger().warning(
                f"readings have no channel {listed(new)}, which model '{self._model}' knows: it goes by the "
                "others, and misses what these alone would sense"
            )

    def _hear_image(self, frame: PendingFrame) -> None:
        assert self._sources is not None
        self._sources.hear_image(frame.stamp_ns, self.watch_ns())
        if self._frames is not None and self._frames.doubt and not self._told_doubt:
            self._told_doubt = True
            self.get_logger().warning(f"{IMAGE_TOPICS[self._settings.image_transport]}: {self._frames.doubt}")

    def _hear_array(self, message: DiagnosticArray) -> None:
        assert self._sources is not None
        self._sources.array = self._source_of(message, ARRAY_TOPIC)
        if self._sources.array is not None:
            self._use_array(message)
        self._look()

    def _use_array(self, message: DiagnosticArray) -> None:
        """Take the readings from now on for those of the array that a message describes."""
        assert self._array is not None
        try:
            is_other = self._array.hear(source_messages.decode_array(message, ARRAY_TOPIC))
        except messages.MessageError as error:
            self.problems.add(error.cause, error.detail)
        except ClassifierError as error:
            self.problems.add("array_unusable", f"{ARRAY_TOPIC}: {error}")
        else:
            if is_other:
                self._tell_array()

    def _change_array(self, array: ArrayDescription | None) -> None:
        """Take readings for those of another array, once those that wait have gone on as of this one."""
        assert self._classifier is not None
        assert self._synchronizer is not None
        self._classifier.check_array(array)
        self._synchronizer.flush()
        self._classifier.use_array(array)

    def _tell_array(self) -> None:
        self.get_logger().info(f"readings are taken for those of this array: {self._array_told()}")

    def _array_told(self) -> str:
        """Which array that is, and who says so."""
        own = None if self._bundle is None else self._bundle.array
        return "" if self._array is None else self._array.current.figures(own).told

    def _hear_camera(self, message: DiagnosticArray) -> None:
        assert self._sources is not None
        self._sources.camera = self._source_of(message, CAMERA_TOPIC)
        if self._sources.camera is not None:
            self._judge_camera()
        self._look()

    def _judge_camera(self) -> None:
        """Give the model the camera's pictures from now on, or not."""
        assert self._bundle is not None
        assert self._classifier is not None
        assert self._sources is not None
        refusal = pictures_refusal(self._bundle, self._settings.allow_reproduction, self._sources.camera)
        self._classifier.refuses_pictures = bool(refusal)
        self._sources.refusal = refusal

    def _source_of(self, message: DiagnosticArray, topic: str) -> Source | None:
        try:
            return source_messages.decode_source(message, topic)
        except messages.MessageError as error:
            self.problems.add(error.cause, error.detail)
            return None

    def _prepare(self, observation: Observation) -> None:
        """Take an observation into the window at once and leave its verdict to the worker."""
        assert self._classifier is not None
        assert self._worker is not None
        if observation.reading is None:
            self._alarm.observe(observation.stamp_ns)
        try:
            sample = self._classifier.prepare(observation)
        except ClassifierError as error:
            self.problems.add("unusable_observation", str(error))
            return
        self._judge_scale()
        self._worker.submit(sample)

    def _judge_scale(self) -> None:
        assert self._classifier is not None
        assert self._sources is not None
        complaint = self._classifier.scale_complaint
        text = "" if complaint is None else complaint.text
        if text != self._sources.scale:
            self._sources.scale = text
            self._look()

    def _classify(self, sample: Sample) -> None:
        assert self._classifier is not None
        try:
            verdict = self._classifier.decide(sample)
        except ClassifierError as error:
            self.problems.add("unusable_observation", str(error))
            return
        latency_ms = (time.monotonic_ns() - sample.observation.arrival_ns) / 1e6
        # Both are made before either goes out: no class without its classification.
        classification = messages.encode_classification(verdict, latency_ms, self.diagnostic_name)
        label = messages.encode_class(verdict)
        self._classification_publisher.publish(classification)
        self._class_publisher.publish(label)
        self._alarm.update(verdict)
        self._classified += 1

    def _count_failure(self, error: Exception) -> None:
        self.problems.add("classification_failed", f"{type(error).__name__}: {error}")

    def _pass_time(self) -> None:
        """Let go on what has waited long enough, and notice silence."""
        assert self._synchronizer is not None
        self._synchronizer.tick()
        self._alarm.tick(self._conditions)
        self._plan()

    def _plan(self) -> None:
        """Wake up when the next wait is over."""
        if self._synchronizer is None or self._wake_up is None:
            return  # not active
        patience_ns = self._synchronizer.patience_ns
        self._wake_up.by(None if patience_ns is None else self.watch_ns() + patience_ns)
        self._wake_up.by(self._alarm.due_ns)

    def _look_around(self) -> None:
        """See who is there; never from within a callback of the readings, whose subscription may change.

        Time passes here too: a clock that was set, or has just begun, moves what was planned.
        """
        assert self._gas is not None
        assert self._synchronizer is not None
        self._gas.match_publishers()
        self._synchronizer.tick()
        self._look()
        self._plan()
        self.report_problems()

    def _look(self) -> None:
        """See who is there, and say what is missing when that changes."""
        assert self._sources is not None
        assert self._image is not None
        self._sources.see_publishers(
            gas=self._who_publishes("gas/readings"),
            images=self._who_publishes(self._image.topic, self._image.sub.qos_profile),
            array=self._who_publishes(ARRAY_TOPIC),
            alarm=self._who_publishes("gas/alarm"),
        )
        conditions = self._sources.conditions(
            self.pairing_counters.pairs, self._alarm.lag_ns, self.watch_ns()
        )
        for reason in _new(self._conditions.warnings, conditions.warnings):
            self.get_logger().warning(f"{reason.code}: {reason.text}")
        for reason in _new(conditions.warnings, self._conditions.warnings):
            self.get_logger().info(f"{reason.code}: over")
        self._conditions = conditions
        self._alarm.tick(conditions)

    def _who_publishes(self, topic: str, heard_by: QoSProfile | None = None) -> Publishers:
        """Who publishes a topic; None hears everybody."""
        infos = self.get_publishers_info_by_topic(self.resolve_topic_name(topic))
        refused = [
            info
            for info in infos
            if heard_by is not None
            # By value: what is returned is never the enum's own object.
            and qos_check_compatible(info.qos_profile, heard_by)[0] == QoSCompatibility.ERROR
        ]
        return Publishers(len(infos) - len(refused), len(refused))

    def _self_test(self) -> CommandResult:
        assert self._bundle is not None
        assert self._runtime is not None
        return self_test(self._bundle, self._runtime, self._alarm.settings)

    def _pairing_status(self) -> DiagnosticStatus:
        counters = self.pairing_counters
        dropped = {"readings": counters.dropped_readings, "images": counters.dropped_images}
        new = sum(self._drop_growth.since_last(dropped).values())
        level, message = (Level.WARN, f"{new} messages dropped") if new else (Level.OK, "pairing")
        missing = [reason for reason in self._conditions.warnings if reason.code != SLOW_WARNING]
        if missing:
            level, message = Level.WARN, missing[0].text
        if self._synchronizer is None:
            level, message = Level.STALE, "not active"
        offset_s = None if self._sources is None else self._sources.image_offset_s
        values = {
            **counters.as_dict(),
            "image_clock_offset_s": "" if offset_s is None else f"{offset_s:+.3f}",
        }
        return messages.diagnostic_status(f"{self.diagnostic_name}: pairing", level, message, values)

    def _classification_status(self) -> DiagnosticStatus:
        problems = self.new_problems()
        skipped = self._skip_growth.since_last({"skipped": self.skipped}).get("skipped", 0)
        lag_s = self._alarm.lag_ns / NANOSECONDS_PER_SECOND
        timeout_s = self._settings.alarm.timeout_ns / NANOSECONDS_PER_SECOND
        level, message = (Level.WARN, ", ".join(problems)) if problems else (Level.OK, "classifying")
        if not self._classified and not problems:
            level, message = Level.WARN, "nothing has been classified yet"
        if skipped:
            level, message = Level.WARN, f"{skipped} readings skipped for lack of time"
        if lag_s > timeout_s / 2:
            level = Level.ERROR if lag_s > timeout_s else Level.WARN
            message = f"the oldest reading that waits for its class was heard {lag_s:.1f} s ago"
        if self._sources is not None and self._sources.scale:
            level, message = Level.ERROR, self._sources.scale
        if self._worker is None:
            level, message = Level.STALE, "not active"
        values = {
            "model": self._model,
            "device": self._device,
            "array": self._array_told(),
            "missing_channels": " ".join(() if self._decoder is None else self._decoder.missing),
            "classified": self._classified,
            "skipped": self.skipped,
            "lag_s": f"{lag_s:.1f}",
            **self._drift(),
            **self.problem_counts(),
        }
        return messages.diagnostic_status(f"{self.diagnostic_name}: classification", level, message, values)

    def _drift(self) -> dict[str, str]:
        drifts = {} if self._classifier is None else self._classifier.drift
        return {f"drift.{name}": f"{drift:+.3f}" for name, drift in drifts.items()}

    def _alarm_status(self) -> DiagnosticStatus:
        status = self._alarm.status
        name = f"{self.diagnostic_name}: alarm"
        if status is None:
            return messages.diagnostic_status(name, Level.STALE, "not active", {})
        return messages.alarm_diagnostic(status, name)


def _new(before: Sequence[Reason], now: Sequence[Reason]) -> list[Reason]:
    """Those of `now` whose code was not there before."""
    codes = {reason.code for reason in before}
    return [reason for reason in now if reason.code not in codes]


def main(args: Sequence[str] | None = None) -> None:
    """Run the node."""
    run(GasClassifierNode, args)


if __name__ == "__main__":
    main()
