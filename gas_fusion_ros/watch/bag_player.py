"""Plays a bag in time through the code of the live node, for somebody who watches."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from queue import Empty, Full, Queue

from gas_fusion_ros.alarm.types import AlarmEvent
from gas_fusion_ros.bags.reader import BagMessage, BagReader
from gas_fusion_ros.bags.topics import BagTopics
from gas_fusion_ros.base.observation import GasReading, RobotPose, Verdict
from gas_fusion_ros.base.units import NANOSECONDS_PER_SECOND
from gas_fusion_ros.evaluation.bag_poses import BagPoses
from gas_fusion_ros.evaluation.leak_finding import LeakFinding
from gas_fusion_ros.evaluation.loaded_model import LoadedModel
from gas_fusion_ros.pipeline.mapper_settings import LeakMapperSettings
from gas_fusion_ros.pipeline.offline import Decision
from gas_fusion_ros.ros.classifier_messages import Classification
from gas_fusion_ros.ros.leak_pose import LEAK_POSE_TOPIC
from gas_fusion_ros.watch.robot_ear import RobotEar
from gas_fusion_ros.watch.watched import Watched

_STEP_S = 0.1
_BEAT_S = 0.5
_MOST_COMMANDS = 16
_LEAK_POSE_TYPE = "geometry_msgs/msg/PoseWithCovarianceStamped"

Command = Callable[[], None]


def leak_topic(reader: BagReader, gas_topic: str | None) -> str | None:
    """The topic of the leaks' places in a bag, that of the readings' namespace first; None without one."""
    found = [
        topic.name
        for topic in reader.topics
        if topic.type_name == _LEAK_POSE_TYPE
        and topic.messages != 0
        and f"/{topic.name}".endswith(f"/{LEAK_POSE_TOPIC}")
    ]
    namespace = (gas_topic or "").removesuffix("gas/readings")
    return min(found, key=lambda name: (name != f"{namespace}{LEAK_POSE_TOPIC}", name), default=None)


class BagPlayer:
    """A bag as the robot that it was recorded on. `acknowledge` and `shelve` may be called from any thread.

    The alarm speaks as the live node's does, every half second of the clock on the wall. Leaks are where the
    bag tells them to be; of a bag that tells of none, where `gas-fusion evaluate` would find them.

    Args:
        reader: the bag.
        topics: what of it is played.
        model: what classifies.
        watched: takes in what comes.
        speed: seconds of the recording in a second, at most.
        mapping: how the leaks' places are estimated where the bag does not tell them.
    """

    def __init__(
        self,
        reader: BagReader,
        topics: BagTopics,
        model: LoadedModel,
        watched: Watched,
        speed: float,
        mapping: LeakMapperSettings,
    ) -> None:
        settings = model.settings
        self._reader = reader
        self._topics = topics
        self._leaks = leak_topic(reader, topics.gas)
        self._finding = LeakFinding(mapping) if self._leaks is None else None
        self._watched = watched
        self._ear = RobotEar(watched)
        self._speed = speed
        self._shelve_ns = settings.alarm.shelve_ns
        # A reading may wait for its image, and silence count from the end of its wait.
        self._wait_ns = settings.pairing.wait_ns
        self._bag_poses = BagPoses(topics.pose, reader.topics, mapping, model.reach_ns, watched.problems)
        self._poses = self._bag_poses.trail
        self._pipeline = model.pipeline(watched.problems, self)
        self._commands: Queue[Command] = Queue(_MOST_COMMANDS)
        self._sleeper = threading.Event()
        self._began_s = 0.0
        self._next_beat_s = 0.0

    def play(self) -> None:
        """Play it to its end, and then answer an operator no more."""
        start_ns, end_ns = self._reader.start_ns, self._reader.end_ns
        if start_ns is None or end_ns is None:
            self._watched.end("the recording holds no messages")
            return
        self._began_s = time.monotonic()
        self._pipeline.tick(start_ns)
        names = self._bag_poses.named_with(self._topics)
        if self._leaks is not None:
            names.add(self._leaks)
        for message in self._reader.messages(names):
            self._wait_until(message.stamp_ns, start_ns)
            self._take(message)
        self._pipeline.tick(end_ns)
        self._pipeline.finish()
        self._bag_poses.finish()
        self._speak()
        self._watched.end("the recording has ended")

    def acknowledge(self, number: int) -> str:
        """Acknowledge an alarm; return why that could not be passed on, empty where it was."""
        return self._submit(lambda: self._pipeline.acknowledge(number))

    def shelve(self, number: int) -> str:
        """Mute an alarm for the parameters' `alarm.shelve_time`; return as `acknowledge` does."""
        return self._submit(lambda: self._pipeline.shelve(self._shelve_ns, number))

    def on_reading(self, reading: GasReading, _: int) -> None:
        """Show a reading."""
        self._watched.hear_reading(reading)

    def on_decision(self, decision: Decision) -> None:
        """Show a verdict."""
        self._watched.hear_classification(_classification(decision.verdict, decision.cost_ns))
        if self._finding is not None:
            self._finding.hear_verdict(decision.verdict, self._poses.at(decision.recorded_ns))

    def on_alarm(self, event: AlarmEvent) -> None:
        """Show what stands."""
        if self._finding is not None:
            self._finding.hear_alarm(event)
        self._speak()

    def where(self, moment_ns: int) -> RobotPose | None:
        """Tell where the robot was, as far as the bag says."""
        return self._poses.at(moment_ns)

    def _submit(self, command: Command) -> str:
        try:
            self._commands.put_nowait(command)
        except Full:
            return "too many commands wait; try again"
        return ""

    def _wait_until(self, stamp_ns: int, start_ns: int) -> None:
        """Let the recording's time pass until a message is due."""
        due_s = self._began_s + (stamp_ns - start_ns) / NANOSECONDS_PER_SECOND / self._speed
        while True:
            self._obey()
            now_s = time.monotonic()
            if now_s >= self._next_beat_s:
                self._speak()
            if now_s >= due_s:
                return
            self._sleeper.wait(min(due_s - now_s, _STEP_S))
            passed_ns = round((time.monotonic() - self._began_s) * self._speed * NANOSECONDS_PER_SECOND)
            self._pipeline.tick(min(start_ns + passed_ns, stamp_ns))

    def _obey(self) -> None:
        while True:
            try:
                command = self._commands.get_nowait()
            except Empty:
                return
            command()

    def _speak(self) -> None:
        """Tell what stands, as `gas/alarm` and `gas/alarm_state` do, and where leaks are."""
        self._next_beat_s = time.monotonic() + _BEAT_S
        status = self._pipeline.alarm_status
        if status is not None:
            self._watched.hear_standing(status)
            self._watched.hear_alarm(not status.is_safe)
        if self._finding is not None:
            self._watched.hear_leaks(self._finding.places)

    def _take(self, message: BagMessage) -> None:
        topics, content, stamp_ns = self._topics, message.message, message.stamp_ns
        if message.topic == topics.gas:
            self._pipeline.add_reading_message(content, stamp_ns)
            self._poses.settle(stamp_ns - self._wait_ns)
        elif message.topic == topics.image:
            self._pipeline.add_image_message(content, stamp_ns)
            self._ear.hear_image(content)
            self._poses.settle(stamp_ns - self._wait_ns)
        elif message.topic == topics.array:
            self._pipeline.add_array_message(content, stamp_ns)
        elif message.topic == topics.camera:
            self._pipeline.add_camera_message(content, stamp_ns)
        elif message.topic in self._bag_poses.topics:
            pose = self._bag_poses.hear(message)
            if pose is not None:
                self._watched.hear_pose(pose)
        elif message.topic == self._leaks:
            self._ear.hear_leak(content)


def _classification(verdict: Verdict, cost_ns: int) -> Classification:
    return Classification(
        verdict.stamp_ns, verdict.label, verdict.by_class, verdict.mode, latency_ms=cost_ns / 1e6
    )
