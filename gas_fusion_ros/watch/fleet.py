"""What has been heard of a fleet at its broker, as a page shows it: bounded and thread-safe."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from gas_fusion_ros.base.documents import DocumentError
from gas_fusion_ros.base.problems import Problems
from gas_fusion_ros.base.quoting import one_line
from gas_fusion_ros.fleet.broker import Incoming
from gas_fusion_ros.fleet.names import FleetTopics
from gas_fusion_ros.fleet.reports import StandingReport, StateReport, read_standing, read_state
from gas_fusion_ros.watch.fleet_row import (
    NOTHING_STANDS,
    Condition,
    RobotFacts,
    Since,
    foremost_first,
    row_json,
)
from gas_fusion_ros.watch.page_json import cut
from gas_fusion_ros.watch.watched import SILENT_AFTER_S

MOST_ROBOTS = 256

_SILENT_SHARE = 0.44
"""Of `valid_s`, which is three periods of the robot's state and at least 5 s: then it is `SILENT_AFTER_S`."""


@dataclass(frozen=True)
class Moment:
    """Now, by two clocks: seconds of a steady one, and since 1970."""

    steady_s: float
    wall_s: float


def now() -> Moment:
    """Now, by this machine's clocks."""
    return Moment(time.monotonic(), time.time())


@dataclass
class _Robot:
    """What was heard of one robot.

    Attributes:
        heard: when it last said how it is, and that was no document kept from before; None before the first.
        alive: since when it has been heard without a gap.
        gone: since when the broker, or itself, has said that it is gone; None where it is not.
    """

    heard: Moment | None = None
    alive: Moment | None = None
    gone: Since | None = None
    state: StateReport | None = None
    standing: StandingReport = NOTHING_STANDS
    broken: dict[str, str] = field(default_factory=dict)
    _facts: RobotFacts | None = None
    _row: dict[str, Any] = field(default_factory=dict)

    def facts(self, name: str, condition: tuple[Condition, Since | None]) -> RobotFacts:
        """What is known of it, as the same object for as long as that is so."""
        broken = "; ".join(self.broken.values())
        facts = RobotFacts(name, *condition, self.state, self.standing, broken)
        if facts != self._facts:
            self._facts, self._row = facts, row_json(facts, self.silent_after_s)
        assert self._facts is not None
        return self._facts

    @property
    def row(self) -> dict[str, Any]:
        """Its row by what was known at the last call of `facts`."""
        return self._row

    @property
    def silent_after_s(self) -> float:
        """After how many seconds without a word it is silent."""
        valid_s = None if self.state is None else self.state.valid_s
        return SILENT_AFTER_S if valid_s is None else max(SILENT_AFTER_S, _SILENT_SHARE * valid_s)


@dataclass
class FleetCursor:
    """What a page has been told.

    Attributes:
        rows: each robot's row.
    """

    rows: dict[str, dict[str, Any]] = field(default_factory=dict)


