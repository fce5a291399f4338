"""From messages to verdicts and alarms: what the live node does between its topics.

Decoding, pairing, classifier and alarm are the node's own. Time comes in with the messages: `now_ns` is when
a message was recorded, as `/clock` tells it while a bag is played. No ROS, no files, no threads.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Generic, Protocol, TypeVar

from gas_fusion_ros.alarm.clock import SCALE, AlarmClock, Conditions, Instant
from gas_fusion_ros.alarm.settings import AlarmSettings
from gas_fusion_ros.alarm.source_watch import PICTURES_REFUSED
from gas_fusion_ros.alarm.types import AlarmEvent, AlarmStatus, Reason
from gas_fusion_ros.array.description import ArrayDescription
from gas_fusion_ros.array.settings import TrackingSettings
from gas_fusion_ros.base.observation import GasReading, Observation, RobotPose, ThermalFrame, Verdict
from gas_fusion_ros.base.problems import Problems
from gas_fusion_ros.drivers.thermal.raw_frames import RawSettings
from gas_fusion_ros.model.bundle import Bundle
from gas_fusion_ros.model.classifier import Classifier, ClassifierError, Sample
from gas_fusion_ros.model.runtimes import Runtime
from gas_fusion_ros.pairing.pairing import Pair, Pairing, PairingCounters, PairingSettings
from gas_fusion_ros.pipeline.array_choice import ARRAY_TOPIC, ArrayChoice, KnownArray
from gas_fusion_ros.pipeline.camera_choice import CAMERA_TOPIC, pictures_refusal
from gas_fusion_ros.pipeline.frame_decoder import FrameDecoder
from gas_fusion_ros.pipeline.reading_decoder import ReadingDecoder
from gas_fusion_ros.ros import messages, source_messages

T = TypeVar("T")


@dataclass(frozen=True)
class PipelineSettings:
    """What the pipeline runs with.

    Attributes:
        pairing: how readings and images are paired.
        alarm: what raises the alarm.
        channels: channels to read from a message; empty for the model's and those of the array.
        array: the array behind the readings, of a file; None for the one that they come with.
        tracking: how its baseline follows calm air.
        allow_reproduction: whether a reproduction may be given the pictures of a real camera.
        raw: how images of raw counts are read.
    """

    pairing: PairingSettings
    alarm: AlarmSettings
    channels: tuple[str, ...] = ()
    array: KnownArray | None = None
    tracking: TrackingSettings = field(default_factory=TrackingSettings)
    allow_reproduction: bool = False
    raw: RawSettings = field(default_factory=RawSettings)


@dataclass(frozen=True)
class Decision:
    """A verdict and what it was made from.

    Attributes:
        sample: the observation with its window.
        verdict: the verdict.
        recorded_ns: when the reading was recorded; the image where it went alone.
        cost_ns: wall time that decoding and classifying took.
    """

    sample: Sample
    verdict: Verdict
    recorded_ns: int
    cost_ns: int


class PipelineListener(Protocol):
    """Hears of what comes out, in its order."""

    def on_reading(self, reading: GasReading, recorded_ns: int) -> None:
        """A reading was decoded; it is not paired yet."""

    def on_decision(self, decision: Decision) -> None:
        """An observation was classified; what the alarm makes of it follows."""

    def on_alarm(self, event: AlarmEvent) -> None:
        """An alarm changed, or the watch that raises them."""

    def where(self, moment_ns: int) -> RobotPose | None:
        """Tell where the robot was; None where nobody knows."""


@dataclass(frozen=True)
class _Received(Generic[T]):
    item: T
    recorded_ns: int
    cost_ns: int


class Pipeline:
    """Decodes, pairs, classifies and keeps the alarm. Not thread-safe.

    Every reading enters the window, and every observation is classified: nothing is skipped for lack of time.

    Args:
        bundle: the model.
        runtime: what runs it.
        settings: pairing, alarm and channels.
        problems: where messages that cannot be used are counted, by the node's causes, and how often
            readings turned out to be of another scale.
        listener: hears of what comes out.

    Attributes:
        classifier: the classifier, with the problems of its own.

    Raises:
        ClassifierError: the model cannot go by the array of the settings.
        DriverError: the shutter's file cannot be used.
    """

    def __init__(
        self,
        bundle: Bundle,
        runtime: Runtime,
        settings: PipelineSettings,
        problems: Problems,
        listener: PipelineListener,
    ) -> None:
        given = settings.array
        array = None if given is None else given.array
        self.classifier = Classifier(bundle, runtime, array, settings.tracking, settings.alarm.off_threshold)
        self._bundle = bundle
        self._allows_reproduction = settings.allow_reproduction
        self._array = ArrayChoice(given, self._change_array)
        self._channels = bundle.channels
        self._decoder = ReadingDecoder(bundle, settings.channels, self._array)
        self._frames = FrameDecoder(settings.raw, settings.pairing.image_offset_ns)
        self._problems = problems
        self._listener = listener
        self._pairing: Pairing[_Received[GasReading], _Received[ThermalFrame]] = Pairing(settings.pairing)
        self._alarm = AlarmClock(settings.alarm, self._hear_alarm, where=self._where)
        self._now_ns = 0
        self._inhibits: tuple[Reason, ...] = ()
        self._scale = ""

    @property
    def array(self) -> KnownArray:
        """The array that the readings are taken for now, and who says so."""
        return self._array.current

    @property
    def counters(self) -> PairingCounters:
        """What became of the readings and images so far."""
        return self._pairing.counters

    @property
    def alarm_status(self) -> AlarmStatus | None:
        """What stands now; None until time has begun."""
        return self._alarm.status

    def _where(self, stamp_ns: int) -> RobotPose | None:
        # Silence is noticed after its time.
        return self._listener.where(min(self._now_ns, self._alarm.clock_ns(stamp_ns)))

    def add_reading_message(self, msg: Any, now_ns: int) -> None:
        """Take in a sensor_msgs/PointCloud2 that was recorded at `now_ns`."""
        began_ns = time.perf_counter_ns()
        try:
            reading = self._decoder.decode(msg)
        except messages.MessageError as error:
            self._refuse(error, now_ns)
            return
        self._add_reading(_Received(reading, now_ns, time.perf_counter_ns() - began_ns))

    def add_image_message(self, msg: Any, now_ns: int) -> None:
        """Take in a sensor_msgs/Image that was recorded at `now_ns`."""
        began_ns = time.perf_counter_ns()
        try:
            frame = self._frames.decode(msg)
        except messages.MessageError as error:
            self._refuse(error, now_ns)
            return
        self._add_frame(_Received(frame, now_ns, time.perf_counter_ns() - began_ns))

    def add_array_message(self, msg: Any, now_ns: int) -> None:
        """Take in what the array said of itself: a diagnostic_msgs/DiagnosticArray recorded at `now_ns`.

        An array that the model cannot go by is counted as `array_unusable`, and the one before stays.
        """
        self.tick(now_ns)
        try:
            self._inhibits = source_messages.decode_source(msg, ARRAY_TOPIC).inhibits
            self._set_conditions(Instant.of(now_ns))
            self._array.hear(source_messages.decode_array(msg, ARRAY_TOPIC))
        except messages.MessageError as error:
            self._problems.add(error.cause, error.detail)
        except ClassifierError as error:
            self._problems.add("array_unusable", f"{ARRAY_TOPIC}: {error}")

    def add_camera_message(self, msg: Any, now_ns: int) -> None:
        """Take in what the camera said of itself: a diagnostic_msgs/DiagnosticArray recorded at `now_ns`.

        A camera whose pictures must not be used is counted as `pictures_refused`.
        """
        self.tick(now_ns)
        try:
            camera = source_messages.decode_source(msg, CAMERA_TOPIC)
        except messages.MessageError as error:
            self._problems.add(error.cause, error.detail)
            return
        refusal = pictures_refusal(self._bundle, self._allows_reproduction, camera)
        self.classifier.refuses_pictures = bool(refusal)
        if refusal:
            self._problems.add(PICTURES_REFUSED, refusal)

    def add_reading(self, reading: GasReading, now_ns: int) -> None:
        """Take in a reading that needs no decoding."""
        self._add_reading(_Received(reading, now_ns, 0))

    def add_frame(self, frame: ThermalFrame, now_ns: int) -> None:
        """Take in a frame that needs no decoding."""
        self._add_frame(_Received(frame, now_ns, 0))

    def tick(self, now_ns: int) -> None:
        """Let time pass, with every moment on the way at which a wait is over."""
        while (due_ns := self._pairing.next_deadline_ns) is not None and due_ns < now_ns:
            self._now_ns = due_ns
            self._deliver(self._pairing.tick(due_ns))
        self._now_ns = now_ns
        self._deliver(self._pairing.tick(now_ns))
        self._alarm.tick(Instant.of(now_ns))

    def acknowledge(self, number: int | None = None) -> None:
        """Acknowledge an alarm now, as an operator does; every one that stands where no number is given."""
        self._alarm.acknowledge(Instant.of(self._now_ns), number)

    def shelve(self, for_ns: int, number: int) -> None:
        """Mute an alarm from now on for a time, as an operator does."""
        self._alarm.shelve(Instant.of(self._now_ns), for_ns, number)

    def finish(self) -> None:
        """End of the messages: decide every reading that still waits."""
        self._deliver(self._pairing.flush())

    def _add_reading(self, received: _Received[GasReading]) -> None:
        now_ns = received.recorded_ns
        self.tick(now_ns)
        self._listener.on_reading(received.item, now_ns)
        if received.item.has_value_of(self._channels):
            self._alarm.hear(received.item.stamp_ns, Instant.of(now_ns))
        self._deliver(self._pairing.add_reading(received.item.stamp_ns, received, now_ns, 0))

    def _add_frame(self, received: _Received[ThermalFrame]) -> None:
        now_ns = received.recorded_ns
        self.tick(now_ns)
        frame = received.item
        self._deliver(self._pairing.add_image(frame.stamp_ns, received, now_ns, 0, frame.pixels.nbytes))

    def _change_array(self, array: ArrayDescription | None) -> None:
        """Take readings for those of another array, once those that wait have gone on as of this one."""
        self.classifier.check_array(array)
        self._deliver(self._pairing.flush())
        self.classifier.use_array(array)

    def _refuse(self, error: messages.MessageError, now_ns: int) -> None:
        self._problems.add(error.cause, error.detail)
        self.tick(now_ns)

    def _deliver(self, pairs: Iterable[Pair[_Received[GasReading], _Received[ThermalFrame]]]) -> None:
        instant = Instant.of(self._now_ns)
        for pair in pairs:
            if pair.reading is None and pair.image_stamp_ns is not None:
                self._alarm.observe(pair.image_stamp_ns, instant)
            decision = self._decide(pair)
            self._judge_scale(instant)
            if decision is not None:
                self._listener.on_decision(decision)
                self._alarm.update(decision.verdict, instant)

    def _decide(self, pair: Pair[_Received[GasReading], _Received[ThermalFrame]]) -> Decision | None:
        began_ns = time.perf_counter_ns()
        parts = [part for part in (pair.reading, pair.image) if part is not None]
        observation = Observation(
            pair.reading.item if pair.reading is not None else None,
            pair.image.item if pair.image is not None else None,
            stretch=pair.stretch,
        )
        try:
            sample = self.classifier.prepare(observation)
            verdict = self.classifier.decide(sample)
        except ClassifierError as error:
            self._problems.add("unusable_observation", str(error))
            return None
        except Exception as error:  # a runtime's exceptions have no common base
            self._problems.add("classification_failed", f"{type(error).__name__}: {error}")
            return None
        cost_ns = time.perf_counter_ns() - began_ns + sum(part.cost_ns for part in parts)
        return Decision(sample, verdict, parts[0].recorded_ns, cost_ns)

    def _judge_scale(self, instant: Instant) -> None:
        complaint = self.classifier.scale_complaint
        text = "" if complaint is None else complaint.text
        if text == self._scale:
            return
        self._scale = text
        if text:
            self._problems.add(SCALE, text)
        self._set_conditions(instant)

    def _set_conditions(self, instant: Instant) -> None:
        faults = (Reason(SCALE, self._scale),) if self._scale else ()
        self._alarm.set_conditions(Conditions(faults, self._inhibits), instant)

    def _hear_alarm(self, _: AlarmStatus, __: int, events: tuple[AlarmEvent, ...]) -> None:
        for event in events:
            self._listener.on_alarm(event)
