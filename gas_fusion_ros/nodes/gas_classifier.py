"""Pairs readings with images, classifies each pair and keeps the leak alarm."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from message_filters import Subscriber
from rclpy.timer import Timer
from sensor_msgs.msg import Image, PointCloud2
from std_msgs.msg import String

from gas_fusion_ros import messages
from gas_fusion_ros.classifier import Classifier, ClassifierError, Sample
from gas_fusion_ros.classifier_parameters import SPECS
from gas_fusion_ros.inference import Bundle, create_runtime
from gas_fusion_ros.messages import Level
from gas_fusion_ros.nodes.alarm_interface import AlarmInterface
from gas_fusion_ros.nodes.managed_node import ManagedNode
from gas_fusion_ros.nodes.qos import RELIABLE, SENSOR_DATA
from gas_fusion_ros.nodes.runner import run
from gas_fusion_ros.observation import Observation
from gas_fusion_ros.pairing import PairingCounters, PairingSettings
from gas_fusion_ros.problems import Growth, Problems
from gas_fusion_ros.share import find_bundle
from gas_fusion_ros.synchronizer import ObservationSynchronizer
from gas_fusion_ros.worker import Worker

_TICK_PERIOD_S = 0.05
_WAIT_FOR_WORKER_S = 5.0


class GasClassifierNode(ManagedNode):
    """`gas/readings` and `thermal/image_raw` in; class, classification and alarm out.

    The subscriptions pair, and take every reading into the classifier's window; one worker thread runs the
    network, so services always answer. A classification that is skipped is missing in no window.
    """

    SPECS = SPECS

    def __init__(self, node_name: str = "gas_classifier", **node_arguments: Any) -> None:
        super().__init__(node_name, **node_arguments)
        self._class_publisher = self.create_lifecycle_publisher(String, "gas/class", RELIABLE)
        self._classification_publisher = self.create_lifecycle_publisher(
            DiagnosticArray, "gas/classification", RELIABLE
        )
        self._alarm = AlarmInterface(self)
        self._classifier: Classifier | None = None
        self._model = ""
        self._device = ""
        self._worker: Worker[Sample] | None = None
        self._synchronizer: ObservationSynchronizer | None = None
        self._subscribers: list[Subscriber] = []
        self._tick_timer: Timer | None = None
        self._classified = 0
        self._skipped = 0
        self._counters = PairingCounters()
        self._drop_growth = Growth()

    def configure(self) -> None:
        """Load and check the bundle, start its runtime and run each of its modes once."""
        bundle = Bundle.load(find_bundle(self.parameters.text("model")))
        bundle.check_channels(self.parameters.texts("channels"))
        self._alarm.configure(bundle)
        runtime = create_runtime(bundle, self.parameters.text("device"), self.parameters.integer("threads"))
        if runtime.note:
            self.get_logger().info(runtime.note)
        self._classifier = Classifier(bundle, runtime)
        self._classifier.warm_up()
        self._model, self._device = bundle.name, runtime.device
        messages.cv_bridge()
        self.get_logger().info(f"model {bundle.name} runs on {runtime.device}")

    def activate(self) -> None:
        """Start the alarm, the worker and the subscriptions."""
        assert self._classifier is not None
        self._classifier.forget()
        self._classified = 0
        self._drop_growth = Growth()
        self._alarm.activate()
        self._worker = Worker(self._classify, self.parameters.integer("inbox"), self._count_failure)
        gas = Subscriber(self, PointCloud2, "gas/readings", qos_profile=RELIABLE)
        image = Subscriber(self, Image, "thermal/image_raw", qos_profile=SENSOR_DATA)
        self._subscribers = [gas, image]
        self._synchronizer = ObservationSynchronizer(
            gas,
            image,
            self.parameters.texts("channels"),
            self._pairing_settings(),
            self.get_clock(),
            self.problems,
        )
        self._synchronizer.registerCallback(self._prepare)
        self._tick_timer = self.create_timer(_TICK_PERIOD_S, self._tick)

    def deactivate(self) -> None:
        """Stop listening; what waits is classified as far as the inbox holds it; a fault stays behind."""
        for subscriber in self._subscribers:
            self.destroy_subscription(subscriber.sub)
        self._subscribers = []
        if self._tick_timer is not None:
            self.destroy_timer(self._tick_timer)
            self._tick_timer = None
        if self._synchronizer is not None:
            self._synchronizer.flush()
            self._counters = self._synchronizer.counters
            self._synchronizer = None
        if self._worker is not None:
            self._worker.wait_idle(_WAIT_FOR_WORKER_S)
            self._worker.stop()
            self._skipped = self._worker.skipped
            self._worker = None
        self._alarm.deactivate()

    def cleanup(self) -> None:
        """Free the runtime, and its GPU memory with it, and close the event log."""
        self._classifier = None
        self._alarm.cleanup()

    def tallies(self) -> list[Problems]:
        """The node's own problems and the classifier's."""
        return [self.problems] if self._classifier is None else [self.problems, self._classifier.problems]

    def diagnostics(self) -> list[DiagnosticStatus]:
        """One status each for the pairing, the classification and the alarm."""
        return [self._pairing_status(), self._classification_status(), self._alarm_status()]

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

    def _prepare(self, observation: Observation) -> None:
        """Take an observation into the window at once and leave its verdict to the worker."""
        assert self._classifier is not None
        assert self._worker is not None
        try:
            sample = self._classifier.prepare(observation)
        except ClassifierError as error:
            self.problems.add("unusable_observation", str(error))
            return
        self._worker.submit(sample)

    def _classify(self, sample: Sample) -> None:
        assert self._classifier is not None
        try:
            verdict = self._classifier.decide(sample)
        except ClassifierError as error:
            self.problems.add("unusable_observation", str(error))
            return
        latency_ms = (time.monotonic_ns() - sample.observation.arrival_ns) / 1e6
        self._class_publisher.publish(messages.encode_class(verdict))
        self._classification_publisher.publish(
            messages.encode_classification(verdict, latency_ms, self.diagnostic_name)
        )
        self._alarm.update(verdict)
        self._classified += 1

    def _count_failure(self, error: Exception) -> None:
        self.problems.add("classification_failed", f"{type(error).__name__}: {error}")

    def _tick(self) -> None:
        assert self._synchronizer is not None
        self._synchronizer.tick()
        self._alarm.tick()
        self.report_problems()

    def _pairing_settings(self) -> PairingSettings:
        return PairingSettings(
            slop_ns=self.parameters.nanoseconds("pairing.slop"),
            wait_ns=self.parameters.nanoseconds("pairing.wait"),
            min_image_interval_ns=self.parameters.nanoseconds("pairing.min_image_interval"),
            future_tolerance_ns=self.parameters.nanoseconds("pairing.future_tolerance"),
            reset_jump_ns=self.parameters.nanoseconds("pairing.reset_jump"),
            silence_ns=self.parameters.nanoseconds("pairing.silence"),
            thermal_only_period_ns=self.parameters.nanoseconds("pairing.thermal_only_period"),
            image_history=self.parameters.integer("pairing.image_history"),
        )

    def _pairing_status(self) -> DiagnosticStatus:
        counters = self.pairing_counters
        dropped = {"readings": counters.dropped_readings, "images": counters.dropped_images}
        new = sum(self._drop_growth.since_last(dropped).values())
        level, message = (Level.WARN, f"{new} messages dropped") if new else (Level.OK, "pairing")
        if self._synchronizer is None:
            level, message = Level.STALE, "not active"
        return messages.diagnostic_status(
            f"{self.diagnostic_name}: pairing", level, message, counters.as_dict()
        )

    def _classification_status(self) -> DiagnosticStatus:
        problems = self.new_problems()
        level, message = (Level.WARN, ", ".join(problems)) if problems else (Level.OK, "classifying")
        if self._worker is None:
            level, message = Level.STALE, "not active"
        values = {
            "model": self._model,
            "device": self._device,
            "classified": self._classified,
            "skipped": self.skipped,
            **self.problem_counts(),
        }
        return messages.diagnostic_status(f"{self.diagnostic_name}: classification", level, message, values)

    def _alarm_status(self) -> DiagnosticStatus:
        status = self._alarm.status
        name = f"{self.diagnostic_name}: alarm"
        if status is None:
            return messages.diagnostic_status(name, Level.STALE, "not active", {})
        return messages.alarm_diagnostic(status, name)


def main(args: Sequence[str] | None = None) -> None:
    """Run the node."""
    run(GasClassifierNode, args)


if __name__ == "__main__":
    main()
