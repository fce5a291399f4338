"""Keeps what operators say of the alarms that are watched."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path

from gas_fusion_ros.base.problems import Problems
from gas_fusion_ros.site.site_file import SiteError
from gas_fusion_ros.site.verdicts import AlarmKey, Judgement, Said, VerdictBook
from gas_fusion_ros.watch.alarm_history import RememberedAlarm

LONGEST_NAME = 80


class Judge:
    """Keeps verdicts in a file, which is made with the first one. May be used from any thread.

    Args:
        path: the site's file, or the one beside a bag.
        robot: whose alarms are judged, as in `AlarmKey`.
        clock_ns: now, since 1970.

    Raises:
        SiteError: the file is there and cannot be used.
    """

    def __init__(self, path: Path, robot: str, clock_ns: Callable[[], int] = time.time_ns) -> None:
        self.robot = robot
        self._book = VerdictBook(path)
        self._clock_ns = clock_ns
        self._lock = threading.Lock()
        known = self._book.judgements() if path.exists() else ()
        self._judgements = {one.key: one for one in known}

    def word_on(self, key: AlarmKey) -> Judgement | None:
        """The last word on an alarm; None without one."""
        with self._lock:
            return self._judgements.get(key)

    def say(self, remembered: RememberedAlarm, said: Said, name: str) -> str:
        """Keep an operator's word; return why that could not be, empty where it was.

        Args:
            remembered: the alarm.
            said: what the operator says.
            name: who says it.
        """
        name = name.strip()
        if not name or len(name) > LONGEST_NAME or not name.isprintable():
            return f"a verdict needs the name of who gives it, of 1 to {LONGEST_NAME} characters"
        alarm = remembered.alarm
        place = alarm.pose
        judgement = Judgement(
            self.robot,
            alarm.number,
            alarm.since_ns,
            None if remembered.is_sensed else remembered.until_ns,
            alarm.gas,
            alarm.severity.value,
            alarm.peak,
            None if place is None else place.x,
            None if place is None else place.y,
            None if place is None else place.frame_id,
            said,
            name,
            self._clock_ns(),
        )
        try:
            with self._lock:
                self._book.give(judgement)
                self._judgements[judgement.key] = judgement
        except SiteError as error:
            return str(error)
        return ""

    def hear_end(self, key: AlarmKey, until_ns: int, problems: Problems) -> None:
        """The gas of an alarm is sensed no more; a file that cannot be written is counted."""
        with self._lock:
            if key not in self._judgements:
                return
            try:
                self._book.end(key, until_ns)
            except SiteError as error:
                problems.add("verdict_end", str(error))
