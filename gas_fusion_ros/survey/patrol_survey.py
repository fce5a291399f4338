"""Reads a bag as a patrol of a site, through the code of the live node: alarms, leaks, way, and clean air."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from gas_fusion_ros.alarm.types import AlarmEvent
from gas_fusion_ros.bags.reader import BagMessage, BagReader, BagTopic
from gas_fusion_ros.bags.topics import BagTopics, find_topics, robot_of
from gas_fusion_ros.base.observation import GasReading, RobotPose
from gas_fusion_ros.base.problems import Problems
from gas_fusion_ros.base.quoting import shown
from gas_fusion_ros.evaluation.bag_poses import BagPoses
from gas_fusion_ros.evaluation.leak_finding import LeakFinding
from gas_fusion_ros.evaluation.loaded_model import LoadedModel
from gas_fusion_ros.evaluation.poses import place_of
from gas_fusion_ros.pipeline.mapper_settings import LeakMapperSettings
from gas_fusion_ros.pipeline.offline import Decision
from gas_fusion_ros.site.leak_database import Sighting
from gas_fusion_ros.site.patrol_log import Cell, Patrol, PatrolAlarm
from gas_fusion_ros.survey.clean_air import CleanAirStates
from gas_fusion_ros.survey.way import Way

_MOST_ALARMS = 10_000


class SurveyError(ValueError):
    """A bag is no patrol; the message names it and says what is missing."""


@dataclass(frozen=True)
class Surveyed:
    """What a patrol gave.

    Attributes:
        patrol: the patrol.
        sightings: where and when each alarm found its leak, as far as that is known.
        visited: cells in which the robot was.
    """

    patrol: Patrol
    sightings: tuple[Sighting, ...]
    visited: frozenset[Cell]


def survey_bag(
    reader: BagReader,
    sha256: str,
    topics: BagTopics,
    model: LoadedModel,
    mapping: LeakMapperSettings,
    problems: Problems,
) -> Surveyed:
    """Play a bag, and return what it gave.

    Args:
        reader: the bag.
        sha256: its hash.
        topics: names of topics; those that are None are looked for.
        model: what classifies.
        mapping: how the leaks' places are estimated.
        problems: where what could not be used is counted.

    Raises:
        SurveyError: it holds neither readings nor images, or no message at all.
        TopicError: a topic that was asked for is not there.
    """
    doubts = Problems()
    found = find_topics(reader.topics, topics, doubts, ("label", "leaks"), reader.first_messages).topics
    for doubt in doubts.take_unreported():
        if doubt.cause != "topic_missing_image":  # a robot may have no camera
            problems.add(doubt.cause, doubt.detail)
    if found.gas is None and found.image is None:
        raise SurveyError(f"{shown(reader.path)} has neither gas readings nor thermal images")
    if reader.start_ns is None or reader.end_ns is None:
        raise SurveyError(f"{shown(reader.path)} holds no messages")
    survey = _Survey(found, reader.topics, model, mapping, problems)
    survey.play(reader, reader.start_ns, reader.end_ns)
    return survey.surveyed(str(reader.path), sha256)


class _Survey:
    """One bag through the pipeline; hears what comes out of it."""

    def __init__(
        self,
        topics: BagTopics,
        bag_topics: Sequence[BagTopic],
        model: LoadedModel,
        mapping: LeakMapperSettings,
        problems: Problems,
    ) -> None:
        settings = model.settings
        self._topics = topics
        self._model = model
        self._wait_ns = settings.pairing.wait_ns
        self._bag_poses = BagPoses(topics.pose, bag_topics, mapping, model.reach_ns, problems)
        self._poses = self._bag_poses.trail
        self._leaks = LeakFinding(mapping)
        self._way = Way()
        self._air = CleanAirStates()
        self._alarms: dict[int, PatrolAlarm] = {}
        self._sensed: set[int] = set()
        self._sightings: list[Sighting] = []
        self._readings = 0
        self._start_ns: int | None = None
        self._end_ns = 0
        self._pipeline = model.pipeline(problems, self)

    def play(self, reader: BagReader, start_ns: int, end_ns: int) -> None:
        """Play it to its end."""
        self._pipeline.tick(start_ns)
        for message in reader.messages(self._bag_poses.named_with(self._topics)):
            self._take(message)
        self._pipeline.tick(end_ns)
        self._pipeline.finish()
        self._bag_poses.finish()
        for number in sorted(self._sensed):
            self._over(number, self._end_ns)

    def surveyed(self, bag: str, sha256: str) -> Surveyed:
        """What the bag gave."""
        way = self._way
        patrol = Patrol(
            bag,
            sha256,
            robot_of(self._topics.gas),
            self._model.bundle.name,
            self._start_ns or self._end_ns,
            self._end_ns,
            way.frame_id,
            None if way.frame_id is None else round(way.length_m, 1),
            self._readings,
            tuple(self._alarms.values()),
            self._air.states(self._pipeline.array.array),
        )
        return Surveyed(patrol, tuple(self._sightings), frozenset(way.cells))

    def on_reading(self, reading: GasReading, _: int) -> None:
        """Count a reading."""
        self._readings += 1
        self._pass(reading.stamp_ns)

    def on_decision(self, decision: Decision) -> None:
        """Follow the leaks; keep a reading of clean air."""
        verdict, reading = decision.verdict, decision.sample.observation.reading
        self._pass(verdict.stamp_ns)
        self._leaks.hear_verdict(verdict, self._poses.at(decision.recorded_ns))
        if reading is not None and not self._sensed:
            self._air.hear(reading, verdict)

    def on_alarm(self, event: AlarmEvent) -> None:
        """Keep an alarm, and where its leak is once its gas is over."""
        self._leaks.hear_alarm(event)
        number = event.alarm
        if event.raises_alarm and len(self._alarms) < _MOST_ALARMS:
            place = place_of(event.pose)
            where = (None, None, None) if place is None else (place.x, place.y, place.frame_id)
            severity = "" if event.severity is None else event.severity.value
            stamp_ns = event.stamp_ns
            self._alarms[number] = PatrolAlarm(
                number, event.gas, severity, stamp_ns, stamp_ns, event.peak, *where
            )
            self._sensed.add(number)
        elif number in self._sensed:
            alarm = self._alarms[number]
            self._alarms[number] = replace(alarm, peak=max(alarm.peak, event.peak))
            if not event.state.is_sensed:
                self._over(number, event.stamp_ns)

    def where(self, moment_ns: int) -> RobotPose | None:
        """Tell where the robot was, as far as the bag says."""
        return self._poses.at(moment_ns)

    def _over(self, number: int, stamp_ns: int) -> None:
        self._sensed.discard(number)
        alarm = self._alarms[number]
        self._alarms[number] = replace(alarm, until_ns=max(alarm.since_ns, stamp_ns))
        place = self._leaks.place(number)
        if place is not None:
            self._sightings.append(Sighting(place.gas, place, place.strength))

    def _pass(self, stamp_ns: int) -> None:
        self._start_ns = stamp_ns if self._start_ns is None else min(self._start_ns, stamp_ns)
        self._end_ns = max(self._end_ns, stamp_ns)

    def _take(self, message: BagMessage) -> None:
        topics, content, stamp_ns = self._topics, message.message, message.stamp_ns
        if message.topic == topics.gas:
            self._pipeline.add_reading_message(content, stamp_ns)
            self._poses.settle(stamp_ns - self._wait_ns)
        elif message.topic == topics.image:
            self._pipeline.add_image_message(content, stamp_ns)
            self._poses.settle(stamp_ns - self._wait_ns)
        elif message.topic == topics.array:
            self._pipeline.add_array_message(content, stamp_ns)
        elif message.topic == topics.camera:
            self._pipeline.add_camera_message(content, stamp_ns)
        elif message.topic in self._bag_poses.topics and (pose := self._bag_poses.hear(message)) is not None:
            self._way.hear(pose)
