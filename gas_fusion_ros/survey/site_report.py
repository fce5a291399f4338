"""Puts the report of a site together from what its file and the verdicts hold."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from gas_fusion_ros.base.units import NANOSECONDS_PER_SECOND, SECONDS_PER_HOUR
from gas_fusion_ros.evaluation.schema import BagLoss, LeakPose
from gas_fusion_ros.site.leak_database import SiteLeak
from gas_fusion_ros.site.leak_history import SightingRecord
from gas_fusion_ros.site.patrol_log import CELL_M, Cell, Patrol, PatrolAlarm
from gas_fusion_ros.site.verdicts import Judgement, Said, last_words
from gas_fusion_ros.survey.schema import (
    Coverage,
    CoverageCell,
    JudgedAlarm,
    LeakFigures,
    PatrolFigures,
    SensorFigures,
    SensorPoint,
    SightingFigures,
    SiteReport,
)

_NS_PER_DAY = 86_400 * NANOSECONDS_PER_SECOND
_SIGHTING_SLACK_NS = 2 * NANOSECONDS_PER_SECOND
"""How long after its alarm's gas a sighting may be stamped: with the reading at which it was kept."""


@dataclass(frozen=True)
class SiteKnowledge:
    """All that is known of a site.

    Attributes:
        leaks: its leaks.
        sightings: of each leak, by its number.
        passes: of each leak, patrols that came near it after it was last seen.
        patrols: the earliest first.
        coverage: how many patrols were in each cell, by frame.
        judgements: in the order in which they were given.
    """

    leaks: Sequence[SiteLeak]
    sightings: Mapping[int, Sequence[SightingRecord]]
    passes: Mapping[int, int]
    patrols: Sequence[Patrol]
    coverage: Mapping[str, Mapping[Cell, int]]
    judgements: Sequence[Judgement]


def site_report(site: str, known: SiteKnowledge, losses: Mapping[str, BagLoss]) -> SiteReport:
    """Return the report.

    Args:
        site: name of the site's file.
        known: all that is known.
        losses: what went wrong with bags that were read now.
    """
    words = last_words(known.judgements)
    judged = _Judged(known.patrols, words)
    said = Counter(one.said for one in words)
    alarms = sum(len(patrol.alarms) for patrol in known.patrols)
    hours = sum(_duration_s(patrol) for patrol in known.patrols) / SECONDS_PER_HOUR
    leaks = tuple(_leak(leak, known, judged) for leak in known.leaks)
    of_patrols = sum(counts[Said.FALSE_ALARM] for counts in judged.by_patrol)
    return SiteReport(
        site=site,
        leaks=leaks,
        leaks_judged_false=sum(leak.judged_false for leak in leaks),
        patrols=tuple(
            _patrol(number, patrol, counts)
            for number, (patrol, counts) in enumerate(zip(known.patrols, judged.by_patrol, strict=True), 1)
        ),
        coverage=_coverage(known.coverage),
        sensors=_sensors(known.patrols),
        judgements=tuple(
            _judged_alarm(word, patrol) for word, patrol in zip(words, judged.patrols, strict=True)
        ),
        alarms=alarms,
        unjudged=alarms - sum(sum(counts.values()) for counts in judged.by_patrol),
        true_leaks=said[Said.TRUE_LEAK],
        false_alarms=said[Said.FALSE_ALARM],
        not_known=said[Said.NOT_KNOWN],
        patrol_hours=round(hours, 4),
        false_alarms_per_hour=round(of_patrols / hours, 4) if hours else None,
        losses=dict(losses),
    )


class _Judged:
    """Which alarm of which patrol each verdict is on.

    Attributes:
        patrols: of each verdict the patrol's number, from 1; None where no bag knows its alarm.
        by_patrol: of each patrol its alarms that were judged, by what was said.
    """

    def __init__(self, patrols: Sequence[Patrol], words: Sequence[Judgement]) -> None:
        self.patrols: list[int | None] = [None] * len(words)
        self.by_patrol: list[Counter[Said]] = []
        self._alarms: defaultdict[str, list[_Stretch]] = defaultdict(list)
        self._words: defaultdict[str, list[tuple[_Stretch, Said]]] = defaultdict(list)
        for word in words:
            self._words[word.gas].append((_Stretch(word.robot, word.since_ns, word.end_ns), word.said))
        for number, patrol in enumerate(patrols, 1):
            counts: Counter[Said] = Counter()
            for alarm in patrol.alarms:
                stretch = _Stretch(patrol.robot, alarm.since_ns, alarm.until_ns)
                self._alarms[alarm.gas].append(stretch)
                found = [place for place, word in enumerate(words) if _is_on(word, patrol, alarm)]
                for place in found:
                    self.patrols[place] = number
                if found:
                    said = words[found[-1]].said
                    counts[said] += 1
                    self._words[alarm.gas].append((stretch, said))
            self.by_patrol.append(counts)

    def said_of(self, gas: str, stamp_ns: int) -> set[Said]:
        """What was said of the alarm that found a leak; nothing where it may be of either of two robots."""
        words = [(one, said) for one, said in self._words[gas] if one.saw(stamp_ns)]
        if not words:
            return set()
        alarms = [one for one in self._alarms[gas] if one.saw(stamp_ns)]
        robots = {one.robot for one, _ in words} | {one.robot for one in alarms}
        return {said for _, said in words} if len(robots) == 1 else set()


