"""What has been heard of a robot or a recording, as a page shows it: bounded and thread-safe."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gas_fusion_ros.alarm.types import AlarmStatus, reasons_text
from gas_fusion_ros.base.leak_places import MOST_LEAKS, HeardLeaks, LeakPlace
from gas_fusion_ros.base.observation import GasReading, RobotPose, ThermalFrame
from gas_fusion_ros.base.problems import Problems
from gas_fusion_ros.base.units import NANOSECONDS_PER_SECOND
from gas_fusion_ros.ros.classifier_messages import Classification
from gas_fusion_ros.site.verdicts import AlarmKey, Judgement, Said
from gas_fusion_ros.view.banner import AlarmWord, Banner, banner
from gas_fusion_ros.view.trail import Trail, TrailPoint
from gas_fusion_ros.watch.alarm_history import MOST_REMEMBERED, AlarmHistory, RememberedAlarm
from gas_fusion_ros.watch.judge import Judge
from gas_fusion_ros.watch.page_json import alarm_json, cut, leak_json, number, seconds
from gas_fusion_ros.watch.series import Part, Series
from gas_fusion_ros.watch.thermal_picture import ThermalPicture, thermal_picture

SILENT_AFTER_S = 2.2
"""The alarm is repeated every second by a steady clock; with what a page and its server take, within 3 s."""
MOST_CHANNELS = 32
MOST_CLASSES = 32

_MOST_READINGS = 1200
_READING_PERIOD_NS = NANOSECONDS_PER_SECOND // 2
_TRAIL_POINTS, _TRAIL_SPACING_M = 4000, 0.25
_MOST_REASONS = 1000
"""Letters of all reasons of faults or inhibits."""
_MOST_NEW = 400
"""Readings or points that are told at once: what a page lacks comes in several parts."""
_BACK_NS = NANOSECONDS_PER_SECOND
"""Stamps that go back further are of another run."""

Row = tuple[float, ...]


@dataclass
class Cursor:
    """How far a page has been told.

    Attributes:
        readings: number of the next reading.
        trail: number of the next point of the trail.
    """

    readings: int = 0
    trail: int = 0


class Watched:
    """Takes in what is heard, and tells pages what is new. Every method may be called from any thread.

    Nothing is known before the alarm has spoken, and again once `end` was called.

    Args:
        title: what is watched, in words.
        clock: steady, seconds.
        judge: keeps what operators say of alarms; None where nobody does.
        problems: where what could not be used is counted; its own unless given.

    Attributes:
        title: as given.
        problems: where what could not be used is counted.
    """

    def __init__(
        self,
        title: str,
        clock: Callable[[], float] = time.monotonic,
        judge: Judge | None = None,
        problems: Problems | None = None,
    ) -> None:
        self.title = title
        self.problems = problems or Problems()
        self._clock = clock
        self._judge = judge
        self._history = AlarmHistory("" if judge is None else judge.robot)
        self._lock = threading.Lock()
        self._beats = 0
        self._beat_s: float | None = None
        self._stamp_ns = 0
        self._is_raised = True
        self._standing: AlarmStatus | None = None
        self._ended = ""
        self._said: Classification | None = None
        self._pose: RobotPose | None = None
        self._leaks = HeardLeaks()
        self._trail = Trail(_TRAIL_POINTS, _TRAIL_SPACING_M)
        self._points: Series[TrailPoint] = Series(_TRAIL_POINTS)
        self._channels: tuple[str, ...] = ()
        self._rows: Series[Row] = Series(_MOST_READINGS)
        self._row_ns = 0
        self._frame: ThermalFrame | None = None
        self._frames = 0
        self._picture: tuple[int, ThermalPicture] | None = None

    @property
    def is_silent(self) -> bool:
        """Whether the alarm has not spoken for too long, or never, or everything has ended."""
        with self._lock:
            return bool(self._ended) or self._age_s > SILENT_AFTER_S

    @property
    def standing_numbers(self) -> frozenset[int]:
        """Numbers of the alarms that were last heard to stand."""
        with self._lock:
            return (
                frozenset(alarm.number for alarm in self._standing.alarms) if self._standing else frozenset()
            )

    def hear_alarm(self, is_raised: bool) -> None:
        """The alarm said whether it is raised, as it does every second: the robot's sign of life."""
        with self._lock:
            self._is_raised = is_raised
            self._beats += 1
            self._beat_s = self._clock()

    def hear_standing(self, standing: AlarmStatus | None) -> None:
        """The alarm said what stands; None where that could not be understood."""
        with self._lock:
            self._standing = standing
            over = {} if standing is None else self._history.hear(standing, self._stamp_ns)
        self._tell_ends(over)

    def hear_reading(self, reading: GasReading) -> None:
        """A gas reading came."""
        channels = reading.channels[:MOST_CHANNELS]
        counts = (float(count) for count in reading.counts[:MOST_CHANNELS])
        with self._lock:
            is_another_run = reading.stamp_ns < self._row_ns - _BACK_NS
            if channels != self._channels or is_another_run:
                self._channels, self._row_ns = channels, 0
                self._rows.clear()
            if is_another_run:
                self._points.clear()
                self._trail = Trail(_TRAIL_POINTS, _TRAIL_SPACING_M)
            self._stamp_ns = reading.stamp_ns
            if reading.stamp_ns - self._row_ns >= _READING_PERIOD_NS:
                self._row_ns = reading.stamp_ns
                self._rows.append((seconds(reading.stamp_ns), *counts))

    def hear_classification(self, said: Classification) -> None:
        """A class was told."""
        with self._lock:
            self._said = said
            self._follow()

    def hear_pose(self, pose: RobotPose) -> None:
        """The robot was somewhere; a pose that is no place is passed over."""
        if not all(map(math.isfinite, (pose.x, pose.y, pose.z, pose.yaw))):
            return
        with self._lock:
            self._pose = pose
            self._follow()

    def hear_leak(self, place: LeakPlace) -> None:
        """An estimate of where a leak is came."""
        with self._lock:
            self._leaks.add(place)

    def hear_leaks(self, places: Sequence[LeakPlace]) -> None:
        """All leaks are estimated to be there; what was heard before is no more."""
        with self._lock:
            self._leaks = HeardLeaks(places[-MOST_LEAKS:])

    def hear_frame(self, frame: ThermalFrame) -> None:
        """A thermal image came."""
        with self._lock:
            self._frame = frame
            self._frames += 1

    def end(self, why: str) -> None:
        """Nothing more will come."""
        with self._lock:
            self._ended = why
            over = self._history.end(self._stamp_ns)
        self._tell_ends(over)

    def judge(self, number: int, since_ms: int, said: Said, name: str) -> str:
        """Keep an operator's word on an alarm that was heard of.

        Args:
            number: its number.
            since_ms: when it was raised.
            said: what the operator says.
            name: who says it.

        Returns:
            Why that could not be; empty where it was.

        Raises:
            LookupError: no such alarm is remembered, or nobody keeps verdicts.
        """
        if self._judge is None:
            raise LookupError("no file keeps verdicts; start `gas-fusion watch` with --site")
        with self._lock:
            remembered = self._history.alarms.get(AlarmKey(self._judge.robot, number, since_ms))
        if remembered is None:
            raise LookupError(f"alarm {number} of that time is not among the latest {MOST_REMEMBERED}")
        return self._judge.say(remembered, said, name)

    def thermal(self) -> ThermalPicture | None:
        """The latest thermal image as a picture; None before the first. Drawn once, however many ask.

        Raises:
            ThermalError: it has no pixels that can be shown.
        """
        with self._lock:
            frame, number, picture = self._frame, self._frames, self._picture
        if frame is None:
            return None
        if picture is not None and picture[0] == number:
            return picture[1]
        drawn = thermal_picture(frame)
        with self._lock:
            self._picture = number, drawn
        return drawn

    def news(self, cursor: Cursor) -> dict[str, Any]:
        """Return what a page is told now, made for JSON, and move its cursor on."""
        with self._lock:
            rows = self._rows.since(cursor.readings, _MOST_NEW)
            points = self._points.since(cursor.trail, _MOST_NEW)
            cursor.readings, cursor.trail = rows.end, points.end
            said = banner(AlarmWord(True, self._is_raised, self._standing))
            is_known = self._beat_s is not None and self._standing is not None
            return {
                "server_s": round(self._clock(), 3),
                "title": self.title,
                "ended": self._ended,
                "robot": {
                    "beats": self._beats,
                    "age_s": None if self._beat_s is None else round(self._age_s, 3),
                    "stamp_s": seconds(self._stamp_ns) if self._stamp_ns else None,
                },
                "word": _word(said, self._standing) if is_known else None,
                "alarms": [alarm_json(alarm) for alarm in self._standing.alarms] if self._standing else [],
                "class": None if self._said is None else _classification(self._said),
                "pose": None if self._pose is None else _pose(self._pose),
                "may_judge": self._judge is not None,
                "recent": self._recent(),
                "leaks": [leak_json(place) for place in self._leaks.places],
                "frames": self._frames,
                "channels": [cut(name) for name in self._channels],
                "readings": _part(rows, lambda row: [number(value) for value in row]),
                "trail": _part(
                    points, lambda one: [number(one.x), number(one.y), number(one.leak_probability)]
                ),
                "problems": {cut(cause): count for cause, count in self.problems.counts().items()},
            }

    def _recent(self) -> list[dict[str, Any]]:
        """The alarms that may be judged, the latest first."""
        if self._judge is None:
            return []
        return [
            {**alarm_json(one.alarm), "since_ms": key.since_ms, "word": _told(self._judge.word_on(key))}
            for key, one in reversed(self._history.alarms.items())
        ]

    def _tell_ends(self, over: Mapping[AlarmKey, RememberedAlarm]) -> None:
        if self._judge is not None:
            for key, one in over.items():
                if one.until_ns is not None:
                    self._judge.hear_end(key, one.until_ns, self.problems)

    @property
    def _age_s(self) -> float:
        return math.inf if self._beat_s is None else self._clock() - self._beat_s

    def _follow(self) -> None:
        """Go on with the trail: where the robot is, and what it smells there."""
        if self._pose is None:
            return
        frame_id = self._trail.frame_id
        self._trail.add(self._pose, None if self._said is None else self._said.leak_probability)
        if self._trail.frame_id != frame_id:
            self._points.clear()
        last, point = self._points.last, self._trail.points[-1]
        if last is not None and (last.x, last.y, last.z) == (point.x, point.y, point.z):
            self._points.replace_last(point)
        else:
            self._points.append(point)