class Fleet:
    """Takes in documents, and tells pages what is new. Every method may be called from any thread.

    Args:
        topics: where the robots' documents are.
        broker: whom they are heard from, in words.
        clocks: now.

    Attributes:
        problems: where what could not be used is counted.
    """

    def __init__(self, topics: FleetTopics, broker: str, clocks: Callable[[], Moment] = now) -> None:
        self.problems = Problems()
        self._topics = topics
        self._broker = broker
        self._clocks = clocks
        self._lock = threading.Lock()
        self._robots: dict[str, _Robot] = {}
        self._more: set[str] = set()
        self._link: Moment | None = None
        self._trouble = "not connected yet"

    def connected(self) -> None:
        """What comes from now on is heard."""
        with self._lock:
            self._link, self._trouble = self._clocks(), ""

    def disconnected(self, why: str) -> None:
        """Nothing is heard any more."""
        with self._lock:
            self._link, self._trouble = None, why
            for robot in self._robots.values():
                robot.alive = None  # by no clock: the next link may begin in the same tick

    def hear(self, document: Incoming) -> None:
        """Take in a document; one that cannot be read is counted, and told in its robot's row."""
        try:
            name = self._topics.robot_of(document.topic)
        except ValueError as error:
            self.problems.add("robot_name_unusable", str(error))
            return
        which = document.topic.rpartition("/")[2]
        with self._lock:
            if not document.payload:
                self._forget(name, which)
                return
            robot = self._robot(name)
            if robot is None:
                return
            try:
                if which == "state":
                    self._take_state(robot, read_state(name, document.payload), document.is_kept)
                else:
                    robot.standing = read_standing(name, document.payload)
            except DocumentError as error:
                robot.broken[which] = f"{which}: {error}"
                self.problems.add(f"{which}_unusable", f"{document.topic}: {error}")
            else:
                robot.broken.pop(which, None)

    def news(self, cursor: FleetCursor) -> dict[str, Any]:
        """Return what a page is told now, made for JSON, and move its cursor on."""
        with self._lock:
            moment = self._clocks()
            facts = foremost_first(
                [robot.facts(name, self._condition(robot, moment)) for name, robot in self._robots.items()]
            )
            rows = {one.robot: self._robots[one.robot].row for one in facts}
            changed = [row for name, row in rows.items() if cursor.rows.get(name) != row]
            cursor.rows = rows
            return {
                "server_s": round(moment.steady_s, 3),
                "broker": {
                    "name": self._broker,
                    "is_up": self._link is not None,
                    "trouble": one_line(self._trouble),
                },
                "order": list(rows),
                "ages_s": [self._age_s(self._robots[name], moment) for name in rows],
                "rows": changed,
                "more": len(self._more),
                "problems": {cut(cause): count for cause, count in self.problems.counts().items()},
            }

    def _forget(self, name: str, which: str) -> None:
        """Somebody has cleared a topic at the broker."""
        if which == "state":
            self._robots.pop(name, None)
        elif name in self._robots:
            self._robots[name].standing = NOTHING_STANDS

    def _robot(self, name: str) -> _Robot | None:
        """What is kept of a robot; None for one too many."""
        if name not in self._robots:
            if len(self._robots) >= MOST_ROBOTS:
                if len(self._more) < MOST_ROBOTS:
                    self._more.add(name)
                self.problems.add(
                    "too_many_robots", f"{name} is not shown; expected {MOST_ROBOTS} robots at most"
                )
                return None
            self._robots[name] = _Robot()
        return self._robots[name]

    def _take_state(self, robot: _Robot, state: StateReport, is_kept: bool) -> None:
        moment = self._clocks()
        if not state.online:
            # The broker says so again after each new connection.
            robot.gone = robot.gone if is_kept and robot.gone else Since(moment.wall_s, is_kept)
            robot.heard = robot.alive = None
        elif not is_kept:
            if robot.alive is None or not self._is_heard(robot, moment):
                robot.alive = moment
            robot.gone, robot.heard = None, moment
        elif self._is_heard(robot, moment):
            return  # what it said since counts
        else:
            robot.gone = None  # it came back while nothing was heard
        robot.state = state

    def _is_heard(self, robot: _Robot, moment: Moment) -> bool:
        heard, link = robot.heard, self._link
        if heard is None or link is None or heard.steady_s < link.steady_s:
            return False
        return moment.steady_s - heard.steady_s <= robot.silent_after_s

    def _age_s(self, robot: _Robot, moment: Moment) -> float | None:
        return None if robot.heard is None else round(moment.steady_s - robot.heard.steady_s, 3)

    def _condition(self, robot: _Robot, moment: Moment) -> tuple[Condition, Since | None]:
        if robot.gone is not None:
            has_left = robot.state is not None and robot.state.has_left
            return Condition.STOPPED if has_left else Condition.DIED, robot.gone
        if robot.alive is not None and self._is_heard(robot, moment):
            return Condition.ALIVE, Since(robot.alive.wall_s, False)
        last = None if robot.heard is None else Since(robot.heard.wall_s, False)
        if self._link is None:
            return Condition.UNHEARD, last
        began_s = max(self._link.steady_s, robot.heard.steady_s if robot.heard is not None else 0.0)
        if moment.steady_s - began_s <= robot.silent_after_s:
            return Condition.UNHEARD, last
        return Condition.SILENT, last or Since(self._link.wall_s, True)
