"""Evaluates one bag: streams it through the pipeline, counts, and writes what it leaves behind."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from gas_fusion_ros.alarm.event_log import EventLog, EventLogError
from gas_fusion_ros.alarm.types import AlarmEvent, AlarmState
from gas_fusion_ros.bags.reader import BagMessage, BagReader, BagReadError
from gas_fusion_ros.bags.storage.limits import BagLimits
from gas_fusion_ros.bags.topics import BY_GAS_ALONE, BagTopics, FoundTopics, TopicError, find_topics
from gas_fusion_ros.base.observation import GasReading, RobotPose
from gas_fusion_ros.base.problems import Problems
from gas_fusion_ros.base.quoting import shown
from gas_fusion_ros.base.units import NANOSECONDS_PER_SECOND
from gas_fusion_ros.drivers import DriverError
from gas_fusion_ros.evaluation.alarm_pictures import AlarmPictures
from gas_fusion_ros.evaluation.assembly import EvaluationOrigin, Volume, report_of
from gas_fusion_ros.evaluation.bag_poses import BagPoses
from gas_fusion_ros.evaluation.evaluated_bag import Evaluation
from gas_fusion_ros.evaluation.leak_finding import LeakFinding
from gas_fusion_ros.evaluation.loaded_model import LoadedModel
from gas_fusion_ros.evaluation.losses import losses_of
from gas_fusion_ros.evaluation.poses import leak_pose_of
from gas_fusion_ros.evaluation.predictions import PredictionError, PredictionFormat, Predictions
from gas_fusion_ros.evaluation.tally import Tally
from gas_fusion_ros.pipeline.mapper_settings import LeakMapperSettings
from gas_fusion_ros.pipeline.offline import Decision
from gas_fusion_ros.pipeline.settings import described
from gas_fusion_ros.ros.messages import stamp_to_ns
from gas_fusion_ros.settings.fields import parameters_of
from gas_fusion_ros.truth.decoding import decode_leaks
from gas_fusion_ros.truth.labels import LabelError, outside_recording, read_intervals
from gas_fusion_ros.truth.scoring import ScoreSettings
from gas_fusion_ros.truth.track import TruthTrack, clock_shift_ns
from gas_fusion_ros.truth.unknown_class import told_unknown_class

Watch = Callable[[float], None]
"""Called now and then with the share of the recording that is done, 0..1."""

REPORT, EVENTS = "report.json", "events.jsonl"

_WATCH_EVERY = 64
_FAILURES = (BagReadError, TopicError, LabelError, PredictionError, EventLogError, DriverError, OSError)


class EvaluationError(RuntimeError):
    """A bag could not be evaluated at all; the message says why."""


@dataclass(frozen=True)
class EvaluationSettings:
    """How bags are evaluated, whatever the model.

    Attributes:
        topics: names of topics; those that are None are looked for.
        with_images: whether thermal images are used; else every reading goes alone.
        labels: a CSV of intervals; None takes the bag's own truth.
        predictions: how the verdicts are written.
        acknowledges: whether an operator acknowledges each alarm once it is over.
        with_heat: whether the pictures of the alarms show where the evidence lay.
        limits: what unpacking and reading a bag may take.
        mapping: how the leaks' places are estimated.
    """

    topics: BagTopics = field(default_factory=BagTopics)
    with_images: bool = True
    labels: Path | None = None
    predictions: PredictionFormat = PredictionFormat.CSV
    acknowledges: bool = False
    with_heat: bool = True
    limits: BagLimits = field(default_factory=BagLimits)
    mapping: LeakMapperSettings = field(default_factory=LeakMapperSettings)


def evaluate_bag(
    bag: Path, folder: Path, model: LoadedModel, settings: EvaluationSettings, watch: Watch = lambda _: None
) -> Evaluation:
    """Evaluate a bag; write the predictions, `events.jsonl` and `report.json` into a folder.

    Args:
        bag: a rosbag2 directory or file.
        folder: made where it is not there.
        model: what classifies.
        settings: how.
        watch: hears how far it has come.

    Raises:
        EvaluationError: nothing can be evaluated, or the folder cannot be written.
    """
    problems = Problems()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with BagReader(bag, problems, settings.limits) as reader:
            evaluation = _evaluate(reader, folder, model, settings, problems, watch)
        evaluation.report.write(folder / REPORT)
    except _FAILURES as error:
        raise EvaluationError(str(error)) from error
    return evaluation


def _evaluate(
    reader: BagReader,
    folder: Path,
    model: LoadedModel,
    settings: EvaluationSettings,
    problems: Problems,
    watch: Watch,
) -> Evaluation:
    began_s = time.perf_counter()
    chosen = _find_topics(reader, settings, problems)
    topics = chosen.topics
    # Hashing reads the whole bag once more, beside the evaluation: neither waits for the other.
    with _hashed(reader) as digest:
        with (
            Predictions(folder, settings.predictions, model.bundle.classes) as predictions,
            _event_log(folder / EVENTS, problems) as events,
        ):
            run = _BagRun(reader, topics, model, settings, problems, predictions, events)
            run.play(watch)
        pictures, without_heat = run.pictures.finish(model.grad_cam if settings.with_heat else None)
        origin = EvaluationOrigin(
            bag=str(reader.path),
            bag_sha256=digest.result(),
            bundle=model.bundle.name,
            bundle_sha256=model.bundle.sha256,
            topics=topics,
            choices=chosen.choices,
            array=run.pipeline.array.figures(model.bundle.array),
            settings=described(model.settings, model.bundle, model.alarm),
            acknowledged=settings.acknowledges,
            grace_s=run.score_settings.grace_ns / NANOSECONDS_PER_SECOND,
            leak_mapper={**parameters_of(settings.mapping)},
        )
    wall_s = time.perf_counter() - began_s
    tally, truth = run.tally, run.truth
    losses = losses_of([problems, run.pipeline.classifier.problems], run.pipeline.counters)
    volume = Volume(run.readings, run.images, run.size, wall_s)
    return Evaluation(
        report=report_of(origin, volume, run.pipeline.counters, losses, tally, truth),
        timeline=tally.timeline(f"{reader.path.name}, model {model.bundle.name}", truth),
        confusion=tally.confusion,
        reliability=tally.reliability.bins(),
        offsets=tally.offsets.histogram(),
        alarm_pictures=pictures,
        alarms=tuple(tally.alarms()),
        without_heat=without_heat,
    )


@contextmanager
def _hashed(reader: BagReader) -> Iterator[Future[str]]:
    """The bag's hash, to come; what ends the evaluation ends the hashing too."""
    is_over = threading.Event()
    with ThreadPoolExecutor(1, "gas_fusion_hash") as hasher:
        try:
            yield hasher.submit(reader.sha256, lambda: not is_over.is_set())
        finally:
            is_over.set()