@dataclass(frozen=True)
class _Stretch:
    """When an alarm of a robot sensed its gas."""

    robot: str
    since_ns: int
    until_ns: int

    def saw(self, stamp_ns: int) -> bool:
        """Whether a sighting at a stamp may be of the alarm."""
        return self.since_ns <= stamp_ns <= self.until_ns + _SIGHTING_SLACK_NS


def _is_on(word: Judgement, patrol: Patrol, alarm: PatrolAlarm) -> bool:
    if word.robot != patrol.robot or word.gas != alarm.gas:
        return False
    return word.since_ns <= alarm.until_ns and alarm.since_ns <= word.end_ns


def _duration_s(patrol: Patrol) -> float:
    return (patrol.end_ns - patrol.start_ns) / NANOSECONDS_PER_SECOND


def _patrol(number: int, patrol: Patrol, said: Mapping[Said, int]) -> PatrolFigures:
    return PatrolFigures(
        number,
        patrol.bag,
        patrol.bag_sha256,
        patrol.robot,
        patrol.model,
        patrol.start_ns,
        round(_duration_s(patrol), 3),
        patrol.length_m,
        patrol.readings,
        len(patrol.alarms),
        said[Said.TRUE_LEAK],
        said[Said.FALSE_ALARM],
        said[Said.NOT_KNOWN],
    )


def _leak(leak: SiteLeak, known: SiteKnowledge, judged: _Judged) -> LeakFigures:
    sightings = tuple(
        SightingFigures(one.stamp_ns, one.strength, _patrol_at(known.patrols, one.stamp_ns))
        for one in known.sightings.get(leak.number, ())
    )
    said = [judged.said_of(leak.gas, one.stamp_ns) for one in sightings]
    xx, xy, yy = (round(value, 4) for value in leak.covariance)
    return LeakFigures(
        leak.number,
        leak.gas,
        LeakPose(round(leak.x, 2), round(leak.y, 2), ((xx, xy), (xy, yy)), leak.frame_id),
        leak.first_seen_ns,
        leak.last_seen_ns,
        sightings,
        leak.trend_per_day,
        _trend_per_patrol(sightings),
        known.passes.get(leak.number, 0),
        sum(one == {Said.FALSE_ALARM} for one in said),
        set().union(*said) == {Said.FALSE_ALARM},
    )


def _patrol_at(patrols: Sequence[Patrol], stamp_ns: int) -> int | None:
    """The number of the patrol that last began before a stamp and was not over; None without one."""
    begun = bisect_right(patrols, stamp_ns, key=lambda patrol: patrol.start_ns)
    return next((number for number in range(begun, 0, -1) if stamp_ns <= patrols[number - 1].end_ns), None)


def _trend_per_patrol(sightings: Sequence[SightingFigures]) -> float | None:
    strongest: dict[int, float] = {}
    for one in sightings:
        if one.patrol is not None and one.strength is not None:
            strongest[one.patrol] = max(one.strength, strongest.get(one.patrol, 0.0))
    return _slope(list(strongest), list(strongest.values()))


def _coverage(by_frame: Mapping[str, Mapping[Cell, int]]) -> tuple[Coverage, ...]:
    return tuple(
        Coverage(
            frame_id,
            CELL_M,
            len(cells) * CELL_M**2,
            tuple(CoverageCell(i, j, count) for (i, j), count in cells.items()),
        )
        for frame_id, cells in by_frame.items()
    )


def _sensors(patrols: Sequence[Patrol]) -> tuple[SensorFigures, ...]:
    points: defaultdict[tuple[str, str], list[SensorPoint]] = defaultdict(list)
    for number, patrol in enumerate(patrols, 1):
        for sensor in patrol.sensors:
            ratio, baseline = sensor.log_ratio, sensor.baseline
            points[patrol.robot, sensor.channel].append(
                SensorPoint(
                    number,
                    patrol.start_ns,
                    sensor.counts,
                    ratio,
                    baseline,
                    None if ratio is None or baseline is None else round(ratio - baseline, 5),
                    sensor.calibrated,
                )
            )
    return tuple(
        SensorFigures(robot, channel, tuple(mine), _drift_per_day(mine))
        for (robot, channel), mine in points.items()
    )


def _drift_per_day(points: Sequence[SensorPoint]) -> float | None:
    known = [(one.start_ns, one.log_ratio) for one in points if one.log_ratio is not None]
    return _slope(
        [(start_ns - known[0][0]) / _NS_PER_DAY for start_ns, _ in known], [ratio for _, ratio in known]
    )


def _slope(places: Sequence[float], values: Sequence[float]) -> float | None:
    """Slope of a straight line; None of fewer than two places."""
    if len(set(places)) < 2:
        return None
    return round(float(np.polyfit(places, values, 1)[0]), 6)


def _judged_alarm(word: Judgement, patrol: int | None) -> JudgedAlarm:
    return JudgedAlarm(
        word.robot,
        word.number,
        word.gas,
        word.since_ns,
        word.until_ns,
        word.said.value,
        word.judged_by,
        word.judged_ns,
        patrol,
        word.x,
        word.y,
        word.frame_id,
    )
