"""Finds where the leaks of a recording's alarms are, as the node `leak_mapper` does on a robot."""

from __future__ import annotations

from collections import deque

from gas_fusion_ros.alarm.types import AlarmEvent
from gas_fusion_ros.base.leak_places import MOST_LEAKS
from gas_fusion_ros.base.observation import RobotPose, Verdict
from gas_fusion_ros.mapping.leak_places import LeakPlaces, PlacedLeak, PlacedReading, evidence_of, is_usable
from gas_fusion_ros.mapping.settings import MappingSettings


class LeakFinding:
    """Follows the alarms of a pipeline along the route.

    Args:
        settings: sensors, pipe and path.
    """

    def __init__(self, settings: MappingSettings) -> None:
        self._places = LeakPlaces(settings)
        self._alarms: deque[int] = deque(maxlen=MOST_LEAKS)

    def hear_verdict(self, verdict: Verdict, pose: RobotPose | None) -> None:
        """Take in a verdict, and where the robot was at its reading."""
        if verdict.has_reading and pose is not None and is_usable(pose):
            evidence = evidence_of(verdict.by_class, verdict.departure)
            self._places.add(PlacedReading(verdict.stamp_ns, pose, evidence, verdict.departure))

    def hear_alarm(self, event: AlarmEvent) -> None:
        """Take in a change of an alarm; the verdict that it comes of was heard before."""
        if event.raises_alarm:
            self._places.begin(event.alarm, event.gas, event.stamp_ns)
            self._alarms.append(event.alarm)
        elif event.alarm and not event.state.is_sensed:
            self._places.end(event.alarm)

    def place(self, alarm: int) -> PlacedLeak | None:
        """Where the leak of an alarm is; None where nobody knows."""
        return self._places.place(alarm)

    @property
    def places(self) -> list[PlacedLeak]:
        """Where the leaks of the latest alarms are, as far as that is known, the oldest first."""
        found = [self._places.place(alarm) for alarm in self._alarms]
        return [place for place in found if place is not None]