@contextmanager
def _event_log(path: Path, problems: Problems) -> Iterator[EventLog]:
    """A log of its own for this evaluation, for it appends; none is left where that fails."""
    path.unlink(missing_ok=True)
    events = EventLog(path, problems)
    try:
        yield events
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    finally:
        events.close()


def _find_topics(reader: BagReader, settings: EvaluationSettings, problems: Problems) -> FoundTopics:
    """The topics that are read.

    Raises:
        TopicError: one that was asked for is not there.
        EvaluationError: there are neither readings nor images.
    """
    images = () if settings.with_images else ("image", "camera")
    truth = () if settings.labels is None else ("label", "leaks")
    found = find_topics(
        reader.topics, settings.topics, problems, (*images, *truth), reader.first_messages, BY_GAS_ALONE
    )
    if found.topics.gas is None and found.topics.image is None:
        raise EvaluationError(f"{shown(reader.path)}: {_told(problems)}")
    return found


def _told(problems: Problems) -> str:
    """The first detail of each problem, in one line."""
    return "; ".join(problem.detail for problem in problems.take_unreported())


class _BagRun:
    """One bag through the pipeline; hears what comes out of it."""

    def __init__(
        self,
        reader: BagReader,
        topics: BagTopics,
        model: LoadedModel,
        settings: EvaluationSettings,
        problems: Problems,
        predictions: Predictions,
        events: EventLog,
    ) -> None:
        self._reader = reader
        self._topics = topics
        self._model = model
        self._settings = settings
        self._problems = problems
        self._predictions = predictions
        self._events = events
        pairing = model.settings.pairing
        self.score_settings = ScoreSettings.for_alarm(model.alarm.off_delay_ns)
        self.pipeline = model.pipeline(problems, self)
        self.tally = Tally(model.bundle.classes, model.channels, pairing.slop_ns, self.score_settings)
        self.truth = TruthTrack(None, self.score_settings.grace_ns)
        self._is_labelled = False
        # A reading may wait for its image, and silence count from the end of its wait.
        self._wait_ns = pairing.wait_ns
        self._bag_poses = BagPoses(topics.pose, reader.topics, settings.mapping, model.reach_ns, problems)
        self._poses = self._bag_poses.trail
        self._leaks = LeakFinding(settings.mapping)
        self.pictures = AlarmPictures(self.pipeline.classifier)
        self._decision: Decision | None = None
        self._strange_label = ""
        self.readings = 0
        self.images = 0
        self.size = 0

    def play(self, watch: Watch) -> None:
        """Play the whole bag.

        Raises:
            EvaluationError: nothing of it could be classified.
            LabelError: the CSV of labels cannot be used.
        """
        reader = self._reader
        start_ns, end_ns = reader.start_ns, reader.end_ns
        if start_ns is not None:
            self.pipeline.tick(start_ns)
            self._poses.settle(start_ns)
            if self._topics.gas is None:
                self._require_labels(start_ns, start_ns)
        for number, message in enumerate(reader.messages(self._bag_poses.named_with(self._topics))):
            self._take(message)
            if number % _WATCH_EVERY == 0 and start_ns is not None and end_ns is not None:
                watch((message.stamp_ns - start_ns) / max(end_ns - start_ns, 1))
        if end_ns is not None:
            self.pipeline.tick(end_ns)
            self.tally.pass_time(end_ns)
        self.pipeline.finish()
        self._bag_poses.finish()
        self._place_leaks()
        if self._decision is None:
            told = _told(self._problems)
            raise EvaluationError(
                f"{shown(reader.path)}: nothing could be classified" + (f"; {told}" if told else "")
            )
        watch(1.0)

    def on_reading(self, reading: GasReading, recorded_ns: int) -> None:
        """Count a reading."""
        self.tally.add_reading(reading, recorded_ns)

    def on_decision(self, decision: Decision) -> None:
        """Count a verdict beside the truth, and write it."""
        self._decision = decision
        true = self.tally.add_decision(decision, self.truth)
        self._predictions.add(decision.verdict, true, decision.sample.observation.stretch)
        self._leaks.hear_verdict(decision.verdict, self._poses.at(decision.recorded_ns))

    def on_alarm(self, event: AlarmEvent) -> None:
        """Count and write a change of the alarm; keep a picture of what raised one."""
        self._events.write(event)
        self.tally.add_alarm(event)
        self._leaks.hear_alarm(event)
        if event.raises_alarm and self._decision is not None:
            self.pictures.add(self._decision, event.gas)
        if self._settings.acknowledges and event.state is AlarmState.LATCHED:
            self.pipeline.acknowledge()

    def where(self, moment_ns: int) -> RobotPose | None:
        """Tell where the robot was, as far as the bag says."""
        return self._poses.at(moment_ns)

    def _place_leaks(self) -> None:
        for alarm in self.tally.alarm_numbers:
            place = self._leaks.place(alarm)
            if place is not None:
                self.tally.add_leak_pose(alarm, leak_pose_of(place))

    def _take(self, message: BagMessage) -> None:
        topics = self._topics
        if message.topic == topics.gas:
            self.readings += 1
            self.size += message.size
            self._require_labels(stamp_to_ns(message.message.header.stamp), message.stamp_ns)
            self.pipeline.add_reading_message(message.message, message.stamp_ns)
            self._poses.settle(message.stamp_ns - self._wait_ns)
        elif message.topic == topics.image:
            self.images += 1
            self.size += message.size
            self.pipeline.add_image_message(message.message, message.stamp_ns)
            self._poses.settle(message.stamp_ns - self._wait_ns)
        elif message.topic == topics.label:
            self._take_label(message)
        elif message.topic == topics.array:
            self.pipeline.add_array_message(message.message, message.stamp_ns)
        elif message.topic == topics.camera:
            self.pipeline.add_camera_message(message.message, message.stamp_ns)
        elif message.topic in self._bag_poses.topics:
            self._bag_poses.hear(message)
        else:
            self._take_leaks(message)

    def _take_label(self, message: BagMessage) -> None:
        label = str(message.message.data).strip()
        try:
            self.truth.hear_label(message.stamp_ns, label)
        except ValueError as error:
            self._problems.add("label_unusable", f"a message of {shown(message.topic)}: {error}")
            return
        self._check_label(label)

    def _take_leaks(self, message: BagMessage) -> None:
        try:
            self.truth.hear_leaks(decode_leaks(message.message))
        except ValueError as error:
            self._problems.add("leaks_unusable", f"a message of {shown(message.topic)}: {error}")

    def _require_labels(self, origin_ns: int, recorded_ns: int) -> None:
        """Read the CSV as soon as it is known what its times count from: the first reading with a stamp.

        Args:
            origin_ns: that stamp.
            recorded_ns: when it was recorded.
        """
        labels = self._settings.labels
        if self._is_labelled or labels is None or origin_ns <= 0:
            return
        self._is_labelled = True
        intervals = read_intervals(labels, origin_ns)
        end_ns = (self._reader.end_ns or recorded_ns) - clock_shift_ns(origin_ns, recorded_ns)
        outside = outside_recording(intervals, origin_ns, end_ns)
        for text in outside.values():
            self._problems.add("label_outside_recording", f"{shown(labels)}: {text}")
        intervals = [interval for interval in intervals if interval not in outside]
        # Of labels that all lie elsewhere nothing is known here.
        self.truth = TruthTrack(intervals or None, self.score_settings.grace_ns)
        for interval in intervals:
            self._check_label(interval.label)

    def _check_label(self, label: str) -> None:
        bundle = self._model.bundle
        if label in bundle.classes or label == self._strange_label:
            return
        self._strange_label = label
        self._problems.add("label_unknown_class", told_unknown_class((label,), bundle.name, bundle.classes))