def _part(part: Part[Any], encode: Callable[[Any], list[float | None]]) -> dict[str, Any]:
    return {"oldest": part.oldest, "first": part.first, "items": [encode(item) for item in part.items]}


def _told(word: Judgement | None) -> dict[str, Any] | None:
    if word is None:
        return None
    return {"said": word.said.value, "by": cut(word.judged_by), "at_s": seconds(word.judged_ns)}


def _word(said: Banner, standing: AlarmStatus | None) -> dict[str, str]:
    reasons = "" if standing is None else reasons_text(standing.faults or standing.inhibits)
    return {"text": said.text, "urgency": said.urgency.value, "reasons": reasons[:_MOST_REASONS]}


def _classification(said: Classification) -> dict[str, Any]:
    most: Mapping[str, float] = dict(list(said.probabilities.items())[:MOST_CLASSES])
    return {
        "label": cut(said.label),
        "mode": said.mode.value,
        "stamp_s": seconds(said.stamp_ns),
        "leak_probability": number(said.leak_probability),
        "probabilities": {cut(name): number(value) for name, value in most.items()},
    }


def _pose(pose: RobotPose) -> dict[str, Any]:
    return {
        "x": number(pose.x),
        "y": number(pose.y),
        "yaw": number(pose.yaw),
        "frame_id": cut(pose.frame_id),
    }
