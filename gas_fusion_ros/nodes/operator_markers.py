"""What an operator sees on the map, as visualization_msgs: trail, alarms, leaks, the state by the robot."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from functools import lru_cache

from builtin_interfaces.msg import Duration, Time
from geometry_msgs.msg import Point
from std_msgs.msg import ColorRGBA
from visualization_msgs.msg import Marker, MarkerArray

from gas_fusion_ros.alarm.types import Severity, StandingAlarm
from gas_fusion_ros.base.leak_places import LeakPlace
from gas_fusion_ros.base.observation import RobotPose
from gas_fusion_ros.base.quoting import one_line
from gas_fusion_ros.base.units import NANOSECONDS_PER_SECOND
from gas_fusion_ros.view.banner import Banner
from gas_fusion_ros.view.colours import ALARM_COLOURS, LEAK_COLOUR, URGENCY_COLOURS, Colour, leak_colour
from gas_fusion_ros.view.trail import Trail, TrailPoint

TRAIL, ALARMS, ALARM_TEXTS, LEAKS, LEAK_TEXTS, STATE = (
    "trail",
    "alarms",
    "alarm_texts",
    "leaks",
    "leak_texts",
    "state",
)
NAMESPACES = (TRAIL, ALARMS, ALARM_TEXTS, LEAKS, LEAK_TEXTS, STATE)
"""Of the markers: what RViz and Foxglove can show and hide apart."""

STATE_LIFETIME_S = 3
"""The state vanishes so long after the last message: what nobody repeats is not known any more."""

_TRAIL_WIDTH = 0.4
"""This and the next in heights of a letter."""
_ALARM_SIZES = {Severity.CRITICAL: 1.2, Severity.WARNING: 0.8}
_LEAST_AXIS_M = 0.05
_MOST_LETTERS = 40


@dataclass(frozen=True)
class Shown:
    """What is to be seen.

    Attributes:
        trail: the way.
        alarms: those that stand; one without a place is in `state` alone.
        leaks: where leaks are estimated to be.
        state: the state of the alarm.
        robot: where the state is written; nowhere if None.
    """

    trail: Trail
    alarms: Sequence[StandingAlarm]
    leaks: Sequence[LeakPlace]
    state: Banner
    robot: RobotPose | None


class MarkerMaker:
    """Makes markers of what is to be seen.

    Args:
        letter_m: height of letters on the map, metres; alarms and trail are drawn in proportion.
    """

    def __init__(self, letter_m: float) -> None:
        self._letter_m = letter_m

    def whole_view(self, shown: Shown, stamp: Time) -> MarkerArray:
        """Make everything, behind a marker that deletes what was there before.

        So a subscriber that comes late, or misses a message, sees what any other does.
        """
        markers = [Marker(action=Marker.DELETEALL), *self._trail(shown.trail)]
        for alarm in shown.alarms:
            if alarm.pose is not None:
                markers += self._alarm(alarm, alarm.pose)
        for number, leak in enumerate(shown.leaks):
            markers += self._leak(number, leak)
        if shown.robot is not None:
            markers.append(self._state(shown.state, shown.robot))
        for marker in markers:
            marker.header.stamp = stamp
        # Foxglove looks for the frame of that one too.
        markers[0].header.frame_id = markers[-1].header.frame_id
        return MarkerArray(markers=markers)

    def _trail(self, trail: Trail) -> Iterator[Marker]:
        points = trail.points
        if len(points) < 2:  # no line yet
            return
        marker = _marker(TRAIL, 0, Marker.LINE_STRIP, trail.frame_id)
        marker.scale.x = _TRAIL_WIDTH * self._letter_m
        marker.points = [_point(one) for one in points]
        marker.colors = [_colour(leak_colour(one.leak_probability)) for one in points]
        yield marker

    def _alarm(self, alarm: StandingAlarm, pose: RobotPose) -> Iterator[Marker]:
        size_m, colour = _ALARM_SIZES[alarm.severity] * self._letter_m, ALARM_COLOURS[alarm.state]
        sphere = _marker(ALARMS, alarm.number, Marker.SPHERE, pose.frame_id, pose.x, pose.y)
        sphere.scale.x = sphere.scale.y = sphere.scale.z = size_m
        sphere.color = _colour(colour)
        yield sphere
        at_s = datetime.fromtimestamp(alarm.since_ns / NANOSECONDS_PER_SECOND, tz=timezone.utc)
        shelved = ", shelved" if alarm.shelved else ""
        said = f"{alarm.number} {_cut(alarm.gas)} {at_s:%H:%M:%S}Z {alarm.state.value}{shelved}"
        # Above it as seen from above, and the state below the robot: both can be read where they meet.
        y = pose.y + size_m + self._letter_m
        above = _marker(ALARM_TEXTS, alarm.number, Marker.TEXT_VIEW_FACING, pose.frame_id, pose.x, y)
        yield self._saying(above, said, colour, size_m)

    def _leak(self, number: int, leak: LeakPlace) -> Iterator[Marker]:
        ellipse = leak.ellipse
        disc = _marker(LEAKS, number, Marker.CYLINDER, leak.frame_id, leak.x, leak.y)
        disc.pose.orientation.z, disc.pose.orientation.w = (
            math.sin(ellipse.yaw / 2),
            math.cos(ellipse.yaw / 2),
        )
        disc.scale.x = 2 * max(_LEAST_AXIS_M, ellipse.long_m)
        disc.scale.y = 2 * max(_LEAST_AXIS_M, ellipse.short_m)
        disc.scale.z = _LEAST_AXIS_M
        disc.color = _colour(LEAK_COLOUR, 0.4)
        yield disc
        said = f"leak within {ellipse.long_m:.1f} x {ellipse.short_m:.1f} m (90 %)"
        on_it = _marker(LEAK_TEXTS, number, Marker.TEXT_VIEW_FACING, leak.frame_id, leak.x, leak.y)
        yield self._saying(on_it, said, LEAK_COLOUR, self._letter_m)

    def _state(self, state: Banner, robot: RobotPose) -> Marker:
        below = robot.y - 2 * self._letter_m
        marker = _marker(STATE, 0, Marker.TEXT_VIEW_FACING, robot.frame_id, robot.x, below)
        marker.lifetime = Duration(sec=STATE_LIFETIME_S)
        return self._saying(marker, state.text, URGENCY_COLOURS[state.urgency], robot.z + self._letter_m)

    def _saying(self, marker: Marker, said: str, colour: Colour, z: float) -> Marker:
        marker.scale.z = self._letter_m
        marker.color = _colour(colour)
        marker.text = said
        marker.pose.position.z = z
        return marker


def nothing() -> MarkerArray:
    """Delete what was there."""
    return MarkerArray(markers=[Marker(action=Marker.DELETEALL)])


def _marker(namespace: str, number: int, kind: int, frame_id: str, x: float = 0.0, y: float = 0.0) -> Marker:
    marker = Marker(ns=namespace, id=number, type=kind, action=Marker.ADD)
    marker.header.frame_id = frame_id
    marker.pose.position.x, marker.pose.position.y = x, y
    marker.pose.orientation.w = 1.0
    return marker


@lru_cache(maxsize=4096)
def _point(one: TrailPoint) -> Point:
    """A point as a message; kept, for a trail has thousands and one of them is new."""
    return Point(x=one.x, y=one.y, z=one.z)


@lru_cache(maxsize=1024)
def _colour(colour: Colour, alpha: float = 1.0) -> ColorRGBA:
    red, green, blue = colour
    return ColorRGBA(r=red / 255, g=green / 255, b=blue / 255, a=alpha)


def _cut(name: str) -> str:
    return one_line(name[:_MOST_LETTERS])
